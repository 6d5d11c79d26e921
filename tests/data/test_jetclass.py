"""JetClass's ROOT files: what is in them comes back, and one clear line for what cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import awkward
import numpy as np
import pytest
import uproot

from tritag.cli import run
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_info, read_jets
from tritag.data.readers.convert import convert_jets
from tritag.data.readers.formats import read_any
from tritag.data.readers.jetclass import MOMENTA
from tritag.errors import DataError, ToolError

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


def columns_of(batch: JetBatch) -> dict[str, Any]:
    """The batch as the branches of a JetClass file; jet i is of class i modulo 10."""
    count = batch.n_constituents
    columns: dict[str, Any] = {
        name: awkward.unflatten(batch.p4[..., i][batch.mask], count) for i, name in enumerate(MOMENTA)
    }
    columns["part_charge"] = awkward.unflatten(np.zeros(count.sum(), np.float32), count)
    for i, name in enumerate(CLASSES):
        # flags of any type count
        dtype = (np.float32, np.bool_, np.int32)[i % 3]
        columns[f"label_{name}"] = (np.arange(len(batch)) % len(CLASSES) == i).astype(dtype)
    columns["jet_pt"] = np.hypot(*batch.p4.sum(axis=1)[:, 1:3].T)
    columns["jet_nparticles"] = count.astype(np.float32)
    return columns


def write_tree(path: Path, columns: dict[str, Any], name: str = "tree") -> None:
    """A TTree; uproot writes lists with a counter branch, which JetClass's ``std::vector`` does without."""
    types = {
        key: "var * float32" if isinstance(values, awkward.Array) else values.dtype for key, values in columns.items()
    }
    with uproot.recreate(path) as file:
        file.mktree(name, types).extend(columns)


@pytest.fixture
def path(tmp_path: Path, batch: JetBatch) -> Path:
    """A file with 20 jets of ten classes."""
    write_tree(tmp_path / "jetclass.root", columns_of(batch))
    return tmp_path / "jetclass.root"


def test_reads_what_was_written(path: Path, batch: JetBatch) -> None:
    read = read_any(path)
    assert read.classes == CLASSES
    assert read.truth is None
    np.testing.assert_array_equal(read.p4, batch.leading(128).p4)
    np.testing.assert_array_equal(read.n_constituents, batch.n_constituents)
    np.testing.assert_array_equal(read.label, np.arange(20) % 10)
    some = read_any(path, n_max=7)
    np.testing.assert_array_equal(some.p4, read.p4[:7])


def test_sorts_by_pt(tmp_path: Path, batch: JetBatch) -> None:
    columns = columns_of(batch)
    reversed_columns = {
        name: values[:, ::-1] if isinstance(values, awkward.Array) else values for name, values in columns.items()
    }
    write_tree(tmp_path / "jets.root", reversed_columns)
    np.testing.assert_array_equal(read_any(tmp_path / "jets.root").p4, batch.leading(128).p4)


def test_converts(path: Path, tmp_path: Path, batch: JetBatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert_jets(path, tmp_path / "own.h5", split="train") == 20
    info, back = read_info(tmp_path / "own.h5"), read_jets(tmp_path / "own.h5", split="train")
    assert info.classes == back.classes == CLASSES
    np.testing.assert_array_equal(back.label, np.arange(20) % 10)
    np.testing.assert_array_equal(back.p4[..., 1:], batch.p4[..., 1:])
    assert run(["data", "info", str(tmp_path / "own.h5")]) == 0
    assert "train: jets 0:20, 2 QCD, 2 Hbb" in capsys.readouterr().out


def test_labels_may_be_missing(tmp_path: Path, batch: JetBatch) -> None:
    columns = columns_of(batch)
    columns["label_QCD"][:] = 0
    write_tree(tmp_path / "none_set.root", columns)
    assert read_any(tmp_path / "none_set.root").label.tolist() == [-1, *range(1, 10)] * 2
    write_tree(tmp_path / "no_branch.root", {name: columns[name] for name in MOMENTA})
    assert set(read_any(tmp_path / "no_branch.root").label.tolist()) == {-1}


def test_wrong_content(tmp_path: Path, batch: JetBatch) -> None:
    columns = columns_of(batch)
    write_tree(tmp_path / "lacks.root", {name: v for name, v in columns.items() if name not in MOMENTA[2:]})
    with pytest.raises(DataError, match=r"must have the branches part_energy, .*, but lacks part_py, part_pz; it has"):
        read_any(tmp_path / "lacks.root")
    write_tree(tmp_path / "name.root", columns, name="events")
    with pytest.raises(DataError, match=r"must hold the tree 'tree' of a JetClass file, got events \(TTree\)"):
        read_any(tmp_path / "name.root")
    columns["label_Tbl"][3:5] = 1
    write_tree(tmp_path / "two.root", columns)
    with pytest.raises(DataError, match=r"one label_\* flag must be set in each jet, got 2 of 20 jets with several"):
        read_any(tmp_path / "two.root")
    columns["part_py"] = columns["part_py"] * np.nan
    columns["label_Tbl"][3:5] = 0
    write_tree(tmp_path / "nan.root", columns)
    with pytest.raises(DataError, match=r"nan\.root: four-momenta must be finite"):
        read_any(tmp_path / "nan.root")
    columns["part_py"] = columns["jet_pt"]
    write_tree(tmp_path / "flat.root", columns)
    with pytest.raises(DataError, match="must be a list a jet, got one value"):
        read_any(tmp_path / "flat.root")
    with pytest.raises(DataError, match=r"flat\.root has no splits, got split 'test'"):
        read_any(tmp_path / "flat.root", split="test")


@pytest.mark.parametrize("keep", [4, 19, 100, 0.3, 0.7, -1])
def test_truncated_file(path: Path, keep: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(DataError, match="must be a whole ROOT file, but it is truncated"):
        read_any(path)


def test_damaged_file(path: Path) -> None:
    whole = path.read_bytes()
    start = whole.index(b"part_py")
    path.write_bytes(whole[:start] + bytes(300) + whole[start + 300 :])
    with pytest.raises(DataError, match=r"must be a whole ROOT file, but it is truncated or damaged \(.+\); copy it"):
        read_any(path)


def test_missing_package(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uproot", None)
    with pytest.raises(ToolError, match=r"needs the package uproot .*; pip install 'tritag\[readers\]'"):
        read_any(path)
