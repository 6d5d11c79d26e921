"""Named arrays: every form of momenta, labels and classes, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tritag.data.jets.crafted import crafted_codes
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_jets, write_jets
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.readers.convert import convert_jets
from tritag.data.readers.fields import parse_map
from tritag.data.readers.formats import read_any
from tritag.errors import ConfigError, DataError


def write(folder: Path, **arrays: Any) -> list[Path]:
    """The same arrays as an ``.npz`` and as an HDF5 file."""
    np.savez(folder / "jets.npz", **arrays)
    with h5py.File(folder / "jets.h5", "w") as file:
        for name, values in arrays.items():
            text = np.asarray(values).dtype.kind == "U"
            file[name] = np.asarray(values, h5py.string_dtype()) if text else values
    return [folder / "jets.npz", folder / "jets.h5"]


def polar(batch: JetBatch) -> dict[str, Any]:
    pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    eta = np.arcsinh(batch.p4[..., 3] / np.where(pt > 0, pt, 1))
    return {"pt": pt, "eta": eta, "phi": np.arctan2(batch.p4[..., 2], batch.p4[..., 1])}


@pytest.mark.parametrize("beside", ["nothing", "mass", "E", "n_constituents"])
def test_pt_eta_phi(tmp_path: Path, batch: JetBatch, beside: str) -> None:
    arrays = polar(batch)
    if beside == "n_constituents":
        # what stands in the padding means nothing when the number is given
        arrays = {name: np.where(batch.mask, values, -999) for name, values in arrays.items()}
        arrays[beside] = batch.n_constituents
    elif beside != "nothing":
        arrays[beside] = batch.p4[..., 0] if beside == "E" else np.zeros(batch.p4.shape[:2])
    for path in write(tmp_path, **arrays, label=batch.label):
        read = read_any(path)
        np.testing.assert_allclose(read.p4, batch.p4, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(read.n_constituents, batch.n_constituents)
        np.testing.assert_array_equal(read.label, batch.label)


def test_codes_come_back_exactly(tmp_path: Path) -> None:
    codes, count = crafted_codes(6)
    real = np.arange(6) < count[:, None]
    pt = np.where(real, codes[..., 0], 0)
    order = np.argsort(-pt, axis=1, kind="stable")
    kept = np.take_along_axis(pt, order, axis=1) > 0
    expected = np.take_along_axis(codes, order[..., None], axis=1) * kept[..., None]
    split = {name: codes[..., i] * real for i, name in enumerate(("pt", "eta", "phi"))}
    for arrays in ({"codes": codes, "count": count}, {**split, "n_constituents": count}):
        for path in write(tmp_path, **arrays):
            (tmp_path / "own.h5").unlink(missing_ok=True)
            convert_jets(path, tmp_path / "own.h5")
            for batch in (read_any(path), read_jets(tmp_path / "own.h5", n_constituents=6)):
                found, number = to_codes(batch.p4, batch.n_constituents, 6)
                np.testing.assert_array_equal(found, expected)
                np.testing.assert_array_equal(number, kept.sum(axis=1))
    codes[3, 0, 1] = 3000
    with pytest.raises(DataError, match=r"codes of eta must be -2048..2047, got 1 of \d+ outside"):
        read_any(write(tmp_path, codes=codes, count=np.maximum(count, 1))[0])
    with pytest.raises(DataError, match="got integers in phi alone"):
        read_any(write(tmp_path, **(split | {"pt": split["pt"] * 0.25, "eta": split["eta"] * 0.01}))[0])


def test_classes_by_their_names(tmp_path: Path, batch: JetBatch) -> None:
    names = np.array(["qcd", "w", "top"])
    label = np.arange(len(batch)) % 3
    arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents}
    for given in (
        {"label": label, "classes": names},
        {"label": names[label], "classes": names},
        {f"label_{name}": label == i for i, name in enumerate(names)},
        {"label": label, "classes": names, "is_top": label == 2},
    ):
        for path in write(tmp_path, **arrays, **given):
            read = read_any(path)
            # HDF5 lists flags by their names
            assert sorted(read.classes) == ["qcd", "top", "w"]
            np.testing.assert_array_equal(np.array(read.classes)[read.label], names[label])
            assert read_any(path, n_max=4).classes == read.classes
    assert read_any(write(tmp_path, **arrays, label=names[label])[0]).classes == ("qcd", "top", "w")
    with pytest.raises(DataError, match=r"label must be among the classes \('qcd', 'w'\), got \['top'\]"):
        read_any(write(tmp_path, **arrays, label=names[label], classes=names[:2])[0])


def test_a_contradiction_is_an_error(tmp_path: Path, batch: JetBatch) -> None:
    arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents, "label": batch.label}
    wrong = batch.label.copy()
    wrong[:3] = 1 - wrong[:3]
    for name in ("is_top", "is_signal"):
        np.testing.assert_array_equal(read_any(write(tmp_path, **arrays, **{name: batch.label})[0]).label, batch.label)
        for path in write(tmp_path, **arrays, **{name: wrong}):
            with pytest.raises(DataError, match=f"label and {name} must say the same, .* in 3 of 20 jets"):
                read_any(path)
    flags = {"label_qcd": batch.label == 0, "label_top": batch.label == 1}
    with pytest.raises(DataError, match="the flags of the classes and label must say the same"):
        read_any(write(tmp_path, **(arrays | {"label": wrong}), **flags)[0])
    with pytest.raises(DataError, match="is_top must mean one of the classes"):
        read_any(write(tmp_path, **arrays, classes=np.array(["a", "b"]), is_top=batch.label)[0])


def test_labels_that_only_look_unknown(tmp_path: Path, batch: JetBatch) -> None:
    label = np.full(len(batch), 2**64 - 1, np.uint64)
    for path in write(tmp_path, p4=batch.p4, n_constituents=batch.n_constituents, label=label):
        with pytest.raises(DataError, match=r"label must be small whole numbers, got 1.84467e\+19; is -1 stored"):
            read_any(path)


def test_zero_length_and_scalars(tmp_path: Path, batch: JetBatch) -> None:
    for path in write(tmp_path, p4=batch.p4[:0], n_constituents=batch.n_constituents[:0], label=batch.label[:0]):
        (tmp_path / "own.h5").unlink(missing_ok=True)
        assert convert_jets(path, tmp_path / "own.h5") == 0
        assert len(read_jets(tmp_path / "own.h5")) == 0
    empty = {"p4": batch.p4 * 0, "n_constituents": batch.n_constituents * 0}
    for path in write(tmp_path, **empty):
        (tmp_path / "own.h5").unlink(missing_ok=True)
        assert convert_jets(path, tmp_path / "own.h5") == 20
        assert read_jets(tmp_path / "own.h5").n_constituents.tolist() == [0] * 20
    for path in write(tmp_path, p4=batch.p4[:, :0], n_constituents=batch.n_constituents * 0):
        assert read_any(path).p4.shape == (20, 0, 4)
    for name, value in (("n_constituents", np.int64(3)), ("p4", np.float32(2)), ("label", np.int8(1))):
        arrays = {"p4": batch.p4, "n_constituents": batch.n_constituents, "label": batch.label} | {name: value}
        for path in write(tmp_path, **arrays):
            with pytest.raises(DataError, match=f"{name} must have an entry for each jet, got a single number"):
                read_any(path, n_max=5)
    write_jets(tmp_path / "none.h5", batch[:0], splits={"test": (0, 0)})
    assert len(read_any(tmp_path / "none.h5", split="test")) == 0


def test_a_map_names_the_arrays(tmp_path: Path, batch: JetBatch) -> None:
    given = {f"cand_{name}": values * (1000 if name == "pt" else 1) for name, values in polar(batch).items()}
    paths = write(tmp_path, **given, kind=batch.label, weight=batch.label)
    mapping = parse_map(["pt=cand_pt eta=cand_eta", "phi=cand_phi", "label=kind,unit=MeV", "classes=qcd,top"])
    (tmp_path / "map.yaml").write_text(
        "{pt: cand_pt, eta: cand_eta, phi: cand_phi, label: kind, unit: MeV, classes: [qcd, top]}"
    )
    assert parse_map([str(tmp_path / "map.yaml")]) == mapping
    for path in paths:
        notes: list[str] = []
        read = read_any(path, mapping=mapping, notes=notes)
        np.testing.assert_allclose(read.p4, batch.p4, rtol=1e-5, atol=1e-5)
        assert read.classes == ("qcd", "top")
        assert notes == [f"{path.name}: not read are weight"]
    with pytest.raises(DataError, match="unknown branch or column 'cand_p'; did you mean 'cand_pt'"):
        read_any(paths[0], mapping=parse_map(["pt=cand_p,eta=cand_eta,phi=cand_phi"]))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["pt=a"], "must name either pt, eta and phi or px, py and pz of the candidates, got pt"),
        (["pt=a,eta=b,phi=c,px=d"], "must name either pt, eta and phi or px"),
        (["pt=a,eta=b,phi=c,maas=d"], "unknown key in --map 'maas'; did you mean 'mass'"),
        (["pt=a,pt=b"], "each name once, got 'pt' twice"),
        (["pt"], "--map takes name=branch or one YAML file, got 'pt'"),
        (["pt=a,eta=b,phi=c,unit=keV"], "unknown value of --map.unit 'keV'"),
        (["pt=a,eta=b,phi=c,label=d,flags.g=e"], "either label or flags"),
    ],
)
def test_wrong_maps(items: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_map(items)
