"""Particle Transformer: sizes of the paper, symmetries, pair features, and the reference implementation."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.lorentz import BOOSTED, EXACT
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.errors import ConfigError
from tritag.models.layers.lorentz import four_momenta
from tritag.models.layers.norms import BatchNorm
from tritag.models.layers.pair_features import SMALLEST_DISTANCE, PairFeatures, pair_features
from tritag.models.nets.particle_transformer import ParTConfig
from tritag.models.nets.registry import TaggerConfig, count_parameters, load_tagger_config, make_tagger

K = 6
NAMES = ["part-20k", "part-deep-2k", "part-deep-20k"]
# float32, sums in another order.
REORDERED = 1e-5


def make(name, double=True):
    """Tagger in eval mode whose norms have seen other numbers than 0 and 1."""
    torch.manual_seed(4)
    tagger = make_tagger(load_tagger_config(name, K))
    for module in tagger.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim == 1:
                torch.nn.init.uniform_(parameter, 0.5, 1.5)
        if isinstance(module, BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return (tagger.double() if double else tagger).eval()


def wide_jets(n, least=1):
    """Codes (n, K, 3) and counts (n, 1)."""
    count = torch.randint(least, K + 1, (n, 1))
    codes = torch.cat([torch.randint(1, 800, (n, K, 1)), torch.randint(-150, 150, (n, K, 2))], dim=-1)
    return codes * (torch.arange(K)[:, None] < count[..., None]), count


@pytest.mark.parametrize(
    ("name", "parameters"), [("part-20k", 31201), ("part-deep-2k", 3070), ("part-deep-20k", 10162)]
)
def test_parameter_counts_of_the_paper(name, parameters):
    assert count_parameters(make_tagger(load_tagger_config(name))) == parameters
    assert str(parameters) in load_tagger_config(name).summary


def test_parameter_count_of_the_largest():
    sizes = {"embed": [64, 128, 64], "pair_embed": [16, 16, 16], "blocks": 3, "heads": 4}
    assert count_parameters(make_tagger(TaggerConfig("part", sizes=sizes))) == 221329


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ConfigError, match="last channels of embed must be a multiple of heads, got 32 and 3"):
        ParTConfig(heads=3)
    with pytest.raises(ConfigError, match="embed must name the channels of at least one layer, got none"):
        ParTConfig(embed=())
    with pytest.raises(ConfigError, match="class_blocks must lie in \\[1, 256\\], got 0"):
        ParTConfig(class_blocks=0)


# Symmetries


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_order_of_candidates_does_not_matter(name):
    codes, count = wide_jets(40)
    order = torch.rand(40, K).masked_fill(torch.arange(K) >= count, 2.0).argsort(1)
    shuffled = codes.gather(1, order[..., None].expand(-1, -1, 3))
    assert not torch.equal(shuffled, codes)
    tagger = make(name)
    torch.testing.assert_close(tagger(shuffled, count), tagger(codes, count), rtol=0, atol=REORDERED)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_contents_beyond_count_do_not_matter(name):
    codes, count = wide_jets(40, least=0)
    noise = torch.randint(-700, 700, codes.shape)
    noisy = torch.where(torch.arange(K)[:, None] >= count[..., None], noise, codes)
    tagger = make(name)
    assert torch.equal(tagger(noisy, count), tagger(codes, count))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_rotations_about_the_beam_change_nothing(name):
    codes, count = wide_jets(40)
    turned = codes + torch.tensor([0, 0, 333]) * (codes[..., :1] > 0)
    turned[..., 2] = (turned[..., 2] + 720) % 1440 - 720
    tagger = make(name)
    torch.testing.assert_close(tagger(turned, count), tagger(codes, count), rtol=0, atol=REORDERED)


@pytest.mark.parametrize("name", NAMES)
def test_jets_without_candidates_give_finite_scores_and_gradients(name):
    tagger = make_tagger(load_tagger_config(name, K)).train()
    codes, count = torch.zeros(3, K, 3), torch.tensor([[0], [1], [K]])
    score = tagger(codes, count)
    assert score.shape == (3, 1, 1)
    assert score.isfinite().all()
    score.sum().backward()
    for key, parameter in tagger.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


# Pair features


def test_pair_features_are_those_of_the_four_momenta():
    codes, count = wide_jets(200, least=K)
    p = four_momenta(codes, count)
    pt, energy = p[..., 1:3].norm(dim=-1), p[..., 0]
    rapidity = 0.5 * ((energy + p[..., 3]) / (energy - p[..., 3])).log()
    azimuth = torch.atan2(p[..., 2], p[..., 1])
    i, j = torch.triu_indices(K, K, 1)
    pair = p[:, i] + p[:, j]
    mass2 = pair[..., 0].square() - pair[..., 1:].square().sum(-1)
    distance = torch.hypot(rapidity[:, i] - rapidity[:, j], azimuth[:, i] - azimuth[:, j])
    softer = torch.minimum(pt[:, i], pt[:, j])
    expected = torch.stack(
        [mass2.log(), (softer * distance).log(), (softer / (pt[:, i] + pt[:, j])).log(), distance.log()], dim=-1
    )
    apart = distance > 10 * SMALLEST_DISTANCE
    given = pair_features(codes)
    torch.testing.assert_close(given[:, i, j][apart], expected[apart], rtol=0, atol=BOOSTED)
    torch.testing.assert_close(given, given.transpose(1, 2), rtol=0, atol=EXACT)


def test_pairs_of_one_direction_count_as_half_a_step_apart():
    codes = torch.tensor([[[40, 7, -700], [80, 7, -700]]])
    ln_m2, ln_kt, ln_z, ln_r = pair_features(codes)[0, 0, 1]
    step = torch.tensor(TriggerGrid.ETA_LSB / 2, dtype=torch.float64).log()
    for given, expected in (
        (ln_r, step),
        (ln_kt, step + torch.tensor(10.0).log()),
        (ln_z, -torch.tensor(3.0, dtype=torch.float64).log()),
        (ln_m2, 2 * step + torch.tensor(200.0).log()),
    ):
        assert given.item() == pytest.approx(expected.item(), abs=1e-6)


def test_azimuths_meet_across_the_seam():
    codes = torch.tensor([[[40, 0, -720], [40, 0, 719]]])
    assert pair_features(codes)[0, 0, 1, 3].exp().item() == pytest.approx(TriggerGrid.PHI_LSB)


def test_pair_features_are_zero_for_padding():
    codes, count = wide_jets(20)
    rows = PairFeatures(K)(codes, count).unflatten(1, (K, K))
    real = torch.arange(K) < count
    assert rows.dtype == torch.float32
    assert not rows[~(real[:, :, None] & real[:, None])].any()


# Batch normalisation


@pytest.mark.parametrize("pairs", [False, True])
def test_batch_norm_sees_real_tokens_alone(pairs):
    n, channels = 50, 3
    count = torch.randint(0, K + 1, (n, 1))
    x = torch.randn(n, K * K if pairs else K, channels, dtype=torch.float64) * 3 + 1
    real = torch.arange(K) < count
    rows = (real[:, :, None] & real[:, None]).flatten(1) if pairs else real
    norm, reference = BatchNorm(channels, K, pairs).double(), torch.nn.BatchNorm1d(channels).double()
    given, expected = norm.train()(x, count)[rows], reference.train()(x[rows])
    torch.testing.assert_close(given, expected, rtol=0, atol=EXACT)
    torch.testing.assert_close(norm.running_mean, reference.running_mean, rtol=0, atol=EXACT)
    torch.testing.assert_close(norm.running_var, reference.running_var, rtol=0, atol=EXACT)
    torch.testing.assert_close(norm.eval()(x, count)[rows], reference.eval()(x[rows]), rtol=0, atol=EXACT)


# The reference


def load_norm(ours, theirs):
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k != "num_batches_tracked"})


def load_block(ours, theirs):
    """Weights of a block of the reference."""
    projections = theirs.attn.in_proj
    for part, weight, bias in zip(
        (ours.query, ours.key, ours.value), projections.weight.chunk(3), projections.bias.chunk(3), strict=True
    ):
        part.weight.data, part.bias.data = weight.data, bias.data
    ours.project.load_state_dict(theirs.attn.out_proj.state_dict())
    ours.scale_heads.weight.data, ours.scale_residual.weight.data = theirs.c_attn.data, theirs.w_resid.data
    ours.expand.load_state_dict(theirs.fc1.state_dict())
    ours.contract.load_state_dict(theirs.fc2.state_dict())
    for mine, norm in (
        (ours.norm_before_attention, theirs.pre_attn_norm),
        (ours.norm_after_attention, theirs.post_attn_norm),
        (ours.norm_before_mlp, theirs.pre_fc_norm),
        (ours.norm_in_mlp, theirs.post_fc_norm),
    ):
        load_norm(mine, norm)


@pytest.mark.parametrize(
    ("name", "representation"), [("part-20k", "4x0n+1x1n"), ("part-deep-2k", "1x1n"), ("part-deep-20k", "4x0n+1x1n")]
)
@torch.no_grad()
def test_whole_tagger_agrees_with_the_reference(name, representation):
    """The pair features are given to the reference: its own have other smallest distances."""
    reference_module = pytest.importorskip("lloca.backbone.particletransformer")
    frames_module = pytest.importorskip("lloca.framesnet.frames")
    tagger, sizes = make(name), ParTConfig(**load_tagger_config(name).sizes)
    reference = reference_module.ParticleTransformer(
        7,
        representation,
        1,
        num_layers=sizes.blocks,
        num_cls_layers=sizes.class_blocks,
        num_heads=sizes.heads,
        ffn_ratio=sizes.mlp_factor,
        embed_dims=list(sizes.embed),
        pair_embed_dims=list(sizes.pair_embed),
        pair_input_dim=0,
        pair_extra_dim=4,
        use_pre_activation_pair=False,
        preserve_variance=False,
    )
    reference = reference.double().eval()
    assert count_parameters(reference) == count_parameters(tagger)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
        if hasattr(module, "c_attn"):
            module.c_attn.uniform_(0.5, 1.5)
            module.w_resid.uniform_(0.5, 1.5)
        if isinstance(module, torch.nn.LayerNorm | torch.nn.BatchNorm1d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_()

    load_norm(tagger.embed.norm, reference.embed.input_bn)
    layers = list(reference.embed.embed)
    for i, (norm, linear) in enumerate(zip(tagger.embed.norms, tagger.embed.linears, strict=True)):
        norm.load_state_dict(layers[3 * i].state_dict())
        linear.load_state_dict(layers[3 * i + 1].state_dict())
    pair_layers = list(reference.pair_embed.fts_embed)
    load_norm(tagger.pair_embed.norm, pair_layers[0])
    for i, (linear, norm) in enumerate(zip(tagger.pair_embed.linears, tagger.pair_embed.norms, strict=True)):
        linear.weight.data, linear.bias.data = pair_layers[3 * i + 1].weight[..., 0], pair_layers[3 * i + 1].bias
        load_norm(norm, pair_layers[3 * i + 2])
    for ours, theirs in zip(
        (*tagger.blocks, *tagger.class_blocks), (*reference.blocks, *reference.cls_blocks), strict=True
    ):
        load_block(ours, theirs)
    tagger.class_token.weight.data = reference.cls_token[0, 0].clone()
    tagger.norm.load_state_dict(reference.norm.state_dict())
    tagger.head.load_state_dict(reference.fc[0].state_dict())

    codes, count = wide_jets(20)
    scalars, pairs = tagger.inputs(codes, count)
    scalars = scalars.double()
    mask = (torch.arange(K) < count)[:, None]
    frames = frames_module.Frames(is_identity=True, shape=(20, K, 4, 4), device="cpu", dtype=torch.float64)
    expected = reference(scalars.transpose(1, 2), frames, mask=mask, uu=pairs.unflatten(1, (K, K)).permute(0, 3, 1, 2))
    torch.testing.assert_close(tagger.score((scalars, pairs), count)[:, 0], expected, rtol=0, atol=BOOSTED)
    assert expected.std() > 1e-3
