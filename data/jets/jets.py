"""A batch of jets: zero-padded four-momenta, how many of them are real, the class, and what the jet came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.errors import DataError, short

UNKNOWN_LABEL = -1
TWO_CLASSES = ("background", "signal")


@dataclass(frozen=True)
class JetBatch:
    """Jets as padded arrays.

    Attributes
    ----------
    p4 : (B, N, 4) float32
        Constituent four-momenta (E, px, py, pz) in GeV, the leading ones first, zero beyond ``n_constituents``.
    n_constituents : (B,) int64
        Number of real constituents of each jet, 0..N.
    label : (B,) int64
        Class of each jet, an index into ``classes``; -1 = unknown. Of two-class sets 1 = signal, 0 = background.
    truth : (B, 4) float32, optional
        Four-momenta (E, px, py, pz) in GeV of the partons, bosons or tops that the jets were matched to, zero where
        there is none. None when the source knows nothing about it.
    classes : tuple of str
        Names of the classes.
    columns : mapping of str to (B, N) float32
        What is known of the constituents beside their momenta, by names that hold the unit (``z0_cm``); zero beyond
        ``n_constituents``.
    """

    p4: NDArray[np.float32]
    n_constituents: NDArray[np.int64]
    label: NDArray[np.int64]
    truth: NDArray[np.float32] | None = None
    classes: tuple[str, ...] = TWO_CLASSES
    columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(B, N) bool, True for real constituents."""
        return np.arange(self.p4.shape[1]) < self.n_constituents[:, None]

    def __len__(self) -> int:
        return len(self.p4)

    def __getitem__(self, index: Any) -> JetBatch:
        """Select jets with a slice, an index array or a boolean mask; the padded width stays."""
        if isinstance(index, int | np.integer):
            raise TypeError(
                "a JetBatch is indexed with a slice, an index array or a mask; use batch[i : i + 1] for one jet"
            )
        truth = None if self.truth is None else self.truth[index]
        columns = {name: values[index] for name, values in self.columns.items()}
        return replace(
            self, p4=self.p4[index], n_constituents=self.n_constituents[index], label=self.label[index], truth=truth,
            columns=columns,
        )  # fmt: skip

    def leading(self, n_leading: int) -> JetBatch:
        """Keep the first ``n_leading`` constituents of each jet, or pad with zeros up to that number."""
        width = self.p4.shape[1]
        p4 = self.p4[:, :n_leading]
        columns = {name: values[:, :n_leading] for name, values in self.columns.items()}
        if n_leading > width:
            more = ((0, 0), (0, n_leading - width))
            p4 = np.pad(p4, (*more, (0, 0)))
            columns = {name: np.pad(values, more) for name, values in columns.items()}
        return replace(self, p4=p4, n_constituents=np.minimum(self.n_constituents, n_leading), columns=columns)


