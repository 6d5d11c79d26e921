"""Archives whose bytes depend on nothing but their content: no time, owner, order or compression of the day."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tritag.files import atomic_path

SUMS = "SHA256SUMS"
_EXECUTABLE = (".sh",)


def as_bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """All files as bytes, sorted by path."""
    return {name: x if isinstance(x := files[name], bytes) else x.encode() for name in sorted(files)}


def with_checksums(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """All files as bytes, sorted by path, and ``SHA256SUMS`` for ``sha256sum -c``."""
    plain = as_bytes(files)
    sums = "".join(f"{hashlib.sha256(value).hexdigest()}  {name}\n" for name, value in plain.items())
    return {**plain, SUMS: sums.encode()}


def write_archive(path: Path, folder: str, files: Mapping[str, bytes]) -> None:
    """Write ``files`` below ``folder`` into a ``.tar.gz``; the same files give the same bytes everywhere."""
    plain = io.BytesIO()
    names = [f"{folder}/{name}" for name in files]
    with tarfile.open(fileobj=plain, mode="w", format=_format(names)) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime = len(files[name]), 0
            entry.mode = 0o755 if name.endswith(_EXECUTABLE) else 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    with (
        atomic_path(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=9) as packed,
    ):
        packed.write(plain.getvalue())


def _format(names: Iterable[str]) -> int:
    """The plainest format that has room for these paths: runs may have long names."""
    try:
        for name in names:
            tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)
    except ValueError:
        return tarfile.PAX_FORMAT
    return tarfile.USTAR_FORMAT
