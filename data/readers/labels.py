"""The class of each jet from whatever a file says of it: numbers, names, flags. What contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.jets import TWO_CLASSES, UNKNOWN_LABEL, check_classes, whole_numbers
from tritag.errors import DataError, short

# arrays of 0 and 1 that name a class, by what else it may be called
KNOWN_FLAGS = {"is_top": ("top", "t", "signal", "Tbqq"), "is_signal": ("signal", "top")}
FLAG = "flag:"


def labels_of(
    jets: Mapping[str, NDArray[Any]], classes: tuple[str, ...], n_jets: int, where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Label of each jet and the names of the classes.

    Parameters
    ----------
    jets : mapping of (B,) arrays
        ``label`` (whole numbers, or names of classes), ``is_top``, ``is_signal`` (0 or 1), and flags of classes as
        ``flag:<class>``; those that are there must say the same.
    classes : tuple of str
        Names that ``label`` counts; empty where the file names none.

    Raises
    ------
    DataError
        Values that are no labels, a name that is no class, several flags of one jet, or a contradiction.
    """
    classes = check_classes(classes, where) if classes else ()
    flags = {name.removeprefix(FLAG): values for name, values in jets.items() if name.startswith(FLAG)}
    found: dict[str, NDArray[np.int64]] = {}
    if flags:
        if classes and set(classes) != set(flags):
            raise DataError(
                f"{where}: classes {short(classes)} and flags of {short(tuple(flags))} must be the same; map one"
            )
        classes = check_classes(tuple(flags), where)
        found["the flags of the classes"] = _one_flag(flags, n_jets, where)
    if "label" in jets:
        found["label"], classes = _given(jets["label"], classes, n_jets, where)
    classes = classes or TWO_CLASSES
    for name in KNOWN_FLAGS:
        if name in jets:
            found[name] = _of_flag(name, jets[name], classes, found, n_jets, where)
    if not found:
        return np.full(n_jets, UNKNOWN_LABEL), classes
    (first, label), *others = found.items()
    for name, other in others:
        differ = int(np.sum((label != other) & (label >= 0) & (other >= 0)))
        if differ:
            raise DataError(
                f"{where}: {first} and {name} must say the same, but contradict each other in {differ} of {n_jets} "
                "jets; remove the wrong one"
            )
        label = np.where(label >= 0, label, other)
    return label, classes


def _given(
    values: NDArray[Any], classes: tuple[str, ...], n_jets: int, where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as numbers, or as names of classes."""
    if values.dtype.kind not in "OSU":
        return whole_numbers(values, n_jets, "label", where), classes
    names = [_text(value, where) for value in values.ravel()]
    if values.shape != (n_jets,):
        raise DataError(f"{where}: label must have shape ({n_jets},), got {values.shape}; give one per jet")
    if not classes:
        classes = check_classes(tuple(sorted({name for name in names if name})) or TWO_CLASSES, where)
    number = {name: i for i, name in enumerate(classes)} | {"": UNKNOWN_LABEL}
    if unknown := sorted({name for name in names if name not in number}):
        raise DataError(
            f"{where}: label must be among the classes {short(classes)}, got {short(unknown)}; add or map them"
        )
    return np.array([number[name] for name in names], np.int64), classes


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: names of classes must be UTF-8, got {short(value)}; rename them") from error


def _one_flag(flags: Mapping[str, NDArray[Any]], n_jets: int, where: str) -> NDArray[np.int64]:
    """Index of the one flag that is set; -1 where none is."""
    table = []
    for name, values in flags.items():
        if values.shape != (n_jets,) or values.dtype.kind not in "biuf":
            raise DataError(f"{where}: the flag of {name} must be {n_jets} numbers, got {values.dtype} {values.shape}")
        table.append(values > 0.5)
    is_set = np.array(table).reshape(len(flags), n_jets)
    n_set = is_set.sum(axis=0)
    if n_bad := int(np.sum(n_set > 1)):
        raise DataError(
            f"{where}: one label_* flag must be set in each jet, got {n_bad} of {n_jets} jets with several; correct "
            "the labels"
        )
    return np.where(n_set == 1, np.argmax(is_set, axis=0), UNKNOWN_LABEL)


def _of_flag(
    name: str,
    values: NDArray[Any],
    classes: tuple[str, ...],
    found: Mapping[str, NDArray[np.int64]],
    n_jets: int,
    where: str,
) -> NDArray[np.int64]:
    """Labels that ``is_top`` or ``is_signal`` stand for: all that can be said is which jets are of that class."""
    flag = whole_numbers(values, n_jets, name, where)
    if np.any((flag < UNKNOWN_LABEL) | (flag > 1)):
        raise DataError(f"{where}: {name} must be 1, 0 or -1 (unknown), got other values; map them")
    if classes == TWO_CLASSES:
        return flag
    index = next((classes.index(x) for x in KNOWN_FLAGS[name] if x in classes), None)
    if index is None:
        raise DataError(
            f"{where}: {name} must mean one of the classes {short(classes)}, but none is called so; remove or rename it"
        )
    if len(classes) == 2:
        return np.where(flag < 0, flag, np.where(flag == 1, index, 1 - index))
    # of the other classes the flag only tells that the jet is not of this one
    known = next(iter(found.values()), np.full(n_jets, UNKNOWN_LABEL))
    other = np.where(known == index, (index + 1) % len(classes), known)
    return np.where(flag == 1, index, np.where(flag == 0, other, UNKNOWN_LABEL))
