"""Score changes under boosts and rotations, and with the frames of float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets
from tests.helpers.lorentz import EXACT, assert_lorentz
from tests.helpers.taggers import MINI, calibrated_tagger
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.simulation.sample import read_sample
from tritag.models.nets.registry import make_tagger
from tritag.quant.measure.equivariance import (
    TRANSFORMATIONS,
    float64_frames,
    frame_ops,
    measure_equivariance,
    measure_frame_effect,
)

K = 8
TRIGGER = MINI | {"frames": "global", "frames_net": "tokens", "frames_hidden": 4}
LOCAL = MINI | {"frames": "local", "frames_net": "pairs", "frames_hidden": 4}


@pytest.fixture(scope="module")
def jets() -> tuple[np.ndarray, np.ndarray]:
    batch = read_sample()
    codes, count = to_codes(batch.p4, batch.n_constituents, K)
    return codes.astype(np.int64)[:200], count.astype(np.int64)[:200]


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations(name, rng):
    matrices = TRANSFORMATIONS[name](100, rng)
    assert_lorentz(matrices, EXACT)
    assert (matrices - torch.eye(4)).abs().amax((1, 2)).median() > 0.05
    about_beam = (matrices[:, 3, 3] - 1).abs().max() < EXACT and (matrices[:, 0, 0] - 1).abs().max() < EXACT
    assert about_beam == (name == "rotation about the beam")


def test_changes(jets):
    """Spurions keep rotations about the beam, and so does the grid: jets on it move by whole steps."""
    tagger = calibrated_tagger(K, "int8", LOCAL, "lloca")
    torch.manual_seed(0)
    float_tagger = make_tagger(tagger.config)
    changes = {(c.transformation, c.tagger): c for c in measure_equivariance(tagger, float_tagger, *jets)}
    assert len(changes) == 3 * len(TRANSFORMATIONS)
    exact = changes["rotation about the beam", "float"]
    assert exact.relative_median < 1e-3
    assert changes["rotation about the beam", "float, re-gridded"].relative_median < 1e-3
    assert changes["rotation", "float, re-gridded"].median != changes["rotation", "float"].median
    assert changes["boost", "float"].median > exact.median
    for change in changes.values():
        assert change.jets == len(jets[0])
        assert 0 <= change.median <= change.high
        assert 0 <= change.score_median <= change.score_high <= 1


@pytest.mark.parametrize("sizes", [TRIGGER, LOCAL])
def test_frame_effect(jets, sizes):
    """Frames of float64 change the score of the fixed-point tagger by less than its LSB."""
    tagger = calibrated_tagger(K, "int8", sizes, "lloca")
    effect = measure_frame_effect(tagger, *jets)
    assert effect.jets == len(jets[0])
    assert effect.score_lsb[0] <= 1.0
    assert effect.logit[1] > 0
    assert effect.rejection is None


def test_rejection_with_fixed_frames(jets):
    """Frames that do not move the scores keep the rejection."""
    tagger = calibrated_tagger(K, "int8", TRIGGER, "lloca")
    label = np.arange(len(jets[0])) % 2
    ratio = measure_frame_effect(tagger, *jets, label).rejection
    assert ratio.n_background == len(label) // 2
    assert 0.8 < ratio.value < 1.25
    assert measure_frame_effect(tagger, *jets, np.zeros_like(label)).rejection is None


def test_frames_are_restored(jets):
    tagger = calibrated_tagger(K, "int8", TRIGGER, "lloca")
    codes, count = (torch.from_numpy(x) for x in jets)
    before = tagger(codes, count[:, None])
    with float64_frames(tagger):
        assert not torch.equal(tagger(codes, count[:, None]), before)
    assert torch.equal(tagger(codes, count[:, None]), before)
    assert len(frame_ops(tagger)) == 3
    assert not frame_ops(calibrated_tagger(3, "int8"))


def test_other_jets_other_draws(rng):
    codes, count = random_jets(rng, 20, K)
    tagger = calibrated_tagger(K, "int8", TRIGGER, "lloca")
    torch.manual_seed(0)
    float_tagger = make_tagger(tagger.config)
    a, b, c = (measure_equivariance(tagger, float_tagger, codes, count, seed) for seed in (0, 0, 1))
    assert a == b != c
