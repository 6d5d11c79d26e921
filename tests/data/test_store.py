"""The jet file: what is written comes back, and a damaged file is refused."""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.jets import SAMPLE
from tritag.data.jets import content, store
from tritag.data.jets.jets import TWO_CLASSES, JetBatch
from tritag.data.jets.parts import write_parts
from tritag.data.jets.ragged import flatten, join
from tritag.data.jets.store import read_info, read_jets, read_ragged, verify_digest, write_jets
from tritag.errors import DataError, TritagError

from .conftest import random_batch

SPLITS = {"train": (0, 12), "val": (12, 15), "test": (15, 20)}


@pytest.fixture
def path(tmp_path: Path, batch: JetBatch) -> Path:
    """A jet file with 20 jets in three splits."""
    write_jets(tmp_path / "jets.h5", batch, splits=SPLITS, settings={"a": [1, 2]}, versions={"numpy": "2"}, seed=5)
    return tmp_path / "jets.h5"


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 9))
def test_ragged_form_loses_nothing(seed: int, n_jets: int, width: int) -> None:
    batch = random_batch(seed, max(n_jets, 2), width)
    back = flatten(batch).pad(width)
    np.testing.assert_array_equal(back.p4[..., 1:], batch.p4[..., 1:])
    np.testing.assert_allclose(back.p4[..., 0], batch.p4[..., 0], rtol=3e-7)
    np.testing.assert_array_equal(back.n_constituents, batch.n_constituents)
    np.testing.assert_array_equal(back.label, batch.label)


@given(st.integers(0, 1000))
def test_take_and_join_agree_with_padded_selection(seed: int) -> None:
    batch = random_batch(seed)
    order = np.random.default_rng(seed).permutation(20)
    jets = flatten(batch)
    np.testing.assert_array_equal(jets.take(order).pad(12).p4[..., 1:], batch.p4[order][..., 1:])
    halves = join([jets.take(np.arange(8)), jets.take(np.arange(8, 20))])
    np.testing.assert_array_equal(halves.offsets, jets.offsets)
    np.testing.assert_array_equal(halves.px, jets.px)


def test_round_trip(path: Path, batch: JetBatch) -> None:
    back = read_jets(path)
    np.testing.assert_array_equal(back.p4[..., 1:], batch.p4[..., 1:])
    np.testing.assert_array_equal(back.label, batch.label)
    info = read_info(path)
    assert (info.n_jets, info.splits, info.seed) == (20, SPLITS, 5)
    assert (info.settings, info.versions) == ({"a": [1, 2]}, {"numpy": "2"})
    assert verify_digest(path) == info.digest


def test_truth_and_classes_come_back(tmp_path: Path, batch: JetBatch) -> None:
    truth = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    several = replace(batch, label=np.arange(20) % 5, truth=truth, classes=("g", "q", "W", "Z", "t"))
    digest = write_jets(tmp_path / "five.h5", several, splits=SPLITS)
    back = read_jets(tmp_path / "five.h5", split="val")
    assert back.classes == several.classes == read_info(tmp_path / "five.h5").classes
    assert back.truth is not None
    np.testing.assert_array_equal(back.truth, truth[12:15])
    np.testing.assert_array_equal(back.label, several.label[12:15])
    assert verify_digest(tmp_path / "five.h5") == digest
    assert write_jets(tmp_path / "names.h5", replace(several, classes=tuple("gqWZx")), splits=SPLITS) != digest


def test_files_without_class_names_have_two_classes() -> None:
    with as_file(files("tritag.data").joinpath("sample", "jets400.h5")) as path:
        with h5py.File(path) as file:
            assert "classes" not in file.attrs
        assert read_info(path).classes == read_jets(path).classes == TWO_CLASSES
        # written before the names were: they do not enter the digest of two-class sets
        assert verify_digest(path) == read_info(path).digest


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"split": "train"}, range(12)),
        ({"split": "test"}, range(15, 20)),
        ({"split": "test", "n_max": 2}, range(15, 17)),
        ({"split": "val", "n_max": 100}, range(12, 15)),
        ({"start": 3, "stop": 7}, range(3, 7)),
        ({"split": "train", "start": 10, "stop": 99}, range(10, 12)),
        ({"n_max": 4}, range(4)),
        ({"start": 18, "n_max": 4}, range(18, 20)),
        ({"start": 20}, range(0)),
    ],
)
def test_reads_parts(path: Path, batch: JetBatch, selection: dict[str, Any], expected: range) -> None:
    part = read_jets(path, n_constituents=12, **selection)
    np.testing.assert_array_equal(part.p4[..., 1:], batch.p4[list(expected)][..., 1:])
    np.testing.assert_array_equal(part.n_constituents, batch.n_constituents[list(expected)])


