"""The one way into matplotlib: figures with settings of their own, or what to install where it is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tritag.errors import ToolError


@contextmanager
def drawing(settings: Mapping[str, Any]) -> Iterator[None]:
    """Let matplotlib have these settings, by the names of its rcParams.

    Raises
    ------
    ToolError
        matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ToolError("figures need matplotlib; install it with pip install 'tritag[plots]'") from error
    with matplotlib.rc_context(dict(settings)):  # type: ignore[arg-type]
        yield
