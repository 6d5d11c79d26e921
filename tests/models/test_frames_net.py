"""Frames-Nets: weights to vectors, against plain formulas and the reference implementation."""

from __future__ import annotations

import functools

import pytest
import torch

from tests.helpers.lorentz import BOOSTED, EXACT, assert_lorentz, random_rotation, timelike
from tritag.models.layers.factory import FloatLayers
from tritag.models.layers.frame_vectors import ChannelLinear, PairLinear, PairVectors, TokenVectors
from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.jet_geometry import (
    PAIR_MASS_MEAN,
    PAIR_MASS_SCALE,
    inverse_pair_masses,
    pair_masses,
    standardised_pair_masses,
    standardised_products,
)
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV, into_jet_frame, jet_tokens, mass_squared
from tritag.models.nets.frames_net import PairFramesNet, TokenFramesNet
from tritag.models.nets.registry import count_parameters

K, B = 5, 20
# Weights in float32 that differ by 1e-3: 2^-24 / 1e-3, times the spread of the momenta.
ALMOST_EQUAL_FLOAT32 = 1e-3
DOUBLE = {"rtol": EXACT, "atol": EXACT}


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def full(n=B, k=K):
    return torch.full((n, 1), k)


def jets(n=B, k=K):
    """Momenta of wide jets in GeV, (n, k, 4)."""
    return 10 * timelike(n, k)


@pytest.mark.parametrize(("hidden", "parameters"), [(4, 99), (8, 227), (16, 579), (32, 1667)])
def test_parameter_counts_of_the_paper(hidden, parameters):
    assert count_parameters(PairFramesNet(FloatLayers(), K, hidden, spurions=True, per_jet=False)) == parameters


def test_parameter_counts_of_the_other_nets():
    assert count_parameters(TokenFramesNet(FloatLayers(), K, 4, spurions=True)) == 75
    assert count_parameters(TokenFramesNet(FloatLayers(), K, 4, spurions=True, scalars=False)) == 47
    assert count_parameters(TokenFramesNet(FloatLayers(), K, 4, spurions=False)) == 43
    assert count_parameters(PairFramesNet(FloatLayers(), K, 4, spurions=False, per_jet=True)) == 43


def test_pair_masses_and_their_standardisation():
    tokens = jet_tokens(jets(), full(), spurions=True)
    masses = pair_masses(tokens)
    torch.testing.assert_close(masses[:, 1, 6], mass_squared(tokens[:, 1] + tokens[:, 6]), **DOUBLE)
    standardised = standardised_pair_masses(tokens, full(), K)
    torch.testing.assert_close(standardised, (masses.log() - PAIR_MASS_MEAN) * PAIR_MASS_SCALE, **DOUBLE)
    torch.testing.assert_close(inverse_pair_masses(standardised), masses**-0.5, **DOUBLE)


def test_no_pair_is_lighter_than_two_regulated_particles():
    same = torch.tensor([[[5.0, 3.0, 0.0, 4.0], [5.0, 3.0, 0.0, 4.0]]])
    tokens = jet_tokens(same, full(1, 2), spurions=False)
    mass = 1 / inverse_pair_masses(standardised_pair_masses(tokens, full(1, 2), 2))
    torch.testing.assert_close(mass, torch.full((1, 2, 2), 2 * REGULATOR_MASS_GEV))


def test_products_with_jet_and_time():
    tokens = jet_tokens(jets(), full(), spurions=True)
    products = standardised_products(tokens, full(), K, time=True)
    jet = tokens[:, 3:].sum(1)
    energy = tokens[..., 0]
    product = energy * jet[:, None, 0] - (tokens[..., 1:] * jet[:, None, 1:]).sum(-1)
    expected = torch.stack([(product.log() - 5.7) * 0.7, (energy.log() - 2.0) * 0.7], dim=-1)
    torch.testing.assert_close(products, expected, **DOUBLE)
    assert torch.equal(standardised_products(tokens, full(), K, time=False), products[..., :1])


