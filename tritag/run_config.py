"""``config.yaml`` of a run: the settings that decide about its weights, and the digest that names its directory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tritag.configs import digest
from tritag.errors import RunError, short
from tritag.structured import read_yaml

# Format 1 knew a jet file by its path, and its weights have no digest.
RUN_FORMAT = 2


def read_config(path: Path) -> dict[str, Any]:
    """Content of a run's ``config.yaml``, whose digest must be that of its settings.

    Raises
    ------
    RunError
        It is damaged, edited, or of another format.
    """
    again = "train again"
    stored = read_yaml(path, RunError, again)
    if not isinstance(stored, dict) or type(stored.get("run_format")) is not int:  # bool is an int for isinstance
        raise RunError(f"{path} must hold run_format, but it is truncated or was not written by tritag; {again}")
    if stored["run_format"] != RUN_FORMAT:
        raise RunError(
            f"{path.parent} was written in run format {short(stored['run_format'])}, this tritag reads format "
            f"{RUN_FORMAT}; train again or use that version"
        )
    missing = [key for key in ("name", "digest", "config") if key not in stored]
    if missing or not isinstance(stored["config"], dict):
        raise RunError(f"{path} must hold {', '.join(missing) or 'config as a mapping'}, but it is truncated; {again}")
    if (found := identity(stored["config"], stored.get("jets"))) != stored["digest"]:
        raise RunError(
            f"{path} must be as training wrote it (digest {short(stored['digest'])}), but it was edited "
            f"(digest {found}); undo the edit, or train with the new settings"
        )
    return stored


def identity(config: dict[str, Any], jets: str | None) -> str:
    """Digest of settings, in which the content of a jet file stands for its path."""
    return digest(config if jets is None else {**config, "data": {"jets": jets}})


def asked_for(config: Path) -> bool:
    """Whether a user asked for a run, and did not merely get it as another one's teacher."""
    try:
        return "\nteacher: true\n" not in config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # missing; or damaged, which whoever reads it says
        return config.exists()


def plain_values(value: Any) -> Any:
    """``value`` in the types that YAML and JSON keep: what is read back equals what was written."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_values({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)  # an enumeration's member or a NumPy float becomes the plain value
    raise RunError(
        f"a run's settings must be numbers, texts, lists and mappings, got {short(value)} ({type(value).__name__})"
    )
