"""The trigger grid: the integer codes in which a jet's constituents enter the firmware.

Each constituent is (pT, eta, phi) on the grid of the CMS Phase-2 Level-1 correlator's particle candidates: pT in
0.25 GeV steps (14 bit, unsigned), eta and phi in steps of pi/720 (12 and 11 bit, two's complement; one turn of phi is
1440 steps, so phi = -720..719). The constants stand in ``configs/grids/top.yaml`` and nowhere else; other grids lie
beside it (:mod:`tritag.data.jets.candidate_grid`). Source: CMS Phase-2 Level-1 trigger technical design report,
CERN-LHCC-2020-004.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, TOP, CandidateInputs
from tritag.data.jets.field_codes import field_codes, needed_columns, require_columns
from tritag.errors import DataError

_JETS_PER_STEP = 16384


class TriggerGrid:
    """Constants of the grid ``top``; ``*_LSB*`` is the size of one step, ``*_MIN`` and ``*_MAX`` are codes."""

    PT_LSB_GEV = TOP.field("pt").lsb
    PT_BITS = TOP.field("pt").bits
    PT_MAX = TOP.field("pt").max
    ETA_LSB = TOP.field("eta").lsb
    ETA_BITS = TOP.field("eta").bits
    ETA_MIN = TOP.field("eta").min
    ETA_MAX = TOP.field("eta").max
    PHI_LSB = TOP.field("phi").lsb
    PHI_BITS = TOP.field("phi").bits
    PHI_MIN = TOP.field("phi").min
    PHI_MAX = TOP.field("phi").max
    PHI_TURN = PHI_MAX - PHI_MIN + 1


def to_codes(
    p4: Any,
    n_constituents: Any,
    n_leading: int,
    *,
    rounded: bool = True,
    inputs: CandidateInputs = PLAIN,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Put the leading constituents of each jet on the grid.

    Codes are rounded half to even; pT and eta saturate, phi wraps. Candidates with pT code 0 are dropped. The rest is
    sorted by pT code, highest first; **candidates with equal pT code keep the order of the input** (the sort is
    stable), which makes the choice of the leading ones reproducible.

    Parameters
    ----------
    p4 : (B, N, 4) float
        (E, px, py, pz) in GeV, zero padded.
    n_constituents : (B,) int
        Real constituents of each jet, 0..N.
    n_leading : int
        K, the number of candidates to keep, 1..N.
    rounded : bool
        False gives float64 values in the same units (pT/LSB, eta/LSB, phi/LSB), neither rounded nor saturated, sorted
        by exact pT, with only pT = 0 dropped: the input a tagger would have without the grid.
    inputs : CandidateInputs
        The grid, and the fields beside pT, eta and phi.
    columns : mapping of str to (B, N) float, optional
        What the fields are made of (:func:`tritag.data.jets.field_codes.field_codes`).

    Returns
    -------
    codes : (B, K, 3 + F) int32 (float64 when not ``rounded``)
        [pT, eta, phi, and the fields], zero beyond ``count``.
    count : (B,) int32
        Number of candidates kept, 0..K.

    Raises
    ------
    DataError
        Wrong shapes, K outside 1..N, a value that is not finite, or a field that the columns do not give.

    Examples
    --------
    One jet of two constituents, of 20 GeV along x and of 30 GeV along y; the harder one comes first, and a quarter of a
    turn is 360 steps of phi.

    >>> codes, count = to_codes([[[20.0, 20.0, 0.0, 0.0], [30.0, 0.0, 30.0, 0.0]]], [2], n_leading=2)
    >>> codes.tolist(), count.tolist()
    ([[[120, 0, 360], [80, 0, 0]]], [2])
    """
    p4, counts = np.asarray(p4), np.asarray(n_constituents)
    if p4.ndim != 3 or p4.shape[2] != 4 or counts.shape != (len(p4),):
        raise DataError(
            f"p4 must have shape (jets, constituents, 4) and n_constituents (jets,), "
            f"got {p4.shape} and {counts.shape}; reshape them"
        )
    if not 1 <= n_leading <= p4.shape[1]:
        raise DataError(
            f"n_leading must be 1..N, got K = {n_leading} with N = {p4.shape[1]} constituents in the data; "
            "lower K or pad the jets wider"
        )
    require_columns(inputs, columns or {})
    codes = np.zeros((len(p4), n_leading, len(inputs.fields)), np.int32 if rounded else np.float64)
    kept = np.zeros(len(p4), np.int32)
    for start in range(0, len(p4), _JETS_PER_STEP):
        part = slice(start, start + _JETS_PER_STEP)
        order, codes[part, :, :3], kept[part] = _codes(p4[part], counts[part], n_leading, rounded, inputs)
        if inputs.names:
            taken = {
                name: np.take_along_axis(np.asarray((columns or {})[name])[part], order, axis=1)
                for name in needed_columns(inputs)
            }
            real = np.arange(n_leading) < kept[part, None]
            codes[part, :, 3:] = field_codes(inputs, taken, real, rounded)
    return codes, kept