@pytest.mark.parametrize("rows", [K, K + 3])
def test_split_first_layer_is_the_layer_on_the_concatenation(rows):
    layer = PairLinear(7, 4)
    pairs, scalars = torch.randn(B, rows, K + 3), torch.randn(B, K, 7)
    s = torch.cat([torch.zeros(B, 3, 7), scalars], dim=1)
    own = s[:, -rows:, None].expand(-1, -1, K + 3, -1)
    other = s[:, None].expand(-1, rows, -1, -1)
    plain = torch.nn.functional.linear(torch.cat([own, other, pairs[..., None]], dim=-1), layer.weight, layer.bias)
    torch.testing.assert_close(layer(pairs, scalars), plain.movedim(-1, 0), **DOUBLE)


def test_layers_on_channels():
    layer, x = ChannelLinear(4, 3), torch.randn(4, B, K, K)
    plain = torch.nn.functional.linear(x.movedim(0, -1), layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), plain.movedim(-1, 0), **DOUBLE)
    pairs = torch.randn(B, K, K)
    alone = PairLinear(0, 4)
    plain = torch.nn.functional.linear(pairs[..., None], alone.weight, alone.bias)
    torch.testing.assert_close(alone(pairs), plain.movedim(-1, 0), **DOUBLE)


def plain_pair_vectors(phi, tokens, count, n_constituents):
    """Loops over the definition; one jet, phi (3, R, N), tokens (N, 4)."""
    rows, columns = phi.shape[1:]
    real = [j for j in range(columns) if j < count + columns - n_constituents]
    result = torch.zeros(rows, 3, 4)
    for row in range(rows):
        i = row + columns - rows
        partners = [j for j in real if j != i]
        if i not in real or not partners:
            continue
        for k in range(3):
            weights = phi[k, row, partners].softmax(0)
            pairs = tokens[i] + tokens[partners]
            result[row, k] = (weights[:, None] * pairs / mass_squared(pairs).sqrt()[:, None]).sum(0)
    return result


@pytest.mark.parametrize("spurions", [True, False])
@pytest.mark.parametrize("per_jet", [True, False])
def test_vectors_from_pairs(per_jet, spurions):
    n = K + 3 if spurions else K
    rows = n if per_jet else K
    count = torch.arange(B)[:, None] % (K + 1)
    p = torch.where(torch.arange(K)[:, None] < count[..., None], jets(), 0.0)
    tokens = jet_tokens(p, count, spurions)
    pairs = standardised_pair_masses(tokens, count, K)[:, -rows:]
    phi = torch.randn(3, B, rows, n)
    vectors = PairVectors(K, per_jet)(phi, pairs, tokens, count)
    assert vectors.shape == (B, 1 if per_jet else K, 3, 4)
    for jet in range(B):
        c = int(count[jet])
        expected = plain_pair_vectors(phi[:, jet], tokens[jet], c, K)
        if per_jet:
            alive = expected.flatten(1).any(1)
            expected[alive] /= mass_squared(expected[alive]).sum(-1).sqrt()[:, None, None]
            expected = expected.sum(0, keepdim=True) / max(c + n - K, 1)
        real = slice(None) if per_jet else slice(0, c)
        vectors[jet, :, 1:] += vectors[jet, :, :1].clone()
        torch.testing.assert_close(vectors[jet, real], expected[real], rtol=BOOSTED, atol=BOOSTED)


def test_equal_weights_give_exactly_no_differences():
    tokens = jet_tokens(jets(), full(), spurions=True).float()
    pairs = standardised_pair_masses(tokens, full(), K).float()
    phi = torch.randn(1, B, K + 3, K + 3).float().expand(3, -1, -1, -1)
    for per_jet in (True, False):
        assert not PairVectors(K, per_jet)(phi, pairs, tokens, full())[:, :, 1:].any()
    phi = torch.randn(B, K + 3, 1).float().expand(-1, -1, 3)
    assert not TokenVectors(K)(phi, tokens, full())[:, :, 1:].any()


