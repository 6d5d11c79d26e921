"""Which layers a recipe quantizes hardest: names and patterns of a tagger's linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from tritag.errors import ConfigError, unknown_name


def matching_layers(tagger: nn.Module, patterns: Sequence[str], *kinds: type[nn.Module]) -> list[str]:
    """Names of the layers of exactly one of ``kinds`` that match one of ``patterns`` (``blocks.*.query``, ``head``).

    Raises
    ------
    ConfigError
        A pattern that matches nothing; the layers are listed.
    """
    names = [name for name, module in tagger.named_modules() if type(module) in kinds]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(unknown_name("layer in low_bit_layers", pattern, names))
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
