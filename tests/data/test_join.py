"""Joining files: class by class, split by split, by fractions; nothing counts twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from tritag.cli import run
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.parts import read_blocks
from tritag.data.jets.ragged import flatten, join
from tritag.data.jets.spool import spool
from tritag.data.jets.store import read_info, read_jets, write_jets
from tritag.data.readers.convert import convert_jets
from tritag.data.readers.join import Source, join_files, parse_fractions, source_of
from tritag.errors import DataError


@pytest.fixture
def files(tmp_path: Path, jets_by_seed: Callable[..., JetBatch]) -> dict[str, Path]:
    """Files without labels, one for each class, and a third one."""
    paths = {}
    for i, name in enumerate(("qcd", "top", "w")):
        batch = jets_by_seed(i, n_jets=10 * (i + 1))
        paths[name] = tmp_path / f"{name}.npz"
        np.savez(paths[name], p4=batch.p4, n_constituents=batch.n_constituents)
    return paths


@pytest.fixture
def jets_by_seed() -> Callable[..., JetBatch]:
    from tests.data.conftest import random_batch

    return random_batch


def test_class_by_class_by_fractions(tmp_path: Path, files: dict[str, Path]) -> None:
    sources = [source_of(f"{name}={path}") for name, path in files.items()]
    joined = join_files(sources, tmp_path / "all.h5", fractions=parse_fractions("0.8/0.1/0.1"))
    few = {"qcd": 1, "top": 2, "w": 3}
    assert joined.counts == {"train": {"qcd": 8, "top": 16, "w": 24}, "val": few, "test": few}
    info = read_info(tmp_path / "all.h5")
    assert info.classes == ("qcd", "top", "w")
    assert info.splits == {"train": (0, 48), "val": (48, 54), "test": (54, 60)}
    train = read_jets(tmp_path / "all.h5", split="train")
    assert len(set(train.label[:12].tolist())) > 1, "classes must be shuffled"
    join_files(sources, tmp_path / "again.h5", fractions=(0.8, 0.1, 0.1))
    assert read_info(tmp_path / "again.h5").digest == info.digest
    join_files(sources, tmp_path / "other.h5", fractions=(0.8, 0.1, 0.1), seed=2)
    assert read_info(tmp_path / "other.h5").digest != info.digest
    # every jet is there once
    sums = sorted(read_jets(tmp_path / "all.h5").p4.sum(axis=(1, 2)).tolist())
    assert sums == sorted(read_jets(tmp_path / "other.h5").p4.sum(axis=(1, 2)).tolist())


def test_split_by_split(tmp_path: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "all.h5"
    train = [f"--train=qcd={files['qcd']}", f"--train=top={files['top']}"]
    assert run(["data", "join", *train, "--test", f"top={files['w']}", "--out", str(out)]) == 0
    assert "train: 30 jets, 10 qcd, 20 top\ntest: 30 jets, 0 qcd, 30 top" in capsys.readouterr().out
    assert read_info(out).splits == {"train": (0, 30), "test": (30, 60)}


def test_own_files_keep_their_splits(tmp_path: Path, jets_by_seed: Callable[..., JetBatch]) -> None:
    for i in range(2):
        batch = jets_by_seed(i)
        write_jets(tmp_path / f"{i}.h5", batch, splits={"train": (0, 10), "test": (12, 20)})
    sources = [Source(tmp_path / "0.h5"), Source(tmp_path / "1.h5")]
    joined = join_files(sources, tmp_path / "all.h5")
    assert {name: sum(counts.values()) for name, counts in joined.counts.items()} == {"train": 20, "test": 16}
    assert joined.notes[0] == "4 jets are in no split of their files and are left out"
    write_jets(tmp_path / "2.h5", jets_by_seed(2))
    with pytest.raises(DataError, match=r"all files must have splits, or none, but .*2\.h5 has none; give fractions"):
        join_files([*sources, Source(tmp_path / "2.h5")], tmp_path / "more.h5")


def test_what_cannot_be_joined(tmp_path: Path, files: dict[str, Path], jets_by_seed: Callable[..., JetBatch]) -> None:
    qcd, top = (Source(files[name], name) for name in ("qcd", "top"))
    copy = tmp_path / "copy.npz"
    copy.write_bytes(files["qcd"].read_bytes())
    labelled = tmp_path / "labelled.h5"
    write_jets(labelled, jets_by_seed(7))
    for sources, message in (
        ([], "files to join must be given, got none"),
        ([qcd, Source(files["qcd"], "top")], "each file must be given once, got .* twice"),
        ([qcd, Source(copy, "top")], r"must hold different jets, but .*qcd\.npz and .*copy\.npz hold the same"),
        (
            [qcd, Source(files["top"])],
            "must all name their classes, or none, but .*give a file of one class as CLASS=FILE",
        ),
        ([Source(labelled, "top")], "must hold one class to be called 'top', got several"),
        ([qcd, Source(files["top"], "top", "test")], "all files must be given with --train, --val or --test, or none"),
    ):
        with pytest.raises(DataError, match=message):
            join_files(sources, tmp_path / "out.h5")
        assert not (tmp_path / "out.h5").exists()
    with pytest.raises(DataError, match="by fractions or by files, got both"):
        join_files([Source(files["qcd"], "qcd", "train")], tmp_path / "out.h5", fractions=(1, 0, 0))
    with pytest.raises(DataError, match="classes must name all of the files' classes, but lack top"):
        join_files([qcd, top], tmp_path / "out.h5", classes=("qcd", "w"))
    for text in ("0.8/0.2", "a/b/c", "0.5/0.4/0.2", "1.5/-0.5/0", "nan/0/0"):
        with pytest.raises(DataError, match=r"splits must be (three )?fractions"):
            parse_fractions(text)
    join_files([top, qcd], tmp_path / "out.h5", classes=("qcd", "top"))
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["classes"] == '["qcd", "top"]'


def test_a_set_put_together_on_disk_is_the_same_file(
    tmp_path: Path, jets_by_seed: Callable[..., JetBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte by byte, with more jets and constituents than a chunk of the file holds."""
    monkeypatch.setattr("tritag.data.jets.spool._JETS_PER_BLOCK", 10_007)
    batches = [jets_by_seed(i, n_jets=n + 2, width=4)[:n] for i, n in enumerate((40_000, 0, 30_000))]
    plain = [flatten(replace(b, columns={"z0_cm": b.p4[..., 1].copy()})) for b in batches]
    paths = [tmp_path / f"{i}.h5" for i in range(3)]
    for path, jets in zip(paths, plain, strict=True):
        write_jets(path, jets)
    together, order = join(plain), np.random.default_rng(1).permutation(70_000)[:69_000]
    about = {"splits": {"train": (0, 69_000)}, "settings": {"a": 1}, "seed": 3}
    with spool(tmp_path / "spooled.h5") as spooled:
        for path in paths:
            spooled.add(read_blocks(path, n_jets=7_001))
        spooled.write(tmp_path / "spooled.h5", together.label, together.classes, order, **about)
    write_jets(tmp_path / "plain.h5", together.take(order), **about)
    assert (tmp_path / "spooled.h5").read_bytes() == (tmp_path / "plain.h5").read_bytes()
    convert_jets(paths[0], tmp_path / "copy.h5")
    assert (tmp_path / "copy.h5").read_bytes() == paths[0].read_bytes()
    assert not (tmp_path / ".tritag").exists()
