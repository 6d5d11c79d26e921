"""Errors of the Lorentz block in integers against float64, over many vectors: data's own, and adversarial ones.

The block is ``frame_of_vectors`` (docs/ops/lorentz_frames.md), from three four-vectors of integers to L.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.layers.frame_vectors import PairVectors
from tritag.models.layers.frames import polar_frames
from tritag.models.layers.jet_geometry import JetFrame, PairMasses, n_tokens, seven_scalars
from tritag.models.layers.lorentz import METRIC, boost
from tritag.quant.integer.lorentz import FrameBits, frame_of_vectors
from tritag.quant.integer.program import Program
from tritag.quant.integer.torch_executor import run
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE

# The block's input: components of this many bits. Sums of weighted tokens have up to 46.
INPUT_BITS = 44
# (vector, matrix) bits of the table; the defaults per jet and per candidate are among them.
WIDTHS = ((14, 12), (16, 14), (18, 16), (20, 16), (22, 16), (22, 17), (24, 17), (26, 17))
_CHUNK = 25_000
_CONSTITUENTS = 16


@dataclass(frozen=True)
class FrameError:
    """Errors of one set of vectors at one width: median, 99 % and largest.

    Attributes
    ----------
    violation
        Largest entry of |L^T g L - g|.
    deviation
        Largest entry of |L - L of float64|.
    features
        Largest difference of the seven local scalars of a massless vector, in LSB (1/256).
    gamma
        Largest gamma of v_0 in float64, at most the bound of the width.
    """

    vectors: str
    number: int
    vector_bits: int
    matrix_bits: int
    violation: tuple[float, float, float]
    deviation: tuple[float, float, float]
    features: tuple[float, float, float]
    gamma: float

    def as_dict(self) -> dict[str, Any]:
        """The figures as a plain dictionary for JSON."""
        return asdict(self)


def frame_bits(vector: int, matrix: int) -> FrameBits:
    """Widths of the table: |u| up to 64, degenerate below 2**-(vector - 6), at most 2**-14."""
    return FrameBits(vector, matrix, FrameBits().for_candidates().gamma, min(vector - 6, 14))


@cache
def frame_program(bits: FrameBits, input_bits: int = INPUT_BITS) -> Program:
    """The block alone: inputs v_0, v_1, v_2 (4 lanes each) of ``input_bits`` bits, output L row by row."""
    t = Tracer("frame_of_vectors", 1)
    top = (1 << input_bits) - 1
    ports = [t.input(f"v_{k}", -top, top, lanes=4) for k in range(3)]
    vectors = [[v.lane(i) for i in range(4)] for v in ports]
    forward = [[v[0].clip(0, top), *v[1:]] for v in vectors]
    t.output("frame", t.stack([x for row in frame_of_vectors(t, forward, bits) for x in row]))
    return t.program


def measure(
    name: str, number: int, widths: Sequence[FrameBits], seed: int = 0, progress: Callable[[int], None] | None = None
) -> list[FrameError]:
    """Errors over ``number`` triples of vectors of the set ``name``, at each width.

    ``progress`` is told the number of triples done.
    """
    parts: list[list[tuple[Tensor, ...]]] = [[] for _ in widths]
    for vectors in _chunks(name, number, seed):
        for part, bits in zip(parts, widths, strict=True):
            part.append(_errors(vectors, bits))
        if progress:
            progress(len(vectors))
    results = []
    for part, bits in zip(parts, widths, strict=True):
        violation, deviation, features, gamma = (torch.cat(column).numpy() for column in zip(*part, strict=True))
        quantiles = _quantiles(violation), _quantiles(deviation), _quantiles(features)
        results.append(FrameError(name, len(gamma), bits.vector, bits.matrix, *quantiles, float(gamma.max())))
    return results


def integer_frames(vectors: Tensor, bits: FrameBits) -> Tensor:
    """L (n, 4, 4) float64 from the integer program, for vectors (n, 3, 4) int64."""
    (frames,) = run(frame_program(bits), [vectors[:, k : k + 1] for k in range(3)])
    return (frames.double() * 2.0**-bits.matrix).reshape(-1, 4, 4)


def float_frames(vectors: Tensor, bits: FrameBits) -> Tensor:
    """L (n, 4, 4) in float64 of the same integers, with the bound of the same width on gamma."""
    v = vectors.double()
    differences = v[:, :1, :1] * v[:, 1:] - v[:, 1:, :1] * v[:, :1]
    scale = (v[:, 1:, :1]).clamp(min=1.0)
    return polar_frames(torch.cat([v[:, :1], differences / scale], dim=1), "cross", 2.0**bits.gamma)


def _errors(vectors: Tensor, bits: FrameBits) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    metric = torch.diag(torch.tensor(METRIC, dtype=torch.float64))
    given, expected = integer_frames(vectors, bits), float_frames(vectors, bits)
    violation = (given.mT @ metric @ given - metric).abs().amax((1, 2))
    deviation = (given - expected).abs().amax((1, 2))
    # A massless vector and the jet at rest, as the tokens are.
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(len(vectors), 3, generator=generator, dtype=torch.float64)
    momentum = torch.cat([direction.norm(dim=-1, keepdim=True), direction], dim=-1)
    scalars = [seven_scalars((frame @ momentum[..., None])[..., 0], frame[..., 0]) for frame in (given, expected)]
    features = (scalars[0] - scalars[1]).abs().amax(-1) * 2.0**SCALAR_TYPE.fraction
    return violation, deviation, features, expected[:, 0, 0]


def _quantiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    median, high = np.quantile(values, (0.5, 0.99))
    return float(median), float(high), float(values.max())


def _chunks(name: str, number: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    left = number
    while left > 0:
        vectors = VECTOR_SETS[name](min(left, _CHUNK), generator)
        left -= len(vectors)
        yield vectors


def _integers(vectors: Tensor) -> Tensor:
    """Each vector by its own power of two to ``INPUT_BITS`` bits: (n, 3, 4) float64 to int64."""
    exponent = torch.frexp(vectors.abs().amax(-1, keepdim=True)).exponent
    top = float((1 << INPUT_BITS) - 1)
    return torch.ldexp(vectors, INPUT_BITS - exponent).round().clamp(-top, top).long()


@cache
def _sample() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, standardised pair masses and counts of the sample's jets, float64."""
    batch = read_sample()
    codes, count = (torch.from_numpy(x) for x in to_codes(batch.p4, batch.n_constituents, _CONSTITUENTS))
    codes, count = codes.long(), count.long()[:, None]
    n = n_tokens(_CONSTITUENTS, spurions=True)
    tokens = JetFrame(_CONSTITUENTS, spurions=True).double()(codes, count)
    return tokens, PairMasses(_CONSTITUENTS, True, n).double()(codes, count), count