def _codes(
    p4: NDArray[Any], counts: NDArray[Any], n_leading: int, rounded: bool, inputs: CandidateInputs
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Candidates that are kept, their codes of pT, eta and phi, and their number."""
    of_pt, of_eta, of_phi = inputs.grid.fields[:3]
    if not np.isfinite(p4).all():
        bad = int(np.sum(~np.isfinite(p4)))
        raise DataError(f"four-momenta must be finite, got {bad} NaN or infinite values; remove those jets")
    real = np.arange(p4.shape[1]) < counts[:, None]
    pt = np.hypot(p4[..., 1].astype(np.float64), p4[..., 2].astype(np.float64)) / of_pt.lsb
    pt[~real] = 0
    if rounded:
        # numpy rounds half to even; 16-bit integers are sorted fastest
        pt = np.minimum(np.rint(pt, out=pt), of_pt.max).astype(np.int16 if of_pt.bits < 16 else np.int32)
    # dropped candidates and padding have pT 0, so they sort behind every kept one
    order = np.argsort(-pt, axis=1, kind="stable")[:, :n_leading]
    px, py, pz = (np.take_along_axis(p4[..., i], order, axis=1).astype(np.float64) for i in (1, 2, 3))
    pt = np.take_along_axis(pt, order, axis=1)
    kept = pt > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        eta = np.where(kept, np.arcsinh(pz / np.hypot(px, py)) / of_eta.lsb, 0.0)
    phi = np.where(kept, np.arctan2(py, px) / of_phi.lsb, 0.0)
    if rounded:
        eta = np.clip(np.rint(eta), of_eta.min, of_eta.max)
        phi = (np.rint(phi) - of_phi.min) % (of_phi.max - of_phi.min + 1) + of_phi.min
    return order, np.stack([pt, eta, phi], axis=-1), kept.sum(axis=1)


def to_p4(codes: Any, count: Any) -> NDArray[np.float64]:
    """Massless four-momenta of grid codes.

    Parameters
    ----------
    codes : (B, K, 3) int or float
        [pT, eta, phi] in grid steps.
    count : (B,) int
        Real candidates of each jet.

    Returns
    -------
    (B, K, 4) float64
        (E, px, py, pz) in GeV, zero beyond ``count``.
    """
    codes = np.asarray(codes, np.float64)
    pt_gev = codes[..., 0] * TriggerGrid.PT_LSB_GEV
    eta = codes[..., 1] * TriggerGrid.ETA_LSB
    phi = codes[..., 2] * TriggerGrid.PHI_LSB
    p4 = np.stack([pt_gev * np.cosh(eta), pt_gev * np.cos(phi), pt_gev * np.sin(phi), pt_gev * np.sinh(eta)], axis=-1)
    p4[np.arange(codes.shape[1]) >= np.asarray(count)[:, None]] = 0
    return p4
