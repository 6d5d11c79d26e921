"""Quantized ParT, L-GATr-slim, LLoCa with batch normalisation: agreement with training, gradients, float weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.taggers import FAST, calibrated_tagger, observe
from tritag.data.simulation.sample import read_sample
from tritag.errors import ExportError
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.inputs import prepare
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.layers.tagger import QuantTagger

K = 4
PART = {"embed": [8], "pair_embed": [4], "blocks": 1, "class_blocks": 2, "heads": 2, "mlp_factor": 1}
SLIM = {"vectors": 2, "scalars": 8, "blocks": 2, "heads": 2, "mlp_factor": 1}
NETWORKS = {"part": PART, "lgatr-slim": SLIM, "lloca": {"channels": 8, **FAST}}
# Agreement is measured where it counts: fewer candidates make lighter jets, whose boosted spurions saturate.
K_AGREEMENT = 16
# Root mean square difference of logits over their spread, exact against training's float surrogate, and correlation of
# int8 and float logits; untrained. Norms of nearly lightlike vectors multiply roundings.
SURROGATE = {"part": 0.15, "lgatr-slim": 0.6, "lloca": 0.15}
CORRELATION = {"part": 0.98, "lgatr-slim": 0.9, "lloca": 0.98}

pytestmark = pytest.mark.parametrize("network", NETWORKS)


def tensors(jets):
    codes, count = jets
    return torch.from_numpy(np.asarray(codes)), torch.from_numpy(np.asarray(count))[:, None]


def sample():
    """Jets of 600 GeV: in random ones the spurions of L-GATr-slim saturate."""
    jets = CodedJets.from_batch(read_sample(), K_AGREEMENT)
    return jets.codes, jets.count


@pytest.mark.parametrize("weights", ["int8", "ternary"])
@torch.no_grad()
def test_training_follows_the_exact_tagger(network, weights, rng):
    """The surrogate sees the same frozen ranges: observers are told that the training is over."""
    tagger = calibrated_tagger(K_AGREEMENT, weights, NETWORKS[network], network)
    jets = sample()
    observe(tagger, (jets[0].numpy(), jets[1].numpy()[:, 0]))
    tagger.eval()
    exact = tagger(*jets).flatten()
    assert exact.unique().numel() > 100
    tagger.train()
    for module in tagger.modules():
        if hasattr(module, "on_step"):
            module.on_step(99, 100)
    trained = tagger(*jets).flatten()
    assert (trained - exact).square().mean().sqrt() / exact.std() <= SURROGATE[network]


def test_gradients_reach_every_trained_parameter(network, rng):
    tagger = calibrated_tagger(K, "int8", NETWORKS[network], network).train()
    codes, count = tensors(random_jets(rng, 100, K))
    tagger.logits(tagger.inputs(codes, count), count).square().sum().backward()
    unused = {name for name, p in tagger.named_parameters() if p.requires_grad and p.grad is None}
    assert all(".mlp_vectors." in name and ".blocks.1." in name for name in unused), unused
    assert all(p.grad is None or p.grad.isfinite().all() for p in tagger.parameters())


@torch.no_grad()
def test_int8_logits_follow_the_float_ones(network, rng):
    torch.manual_seed(1)
    config = TaggerConfig(network, K_AGREEMENT, dict(NETWORKS[network]))
    float_tagger = make_tagger(config)
    jets = sample()
    float_tagger.train()(*jets)
    quantized = QuantTagger(config, QuantConfig())
    quantized.load_float(float_tagger.state_dict())
    quantized.train()(*jets)
    pair = torch.stack([quantized.eval()(*jets).flatten(), float_tagger.eval()(*jets).flatten()])
    assert torch.corrcoef(pair)[0, 1] > CORRELATION[network]


@torch.no_grad()
def test_scores_from_prepared_inputs(network, rng):
    tagger = calibrated_tagger(K, "int8", NETWORKS[network], network)
    codes, count = tensors(random_jets(rng, 20, K))
    prepared = prepare(tagger, CodedJets(codes, count, torch.zeros(20, dtype=torch.int64)), chunk=8)
    some = prepared.select(torch.tensor([2, 9, 19]))
    expected = tagger(codes, count).flatten()
    assert torch.equal(tagger.logits(prepared.inputs, count), expected)
    assert torch.equal(tagger.logits(some.inputs, some.count), expected[[2, 9, 19]])


@torch.no_grad()
def test_hardest_jets_have_scores(network, rng):
    tagger = calibrated_tagger(K, "int8", NETWORKS[network], network)
    assert tagger(*tensors(crafted_jets(rng, K))).isfinite().all()


@torch.no_grad()
def test_weights_survive_the_disk(network, rng):
    tagger = calibrated_tagger(K, "int8", NETWORKS[network], network)
    other = QuantTagger(tagger.config, tagger.quant).eval()
    other.load_state_dict(tagger.state_dict())
    jets = tensors(random_jets(rng, 30, K))
    assert torch.equal(other(*jets), tagger(*jets))


def test_invariant_slim_is_refused(network):
    if network == "lgatr-slim":
        with pytest.raises(ExportError, match="a quantized L-GATr-slim needs spurions"):
            QuantTagger(TaggerConfig(network, K, SLIM | {"spurions": False}), QuantConfig())
