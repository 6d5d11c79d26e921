"""Hard processes, showers and hadrons: events from Pythia 8, a batch at a time, as flat arrays.

``Pythia.nextBatch`` fills an awkward array in C++, so no Python code runs per particle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tritag.data.simulation.config import DataConfig
from tritag.data.simulation.processes import PROCESS_SETS
from tritag.data.simulation.record import EventRecord, need
from tritag.data.simulation.truth import Sources, find_sources
from tritag.errors import ToolError

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


class EventSource:
    """One Pythia instance for one process and one seed.

    Parameters
    ----------
    config : DataConfig
    label : int
        Class of the process set, an index.
    seed : int
        Any non-negative number; it is folded into Pythia's range.

    Raises
    ------
    ToolError
        pythia8mc or awkward is missing, or Pythia refuses a setting.
    """

    def __init__(self, config: DataConfig, label: int, seed: int) -> None:
        self._process = list(PROCESS_SETS[config.process_set].processes.values())[label]
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
            *self._process.settings,
        )
        for setting in settings:
            if not self._pythia.readString(setting):
                raise ToolError(f"Pythia must accept {setting!r}, but refused it; check the version of pythia8mc")
        if not self._pythia.init():
            raise ToolError(
                "Pythia must start with these settings, but did not; check energy_cm_tev and pt_hat_min_gev"
            )

    def next(self, n_events: int) -> tuple[Particles, Sources | None]:
        """Generate ``n_events`` events; those that Pythia gives up on are left out."""
        record = EventRecord(self._pythia.nextBatch(n_events))
        return self._final_state(record), find_sources(record, self._process)

    def _final_state(self, record: EventRecord) -> Particles:
        final = record.status > 0
        pdg_id = record.pdg_id[final]
        kinds, inverse = np.unique(pdg_id, return_inverse=True)
        charges = np.array([self._pythia.particleData.charge(int(kind)) for kind in kinds])
        return Particles(
            event=record.event[final],
            pdg_id=pdg_id,
            charge=charges[inverse],
            p4=record.p4(final),
            vertex_m=1e-3 * record.vertex_mm(final),
            n_events=record.n_events,
        )
