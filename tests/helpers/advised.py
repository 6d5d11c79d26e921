"""The commands that a message advises, as a shell would take them."""

from __future__ import annotations

import re
import shlex


def advised(message: str) -> list[list[str]]:
    """Words of the commands in a message, as a shell takes what stands between the outer quotes."""
    found = []
    for start in re.finditer(r"'(?=tritag )", message):
        for end in re.finditer(r"'(?=[;,.)\s]|$)", message[start.end() :]):
            text = message[start.end() :][: end.start()]
            try:
                found.append(shlex.split(text)[1:])
            except ValueError:  # a quote inside
                continue
            break
    return found