def _of_data(number: int, generator: torch.Generator, per_jet: bool) -> Tensor:
    """Vectors of the sample's jets, for logits of a spread between 1/16 and 4 that is drawn for each network."""
    tokens, pairs, count = _sample()
    rows = tokens.shape[1] if per_jet else _CONSTITUENTS
    real = torch.arange(_CONSTITUENTS) < count
    found: list[Tensor] = []
    while sum(map(len, found)) < number:
        spread = 2.0 ** float(torch.empty(1).uniform_(-4, 2, generator=generator))
        phi = spread * torch.randn(3, len(tokens), rows, tokens.shape[1], generator=generator, dtype=torch.float64)
        vectors = PairVectors(_CONSTITUENTS, per_jet)(phi, pairs[:, -rows:], tokens, count)
        plain = torch.cat([vectors[:, :, :1], vectors[:, :, :1] + vectors[:, :, 1:]], dim=2)
        found.append(plain[:, 0] if per_jet else plain[real])
    return _integers(torch.cat(found)[:number])


def _timelike(number: int, generator: torch.Generator) -> Tensor:
    """Three vectors each (n, 3, 4), masses and momenta of order one."""
    p = torch.randn(number, 3, 3, generator=generator, dtype=torch.float64)
    mass = torch.rand(number, 3, 1, generator=generator, dtype=torch.float64) + 0.5
    return torch.cat([(p.square().sum(-1, keepdim=True) + mass.square()).sqrt(), p], dim=-1)


def _power(number: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Powers of two with uniform exponents (n, 1)."""
    return 2.0 ** torch.empty(number, 1, dtype=torch.float64).uniform_(low, high, generator=generator)


def _direction(number: int, generator: torch.Generator) -> Tensor:
    p = torch.randn(number, 3, generator=generator, dtype=torch.float64)
    return p / p.norm(dim=-1, keepdim=True)


def _fast(number: int, generator: torch.Generator) -> Tensor:
    """All three boosted with |u| up to 32, the largest in the data."""
    u = _direction(number, generator) * _power(number, -2, 5, generator)
    return _integers(boost(_timelike(number, generator), u[:, None].expand(-1, 3, -1)))


def _lightlike(number: int, generator: torch.Generator) -> Tensor:
    """v_0 with a mass between 2**-5 of its energy and none."""
    vectors = _timelike(number, generator)
    energy = 1 + _power(number, -44, -10, generator)
    vectors[:, 0] = torch.cat([energy, _direction(number, generator)], dim=-1)
    return _integers(vectors)


def _collinear(number: int, generator: torch.Generator) -> Tensor:
    """v_1 and v_2 close to v_0, and the differences close to parallel."""
    vectors = _timelike(number, generator)
    short, angle = _power(number, -10, 0, generator), _power(number, -12, 0, generator)
    difference = torch.nn.functional.pad(_direction(number, generator), (1, 0))
    across = torch.nn.functional.pad(_direction(number, generator), (1, 0))
    vectors[:, 1] = vectors[:, 0] + short * difference
    vectors[:, 2] = vectors[:, 0] + short * (difference + angle * across)
    return _integers(vectors)


def _smallest(number: int, generator: torch.Generator) -> Tensor:
    """A few LSB, the zero vector among them."""
    vectors = torch.randint(-3, 4, (number, 3, 4), generator=generator)
    vectors[..., 0] = vectors[..., 0].abs()
    return vectors


def _saturated(number: int, generator: torch.Generator) -> Tensor:
    """Components at the ends of their interval, at zero, and one LSB beside."""
    top = (1 << INPUT_BITS) - 1
    ends = torch.tensor([-top, 1 - top, -1, 0, 1, top - 1, top])
    vectors = ends[torch.randint(0, len(ends), (number, 3, 4), generator=generator)]
    vectors[..., 0] = vectors[..., 0].abs()
    return vectors


VECTOR_SETS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "data, per jet": lambda n, g: _of_data(n, g, True),
    "data, per candidate": lambda n, g: _of_data(n, g, False),
    "fast": _fast,
    "near-lightlike": _lightlike,
    "near-collinear": _collinear,
    "smallest": _smallest,
    "saturated": _saturated,
}
