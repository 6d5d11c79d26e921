"""Inputs of the frame ops as networks and jets make them: random integers alone seldom reach every table entry."""

from __future__ import annotations

import numpy as np
import torch

from tritag.quant.integer.program import Program
from tritag.quant.measure.frame_error import INPUT_BITS, VECTOR_SETS

# Bits of the block's vectors at a border of float32.
VECTOR_BITS = 24
_FAST, _OTHERS = 9000, 300
# Vectors for every piece of the tables of gamma, of which the finest have 2**10 an octave.
_PIECES, _REPEATS = 1024, 2

# v_0 and v_1 at VECTOR_BITS whose difference, boosted, has a largest component that rounding carries to 2**18, and an
# odd one beside it. With v_2 = 0 the frame takes an axis of its own: z, z, x.
_CARRIED = (
    ((15099494, 11168958, 4514221, -6962548), (9434712, -1185601, 8855911, 3030012)),
    ((15099494, -4902428, 12372587, -2745953), (9371028, 3113843, -8638517, 1869805)),
    ((15099494, 1449857, 1431851, -13673248), (16595025, -7807659, -751831, 14624298)),
)


def _every_gamma(generator: torch.Generator) -> torch.Tensor:
    """v_0 with 1 + u^2 in each piece of every octave: timelike to 2**12, then spacelike to the bound."""
    middles = (torch.arange(_PIECES, dtype=torch.float64).repeat(_REPEATS) + 0.5) / _PIECES
    square = torch.cat([(1 + middles) * 2.0**octave for octave in range(12)]) - 1
    momentum = (square / (1 + square)).sqrt()[:, None] * torch.nn.functional.normalize(
        torch.randn(len(square), 3, generator=generator, dtype=torch.float64), dim=1
    )
    # p^2 = t E^2 with no component above E; t = 3 is the bound.
    t = torch.cat([1 + middles, 2 + middles])
    w_1 = t.sub(2).clamp(min=0) + torch.rand(len(t), generator=generator) * (3 - t).clamp(max=1)
    lowest = (t - w_1 - 1).clamp(min=0)
    w_2 = lowest + torch.rand(len(t), generator=generator) * ((t - w_1).clamp(max=1) - lowest)
    squares = torch.stack([w_1, w_2, t - w_1 - w_2], dim=1).clamp(0, 1)
    momentum = torch.cat([momentum, squares.sqrt()])
    top = float(1 << INPUT_BITS) - 1
    vectors = torch.empty(len(momentum), 3, 4, dtype=torch.float64).uniform_(-top, top, generator=generator)
    vectors[..., 0] = top
    vectors[:, 0, 1:] = momentum * top
    return vectors.long()


def _parallel_near_z(generator: torch.Generator) -> torch.Tensor:
    """v_1 - v_0 within 30 degrees of the z axis, v_2 - v_0 parallel to it: the frame takes an axis of its own."""
    n, half = _OTHERS, float(1 << (INPUT_BITS - 1))
    angle = torch.rand(n, generator=generator, dtype=torch.float64) * (torch.pi / 6)
    azimuth = torch.rand(n, generator=generator, dtype=torch.float64) * (2 * torch.pi)
    along = torch.stack([angle.sin() * azimuth.cos(), angle.sin() * azimuth.sin(), angle.cos()], dim=1)
    length = torch.rand(n, 1, generator=generator, dtype=torch.float64) * half / 8
    step = (along * length).long() << 3
    first = (torch.rand(n, 3, generator=generator, dtype=torch.float64) * half - half / 2).long()
    energy = torch.full((n, 1), int(2 * half) - 1)
    vectors = [torch.cat([energy, p], dim=1) for p in (first, first + (step >> 3), first - (step >> 4))]
    return torch.stack(vectors, dim=1)


def block_vectors() -> list[np.ndarray]:
    """v_0, v_1, v_2 of all sets of ``tritag frames``, (n, 1, 4) each, many of them fast: gamma needs a wide choice."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    for name, draw in VECTOR_SETS.items():
        vectors = draw(_FAST if name == "fast" else _OTHERS, generator)
        parts.append(vectors if name == "smallest" else vectors >> (INPUT_BITS - VECTOR_BITS))
    for draw in (_every_gamma, _parallel_near_z):
        parts.append(draw(generator) >> (INPUT_BITS - VECTOR_BITS))
    parts.append(torch.tensor([(*pair, (0, 0, 0, 0)) for pair in _CARRIED]))
    # The shift rounds down, and the interval is symmetric.
    top = (1 << VECTOR_BITS) - 1
    return [torch.cat(parts)[:, k : k + 1].clamp(-top, top).numpy() for k in range(3)]


def calm_inputs(program: Program, rows: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Inputs of token_frames, pair_frames or jet_pair_frames: logits and masses of order one, massless tokens."""
    inputs = []
    for port in program.inputs:
        node = program.nodes[port.node]
        shape = (n, rows if node.per_row else 1, node.lanes)
        if port.name == "count":
            values = rng.integers(1, node.high + 1, shape)
        elif port.name in ("tokens", "own", "every"):
            momenta = rng.normal(size=(*shape[:2], node.lanes // 4, 3)) * np.exp2(rng.uniform(10, 18, (n, 1, 1, 1)))
            energy = np.linalg.norm(momenta, axis=-1, keepdims=True)
            values = np.rint(np.concatenate([energy, momenta], axis=-1)).reshape(shape)
        else:
            values = np.rint(rng.normal(size=shape) * node.high / 8)
        inputs.append(values.astype(np.int64).clip(node.low, node.high))
    return inputs
