"""Numbers of the page: each carries its value and its place in report.json, so that a test can hold them equal."""

from __future__ import annotations

import math
from html import escape

from tritag.report.plots.plot import Report, value_at


def number(report: Report, pointer: str, form: str = ",") -> str:
    """A number of the report as a ``data`` element; a dash where there is none.

    Examples
    --------
    >>> number({"jets": 10206}, "/jets")
    '<data value="10206" data-source="/jets">10,206</data>'
    """
    value = value_at(report, pointer)
    if value is None:
        return "-"
    text = "infinite" if value == math.inf else format(value, form)
    return f'<data value="{value!r}" data-source="{escape(pointer)}">{text}</data>'
