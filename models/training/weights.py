"""A tagger's weights on disk: one safetensors file, parameters and buffers under their state-dict names."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tritag.closed import closed
from tritag.errors import RunError
from tritag.files import atomic_path

WEIGHTS_FILE = "weights.safetensors"


def write_weights(path: Path | str, model: nn.Module) -> None:
    """Write all parameters and persistent buffers of ``model`` to ``path``, atomically."""
    # safetensors refuses tensors that share memory or are not contiguous
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def read_weights(path: Path | str, model: nn.Module) -> None:
    """Load ``path`` into ``model``.

    Raises
    ------
    RunError
        No such file, a file that is not safetensors, or weights of another tagger: names or shapes differ.
    """
    tensors = load_tensors(path)
    expected = model.state_dict()
    missing, surplus = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    shapes = [name for name in expected.keys() & tensors.keys() if expected[name].shape != tensors[name].shape]
    if missing or surplus or shapes:
        first = (missing + surplus + sorted(shapes))[0]
        raise RunError(
            f"{path} must hold the weights of this tagger, got {len(missing)} missing, {len(surplus)} unknown and "
            f"{len(shapes)} tensors of other shape (first: {first}); make the tagger from the run's own configuration"
        )
    with closed(path, RunError, "the weights of this tagger", "train the tagger again"):
        model.load_state_dict(tensors)


def load_tensors(path: Path | str) -> dict[str, Tensor]:
    """All tensors of a weights file by name.

    Raises
    ------
    RunError
        No such file, or a file that is not safetensors.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"weights must exist, got no file {path}; train the tagger first")
    with closed(path, RunError, "a whole safetensors file", "train the tagger again"):
        return load_file(path)
