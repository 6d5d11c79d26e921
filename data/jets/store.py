"""The project's jet file: ragged constituents in HDF5, with settings, versions and a content digest.

Layout, version 1
-----------------
Datasets: ``px``, ``py``, ``pz`` (constituents of all jets one after the other, float32, GeV; massless, E = abs(p)),
``offsets`` (jets + 1, int64: jet i owns constituents offsets[i]:offsets[i+1]), ``label`` (jets, int8), ``jet`` and
``truth`` (jets, 4; float32, GeV: the jet's and the matched parton's (E, px, py, pz); zero for no parton). Sets without
a detector also have ``pdg_id`` (constituents, int32), and sets with candidates' fields a group ``columns`` of datasets
(constituents, float32) whose names hold the unit, ``z0_cm``.
All are lzf-compressed and carry a checksum, so that a damaged file is refused instead of read.

Attributes: ``format`` = "tritag-jets", ``format_version``, ``splits`` (JSON: name -> [start, stop]), ``classes`` (JSON
list: the names that ``label`` counts; files without it have the classes background and signal), ``settings`` and
``versions`` (JSON), ``seed``, ``digest`` (sha256 of the datasets, the splits, and the names of classes other than these
two; the same jets give the same digest on every machine). Jets are stored in an order drawn once from the seed, so
that the first n of a split are a fair sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tritag.data.jets.content import (
    COLUMN_KIND,
    COLUMNS,
    DATASETS,
    FORMAT,
    FORMAT_VERSION,
    LIBVER,
    OPTIONAL_DATASETS,
    content_digest,
    file_attributes,
    file_digest,
    storage_of,
    stored_arrays,
)
from tritag.data.jets.hdf5 import attribute, open_hdf5, plain_dataset, read_rows
from tritag.data.jets.jets import TWO_CLASSES, JetBatch, check_classes, check_jets
from tritag.data.jets.ragged import RaggedJets, flatten
from tritag.errors import DataError, short, unknown_name
from tritag.files import atomic_path
from tritag.structured import parse_json

# The digest of more constituents is computed block by block.
_MANY = 50_000_000


@dataclass(frozen=True)
class JetFileInfo:
    """What a jet file says about itself.

    Attributes
    ----------
    n_jets, n_constituents : int
        In the whole file.
    splits : dict
        Name to (start, stop) in jets.
    digest : str
        Sha256 of the content, as written; `verify_digest` recomputes it.
    seed : int or None
    settings, versions : dict
        What the jets were generated with; empty when unknown.
    classes : tuple of str
        Names of the classes.
    columns : tuple of str
        What is known of the constituents beside their momenta.
    """

    n_jets: int
    n_constituents: int
    splits: dict[str, tuple[int, int]]
    digest: str
    seed: int | None
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = TWO_CLASSES
    columns: tuple[str, ...] = ()


def write_jets(
    path: Path | str,
    jets: RaggedJets | JetBatch,
    *,
    splits: Mapping[str, tuple[int, int]] | None = None,
    settings: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    seed: int | None = None,
    compression: str = "lzf",
) -> str:
    """Write a jet file atomically and return its content digest.

    Parameters
    ----------
    splits : mapping of name to (start, stop), optional
        Jets start:stop form that split; none by default.
    compression : str
        "lzf" is fast; "gzip" makes smaller files.

    Raises
    ------
    DataError
        Jets that `check_jets` refuses, or a split outside the set.
    TritagError
        The file could not be written (no space, no permission); nothing is left behind.
    """
    if isinstance(jets, JetBatch):
        check_jets(jets)
        jets = flatten(jets)
    splits = {name: (int(start), int(stop)) for name, (start, stop) in (splits or {}).items()}
    for name, (start, stop) in splits.items():
        if not 0 <= start <= stop <= len(jets):
            raise DataError(f"split {name!r} must lie in 0..{len(jets)}, got {start}:{stop}; correct its bounds")
    digest = content_digest(jets, splits)
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver=LIBVER) as file:
        for name, values in stored_arrays(jets).items():
            file.create_dataset(name, data=values, **storage_of(values.shape, compression))
        file.attrs.update(file_attributes(jets.classes, splits, settings, versions, seed, digest))
    return digest


def read_info(path: Path | str) -> JetFileInfo:
    """Read the attributes and sizes of a jet file.

    Raises
    ------
    DataError
        See `open_hdf5`; also a file of another format or a newer format version.
    """
    with open_hdf5(path) as file:
        return _info(file, path)


def _info(file: h5py.File, path: Path | str) -> JetFileInfo:
    attributes = {name: attribute(file, name) for name in file.attrs}
    if attributes.get("format") != FORMAT:
        raise DataError(
            f"{path} must be a {FORMAT} file, got format {short(attributes.get('format'))}; "
            "convert it with 'tritag data convert IN OUT'"
        )
    version = int(attributes["format_version"])
    if version > FORMAT_VERSION:
        raise DataError(f"{path} has format version {version}, this tritag reads up to {FORMAT_VERSION}; update tritag")
    n_jets, seed = _length(file, "label"), int(attributes["seed"])
    splits = {name: (start, stop) for name, (start, stop) in _json(attributes, "splits", path).items()}
    for name, (start, stop) in splits.items():
        if type(start) is not int or type(stop) is not int or not 0 <= start <= stop <= n_jets:
            raise DataError(
                f"{path}: split {short(name)} must lie in 0..{n_jets}, got {short((start, stop))}; the file is damaged"
            )
    return JetFileInfo(
        n_jets=n_jets,
        n_constituents=_length(file, "px"),
        splits=splits,
        digest=str(attributes["digest"]),
        seed=None if seed < 0 else seed,
        settings=dict(_json(attributes, "settings", path)),
        versions=dict(_json(attributes, "versions", path)),
        classes=check_classes(_json(attributes, "classes", path), path) if "classes" in attributes else TWO_CLASSES,
        columns=tuple(_columns_of(file)),
    )


def _json(attributes: Any, name: str, path: Path | str) -> Any:
    return parse_json(str(attributes[name]), f"{path}, attribute {name}", DataError, "make or copy it again")


def read_ragged(
    path: Path | str, *, split: str | None = None, start: int = 0, stop: int | None = None, n_max: int | None = None
) -> RaggedJets:
    """Read jets start:stop (of ``split`` when given), at most ``n_max`` of them, in the stored form.

    Raises
    ------
    DataError
        See `read_info`; also an unknown split, an empty range, or inconsistent offsets.
    """
    with open_hdf5(path) as file:
        info = _info(file, path)
        if split is not None and split not in info.splits:
            raise DataError(f"{path}: " + unknown_name("split", split, info.splits))
        first, last = info.splits[split] if split is not None else (0, info.n_jets)
        stop = last - first if stop is None else stop
        if n_max is not None:
            stop = min(stop, start + n_max)
        if not 0 <= start <= stop:
            raise DataError(
                f"{path}: jets start:stop must be ascending and >= 0, got {start}:{stop}; correct the range"
            )
        first, last = min(first + start, last), min(first + stop, last)
        offsets = read_rows(plain_dataset(file, "offsets"), first, last + 1).astype(np.int64)
        if (
            len(offsets) != last - first + 1
            or np.any(np.diff(offsets) < 0)
            or offsets[0] < 0
            or offsets[-1] > info.n_constituents
        ):
            raise DataError(
                f"{path}: offsets must ascend within 0..{info.n_constituents}; the file is damaged, make it again"
            )
        inside, jets = (int(offsets[0]), int(offsets[-1])), (first, last)
        columns = {name: read_rows(plain_dataset(file, name), *inside) for name in ("px", "py", "pz")}
        columns |= {name: read_rows(plain_dataset(file, name), *jets) for name in ("label", "jet", "truth")}
        if "pdg_id" in file:
            columns["pdg_id"] = read_rows(plain_dataset(file, "pdg_id"), *inside)
        more = {COLUMNS + name: read_rows(plain_dataset(file, COLUMNS + name), *inside) for name in _columns_of(file)}
        _check_columns(columns | more, inside[1] - inside[0], last - first, path)
        known = {name.removeprefix(COLUMNS): values for name, values in more.items()}
        return RaggedJets(offsets=offsets - offsets[0], classes=info.classes, columns=known, **columns)


def _columns_of(file: h5py.File) -> list[str]:
    """Names of what is known of the constituents beside their momenta."""
    group = file.get(COLUMNS[:-1], getlink=True)
    if group is None:
        return []
    if not isinstance(group, h5py.HardLink) or not isinstance(file[COLUMNS[:-1]], h5py.Group):
        raise DataError(f"{file.filename}: columns must be a group of datasets; the file is damaged, make it again")
    return sorted(file[COLUMNS[:-1]])


def _length(file: h5py.File, name: str) -> int:
    return len(plain_dataset(file, name))


def _check_columns(columns: Mapping[str, np.ndarray], n_constituents: int, n_jets: int, path: Path | str) -> None:
    """Raise unless each column has the type and the length that the layout tells."""
    for name, values in columns.items():
        dtype = np.dtype((DATASETS | OPTIONAL_DATASETS).get(name, COLUMN_KIND))
        shape = (n_jets, 4) if name in ("jet", "truth") else (n_jets,) if name == "label" else (n_constituents,)
        if values.dtype != dtype or values.shape != shape:
            raise DataError(
                f"{path}: {name} must be {dtype.name} of shape {shape}, got {values.dtype} of {values.shape}; "
                "the file is damaged, make it again"
            )


def read_jets(
    path: Path | str,
    *,
    split: str | None = None,
    start: int = 0,
    stop: int | None = None,
    n_max: int | None = None,
    n_constituents: int | None = None,
) -> JetBatch:
    """Read a jet file as padded arrays.

    Parameters
    ----------
    split : str, optional
        "train", "val" or "test"; the whole file by default.
    start, stop : int
        Range of jets within the split.
    n_max : int, optional
        At most this many jets from ``start`` on. Jets are stored shuffled, so they are a fair sample.
    n_constituents : int, optional
        Padded width N; by default that of the longest jet read.

    Raises
    ------
    DataError
        See `read_ragged` and `check_jets`.
    """
    batch = read_ragged(path, split=split, start=start, stop=stop, n_max=n_max).pad(n_constituents)
    check_jets(batch, str(path))
    return batch


def verify_digest(path: Path | str) -> str:
    """Read the whole file and compare its content with its digest attribute; return the digest.

    Raises
    ------
    DataError
        See `read_ragged`; also a digest that does not match.
    """
    info = read_info(path)
    if info.n_constituents <= _MANY:
        digest = content_digest(read_ragged(path), info.splits)
    else:
        with open_hdf5(path) as file:
            digest = file_digest(file, info.columns, info.splits, info.classes)
    if digest != info.digest:
        raise DataError(
            f"{path}: content digest must be {info.digest}, got {digest}; the file was changed, make it again"
        )
    return digest
