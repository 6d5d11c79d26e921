"""What is known of candidates beside their momenta: kind, displacement and PUPPI weight, from Pythia's particles.

Kind and charge are the particle's own, as a particle-flow algorithm names them: a charged one is an electron, a muon or
a hadron of its charge, what a calorimeter alone sees is a photon or a neutral hadron. The displacement is that of the
true helix at its closest approach to the beam, smeared like a Level-1 track. There is no pile-up, so that every PUPPI
weight is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritag.data.simulation.helix import perigee
from tritag.data.simulation.pythia import Particles

ELECTRON, MUON, PHOTON, PION, NEUTRAL = 11, 13, 22, 211, 130
COLUMNS = ("dxy_cm", "pf_id", "puppi_weight", "z0_cm")
# Gaussian resolutions of a Level-1 track, in cm: of the order of what the CMS and ATLAS design reports quote
Z0_RESOLUTION_CM, DXY_RESOLUTION_CM = 0.1, 0.03


def kinds_of(pdg_id: NDArray[np.int64], charge: NDArray[np.float64]) -> NDArray[np.int64]:
    """Kinds (P,) of particles as PDG numbers: 22, 130, +-211, +-11 or +-13."""
    size = np.abs(pdg_id)
    lepton = np.isin(size, (ELECTRON, MUON))
    neutral = np.where(pdg_id == PHOTON, PHOTON, NEUTRAL)
    return np.where(charge == 0, neutral, np.where(lepton, pdg_id, np.where(charge > 0, PION, -PION))).astype(np.int64)


def columns_of(
    particles: Particles, origin: NDArray[np.int64], kind: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Columns of candidates, by the names of a jet file.

    Parameters
    ----------
    origin : (C,) int64
        The particle behind each candidate; -1 of what a calorimeter alone sees.
    kind : (C,) int64
        Kinds of the candidates (:func:`kinds_of`).
    rng : numpy.random.Generator
        Of the resolutions.
    """
    track = (origin >= 0) & ~np.isin(kind, (PHOTON, NEUTRAL))
    of = origin[track]
    z0_m, dxy_m = perigee(particles.p4[of], particles.vertex_m[of], particles.charge[of])
    noise = rng.standard_normal((2, len(origin)))
    z0, dxy = np.zeros(len(origin)), np.zeros(len(origin))
    z0[track] = 100 * z0_m + Z0_RESOLUTION_CM * noise[0, track]
    dxy[track] = 100 * dxy_m + DXY_RESOLUTION_CM * noise[1, track]
    return {"dxy_cm": dxy, "pf_id": kind.astype(np.float64), "puppi_weight": np.ones(len(origin)), "z0_cm": z0}
