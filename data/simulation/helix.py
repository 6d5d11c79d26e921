"""Flight of particles from their vertex to the calorimeter face, a cylinder around the beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FACE_RADIUS_M = 1.15
FACE_HALF_LENGTH_M = 3.51
FIELD_T = 2.0
# pT = 0.2998 q B r with pT in GeV, B in T, r in m
_GEV_PER_T_M = 0.299792458


def propagate(
    p4: NDArray[np.float64], vertex_m: NDArray[np.float64], charge: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Follow particles to where they first cross the calorimeter face.

    Parameters
    ----------
    p4 : (P, 4) float64
        (E, px, py, pz) in GeV.
    vertex_m : (P, 3) float64
        Starting point (x, y, z) in m.
    charge : (P,) float64
        In units of e; neutral particles fly straight.

    Returns
    -------
    face : (R, 2) float64
        (eta, phi) of the crossing point as seen from the origin, for particles that reach the face.
    reached : (P,) bool
        Which ones do: they start inside, have some transverse momentum, and do not circle for ever.
    """
    px, py, pz = p4[:, 1], p4[:, 2], p4[:, 3]
    x, y, z = vertex_m.T
    pt = np.hypot(px, py)
    started = (np.hypot(x, y) <= FACE_RADIUS_M) & (np.abs(z) <= FACE_HALF_LENGTH_M) & (pt > 3e-5)
    with np.errstate(divide="ignore", invalid="ignore"):
        # transverse path to the end plate; infinite for pz = 0
        to_plate = np.where(pz != 0, (np.copysign(FACE_HALF_LENGTH_M, pz) - z) * pt / np.abs(pz) * np.sign(pz), np.inf)
        straight = np.where(charge == 0, _straight_path(x, y, px / pt, py / pt), 0.0)
        radius = pt / (_GEV_PER_T_M * FIELD_T * charge)
        phi = np.arctan2(py, px)
        center_x, center_y = x + radius * np.sin(phi), y - radius * np.cos(phi)
        curved = _curved_path(center_x, center_y, radius, phi)
        path = np.minimum(np.where(charge == 0, straight, curved), to_plate)
        turned = phi - path / radius
        end_x = np.where(charge == 0, x + path * px / pt, center_x - radius * np.sin(turned))
        end_y = np.where(charge == 0, y + path * py / pt, center_y + radius * np.cos(turned))
        end_z = z + path * pz / pt
        eta = np.arcsinh(end_z / np.hypot(end_x, end_y))
    reached = started & np.isfinite(path) & np.isfinite(eta)
    return np.stack([eta, np.arctan2(end_y, end_x)], axis=-1)[reached], reached


def _straight_path(
    x: NDArray[np.float64], y: NDArray[np.float64], ux: NDArray[np.float64], uy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Path in the transverse plane along the unit vector u from (x, y) to the mantle."""
    along, across = x * ux + y * uy, x * uy - y * ux
    return np.sqrt(np.maximum(FACE_RADIUS_M**2 - across**2, 0.0)) - along


def _curved_path(
    center_x: NDArray[np.float64], center_y: NDArray[np.float64], radius: NDArray[np.float64], phi: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Path in the transverse plane along the circle to the mantle; infinite when the circle stays inside.

    The point after the angle psi >= 0 is center + radius * u(phi - s psi) with s = sign(radius) and u at right angles
    to the direction of flight. It is on the mantle where the angle between u and the center satisfies the law of
    cosines; of the two solutions the earlier one is the exit.
    """
    distance = np.hypot(center_x, center_y)
    cosine = (FACE_RADIUS_M**2 - distance**2 - radius**2) / (2 * radius * distance)
    half = np.arccos(cosine)
    middle = phi + 0.5 * np.pi - np.arctan2(center_y, center_x)
    sign = np.sign(radius)
    psi = np.minimum(np.mod(sign * (middle - half), 2 * np.pi), np.mod(sign * (middle + half), 2 * np.pi))
    return np.where(np.abs(cosine) <= 1, np.abs(radius) * psi, np.inf)


def perigee(
    p4: NDArray[np.float64], vertex_m: NDArray[np.float64], charge: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the helices of charged particles come closest to the beam line, in the transverse plane.

    Parameters
    ----------
    p4 : (P, 4) float64
        (E, px, py, pz) in GeV at the vertex.
    vertex_m : (P, 3) float64
        Where they are made, (x, y, z) in m.
    charge : (P,) float64
        In units of e, not 0.

    Returns
    -------
    z0_m, dxy_m : (P,) float64
        Place along the beam, and distance from it: positive where the beam lies outside of the circle.
    """
    px, py, pz = p4[:, 1], p4[:, 2], p4[:, 3]
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    radius = pt / (_GEV_PER_T_M * FIELD_T * charge)
    center_x, center_y = vertex_m[:, 0] + radius * np.sin(phi), vertex_m[:, 1] - radius * np.cos(phi)
    # direction of flight where the circle passes the beam; the particle has turned by phi0 - phi since
    sign = np.sign(radius)
    phi0 = np.arctan2(sign * center_x, -sign * center_y)
    path = np.mod(phi0 - phi + np.pi, 2 * np.pi) - np.pi
    return vertex_m[:, 2] - path * radius * pz / pt, np.hypot(center_x, center_y) - np.abs(radius)
