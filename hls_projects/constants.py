"""Weights and tables of an hls4ml project as headers: nothing is read from a file when the code runs.

hls4ml writes arrays of decimal numbers. As initialisers of fixed-point arrays they keep a compiler busy for many
minutes, so that they stand there for synthesis alone; else a loop fills the arrays from plain integers, once, when the
library is loaded and before any thread can call it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tritag.errors import ExportError
from tritag.files import write_text
from tritag.hls_projects.hls4ml_extension import INTEGER_HEADER

_ARRAY = re.compile(r"^(?P<kind>\w+) (?P<name>\w+)\[(?P<size>\d+)\] = \{(?P<values>[^}]*)\};$", re.MULTILINE)
_KINDS = {"signed char": 8, "short": 16, "int": 32, "long long": 64}


def fill_from_integers(header: Path, fraction: int) -> None:
    """Rewrite a header of hls4ml so that only synthesis reads its decimal numbers.

    Parameters
    ----------
    header : Path
        ``firmware/weights/<array>.h``.
    fraction : int
        Fractional bits of the array's type.

    Raises
    ------
    ExportError
        The header holds no array, or a number that is not on the grid of its type.
    """
    text = header.read_text(encoding="utf-8")
    found = _ARRAY.search(text)
    if found is None:
        raise ExportError(f"project lint: {header.name} must define one array of numbers; it does not")
    codes = integers_of(found["values"], fraction, header.name)
    name, size = found["name"], found["size"]
    entries = ", ".join(map(str, codes))
    lines = [
        "#ifdef __SYNTHESIS__",
        found[0],
        "#else",
        f"{found['kind']} {name}[{size}];",
        f"// in units of 2**{-fraction}",
        f"static const {_integer_kind(codes)} {name}_codes[{size}] = {{{entries}}};",
        f"static const bool {name}_filled = tritag::fill({name}, {name}_codes);",
        "#endif",
    ]
    text = text[: found.start()] + "\n".join(lines) + text[found.end() :]
    include = f'#include "../nnet_utils/{INTEGER_HEADER.name}"\n'
    write_text(header, re.sub(r"(#define \w+\n)", rf"\1\n{include}", text, count=1))


def integers_of(values: str, fraction: int, where: str) -> list[int]:
    """Integers of hls4ml's decimal numbers, which are exact: a number has as many digits as fractional bits.

    Raises
    ------
    ExportError
        A number is not a multiple of ``2**-fraction``.
    """
    scaled = [float(value) * 2.0**fraction for value in values.split(",")]
    if any(not value.is_integer() for value in scaled):
        raise ExportError(f"project lint: the numbers of {where} must be multiples of 2**{-fraction}; some are not")
    return [int(value) for value in scaled]


def _integer_kind(codes: Sequence[int]) -> str:
    bits = max(max(code, ~code).bit_length() for code in codes) + 1
    return next(kind for kind, width in _KINDS.items() if bits <= width)
