"""A fast detector in the style of Delphes: what the particles of a batch leave as energy-flow candidates.

Every step works on the flat arrays of a whole batch. The model and its numbers are those of the public ATLAS card of
Delphes 3.3.2 (J. de Favereau et al., JHEP 02 (2014) 057), with which the public top-tagging set was made:

1. Particles fly from their true vertex, on a helix in 2 T when charged, to the calorimeter face (helix.py).
2. Charged ones become tracks with an efficiency and a Gaussian pT resolution that depend on kind, pT and abs(eta).
3. All deposit in towers of 0.1 x 10 degrees; tower energies are smeared log-normally (towers.py).
4. Energy flow: a track that is measured better than its tower keeps its momentum and its energy is taken off the
   tower; the others are scaled to what the tower has left. What then remains becomes a photon and a neutral-hadron
   candidate at the same random point of the tower, which is why some constituents have exactly equal directions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tritag.data.simulation.candidate_columns import ELECTRON, MUON, NEUTRAL, PHOTON, columns_of, kinds_of
from tritag.data.simulation.helix import propagate
from tritag.data.simulation.pythia import Particles
from tritag.data.simulation.towers import (
    ECAL_ENERGY_MIN_GEV,
    HCAL_ENERGY_MIN_GEV,
    Towers,
    calorimeter_fractions,
    ecal_sigma_gev,
    find_towers,
    hcal_sigma_gev,
    suppress,
)

# origins of candidates that a calorimeter alone sees
_OF_ECAL, _OF_HCAL = -1, -2
_NEUTRINOS = (12, 14, 16)

# (tracking efficiency, low pT; high pT) at abs(eta) <= 1.5 and 1.5..2.5; electrons gain above 100 GeV
_EFFICIENCY = {
    "hadron": ((0.70, 0.95), (0.60, 0.85)),
    "electron": ((0.73, 0.95), (0.50, 0.83)),
    "muon": ((0.75, 0.99), (0.70, 0.98)),
}
_EFFICIENCY_ELECTRON_HIGH = (0.99, 0.90)
# relative pT resolution a (+) b pT at abs(eta) <= 0.5, 1.5, 2.5
_RESOLUTION = {
    "hadron": ((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3)),
    "muon": ((0.02, 2.0e-4), (0.03, 3.0e-4), (0.06, 6.0e-4)),
}


@dataclass(frozen=True)
class Candidates:
    """Energy-flow candidates of a batch, sorted by event.

    Attributes
    ----------
    event : (C,) int64
    momentum : (C, 3) float64
        (px, py, pz) in GeV; candidates are massless.
    pdg_id : (C,) int64, optional
        PDG numbers, of particles that no detector has seen.
    columns : dict of str to (C,) float64
        What else is known of them (candidate_columns.py).
    """

    event: NDArray[np.int64]
    momentum: NDArray[np.float64]
    pdg_id: NDArray[np.int64] | None = None
    columns: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Tracks:
    """Reconstructed tracks: ``eta`` and ``phi`` at the vertex, ``face`` = (eta, phi) at the calorimeter.

    ``origin`` counts the particles that reached the calorimeter.
    """

    origin: NDArray[np.int64]
    event: NDArray[np.int64]
    pt_gev: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    face: NDArray[np.float64]
    resolution: NDArray[np.float64]
    ecal: NDArray[np.float64]
    hcal: NDArray[np.float64]

    @property
    def energy_gev(self) -> NDArray[np.float64]:
        return self.pt_gev * np.cosh(self.eta)


def simulate(
    particles: Particles, rng: np.random.Generator, fields_rng: np.random.Generator | None = None
) -> Candidates:
    """Turn final-state particles into energy-flow candidates.

    Parameters
    ----------
    particles : Particles
        Final states of a batch of events.
    rng : numpy.random.Generator
        Source of all randomness; the same particles and state give the same candidates.
    fields_rng : numpy.random.Generator, optional
        Where columns are wanted, the source of their randomness.
    """
    face, reached = propagate(particles.p4, particles.vertex_m, particles.charge)
    event, kind = particles.event[reached], np.abs(particles.pdg_id[reached])
    p4, charge = particles.p4[reached], particles.charge[reached]
    ecal, hcal = calorimeter_fractions(kind)
    towers = find_towers(event, face, p4[:, 0] * ecal, p4[:, 0] * hcal, ecal + hcal > 0, rng)
    tracks = _make_tracks(event, kind, p4, charge, face, ecal, hcal, rng)
    candidates, origin = _energy_flow(towers, tracks)
    if fields_rng is None:
        return candidates
    seen = np.flatnonzero(reached)
    of = np.where(origin >= 0, seen[np.maximum(origin, 0)], -1)
    own = kinds_of(particles.pdg_id[of], particles.charge[of])
    kind = np.where(origin >= 0, own, np.where(origin == _OF_ECAL, PHOTON, NEUTRAL))
    return replace(candidates, columns=columns_of(particles, of, kind, fields_rng))


def visible(particles: Particles, fields_rng: np.random.Generator | None = None) -> Candidates:
    """The particles themselves, without neutrinos: what an ideal detector sees. Their masses are dropped."""
    seen = ~np.isin(np.abs(particles.pdg_id), _NEUTRINOS)
    candidates = Candidates(particles.event[seen], particles.p4[seen, 1:], particles.pdg_id[seen])
    if fields_rng is None:
        return candidates
    kind = kinds_of(particles.pdg_id[seen], particles.charge[seen])
    return replace(candidates, columns=columns_of(particles, np.flatnonzero(seen), kind, fields_rng))


def _make_tracks(
    event: NDArray[np.int64],
    kind: NDArray[np.int64],
    p4: NDArray[np.float64],
    charge: NDArray[np.float64],
    face: NDArray[np.float64],
    ecal: NDArray[np.float64],
    hcal: NDArray[np.float64],
    rng: np.random.Generator,
) -> _Tracks:
    pt_gev = np.hypot(p4[:, 1], p4[:, 2])
    seen = rng.random(len(pt_gev)) <= tracking_efficiency(kind, pt_gev, face[:, 0])
    kept = (charge != 0) & seen
    pt_gev, kind, face, p4 = pt_gev[kept], kind[kept], face[kept], p4[kept]
    smeared = pt_gev * (1 + track_resolution(kind, pt_gev, face[:, 0]) * rng.standard_normal(len(pt_gev)))
    positive = smeared > 0
    tracks = _Tracks(
        origin=np.flatnonzero(kept),
        event=event[kept],
        pt_gev=smeared,
        eta=np.arcsinh(p4[:, 3] / pt_gev),
        phi=np.arctan2(p4[:, 2], p4[:, 1]),
        face=face,
        resolution=track_resolution(kind, smeared, face[:, 0]),
        ecal=ecal[kept],
        hcal=hcal[kept],
    )
    return _Tracks(**{name: getattr(tracks, name)[positive] for name in tracks.__dataclass_fields__})


def tracking_efficiency(
    kind: NDArray[np.int64], pt_gev: NDArray[np.float64], eta: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability that a charged particle (``kind`` = abs(PDG id)) gives a track; eta at the calorimeter face."""
    forward = np.where(np.abs(eta) <= 1.5, 0, 1)
    high = np.where(pt_gev <= 1.0, 0, 1)
    efficiency = np.array(_EFFICIENCY["hadron"])[forward, high]
    efficiency = np.where(kind == MUON, np.array(_EFFICIENCY["muon"])[forward, high], efficiency)
    electron = np.array(_EFFICIENCY["electron"])[forward, high]
    electron = np.where(pt_gev > 100.0, np.array(_EFFICIENCY_ELECTRON_HIGH)[forward], electron)
    efficiency = np.where(kind == ELECTRON, electron, efficiency)
    return np.where((np.abs(eta) <= 2.5) & (pt_gev > 0.1), efficiency, 0.0)