def test_pads_and_cuts_to_the_asked_width(path: Path, batch: JetBatch) -> None:
    assert read_jets(path, n_constituents=40).p4.shape == (20, 40, 4)
    cut = read_jets(path, n_constituents=5)
    np.testing.assert_array_equal(cut.p4[..., 1:], batch.p4[:, :5, 1:])
    assert cut.n_constituents.max() == 5


def test_same_jets_same_digest(tmp_path: Path, batch: JetBatch) -> None:
    one = write_jets(tmp_path / "one.h5", batch, splits=SPLITS)
    other = write_jets(tmp_path / "other.h5", batch, splits=SPLITS, settings={"x": 1}, compression="gzip")
    assert one == other
    assert write_jets(tmp_path / "third.h5", batch) != one
    assert write_jets(tmp_path / "fourth.h5", batch[::-1], splits=SPLITS) != one


def test_refuses_bad_requests(path: Path, batch: JetBatch) -> None:
    with pytest.raises(DataError, match=r"unknown split 'tests'; did you mean 'test'\? Valid: test, train, val"):
        read_jets(path, split="tests")
    with pytest.raises(DataError, match="start:stop must be ascending and >= 0, got 7:3"):
        read_jets(path, start=7, stop=3)
    with pytest.raises(DataError, match=r"split 'train' must lie in 0\.\.20, got 0:21"):
        write_jets(path, batch, splits={"train": (0, 21)})


def test_refuses_to_write_what_cannot_be_jets(tmp_path: Path, batch: JetBatch) -> None:
    batch.p4[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        write_jets(tmp_path / "bad.h5", batch)
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"jet file must exist, got .*none\.h5; check the path"):
        read_jets(tmp_path / "none.h5")


@pytest.mark.parametrize("keep", [0, 7, 100, 3000, -1])
def test_truncated_file(path: Path, keep: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(DataError, match="truncated or damaged"):
        read_jets(path)


def test_damaged_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "jets.h5"
    write_jets(path, random_batch(1, 400, 60))
    with h5py.File(path) as file:
        where = file["px"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[where + 100] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match="truncated or damaged"):
        read_jets(path)


def test_changed_content_is_noticed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["label"][3] = 1 - file["label"][3]
    with pytest.raises(DataError, match="content digest must be"):
        verify_digest(path)


def test_wrong_offsets(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["offsets"][4] = 10**6
    with pytest.raises(DataError, match="offsets must ascend"):
        read_ragged(path)


def test_other_formats_and_versions(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(DataError, match="has format version 99, this tritag reads up to 1; update tritag"):
        read_info(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["format"]
    with pytest.raises(DataError, match="must be a tritag-jets file, got format None"):
        read_info(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format"], file.attrs["format_version"] = "tritag-jets", 1
        del file["px"]
    with pytest.raises(DataError, match="lacks the dataset px"):
        read_jets(path)


def test_full_disk_leaves_nothing_behind(tmp_path: Path, batch: JetBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(TritagError, match=r"cannot write .*jets\.h5: No space left on device; free space"):
        write_jets(tmp_path / "jets.h5", batch)
    assert not list(tmp_path.iterdir())


def test_a_file_written_in_parts_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jets = read_ragged(SAMPLE)
    splits = {"train": (0, 300), "test": (300, 400)}
    cuts = [0, 7, 7, 200, 400]
    parts = [jets.take(np.arange(start, stop)) for start, stop in itertools.pairwise(cuts)]
    digest = write_parts(tmp_path / "parts.h5", parts, splits=splits, seed=3)
    assert digest == write_jets(tmp_path / "whole.h5", jets, splits=splits, seed=3)
    assert read_info(tmp_path / "parts.h5") == read_info(tmp_path / "whole.h5")
    monkeypatch.setattr(store, "_MANY", 0)  # block by block
    monkeypatch.setattr(content, "_ROWS_PER_BLOCK", 100)
    assert verify_digest(tmp_path / "parts.h5") == digest
    with pytest.raises(DataError, match="must hold jets, got no part"):
        write_parts(tmp_path / "none.h5", [])
    with pytest.raises(DataError, match=r"split 'train' must lie in 0\.\.7"):
        write_parts(tmp_path / "short.h5", parts[:1], splits=splits)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.h5", "whole.h5"]
