"""Jets from tables, CSV or Parquet, as pandas and others write them; read with pyarrow.

A table has one row a candidate, with a column ``jet`` that numbers the jets; or one row a jet, with lists in its
columns (Parquet) or with columns ``pt_0``, ``pt_1``, ... for each place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.closed import closed, require_memory
from tritag.data.jets.jets import JetBatch, whole_numbers
from tritag.data.readers.columns import Columns, counts_of_padded, to_batch
from tritag.data.readers.fields import CANDIDATE_FIELDS, FieldMap, note_left_out, require_names
from tritag.data.readers.labels import FLAG
from tritag.errors import DataError, ToolError, short

MAGIC = b"PAR1"
SUFFIXES = (".csv", ".parquet")
# what a table in memory takes over its file
_GROWTH = {".csv": 3, ".parquet": 8}
_FEWER = "split the file"


def is_table(path: Path | str) -> bool:
    """Whether ``path`` is a Parquet file, or is named like a CSV one."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC or Path(path).suffix.lower() in SUFFIXES


def read_table(
    path: Path, n_max: int | None = None, mapping: FieldMap | None = None, notes: list[str] | None = None
) -> JetBatch:
    """Read the first ``n_max`` jets of a CSV or Parquet file.

    Without a map the columns are called as ours: pt, eta, phi (mass, energy) or px, py, pz (energy, mass), ``label``,
    ``jet``.

    Returns
    -------
    JetBatch
        Constituents by falling pT, at least 128 wide.

    Raises
    ------
    ToolError
        pyarrow is missing.
    DataError
        A damaged file, missing columns, a label that changes inside a jet, or values that cannot be jets.
    """
    where = str(path)
    with closed(path, DataError, "a whole CSV or Parquet table", "make or copy it again"):
        table = _open(path)
        names = [str(name) for name in table.column_names]
        mapping = mapping or _own_names(names, where)
        wide = {ours: _places(theirs, names) for ours, theirs in mapping.candidates.items()}
        if all(wide.values()):
            columns = _wide_rows(table, wide, mapping, n_max, where)
        else:
            require_names(list((mapping.candidates | mapping.jets).values()), names, where)
            by_candidate = bool(mapping.jet)
            columns = (_candidate_rows if by_candidate else _list_rows)(table, mapping, n_max, where)
    read = [
        *mapping.candidates.values(),
        *mapping.jets.values(),
        mapping.jet,
        *(name for places in wide.values() for name in places),
    ]
    note_left_out(notes, path, names, read)
    return to_batch(columns, where, mapping.unit_gev)


def _open(path: Path) -> Any:
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise ToolError(
            f"{path} is a table, which needs the package pyarrow ({error}); pip install 'tritag[readers]'"
        ) from error
    with path.open("rb") as file:
        is_parquet = file.read(len(MAGIC)) == MAGIC
    growth = _GROWTH[".parquet" if is_parquet else ".csv"]
    require_memory(growth * path.stat().st_size, path, DataError, _FEWER)
    if not is_parquet:
        # stop at the first line of another length, and at what is not UTF-8
        return pyarrow.csv.read_csv(path, pyarrow.csv.ReadOptions(use_threads=False))
    with pyarrow.parquet.ParquetFile(path, memory_map=False) as file:
        meta = file.metadata
        n_bytes = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        require_memory(2 * n_bytes, path, DataError, _FEWER)
        return file.read(use_threads=False)


def _own_names(names: Collection[str], where: str) -> FieldMap:
    """The map of a table whose columns are called as ours."""
    given = {name for name in CANDIDATE_FIELDS if name in names or f"{name}_0" in names}
    polar = {"pt", "eta", "phi"} <= given
    if not polar and not {"px", "py", "pz"} <= given:
        found = ", ".join(short(name) for name in list(names)[:12]) or "nothing"
        raise DataError(
            f"{where} must have the columns pt, eta, phi or px, py, pz, got {found}; name them with --map "
            "(for example --map pt=cand_pt)"
        )
    leave = ("px", "py", "pz") if polar else ("pt", "eta", "phi")
    values: dict[str, Any] = {name: name for name in (given | ({"label", "jet"} & set(names))) - set(leave)}
    flags = {name.removeprefix("label_"): name for name in names if name.startswith("label_") and name != "label_"}
    if flags and "label" not in names:
        values["flags"] = flags
    return FieldMap(**values)


