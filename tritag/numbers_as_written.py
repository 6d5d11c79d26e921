"""Numbers as people write them: ``1e-3``, ``1e3``, ``1_000``, ``inf``; in settings and on the command line.

YAML 1.1, which PyYAML reads, takes ``1e-3`` for a word, ``010`` for 8 and ``1:30`` for 90. Here a number is what
Python's ``int`` and ``float`` read, in the decimal system.
"""

from __future__ import annotations

import re

# What a number may begin with, and its form.
FIRST_OF_NUMBER = "+-.0123456789iInN"
NUMBER = re.compile(
    r"(?:[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.?(?:inf|Inf|INF|infinity|Infinity)|\.?(?:nan|NaN|NAN))$"
)
_WHOLE = re.compile(r"[-+]?[0-9_]+")


def number_of(text: str) -> int | float | None:
    """The number that a text is; None where it is none.

    A decimal number without point and exponent is an int, any other a float, which may be infinite or not a number.

    Examples
    --------
    >>> number_of("1e-3"), number_of("1_000"), number_of("010"), number_of("-.inf"), number_of("1:30")
    (0.001, 1000, 10, -inf, None)
    """
    if not NUMBER.match(text):
        return None
    if _WHOLE.fullmatch(text) and len(text) < 400:
        return int(text)
    return float(re.sub(r"\.(?=[inIN])", "", text))


def whole_of(value: int | float) -> int | None:
    """``value`` as an int where it is whole: ``1e3`` is 1000; None for 1.5, infinity and what is not a number."""
    return int(value) if isinstance(value, int) or value.is_integer() else None
