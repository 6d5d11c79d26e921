"""The LLoCa along its leading candidate: one exact Lorentz transformation, its symmetries, and hard jets."""

from __future__ import annotations

import math

import pytest
import torch

from tests.helpers.lorentz import BOOSTED, EXACT, assert_lorentz, random_lorentz, rotation, timelike
from tests.models.test_lloca import K, hard_jets, wide_jets
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.jet_geometry import into_frames
from tritag.models.layers.lorentz import boost_matrix, four_momenta
from tritag.models.layers.seed_tokens import (
    MOST_TOKEN_CODES,
    SEED_BOOST,
    TOKEN_PT_GEV,
    SeedDirections,
    SeedFeatures,
    SeedTokens,
)
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger

NAME = "lloca-seed-2k"


def make(decided=False, **sizes):
    """Tagger in eval mode; ``decided`` draws weights of the Frames-Net of order one."""
    torch.manual_seed(3)
    config = load_tagger_config(NAME, K)
    tagger = make_tagger(type(config)(config.network, K, config.sizes | sizes)).eval().double()
    if decided:
        torch.nn.init.normal_(tagger.frames_net.weight)
    return tagger


def along(axis, rapidity):
    """Boosts by ``rapidity`` (n,) against the direction of ``axis`` (3,): (n, 4, 4) float64."""
    return boost_matrix(torch.sinh(rapidity.double())[:, None] * torch.tensor(axis, dtype=torch.float64))


def of_seed(codes):
    """The Lorentz transformations (n, 4, 4) that the tokens are promised to have seen."""
    eta, phi = codes[:, 0, 1].double() * TriggerGrid.ETA_LSB, codes[:, 0, 2].double() * TriggerGrid.PHI_LSB
    turn = torch.stack([rotation(-float(angle)) for angle in phi])
    boost = torch.full_like(eta, SEED_BOOST * math.log(2))
    return along((1.0, 0.0, 0.0), boost) @ turn @ along((0.0, 0.0, 1.0), eta)


def test_parameters_and_training():
    config, other = load_tagger_config(NAME), load_tagger_config("lloca-trigger-fast-2k")
    assert f"{count_parameters(make_tagger(config))} parameters" in config.summary
    assert config.training == other.training


def test_tokens_are_momenta_after_one_lorentz_transformation():
    codes, count = wide_jets(60)
    transformation = of_seed(codes)
    assert_lorentz(transformation, 1e-9)
    moved = four_momenta(codes, count) @ transformation.mT
    tokens = SeedTokens(K).double()(codes, count)
    pt_gev = codes[..., :1].double() * TriggerGrid.PT_LSB_GEV
    torch.testing.assert_close(tokens * pt_gev / TOKEN_PT_GEV, moved, rtol=0, atol=BOOSTED)
    first = tokens[:, 0]
    torch.testing.assert_close(first, torch.tensor([1.0, 1.0, 0.0, 0.0]).double().expand_as(first), rtol=0, atol=EXACT)


def test_far_candidates_are_taken_at_the_edge():
    far = torch.tensor([[[400, 0, 0], [80, MOST_TOKEN_CODES + 50, -MOST_TOKEN_CODES - 1]]])
    near = torch.tensor([[[400, 0, 0], [80, MOST_TOKEN_CODES, -MOST_TOKEN_CODES]]])
    count = torch.tensor([[2]])
    for part in (SeedTokens(2), SeedFeatures(2)):
        assert torch.equal(part(far, count), part(near, count))


@torch.no_grad()
def test_a_frame_does_not_notice_a_transformation_of_its_tokens():
    """L(Lambda p) Lambda = L(p): what the seed's frame, in place of the rest frame of the jet, rests on."""
    n, transformation = 40, random_lorentz(40)
    tokens, phi, count = timelike(n, K), torch.randn(n, K, 3, dtype=torch.float64), torch.full((n, 1), K)
    frames = SeedDirections(K).frames
    local = into_frames(frames(phi, tokens, count), tokens)
    moved = tokens @ transformation.mT
    torch.testing.assert_close(into_frames(frames(phi, moved, count), moved), local, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_rotations_about_the_beam_and_boosts_along_it_change_nothing():
    codes, count = wide_jets(60)
    tagger = make(decided=True)
    score = tagger(codes, count)
    assert score.std() > 1e-3
    for step in ((0, 0, 431), (0, 150, 0), (0, -90, -700)):
        assert torch.equal(tagger(codes + torch.tensor(step), count), score)
    # the paper's scalars know the beam: rotations about it are what is left
    beam = make(decided=True, features="jet")
    score = beam(codes, count)
    torch.testing.assert_close(beam(codes + torch.tensor([0, 0, 431]), count), score, rtol=0, atol=1e-5)
    assert (beam(codes + torch.tensor([0, 150, 0]), count) - score).abs().max() > 0.01


@torch.no_grad()
def test_order_behind_the_leading_one_and_padding_do_not_matter():
    codes, count = wide_jets(60)
    tagger = make(decided=True)
    score = tagger(codes, count)
    keys = torch.rand(60, K).masked_fill(torch.arange(K) >= count, 2.0)
    keys[:, 0] = -1
    shuffled = codes.gather(1, keys.argsort(1)[..., None].expand(-1, -1, 3))
    assert not torch.equal(shuffled, codes)
    torch.testing.assert_close(tagger(shuffled, count), score, rtol=0, atol=1e-6)
    padding = torch.arange(K)[:, None] >= count[..., None]
    noisy = torch.where(padding, torch.randint(-720, 720, codes.shape), codes)
    assert torch.equal(tagger(noisy, count), score)


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
def test_hard_jets_give_finite_scores_and_gradients(double):
    tagger = make() if double else make().float()
    score = tagger(*hard_jets())
    assert score.isfinite().all(), score.flatten()
    assert score[0].item() == tagger.head.bias.item(), "a jet without candidates scores the bias"
    score.sum().backward()
    for key, parameter in tagger.named_parameters():
        # a constant added to all of a softmax's logits changes nothing
        assert key == "frames_net.bias" or (parameter.grad.isfinite().all() and parameter.grad.any()), key
