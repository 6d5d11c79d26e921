"""L-GATr-slim: sizes of the paper, symmetries, jets that are hardly jets, and the reference implementation."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.helpers.lorentz import BOOSTED, EXACT, random_lorentz, random_rotation, timelike
from tests.helpers.references import ReferenceSlim
from tritag.errors import ConfigError
from tritag.models.layers.lorentz import four_momenta, jet_tokens
from tritag.models.layers.minkowski import GatedUnit, JointNorm, MinkowskiProduct, SlimTokens, components
from tritag.models.layers.products import attention
from tritag.models.nets.lgatr_slim import SlimConfig
from tritag.models.nets.registry import TaggerConfig, count_parameters, load_tagger_config, make_tagger

K = 6
NAMES = ["lgatr-slim-2k", "lgatr-slim-20k", "lgatr-slim-deep-2k"]
# Ten blocks multiply the rounding errors of boosts.
INVARIANT = 1e-7
# The laboratory scalars come in float32 whatever the tagger's precision.
LAB_SCALARS = 1e-5


def make(name, spurions=True, double=True):
    """Tagger in eval mode with weights of order one, so that vectors matter."""
    torch.manual_seed(6)
    config = load_tagger_config(name, K)
    tagger = make_tagger(dataclasses.replace(config, sizes=config.sizes | {"spurions": spurions})).eval()
    return tagger.double() if double else tagger


def wide_jets(n, least=2):
    """Codes (n, K, 3) and counts (n, 1)."""
    count = torch.randint(least, K + 1, (n, 1))
    codes = torch.cat([torch.randint(20, 800, (n, K, 1)), torch.randint(-150, 150, (n, K, 2))], dim=-1)
    return codes * (torch.arange(K)[:, None] < count[..., None]), count


def score_of(tagger, codes, count):
    """Score in float64."""
    vectors, scalars = tagger.inputs(codes, count)
    return tagger.score((vectors, scalars.double()), count)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lgatr-slim-2k", 2197),
        ("lgatr-slim-20k", 22921),
        ("lgatr-slim-deep-2k", 1763),
        ("lgatr-slim-deep-20k", 20485),
    ],
)
def test_parameter_counts_of_the_paper(name, parameters):
    assert count_parameters(make_tagger(load_tagger_config(name))) == parameters
    assert str(parameters) in load_tagger_config(name).summary


def test_parameter_count_of_the_largest():
    sizes = {"vectors": 16, "scalars": 64, "blocks": 4, "heads": 4, "mlp_factor": 2}
    assert count_parameters(make_tagger(TaggerConfig("lgatr-slim", sizes=sizes))) == 179089


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ConfigError, match="vectors must be a multiple of heads, got 3 and 2"):
        SlimConfig(vectors=3)
    with pytest.raises(ConfigError, match="scalars must be a multiple of heads, got 15 and 2"):
        SlimConfig(scalars=15)
    with pytest.raises(ConfigError, match=r"blocks must lie in \[1, 256\], got 0"):
        SlimConfig(blocks=0)


# Symmetries


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_without_spurions_nothing_depends_on_the_frame_of_the_observer(name):
    """The vectors are given in another frame altogether: not even the jet's rest frame is found again."""
    n, tagger = 40, make(name, spurions=False)
    momenta, count = timelike(n, K), torch.randint(1, K + 1, (n, 1))
    scalars = torch.zeros(n, K, 7, dtype=torch.float64)

    def score(p):
        vectors = torch.cat([torch.zeros(n, 1, 4, dtype=torch.float64), p], dim=1).flatten(1)[..., None]
        return tagger.score((vectors, scalars), count)

    expected = score(momenta)
    assert expected.std() > 1e-4
    for transformation in (random_lorentz(n), random_rotation(n)):
        torch.testing.assert_close(score(momenta @ transformation.mT), expected, rtol=0, atol=INVARIANT)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_frame_of_the_input_does_not_matter(name):
    """With the spurions boosted as well, laboratory and rest frame give one score: why firmware may choose."""
    tagger, (codes, count) = make(name), wide_jets(40)
    vectors, scalars = tagger.inputs(codes, count)
    lab = jet_tokens(four_momenta(codes, count), count, spurions=True)
    lab = torch.cat([torch.zeros_like(lab[:, :1]), lab[:, :3], lab[:, 3:] / 16], dim=1).flatten(1)[..., None]
    assert (lab - vectors).abs().max() > 1
    scalars = scalars.double()
    torch.testing.assert_close(
        tagger.score((lab, scalars), count), tagger.score((vectors, scalars), count), rtol=0, atol=INVARIANT
    )


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_rotations_about_the_beam_change_nothing(name):
    tagger, (codes, count) = make(name), wide_jets(40)
    turned = codes + torch.tensor([0, 0, 333]) * (codes[..., :1] > 0)
    turned[..., 2] = (turned[..., 2] + 720) % 1440 - 720
    torch.testing.assert_close(
        score_of(tagger, turned, count), score_of(tagger, codes, count), rtol=0, atol=LAB_SCALARS
    )


