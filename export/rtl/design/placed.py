"""A kernel as it stands in a design, and what it costs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tritag.export.rtl.estimate.resources import Cost, estimate


@dataclass
class Placed:
    """A kernel in the design: its module, and how often it stands there.

    Attributes
    ----------
    first_stage, last_stage : int
        When it works on a jet: cycles after the jet's first beat.
    """

    module: str
    layer: str
    instances: int
    text: str
    files: dict[str, str]
    first_stage: int
    last_stage: int

    @cached_property
    def cost(self) -> Cost:
        """Resources of one instance, estimated from its Verilog."""
        names = {name: f"name{i}" for i, name in enumerate((self.module, *self.files))}
        pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True)))
        text = pattern.sub(lambda found: names[found[0]], self.text)
        return _cost(text, tuple((names[file], content) for file, content in self.files.items()))


@lru_cache(maxsize=2048)
def _cost(text: str, files: tuple[tuple[str, str], ...]) -> Cost:
    """Cost of a kernel whose names are out of the way: a search builds it again, and the design found renames it."""
    return estimate(text, dict(files))
