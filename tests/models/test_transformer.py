"""The vanilla transformer: sizes of the paper, symmetries, and its input scalars."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tritag.models.layers.scalars import SCALAR_MEANS, SCALAR_SCALES, JetScalars
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger

# Sums in another order: a few float32 ulps of order-one logits.
REORDERED = 2e-6
# Results are rounded to float32 once; the rest is float64.
FLOAT32 = 3e-7


@pytest.fixture
def tagger():
    torch.manual_seed(5)
    return make_tagger(load_tagger_config("transformer-2k", 8)).eval()


@pytest.mark.parametrize(
    ("name", "parameters"), [("transformer-2k", 1777), ("transformer-20k", 17121), ("transformer-deep-2k", 1237)]
)
def test_parameter_counts_of_the_paper(name, parameters):
    assert count_parameters(make_tagger(load_tagger_config(name))) == parameters


@torch.no_grad()
def test_order_of_constituents_does_not_matter(tagger, toy_jets):
    jets = toy_jets(64, 8)
    keys = torch.rand(64, 8, generator=torch.Generator().manual_seed(1))
    order = keys.masked_fill(torch.arange(8) >= jets.count, 2.0).argsort(1)  # padding stays behind
    shuffled = jets.codes.gather(1, order[..., None].expand(-1, -1, 3))
    assert not torch.equal(shuffled, jets.codes)
    torch.testing.assert_close(tagger(shuffled, jets.count), tagger(jets.codes, jets.count), rtol=0, atol=REORDERED)


@torch.no_grad()
def test_contents_beyond_count_do_not_matter(tagger, toy_jets):
    jets = toy_jets(64, 8)
    padding = torch.arange(8)[:, None] >= jets.count[..., None]
    generator = torch.Generator().manual_seed(2)
    noise = torch.randint(-720, 720, jets.codes.shape, generator=generator)
    noisy = torch.where(padding, noise, jets.codes)
    assert torch.equal(tagger(noisy, jets.count), tagger(jets.codes, jets.count))
    # the part behind the scalars masks on its own
    inputs = tagger.inputs(jets.codes, jets.count)
    some = jets.count[:, 0] > 0
    noisy_inputs = torch.where(padding, torch.randn(inputs.shape, generator=generator), inputs)[some]
    expected = tagger.logits(inputs[some], jets.count[some])
    torch.testing.assert_close(tagger.logits(noisy_inputs, jets.count[some]), expected, rtol=0, atol=REORDERED)


@torch.no_grad()
def test_more_padding_changes_nothing(toy_jets):
    jets = toy_jets(32, 8)
    narrow, wide = (make_tagger(load_tagger_config("transformer-2k", k)).eval() for k in (8, 11))
    wide.load_state_dict(narrow.state_dict())
    padded = torch.nn.functional.pad(jets.codes, (0, 0, 0, 3))
    torch.testing.assert_close(wide(padded, jets.count), narrow(jets.codes, jets.count), rtol=0, atol=REORDERED)


@torch.no_grad()
def test_jet_without_constituents_gets_a_finite_score(tagger):
    logit = tagger(torch.zeros(1, 8, 3, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64))
    assert logit.shape == (1, 1, 1)
    # the mean over no constituents is 0: only the bias of the head is left
    assert logit.item() == tagger.head.bias.item()


def test_gradients_reach_every_parameter_and_are_finite(tagger, toy_jets):
    jets = toy_jets(32, 8)
    tagger.logits(tagger.inputs(jets.codes, jets.count), jets.count).sum().backward()
    for name, parameter in tagger.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def scalars_of_one_jet(codes):
    """Independent form: four-momenta summed in numpy float64, angles from their definitions."""
    pt = codes[:, 0] * 0.25
    eta, phi = codes[:, 1] * math.pi / 720, codes[:, 2] * math.pi / 720
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
    e, px, py, pz = p4.sum(0)
    jet_pt = math.sqrt(px**2 + py**2)
    jet_eta = math.atanh(pz / math.sqrt(px**2 + py**2 + pz**2))
    d_eta = eta - jet_eta
    d_phi = np.angle(np.exp(1j * (phi - math.atan2(py, px))))
    raw = [np.log(pt), np.log(p4[:, 0]), np.log(pt / jet_pt), np.log(p4[:, 0] / e), d_eta, d_phi]
    raw.append(np.sqrt(d_eta**2 + d_phi**2))
    return (np.stack(raw, axis=1) - SCALAR_MEANS) * SCALAR_SCALES


def test_scalars_against_an_independent_computation(rng):
    n, k = 200, 7
    count = rng.integers(0, k + 1, (n, 1))
    count[:3, 0] = 0, 1, k
    codes = np.stack(
        [rng.integers(1, 2**14, (n, k)), rng.integers(-1500, 1501, (n, k)), rng.integers(-720, 720, (n, k))], axis=-1
    )
    codes[5:100, :, 2] = (codes[5:100, :, 2] // 30 + 1440) % 1440 - 720  # jets across phi = ±pi
    codes[5:100, :, 1] //= 30
    scalars = JetScalars(k)(torch.from_numpy(codes), torch.from_numpy(count)).numpy()
    assert scalars.dtype == np.float32
    for jet in range(n):
        real = int(count[jet, 0])
        assert not scalars[jet, real:].any()
        if real:
            expected = scalars_of_one_jet(codes[jet, :real])
            np.testing.assert_allclose(scalars[jet, :real], expected, rtol=FLOAT32, atol=FLOAT32, err_msg=f"jet {jet}")


def test_scalars_of_one_constituent_are_those_of_the_jet_itself():
    scalars = JetScalars(2)(torch.tensor([[[400, 100, -719], [7, 8, 9]]]), torch.tensor([[1]]))[0]
    log_e = math.log(100 * math.cosh(100 * math.pi / 720))
    expected = [(math.log(100) - 1.7) * 0.7, (log_e - 2.0) * 0.7, 4.7 * 0.7, 4.7 * 0.7, 0, 0, -0.8]
    np.testing.assert_allclose(scalars[0].numpy(), expected, rtol=FLOAT32, atol=FLOAT32)
    assert not scalars[1].any()


def test_scalars_of_unrounded_codes_are_those_of_integers_where_both_exist(toy_jets):
    jets = toy_jets(20)
    scalars = JetScalars(6)
    assert torch.equal(scalars(jets.codes.double(), jets.count), scalars(jets.codes, jets.count))