@torch.no_grad()
def test_other_rotations_change_the_score():
    tagger, (codes, count) = make("lgatr-slim-2k"), wide_jets(40)
    moved = codes + torch.tensor([0, 150, 0]) * (codes[..., :1] > 0)
    assert (score_of(tagger, moved, count) - score_of(tagger, codes, count)).abs().max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_order_of_candidates_does_not_matter(name):
    codes, count = wide_jets(40)
    order = torch.rand(40, K).masked_fill(torch.arange(K) >= count, 2.0).argsort(1)
    shuffled = codes.gather(1, order[..., None].expand(-1, -1, 3))
    assert not torch.equal(shuffled, codes)
    tagger = make(name)
    torch.testing.assert_close(
        score_of(tagger, shuffled, count), score_of(tagger, codes, count), rtol=0, atol=LAB_SCALARS
    )


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_contents_beyond_count_do_not_matter(name):
    codes, count = wide_jets(40, least=0)
    noise = torch.randint(1, 700, codes.shape)
    noisy = torch.where(torch.arange(K)[:, None] >= count[..., None], noise, codes)
    tagger = make(name)
    assert torch.equal(score_of(tagger, noisy, count), score_of(tagger, codes, count))


@pytest.mark.parametrize("name", NAMES)
def test_hard_jets_give_finite_scores_and_gradients(name):
    codes = torch.zeros(5, K, 3, dtype=torch.int64)
    codes[1:, 0, 0], codes[2:, 1] = 16383, torch.tensor([16383, 900, -720])
    codes[3:, :] = torch.tensor([1, 0, 0])
    tagger = make(name, double=False)
    score = tagger(codes, torch.tensor([[0], [1], [2], [3], [K]]))
    assert score.isfinite().all()
    score.sum().backward()
    unused = {name for name, p in tagger.named_parameters() if p.grad is None}
    last = f"blocks.{len(tagger.blocks) - 1}.mlp_vectors."
    assert all(key.startswith(last) for key in unused), "only the last block's vectors are not read"
    assert all(p.grad is None or p.grad.isfinite().all() for p in tagger.parameters())


# Parts


def vectors_of(n, tokens, channels):
    return torch.randn(n, 4 * tokens, channels, dtype=torch.float64)


def transformed(vectors, transformation):
    return (transformation[:, None] @ components(vectors)).flatten(1, 2)


def test_parts_are_equivariant():
    n, tokens, v, s = 30, 3, 4, 8
    a, b = vectors_of(n, tokens, v), vectors_of(n, tokens, v)
    scalars, gate = torch.randn(n, tokens, s, dtype=torch.float64), torch.randn(n, tokens, v, dtype=torch.float64)
    change = random_lorentz(n)
    moved_a, moved_b = transformed(a, change), transformed(b, change)
    torch.testing.assert_close(MinkowskiProduct()(moved_a, moved_b), MinkowskiProduct()(a, b), rtol=0, atol=BOOSTED)
    norm = JointNorm(v, s, heads=2).double()
    (x, y), (moved_x, moved_y) = norm(a, scalars), norm(moved_a, scalars)
    torch.testing.assert_close(moved_x, transformed(x, change), rtol=0, atol=BOOSTED)
    torch.testing.assert_close(moved_y, y, rtol=0, atol=BOOSTED)
    gated = transformed(GatedUnit()(gate, a), change)
    torch.testing.assert_close(GatedUnit()(gate, moved_a), gated, rtol=0, atol=BOOSTED)


