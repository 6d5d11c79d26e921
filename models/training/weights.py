"""A tagger's weights on disk: one safetensors file, parameters and buffers under their state-dict names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tritag.closed import closed
from tritag.errors import RunError
from tritag.files import atomic_path
from tritag.seals import check_seal, digest_of

WEIGHTS_FILE = "weights.safetensors"
_SEAL = "tritag.sha256"
_AGAIN = "train the tagger again"


def write_weights(path: Path | str, model: nn.Module) -> None:
    """Write all parameters and persistent buffers of ``model`` to ``path``, atomically."""
    # safetensors refuses tensors that share memory or are not contiguous
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {_SEAL: _digest(tensors)})


def read_weights(path: Path | str, model: nn.Module, again: str = _AGAIN) -> None:
    """Load ``path`` into ``model``; ``again`` is what to do about a damaged file.

    Raises
    ------
    RunError
        No such file, a file that is not safetensors, or weights of another tagger: names or shapes differ.
    """
    tensors = load_tensors(path, again)
    expected = model.state_dict()
    missing, surplus = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    shapes = [name for name in expected.keys() & tensors.keys() if expected[name].shape != tensors[name].shape]
    if missing or surplus or shapes:
        first = (missing + surplus + sorted(shapes))[0]
        raise RunError(
            f"{path} must hold the weights of this tagger, got {len(missing)} missing, {len(surplus)} unknown and "
            f"{len(shapes)} tensors of other shape (first: {first}); make the tagger from the run's own configuration"
        )
    with closed(path, RunError, "the weights of this tagger", again):
        model.load_state_dict(tensors)


def load_tensors(path: Path | str, again: str = _AGAIN) -> dict[str, Tensor]:
    """All tensors of a weights file by name; ``again`` is what to do about a damaged one.

    Raises
    ------
    RunError
        No such file, a file that is not safetensors, or weights that are not those of the digest in it.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"weights must exist, got no file {path}; train the tagger first")
    with closed(path, RunError, "a whole safetensors file", again), safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = (file.metadata() or {}).get(_SEAL)
    check_seal(found, _digest(tensors), path, RunError, again)
    return tensors


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and values."""
    parts = []
    for name, tensor in sorted(tensors.items()):
        parts += [f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()]
        parts += [tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()]
    return digest_of(parts)
