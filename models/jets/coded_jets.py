"""Jets as a tagger takes them: grid codes, number of candidates, class, and what is known about their origin."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.jets import TWO_CLASSES, JetBatch
from tritag.data.jets.trigger_grid import to_codes
from tritag.errors import DataError

# Columns of CodedJets.ratios.
QUANTITIES = ("pt", "mass")
# Lighter origins count as massless: quarks and gluons.
_LIGHTEST_GEV = 10.0
# A fingerprint takes so many jets at a time; their number does not count.
_JETS_PER_BLOCK = 1 << 20
# A jet below has no mass that could be corrected by a factor.
_SMALLEST_MASS_GEV = 1.0


@dataclass(frozen=True)
class CodedJets:
    """Jets on the trigger grid.

    Attributes
    ----------
    codes : (n, K, 3 + F) int, or float64 for the unrounded values in the same units
        [pT, eta, phi, and fields] of each candidate; what stands beyond ``count`` does not matter.
    count : (n, 1) int64
        Candidates of each jet, 0..K.
    label : (n,) int64
        Index of the class, -1 = unknown; of two classes 1 = signal, 0 = background.
    ratios : (n, 2) float32, optional
        True over the jet's transverse momentum, and mass (:func:`true_ratios`); NaN where unknown.
    classes : tuple of str
        Names of the classes.
    candidates : CandidateInputs
        The grid, and which fields follow pT, eta and phi.
    """

    codes: Tensor
    count: Tensor
    label: Tensor
    ratios: Tensor | None = None
    classes: tuple[str, ...] = TWO_CLASSES
    candidates: CandidateInputs = PLAIN

    def __post_init__(self) -> None:
        n, wide = len(self.codes), len(self.candidates.fields)
        plausible = self.codes.ndim == 3 and self.codes.shape[2] == wide
        if not plausible or self.count.shape != (n, 1) or self.label.shape != (n,):
            raise DataError(
                f"codes must have shape (jets, candidates, {wide}), count (jets, 1) and label (jets,), "
                f"got {tuple(self.codes.shape)}, {tuple(self.count.shape)} and {tuple(self.label.shape)}"
            )
        if self.ratios is not None and self.ratios.shape != (n, len(QUANTITIES)):
            raise DataError(f"ratios must have shape ({n}, {len(QUANTITIES)}), got {tuple(self.ratios.shape)}")

    @classmethod
    def from_batch(
        cls, batch: JetBatch, n_constituents: int, *, rounded: bool = True, candidates: CandidateInputs = PLAIN
    ) -> CodedJets:
        """Put the ``n_constituents`` leading constituents of each jet on the grid of ``candidates``.

        ``rounded=False`` keeps the exact values (float64, same units).

        Raises
        ------
        DataError
            K is larger than the padded width of the batch, or the jets lack a field.
        """
        codes, count = to_codes(
            batch.p4, batch.n_constituents, n_constituents, rounded=rounded, inputs=candidates, columns=batch.columns
        )
        ratios = None if batch.truth is None else torch.from_numpy(true_ratios(batch.p4, batch.truth))
        return cls(
            torch.from_numpy(codes),
            torch.from_numpy(count).long().unsqueeze(1),
            torch.as_tensor(batch.label).long(),
            ratios,
            batch.classes,
            candidates,
        )

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Any) -> CodedJets:
        """Select jets with a slice, an index tensor or a boolean mask."""
        ratios = None if self.ratios is None else self.ratios[index]
        return dataclasses.replace(
            self, codes=self.codes[index], count=self.count[index], label=self.label[index], ratios=ratios
        )

    def fingerprint(self, ratios: bool = False) -> str:
        """Hash that tells two sets of jets apart: all counts and labels, and the codes of up to 1024 jets.

        ``ratios``: those count too.
        """
        state = hashlib.sha256(f"{tuple(self.codes.shape)} {self.codes.dtype}".encode())
        columns = [(self.count, torch.int16), (self.label, torch.int8)]
        columns += [(self.codes[:: max(1, len(self) // 1024)], self.codes.dtype)]
        if ratios and self.ratios is not None:
            columns.append((self.ratios, self.ratios.dtype))
        for tensor, dtype in columns:
            for part in tensor.split(_JETS_PER_BLOCK):
                state.update(part.to(dtype).contiguous().cpu().numpy().tobytes())
        return state.hexdigest()[:16]


def true_ratios(p4: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ratios of true over the jet's transverse momentum and mass.

    Parameters
    ----------
    p4 : (n, N, 4) float32
        All constituents of the jets in GeV; their sum is the jet, as a jet finder hands it to the trigger.
    truth : (n, 4) float32
        Momentum in GeV of the parton, boson or top behind the jet, zero where there is none.

    Returns
    -------
    (n, 2) float32
        NaN where there is no truth. The mass's also for origins lighter than 10 GeV (quarks and gluons) and for jets
        lighter than 1 GeV, which no factor can correct.
    """
    jet, origin = p4.sum(axis=1, dtype=np.float64), truth.astype(np.float64)
    (jet_pt, jet_mass), (true_pt, true_mass) = _pt_and_mass(jet), _pt_and_mass(origin)
    known_pt = (jet_pt > 0) & (true_pt > 0)
    known_mass = known_pt & (jet_mass > _SMALLEST_MASS_GEV) & (true_mass > _LIGHTEST_GEV)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.stack(
            [np.where(known_pt, true_pt / jet_pt, np.nan), np.where(known_mass, true_mass / jet_mass, np.nan)], axis=1
        )
    return ratios.astype(np.float32)


def _pt_and_mass(p4: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    squared = p4[:, 0] ** 2 - np.sum(p4[:, 1:] ** 2, axis=1)
    return np.hypot(p4[:, 1], p4[:, 2]), np.sqrt(np.maximum(squared, 0))
