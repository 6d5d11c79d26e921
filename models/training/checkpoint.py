"""The state of an unfinished training on disk: what a resumed training needs to end with the same weights.

A checkpoint names the settings it belongs to, so that it is never continued with others. The history is cut back to the
checkpoint's step on resume: steps that are done again write their lines again.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tritag import advice
from tritag.closed import closed
from tritag.errors import RunError
from tritag.files import atomic_path, write_text
from tritag.models.training.schedule import Plateau
from tritag.seals import seal, seal_json, unseal, unseal_json
from tritag.structured import JSON_BYTES_MAX, parse_json, read_text

CHECKPOINT_FILE = "checkpoint.pt"
HISTORY_FILE = "history.jsonl"
_VERSION = 2
_TRAIN = "train the tagger again"


@dataclass
class TrainingState:
    """Everything that changes during a training, except weights, optimizer and random state.

    Attributes
    ----------
    step : int
        Steps done.
    loss_sum, loss_steps
        Sum of the training losses since the last validation, and their number.
    best : dict
        Best validation so far: ``step``, ``metrics``, and ``weights`` when they are to be kept; empty before the first.
    plateau : Plateau
        What a learning rate that falls on a plateau remembers.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    plateau: Plateau = field(default_factory=Plateau)

    def add(self, loss: float) -> None:
        """Count one step of the optimizer and add up its loss."""
        self.step += 1
        self.loss_sum += loss
        self.loss_steps += 1


def write_checkpoint(
    directory: Path, settings: dict[str, Any], state: TrainingState, model: torch.nn.Module, optimizer: Any
) -> None:
    """Write ``checkpoint.pt`` atomically: a kill leaves the old one or the new one."""
    content = {
        "version": _VERSION,
        "settings": settings,
        "state": vars(state) | {"plateau": vars(state.plateau)},
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    device = next(model.parameters()).device
    if device.type == "cuda":
        content["rng_cuda"] = torch.cuda.get_rng_state(device)
    with atomic_path(directory / CHECKPOINT_FILE) as temporary:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        temporary.write_bytes(seal(buffer.getvalue()))


def resume(directory: Path, settings: dict[str, Any], model: torch.nn.Module, optimizer: Any) -> TrainingState | None:
    """Continue from ``checkpoint.pt``: restore model, optimizer and random state, cut the history back.

    Returns
    -------
    TrainingState or None
        None when there is no checkpoint.

    Raises
    ------
    RunError
        The checkpoint is not readable, or belongs to other settings.
    """
    path = directory / CHECKPOINT_FILE
    if not path.exists():
        return None
    discard = f"discard it with {advice.fresh()}"
    with closed(path, RunError, "a whole checkpoint of tritag", discard):
        content = torch.load(io.BytesIO(unseal(path, RunError, discard)), weights_only=True, map_location="cpu")
        version, found = content["version"], dict(content["settings"])
    if version != _VERSION:
        raise RunError(f"{path} must have version {_VERSION}, got {version}; discard it with {advice.fresh()}")
    if found != settings:
        changed = [
            f"{k} {found.get(k)} -> {settings.get(k)}" for k in settings | found if found.get(k) != settings.get(k)
        ]
        raise RunError(
            f"{path} must belong to the same training, got other settings: {', '.join(changed)}; "
            f"train in another directory, or discard it with {advice.fresh()}"
        )
    with closed(path, RunError, "a whole checkpoint of tritag", f"discard it with {advice.fresh()}"):
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["rng"])
        device = next(model.parameters()).device
        if device.type == "cuda" and "rng_cuda" in content:
            torch.cuda.set_rng_state(content["rng_cuda"], device)
        plateau = Plateau(**content["state"].pop("plateau"))
        state = TrainingState(**content["state"], plateau=plateau)
    _cut_history(directory / HISTORY_FILE, state.step)
    return state


def append_history(directory: Path, line: dict[str, Any]) -> None:
    """Add one JSON line with its digest to ``history.jsonl``."""
    with (directory / HISTORY_FILE).open("a") as file:
        file.write(_text_of(line))


def _text_of(line: dict[str, Any]) -> str:
    return json.dumps(seal_json(line)) + "\n"


def read_history(directory: Path | str) -> list[dict[str, Any]]:
    """All lines of ``history.jsonl``; a last line that a kill cut short is left out.

    Raises
    ------
    RunError
        There is no history, or a line of it is no JSON object with the number of a step, or not what its digest says.
    """
    path = Path(directory) / HISTORY_FILE
    if not path.is_file():
        raise RunError(f"history must exist, got no file {path}; train the tagger first")
    text = read_text(path, RunError, "JSON lines", JSON_BYTES_MAX, _TRAIN)
    lines = text[: text.rfind("\n") + 1].split("\n")[:-1]
    history: list[dict[str, Any]] = []
    for i, text in enumerate(lines, 1):
        where = f"{path}, line {i}"
        line = unseal_json(parse_json(text, where, RunError, _TRAIN), where, RunError, _TRAIN)
        if not isinstance(line, dict) or type(line.get("step")) is not int:
            raise RunError(f"{where}: must be a mapping with the number of the step; {_TRAIN}")
        history.append(line)
    return history


def _cut_history(path: Path, step: int) -> None:
    if path.exists():
        kept = [line for line in read_history(path.parent) if line["step"] <= step]
        write_text(path, "".join(map(_text_of, kept)))
