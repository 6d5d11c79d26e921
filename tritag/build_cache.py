"""The one cache of things that are built: entries named by the digest of what they are made of, and checked when taken.

An entry is a folder whose files are listed with their digests. One that is missing, cut, damaged or incomplete is made
again; it is built aside and renamed, so that nobody sees half of it, and several commands may ask for one at once.
Taking an entry needs no lock and writes nothing: a cache may be read-only. Nothing in an entry knows where it lies.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tritag.errors import TritagError
from tritag.helper_files import only_one, own_folder
from tritag.seals import seal_json, unseal_json

CONTENTS = "contents.json"


@dataclass(frozen=True)
class Entry:
    """A built folder.

    Attributes
    ----------
    folder : Path
        Where its files are.
    cached : bool
        Whether it was there already.
    facts : dict
        What the builder noted about it.
    """

    folder: Path
    cached: bool
    facts: dict[str, float]


def built(folder: Path, build: Callable[[Path], dict[str, float]]) -> Entry:
    """The entry ``folder``, built when it is not there whole.

    Parameters
    ----------
    folder : Path
        Named by the digest of everything that decides about the content.
    build : callable
        Fills an empty folder, and returns facts about it that are kept with it.

    Raises
    ------
    TritagError
        The entry must be built, and the cache cannot be written or locked; and whatever ``build`` raises.
    """
    if (facts := _intact(folder)) is not None:
        return Entry(folder, True, facts)
    with only_one(folder):
        if (facts := _intact(folder)) is not None:  # another command has built it meanwhile
            return Entry(folder, True, facts)
        try:
            with own_folder(folder.parent) as aside:
                new = aside / folder.name
                new.mkdir()
                facts = build(new)
                sealed = seal_json({"facts": facts, "files": _digests(new)})
                (new / CONTENTS).write_text(json.dumps(sealed), encoding="utf-8")
                if folder.exists():  # damaged; who still uses a file of it keeps it
                    os.replace(folder, aside / "damaged")
                os.replace(new, folder)
        except OSError as error:
            raise TritagError(
                f"cannot write {folder}: {error.strerror or error}; free space or check permissions, or set "
                "TRITAG_CACHE to another folder"
            ) from error
        return Entry(folder, False, facts)


def _intact(folder: Path) -> dict[str, float] | None:
    """Facts of an entry all of whose files are as they were built; None when anything is not."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, TritagError):
        contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        if "sha256" in contents:  # an entry of before there were seals stays
            contents = unseal_json(contents, folder / CONTENTS, TritagError, "build it again")
        if contents["files"] and contents["files"] == _digests(folder):
            return dict(contents["facts"])
    return None


def _digests(folder: Path) -> dict[str, str]:
    """Digest of every file in a folder but the list itself, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CONTENTS)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copy_entry(entry: Entry, target: Path, *without: str) -> None:
    """Copy the files of an entry to ``target`` (which must not exist) at once; not those that match any ``without``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with own_folder(target.parent) as aside:
        shutil.copytree(entry.folder, aside / target.name, ignore=shutil.ignore_patterns(CONTENTS, *without))
        os.replace(aside / target.name, target)
