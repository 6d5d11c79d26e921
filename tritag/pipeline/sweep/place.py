"""Where a sweep's table lies: in a folder that is named by the sweep's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tritag.configs import digest
from tritag.environment import runs_root

if TYPE_CHECKING:
    from tritag.pipeline.sweep.config import SweepConfig

FOLDER = "sweeps"
TABLE = "table.json"


def folder_of(name: str, config: SweepConfig) -> Path:
    """Folder of a sweep, named by its settings."""
    return runs_root() / FOLDER / f"{Path(name).stem}-{digest(config)}"
