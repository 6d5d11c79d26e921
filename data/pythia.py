"""Hard processes, showers and hadrons: events from Pythia 8, a batch at a time, as flat arrays.

``Pythia.nextBatch`` fills an awkward array in C++, so no Python code runs per particle.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.config import DataConfig
from tritag.errors import ToolError

PROCESSES = {
    "top-vs-qcd": {
        # hadronic decays only, so that each top is three quarks
        1: ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", "24:onIfAny = 1 2 3 4 5"),
        0: ("HardQCD:all = on",),
    }
}
_SEED_MAX = 900_000_000


@dataclass(frozen=True)
class Particles:
    """Final-state particles of a batch, the particles of an event one after the other.

    Attributes
    ----------
    event : (P,) int64
        Index of the event, ascending.
    pdg_id : (P,) int64
    charge : (P,) float64
        In units of e.
    p4 : (P, 4) float64
        (E, px, py, pz) in GeV.
    vertex_m : (P, 3) float64
        Production point (x, y, z) in m; K0S, Lambda and other long-lived hadrons decay where they are.
    n_events : int
    """

    event: NDArray[np.int64]
    pdg_id: NDArray[np.int64]
    charge: NDArray[np.float64]
    p4: NDArray[np.float64]
    vertex_m: NDArray[np.float64]
    n_events: int


@dataclass(frozen=True)
class Tops:
    """Top quarks of a batch that decayed to three quarks.

    Attributes
    ----------
    event : (T,) int64
    top : (T, 4) float64
        (E, px, py, pz) in GeV of the top just before it decays.
    quarks : (T, 3, 4) float64
        Its b quark and the two quarks of its W, before they radiate.
    """

    event: NDArray[np.int64]
    top: NDArray[np.float64]
    quarks: NDArray[np.float64]


class EventSource:
    """One Pythia instance for one process and one seed.

    Parameters
    ----------
    config : DataConfig
    label : int
        1 = signal process, 0 = background process.
    seed : int
        Any non-negative number; it is folded into Pythia's range.

    Raises
    ------
    ToolError
        pythia8mc or awkward is missing, or Pythia refuses a setting.
    """

    def __init__(self, config: DataConfig, label: int, seed: int) -> None:
        self._label = label
        pythia8 = need("pythia8mc")
        need("awkward")
        self._pythia = pythia8.Pythia("", False)
        settings = (
            "Print:quiet = on",
            "Random:setSeed = on",
            f"Random:seed = {seed % _SEED_MAX + 1}",
            f"Beams:eCM = {1000 * config.energy_cm_tev}",
            f"PhaseSpace:pTHatMin = {config.pt_hat_min_gev}",
            f"PartonLevel:MPI = {'on' if config.multiparton_interactions else 'off'}",
            f"6:m0 = {config.top_mass_gev}",
            *PROCESSES[config.process_set][label],
        )
        for setting in settings:
            if not self._pythia.readString(setting):
                raise ToolError(f"Pythia must accept {setting!r}, but refused it; check the version of pythia8mc")
        if not self._pythia.init():
            raise ToolError(
                "Pythia must start with these settings, but did not; check energy_cm_tev and pt_hat_min_gev"
            )

    def next(self, n_events: int) -> tuple[Particles, Tops]:
        """Generate ``n_events`` events; those that Pythia gives up on are left out."""
        record = self._pythia.nextBatch(n_events)
        columns = _Columns(record)
        tops = _find_tops(columns) if self._label == 1 else _no_tops()
        return self._final_state(columns), tops

    def _final_state(self, columns: _Columns) -> Particles:
        final = columns.status > 0
        pdg_id = columns.pdg_id[final]
        kinds, inverse = np.unique(pdg_id, return_inverse=True)
        charges = np.array([self._pythia.particleData.charge(int(kind)) for kind in kinds])
        return Particles(
            event=columns.event[final],
            pdg_id=pdg_id,
            charge=charges[inverse],
            p4=columns.p4(final),
            vertex_m=1e-3 * columns.vertex_mm(final),
            n_events=columns.n_events,
        )


def need(name: str) -> Any:
    """Import a package of the generator.

    Raises
    ------
    ToolError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ToolError(f"making jets needs the package {name} ({error}); pip install 'tritag[generate]'") from error


class _Columns:
    """The event records of a batch as flat arrays, one entry per line of the records."""

    def __init__(self, record: Any) -> None:
        self._awkward = need("awkward")
        self._lines = record.prt
        counts = self._awkward.to_numpy(self._awkward.num(self._lines.id, axis=1))
        start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        self.n_events = len(counts)
        self.event = np.repeat(np.arange(self.n_events), counts)
        self.pdg_id = self._flat(self._lines.id).astype(np.int64)
        self.status = self._flat(self._lines.status).astype(np.int64)
        self.mother = self._flat(self._lines.mother1) + start[self.event]

    def p4(self, where: NDArray[Any]) -> NDArray[np.float64]:
        """(E, px, py, pz) in GeV of the lines ``where``."""
        return np.stack([self._flat(self._lines.p[name])[where] for name in ("e", "px", "py", "pz")], axis=-1)

    def vertex_mm(self, where: NDArray[Any]) -> NDArray[np.float64]:
        """Production point (x, y, z) in mm; Pythia leaves it out for what is made at the collision point."""
        names = ("px", "py", "pz")
        columns = [self._flat(self._awkward.fill_none(self._lines.vProd[name], 0.0)) for name in names]
        return np.stack([column[where] for column in columns], axis=-1)

    def _flat(self, column: Any) -> NDArray[Any]:
        return np.asarray(self._awkward.to_numpy(self._awkward.flatten(column)))


def _find_tops(columns: _Columns) -> Tops:
    """The three quarks of each top: those that come straight from a top or from a W (status 23, before radiation)."""
    quarks = np.flatnonzero(np.abs(columns.status) == 23)
    parent = columns.pdg_id[columns.mother[quarks]]
    from_top, from_w = np.abs(parent) == 6, np.abs(parent) == 24
    # both tops of an event: W+ belongs to the top, W- to the antitop, and no other W is made in these processes
    key = 2 * columns.event[quarks] + (parent > 0)
    quarks, key, from_top = (values[from_top | from_w] for values in (quarks, key, from_top))
    order = np.argsort(key, kind="stable")
    quarks, key, from_top = quarks[order], key[order], from_top[order]
    keys, first, counts = np.unique(key, return_index=True, return_counts=True)
    whole = (counts == 3) & (np.add.reduceat(from_top, first) == 1) if len(keys) else np.zeros(0, bool)
    triplets = first[whole, None] + np.arange(3)
    lines = quarks[triplets]
    # of each three, the one that comes from the top itself is the b quark
    bottom = lines[np.arange(len(lines)), np.argmax(from_top[triplets], axis=1)]
    return Tops(columns.event[bottom], columns.p4(columns.mother[bottom]), columns.p4(lines.ravel()).reshape(-1, 3, 4))


def _no_tops() -> Tops:
    return Tops(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros((0, 3, 4)))
