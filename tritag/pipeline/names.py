"""Quick checks of the names in a call, before PyTorch is imported, which takes seconds."""

from __future__ import annotations

from pathlib import Path

from tritag.configs import config_names, load_config, precision_names
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


def check_cost_name(tagger: str) -> None:
    """Refuse a tagger whose cost no formula can give, for its name alone.

    Raises
    ------
    ConfigError
        The message offers the nearest name; the paper's taggers have names that begin with ``paper-``.
    """
    names = config_names("taggers")
    if tagger not in names and not tagger.startswith("paper-") and not tagger.endswith((".yaml", ".yml")):
        raise ConfigError(f"{unknown_name('tagger', tagger, names)}; 'tritag cost --list' shows the paper's, too")


def names_configuration(source: str | Path) -> bool:
    """Whether ``source`` is a name in ``configs/data`` or a YAML file, and not the path of a jet file."""
    path = Path(source)
    return path.suffix in (".yaml", ".yml") or (path.name == str(source) and not path.suffix and not path.is_file())
