"""How much boosts and rotations of a jet change a tagger's score, before and after quantization.

Firmware takes grid codes, so a transformed jet is put on the grid again, and that alone changes scores: the float
tagger is measured with and without it. Spurions make a tagger invariant under rotations about the beam only; its answer
to the other transformations is part of what it has learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritag.data.jets.trigger_grid import to_codes, to_p4
from tritag.models.figures.comparison import RejectionRatio, rejection_ratio
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.lorentz import boost_matrix
from tritag.models.layers.tagger import Tagger
from tritag.models.training.evaluate import scores
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.axes_directions import TrainableGramDirections
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.pair_frames import TrainablePairFrames
from tritag.quant.ops.token_frames import TrainableTokenFrames

# LSB of the jets' tag score in the CMS trigger, ap_ufixed<8,1>.
SCORE_LSB = 2.0**-7
_LARGEST_ANGLE, _LARGEST_RAPIDITY = 0.3, 0.5


@dataclass(frozen=True)
class Change:
    """Change of the scores of one tagger under one kind of transformation.

    Attributes
    ----------
    transformation, tagger
        Keys of :data:`TRANSFORMATIONS`; "float", "float, re-gridded" or "fixed".
    median, high
        Of |change of the logit|, and its 99 %.
    relative_median, relative_high
        The same over the standard deviation of the logits.
    score_median, score_high
        Of |change of the score| (sigmoid of the logit).
    """

    transformation: str
    tagger: str
    jets: int
    median: float
    high: float
    relative_median: float
    relative_high: float
    score_median: float
    score_high: float

    def as_dict(self) -> dict[str, Any]:
        """The figures as a plain dictionary for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class FrameEffect:
    """Change of a fixed-point tagger's output when its frames come from float64.

    ``score_lsb`` counts the score (sigmoid of the logit) in 2**-7, the LSB of the trigger's tag score; ``logit`` is the
    change of the logit; both median and 99 %. ``rejection`` is the background rejection with fixed-point frames over
    that with float64 ones, None without labels of both classes.
    """

    jets: int
    score_lsb: tuple[float, float]
    logit: tuple[float, float]
    rejection: RejectionRatio | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figures as a plain dictionary for JSON."""
        return asdict(self) | {"rejection": self.rejection and self.rejection.as_dict()}


def rotations_about_beam(n: int, rng: np.random.Generator) -> Tensor:
    """Rotations about the beam by any angle, (n, 4, 4)."""
    return _rotation(np.tile([0.0, 0.0, 1.0], (n, 1)), rng.uniform(-np.pi, np.pi, n))


def rotations(n: int, rng: np.random.Generator) -> Tensor:
    """Rotations about a random axis by up to 0.3 rad, (n, 4, 4)."""
    return _rotation(rng.normal(size=(n, 3)), rng.uniform(-_LARGEST_ANGLE, _LARGEST_ANGLE, n))


def boosts_along_beam(n: int, rng: np.random.Generator) -> Tensor:
    """Boosts along the beam with rapidities up to 0.5, (n, 4, 4)."""
    return _boost(np.tile([0.0, 0.0, 1.0], (n, 1)), rng.uniform(-_LARGEST_RAPIDITY, _LARGEST_RAPIDITY, n))


def boosts(n: int, rng: np.random.Generator) -> Tensor:
    """Boosts in a random direction with rapidities up to 0.5, (n, 4, 4)."""
    return _boost(rng.normal(size=(n, 3)), rng.uniform(0, _LARGEST_RAPIDITY, n))


TRANSFORMATIONS: dict[str, Callable[[int, np.random.Generator], Tensor]] = {
    "rotation about the beam": rotations_about_beam,
    "boost along the beam": boosts_along_beam,
    "rotation": rotations,
    "boost": boosts,
}


def measure_equivariance(
    tagger: Tagger, float_tagger: Tagger, codes: NDArray[Any], count: NDArray[Any], seed: int = 0
) -> list[Change]:
    """Changes of the scores of jets on the grid under each kind of :data:`TRANSFORMATIONS`, one of each per jet.

    Parameters
    ----------
    tagger, float_tagger
        The quantized tagger and the float one, for equal numbers of constituents.
    codes, count : (n, K, 3), (n,) integers
    """
    rng = np.random.default_rng(seed)
    momenta = to_p4(codes, count)
    label = np.zeros(len(codes), np.int64)

    def jets(codes: NDArray[Any], count: NDArray[Any]) -> CodedJets:
        return CodedJets(torch.from_numpy(codes), torch.from_numpy(count).long()[:, None], torch.from_numpy(label))

    original = jets(np.asarray(codes), np.asarray(count))
    before = {"float": scores(float_tagger, original), "fixed": scores(tagger, original)}
    results = []
    for name, draw in TRANSFORMATIONS.items():
        moved = np.einsum("nij,nkj->nki", draw(len(codes), rng).numpy(), momenta)
        exact, on_grid = (jets(*to_codes(moved, count, codes.shape[1], rounded=r)) for r in (False, True))
        after = {
            "float": (scores(float_tagger, exact), "float"),
            "float, re-gridded": (scores(float_tagger, on_grid), "float"),
            "fixed": (scores(tagger, on_grid), "fixed"),
        }
        results += [_change(name, key, before[base], logits) for key, (logits, base) in after.items()]
    return results


def measure_frame_effect(
    tagger: Tagger, codes: NDArray[Any], count: NDArray[Any], label: NDArray[Any] | None = None
) -> FrameEffect:
    """Change of the fixed-point tagger's output when its frames are those of float64, rounded to their grid.

    ``label`` (n,) of the jets adds the ratio of rejections.
    """
    jets = CodedJets(
        torch.from_numpy(np.asarray(codes)),
        torch.from_numpy(np.asarray(count)).long()[:, None],
        torch.zeros(len(codes), dtype=torch.int64),
    )
    given = scores(tagger, jets)
    with float64_frames(tagger):
        expected = scores(tagger, jets)
    logit = np.abs(given - expected)
    score = np.abs(_sigmoid(given) - _sigmoid(expected)) / SCORE_LSB
    both = label is not None and {0, 1} <= set(np.unique(label))
    ratio = rejection_ratio(given, expected, np.asarray(label)) if both else None
    return FrameEffect(len(codes), _median_and_high(score), _median_and_high(logit), ratio)


def frame_ops(tagger: nn.Module) -> list[TrainableOp]:
    """The ops of a tagger that make frames, or directions in frames that are not written out."""
    return [
        m
        for m in tagger.modules()
        if isinstance(m, TrainableTokenFrames | TrainablePairFrames | TrainableGramDirections)
    ]


@contextmanager
def float64_frames(tagger: nn.Module) -> Iterator[None]:
    """Inside the block, the tagger's frames come from float64 instead of the integer program."""
    handles = [op.register_forward_hook(_in_float64) for op in frame_ops(tagger)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _in_float64(op: TrainableOp, inputs: tuple[FixedTensor, ...], exact: FixedTensor) -> FixedTensor:
    """Replace the exact frames by those of the float formula, rounded to the same grid."""
    grid = exact.known_grid()
    frames = op.surrogate(*(FixedTensor(x.value.double(), x.grid) for x in inputs)).value
    integers = torch.round(frames * 2.0**grid.fraction).clamp(grid.low, grid.high)
    return FixedTensor.from_integers(integers.long(), grid)


def _change(transformation: str, tagger: str, before: NDArray[Any], after: NDArray[Any]) -> Change:
    logit, spread = np.abs(after - before), max(float(before.std()), 1e-12)
    score = np.abs(_sigmoid(after) - _sigmoid(before))
    median, high = _median_and_high(logit)
    return Change(
        transformation, tagger, len(before), median, high, median / spread, high / spread, *_median_and_high(score)
    )


def _median_and_high(values: NDArray[Any]) -> tuple[float, float]:
    median, high = np.quantile(values, (0.5, 0.99))
    return float(median), float(high)


def _sigmoid(x: NDArray[Any]) -> NDArray[np.float64]:
    return torch.sigmoid(torch.from_numpy(np.asarray(x, np.float64))).numpy()


def _rotation(axis: NDArray[Any], angle: NDArray[Any]) -> Tensor:
    """Rotations (n, 4, 4) by angles (n,) about axes (n, 3), by Rodrigues' formula."""
    a = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    zero = np.zeros(len(a))
    cross = np.stack([zero, -a[:, 2], a[:, 1], a[:, 2], zero, -a[:, 0], -a[:, 1], a[:, 0], zero], -1).reshape(-1, 3, 3)
    sin, cos = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    matrix = np.tile(np.eye(4), (len(a), 1, 1))
    matrix[:, 1:, 1:] = np.eye(3) + sin * cross + (1 - cos) * cross @ cross
    return torch.from_numpy(matrix)


def _boost(direction: NDArray[Any], rapidity: Sequence[float] | NDArray[Any]) -> Tensor:
    """Boosts (n, 4, 4) with rapidities (n,) along directions (n, 3)."""
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return boost_matrix(torch.from_numpy(np.sinh(np.asarray(rapidity))[:, None] * unit))
