"""Reading foreign files, and one clear line for what cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_info, read_jets, write_jets
from tritag.data.readers.convert import convert_jets
from tritag.data.readers.formats import read_any
from tritag.data.readers.toptagging import N_CONSTITUENTS
from tritag.errors import DataError, ToolError

COLUMNS = [f"{part}_{i}" for i in range(N_CONSTITUENTS) for part in ("E", "PX", "PY", "PZ")]
TRUTH = ["truthE", "truthPX", "truthPY", "truthPZ"]


def write_table(
    path: Path,
    batch: JetBatch,
    columns: list[str] | None = None,
    named: bool = True,
    **storage: Any,
) -> None:
    """A file laid out as pandas and PyTables lay out the public set."""
    wide = batch.leading(N_CONSTITUENTS)
    dtype = np.dtype([("index", "<i8"), ("values_block_0", "<f4", (804,)), ("values_block_1", "<i8", (2,))])
    rows = np.zeros(len(batch), dtype)
    rows["values_block_0"][:, :800] = wide.p4.reshape(len(batch), 800)
    rows["values_block_1"][:, 1] = batch.label
    with h5py.File(path, "w") as file:
        table = file.create_dataset("table/table", data=rows, chunks=(5,), **storage)
        if named:
            # a protocol-0 pickle of the names, as PyTables stores it
            names = [*(columns or COLUMNS), *TRUTH], ["ttv", "is_signal_new"]
            for block, found in enumerate(names):
                pickled = "(lp0\n" + "".join(f"V{name}\np{i + 1}\na" for i, name in enumerate(found)) + "."
                table.attrs[f"values_block_{block}_kind"] = np.bytes_(pickled)


def assert_same(read: JetBatch, batch: JetBatch) -> None:
    """Equal up to the padded width."""
    wide = batch.leading(read.p4.shape[1])
    np.testing.assert_array_equal(read.p4, wide.p4)
    np.testing.assert_array_equal(read.n_constituents, batch.n_constituents)
    np.testing.assert_array_equal(read.label, batch.label)


@pytest.mark.parametrize("storage", [{}, {"compression": "gzip"}])
@pytest.mark.parametrize("named", [True, False])
def test_reads_the_public_table(tmp_path: Path, batch: JetBatch, storage: dict[str, Any], named: bool) -> None:
    write_table(tmp_path / "test.h5", batch, named=named, **storage)
    assert_same(read_any(tmp_path / "test.h5"), batch)
    assert_same(read_any(tmp_path / "test.h5", n_max=7), batch[:7])


def test_public_table_with_other_columns(tmp_path: Path, batch: JetBatch) -> None:
    write_table(tmp_path / "test.h5", batch, columns=["PX_0", "E_0", *COLUMNS[2:]])
    with pytest.raises(DataError, match=r"must begin with E_0, PX_0, PY_0, PZ_0, E_1, \.\.\., got PX_0, E_0, PY_0"):
        read_any(tmp_path / "test.h5")


def test_blosc_with_its_plugin(tmp_path: Path, batch: JetBatch) -> None:
    hdf5plugin = pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed")
    write_table(tmp_path / "blosc.h5", batch, **hdf5plugin.Blosc())
    assert_same(read_any(tmp_path / "blosc.h5"), batch)


def test_blosc_without_its_plugin(tmp_path: Path, batch: JetBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "blosc.h5"
    write_table(path, batch)
    with h5py.File(path, "r+") as file:
        rows, blosc, optional = file["table/table"][:], 32001, 1
        del file["table/table"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((5,))
        # HDF5 leaves out an optional filter that it lacks, but records it
        properties.set_filter(blosc, optional)
        space, kind = h5py.h5s.create_simple(rows.shape), h5py.h5t.py_create(rows.dtype)
        h5py.h5d.create(file["table"].id, b"table", kind, space, dcpl=properties)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: number != blosc)
    with pytest.raises(ToolError, match=r"compressed with the HDF5 filter '[\w ]+'.*pip install 'tritag\[readers\]'"):
        read_any(path)


@pytest.mark.parametrize("label_name", ["label", "is_top", "is_signal"])
def test_reads_plain_arrays(tmp_path: Path, batch: JetBatch, label_name: str) -> None:
    arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents.astype(np.int16), label_name: batch.label}
    np.savez(tmp_path / "jets.npz", **arrays)
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    for name in ("jets.npz", "jets.h5"):
        assert_same(read_any(tmp_path / name), batch)
        assert_same(read_any(tmp_path / name, n_max=3), batch[:3])


def test_labels_may_be_missing(tmp_path: Path, batch: JetBatch) -> None:
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    assert set(read_any(tmp_path / "jets.npz").label.tolist()) == {-1}


def test_reads_own_files_and_splits(tmp_path: Path, batch: JetBatch) -> None:
    write_jets(tmp_path / "own.h5", batch, splits={"test": (5, 9)})
    np.testing.assert_array_equal(read_any(tmp_path / "own.h5", split="test").label, batch.label[5:9])
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    with pytest.raises(DataError, match=r"jets\.npz has no splits, got split 'test'; leave it out"):
        read_any(tmp_path / "jets.npz", split="test")


def test_one_clear_line_for_unreadable_files(tmp_path: Path, batch: JetBatch) -> None:
    with pytest.raises(DataError, match=r"jet file must exist, got .*none\.h5"):
        read_any(tmp_path / "none.h5")
    for content, message in ((b"", "got an empty file"), (b"hello world", "got a file that begins with b'hello wo'")):
        (tmp_path / "odd").write_bytes(content)
        with pytest.raises(DataError, match=f"must be a whole HDF5, .npz, ROOT, Parquet or .csv file, {message}"):
            read_any(tmp_path / "odd")
    np.savez(tmp_path / "jets.npz", p4=batch.p4, n_constituents=batch.n_constituents)
    whole = (tmp_path / "jets.npz").read_bytes()
    (tmp_path / "jets.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"got a truncated \.npz file"):
        read_any(tmp_path / "jets.npz")
    write_table(tmp_path / "table.h5", batch)
    whole = (tmp_path / "table.h5").read_bytes()
    (tmp_path / "table.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="truncated or damaged"):
        read_any(tmp_path / "table.h5")
    with pytest.raises(DataError, match="n_max must be >= 1, got 0"):
        read_any(tmp_path / "table.h5", n_max=0)


def test_npz_with_a_damaged_member(tmp_path: Path, batch: JetBatch) -> None:
    path = tmp_path / "jets.npz"
    np.savez(path, p4=batch.p4, n_constituents=batch.n_constituents)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match=r"must be a whole \.npz file, but it is truncated or damaged \(Bad CRC"):
        read_any(path)


def test_values_that_cannot_be_jets(tmp_path: Path, batch: JetBatch) -> None:
    p4 = batch.p4.copy()
    p4[1, :4, 3] = np.nan
    np.savez(tmp_path / "nan.npz", p4=p4, n_constituents=batch.n_constituents)
    with pytest.raises(DataError, match=r"nan\.npz: four-momenta must be finite, got 4 NaN"):
        read_any(tmp_path / "nan.npz")
    p4[1, :4, 3], p4[1, 0, 0] = 0, -5
    np.savez(tmp_path / "negative.npz", p4=p4, n_constituents=batch.n_constituents)
    with pytest.raises(DataError, match=r"energies must be >= 0, got 1 negative"):
        read_any(tmp_path / "negative.npz")
    np.savez(tmp_path / "shape.npz", p4=batch.p4[0], n_constituents=batch.n_constituents)
    with pytest.raises(DataError, match=r"p4 must have shape \(jets, constituents, 4\), got \(12, 4\)"):
        read_any(tmp_path / "shape.npz")
    np.savez(tmp_path / "names.npz", momenta=batch.p4)
    with pytest.raises(DataError, match=r"must hold the arrays p4 and n_constituents, .* got 'momenta'"):
        read_any(tmp_path / "names.npz")
    np.savez(tmp_path / "objects.npz", p4=np.array([None]), n_constituents=np.array([0]))
    with pytest.raises(DataError, match="must hold numbers, got Python objects"):
        read_any(tmp_path / "objects.npz")


def test_convert(tmp_path: Path, batch: JetBatch) -> None:
    write_table(tmp_path / "public.h5", batch)
    assert convert_jets(tmp_path / "public.h5", tmp_path / "own.h5", split="test", n_leading=6) == 20
    assert read_info(tmp_path / "own.h5").splits == {"test": (0, 20)}
    np.testing.assert_array_equal(read_jets(tmp_path / "own.h5").p4[..., 1:], batch.p4[:, :6, 1:])
    convert_jets(tmp_path / "own.h5", tmp_path / "again.h5")
    assert read_info(tmp_path / "again.h5").digest == read_info(tmp_path / "own.h5").digest
    assert convert_jets(tmp_path / "own.h5", tmp_path / "some.h5", n_max=3) == 3
    assert read_info(tmp_path / "some.h5").splits == {}
    with pytest.raises(DataError, match="the target must not exist yet"):
        convert_jets(tmp_path / "public.h5", tmp_path / "own.h5")
    with pytest.raises(DataError, match="unknown split 'tset'; did you mean 'test'"):
        convert_jets(tmp_path / "public.h5", tmp_path / "new.h5", split="tset")
