"""The public top-tagging reference set, read with h5py alone.

The files (Kasieczka, Plehn, Thompson, Russel; Zenodo record 2603256) were written by pandas as a PyTables ``table``:
one compound dataset ``/table/table`` whose field ``values_block_0`` holds, per jet, E_0, PX_0, PY_0, PZ_0, ..., E_199,
PX_199, PY_199, PZ_199 and the top quark's four-momentum, and whose field ``values_block_1`` holds ``ttv`` and
``is_signal_new``. The column names sit in pickled attributes; they are searched as bytes and never unpickled.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tritag.closed import require_memory
from tritag.data.jets.conventions import check_conventions
from tritag.data.jets.hdf5 import attribute, open_hdf5, plain_dataset, read_rows
from tritag.data.jets.jets import JetBatch, make_batch
from tritag.errors import DataError, ToolError

N_CONSTITUENTS = 200
LABEL_COLUMN = "is_signal_new"
_COLUMN = re.compile(rb"(?:E|PX|PY|PZ)_\d+|truth(?:E|PX|PY|PZ)|ttv|is_signal_new")
_JETS_PER_READ = 8192


def is_pandas_table(file: h5py.File) -> bool:
    """Whether the open file holds ``/<key>/table`` with value blocks."""
    return _find_table(file) is not None


def _find_table(file: h5py.File) -> h5py.Dataset | None:
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Group):
            continue
        if "table" in file[name]:
            table = plain_dataset(file, f"{name}/table")
            if table.dtype.names and "values_block_0" in table.dtype.names:
                return table
    return None


def read_pandas_table(path: Path | str, n_max: int | None = None) -> JetBatch:
    """Read the first ``n_max`` jets of a top-tagging file.

    Returns
    -------
    JetBatch
        N = 200 constituents; the label is ``is_signal_new`` (1 = top).

    Raises
    ------
    DataError
        Missing, truncated or damaged file, other columns than expected, or values that cannot be jets.
    ToolError
        The file is compressed with a filter (blosc) that needs the package hdf5plugin.
    """
    with open_hdf5(path) as file:
        table = _find_table(file)
        if table is None:
            raise DataError(
                f"{path} must hold a pandas table with values_block_0, got {', '.join(file) or 'nothing'}; "
                "check the file"
            )
        _need_filters(table, path)
        n_jets = len(table) if n_max is None else min(n_max, len(table))
        momenta, label = _column_ranges(table, path)
        require_memory(4 * n_jets * N_CONSTITUENTS * 4, path, DataError, "read fewer jets (--n-max)")
        p4 = np.zeros((n_jets, N_CONSTITUENTS, 4), np.float32)
        labels = np.full(n_jets, -1, np.int64)
        for start in range(0, n_jets, _JETS_PER_READ):
            part = slice(start, min(start + _JETS_PER_READ, n_jets))
            rows = read_rows(table, part.start, part.stop)
            values = rows["values_block_0"].reshape(len(rows), -1)[:, :momenta]
            p4[part, : momenta // 4] = values.reshape(len(rows), -1, 4)
            if label is not None:
                labels[part] = rows[label[0]].reshape(len(rows), -1)[:, label[1]]
    real = np.any(p4 != 0, axis=2)
    # the last non-zero entry ends the jet
    count = np.where(real.any(axis=1), N_CONSTITUENTS - np.argmax(real[:, ::-1], axis=1), 0)
    check_conventions(p4, count, str(path))
    return make_batch(p4, count, labels, where=str(path))


def _need_filters(table: h5py.Dataset, path: Path | str) -> None:
    properties = table.id.get_create_plist()
    filters = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    missing = [item for item in filters if not h5py.h5z.filter_avail(item[0])]
    if not missing:
        return
    try:
        import hdf5plugin  # noqa: F401  (registers the filters when imported)
    except ImportError:
        name = missing[0][3].decode(errors="replace") or str(missing[0][0])
        raise ToolError(
            f"{path} is compressed with the HDF5 filter {name!r}, which h5py lacks; "
            "pip install 'tritag[readers]' (hdf5plugin)"
        ) from None


def _column_ranges(table: h5py.Dataset, path: Path | str) -> tuple[int, tuple[str, int] | None]:
    """Number of leading columns of values_block_0 that are constituents, and (block, column) of the label."""
    blocks = [name for name in table.dtype.names if name.startswith("values_block_")]
    widths = {name: int(np.prod(table.dtype[name].shape)) for name in blocks}
    names = {block: _names(attribute(table, f"{block}_kind")) for block in widths}
    expected = [f"{part}_{i}" for i in range(N_CONSTITUENTS) for part in ("E", "PX", "PY", "PZ")]
    first = [name for name in names["values_block_0"] if name in set(expected)]
    momenta = len(first) if first else min(4 * N_CONSTITUENTS, widths["values_block_0"] // 4 * 4)
    if first != expected[: len(first)] or momenta % 4 or momenta == 0 or momenta > widths["values_block_0"]:
        raise DataError(
            f"{path}: values_block_0 must begin with E_0, PX_0, PY_0, PZ_0, E_1, ..., got "
            f"{', '.join(first[:5]) or 'no such columns'} in {widths['values_block_0']} columns; reorder the columns"
        )
    for block, found in names.items():
        if LABEL_COLUMN in found and len(found) == widths[block]:
            return momenta, (block, found.index(LABEL_COLUMN))
    # without names: the set's integer block is (ttv, is_signal_new)
    if "values_block_1" in widths and not any(names.values()):
        return momenta, ("values_block_1", widths["values_block_1"] - 1)
    return momenta, None


def _names(attribute: Any) -> list[str]:
    if attribute is None:
        return []
    raw = bytes(attribute) if isinstance(attribute, bytes | np.bytes_) else str(attribute).encode()
    return [match.decode() for match in dict.fromkeys(_COLUMN.findall(raw))]