def test_vectors_from_tokens():
    count = torch.arange(B)[:, None] % (K + 1)
    p = torch.where(torch.arange(K)[:, None] < count[..., None], jets(), 0.0)
    tokens = jet_tokens(p, count, spurions=True)
    phi = torch.randn(B, K + 3, 3)
    vectors = TokenVectors(K)(phi, tokens, count)
    assert vectors.shape == (B, 1, 3, 4)
    for jet in range(B):
        n = int(count[jet]) + 3
        plain = phi[jet, :n].softmax(0).T @ tokens[jet, :n]
        torch.testing.assert_close(vectors[jet, 0, 0], plain[0], **DOUBLE)
        torch.testing.assert_close(vectors[jet, 0, 1:], plain[1:] - plain[:1], **DOUBLE)


@pytest.mark.parametrize("per_jet", [True, False])
def test_frames_agree_with_the_reference(per_jet):
    equi_frames = pytest.importorskip("lloca.framesnet.equi_frames")
    mlp = pytest.importorskip("lloca.equivectors.mlp")
    vectors = functools.partial(mlp.MLPVectors, num_scalars=7, hidden_channels=4, num_layers_mlp=2)
    reference = equi_frames.LearnedPDFrames(vectors, is_global=per_jet)
    block = reference.equivectors.block
    block.edge_mean, block.edge_std = torch.tensor(PAIR_MASS_MEAN), torch.tensor(1 / PAIR_MASS_SCALE)
    block.edge_inited.fill_(True)

    net = PairFramesNet(FloatLayers(), K, 4, spurions=True, per_jet=per_jet)
    linears = [module for module in block.mlp.modules() if isinstance(module, torch.nn.Linear)]
    for ours, theirs in zip((net.first, net.second, net.third), linears, strict=True):
        ours.load_state_dict(theirs.state_dict())

    tokens = into_jet_frame(jet_tokens(jets(), full(), spurions=True), K)
    scalars = torch.randn(B, K, 7)
    rows = K + 3 if per_jet else K
    pairs = standardised_pair_masses(tokens, full(), K)[:, -rows:]
    frames = net((pairs, scalars), tokens, full())
    assert_lorentz(frames, EXACT)
    expected = reference(tokens, scalars=torch.cat([torch.zeros(B, 3, 7), scalars], dim=1)).matrices[:, 3:]
    torch.testing.assert_close(frames.expand_as(expected), expected, rtol=BOOSTED, atol=BOOSTED)


@pytest.mark.parametrize("kind", ["pairs local", "pairs global", "tokens"])
def test_frames_turn_with_the_jet(kind):
    layers = FloatLayers()
    if kind == "tokens":
        net = TokenFramesNet(layers, K, 4, spurions=False)
    else:
        net = PairFramesNet(layers, K, 4, spurions=False, per_jet=kind.endswith("global"))
    with torch.no_grad():  # untrained nets give almost equal weights, and rounding errors would be all one sees
        for parameter in net.parameters():
            parameter *= 4
    tokens = into_jet_frame(jet_tokens(jets(), full(), spurions=False), K)
    turn = random_rotation(B)
    moved = tokens @ turn.mT

    def frames(p):
        features = (
            standardised_products(p, full(), K, time=False)
            if kind == "tokens"
            else standardised_pair_masses(p, full(), K)
        )
        return net((features,), p, full())

    torch.testing.assert_close(frames(moved), frames(tokens) @ turn[:, None].mT, rtol=BOOSTED, atol=BOOSTED)


def test_almost_equal_weights_still_decide_about_the_axes():
    """Before training all weights are close to each other; their differences must survive float32."""
    tokens = into_jet_frame(jet_tokens(jets(), full(), spurions=True), K)
    phi = 1e-3 * torch.randn(B, K + 3, 3)
    vectors, frames = TokenVectors(K), PolarFrames()
    exact = frames(vectors(phi, tokens, full()))
    single = frames(vectors(phi.float(), tokens.float(), full()))
    assert (exact - single).abs().amax((1, 2, 3)).median() < ALMOST_EQUAL_FLOAT32
