"""Conventions of foreign jets: order of the four numbers, unit, padding. What breaks them names its likely cause.

A wrong convention gives numbers that look like jets: a tagger trained on them is bad without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.field_codes import field_losses
from tritag.data.jets.jets import JetBatch
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.errors import DataError

# no jet of the LHC has more; in MeV every jet above 10 GeV does
_JET_PT_MAX_GEV = 10_000.0
_LEADING = 16
_SATURATED_SHARE_MAX = 0.1
# relative; energies that were rounded to 8 bits still pass
_SHELL_TOLERANCE = 0.01
_SHELL_SHARE_MAX = 0.01
_JETS_CHECKED = 20_000


def check_conventions(p4: NDArray[Any], count: NDArray[np.int64], where: str) -> None:
    """Raise when the numbers are jets in another convention than (E, px, py, pz) in GeV, zero padded.

    Parameters
    ----------
    p4 : (B, N, 4) float
    count : (B,) int64
        Real constituents of each jet.

    Raises
    ------
    DataError
        Padding with another number than 0, energies that are not the first of the four numbers or too small for their
        momenta, or momenta that are no GeV. The message names the likely cause and what to do.
    """
    p4, count = p4[:_JETS_CHECKED], count[:_JETS_CHECKED]
    if p4.ndim != 3 or not p4.size:
        return
    real = np.arange(p4.shape[1]) < count[:, None]
    _check_padding(p4, where)
    finite = np.isfinite(p4).all(axis=2) & real
    _check_order(p4[finite].astype(np.float64), where)
    _check_unit(np.where(finite[..., None], p4, 0).astype(np.float64), np.minimum(count, p4.shape[1]), where)


def _check_padding(p4: NDArray[Any], where: str) -> None:
    equal = (p4[..., 0] < 0) & np.all(p4 == p4[..., :1], axis=2)
    if equal.any():
        value = p4[..., 0][equal][0]
        raise DataError(
            f"{where}: places without a constituent must be zero, but {int(equal.sum())} places in "
            f"{int(equal.any(axis=1).sum())} of {len(p4)} jets are padded with {value:g}; set them to 0 and leave them "
            "out of n_constituents"
        )


def _check_order(momenta: NDArray[np.float64], where: str) -> None:
    if not len(momenta):
        return
    first = _on_shell(momenta[:, 0], momenta[:, 1:])
    last = _on_shell(momenta[:, 3], momenta[:, :3])
    n_bad = int(np.sum(~first))
    if n_bad <= _SHELL_SHARE_MAX * len(momenta):
        return
    if np.mean(last) > 1 - _SHELL_SHARE_MAX:
        raise DataError(
            f"{where}: four-momenta must be (E, px, py, pz), but these look like (px, py, pz, E): the last of the four "
            f"numbers is the length of the others in all, the first in {len(momenta) - n_bad} of {len(momenta)} "
            "constituents; reorder them with p4[..., [3, 0, 1, 2]]"
        )
    # negative energies alone are damaged jets, which the general check counts
    n_low = int(np.sum(~first & (momenta[:, 0] >= 0)))
    if n_low > _SHELL_SHARE_MAX * len(momenta):
        raise DataError(
            f"{where}: energies must be at least the momenta, got {n_low} of {len(momenta)} constituents more than 1 % "
            "below; give (E, px, py, pz) in one unit, energies and not transverse ones"
        )


def _on_shell(energy: NDArray[np.float64], momentum: NDArray[np.float64]) -> NDArray[np.bool_]:
    return energy >= (1 - _SHELL_TOLERANCE) * np.sqrt(np.sum(momentum**2, axis=1))


def _check_unit(p4: NDArray[np.float64], count: NDArray[np.int64], where: str) -> None:
    total = p4[count > 0].sum(axis=1)
    if not len(total):
        return
    jet_pt, pt = np.hypot(total[:, 1], total[:, 2]), np.hypot(p4[..., 1], p4[..., 2])
    leading = np.arange(p4.shape[1]) < np.minimum(count, _LEADING)[:, None]
    largest = TriggerGrid.PT_MAX * TriggerGrid.PT_LSB_GEV
    share = float(np.mean(pt[leading] > largest))
    median = float(np.median(jet_pt))
    if median > _JET_PT_MAX_GEV or share > _SATURATED_SHARE_MAX:
        raise DataError(
            f"{where}: momenta must be in GeV, but half of the jets have a pT above {median:,.0f} and {share:.0%} of "
            f"their {_LEADING} leading constituents exceed the {largest:,.0f} GeV of the trigger's grid: are they in "
            "MeV? Divide them by 1000, or give the unit (--map unit=MeV)"
        )
    if median > 0 and float(np.mean(pt[leading] < TriggerGrid.PT_LSB_GEV / 2)) > 0.9:
        raise DataError(
            f"{where}: momenta must be in GeV, but half of the jets have a pT below {median:.3g} and nearly all of "
            "their constituents vanish on the trigger's grid: are they in TeV? Multiply them by 1000, or give the unit "
            "(--map unit=TeV)"
        )


@dataclass
class GridLosses:
    """Counts constituents that the trigger's grid cannot hold as they are, batch by batch."""

    inputs: CandidateInputs = PLAIN
    clipped: int = 0
    steep: int = 0
    soft: int = 0
    total: int = 0

    def add(self, batch: JetBatch) -> None:
        """Count those of a batch."""
        of_pt, of_eta, _ = self.inputs.fields[:3]
        self.total += int(batch.n_constituents.sum())
        for start in range(0, len(batch), _JETS_CHECKED):
            part = batch[start : start + _JETS_CHECKED]
            px, py, pz = (part.p4[..., i][part.mask].astype(np.float64) for i in (1, 2, 3))
            pt = np.hypot(px, py)
            kept = pt > of_pt.lsb / 2
            self.clipped += int(np.sum(pt > (of_pt.max + 0.5) * of_pt.lsb))
            self.soft += int(np.sum(~kept))
            self.steep += int(np.sum(np.abs(np.arcsinh(pz[kept] / pt[kept])) > (of_eta.max + 0.5) * of_eta.lsb))

    def sentence(self, soft_too: bool = True, more: Sequence[str] = ()) -> str:
        """What was counted, and ``more`` phrases; empty when there is nothing to say."""
        of_pt, of_eta, _ = self.inputs.fields[:3]
        parts = [
            f"{number:,} {what}"
            for number, what in (
                (self.clipped, f"saturate at {(of_pt.max + 1) * of_pt.lsb:g} GeV"),
                (self.steep, f"are clipped at |eta| = {of_eta.max * of_eta.lsb:.1f}"),
                (self.soft * soft_too, f"lie below {of_pt.lsb / 2:g} GeV and are dropped"),
            )
            if number
        ]
        found = [*parts, *more]
        return f"of {self.total:,} constituents on the trigger's grid, {' and '.join(found)}" if found else ""


def grid_losses(batch: JetBatch, soft_too: bool = True, inputs: CandidateInputs = PLAIN) -> str:
    """One sentence about constituents that a grid cannot hold as they are; empty when there are none.

    Of each kind their number, on the trigger's grid: pT at or above 4095.75 GeV and |eta| beyond 8.9 are clipped, pT
    below 0.125 GeV is dropped; a few soft ones are in every set, and are left out of the sentence without ``soft_too``.
    """
    counted = GridLosses(inputs)
    counted.add(batch)
    return counted.sentence(soft_too, field_losses(inputs, batch.columns, batch.mask))
