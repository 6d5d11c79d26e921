"""Shards: the pieces in which a set is generated, each with its own random streams.

A shard depends only on the settings, its class and its number, so any number of processes may make them in any order,
and finished ones survive a kill.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from tritag.data.jets.ragged import RaggedJets, join
from tritag.data.jets.store import read_info, read_ragged, write_jets
from tritag.data.simulation.clustering import find_jets
from tritag.data.simulation.config import DataConfig
from tritag.data.simulation.detector import simulate, visible
from tritag.data.simulation.pythia import EventSource
from tritag.errors import ConfigError, DataError

PACKAGES = ("tritag", "pythia8mc", "fastjet", "awkward", "numpy")
# the reference settings accept one event in four; this many in a row without a jet means cuts that nothing passes
_EVENTS_WITHOUT_JET_MAX = 20_000
_EVENTS_MIN = 20


@dataclass(frozen=True)
class Shard:
    """``n_jets`` jets of one class, number ``index`` among the shards of that class."""

    label: int
    index: int
    n_jets: int


def shard_path(folder: Path, config: DataConfig, shard: Shard) -> Path:
    """File of a shard in ``folder``."""
    return folder / f"{config.classes[shard.label]}-{shard.index:05d}.h5"


def plan_shards(config: DataConfig) -> list[Shard]:
    """All shards of a set, the classes interleaved so that the time left is estimated fairly."""
    shards = []
    for label in range(len(config.classes)):
        total, size = config.n_class(label), config.jets_per_shard
        shards += [Shard(label, i, min(size, total - i * size)) for i in range((total + size - 1) // size)]
    return sorted(shards, key=lambda shard: (shard.index / max(config.n_class(shard.label), 1), shard.label))


def versions() -> dict[str, str]:
    """Versions of the packages that decide what jets come out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def make_shard(config: DataConfig, shard: Shard, report: Callable[[int], None] | None = None) -> RaggedJets:
    """Generate the jets of one shard.

    Parameters
    ----------
    report : callable, optional
        Called with the number of new jets after each batch of events.

    Raises
    ------
    ToolError
        A package of the generator is missing.
    ConfigError
        No jet passes the cuts.
    """
    streams = np.random.SeedSequence(config.seed, spawn_key=(shard.label, shard.index)).spawn(3)
    source = EventSource(config, shard.label, int(streams[0].generate_state(1)[0]))
    rng = np.random.default_rng(streams[1])
    fields_rng = np.random.default_rng(streams[2]) if config.fields else None
    see = partial(simulate, rng=rng) if config.detector == "atlas" else visible
    parts: list[RaggedJets] = []
    n_found = n_events = n_barren = 0
    while n_found < shard.n_jets:
        # the last batch asks for little more than what is missing
        expected = (shard.n_jets - n_found) * n_events // max(n_found, 1)
        n_batch = min(max(expected, _EVENTS_MIN), config.events_per_batch) if n_found else config.events_per_batch
        particles, sources = source.next(n_batch)
        candidates = see(particles, fields_rng=fields_rng)
        jets = find_jets(candidates, sources, particles.n_events, config, shard.label)
        n_new = min(len(jets), shard.n_jets - n_found)
        n_events += n_batch
        n_barren = 0 if n_new else n_barren + n_batch
        if n_barren >= _EVENTS_WITHOUT_JET_MAX:
            raise ConfigError(
                f"jets must pass the cuts, got none in {n_barren} {config.classes[shard.label]} events; "
                "check jet_pt_min_gev, jet_pt_max_gev and pt_hat_min_gev"
            )
        parts.append(jets)
        n_found += n_new
        if report is not None and n_new:
            report(n_new)
    return join(parts).take(np.arange(shard.n_jets))


def write_shard(folder: Path, config: DataConfig, shard: Shard, jets: RaggedJets) -> None:
    """Store a finished shard in ``folder``."""
    write_jets(
        shard_path(folder, config, shard), jets, settings=config.settings(), versions=versions(), seed=config.seed
    )


def read_shard(folder: Path, config: DataConfig, shard: Shard) -> RaggedJets | None:
    """A finished shard, or None when it is missing, damaged, or made with other settings or versions."""
    path = shard_path(folder, config, shard)
    try:
        info = read_info(path)
        if info.n_jets != shard.n_jets or info.settings != plain(config) or info.versions != versions():
            return None
        return read_ragged(path)
    except DataError:
        return None


def plain(config: DataConfig) -> dict[str, object]:
    """The settings as JSON gives them back."""
    return dict(json.loads(json.dumps(config.settings())))
