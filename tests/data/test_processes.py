"""The process sets: jets come from what they are named after, and older sets keep their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tritag.data.jets.ragged import RaggedJets
from tritag.data.jets.store import read_info, read_jets, read_ragged, verify_digest
from tritag.data.simulation.clustering import delta_r
from tritag.data.simulation.config import DataConfig, load_data_config
from tritag.data.simulation.generate import default_path, make_data
from tritag.data.simulation.processes import PROCESS_SETS
from tritag.data.simulation.shards import Shard, make_shard

NEUTRINOS = (12, 14, 16)


@pytest.fixture(scope="module", autouse=True)
def generator() -> None:
    """Skip where the generator's packages are missing."""
    for package in ("pythia8mc", "fastjet", "awkward"):
        pytest.importorskip(package, reason=f"{package} is not installed")


def quick(process_set: str, n_jets: int = 2) -> DataConfig:
    """Few jets of each class of a set, without multiparton interactions."""
    counts = dict.fromkeys(PROCESS_SETS[process_set].classes, n_jets)
    more = {
        "quark-gluon": {
            "detector": "none", "pt_hat_min_gev": 450.0, "jet_radius": 0.4, "match_radius": 0.4,
            "jet_pt_min_gev": 500.0, "jet_pt_max_gev": 550.0,
        },
        "five-classes": {"pt_hat_min_gev": 0.0, "jet_pt_min_gev": 900.0, "jet_pt_max_gev": 1100.0},
    }[process_set]  # fmt: skip
    return DataConfig(
        counts, counts, counts, process_set=process_set, multiparton_interactions=False, events_per_batch=20, **more
    )


@pytest.mark.parametrize(
    ("name", "digest"),
    [("tiny", "3de78d17"), ("top-demo", "e6685835"), ("top-study", "726c5048"), ("top", "fedee19c")],
)
def test_older_sets_keep_their_names(name: str, digest: str) -> None:
    assert default_path(name, load_data_config(name)).name == f"{name}-{digest}.h5"


def truth_mass_gev(jets: RaggedJets) -> np.ndarray:
    """Masses of the matched partons, bosons and tops."""
    truth = jets.truth.astype(np.float64)
    return np.sqrt(np.maximum(truth[:, 0] ** 2 - np.sum(truth[:, 1:] ** 2, axis=1), 0))


@pytest.mark.parametrize(("kind", "mass_gev"), [("gluon", 0.0), ("quark", 0.0), ("W", 80.4), ("Z", 91.2), ("top", 171)])
def test_jets_of_five_classes_hold_what_they_are_named_after(kind: str, mass_gev: float) -> None:
    config = quick("five-classes")
    label = config.classes.index(kind)
    jets = make_shard(config, Shard(label, 0, 6))
    assert jets.classes == ("gluon", "quark", "W", "Z", "top")
    assert set(jets.label.tolist()) == {label}
    # the median, because a resonance may be far from its mass; the energy of a light parton is stored as float32
    assert np.median(truth_mass_gev(jets)) == pytest.approx(mass_gev, abs=4.0)
    assert np.all(delta_r(jets.jet.astype(np.float64), jets.truth.astype(np.float64)) < 0.8)
    pt_gev = np.hypot(jets.truth[:, 1], jets.truth[:, 2])
    assert np.median(pt_gev) == pytest.approx(1000.0, abs=200.0)


def test_quark_and_gluon_set(tmp_path: Path) -> None:
    config = quick("quark-gluon")
    path = make_data(config, tmp_path / "one.h5", processes=1)
    info, batch, stored = read_info(path), read_jets(path), read_ragged(path)
    assert info.classes == batch.classes == ("gluon", "quark")
    assert info.settings["detector"] == "none"
    assert info.splits == {"train": (0, 4), "val": (4, 8), "test": (8, 12)}
    for split in info.splits:
        assert sorted(read_jets(path, split=split).label.tolist()) == [0, 0, 1, 1]
    assert verify_digest(path) == info.digest
    # particles as they are: hadrons, photons and leptons by their numbers, the Z's neutrinos not among them
    assert stored.pdg_id is not None
    assert {22, 211, -211} < set(stored.pdg_id.tolist())
    assert not np.isin(np.abs(stored.pdg_id), NEUTRINOS).any()
    assert batch.truth is not None
    np.testing.assert_allclose(truth_mass_gev(stored), 0.0, atol=2.0)
    other = make_data(config, tmp_path / "two.h5", processes=1)
    assert read_info(other).digest == info.digest


def test_leading_constituents_keep_their_numbers() -> None:
    config = quick("quark-gluon")
    jets = make_shard(config, Shard(1, 0, 3))
    cut = jets.leading(5)
    assert cut.pdg_id is not None
    assert jets.pdg_id is not None
    np.testing.assert_array_equal(cut.pad().p4, jets.pad(5).p4)
    np.testing.assert_array_equal(cut.take(np.array([2])).pdg_id, jets.pdg_id[jets.offsets[2] : jets.offsets[2] + 5])