def track_resolution(
    kind: NDArray[np.int64], pt_gev: NDArray[np.float64], eta: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Relative pT resolution of a track; electrons are measured like hadrons."""
    region = np.clip(np.searchsorted([0.5, 1.5, 2.5], np.abs(eta)), 0, 2)
    constant, slope = np.moveaxis(np.array(_RESOLUTION["hadron"])[region], -1, 0)
    muon_constant, muon_slope = np.moveaxis(np.array(_RESOLUTION["muon"])[region], -1, 0)
    constant = np.where(kind == MUON, muon_constant, constant)
    slope = np.where(kind == MUON, muon_slope, slope)
    return np.where((np.abs(eta) <= 2.5) & (pt_gev > 0.1), np.hypot(constant, slope * pt_gev), 0.0)


def _energy_flow(towers: Towers, tracks: _Tracks) -> tuple[Candidates, NDArray[np.int64]]:
    """Candidates, and the origin of each: a particle that reached the calorimeter, or what of it alone sees it."""
    tower = towers.locate(tracks.event, tracks.face)
    energy = tracks.energy_gev
    # muons leave nothing in the calorimeter, so theirs may be a tower without deposit
    scale = np.ones(len(tower))
    neutral = []
    for fraction, smeared, sigma_of, energy_min in (
        (tracks.ecal, towers.ecal_gev, ecal_sigma_gev, ECAL_ENERGY_MIN_GEV),
        (tracks.hcal, towers.hcal_gev, hcal_sigma_gev, HCAL_ENERGY_MIN_GEV),
    ):
        mine = np.flatnonzero(fraction > 0)
        # compare the resolutions at the track's energy
        calorimeter = sigma_of(energy[mine], towers.center_eta[tower[mine]]) / energy[mine]
        good = calorimeter >= tracks.resolution[mine]
        worse, better = mine[~good], mine[good]
        kept = np.bincount(tower[better], energy[better], minlength=len(smeared))
        rescaled = np.bincount(tower[worse], energy[worse], minlength=len(smeared))
        left = smeared - kept
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(rescaled > 0, np.maximum(left, 0.0) / rescaled, 1.0)
        scale[worse] = factor[tower[worse]]
        left = np.where(rescaled > 0, 0.0, left)
        neutral.append(suppress(left, sigma_of(left, towers.center_eta), energy_min))
    found = scale > 0
    pt_gev = (scale * tracks.pt_gev)[found]
    parts = [(tracks.event[found], _momentum(pt_gev, tracks.eta[found], tracks.phi[found]), tracks.origin[found])]
    for left, origin in zip(neutral, (_OF_ECAL, _OF_HCAL), strict=True):
        found = left > 0
        eta, phi = towers.point[found].T
        momentum = _momentum(left[found] / np.cosh(eta), eta, phi)
        parts.append((towers.event[found], momentum, np.full(len(momentum), origin)))
    event = np.concatenate([part[0] for part in parts])
    order = np.argsort(event, kind="stable")
    momentum, origins = (np.concatenate([part[i] for part in parts])[order] for i in (1, 2))
    return Candidates(event[order], momentum), origins


def _momentum(pt_gev: NDArray[np.float64], eta: NDArray[np.float64], phi: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([pt_gev * np.cos(phi), pt_gev * np.sin(phi), pt_gev * np.sinh(eta)], axis=-1)
