"""Partons, bosons and tops in event records written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tritag.data.simulation.processes import Process
from tritag.data.simulation.record import EventRecord
from tritag.data.simulation.truth import find_sources

Line = tuple[int, int, int, int, int]


def record_of(*events: list[Line]) -> EventRecord:
    """Lines (PDG number, status, mother, first and last daughter); line i of an event has energy i."""
    awkward = pytest.importorskip("awkward", reason="awkward is not installed")
    columns = {
        name: awkward.Array([[line[i] for line in event] for event in events])
        for i, name in enumerate(("id", "status", "mother1", "daughter1", "daughter2"))
    }
    energy = awkward.Array([[float(i) for i in range(len(event))] for event in events])
    columns["p"] = {"e": energy, "px": 0 * energy, "py": 0 * energy, "pz": 0 * energy}
    return EventRecord(SimpleNamespace(prt=SimpleNamespace(**columns)))


HARD_SCATTER: list[Line] = [
    (90, -11, 0, 0, 0),
    (23, -22, 0, 3, 3),
    # the quark is written again by two recoils, then radiates
    (2, -23, 0, 4, 4),
    (23, -44, 1, 0, 0),
    (2, -44, 2, 5, 5),
    (2, -52, 4, 6, 7),
    (2, -51, 5, 0, 0),
    (21, -51, 5, 0, 0),
]
TWO_BOSONS: list[Line] = [
    (90, -11, 0, 0, 0),
    (24, -22, 0, 3, 4),
    (-24, -22, 0, 5, 6),
    (2, -23, 1, 0, 0),
    (-1, 23, 1, 0, 0),
    (4, -23, 2, 0, 0),
    # a lepton, or a quark that was not found: this W is not whole
    (-3, -33, 2, 0, 0),
]


def test_a_parton_counts_as_it_is_before_it_radiates() -> None:
    record = record_of(HARD_SCATTER, HARD_SCATTER)
    found = find_sources(record, Process((), "parton", (1, 2, 3)))
    assert found is not None
    assert found.event.tolist() == [0, 1]
    assert found.p4[:, 0].tolist() == [5.0, 5.0]
    assert found.products.shape == (2, 0, 4)
    gluons = find_sources(record, Process((), "parton", (21,)))
    assert gluons is not None
    assert len(gluons.event) == 0


def test_a_boson_needs_both_of_its_quarks() -> None:
    found = find_sources(record_of(HARD_SCATTER, TWO_BOSONS), Process((), "boson", (24,)))
    assert found is not None
    assert found.event.tolist() == [1]
    assert found.p4[:, 0].tolist() == [1.0]
    np.testing.assert_array_equal(found.products[0, :, 0], [3.0, 4.0])


def test_some_processes_need_no_source() -> None:
    assert find_sources(record_of(HARD_SCATTER), Process(())) is None
