"""Make a set of jets: shards over all cores, kept on disk as they finish, then merged into one file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tritag.configs import digest
from tritag.data.jets.identity import require_intact
from tritag.data.jets.ragged import RaggedJets, join
from tritag.data.jets.store import read_info, write_jets
from tritag.data.simulation.config import SPLITS, DataConfig, load_data_config
from tritag.data.simulation.record import need
from tritag.data.simulation.shards import (
    Shard,
    make_shard,
    plain,
    plan_shards,
    read_shard,
    shard_path,
    versions,
    write_shard,
)
from tritag.environment import cache_folder
from tritag.errors import DataError
from tritag.farm import Farm
from tritag.helper_files import HELPERS, only_one
from tritag.progress import Progress
from tritag.task import Task
from tritag.tasks import Report, run_tasks
from tritag.terminal import print_progress

_MERGE_STREAM = 2


def ensure_data(name: str | Path, processes: Farm | int | None = None) -> Path:
    """The jet file of a configuration: the cached one when it is there and whole, otherwise a new one.

    A damaged one is made again, which is said: tritag itself has made it, and the same settings give the same jets.

    Parameters
    ----------
    name : str or Path
        A name in ``configs/data`` or a YAML file.
    processes : int or Farm, optional
        All available cores by default.

    Raises
    ------
    ConfigError, ToolError, DataError
        See `make_data`.
    """
    config = load_data_config(name)
    path = default_path(name, config)
    if (fault := _fault(path, config)) is not None:
        with only_one(path):
            if (fault := _fault(path, config)) is not None:  # another command may have made it again meanwhile
                print_progress(f"{fault}; the jets in the cache are made again")
                path.unlink()
    return make_data(config, path, processes=processes)


def _fault(path: Path, config: DataConfig) -> str | None:
    """What is wrong with a set in the cache; None of one that is whole, or that is not there."""
    if not path.exists():
        return None
    try:
        require_intact(path)
        _check_same(path, config)
    except DataError as error:
        return str(error)
    return None


def default_path(name: str | Path, config: DataConfig) -> Path:
    """``<cache>/data/<name>-<digest of the settings>.h5``; the cache is ``$TRITAG_CACHE`` or ``cache``."""
    return cache_folder("data") / f"{Path(name).stem}-{digest(config.settings())}.h5"


def make_data(config: DataConfig, path: Path | str, *, processes: Farm | int | None = None) -> Path:
    """Generate the set ``config`` into ``path`` unless it is there already.

    Finished shards lie in ``.tritag/<name>.shards/`` beside it until all are done; after a kill the next call goes on
    from them. The content depends on the settings and the versions of the packages alone, not on ``processes``.

    Raises
    ------
    ToolError
        A package of the generator is missing, or processes died.
    ConfigError
        No jet passes the cuts.
    DataError
        ``path`` holds something else.
    TritagError
        The disk is full or not writable.
    """
    path = Path(path)
    folder = shards_folder(path)
    if path.exists():  # reading needs no lock, and no place to write one
        _check_same(path, config)
        return path
    with only_one(path):
        if path.exists():
            _check_same(path, config)
            return path
        for package in ("pythia8mc", "fastjet", "awkward"):
            need(package)
        shards = plan_shards(config)
        missing = [shard for shard in shards if read_shard(folder, config, shard) is None]
        done = sum(shard.n_jets for shard in shards) - sum(shard.n_jets for shard in missing)
        folder.mkdir(parents=True, exist_ok=True)
        with Progress(path.stem, config.n_jets, "jets", done=done, closing=True) as progress:
            _make_shards(config, missing, folder, Farm.of(processes), progress.advance)
        _merge(config, shards, folder, path)
        shutil.rmtree(folder)
    return path


def shards_folder(path: Path) -> Path:
    """Where the finished shards of ``path`` wait for the others."""
    return path.parent / HELPERS / f"{path.name}.shards"


def _check_same(path: Path, config: DataConfig) -> None:
    if read_info(path).settings != plain(config):
        raise DataError(
            f"{path} must hold the set of this configuration, got other settings; remove it or choose --out"
        )


def _make_shards(config: DataConfig, shards: list[Shard], folder: Path, farm: Farm, report: Report) -> None:
    """Make shards, each a task; the first error ends all, since no set can be made of the others."""
    where = folder.resolve()
    tasks = [
        Task(target.stem, target, _work, (config, shard, where), shard.n_jets)
        for shard in shards
        for target in (shard_path(where, config, shard),)
    ]
    for _, error in run_tasks(tasks, farm, report):
        if error is not None:
            raise error


def _work(report: Report, config: DataConfig, shard: Shard, folder: Path) -> None:
    write_shard(folder, config, shard, make_shard(config, shard, report))


def _merge(config: DataConfig, shards: list[Shard], folder: Path, path: Path) -> None:
    """Cut the classes into splits, shuffle each split with the seed, and write one file."""
    labels = range(len(config.classes))
    by_class: list[list[RaggedJets]] = [[] for _ in labels]
    for shard in sorted(shards, key=lambda shard: shard.index):
        jets = read_shard(folder, config, shard)
        if jets is None:
            raise DataError(
                f"{shard_path(folder, config, shard)} was damaged while the set was made; run the same command again"
            )
        by_class[shard.label].append(jets)
    everything = join([part for parts in by_class for part in parts])
    # the first jet of each class that has not been given to a split
    next_jet = [sum(config.n_class(lower) for lower in range(label)) for label in labels]
    splits, order = {}, []
    n_done = 0
    for number, split in enumerate(SPLITS):
        chosen = []
        for label in labels:
            n_jets = config.n_of(split, label)
            chosen.append(np.arange(next_jet[label], next_jet[label] + n_jets))
            next_jet[label] += n_jets
        stream = np.random.SeedSequence(config.seed, spawn_key=(_MERGE_STREAM, number))
        order.append(np.random.default_rng(stream).permutation(np.concatenate(chosen)))
        splits[split] = (n_done, n_done + len(order[-1]))
        n_done += len(order[-1])
    jets = everything.take(np.concatenate(order))
    write_jets(path, jets, splits=splits, settings=config.settings(), versions=versions(), seed=config.seed)
