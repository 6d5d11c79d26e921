"""Jets as a tagger takes them: grid codes, number of candidates and label."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tritag.data.grid import to_codes
from tritag.data.jets import JetBatch
from tritag.errors import DataError


@dataclass(frozen=True)
class CodedJets:
    """Jets on the trigger grid.

    Attributes
    ----------
    codes : (n, K, 3) int, or float64 for the unrounded values in the same units
        [pT, eta, phi] of each candidate; what stands beyond ``count`` does not matter.
    count : (n, 1) int64
        Candidates of each jet, 0..K.
    label : (n,) int64
        1 = signal, 0 = background, -1 = unknown.
    """

    codes: Tensor
    count: Tensor
    label: Tensor

    def __post_init__(self) -> None:
        n = len(self.codes)
        if self.codes.ndim != 3 or self.codes.shape[2] != 3 or self.count.shape != (n, 1) or self.label.shape != (n,):
            raise DataError(
                "codes must have shape (jets, candidates, 3), count (jets, 1) and label (jets,), "
                f"got {tuple(self.codes.shape)}, {tuple(self.count.shape)} and {tuple(self.label.shape)}"
            )

    @classmethod
    def from_batch(cls, batch: JetBatch, n_constituents: int, *, rounded: bool = True) -> CodedJets:
        """Put the ``n_constituents`` leading constituents of each jet on the trigger grid.

        ``rounded=False`` keeps the exact values (float64, same units).

        Raises
        ------
        DataError
            K is larger than the padded width of the batch.
        """
        codes, count = to_codes(batch.p4, batch.n_constituents, n_constituents, rounded=rounded)
        return cls(
            torch.from_numpy(codes), torch.from_numpy(count).long().unsqueeze(1), torch.as_tensor(batch.label).long()
        )

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Any) -> CodedJets:
        """Select jets with a slice, an index tensor or a boolean mask."""
        return CodedJets(self.codes[index], self.count[index], self.label[index])

    def fingerprint(self) -> str:
        """Hash that tells two sets of jets apart: all counts and labels, and the codes of up to 1024 jets."""
        state = hashlib.sha256(f"{tuple(self.codes.shape)} {self.codes.dtype}".encode())
        for tensor in (self.count.to(torch.int16), self.label.to(torch.int8), self.codes[:: max(1, len(self) // 1024)]):
            state.update(tensor.contiguous().cpu().numpy().tobytes())
        return state.hexdigest()[:16]


def check_labels(jets: CodedJets, what: str) -> None:
    """Raise when jets cannot be trained or measured on.

    Raises
    ------
    DataError
        Labels other than 0 and 1, or only one class. ``what`` names the jets in the message.
    """
    n_signal, n_background = int((jets.label == 1).sum()), int((jets.label == 0).sum())
    if n_bad := len(jets) - n_signal - n_background:
        raise DataError(f"{what} must have labels 0 or 1, got {n_bad} of {len(jets)} with other labels; drop them")
    if not n_signal or not n_background:
        raise DataError(
            f"{what} must hold signal and background, got {n_signal} signal and {n_background} background jets; "
            "shuffle before splitting"
        )
