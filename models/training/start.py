"""Fine-tuning: a tagger that begins with the trained body of another, under a head of its own.

The body is everything but the layer ``head``: embedding, frames, blocks. It fits when names and shapes are equal, that
is, from a run of the same network and sizes; classes and regressed quantities, and where no weight depends on it the
number of constituents, may differ.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from tritag.errors import ConfigError, RunError
from tritag.models.training.weights import load_tensors

_HEAD = "head"


@dataclass(frozen=True)
class StartConfig:
    """Where a fine-tuning begins.

    Attributes
    ----------
    run : str
        Directory name of the float run whose body is taken, or a path of it outside the runs folder.
    weights : str
        Hash of its weights (:func:`weights_hash`): other weights give another run.
    body_rate : float
        Learning rate of the body over that of the head, in [0, 1]; 0 trains the head alone.
    """

    run: str
    weights: str
    body_rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.body_rate <= 1:
            raise ConfigError(f"body_rate must lie in [0, 1], got {self.body_rate}")


def in_head(name: str) -> bool:
    """Whether a parameter belongs to the head, by its name in the tagger."""
    return _HEAD in name.split(".")


def weights_hash(path: Path | str) -> str:
    """Short hash of a weights file, by which a fine-tuning names what it starts from."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def load_body(tagger: nn.Module, path: Path | str, where: str) -> None:
    """Load all weights of the float tagger's file ``path`` but its head into a float tagger; ``where`` names the run.

    Raises
    ------
    RunError
        The body is that of another network or of other sizes; the message names the first tensor that differs.
    """
    own, given = _body(tagger.state_dict()), _body(load_tensors(path))
    if missing := sorted(own.keys() - given.keys()) + sorted(given.keys() - own.keys()):
        raise RunError(
            f"the body of {where} must be that of the tagger to train, but {len(missing)} tensors are in one of them "
            f"only (first: {missing[0]}); start from a run of the same network and sizes"
        )
    if wrong := sorted(name for name in own if own[name].shape != given[name].shape):
        first = wrong[0]
        raise RunError(
            f"the body of {where} must be that of the tagger to train, but {len(wrong)} tensors have another shape "
            f"(first: {first}, {tuple(given[first].shape)} instead of {tuple(own[first].shape)}); start from a run of "
            "the same network and sizes"
        )
    tagger.load_state_dict(given, strict=False)


def _body(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not in_head(name)}
