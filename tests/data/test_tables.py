"""ROOT trees of any names, and CSV and Parquet tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import awkward
import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import uproot
from numpy.typing import NDArray

from tritag.data.jets.jets import JetBatch
from tritag.data.readers.fields import parse_map
from tritag.data.readers.formats import read_any
from tritag.errors import DataError, ToolError

MAP = parse_map(["pt=c_pt eta=c_eta phi=c_phi label=kind classes=qcd,top"])


def fields(batch: JetBatch) -> dict[str, NDArray[Any]]:
    """pt, eta, phi (jets, places), zero padded."""
    pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    eta = np.arcsinh(batch.p4[..., 3] / np.where(pt > 0, pt, 1))
    return {"pt": pt, "eta": eta, "phi": np.arctan2(batch.p4[..., 2], batch.p4[..., 1])}


def assert_same(read: JetBatch, batch: JetBatch, classes: tuple[str, ...] = ("qcd", "top")) -> None:
    np.testing.assert_allclose(read.p4, batch.leading(128).p4, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(read.n_constituents, batch.n_constituents)
    np.testing.assert_array_equal(read.label, batch.label)
    assert read.classes == classes


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_root_by_a_map(tmp_path: Path, batch: JetBatch, kind: str) -> None:
    lists = {f"c_{n}": awkward.unflatten(v[batch.mask], batch.n_constituents) for n, v in fields(batch).items()}
    path = tmp_path / "a:b.root"
    with uproot.recreate(path) as file:
        if kind == "TTree":
            file.mktree("Jets", {**dict.fromkeys(lists, "var * float32"), "kind": "int32"}).extend(
                {**lists, "kind": batch.label.astype(np.int32)}
            )
        else:
            file.mkrntuple("Jets", {**lists, "kind": batch.label})
    assert_same(read_any(path, mapping=MAP), batch)
    assert_same(read_any(path, n_max=6, mapping=MAP), batch[:6])
    with pytest.raises(DataError, match=rf"got Jets \((ROOT::)?{kind}\); name the branches of another one"):
        read_any(path)
    with pytest.raises(DataError, match="unknown branch or column 'c_ptt'; did you mean 'c_pt'"):
        read_any(path, mapping=parse_map(["pt=c_ptt,eta=c_eta,phi=c_phi"]))
    with pytest.raises(DataError, match="must hold the tree Jet, got Jets"):
        read_any(path, mapping=parse_map(["tree=Jet,pt=c_pt,eta=c_eta,phi=c_phi"]))


def test_root_without_entries(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "none.root") as file:
        file.mktree("Jets", {"c_pt": "var * float32", "c_eta": "var * float32", "c_phi": "var * float32"})
    assert len(read_any(tmp_path / "none.root", mapping=parse_map(["pt=c_pt,eta=c_eta,phi=c_phi"]))) == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_a_candidate(tmp_path: Path, batch: JetBatch, suffix: str) -> None:
    batch = batch[batch.n_constituents > 0]  # a jet without rows is not there
    jet = np.repeat(np.arange(len(batch)) * 7 % 11 + 100 * np.arange(len(batch)), batch.n_constituents)
    columns = {name: values[batch.mask] for name, values in fields(batch).items()}
    names = np.array(["qcd", "top"])[np.repeat(batch.label, batch.n_constituents)]
    path = tmp_path / f"jets.{suffix}"
    save(pyarrow.table({"jet": jet, **columns, "label": names}), path)
    assert_same(read_any(path), batch)
    assert_same(read_any(path, n_max=3), batch[:3], tuple(sorted(set(names[jet <= jet[-1]].tolist()))))
    names[0] = "qcd" if names[0] == "top" else "top"
    save(pyarrow.table({"jet": jet, **columns, "label": names}), path)
    if batch.n_constituents[0] > 1:
        with pytest.raises(DataError, match="label must be the same in all rows of a jet"):
            read_any(path)
    save(pyarrow.table(columns | {"c": jet}), path)
    with pytest.raises(DataError, match="a list a jet, or the table a column that numbers the jets"):
        read_any(path)


def test_a_row_a_jet(tmp_path: Path, batch: JetBatch) -> None:
    columns = fields(batch)
    wide = {f"c_{name}_{i}": values[:, i] for name, values in columns.items() for i in range(values.shape[1])}
    for suffix in ("csv", "parquet"):
        save(pyarrow.table(wide | {"kind": batch.label}), tmp_path / f"wide.{suffix}")
        assert_same(read_any(tmp_path / f"wide.{suffix}", mapping=MAP), batch)
    lists = {f"c_{n}": awkward.unflatten(v[batch.mask], batch.n_constituents).to_list() for n, v in columns.items()}
    save(pyarrow.table(lists | {"kind": batch.label}), tmp_path / "lists.parquet")
    assert_same(read_any(tmp_path / "lists.parquet", mapping=MAP), batch)
    assert_same(read_any(tmp_path / "lists.parquet", n_max=4, mapping=MAP), batch[:4])


def test_wrong_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jets.csv"
    for text, message in (
        ("jet,a,b\n1,2,3\n", "must have the columns pt, eta, phi or px, py, pz, got 'jet', 'a', 'b'; name them with"),
        ("jet,pt,eta,phi\n1,2\n", "must be a whole CSV or Parquet table"),
        ("jet,pt,eta,phi\n1,hard,0,0\n", "pt must hold numbers"),
        ("jet,pt,eta,phi\n1,,0,0\n1,2,0,0\n", "four-momenta must be finite"),
        ("jet,pt,eta,phi\n1,-2,0,0\n", "pt must be >= 0, got 1 negative values of 1"),
        ("jet,pt,eta,phi\n1,2,0,370\n", r"\|phi\| must be at most 6.29, .* give it in radians"),
        ("jet,pt,eta,phi\n1.5,2,0,1\n", "jet must be whole numbers"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_any(path)
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(ToolError, match=r"needs the package pyarrow .*; pip install 'tritag\[readers\]'"):
        read_any(path)


def save(table: Any, path: Path) -> None:
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
