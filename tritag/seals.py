"""Seals: the digest of what was made travels with it, and is compared wherever it is read.

A bit that flips on a disk or in a copy gives another file that is well formed more often than not: weights that are a
little different, a checkpoint with another state. A file without its seal is refused like one whose seal is wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tritag.errors import TritagError

_HEADER = b"tritag sealed sha256 "
_LENGTH = len(_HEADER) + 64 + 1
# the key under which JSON carries its digest, and the one under which it then has what is no mapping
_KEY, _ENTRIES = "sha256", "entries"


def digest_of(parts: Iterable[bytes]) -> str:
    """Sha256 of parts, each with its length."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def check_seal(found: str | None, content: str, path: Path | str, kind: type[TritagError], advice: str) -> None:
    """Compare the digest that a file carries with that of its content.

    Raises
    ------
    TritagError
        Of the class ``kind``: they differ, or the file carries none.
    """
    if found != content:
        carried = "none" if found is None else ascii(found[:16])
        raise kind(
            f"{path} must be as tritag wrote it, but its content (sha256 {content[:16]}) is not that of its digest "
            f"({carried}): it was damaged or changed; {advice}"
        )


def seal(content: bytes) -> bytes:
    """The content behind a line with its digest."""
    return _HEADER + digest_of([content]).encode() + b"\n" + content


def unseal(path: Path, kind: type[TritagError], advice: str) -> bytes:
    """Content of a file that :func:`seal` made.

    Raises
    ------
    TritagError
        Of the class ``kind``: the file was damaged, cut, or is another one.
    """
    text = path.read_bytes()
    line, content = text[:_LENGTH], text[_LENGTH:]
    found = line[len(_HEADER) : -1].decode("ascii", "replace")
    sealed = line.startswith(_HEADER) and line.endswith(b"\n")
    check_seal(found if sealed else None, digest_of([content]), path, kind, advice)
    return content


def seal_json(value: Any) -> dict[str, Any]:
    """JSON content with its digest, for :func:`unseal_json`.

    A mapping gets one more key, ``sha256``; anything else becomes the value of ``entries`` beside it. The digest is of
    the content alone: neither the order of keys nor the layout of the text matters.
    """
    plain = json.loads(json.dumps(value))
    content = plain if isinstance(plain, dict) else {_ENTRIES: plain}
    return {**content, _KEY: _digest_of_json(content)}


def unseal_json(sealed: Any, path: Path | str, kind: type[TritagError], advice: str) -> Any:
    """Content that :func:`seal_json` sealed.

    Raises
    ------
    TritagError
        Of the class ``kind``: a digit was changed, or there is no digest.
    """
    content = dict(sealed) if isinstance(sealed, dict) else {}
    found = content.pop(_KEY, None)
    check_seal(None if found is None else str(found), _digest_of_json(content), path, kind, advice)
    return content[_ENTRIES] if content.keys() == {_ENTRIES} else content


def _digest_of_json(content: dict[str, Any]) -> str:
    return digest_of([json.dumps(content, sort_keys=True).encode()])
