"""Jets from named arrays, as ``.npz`` and plain HDF5 files hold them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tritag.archive import names_in_npz, read_npz
from tritag.data.jets.conventions import check_conventions
from tritag.data.jets.hdf5 import attribute, names_of_datasets, open_hdf5, plain_dataset, read_rows
from tritag.data.jets.jets import JetBatch, check_classes, make_batch, whole_numbers
from tritag.data.jets.trigger_grid import TriggerGrid, to_p4
from tritag.data.readers.columns import counts_of_padded, four_momenta
from tritag.data.readers.fields import COLUMN, FieldMap, note_left_out, require_names
from tritag.data.readers.labels import FLAG, KNOWN_FLAGS, labels_of
from tritag.errors import DataError, short
from tritag.structured import parse_json

# what arrays may be called, ours first
ALIASES = {
    "pt": ("pt",),
    "eta": ("eta",),
    "phi": ("phi",),
    "mass": ("mass", "m"),
    "energy": ("energy", "E", "e"),
    "px": ("px",),
    "py": ("py",),
    "pz": ("pz",),
    "p4": ("p4",),
    "codes": ("codes",),
    "count": ("n_constituents", "count"),
    "label": ("label",),
    "is_top": ("is_top",),
    "is_signal": ("is_signal",),
    "classes": ("classes",),
}
FLAG_PREFIX = "label_"
_MOMENTA = (("p4",), ("codes",), ("pt", "eta", "phi"), ("px", "py", "pz"))
_AGAIN = "make or copy it again"


def read_arrays(
    path: Path, n_max: int | None = None, mapping: FieldMap | None = None, notes: list[str] | None = None
) -> JetBatch:
    """Read jets of an ``.npz`` or plain HDF5 file.

    Momenta are ``p4`` (jets, constituents, 4) as (E, px, py, pz) in GeV with ``n_constituents``; or ``pt``, ``eta``,
    ``phi`` (and ``mass`` or ``energy``), or ``px``, ``py``, ``pz``, each (jets, constituents), the number of
    constituents inferred from the zeros at the end where it is not given; or, on the trigger's grid, integers ``codes``
    (jets, constituents, 3), or integers ``pt``, ``eta`` and ``phi``, with their ``count``.

    Raises
    ------
    DataError
        Arrays that are missing, of other shapes, or contradict each other, or values that cannot be jets.
    """
    if h5py.is_hdf5(path):
        arrays, names, wanted = _of_hdf5(path, n_max, mapping)
    else:
        names = names_in_npz(path, DataError, _AGAIN)
        wanted = _wanted(names, mapping, str(path))
        loaded = read_npz(path, DataError, _AGAIN, set(wanted.values()), n_max)
        if "classes" in wanted and n_max is not None:
            loaded |= read_npz(path, DataError, _AGAIN, {wanted["classes"]})
        arrays = {ours: loaded[theirs] for ours, theirs in wanted.items()}
    note_left_out(notes, path, names, wanted.values())
    return _batch(arrays, names, str(path), mapping)


def batch_of_arrays(arrays: Mapping[str, NDArray[Any]], where: str) -> JetBatch:
    """Jets of arrays under the names of :data:`ALIASES`, checked like those of a file; ``where`` names their source.

    Raises
    ------
    DataError
        As in :func:`read_arrays`.
    """
    return _batch(arrays, list(arrays), where, None)


def _of_hdf5(
    path: Path, n_max: int | None, mapping: FieldMap | None
) -> tuple[dict[str, NDArray[Any]], list[str], dict[str, str]]:
    with open_hdf5(path) as file:
        names = names_of_datasets(file)
        wanted = _wanted(names, mapping, str(path))
        arrays = {
            ours: read_rows(plain_dataset(file, theirs), 0, None if ours == "classes" else n_max)
            for ours, theirs in wanted.items()
        }
        given = attribute(file, "classes")
        if given is not None and "classes" not in arrays:
            if isinstance(given, str | bytes):
                text = given if isinstance(given, str) else given.decode()
                given = parse_json(text, f"{path}, attribute classes", DataError, "give the names as a JSON list")
            arrays["classes"] = np.asarray(given, object)
    return arrays, names, wanted


def _wanted(names: Collection[str], mapping: FieldMap | None, where: str) -> dict[str, str]:
    """Arrays to read: our names to those of the file."""
    if mapping is not None:
        wanted = mapping.candidates | mapping.jets
        require_names(list(wanted.values()), list(names), where)
        return wanted
    wanted = {}
    for ours, aliases in ALIASES.items():
        found = [name for name in aliases if name in names]
        if len(found) > 1:
            raise DataError(f"{where} must hold {ours} once, got {' and '.join(found)}; remove one")
        if found:
            wanted[ours] = found[0]
    return wanted | {
        FLAG + name.removeprefix(FLAG_PREFIX): name
        for name in names
        if name.startswith(FLAG_PREFIX) and name != FLAG_PREFIX
    }


def _batch(
    arrays: Mapping[str, NDArray[Any]], names: Collection[str], where: str, mapping: FieldMap | None
) -> JetBatch:
    kinds = [kind for kind in _MOMENTA if all(name in arrays for name in kind)]
    if len(kinds) != 1 or (kinds[0] in _MOMENTA[:2] and "count" not in arrays):
        found = ", ".join(map(short, sorted(names)[:20])) or "nothing"
        raise DataError(
            f"{where} must hold the arrays p4 and n_constituents, or codes and count, or pt, eta and phi, or px, py "
            f"and pz (one of these kinds), got {found}; rename or convert them, or name them with --map"
        )
    for name, values in arrays.items():
        if values.ndim == 0 and name != "classes":
            shown = "n_constituents" if name == "count" else name
            raise DataError(f"{where}: {shown} must have an entry for each jet, got a single number; give one per jet")
    momenta, count = _momenta(arrays, kinds[0], where, mapping.unit_gev if mapping else 1.0)
    classes: tuple[str, ...] = mapping.classes if mapping else ()
    if "classes" in arrays:
        listed = [x.decode(errors="replace") if isinstance(x, bytes) else x for x in arrays["classes"].ravel().tolist()]
        classes = check_classes(listed, where)
    jets = {name: values for name, values in arrays.items() if name in ("label", *KNOWN_FLAGS) or FLAG in name}
    label, classes = labels_of(jets, classes, len(momenta), where)
    if momenta.ndim == 3 and momenta.shape[2] == 4 and momenta.dtype.kind in "iuf":
        check_conventions(momenta, whole_numbers(count, len(momenta), "n_constituents", where), where)
    columns = {name.removeprefix(COLUMN): values for name, values in arrays.items() if name.startswith(COLUMN)}
    return make_batch(momenta, count, label, where, classes, columns)


def _momenta(
    arrays: Mapping[str, NDArray[Any]], kind: tuple[str, ...], where: str, unit_gev: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Four-momenta (B, N, 4) in GeV and the number of constituents of each jet."""
    if kind == ("p4",):
        return arrays["p4"], arrays["count"]
    if kind == ("codes",):
        return _of_codes(arrays["codes"], arrays["count"], where)
    fields = {name: values for name, values in arrays.items() if name in (*kind, "mass", "energy")}
    shapes = {name: values.shape for name, values in fields.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 2:
        raise DataError(f"{where}: {', '.join(shapes)} must have one shape (jets, N), got {shapes}; reshape them")
    whole = [name for name in kind if fields[name].dtype.kind in "iu"]
    if kind[0] == "pt" and len(whole) == 3:
        if set(fields) != set(kind):
            raise DataError(
                f"{where}: integers pt, eta, phi are codes of massless candidates; leave mass and energy out"
            )
        codes = np.stack([fields[name] for name in kind], axis=-1)
        count = arrays["count"] if "count" in arrays else counts_of_padded(fields["pt"], where)
        return _of_codes(codes, count, where)
    if whole and kind[0] == "pt":
        raise DataError(
            f"{where}: pt, eta, phi must all be floats (GeV, radians) or all integers (codes of the trigger's grid), "
            f"got integers in {', '.join(whole)} alone; convert them"
        )
    if "count" in arrays:
        count = whole_numbers(arrays["count"], len(fields[kind[0]]), "n_constituents", where)
        real = np.arange(fields[kind[0]].shape[1]) < count[:, None]
        # what stands in the padding means nothing where the number is given beside it
        fields = {name: np.where(real, values, 0) for name, values in fields.items()}
    else:
        energies = fields["pt"] if kind[0] == "pt" else np.hypot(fields["px"], fields["py"])
        count = counts_of_padded(energies, where)
    p4 = four_momenta(fields, where, unit_gev)
    p4[np.arange(p4.shape[1]) >= count[:, None]] = 0
    return p4, count


def _of_codes(codes: NDArray[Any], count: NDArray[Any], where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Momenta that the trigger's grid gives these very codes for."""
    if codes.ndim != 3 or codes.shape[2] != 3 or codes.dtype.kind not in "iu":
        raise DataError(
            f"{where}: codes must be integers [pT, eta, phi] of shape (jets, candidates, 3), got {codes.dtype} "
            f"{codes.shape}; see docs/data.md for the grid"
        )
    count = whole_numbers(count, len(codes), "count", where)
    grid = TriggerGrid
    real = np.arange(codes.shape[1]) < count[:, None]
    limits = ((0, grid.PT_MAX), (grid.ETA_MIN, grid.ETA_MAX), (grid.PHI_MIN, grid.PHI_MAX))
    for axis, (name, (low, high)) in enumerate(zip(("pT", "eta", "phi"), limits, strict=True)):
        values = codes[..., axis][real]
        if n_bad := int(np.sum((values < low) | (values > high))):
            raise DataError(
                f"{where}: codes of {name} must be {low}..{high}, got {n_bad} of {values.size} outside; are they on "
                "another grid?"
            )
    return to_p4(codes, count).astype(np.float32), count
