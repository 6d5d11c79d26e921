"""Substructure features of jets, for the comparison of sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.jets import JetBatch

# two directions are the same when eta and phi agree to what float32 momenta can tell
SAME_DIRECTION = 3e-6
_JETS_PER_STEP = 2048


def jet_p4(batch: JetBatch) -> NDArray[np.float64]:
    """(B, 4) float64 sums of the constituents, (E, px, py, pz) in GeV."""
    return batch.p4.sum(axis=1, dtype=np.float64)


def jet_mass_gev(batch: JetBatch) -> NDArray[np.float64]:
    """(B,) float64 masses of the constituent sums in GeV."""
    total = jet_p4(batch)
    return np.sqrt(np.maximum(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, axis=1), 0.0))


def jet_pt_gev(batch: JetBatch) -> NDArray[np.float64]:
    """(B,) float64 transverse momenta of the constituent sums in GeV."""
    total = jet_p4(batch)
    return np.hypot(total[:, 1], total[:, 2])


def pt_eta_phi(p4: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Transverse momenta in GeV, pseudorapidities and azimuths of (..., 4) four-momenta; zero for zero vectors."""
    px, py, pz = (p4[..., i].astype(np.float64) for i in (1, 2, 3))
    pt_gev = np.hypot(px, py)
    eta = np.arcsinh(np.divide(pz, pt_gev, out=np.zeros_like(pz), where=pt_gev > 0))
    return pt_gev, eta, np.arctan2(py, px)


def pt_share(batch: JetBatch, n_leading: int) -> NDArray[np.float64]:
    """(B,) share of the summed constituent pT in the leading ``n_leading`` constituents."""
    pt_gev = pt_eta_phi(batch.p4)[0]
    return pt_gev[:, :n_leading].sum(axis=1) / np.maximum(pt_gev.sum(axis=1), 1e-12)


def n_duplicates(batch: JetBatch) -> NDArray[np.int64]:
    """(B,) number of constituents that share their direction exactly with another one of the jet."""
    count = np.zeros(len(batch), np.int64)
    for start in range(0, len(batch), _JETS_PER_STEP):
        part = batch[start : start + _JETS_PER_STEP]
        _, eta, phi = pt_eta_phi(part.p4)
        # equal directions are neighbours in eta; padding is moved out of reach of everything
        eta = np.where(part.mask, eta, 1e3 + np.arange(eta.shape[1]))
        order = np.argsort(eta, axis=1, kind="stable")
        eta, phi = np.take_along_axis(eta, order, axis=1), np.take_along_axis(phi, order, axis=1)
        same = (np.diff(eta, axis=1) < SAME_DIRECTION) & (np.abs(np.diff(phi, axis=1)) < SAME_DIRECTION)
        twin = np.zeros(eta.shape, bool)
        twin[:, 1:] |= same
        twin[:, :-1] |= same
        count[start : start + _JETS_PER_STEP] = twin.sum(axis=1)
    return count


def substructure(batch: JetBatch) -> dict[str, NDArray[np.float64]]:
    """Features (B,) that a two-sample test sees: multiplicities, momentum sharing, shape, correlations.

    Sources: girth and pT dispersion as in CMS-PAS-JME-13-002; energy correlation functions as in A. Larkoski,
    G. Salam, J. Thaler, JHEP 06 (2013) 108, from the leading 40 constituents.
    """
    parts = [_substructure(batch[i : i + _JETS_PER_STEP]) for i in range(0, len(batch), _JETS_PER_STEP)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _substructure(batch: JetBatch) -> dict[str, NDArray[np.float64]]:
    pt, eta, phi = pt_eta_phi(batch.p4)
    total = jet_p4(batch)
    axis_pt = np.hypot(total[:, 1], total[:, 2])
    axis_eta, axis_phi = np.arcsinh(total[:, 3] / axis_pt), np.arctan2(total[:, 2], total[:, 1])
    deta = np.where(batch.mask, eta - axis_eta[:, None], 0.0)
    dphi = np.where(batch.mask, np.mod(phi - axis_phi[:, None] + np.pi, 2 * np.pi) - np.pi, 0.0)
    z, r = pt / pt.sum(axis=1, keepdims=True), np.hypot(deta, dphi)
    features = {
        "constituents": batch.n_constituents.astype(np.float64),
        "duplicates": n_duplicates(batch).astype(np.float64),
        "mass_gev": jet_mass_gev(batch),
        "pt_gev": axis_pt,
        "abs_eta": np.abs(axis_eta),
        "pt_dispersion": np.sqrt(np.sum(z**2, axis=1)),
        "girth": np.sum(z * r, axis=1),
        "angularity_half": np.sum(z * np.sqrt(r), axis=1),
        "angularity_two": np.sum(z * r**2, axis=1),
        "last_pt_gev": np.min(np.where(batch.mask, pt, np.inf), axis=1, initial=1e3),
        "mean_r": np.sum(r, axis=1) / np.maximum(batch.n_constituents, 1),
        "largest_r": np.max(r, axis=1),
    }
    for n_leading in (1, 2, 3, 5, 10, 30):
        features[f"share_{n_leading}"] = np.sum(z[:, :n_leading], axis=1)
    for threshold_gev in (1, 2, 5, 10, 20):
        features[f"above_{threshold_gev}_gev"] = np.sum(pt > threshold_gev, axis=1).astype(np.float64)
    spread = np.stack([np.sum(z * a * b, axis=1) for a, b in ((deta, deta), (deta, dphi), (dphi, dphi))], axis=-1)
    trace, determinant = spread[:, 0] + spread[:, 2], spread[:, 0] * spread[:, 2] - spread[:, 1] ** 2
    features["planar_flow"] = 4 * determinant / np.maximum(trace**2, 1e-12)
    return features | _correlations(z[:, :40], deta[:, :40], dphi[:, :40])


def _correlations(
    z: NDArray[np.float64], deta: NDArray[np.float64], dphi: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    distance = np.hypot(deta[:, :, None] - deta[:, None, :], dphi[:, :, None] - dphi[:, None, :])
    pair = z[:, :, None] * distance
    e2 = 0.5 * np.einsum("bij,bj->b", pair, z)
    e2_half = 0.5 * np.einsum("bi,bij,bj->b", z, np.sqrt(distance), z)
    # sum over i, j, k of z_i z_j z_k r_ij r_jk r_ki as the trace of a matrix product
    e3 = np.einsum("bij,bji->b", pair @ pair, pair) / 6
    return {
        "e2": e2,
        "e2_half": e2_half,
        "e3": e3,
        "c2": e3 / np.maximum(e2**2, 1e-12),
        "d2": e3 / np.maximum(e2**3, 1e-12),
    }
