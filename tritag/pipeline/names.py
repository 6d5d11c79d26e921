"""Quick checks of the names in a call, before PyTorch is imported, which takes seconds."""

from __future__ import annotations

from pathlib import Path

from tritag.configs import load_config, precision_names
from tritag.errors import ConfigError, unknown_name


def check_training_names(tagger: str, data: str, precision: str) -> None:
    """Refuse a tagger, set of jets or precision that does not exist.

    Raises
    ------
    ConfigError
        The message offers the nearest name.
    """
    load_config("taggers", tagger)
    if precision not in precision_names():
        raise ConfigError(unknown_name("precision", precision, precision_names()))
    if not Path(data).is_file():
        load_config("data", data)
