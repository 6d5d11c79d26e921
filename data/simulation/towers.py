"""Calorimeter towers: segmentation, resolutions and energy sums of a batch of events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECAL_ENERGY_MIN_GEV, HCAL_ENERGY_MIN_GEV = 0.5, 1.0
SIGNIFICANCE_MIN = 1.0

# eta edges below which a row of towers is 10 or 20 degrees wide in phi
_EDGES_10 = (-3.2, *np.round(np.arange(-2.5, 2.65, 0.1), 1), 3.3)
_EDGES_20 = (
    *(-4.9, -4.7, -4.5, -4.3, -4.1, -3.9, -3.7, -3.5, -3.3, -3.0, -2.8, -2.6),
    *(2.8, 3.0, 3.2, 3.5, 3.7, 3.9, 4.1, 4.3, 4.5, 4.7, 4.9),
)
ETA_EDGES = np.array(sorted({*_EDGES_10, *_EDGES_20}))
PHI_COUNT = np.array([36 if edge in _EDGES_10 else 18 for edge in ETA_EDGES[1:]])
_ROW_START = np.concatenate([[0], np.cumsum(PHI_COUNT)])

# share of the energy in (ECAL, HCAL) by abs(PDG id); all other particles leave everything in the HCAL
_FRACTIONS = {11: (1.0, 0.0), 22: (1.0, 0.0), 111: (1.0, 0.0), 310: (0.3, 0.7), 3122: (0.3, 0.7)}
_INVISIBLE = (12, 13, 14, 16)


@dataclass(frozen=True)
class Towers:
    """Towers with a deposit, sorted by event.

    Attributes
    ----------
    key : (W,) int64
        Event times the number of towers plus the tower's index, ascending.
    event : (W,) int64
    center_eta : (W,) float64
        Middle of the tower, at which the resolutions are taken.
    point : (W, 2) float64
        A random (eta, phi) inside the tower: the direction of its neutral candidates.
    ecal_gev, hcal_gev : (W,) float64
        Smeared energies, zero when below threshold.
    """

    key: NDArray[np.int64]
    event: NDArray[np.int64]
    center_eta: NDArray[np.float64]
    point: NDArray[np.float64]
    ecal_gev: NDArray[np.float64]
    hcal_gev: NDArray[np.float64]

    def locate(self, event: NDArray[np.int64], face: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index into these towers for points ``face`` (n, 2) of ``event`` (n,); -1 where there is no such tower."""
        key = _tower_key(event, face)
        if not len(self.key):
            return np.full(len(key), -1)
        index = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where((key >= 0) & (self.key[index] == key), index, -1)


def calorimeter_fractions(kind: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the energy that a particle of ``kind`` = abs(PDG id) leaves in the ECAL and in the HCAL."""
    ecal, hcal = np.zeros(len(kind)), np.ones(len(kind))
    for pdg_id, (to_ecal, to_hcal) in _FRACTIONS.items():
        ecal[kind == pdg_id], hcal[kind == pdg_id] = to_ecal, to_hcal
    hcal[np.isin(kind, _INVISIBLE)] = 0.0
    return ecal, hcal


def ecal_sigma_gev(energy_gev: NDArray[np.float64], eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """ECAL energy resolution in GeV."""
    energy_gev = np.maximum(energy_gev, 0.0)
    central = np.sqrt((0.0017 * energy_gev) ** 2 + 0.101**2 * energy_gev)
    forward = np.sqrt((0.035 * energy_gev) ** 2 + 0.285**2 * energy_gev)
    return np.where(np.abs(eta) <= 3.2, central, forward)


def hcal_sigma_gev(energy_gev: NDArray[np.float64], eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """HCAL energy resolution in GeV."""
    energy_gev = np.maximum(energy_gev, 0.0)
    barrel = np.sqrt((0.0302 * energy_gev) ** 2 + 0.5205**2 * energy_gev + 1.59**2)
    endcap = np.sqrt((0.05 * energy_gev) ** 2 + 0.706**2 * energy_gev)
    forward = np.sqrt((0.0942 * energy_gev) ** 2 + energy_gev)
    return np.select([np.abs(eta) <= 1.7, np.abs(eta) <= 3.2], [barrel, endcap], forward)


def suppress(
    energy_gev: NDArray[np.float64], sigma_gev: NDArray[np.float64], energy_min_gev: float
) -> NDArray[np.float64]:
    """Zero energies below the threshold or below one standard deviation."""
    return np.where((energy_gev < energy_min_gev) | (energy_gev < SIGNIFICANCE_MIN * sigma_gev), 0.0, energy_gev)


def find_towers(
    event: NDArray[np.int64],
    face: NDArray[np.float64],
    ecal_gev: NDArray[np.float64],
    hcal_gev: NDArray[np.float64],
    visible: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Towers:
    """Sum the deposits of particles at ``face`` (P, 2) = (eta, phi) tower by tower and smear the sums."""
    key = _tower_key(event, face)
    hit = visible & (key >= 0)
    keys, tower = np.unique(key[hit], return_inverse=True)
    true_ecal, true_hcal = (
        np.bincount(tower, deposit[hit], minlength=len(keys)).astype(np.float64) for deposit in (ecal_gev, hcal_gev)
    )
    row = np.searchsorted(_ROW_START, keys % _ROW_START[-1], side="right") - 1
    column = keys % _ROW_START[-1] - _ROW_START[row]
    low, high = ETA_EDGES[row], ETA_EDGES[row + 1]
    center = 0.5 * (low + high)
    width = 2 * np.pi / PHI_COUNT[row]
    eta = low + (high - low) * rng.random(len(keys))
    phi = -np.pi + width * (column + rng.random(len(keys)))
    ecal = _smear(true_ecal, ecal_sigma_gev(true_ecal, center), rng)
    hcal = _smear(true_hcal, hcal_sigma_gev(true_hcal, center), rng)
    return Towers(
        key=keys,
        event=keys // _ROW_START[-1],
        center_eta=center,
        point=np.stack([eta, phi], axis=-1),
        ecal_gev=suppress(ecal, ecal_sigma_gev(ecal, center), ECAL_ENERGY_MIN_GEV),
        hcal_gev=suppress(hcal, hcal_sigma_gev(hcal, center), HCAL_ENERGY_MIN_GEV),
    )


def _smear(
    mean_gev: NDArray[np.float64], sigma_gev: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Log-normal with this mean and standard deviation; zero stays zero."""
    noise = rng.standard_normal(len(mean_gev))
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.sqrt(np.log1p((sigma_gev / mean_gev) ** 2))
        smeared = mean_gev * np.exp(width * noise - 0.5 * width**2)
    return np.where(mean_gev > 0, smeared, 0.0)


def _tower_key(event: NDArray[np.int64], face: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the tower that a point of an event lies in; -1 outside the calorimeter."""
    eta, phi = face.T
    row = np.searchsorted(ETA_EDGES, eta) - 1
    inside = (row >= 0) & (row < len(PHI_COUNT))
    row = np.clip(row, 0, len(PHI_COUNT) - 1)
    column = np.minimum((phi + np.pi) * (PHI_COUNT[row] / (2 * np.pi)), PHI_COUNT[row] - 1).astype(np.int64)
    return np.where(inside, event * _ROW_START[-1] + _ROW_START[row] + column, -1)
