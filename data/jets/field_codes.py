"""Codes of the fields beside pT, eta and phi, from the columns of a jet file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_field import CandidateField
from tritag.data.jets.candidate_grid import CandidateInputs
from tritag.errors import DataError


def needed_columns(inputs: CandidateInputs) -> dict[str, str]:
    """Columns of a jet file that give the fields beside pt, eta and phi, by the field that needs each."""
    found: dict[str, str] = {}
    for field in inputs.fields[3:]:
        found.setdefault(field.column, field.name)
        if field.when is not None:
            found.setdefault(inputs.grid.field(field.when.field).column, field.name)
    return found


def require_columns(inputs: CandidateInputs, columns: Mapping[str, Any], where: str = "jets") -> None:
    """Refuse jets that lack what the fields are made of; ``where`` names them in the message.

    Raises
    ------
    DataError
        Names the field and the column.
    """
    for column, name in needed_columns(inputs).items():
        if column not in columns:
            known = ", ".join(sorted(columns)) or "none"
            raise DataError(
                f"{where} must have {column} for the field {name} of the tagger, got {known} beside the momenta; "
                f"give it with --map columns.{column}=NAME, or generate the set with fields: true"
            )


def field_codes(
    inputs: CandidateInputs, columns: Mapping[str, NDArray[Any]], real: NDArray[np.bool_], rounded: bool = True
) -> NDArray[Any]:
    """Codes of the fields beside pt, eta and phi, in the order of ``inputs``.

    Parameters
    ----------
    columns : mapping of str to (B, K) float
        What is known of the candidates.
    real : (B, K) bool
        Places with a candidate; the others get 0.
    rounded : bool
        False leaves fields that are measured unrounded, in steps of their LSB. Otherwise codes are rounded half to
        even and saturate at the ends of the field's range.

    Returns
    -------
    (B, K, F) int32, or float64 when not ``rounded``

    Raises
    ------
    DataError
        A column is missing, or holds a kind that the grid does not know.
    """
    require_columns(inputs, columns)
    found = np.zeros((*real.shape, len(inputs.names)), np.int32 if rounded else np.float64)
    for i, field in enumerate(inputs.fields[3:]):
        has, code = real, 0
        if field.when is not None:
            deciding = inputs.grid.field(field.when.field)
            has = real & np.isin(_codes(deciding, columns[deciding.column], real, True), field.when.codes)
            code = field.otherwise
        found[..., i] = np.where(has, _codes(field, columns[field.column], has, rounded), np.where(real, code, 0))
    return found


def _codes(field: CandidateField, values: NDArray[Any], has: NDArray[np.bool_], rounded: bool) -> NDArray[np.float64]:
    values = values.astype(np.float64)
    if field.kinds:
        code = np.full(values.shape, -1.0)
        for i, kind in enumerate(field.kinds):
            code[values == kind] = i
        unknown = has & (code < 0)
        if unknown.any():
            raise DataError(
                f"{field.column} must be among {list(field.kinds)} for the field {field.name}, got "
                f"{int(unknown.sum())} of {int(has.sum())} candidates with others, {values[unknown][0]:g} first; "
                "convert them"
            )
        return code
    steps = _steps(field, values)
    return np.clip(np.rint(steps), field.min, field.max) if rounded else steps


def _steps(field: CandidateField, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (np.sqrt(np.abs(values)) if field.root else values) / field.lsb


def field_losses(inputs: CandidateInputs, columns: Mapping[str, NDArray[Any]], real: NDArray[np.bool_]) -> list[str]:
    """A phrase about each field with values beyond its range, which saturate: how many, and the range.

    Parameters
    ----------
    columns : mapping of str to (B, N) float
    real : (B, N) bool
    """
    found = []
    for field in inputs.fields[3:]:
        if field.kinds or field.column not in columns:
            continue
        steps = np.rint(_steps(field, columns[field.column][real].astype(np.float64)))
        if outside := int(np.sum((steps < field.min) | (steps > field.max))):
            low, high = (f"{end * field.lsb:.4g}" for end in (field.min, field.max))
            found.append(f"{outside:,} have {field.name} outside {low}..{high} {field.unit} and saturate")
    return found