def test_tokens_are_in_the_rest_frame_of_the_jet():
    codes, count = wide_jets(30)
    tokens = components(SlimTokens(K, spurions=True).double()(codes, count))[..., 0]
    assert not tokens[:, 0].any()
    jet = tokens[:, 4:].sum(1)
    torch.testing.assert_close(jet[:, 1:], torch.zeros_like(jet[:, 1:]), rtol=0, atol=BOOSTED)


# The reference


def load_linear(vectors, scalars, theirs, rows_v=slice(None), rows_s=slice(None)):
    """Rows of a linear layer of the reference."""
    vectors.weight.data = theirs.weight_v[rows_v].data.clone()
    scalars.weight.data, scalars.bias.data = theirs.linear_s.weight[rows_s].data, theirs.linear_s.bias[rows_s].data


def heads_together(part, channels, heads):
    """Rows of query, key or value (``part`` 0, 1, 2): the reference interleaves the heads there."""
    return part * channels + torch.arange(channels).reshape(channels // heads, heads).T.flatten()


def load_reference_block(block, theirs, config):
    v, s, heads = config.vectors, config.scalars, config.heads
    for part, name in enumerate(("query", "key", "value")):
        pair = getattr(block, f"{name}_vectors"), getattr(block, f"{name}_scalars")
        rows = heads_together(part, v, heads), heads_together(part, s, heads)
        load_linear(*pair, theirs.attention.linear_in, *rows)
    load_linear(block.project_vectors, block.project_scalars, theirs.attention.linear_out)
    glu, contract = theirs.mlp.layers
    value, gate, other = glu.linear.weight_v.chunk(3)
    mlp = block.mlp_vectors
    # the reference halves the product
    mlp.value.weight.data, mlp.gate.weight.data, mlp.other_gate.weight.data = value.data, 0.5 * gate.data, other.data
    mlp.contract.weight.data = contract.weight_v.data.clone()
    mlp = block.mlp_scalars
    for part, w, b in zip(
        (mlp.value, mlp.gate), glu.linear.linear_s.weight.chunk(2), glu.linear.linear_s.bias.chunk(2), strict=True
    ):
        part.weight.data, part.bias.data = w.data, b.data
    mlp.contract.load_state_dict(contract.linear_s.state_dict())


@pytest.mark.parametrize("name", [*NAMES, "lgatr-slim-deep-20k"])
@torch.no_grad()
def test_whole_tagger_agrees_with_the_reference(name):
    tagger, config = make(name), SlimConfig(**load_tagger_config(name).sizes)
    whole = ReferenceSlim(config, K, torch.float64)
    reference = whole.net
    for parameter in reference.parameters():
        parameter.normal_(std=0.5)
    assert sum(p.numel() for p in reference.parameters()) == count_parameters(tagger)

    tagger.embed_vectors.weight.data = reference.linear_in.weight_v.data.clone()
    embed = reference.linear_in.linear_s
    tagger.embed_scalars.weight.data, tagger.embed_scalars.bias.data = embed.weight[:, :7].clone(), embed.bias.clone()
    tagger.all_scalars.weight.data = embed.bias + embed.weight[:, 7]
    for ours, theirs in zip(tagger.blocks, reference.blocks, strict=True):
        load_reference_block(ours, theirs, config)
    tagger.head.load_state_dict(reference.linear_out.linear_s.state_dict())

    codes, count = wide_jets(20, least=0)
    vectors, scalars = tagger.inputs(codes, count)
    expected = whole.score((vectors, scalars), count)
    given = tagger.score((vectors, scalars.double()), count)[:, 0]
    torch.testing.assert_close(given, expected, rtol=0, atol=1000 * EXACT)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("lowered", [False, True])
def test_the_written_gradient_of_the_norm(lowered: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    v, s = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((1, 8, 4), (1, 2, 6)))
    norm = JointNorm(4, 6, heads=2, lowered=lowered).double()
    assert torch.autograd.gradcheck(norm, (v.requires_grad_(), s.requires_grad_()))


def test_the_written_gradient_of_attention() -> None:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(2, m, 4, dtype=torch.float64, generator=generator).requires_grad_() for m in (2, 3, 3)]
    real = torch.tensor([[[1, 1, 0]], [[1, 0, 0]]])
    assert torch.autograd.gradcheck(lambda *x: attention(*x, 2, real), tuple(rows))
