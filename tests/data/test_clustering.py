"""Which jets of an event are kept, and what they are matched to, on candidates made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tritag.data.simulation.clustering import find_jets
from tritag.data.simulation.config import DataConfig
from tritag.data.simulation.detector import Candidates
from tritag.data.simulation.truth import Sources

FIVE = dict.fromkeys(("gluon", "quark", "W", "Z", "top"), 1)


@pytest.fixture(scope="module", autouse=True)
def generator() -> None:
    """Skip where the generator's packages are missing."""
    for package in ("fastjet", "awkward"):
        pytest.importorskip(package, reason=f"{package} is not installed")


def momentum(pt_gev: float, eta: float, phi: float) -> list[float]:
    """(px, py, pz) in GeV."""
    return [pt_gev * np.cos(phi), pt_gev * np.sin(phi), pt_gev * np.sinh(eta)]


def massless(*momenta: list[float]) -> np.ndarray:
    """(E, px, py, pz) of massless particles."""
    return np.array([[np.linalg.norm(p), *p] for p in momenta])


@pytest.fixture
def event() -> dict[str, Any]:
    """Two events: one with jets of 1000 and 950 GeV back to back, one with a single jet of 900 GeV."""
    hard, soft, alone = momentum(1000, 0.3, 0.1), momentum(950, -0.2, 3.2), momentum(900, 1.0, -1.0)
    candidates = Candidates(
        event=np.array([0, 0, 0, 1, 1]),
        momentum=np.array([momentum(40, 0.35, 0.2), soft, hard, alone, momentum(1, 1.1, -1.1)]),
        pdg_id=np.array([22, 211, -211, 130, 11]),
    )
    sources = Sources(np.array([0, 0, 1]), massless(hard, soft, alone), np.zeros((3, 0, 4)))
    config = DataConfig(
        FIVE, FIVE, FIVE, process_set="five-classes", pt_hat_min_gev=0.0, jet_pt_min_gev=800.0, jet_pt_max_gev=1200.0
    )
    return {"candidates": candidates, "sources": sources, "n_events": 2, "config": config, "label": 3}


def test_leading_jets_and_their_sources(event: dict[str, Any]) -> None:
    jets = find_jets(**event)
    assert np.diff(jets.offsets).tolist() == [2, 2]
    np.testing.assert_allclose(jets.truth, event["sources"].p4[[0, 2]], rtol=1e-6)
    assert jets.label.tolist() == [3, 3]
    # the highest pT first, each with its own number
    assert jets.pdg_id is not None
    assert jets.pdg_id.tolist() == [-211, 22, 130, 11]
    both = find_jets(**{**event, "config": replace(event["config"], jets_per_event=2)})
    np.testing.assert_allclose(both.truth, event["sources"].p4, rtol=1e-6)
    assert both.pdg_id is not None
    assert both.pdg_id.tolist() == [-211, 22, 211, 130, 11]


def test_a_jet_must_hold_all_products(event: dict[str, Any]) -> None:
    sources = event["sources"]
    inside, outside = massless(momentum(300, 0.5, 0.5)), massless(momentum(300, 0.5, 1.2))
    for products, n_jets in ((inside, 1), (outside, 0)):
        one = Sources(sources.event[:1], sources.p4[:1], np.concatenate([sources.p4[:1], products])[None])
        assert len(find_jets(**{**event, "sources": one})) == n_jets


def test_without_sources_any_jet_inside_the_cuts_counts(event: dict[str, Any]) -> None:
    jets = find_jets(**{**event, "sources": None})
    assert len(jets) == 2
    assert not jets.truth.any()
    narrow = replace(event["config"], jet_abs_eta_max=0.5)
    assert len(find_jets(**{**event, "sources": None, "config": narrow})) == 1
