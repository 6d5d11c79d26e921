"""Jets from columns: fields of all candidates one after the other, and fields of the jets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.closed import require_memory
from tritag.data.jets.conventions import check_conventions
from tritag.data.jets.jets import JetBatch, make_batch
from tritag.data.readers.fields import COLUMN
from tritag.data.readers.labels import labels_of
from tritag.errors import DataError

# the public sets' own taggers take this many particles; shorter jets are padded to it
WIDTH_MIN = 128


@dataclass(frozen=True)
class Columns:
    """Columns of a foreign file, by our names (:mod:`tritag.data.readers.fields`).

    Attributes
    ----------
    candidates : dict of (M,) arrays
        pt, eta, phi (and mass or energy), or px, py, pz (and energy or mass); one entry a candidate.
    count : (B,) int64
        Candidates of each jet; their sum is M.
    jets : dict of (B,) arrays
        ``label``, and flags of classes as ``flag:<class>``.
    classes : tuple of str
        Names that the label counts; empty where the file names none.
    """

    candidates: Mapping[str, NDArray[Any]]
    count: NDArray[np.int64]
    jets: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def to_batch(columns: Columns, where: str, unit_gev: float = 1.0) -> JetBatch:
    """Jets of at least 128 places, candidates by falling pT (equal ones in the order of the file).

    Raises
    ------
    DataError
        Fields that are no numbers or too few, contradicting labels, or values that cannot be jets.
    """
    momenta = four_momenta({k: v for k, v in columns.candidates.items() if COLUMN not in k}, where, unit_gev)
    p4, order = padded(momenta, columns.count, where)
    more = {name.removeprefix(COLUMN): values for name, values in columns.candidates.items() if COLUMN in name}
    check_conventions(p4, columns.count, where)
    label, classes = labels_of(columns.jets, columns.classes, len(columns.count), where)
    return make_batch(p4, columns.count, label, where, classes, {k: order(k, values) for k, values in more.items()})


def four_momenta(fields: Mapping[str, NDArray[Any]], where: str, unit_gev: float = 1.0) -> NDArray[np.float32]:
    """Four-momenta (..., 4) float32 in GeV, (E, px, py, pz), from fields (...) of candidates.

    Where neither mass nor energy is given, candidates are massless.
    """
    numbers = {}
    for name, values in fields.items():
        if values.dtype.kind not in "iuf":
            raise DataError(f"{where}: {name} must hold numbers, got {values.dtype}; convert it")
        numbers[name] = values.astype(np.float64)
        if name not in ("eta", "phi"):
            numbers[name] *= unit_gev
    with np.errstate(over="ignore", invalid="ignore"):
        if "pt" in numbers:
            pt, phi = numbers["pt"], numbers["phi"]
            _check_polar(numbers, where)
            px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(numbers["eta"])
        else:
            px, py, pz = (numbers[name] for name in ("px", "py", "pz"))
        energy = numbers.get("energy")
        if energy is None:
            energy = np.sqrt(px**2 + py**2 + pz**2 + numbers.get("mass", np.float64(0)) ** 2)
        return np.stack([energy, px, py, pz], axis=-1).astype(np.float32)


def _check_polar(numbers: Mapping[str, NDArray[np.float64]], where: str) -> None:
    pt, eta, phi = numbers["pt"], numbers["eta"], numbers["phi"]
    if negative := int(np.sum(pt < 0)):
        hint = "is -999 or the like used as padding? give the number of candidates instead"
        raise DataError(f"{where}: pt must be >= 0, got {negative} negative values of {pt.size}; {hint}")
    for name, values, limit, hint in (
        ("eta", eta, 20.0, "is it in degrees, in steps of a grid, or another field?"),
        ("phi", phi, 2.001 * np.pi, "give it in radians"),
    ):
        outside = np.abs(values) > limit
        if outside.any():
            raise DataError(
                f"{where}: |{name}| must be at most {limit:.3g}, got {int(outside.sum())} of {values.size} values "
                f"outside (largest {np.abs(values).max():.4g}); {hint}"
            )


def padded(
    momenta: NDArray[np.float32], count: NDArray[np.int64], where: str
) -> tuple[NDArray[np.float32], Callable[[str, NDArray[Any]], NDArray[np.float32]]]:
    """Momenta (M, 4) of jets with ``count`` candidates as (B, N, 4), candidates by falling pT, N >= 128.

    The function beside them puts a column (M,), which it takes with its name, into the same places, (B, N).
    """
    width = max(WIDTH_MIN, int(count.max(initial=0)))
    require_memory(3 * len(count) * width * 16, where, DataError, "read fewer jets (--n-max)")
    jet = np.repeat(np.arange(len(count)), count)
    # equal pT keep their order
    order = np.lexsort((-np.hypot(momenta[:, 1], momenta[:, 2]), jet))
    rank = np.arange(len(jet)) - np.repeat(np.cumsum(count) - count, count)
    p4 = np.zeros((len(count), width, 4), np.float32)
    p4[jet, rank] = momenta[order]

    def place(name: str, values: NDArray[Any]) -> NDArray[np.float32]:
        if values.shape != (len(momenta),) or values.dtype.kind not in "biuf":
            raise DataError(
                f"{where}: {name} must hold one number a candidate, got {values.dtype} {values.shape} for "
                f"{len(momenta)} candidates; map another branch"
            )
        found = np.zeros(p4.shape[:2], np.float32)
        found[jet, rank] = values[order]
        return found

    return p4, place


def counts_of_padded(pt: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Candidates of padded rows (B, N) that come without their number: up to the last one that is not zero."""
    if pt.ndim != 2:
        raise DataError(f"{where}: fields of candidates must have shape (jets, N), got {pt.shape}; reshape them")
    real = pt != 0
    return np.where(real.any(axis=1), pt.shape[1] - np.argmax(real[:, ::-1], axis=1), 0).astype(np.int64)
