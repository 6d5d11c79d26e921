"""Jets as they are stored: the constituents of all jets one after the other, without padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.closed import require_memory
from tritag.data.jets.jets import TWO_CLASSES, JetBatch
from tritag.errors import DataError

_COLUMNS = ("px", "py", "pz", "label", "jet", "truth")


@dataclass(frozen=True)
class RaggedJets:
    """Jets as they are stored: constituents of all jets one after the other.

    Attributes
    ----------
    px, py, pz : (M,) float32
        Momenta of all constituents in GeV.
    offsets : (B + 1,) int64
        Jet i owns constituents offsets[i]:offsets[i + 1].
    label : (B,) int8
    jet, truth : (B, 4) float32
        (E, px, py, pz) in GeV of the jet and of the parton it was matched to (zero where there is none).
    classes : tuple of str
        Names of the classes that ``label`` counts.
    pdg_id : (M,) int32, optional
        PDG numbers of the constituents, where they are known.
    columns : mapping of str to (M,) float32
        What else is known of the constituents, by names that hold the unit (``z0_cm``).
    """

    px: NDArray[np.float32]
    py: NDArray[np.float32]
    pz: NDArray[np.float32]
    offsets: NDArray[np.int64]
    label: NDArray[np.int8]
    jet: NDArray[np.float32]
    truth: NDArray[np.float32]
    classes: tuple[str, ...] = TWO_CLASSES
    pdg_id: NDArray[np.int32] | None = None
    columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, indices: NDArray[np.int64]) -> RaggedJets:
        """The jets ``indices`` (n,), in that order."""
        counts = np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        where = np.repeat(self.offsets[indices] - offsets[:-1], counts) + np.arange(offsets[-1])
        return RaggedJets(
            self.px[where], self.py[where], self.pz[where], offsets,
            self.label[indices], self.jet[indices], self.truth[indices], self.classes,
            None if self.pdg_id is None else self.pdg_id[where],
            {name: values[where] for name, values in self.columns.items()},
        )  # fmt: skip

    def leading(self, n_constituents: int) -> RaggedJets:
        """The first ``n_constituents`` of each jet, or all when it has fewer."""
        counts = np.diff(self.offsets)
        kept = np.arange(len(self.px)) - np.repeat(self.offsets[:-1], counts) < n_constituents
        return replace(
            self,
            px=self.px[kept],
            py=self.py[kept],
            pz=self.pz[kept],
            offsets=np.concatenate([[0], np.cumsum(np.minimum(counts, n_constituents))]).astype(np.int64),
            pdg_id=None if self.pdg_id is None else self.pdg_id[kept],
            columns={name: values[kept] for name, values in self.columns.items()},
        )

    def pad(self, n_constituents: int | None = None) -> JetBatch:
        """Zero-padded four-momenta, as wide as the longest jet or ``n_constituents`` (longer jets are cut)."""
        counts = np.diff(self.offsets)
        width = n_constituents if n_constituents is not None else int(counts.max(initial=1))
        kept = np.minimum(counts, width)
        real = np.arange(width) < kept[:, None]
        where = (self.offsets[:-1, None] + np.arange(width))[real]
        # beside the padded array, the momenta once in float64 and what the checks take
        n_bytes = 3 * len(self) * width * 16
        require_memory(n_bytes, f"{len(self):,} jets of {width} constituents", DataError, "read fewer jets (--n-max)")
        p4 = np.zeros((len(self), width, 4), np.float32)
        momenta = np.stack([self.px[where], self.py[where], self.pz[where]], axis=-1)
        p4[real, 1:] = momenta
        p4[real, 0] = np.sqrt(np.sum(momenta.astype(np.float64) ** 2, axis=-1))
        columns = {name: np.zeros(p4.shape[:2], np.float32) for name in self.columns}
        for name, values in columns.items():
            values[real] = self.columns[name][where]
        return JetBatch(p4, kept.astype(np.int64), self.label.astype(np.int64), self.truth, self.classes, columns)


def join(parts: list[RaggedJets]) -> RaggedJets:
    """Put sets of the same classes one after the other; what not all know of their constituents is left out."""
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    pdg_id = [part.pdg_id for part in parts if part.pdg_id is not None]
    common = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    return RaggedJets(
        offsets=offsets,
        classes=parts[0].classes,
        pdg_id=np.concatenate(pdg_id) if len(pdg_id) == len(parts) else None,
        columns={name: np.concatenate([part.columns[name] for part in parts]) for name in common},
        **columns,
    )


def flatten(batch: JetBatch, jet: Any = None, truth: Any = None) -> RaggedJets:
    """Ragged, massless form of a padded batch.

    ``jet`` defaults to the sum of the constituents, ``truth`` to that of the batch, and to zero when it has none.
    """
    mask = batch.mask
    px, py, pz = (np.ascontiguousarray(batch.p4[..., i][mask], np.float32) for i in (1, 2, 3))
    jet = batch.p4.sum(axis=1, dtype=np.float64) if jet is None else jet
    truth = batch.truth if truth is None else truth
    truth = np.zeros((len(batch), 4)) if truth is None else truth
    return RaggedJets(
        px, py, pz, np.concatenate([[0], np.cumsum(batch.n_constituents)]).astype(np.int64),
        batch.label.astype(np.int8), np.asarray(jet, np.float32), np.asarray(truth, np.float32), batch.classes,
        columns={name: np.ascontiguousarray(values[mask]) for name, values in batch.columns.items()},
    )  # fmt: skip
