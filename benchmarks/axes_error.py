"""Directions of a massless token in a jet's frame: frames written out beside axes from products, against float64.

    python -m benchmarks.axes_error --vectors 150000

For sets of vectors of ``tritag frames``: median, 99 % and largest of the largest error of p'/E', in LSB (1/256), and of
log2 E' in 1/1000; "in turn" is ``frame_of_vectors`` at its widths per jet with L p in float64, "gram" the integers of
``axes_of_vectors`` and ``local_token`` before the last rounding. Vectors with gamma above 30 are left out: both bound
it at 32, each in its way.
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor

from tritag.quant.integer.axes import AxesBits, axes_of_vectors
from tritag.quant.integer.axes_token import local_token
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.integer.program import Program
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Tracer
from tritag.quant.measure.frame_error import INPUT_BITS, VECTOR_SETS, float_frames, integer_frames

# Fractional bits of the directions, and bits of the token's energy.
FRACTION, TOKEN_BITS = 14, 20
# The others are mostly spacelike or lightlike: no answer is right.
SETS = ("data, per jet", "fast", "near-collinear")
_LARGEST_GAMMA = 30.0
_CHUNK = 10_000


def axes_program(bits: AxesBits, fraction: int = FRACTION) -> Program:
    """The block alone: v_0, v_1, v_2 and a token (4 lanes each) to log2 E' and the direction."""
    t = Tracer("axes_of_vectors", 1)
    top = (1 << INPUT_BITS) - 1
    ports = [t.input(f"v_{k}", -top, top, lanes=4, per_row=False) for k in range(3)]
    token = t.input("token", -(1 << 23), (1 << 23) - 1, lanes=4)
    vectors = [[v.lane(0).clip(0, top), *(v.lane(i) for i in (1, 2, 3))] for v in ports]
    local = local_token(t, axes_of_vectors(t, vectors, bits), [token.lane(i) for i in range(4)], fraction, bits)
    t.output("local", t.stack([local.log_energy, *local.direction]))
    return t.program


def massless(number: int, generator: torch.Generator) -> Tensor:
    """Tokens (n, 4) of integers in random directions."""
    direction = torch.nn.functional.normalize(torch.randn(number, 3, generator=generator, dtype=torch.float64), dim=1)
    energy = 2.0**TOKEN_BITS * (0.5 + torch.rand(number, 1, generator=generator, dtype=torch.float64))
    return torch.cat([energy, energy * direction], dim=1).round().long()


def errors(vectors: Tensor, tokens: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Errors of the direction in LSB (1/256) and of log2 E', both (n,), of both ways."""
    frames = float_frames(vectors, FrameBits())
    slow = frames[:, 0, 0] <= _LARGEST_GAMMA
    exact = (frames @ tokens.double()[..., None])[..., 0]
    (local,) = run(axes_program(AxesBits()), [*(vectors[:, k : k + 1] for k in range(3)), tokens[:, None]])
    turn = (integer_frames(vectors, FrameBits()) @ tokens.double()[..., None])[..., 0]
    results = {
        "in turn": (turn[:, 0].clamp(min=1).log2(), turn[:, 1:] / turn[:, :1]),
        "gram": (local[:, 0, 0] * 2.0**-13, local[:, 0, 1:] * 2.0**-FRACTION),
    }
    right = exact[:, 0].log2(), exact[:, 1:] / exact[:, :1]
    return {
        name: ((direction - right[1]).abs().amax(-1)[slow] * 256, (energy - right[0]).abs()[slow] * 1000)
        for name, (energy, direction) in results.items()
    }


def table(number: int) -> list[str]:
    """Rows of the table."""
    rows = ["| vectors | way | p'/E', LSB | log2 E', 1/1000 |", "|---|---|---|---|"]
    for name in SETS:
        draw = VECTOR_SETS[name]
        generator, parts = torch.Generator().manual_seed(0), []
        for start in range(0, number, _CHUNK):
            vectors = draw(min(_CHUNK, number - start), generator)
            parts.append(errors(vectors, massless(len(vectors), generator)))
        for way in parts[0]:
            columns = [torch.cat([part[way][i] for part in parts]) for i in (0, 1)]
            cells = [" / ".join(f"{float(q):.0e}" for q in _quantiles(c)) for c in columns]
            rows.append(f"| {name} | {way} | {cells[0]} | {cells[1]} |")
    return rows


def _quantiles(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    ordered = values.sort().values
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=150_000)
    sys.stdout.write("\n".join(table(parser.parse_args().vectors)) + "\n")
