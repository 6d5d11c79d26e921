"""What jets come from: the partons, bosons and tops of the hard processes, found in the event records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritag.data.simulation.processes import Process
from tritag.data.simulation.record import EventRecord

# Pythia's status of what comes out of a hard process or of the decay of a resonance, before it radiates
_OUTGOING = 23


@dataclass(frozen=True)
class Sources:
    """What the jets of a batch may come from, with the decay products that a jet must hold as well.

    Attributes
    ----------
    event : (S,) int64
    p4 : (S, 4) float64
        (E, px, py, pz) in GeV of the parton just before it radiates, or of the boson or top just before it decays.
    products : (S, n, 4) float64
        Quarks of the decay, before they radiate: none of a parton, two of a boson, three of a top.
    """

    event: NDArray[np.int64]
    p4: NDArray[np.float64]
    products: NDArray[np.float64]


def find_sources(record: EventRecord, process: Process) -> Sources | None:
    """The sources of a class in a batch of events; None when its jets need none."""
    if process.source == "any":
        return None
    outgoing = np.flatnonzero(np.abs(record.status) == _OUTGOING)
    if process.source == "top":
        return _tops(record, outgoing)
    if process.source == "boson":
        return _bosons(record, outgoing, process.flavours)
    lines = record.last_copy(outgoing[np.isin(np.abs(record.pdg_id[outgoing]), process.flavours)])
    return Sources(record.event[lines], record.p4(lines), np.zeros((len(lines), 0, 4)))


def _tops(record: EventRecord, quarks: NDArray[np.int64]) -> Sources:
    """The three quarks of each top: those that come straight from a top or from a W."""
    parent = record.pdg_id[record.mother[quarks]]
    from_top, from_w = np.abs(parent) == 6, np.abs(parent) == 24
    # both tops of an event: W+ belongs to the top, W- to the antitop, and no other W is made in these processes
    key = 2 * record.event[quarks] + (parent > 0)
    quarks, key, from_top = (values[from_top | from_w] for values in (quarks, key, from_top))
    order = np.argsort(key, kind="stable")
    quarks, key, from_top = quarks[order], key[order], from_top[order]
    keys, first, counts = np.unique(key, return_index=True, return_counts=True)
    whole = (counts == 3) & (np.add.reduceat(from_top, first) == 1) if len(keys) else np.zeros(0, bool)
    triplets = first[whole, None] + np.arange(3)
    lines = quarks[triplets]
    # of each three, the one that comes from the top itself is the b quark
    bottom = lines[np.arange(len(lines)), np.argmax(from_top[triplets], axis=1)]
    return Sources(record.event[bottom], record.p4(record.mother[bottom]), record.p4(lines.ravel()).reshape(-1, 3, 4))


def _bosons(record: EventRecord, quarks: NDArray[np.int64], flavours: tuple[int, ...]) -> Sources:
    """The two quarks of each boson."""
    quarks = quarks[np.isin(np.abs(record.pdg_id[record.mother[quarks]]), flavours)]
    quarks = quarks[np.argsort(record.mother[quarks], kind="stable")]
    bosons, first, counts = np.unique(record.mother[quarks], return_index=True, return_counts=True)
    pairs = quarks[first[counts == 2, None] + np.arange(2)]
    bosons = bosons[counts == 2]
    return Sources(record.event[bosons], record.p4(bosons), record.p4(pairs.ravel()).reshape(-1, 2, 4))
