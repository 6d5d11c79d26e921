"""One figure of the report: what it shows, when there is something to show, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Report: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Plot:
    """A figure of the report.

    Attributes
    ----------
    key : str
        Name of its file and of its place in the page.
    title : str
        What it shows, in a few words.
    caption : callable
        One or two full sentences for the reader, from the report.
    shows : callable
        Whether the report holds what is drawn.
    draw : callable
        Draws on axes.
    width, height : float or callable
        Size in inches; the height may follow from the report.
    """

    key: str
    title: str
    caption: Callable[[Report], str]
    shows: Callable[[Report], bool]
    draw: Callable[[Axes, Report], None]
    width: float = 4.6
    height: float | Callable[[Report], float] = 3.4

    def height_for(self, report: Report) -> float:
        """Height in inches for this report."""
        return self.height(report) if callable(self.height) else self.height


def value_at(report: Report, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) names; None where there is nothing.

    Examples
    --------
    >>> value_at({"rtl": {"kernels": [{"lut": 7}]}}, "/rtl/kernels/0/lut")
    7
    """
    value: Any = report
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value
