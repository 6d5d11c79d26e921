"""Names that come out of files: they become paths, C++, Verilog and Tcl, so they are identifiers or refused."""

from __future__ import annotations

import re

# Longer names do not fit the name of a file once a prefix and an ending stand around them.
MAX_LENGTH = 200
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def is_identifier(name: object) -> bool:
    """Whether ``name`` is a text that C++, Verilog, Tcl and every file system take as one plain name.

    >>> is_identifier("blocks_0_query"), is_identifier("../../x"), is_identifier("a b"), is_identifier("")
    (True, False, False, False)
    """
    return isinstance(name, str) and len(name) <= MAX_LENGTH and _IDENTIFIER.fullmatch(name) is not None


# Signs that end a text, a comment or a word in C++, Verilog, Tcl, JSON or a makefile.
_UNSAFE = frozenset('"\\*;{}[]$`#')


def is_label(name: object) -> bool:
    r"""Whether ``name``, of a class or an output, is a text that can stand in a comment or a string of any language.

    >>> is_label("H -> bb"), is_label("top's"), is_label("a*/b"), is_label('"'), is_label("a\nb")
    (True, True, False, False, False)
    """
    return isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() and not _UNSAFE & set(name)


def shortened(value: object, length: int = 60) -> str:
    r"""Text of a value for a message: escaped, and no longer than ``length`` characters.

    >>> shortened("a\nb")
    "'a\\nb'"
    """
    text = ascii(value)
    return text if len(text) <= length else f"{text[:length]}..."


def unusable_label(what: str, name: object) -> str:
    """Message for a name that is no label; ``what`` it names."""
    signs = " ".join(sorted(_UNSAFE))
    return f"{what} must be named by 1 to 100 printable characters without {signs}, got {shortened(name)}"


def unusable_name(what: str, name: object) -> str:
    """Message for a name that is no identifier; ``what`` it names."""
    return f"{what} must be named by letters, digits and _ ([A-Za-z_]\\w*), got {shortened(name)}"
