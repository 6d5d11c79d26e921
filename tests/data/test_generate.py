"""Production: the same settings give the same jets, however they are made, and a kill loses little."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tritag.configs import config_names
from tritag.data.jets.jets import check_jets
from tritag.data.jets.store import read_info, read_jets, read_ragged, verify_digest
from tritag.data.simulation import generate, shards
from tritag.data.simulation.config import DataConfig, load_data_config
from tritag.data.simulation.generate import default_path, ensure_data, make_data, shards_folder
from tritag.data.simulation.shards import Shard, make_shard, plan_shards, read_shard
from tritag.errors import ConfigError, DataError, ToolError, TritagError

MAKE = """
from tritag.data.simulation.config import DataConfig
from tritag.data.simulation.generate import make_data, shards_folder
make_data({config!r}, {path!r}, processes=1)
"""


@pytest.fixture(scope="module")
def generator() -> None:
    """Skip where the generator's packages are missing."""
    for package in ("pythia8mc", "fastjet", "awkward"):
        pytest.importorskip(package, reason=f"{package} is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, generator: None) -> Path:
    """The quick set, made in this process."""
    config = DataConfig(
        train={"signal": 8, "background": 6},
        val={"signal": 2, "background": 2},
        test={"signal": 2, "background": 6},
        seed=11,
        pt_hat_min_gev=500.0,
        multiparton_interactions=False,
        events_per_batch=30,
        jets_per_shard=5,
    )
    return make_data(config, tmp_path_factory.mktemp("made") / "quick.h5", processes=1)


@pytest.mark.parametrize("name", config_names("data"))
def test_configurations_are_valid(name: str) -> None:
    config = load_data_config(name)
    assert sum(shard.n_jets for shard in plan_shards(config)) == config.n_jets


def test_configurations_do_not_share_random_streams() -> None:
    seeds = [load_data_config(name).seed for name in config_names("data")]
    assert len(set(seeds)) == len(seeds)


def test_content(made: Path, quick_config: DataConfig) -> None:
    info = read_info(made)
    assert info.splits == {"train": (0, 14), "val": (14, 18), "test": (18, 26)}
    for split in info.splits:
        label = read_jets(made, split=split).label
        counts = getattr(quick_config, split)
        assert {"signal": (label == 1).sum(), "background": (label == 0).sum()} == counts
    assert info.settings["seed"] == 11
    assert info.versions == shards.versions()
    assert not shards_folder(made).exists()
    assert not shards_folder(made).parent.exists() or not list(shards_folder(made).parent.glob(f"{made.name}*"))


def test_jets_obey_the_cuts(made: Path) -> None:
    batch, stored = read_jets(made), read_ragged(made)
    check_jets(batch)
    total = batch.p4.sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(total, stored.jet, rtol=1e-4, atol=1e-2)
    pt = np.hypot(total[:, 1], total[:, 2])
    assert np.all((pt > 550) & (pt < 650))
    assert np.all(np.abs(np.arcsinh(total[:, 3] / pt)) < 2)
    constituent_pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    assert np.all(np.diff(constituent_pt, axis=1) <= 1e-4)
    # the truth is a top for the signal and nothing for the background
    mass = np.sqrt(np.maximum(stored.truth[:, 0] ** 2 - np.sum(stored.truth[:, 1:].astype(float) ** 2, axis=1), 0))
    assert np.all(np.abs(mass[stored.label == 1] - 171) < 15)
    assert not stored.truth[stored.label == 0].any()


def test_number_of_processes_does_not_matter(made: Path, quick_config: DataConfig, tmp_path: Path) -> None:
    other = make_data(quick_config, tmp_path / "other.h5", processes=2)
    assert verify_digest(other) == read_info(made).digest


def test_other_seed_other_jets(quick_config: DataConfig, generator: None) -> None:
    one = make_shard(quick_config, Shard(1, 0, 3))
    for config, shard in ((replace(quick_config, seed=12), Shard(1, 0, 3)), (quick_config, Shard(1, 1, 3))):
        assert not np.array_equal(one.jet, make_shard(config, shard).jet)
    np.testing.assert_array_equal(one.jet, make_shard(quick_config, Shard(1, 0, 3)).jet)


def test_killed_and_resumed(
    made: Path, quick_config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "killed.h5"
    folder = shards_folder(path)
    command = [sys.executable, "-c", MAKE.format(config=quick_config, path=str(path))]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.h5"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not path.exists()
    kept = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.h5")}
    assert len(kept) >= 2
    remade = []

    def make_and_note(*arguments: Any) -> Any:
        remade.append(shards.shard_path(folder, *arguments[:2]).name)
        return make_shard(*arguments)

    monkeypatch.setattr(generate, "make_shard", make_and_note)
    make_data(quick_config, path, processes=1)
    assert not set(remade) & set(kept)
    assert read_info(path).digest == read_info(made).digest


def test_damaged_shards_are_made_again(
    made: Path, quick_config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jets.h5"
    n_made = 0

    def stop_after_three(*arguments: Any) -> Any:
        nonlocal n_made
        n_made += 1
        if n_made > 3:
            raise KeyboardInterrupt
        return make_shard(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(generate, "make_shard", stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            make_data(quick_config, path, processes=1)
    first, second, _ = sorted(shards_folder(path).glob("*.h5"))
    first.write_bytes(first.read_bytes()[:500])
    second.unlink()
    make_data(quick_config, path, processes=1)
    assert read_info(path).digest == read_info(made).digest


def test_shards_of_other_settings_are_not_used(quick_config: DataConfig, tmp_path: Path, generator: None) -> None:
    shard = Shard(0, 0, 2)
    shards.write_shard(tmp_path, quick_config, shard, make_shard(quick_config, shard))
    assert read_shard(tmp_path, quick_config, shard) is not None
    assert read_shard(tmp_path, replace(quick_config, top_mass_gev=173.0), shard) is None
    assert read_shard(tmp_path, quick_config, Shard(0, 0, 3)) is None
    assert read_shard(tmp_path, quick_config, Shard(0, 1, 2)) is None


def test_full_disk_leaves_no_half_file(
    quick_config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: None
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tritag.files.os.replace", full)
    with pytest.raises(TritagError, match="No space left on device; free space"):
        make_data(quick_config, tmp_path / "jets.h5", processes=1)
    assert not list(shards_folder(tmp_path / "jets.h5").iterdir())


def test_existing_file_is_kept(made: Path, quick_config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "_make_shards", None)
    assert make_data(quick_config, made) == made
    with pytest.raises(DataError, match="must hold the set of this configuration, got other settings"):
        make_data(replace(quick_config, seed=12), made)


def test_missing_package(quick_config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pythia8mc", "fastjet", "awkward"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ToolError, match=rf"needs the package {package}.*pip install 'tritag\[generate\]'"):
                make_data(quick_config, tmp_path / "jets.h5", processes=1)


def test_cuts_that_nothing_passes(quick_config: DataConfig, monkeypatch: pytest.MonkeyPatch, generator: None) -> None:
    monkeypatch.setattr(shards, "_EVENTS_WITHOUT_JET_MAX", 60)
    impossible = replace(quick_config, jet_pt_min_gev=6000.0, jet_pt_max_gev=6001.0)
    with pytest.raises(ConfigError, match="jets must pass the cuts, got none in 60 background events"):
        make_shard(impossible, Shard(0, 0, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed must be >= 0, got -1"),
        ({"jet_radius": 0.0}, r"jet_radius must be > 0, got 0\.0"),
        ({"jet_pt_max_gev": 500.0}, r"jet_pt_max_gev must be > 550\.0 \(jet_pt_min_gev\), got 500\.0"),
        ({"pt_hat_min_gev": 600.0}, r"pt_hat_min_gev must be 0\.\.550\.0 \(jet_pt_min_gev\), got 600\.0"),
        ({"val": {"signal": -1, "background": 0}}, "val must ask for 0 to 1000000000 jets of each class"),
        ({"val": {"signal": True, "background": 0}}, "val must ask for 0 to 1000000000 jets of each class"),
        ({"val": {"signal": 1, "backgroud": 0}}, "unknown class in val 'backgroud'; did you mean 'background'"),
        ({"val": {"signal": 1}}, "val must name each class of top-vs-qcd, but lacks background"),
        ({"val": 3}, "val must map the classes background, signal to numbers, got 3"),
        (
            {"process_set": "five-classes", "pt_hat_min_gev": 9.0},
            r"pt_hat_min_gev must be 0 for five-classes, whose jets come from a resonance, got 9\.0",
        ),
        (
            {split: {"signal": 0, "background": 0} for split in ("train", "val", "test")},
            "at least one split must ask for jets",
        ),
    ],
)
def test_refuses_bad_settings(quick_config: DataConfig, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(quick_config, **change)


def test_cache_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_config: DataConfig) -> None:
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    path = default_path("top", quick_config)
    assert path.parent == tmp_path / "data"
    assert path.name.startswith("top-")
    assert default_path("top", replace(quick_config, seed=12)) != path
    monkeypatch.delenv("TRITAG_CACHE")
    assert default_path("my/own.yaml", quick_config).parent == Path("cache/data")


def test_ensure_data_uses_the_cache(
    made: Path, quick_config: DataConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(generate, "load_data_config", lambda name: quick_config)
    target = default_path("quick", quick_config)
    target.parent.mkdir()
    target.write_bytes(made.read_bytes())
    assert ensure_data("quick") == target


def test_damaged_jets_in_the_cache_are_made_again(
    made: Path, quick_config: DataConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    """tritag has made them; a damaged file that the user named is an error, and stays as it is."""
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(generate, "load_data_config", lambda name: quick_config)
    content = made.read_bytes()

    def merge(config: DataConfig, found: list[Shard], folder: Path, path: Path) -> None:
        path.write_bytes(content)

    monkeypatch.setattr(generate, "_make_shards", lambda *_: None)
    monkeypatch.setattr(generate, "_merge", merge)
    target = default_path("quick", quick_config)
    target.parent.mkdir()
    for damaged in (b"", content[: len(content) // 2], content.replace(b"digest", b"digesT"), b"x" * 5000):
        target.write_bytes(damaged)
        assert ensure_data("quick") == target
        assert target.read_bytes() == content
        assert "the jets in the cache are made again" in capsys.readouterr().err
    own = tmp_path / "own.h5"
    own.write_bytes(content[:5000])
    with pytest.raises(DataError):
        make_data(quick_config, own)
    assert own.read_bytes() == content[:5000]
