"""Batches of jets and what is refused as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tritag.data.jets.jets import JetBatch, check_jets, make_batch
from tritag.errors import DataError


def test_mask_counts_constituents(batch: JetBatch) -> None:
    np.testing.assert_array_equal(batch.mask.sum(axis=1), batch.n_constituents)
    assert np.all(batch.p4[batch.mask][:, 0] > 0)


def test_slicing_keeps_the_columns_together(batch: JetBatch) -> None:
    chosen = batch[batch.label == 1]
    assert set(chosen.label.tolist()) == {1}
    np.testing.assert_array_equal(chosen.p4, batch.p4[batch.label == 1])
    assert len(batch[2:5]) == 3
    with pytest.raises(TypeError, match=r"batch\[i : i \+ 1\]"):
        batch[0]


@pytest.mark.parametrize("n_leading", [1, 12, 16])
def test_leading_cuts_and_pads(batch: JetBatch, n_leading: int) -> None:
    cut = batch.leading(n_leading)
    check_jets(cut)
    assert cut.p4.shape == (20, n_leading, 4)
    assert cut.n_constituents.max() == min(12, n_leading)


def test_make_batch_converts(batch: JetBatch) -> None:
    made = make_batch(batch.p4.astype(np.float64), batch.n_constituents.astype(np.int16))
    assert (made.p4.dtype, made.n_constituents.dtype) == (np.float32, np.int64)
    assert set(made.label.tolist()) == {-1}


def _with_nan(p4: np.ndarray, count: np.ndarray, label: np.ndarray) -> None:
    p4[1, :3, 2] = np.nan
    p4[3, 0, 0] = np.inf


def _with_negative_energy(p4: np.ndarray, count: np.ndarray, label: np.ndarray) -> None:
    p4[1, :2, 0] = -1.0


def _with_large_count(p4: np.ndarray, count: np.ndarray, label: np.ndarray) -> None:
    count[4:6] = 13


def _with_full_padding(p4: np.ndarray, count: np.ndarray, label: np.ndarray) -> None:
    count[1] -= 2


def _with_odd_label(p4: np.ndarray, count: np.ndarray, label: np.ndarray) -> None:
    label[:3] = 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_with_nan, r"must be finite, got 4 NaN or infinite values in 2 of 20 jets"),
        (_with_negative_energy, r"energies must be >= 0, got 2 negative ones in 1 of 20 jets"),
        (
            _with_large_count,
            r"n_constituents must be 0\.\.12 \(the padded width\), got 2 of 20 jets outside \(l",
        ),
        (_with_full_padding, r"beyond n_constituents must be zero, got 2 non-zero in 1 of 20 jets"),
        (_with_odd_label, r"label must be 1, 0 or -1 \(unknown\), got 3 of 20 jets"),
    ],
)
def test_refuses_what_cannot_be_jets(batch: JetBatch, spoil: Callable[..., None], message: str) -> None:
    p4, count, label = batch.p4.copy(), batch.n_constituents.copy(), batch.label.copy()
    spoil(p4, count, label)
    with pytest.raises(DataError, match="here: .*" + message):
        make_batch(p4, count, label, where="here")


@pytest.mark.parametrize(
    ("p4", "count", "message"),
    [
        (np.zeros((3, 4)), np.zeros(3), r"p4 must have shape \(jets, constituents, 4\), got \(3, 4\)"),
        (np.zeros((3, 5, 3)), np.zeros(3), r"got \(3, 5, 3\)"),
        (np.zeros((3, 5, 4)), np.zeros(2), r"n_constituents must have shape \(3,\) like p4, got \(2,\)"),
        (np.zeros((3, 5, 4)), np.array([0, 1.5, 2]), r"n_constituents must be whole numbers"),
        (np.full((3, 5, 4), "1"), np.zeros(3), r"p4 must hold numbers, got dtype <U1"),
        (np.zeros((3, 5, 4)), np.array(["1"] * 3), r"n_constituents must hold numbers, got dtype <U1"),
    ],
)
def test_refuses_wrong_shapes(p4: np.ndarray, count: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_batch(p4, count)


def test_truth_and_classes_stay_with_the_jets(batch: JetBatch) -> None:
    truth = np.arange(80, dtype=np.float32).reshape(20, 4)
    several = replace(batch, label=batch.label + 3, truth=truth, classes=("g", "q", "W", "Z", "t"))
    check_jets(several)
    chosen = several[several.label == 4].leading(3)
    assert chosen.classes == several.classes
    assert chosen.truth is not None
    np.testing.assert_array_equal(chosen.truth, truth[several.label == 4])
    assert batch[:3].truth is None
    with pytest.raises(DataError, match=r"label must be 0\.\.3 or -1 \(unknown\), got \d+ of 20 jets"):
        check_jets(replace(several, classes=("g", "q", "W", "Z")))
    for wrong in (truth[:3], truth[:, :3], np.full((20, 4), np.nan, np.float32)):
        with pytest.raises(DataError, match=r"truth must hold one finite .* a jet, shape \(20, 4\), got"):
            check_jets(replace(several, truth=wrong))


def test_check_refuses_mismatched_columns(batch: JetBatch) -> None:
    with pytest.raises(DataError, match=r"must have shape \(20,\) like p4, got \(20,\) and \(7,\)"):
        check_jets(JetBatch(batch.p4, batch.n_constituents, batch.label[:7]))
    with pytest.raises(DataError, match=r"got \(20, 12, 3\)"):
        check_jets(JetBatch(batch.p4[..., :3], batch.n_constituents, batch.label))