def _places(name: str, names: Collection[str]) -> list[str]:
    """Columns ``name_0``, ``name_1``, ... of a table with one row a jet."""
    numbered = re.compile(rf"{re.escape(name)}_(\d{{1,4}})")
    found = {int(match[1]): column for column in names if (match := numbered.fullmatch(column))}
    return [found[i] for i in sorted(found)] if sorted(found) == list(range(len(found))) else []


def _array(table: Any, name: str, where: str) -> NDArray[Any]:
    """A column of plain values; texts as objects."""
    column = table.column(name)
    kind = str(column.type)
    if kind in ("string", "large_string") or kind.startswith("dictionary<values=string"):
        return np.array(column.to_pylist(), object)
    if kind in ("null", "bool") or kind.startswith(("int", "uint", "float", "double", "halffloat")):
        return np.asarray(column.to_numpy())
    raise DataError(f"{where}: the column {short(name)} must hold numbers, got {short(kind)}; convert it")


def _labels(table: Any, mapping: FieldMap, n_max: int | None, where: str) -> dict[str, NDArray[Any]]:
    return {ours: _array(table, theirs, where)[:n_max] for ours, theirs in mapping.jets.items() if ours != "count"}


def _wide_rows(table: Any, wide: Mapping[str, list[str]], mapping: FieldMap, n_max: int | None, where: str) -> Columns:
    """One row a jet, a column for each place."""
    lengths = {name: len(places) for name, places in wide.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"{where} must have as many columns of each field, got {lengths}; correct the table")
    require_names(list(mapping.jets.values()), table.column_names, where)
    fields = {
        name: np.stack([_array(table, place, where)[:n_max] for place in places], axis=1)
        for name, places in wide.items()
    }
    size = fields["pt"] if "pt" in fields else np.hypot(fields["px"], fields["py"])
    if mapping.count:
        count = whole_numbers(_array(table, mapping.count, where)[:n_max], len(size), "count", where)
    else:
        count = counts_of_padded(size, where)
    real = np.arange(size.shape[1]) < count[:, None]
    jets = _labels(table, mapping, n_max, where)
    return Columns({name: values[real] for name, values in fields.items()}, real.sum(axis=1), jets, mapping.classes)


def _candidate_rows(table: Any, mapping: FieldMap, n_max: int | None, where: str) -> Columns:
    """One row a candidate; the jets in the order in which their numbers come first."""
    number = whole_numbers(_array(table, mapping.jet, where), len(table), mapping.jet, where)
    _, first, jet = np.unique(number, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    jet = rank[jet]
    n_jets = len(first) if n_max is None else min(n_max, len(first))
    order = np.argsort(jet, kind="stable")
    order = order[jet[order] < n_jets]
    begins = np.sort(first)[:n_jets]
    jets = {}
    for ours, values in _labels(table, mapping, None, where).items():
        same = values[begins][jet[order]] == values[order]
        if not np.all(same):
            raise DataError(
                f"{where}: {ours.removeprefix(FLAG)} must be the same in all rows of a jet, got "
                f"{int(np.sum(~same))} rows that differ; correct the table"
            )
        jets[ours] = values[begins]
    fields = {ours: _array(table, theirs, where)[order] for ours, theirs in mapping.candidates.items()}
    return Columns(fields, np.bincount(jet[order], minlength=n_jets).astype(np.int64), jets, mapping.classes)


def _list_rows(table: Any, mapping: FieldMap, n_max: int | None, where: str) -> Columns:
    """One row a jet, lists in the columns."""
    fields: dict[str, NDArray[Any]] = {}
    count: NDArray[np.int64] | None = None
    for ours, theirs in mapping.candidates.items():
        column = table.column(theirs).slice(0, n_max).combine_chunks()
        if "list" not in str(column.type):
            raise DataError(
                f"{where}: {short(theirs)} must hold a list a jet, or the table a column that numbers the jets "
                "(--map jet=NAME), got neither; correct the map"
            )
        lengths = np.asarray(column.value_lengths().fill_null(0)).astype(np.int64)
        if count is not None and np.any(lengths != count):
            raise DataError(
                f"{where}: {', '.join(mapping.candidates.values())} must be equally long, got "
                f"{np.sum(lengths != count)} rows with other lengths; correct the table"
            )
        fields[ours], count = np.asarray(column.flatten()), lengths
    assert count is not None, "a map has the fields of candidates"
    return Columns(fields, count, _labels(table, mapping, n_max, where), mapping.classes)
