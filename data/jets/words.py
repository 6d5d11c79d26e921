"""Candidates' words: codes of the fields packed into the bits that a grid declares, and taken out of them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_field import CandidateField
from tritag.data.jets.candidate_grid import CandidateGrid
from tritag.errors import ConfigError, DataError


def pack_words(codes: Any, count: Any, grid: CandidateGrid, fields: Sequence[str] = ()) -> NDArray[np.uint64]:
    """Words of candidates; bits of fields that are not given are 0, and so are places beyond ``count``.

    Parameters
    ----------
    codes : (n, K, 3 + F) int
        [pt, eta, phi, and ``fields``] of each candidate.
    count : (n,) int
        Candidates of each jet, 0..K; what stands beyond does not matter.
    fields : sequence of str
        Names of the fields beside pt, eta and phi, in the order of the codes. A field that only some candidates have
        needs the field that says which.

    Returns
    -------
    (n, K) uint64

    Raises
    ------
    DataError
        Other shapes or types, codes outside the range of their field, or a field of a candidate that cannot have it.
    ConfigError
        Unknown fields.

    Examples
    --------
    >>> from tritag.data.jets.candidate_grid import load_grid
    >>> grid = load_grid("cms-puppi")
    >>> words = pack_words([[[80, -3, 7, 1]]], [1], grid, ["id"])
    >>> [hex(word) for word in words.ravel()]
    ['0x201fff4050']
    >>> unpack_words(words, grid, ["id"])[0].tolist()
    [[[80, -3, 7, 1]]]
    """
    taken = grid.taken(fields)
    codes, count = np.asarray(codes), np.asarray(count)
    shaped = codes.ndim == 3 and codes.shape[2] == len(taken) and count.shape == codes.shape[:1]
    if not shaped or codes.dtype.kind not in "iu" or count.dtype.kind not in "iu":
        raise DataError(
            f"codes must be integers (jets, candidates, {len(taken)}) and count (jets,), got {codes.dtype} "
            f"{codes.shape} and {count.dtype} {count.shape}"
        )
    if np.any((count < 0) | (count > codes.shape[1])):
        raise DataError(f"count must lie in 0..{codes.shape[1]}, got {count.min()}..{count.max()}")
    if found := out_of_range(codes, count, taken):
        raise DataError(f"codes must fit their fields, got {'; '.join(found)}; are they on another grid?")
    column = {field.name: codes[..., i].astype(np.int64) for i, field in enumerate(taken)}
    real = np.arange(codes.shape[1]) < count[:, None]
    words = np.zeros(codes.shape[:2], np.uint64)
    for field in taken:
        has = real
        if field.when is not None:
            if field.when.field not in column:
                raise ConfigError(f"field {field.name} needs {field.when.field} beside it; name it, too")
            has = real & np.isin(column[field.when.field], field.when.codes)
            if wrong := int(np.sum(real & ~has & (column[field.name] != field.otherwise))):
                raise DataError(
                    f"{field.name} must be {field.otherwise} where {field.when.field} is none of "
                    f"{list(field.when.codes)}, got {wrong} candidates with another code"
                )
        bits = (column[field.name] & (2**field.bits - 1)).astype(np.uint64) << np.uint64(field.position)
        words |= np.where(has, bits, np.uint64(0))
    return words


def unpack_words(
    words: Any, grid: CandidateGrid, fields: Sequence[str] = (), notes: list[str] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes and numbers of candidates from words; any bits are taken, and bits of no field are ignored.

    Parameters
    ----------
    words : (n, K) unsigned integers
        Candidates of each jet; words whose pT is 0 end the list.
    fields : sequence of str
        Names of the fields beside pt, eta and phi.
    notes : list of str, optional
        Gets a sentence about each field with codes outside its range (a phi of 720 steps and more): a tagger clips
        them to it.

    Returns
    -------
    codes : (n, K, 3 + F) int32
        [pt, eta, phi, and ``fields``], zero beyond ``count``.
    count : (n,) int32
        Place of the last word whose pT is not 0, counted from 1.

    Raises
    ------
    DataError
        No unsigned integers of shape (n, K), or more bits than the grid's word has.
    ConfigError
        Unknown fields.
    """
    taken, words = grid.taken(fields), np.asarray(words)
    if words.ndim != 2 or words.dtype.kind not in "u":
        raise DataError(f"words must be unsigned integers (jets, candidates), got {words.dtype} {words.shape}")
    words = words.astype(np.uint64)
    if grid.word_bits < 64 and np.any(words >> np.uint64(grid.word_bits)):
        raise DataError(f"words must have at most {grid.word_bits} bits, got {hex(int(words.max()))}")
    column = {field.name: _bits(words, field) for field in grid.fields}
    for field in taken:
        if field.when is not None:
            has = np.isin(column[field.when.field], field.when.codes)
            column[field.name] = np.where(has, column[field.name], field.otherwise)
    codes = np.stack([column[field.name] for field in taken], axis=-1)
    real = codes[..., 0] > 0
    count = np.where(real.any(axis=1), words.shape[1] - np.argmax(real[:, ::-1], axis=1), 0).astype(np.int32)
    codes[np.arange(words.shape[1]) >= count[:, None]] = 0
    if notes is not None:
        notes += out_of_range(codes, count, taken)
    return codes.astype(np.int32), count


def _bits(words: NDArray[np.uint64], field: CandidateField) -> NDArray[np.int64]:
    code = ((words >> np.uint64(field.position)) & np.uint64(2**field.bits - 1)).astype(np.int64)
    return np.where(code >> (field.bits - 1), code - 2**field.bits, code) if field.signed else code


def out_of_range(codes: NDArray[Any], count: NDArray[Any], fields: Sequence[CandidateField]) -> list[str]:
    """A phrase about each field with codes of real candidates outside its range: how many, and the range."""
    real = np.arange(codes.shape[1]) < count[:, None]
    found = []
    for i, field in enumerate(fields):
        values = codes[..., i][real]
        if n_bad := int(np.sum((values < field.min) | (values > field.max))):
            found.append(f"{n_bad} of {values.size} codes of {field.name} outside {field.min}..{field.max}")
    return found
