"""LLoCa taggers: sizes of the paper, symmetries, jets that are hardly jets, and the reference implementation."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.helpers.lorentz import BOOSTED, EXACT, REORDERED_FLOAT32, random_lorentz, random_rotation, timelike
from tests.helpers.references import ReferenceLLoCa
from tritag.errors import ConfigError
from tritag.models.jets.inputs import prepare
from tritag.models.layers.attention import Attention
from tritag.models.layers.frame_transport import EnterFrames, LeaveFrames
from tritag.models.layers.jet_geometry import (
    LocalScalars,
    into_frames,
    seven_scalars,
)
from tritag.models.layers.lorentz import boost_matrix, four_momenta, inverse, jet_momentum, jet_tokens, minkowski
from tritag.models.layers.scalars import JetScalars
from tritag.models.nets.lloca import LLoCa, LLoCaConfig
from tritag.models.nets.registry import TaggerConfig, count_parameters, load_tagger_config, make_tagger, tagger_names

K = 6
NAMES = [name for name in tagger_names() if load_tagger_config(name).network == "lloca"]
MINI = ["lloca-local-2k", "lloca-global-2k", "lloca-trigger-2k", "lloca-trigger-fast-2k"]
# float64 through boosts into frames that hang on differences of vectors.
INVARIANT = 1e-6
# The regulator mass of 5 MeV is the only thing that a boost along the beam changes, against pair masses of GeV.
REGULATOR = 1e-3
# The lab scalars come in float32 whatever the tagger's precision.
LAB_SCALARS = 1e-5


def make(name, spurions=True, k=K, double=True, decided=False):
    """Tagger in eval mode.

    Untrained Frames-Nets give three almost parallel vectors, and symmetry tests would see amplified rounding errors;
    ``decided`` draws weights of order one instead.
    """
    config = load_tagger_config(name, k)
    torch.manual_seed(3)
    tagger = make_tagger(dataclasses.replace(config, sizes=config.sizes | {"spurions": spurions})).eval()
    if decided:
        for parameter in tagger.frames_net.parameters():
            torch.nn.init.normal_(parameter)
    return tagger.double() if double else tagger


def wide_jets(n, least=4):
    """Codes (n, K, 3) and counts (n, 1) of jets whose constituents are far from each other."""
    count = torch.randint(least, K + 1, (n, 1))
    pt, angles = torch.randint(20, 800, (n, K, 1)), torch.randint(-150, 150, (n, K, 2))
    return torch.cat([pt, angles], dim=-1) * (torch.arange(K)[:, None] < count[..., None]), count


def inputs_of_tokens(tagger, tokens, count):
    """Inputs of a tagger without spurions from laboratory momenta (B, K, 4) instead of codes."""
    net, codes = tagger.frames_net, torch.empty(0)
    part = net.features if hasattr(net, "features") else net.masses
    return tagger.jet_frame.of_tokens(tokens, codes, count), part.of_tokens(tokens, codes, count)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lloca-local-2k", 1876),
        ("lloca-global-2k", 1876),
        ("lloca-local-20k", 17348),
        ("lloca-global-20k", 17348),
        ("lloca-global-deep-2k", 1336),
        ("lloca-trigger-2k", 1916),
        ("lloca-trigger-fast-2k", 1952),
    ],
)
def test_parameter_counts_of_the_paper(name, parameters):
    tagger = make_tagger(load_tagger_config(name))
    assert count_parameters(tagger) == parameters
    assert str(parameters) in load_tagger_config(name).summary
    # weights and statistics are stored; everything else is a constant
    stored = {key: tensor.numel() for key, tensor in tagger.state_dict().items() if "running_" not in key}
    assert sum(stored.values()) == parameters


def test_parameter_counts_of_the_larger_sizes():
    sizes = {"blocks": 4, "channels": 64, "heads": 4, "mlp_factor": 2, "frames_hidden": 16}
    for frames in ("local", "global"):
        tagger = make_tagger(TaggerConfig("lloca", sizes=sizes | {"frames": frames}))
        assert count_parameters(tagger) == 134020
    deep = {"blocks": 10, "channels": 4, "heads": 1, "mlp_factor": 1}
    assert count_parameters(make_tagger(TaggerConfig("lloca", sizes=deep))) == 1336


@pytest.mark.parametrize("name", NAMES)
def test_trains_like_the_transformer_of_its_size(name):
    assert load_tagger_config(name).training == load_tagger_config(f"transformer-{name.split('-')[-1]}").training


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"width is a multiple of 8 .* got 16 channels in 4 heads"):
        make_tagger(TaggerConfig("lloca", sizes={"frames": "local", "heads": 4}))
    with pytest.raises(ConfigError, match="tokens gives one frame per jet; use it with frames: global, got local"):
        make_tagger(TaggerConfig("lloca", sizes={"frames": "local", "frames_net": "tokens"}))
    with pytest.raises(ConfigError, match="products is for single tokens; use it with frames_net: tokens, got pairs"):
        LLoCaConfig(frames_inputs="products")
    with pytest.raises(ConfigError, match="frames_hidden must lie in \\[1, 4096\\], got 0"):
        LLoCaConfig(frames_hidden=0)
    with pytest.raises(ConfigError, match=r"unknown value of .*frames 'globl'; did you mean 'global'"):
        make_tagger(TaggerConfig("lloca", sizes={"frames": "globl"}))


# Symmetries


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_without_spurions_nothing_depends_on_the_frame_of_the_observer(name):
    n, tagger = 50, make(name, spurions=False, decided=True)
    codes, count = wide_jets(n)
    tokens = jet_tokens(four_momenta(codes, count), count, spurions=False)
    inputs = inputs_of_tokens(tagger, tokens, count)
    local = into_frames(tagger.frames_net(inputs[1:], inputs[0], count), inputs[0])
    for transformation in (random_lorentz(n), random_rotation(n)):
        moved = inputs_of_tokens(tagger, tokens @ transformation.mT, count)
        assert (moved[0] - inputs[0]).abs().max() > 1
        again = into_frames(tagger.frames_net(moved[1:], moved[0], count), moved[0])
        torch.testing.assert_close(again, local, rtol=INVARIANT, atol=100 * INVARIANT)
        torch.testing.assert_close(tagger.score(moved, count), tagger.score(inputs, count), rtol=0, atol=INVARIANT)


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_without_spurions_a_boost_along_the_beam_changes_nothing(name):
    codes, count = wide_jets(100)
    tagger = make(name, spurions=False, decided=True)
    moved = codes + torch.tensor([0, 150, 77])
    torch.testing.assert_close(tagger(moved, count), tagger(codes, count), rtol=0, atol=REGULATOR)


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_with_spurions_rotations_about_the_beam_are_a_symmetry_and_boosts_are_not(name):
    codes, count = wide_jets(60)
    tagger = make(name, decided=True)
    inputs, moved = tagger.inputs(codes, count), tagger.inputs(codes + torch.tensor([0, 0, 431]), count)
    assert (moved[0] - inputs[0]).abs().max() > 1
    for old, new in zip(inputs[1:], moved[1:], strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=LAB_SCALARS, check_dtype=False)
    # the rounding of the scalars to float32 aside, the score is the same
    score = tagger.score(inputs, count)
    torch.testing.assert_close(tagger.score((moved[0], *inputs[1:]), count), score, rtol=0, atol=INVARIANT)
    boosted = tagger(codes + torch.tensor([0, 150, 0]), count)
    assert (boosted - score).abs().max() > 0.01


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_order_of_constituents_does_not_matter(name, toy_jets):
    jets, tagger = toy_jets(64), make(name)
    keys = torch.rand(64, K).masked_fill(torch.arange(K) >= jets.count, 2.0)  # padding stays behind
    shuffled = jets.codes.gather(1, keys.argsort(1)[..., None].expand(-1, -1, 3))
    assert not torch.equal(shuffled, jets.codes)
    torch.testing.assert_close(tagger(shuffled, jets.count), tagger(jets.codes, jets.count), rtol=0, atol=LAB_SCALARS)


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_padding_does_not_matter(name, toy_jets):
    jets, tagger = toy_jets(64), make(name)
    score = tagger(jets.codes, jets.count)
    padding = torch.arange(K)[:, None] >= jets.count[..., None]
    noisy = torch.where(padding, torch.randint(-720, 720, jets.codes.shape), jets.codes)
    assert torch.equal(tagger(noisy, jets.count), score)
    wide = make(name, k=K + 4)
    wide.load_state_dict(tagger.state_dict())
    more = torch.nn.functional.pad(jets.codes, (0, 0, 0, 4))
    torch.testing.assert_close(wide(more, jets.count), score, rtol=0, atol=BOOSTED)


# Jets that are hardly jets


def hard_jets():
    """Codes (n, K, 3) and counts (n, 1): no, one and two candidates, one direction, equal candidates, corners."""
    one, far = [400, 100, -719], [16383, 2047, 719]
    jets = [
        [],
        [one],
        [[1, 0, 0]],
        [far],
        [one, one],
        [one, [100, 100, -719]],
        [one, [400, -100, 1]],
        [[400, 0, 0], [400, 0, -720]],
        [one] * K,
        [[pt, 100, -719] for pt in (400, 200, 100, 50, 25, 1)],
        [[400, 0, 0], [400, 1, 0], [400, 0, 1]],
        [far, [16383, -2048, -720]],
        [far] * K,
    ]
    codes = torch.zeros(len(jets), K, 3, dtype=torch.int64)
    for row, jet in zip(codes, jets, strict=True):
        row[: len(jet)] = torch.tensor(jet, dtype=torch.int64).reshape(-1, 3)
    return codes, torch.tensor([[len(jet)] for jet in jets])


@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("spurions", [True, False], ids=["spurions", "no spurions"])
@pytest.mark.parametrize("name", MINI)
def test_hard_jets_give_finite_scores_and_gradients(name, spurions, double):
    tagger = make(name, spurions, double=double)
    codes, count = hard_jets()
    state = torch.random.get_rng_state()
    score = tagger(codes, count)
    assert score.isfinite().all(), score.flatten()
    score.sum().backward()
    for key, parameter in tagger.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), key
    assert torch.equal(state, torch.random.get_rng_state()), "a score must not use random numbers"


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_jet_without_constituents_scores_the_bias(name):
    tagger = make(name)
    assert tagger(torch.zeros(1, K, 3), torch.zeros(1, 1, dtype=torch.int64)).item() == tagger.head.bias.item()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter(name, toy_jets):
    jets, tagger = toy_jets(32), make(name, double=False)
    tagger.logits(tagger.inputs(jets.codes, jets.count), jets.count).sum().backward()
    for key, parameter in tagger.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        # a constant added to all of a softmax's logits changes nothing, and v_1 and v_2 are only used as directions
        assert parameter.grad.any() or key == "frames_net.third.bias", key


# Inputs


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_cached_inputs_give_the_score_of_the_whole(name, toy_jets):
    jets, tagger = toy_jets(40), make(name, double=False)
    prepared = prepare(tagger, jets, chunk=16)
    assert all(part.dtype == torch.float32 for part in prepared.inputs)
    batch = prepared.select(torch.tensor([3, 20, 39]))
    expected = tagger(jets.codes, jets.count).flatten()[[3, 20, 39]]
    torch.testing.assert_close(tagger.logits(batch.inputs, batch.count), expected, rtol=0, atol=REORDERED_FLOAT32)


@pytest.mark.parametrize("name", MINI)
@torch.no_grad()
def test_float32_agrees_with_float64(name, toy_jets):
    jets = toy_jets(300)
    exact, single = make(name, decided=True), make(name, decided=True, double=False)
    some = jets.count[:, 0] > 2
    difference = (exact(jets.codes, jets.count) - single(jets.codes, jets.count))[some].abs()
    assert difference.median() < REORDERED_FLOAT32


def test_scalars_in_the_laboratory_are_the_usual_ones(toy_jets):
    jets = toy_jets(100)
    p = four_momenta(jets.codes, jets.count)
    real = torch.arange(K) < jets.count
    some = real & (jets.count > 1)
    scalars = seven_scalars(torch.where(real[..., None], p, 1.0), jet_momentum(p, K).expand_as(p))
    torch.testing.assert_close(scalars[some].float(), JetScalars(K)(jets.codes, jets.count)[some], rtol=1e-5, atol=1e-5)


def test_scalars_are_finite_where_angles_are_not_defined():
    axis = torch.tensor([[2.0, 0.0, 0.0, 2.0], [2.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1e-12, -1.0]], requires_grad=True)
    jet = torch.tensor([3.0, 0.0, 0.0, 0.0], requires_grad=True)
    scalars = seven_scalars(axis, jet.expand(3, 4))
    assert scalars.isfinite().all()
    scalars.sum().backward()
    assert axis.grad.isfinite().all()
    assert jet.grad.isfinite().all()


def test_local_scalars_are_those_in_each_candidates_frame():
    n = 10
    tokens = jet_tokens(timelike(n, K), torch.full((n, 1), K), spurions=True)
    frames = random_lorentz(n * K).unflatten(0, (n, K))
    count = torch.randint(1, K + 1, (n, 1))
    local = LocalScalars(K)(frames, tokens, count)
    jet = tokens[:, 3:].sum(1)
    for i, j in ((0, 0), (7, 0), (3, 2)):
        expected = seven_scalars(frames[i, j] @ tokens[i, 3 + j], frames[i, j] @ jet[i])
        wanted = expected if j < count[i] else torch.zeros(7, dtype=torch.float64)
        torch.testing.assert_close(local[i, j], wanted, rtol=BOOSTED, atol=BOOSTED)
    one = LocalScalars(K)(frames[:, :1], tokens, count)
    expected = LocalScalars(K)(frames[:, :1].expand(-1, K, -1, -1), tokens, count)
    torch.testing.assert_close(one, expected, rtol=BOOSTED, atol=BOOSTED)


# Attention between frames


def vectors_of(x, heads, d_head):
    return x.unflatten(-1, (heads, d_head))[..., d_head // 2 :].unflatten(-1, (-1, 4))


@pytest.mark.parametrize(("channels", "heads"), [(16, 2), (32, 4), (32, 2)])
def test_frames_are_left_and_entered(channels, heads):
    n, d_head = 7, channels // heads
    frames = random_lorentz(n * K).unflatten(0, (n, K))
    q, k, v = torch.randn(3, n, K, channels, dtype=torch.float64)
    query, key, value = LeaveFrames(channels, heads)(q, k, v, frames)
    torch.testing.assert_close(EnterFrames(channels, heads)(value, frames), v, rtol=0, atol=100 * EXACT)
    expected = inverse(frames)[:, :, None, None] @ vectors_of(q, heads, d_head)[..., None]
    torch.testing.assert_close(vectors_of(query, heads, d_head), expected[..., 0], rtol=0, atol=100 * EXACT)
    # the plain product of query and key is that of the scalars plus the Minkowski products of the vectors
    scalars = [x.unflatten(-1, (heads, d_head))[..., : d_head // 2] for x in (q, k)]
    product = (scalars[0] * scalars[1]).sum(-1)
    product = product + minkowski(vectors_of(q, heads, d_head), vectors_of(k, heads, d_head)).sum(-1)
    plain = (query * key).unflatten(-1, (heads, d_head)).sum(-1)
    torch.testing.assert_close(plain, product, rtol=0, atol=1000 * EXACT)


def test_attention_between_frames_agrees_with_the_reference():
    attention = pytest.importorskip("lloca.backbone.attention")
    frames_module = pytest.importorskip("lloca.framesnet.frames")
    n, heads, d_head = 9, 2, 8
    frames = random_lorentz(n * K, velocity=1.0).unflatten(0, (n, K))
    q, k, v = torch.randn(3, n, K, heads * d_head, dtype=torch.float64)
    reference = attention.LLoCaAttention("4x0n+1x1n", heads, preserve_variance=False)
    reference.prepare_frames(frames_module.Frames(frames))
    expected = reference(*(x.unflatten(-1, (heads, d_head)).transpose(1, 2) for x in (q, k, v)))
    expected = expected.transpose(1, 2).flatten(2)

    count = torch.full((n, 1), K)
    result = Attention(K, heads * d_head, heads)(*LeaveFrames(heads * d_head, heads)(q, k, v, frames), count)
    result = EnterFrames(heads * d_head, heads)(result, frames)
    torch.testing.assert_close(result, expected, rtol=BOOSTED, atol=BOOSTED)


def load_reference_block(block, reference, heads):
    """Weights of a reference block; it interleaves the heads in the channels of q, k and v."""
    channels = block.query.in_features
    order = torch.arange(channels).reshape(channels // heads, heads).T.flatten()
    weight, bias = reference.attention.qkv_linear.linear.weight, reference.attention.qkv_linear.linear.bias
    for part, w, b in zip((block.query, block.key, block.value), weight.chunk(3), bias.chunk(3), strict=True):
        part.weight.data, part.bias.data = w[order].data, b[order].data
    block.project.load_state_dict(reference.attention.out_linear.state_dict())
    linears = [module for module in reference.mlp if isinstance(module, torch.nn.Linear)]
    block.expand.load_state_dict(linears[0].state_dict())
    block.contract.load_state_dict(linears[1].state_dict())


@pytest.mark.parametrize("name", ["lloca-local-2k", "lloca-global-2k", "lloca-local-20k"])
@torch.no_grad()
def test_whole_tagger_agrees_with_the_reference(name):
    tagger = make(name)
    assert isinstance(tagger, LLoCa)
    sizes = LLoCaConfig(**load_tagger_config(name).sizes)
    reference = ReferenceLLoCa(sizes, K, torch.float64)
    edges, backbone = reference.edges, reference.backbone
    for parameter in edges.parameters():
        parameter *= 3
    linears = [module for module in edges.mlp.modules() if isinstance(module, torch.nn.Linear)]
    net = tagger.frames_net
    for ours, theirs in zip((net.first, net.second, net.third), linears, strict=True):
        ours.load_state_dict(theirs.state_dict())
    for ours, theirs in zip(tagger.blocks, backbone.blocks, strict=True):
        load_reference_block(ours, theirs, sizes.heads)
    tagger.embed.load_state_dict(backbone.linear_in.state_dict())
    tagger.head.load_state_dict(backbone.linear_out.state_dict())

    codes, count = wide_jets(20, least=K)
    inputs = tagger.inputs(codes, count)
    expected = reference.score(inputs, count)
    torch.testing.assert_close(tagger.score(inputs, count)[:, 0], expected, rtol=0, atol=BOOSTED)


def test_boost_matrix_of_the_jet_is_what_the_inputs_hold(toy_jets):
    """Tokens in the rest frame, once more from the matrix."""
    jets = toy_jets(20)
    tagger = make("lloca-trigger-2k")
    tokens = jet_tokens(four_momenta(jets.codes, jets.count), jets.count, spurions=True)
    jet = jet_momentum(tokens, K)[:, 0]
    some = jets.count[:, 0] > 1
    mass = minkowski(jet, jet)[some, None].sqrt()
    expected = tokens[some] @ boost_matrix(jet[some, 1:] / mass).mT
    actual = tagger.inputs(jets.codes, jets.count)[0][some]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)