def make_batch(
    p4: Any,
    n_constituents: Any,
    label: Any = None,
    where: str = "jets",
    classes: tuple[str, ...] = TWO_CLASSES,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> JetBatch:
    """Convert arrays to the dtypes of `JetBatch` and check them.

    Parameters
    ----------
    p4 : (B, N, 4) array of GeV
    n_constituents : (B,) array
    label : (B,) array, optional
        Missing labels become -1.
    where : str
        Named in the error message (a file name).
    classes : tuple of str
        Names of the classes that the labels count.
    columns : mapping of str to (B, N) array, optional
        What is known beside the momenta; padding is set to zero.

    Raises
    ------
    DataError
        See `check_jets`.
    """
    p4 = np.asarray(p4)
    if p4.ndim != 3 or p4.shape[2] != 4:
        raise DataError(
            f"{where}: p4 must have shape (jets, constituents, 4), got {p4.shape}; give (E, px, py, pz) in GeV"
        )
    count = np.asarray(n_constituents)
    if label is None:
        label = np.full(len(p4), UNKNOWN_LABEL)
    for name, values in (("p4", p4), ("n_constituents", count), ("label", np.asarray(label))):
        if values.dtype.kind not in "biuf":
            raise DataError(f"{where}: {name} must hold numbers, got dtype {values.dtype}; convert it")
    count = whole_numbers(count, len(p4), "n_constituents", where)
    label = whole_numbers(label, len(p4), "label", where)
    with np.errstate(over="ignore", invalid="ignore"):
        p4 = p4.astype(np.float32, copy=False)
    batch = JetBatch(p4, count, label, classes=classes)
    for name, values in (columns or {}).items():
        if np.shape(values) != p4.shape[:2] or values.dtype.kind not in "biuf":
            raise DataError(
                f"{where}: {short(name)} must hold one number a constituent, shape {p4.shape[:2]}, got {values.dtype} "
                f"{np.shape(values)}; reshape it"
            )
    if columns:
        batch = replace(batch, columns={k: np.where(batch.mask, x, 0).astype(np.float32) for k, x in columns.items()})
    check_jets(batch, where)
    return batch


def whole_numbers(values: Any, n_jets: int, name: str, where: str) -> NDArray[np.int64]:
    """(B,) whole numbers as int64.

    Raises
    ------
    DataError
        Another shape, fractions, NaN, or numbers that no label or count can be.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{where}: {name} must hold numbers, got dtype {values.dtype}; convert it")
    if values.shape != (n_jets,):
        raise DataError(f"{where}: {name} must have shape ({n_jets},) like p4, got {values.shape}; give one per jet")
    if not np.all(np.isfinite(values)) or np.any(values != np.trunc(values)):
        raise DataError(
            f"{where}: {name} must be whole numbers, got {values.dtype} with fractions or NaN; round it first"
        )
    large = values.astype(np.float64)
    if np.any(np.abs(large) >= 2**31):
        raise DataError(
            f"{where}: {name} must be small whole numbers, got {large[np.argmax(np.abs(large))]:.6g}; is -1 stored "
            "without a sign?"
        )
    return values.astype(np.int64)


def check_classes(names: Any, where: Path | str) -> tuple[str, ...]:
    """Names of classes as a tuple.

    Raises
    ------
    DataError
        Not a list of distinct, printable texts of 1 to 100 characters.
    """
    named = isinstance(names, list | tuple) and all(isinstance(x, str) and x.isprintable() for x in names)
    if not named or not all(0 < len(name) <= 100 for name in names):
        raise DataError(f"{where}: classes must be names of 1 to 100 characters, got {short(names)}; rename them")
    if not names or len(set(names)) != len(names):
        raise DataError(f"{where}: each class must have a name of its own, got {short(names)}; rename them")
    return tuple(names)


def check_jets(batch: JetBatch, where: str = "jets") -> None:
    """Raise when an array cannot be jets.

    Raises
    ------
    DataError
        Wrong shapes, a count outside 0..N, a label that is neither -1 nor the index of a class, NaN or infinity,
        negative energy, or non-zero values in the padding. Each message tells how many jets or values are wrong.
    """
    p4, count, label = batch.p4, batch.n_constituents, batch.label
    if p4.ndim != 3 or p4.shape[2] != 4:
        raise DataError(
            f"{where}: p4 must have shape (jets, constituents, 4), got {p4.shape}; give (E, px, py, pz) in GeV"
        )
    if count.shape != (len(p4),) or label.shape != (len(p4),):
        raise DataError(
            f"{where}: n_constituents and label must have shape ({len(p4)},) like p4, "
            f"got {count.shape} and {label.shape}; give one per jet"
        )
    if batch.truth is not None and (batch.truth.shape != (len(p4), 4) or not np.isfinite(batch.truth).all()):
        raise DataError(
            f"{where}: truth must hold one finite (E, px, py, pz) a jet, shape ({len(p4)}, 4), got "
            f"{batch.truth.shape} with {int(np.sum(~np.isfinite(batch.truth)))} NaN or infinite values; "
            "use zeros where it is unknown"
        )
    for name, values in batch.columns.items():
        if values.shape != p4.shape[:2] or not np.isfinite(values).all():
            raise DataError(
                f"{where}: {short(name)} must hold one finite number a constituent, shape {p4.shape[:2]}, got "
                f"{values.shape} with {int(np.sum(~np.isfinite(values)))} NaN or infinite values; correct it"
            )
    n_bad = int(np.sum((count < 0) | (count > p4.shape[1])))
    if n_bad:
        raise DataError(
            f"{where}: n_constituents must be 0..{p4.shape[1]} (the padded width), got {n_bad} of {len(p4)} jets "
            f"outside (largest {count.max()}); recount or pad wider"
        )
    n_classes = len(batch.classes)
    n_bad = int(np.sum((label < UNKNOWN_LABEL) | (label >= n_classes)))
    if n_bad:
        valid = "1, 0" if n_classes == 2 else f"0..{n_classes - 1}"
        raise DataError(
            f"{where}: label must be {valid} or -1 (unknown), got {n_bad} of {len(p4)} jets with other values; map them"
        )
    finite = np.isfinite(p4)
    if not finite.all():
        n_jets = int(np.sum(~finite.all(axis=(1, 2))))
        raise DataError(
            f"{where}: four-momenta must be finite, got {int(np.sum(~finite))} NaN or infinite values in {n_jets} of "
            f"{len(p4)} jets; remove those jets"
        )
    negative = p4[..., 0] < 0
    if negative.any():
        raise DataError(
            f"{where}: energies must be >= 0, got {int(negative.sum())} negative ones in "
            f"{int(negative.any(axis=1).sum())} of {len(p4)} jets; remove those jets"
        )
    padding = np.any(p4 != 0, axis=2) & ~batch.mask
    if padding.any():
        raise DataError(
            f"{where}: four-momenta beyond n_constituents must be zero, got {int(padding.sum())} non-zero in "
            f"{int(padding.any(axis=1).sum())} of {len(p4)} jets; correct n_constituents or clear the padding"
        )
