"""Multiply-accumulates of the taggers as formulas of their sizes (tagger-quantization paper, Secs. 3.3 and 3.4).

The formulas are those behind the paper's energies and bit operations, with its approximations: input and output layers
and everything of order channels x tokens are left out unless it runs in full precision, a bias counts as one
multiplication, and additions count like multiplications. docs/cost.md writes them out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

N_SPURIONS = 3
# Multiplications of one orthonormalization (paper's code, measured there).
FRAME_MACS = 300
# Two scalars' worth of inputs and the pair mass: 7 + 7 + 1.
PAIR_INPUTS = 15
# Seven scalars, and the two products with the jet and with time.
TOKEN_SCALARS, TOKEN_PRODUCTS = 7, 2
# Logarithms of pT and energy, and two angles, along the leading candidate.
SEED_FEATURES = 4


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates of one jet by the numbers that meet in them, and the weights that take part.

    Attributes
    ----------
    hidden : int
        Activation by a weight that the recipes make ternary (f_aw).
    plain : int
        Activation by a weight or bias of the activations' precision (f_aa).
    products : int
        Activation by activation inside the attention (f_def).
    wide : int
        Full precision always: norms, frames (f_fp).
    hidden_weights, plain_weights : int
        Matrix elements (biases not counted) behind ``hidden`` and ``plain``.
    """

    hidden: int = 0
    plain: int = 0
    products: int = 0
    wide: int = 0
    hidden_weights: int = 0
    plain_weights: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: int) -> Work:
        return Work(*(getattr(self, f.name) * times for f in fields(self)))

    @property
    def macs(self) -> int:
        """Number of all multiply-accumulates, whatever they multiply."""
        return self.hidden + self.plain + self.products + self.wide


class Sizes(Protocol):
    """Sizes of an architecture, from which its work follows."""

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage."""


def linear(n_in: int, n_out: int, rows: int, hidden: bool = True) -> Work:
    """Linear layer on ``rows`` tokens; the bias is a number of the activations' precision."""
    weights, product, bias = n_in * n_out, rows * n_in * n_out, rows * n_out
    if hidden:
        return Work(hidden=product, plain=bias, hidden_weights=weights)
    return Work(plain=product + bias, plain_weights=weights)


@dataclass(frozen=True)
class TransformerSizes:
    """Sizes of a vanilla transformer."""

    blocks: int
    channels: int
    mlp_factor: int
    norm: str = "layer"

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage."""
        return transformer_work(self.blocks, self.channels, self.channels * self.mlp_factor, n, self.norm)


def transformer_work(blocks: int, channels: int, hidden: int, n: int, norm: str = "layer") -> dict[str, Work]:
    """Blocks of attention and MLP, with two norms each.

    Both layers of the MLP count as C -> ``hidden``, biases included. A LayerNorm is a square, a mean and a
    normalization; a batch normalisation is a product with a constant (not in the paper).
    """
    c = channels
    norms = {"layer": Work(wide=3 * n * c), "batch": Work(plain=n * c)}
    return {
        "projections": linear(c, c, n) * 4 * blocks,
        "attention": Work(products=2 * n * n * c) * blocks,
        "mlp": linear(c, hidden, n) * 2 * blocks,
        "norms": norms[norm] * (2 * blocks),
    }


@dataclass(frozen=True)
class LLoCaSizes(TransformerSizes):
    """LLoCa-Transformer; ``local`` frames or one per jet, a Frames-Net on all pairs of tokens or on single tokens."""

    frames_hidden: int = 4
    frames_layers: int = 2
    local: bool = True
    pairs: bool = True
    spurions: bool = True
    scalars: bool = True

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage, Frames-Net and frames included."""
        tokens = n + N_SPURIONS * self.spurions
        h = self.frames_hidden
        rows = tokens * (tokens - 1) if self.pairs else tokens
        of_token = TOKEN_SCALARS * self.scalars + TOKEN_PRODUCTS
        n_in = (PAIR_INPUTS if self.pairs else of_token) if self.spurions else 1
        net = linear(n_in, h, rows, hidden=False) + linear(h, 3, rows, hidden=False)
        for _ in range(self.frames_layers - 1):
            net += linear(h, h, rows, hidden=False)
        stages = super().work(n)
        stages["frames net"] = net
        stages["frames"] = Work(wide=FRAME_MACS * (n if self.local else 1))
        if self.local:
            # Half of the channels of q, k, v and the result are four-vectors: a 4x4 matrix for each.
            stages["frame to frame"] = Work(wide=self.blocks * n * (self.channels // 2) * 16)
        return stages


@dataclass(frozen=True)
class LLoCaSeedSizes(TransformerSizes):
    """LLoCa-Transformer in one frame per jet, which a linear Frames-Net finds from the candidates alone."""

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage, Frames-Net and frame included."""
        return {
            **super().work(n),
            "frames net": linear(SEED_FEATURES, 3, n, hidden=False),
            "frames": Work(wide=FRAME_MACS),
        }


@dataclass(frozen=True)
class ParTSizes:
    """Particle Transformer; class-attention blocks count as blocks."""

    blocks: int
    channels: int
    mlp_factor: int
    pair_channels: int
    pair_layers: int = 3

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage.

        The paper's code counts the MLP 1.5 times, and the embedding once per jet.
        """
        c, hidden, b = self.channels, self.channels * self.mlp_factor, self.blocks
        pair_weights = self.pair_layers * self.pair_channels**2
        return {
            **transformer_work(b, c, hidden, n),
            "mlp": linear(c, hidden, n) * 3 * b,
            "pair embedding": Work(hidden=n * n * pair_weights, hidden_weights=pair_weights),
            "embedding": linear(c, hidden, 1),
        }


@dataclass(frozen=True)
class SlimSizes:
    """L-GATr-slim; three spurions and a global token are tokens like the others."""

    blocks: int
    vectors: int
    scalars: int
    mlp_factor: int

    def work(self, n: int) -> dict[str, Work]:
        """Work on a jet of ``n`` constituents, by stage, with vectors and scalars."""
        v, s, r, b = self.vectors, self.scalars, self.mlp_factor, self.blocks
        tokens, width = n + N_SPURIONS + 1, s + 4 * v
        into, out = _slim_linear(v, 3 * v * r, s, 2 * s * r, tokens), _slim_linear(v * r, v, s * r, s, tokens)
        return {
            "projections": _slim_linear(v, v, s, s, tokens) * 4 * b,
            "attention": Work(products=2 * tokens * tokens * width, wide=3 * 3 * tokens * width) * b,
            "mlp": (into + out) * b,
            "norms": Work(wide=2 * 3 * tokens * width) * b,
        }


def _slim_linear(v_in: int, v_out: int, s_in: int, s_out: int, rows: int) -> Work:
    """Linear layer on vectors and scalars: a vector weight multiplies four components.

    The paper's code gives the vectors a bias too.
    """
    return Work(
        hidden=rows * (s_in * s_out + 4 * v_in * v_out),
        plain=rows * (s_out + 4 * v_out),
        hidden_weights=s_in * s_out + v_in * v_out,
    )
