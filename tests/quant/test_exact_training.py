"""LLoCa trains with the integers of its exact frames: training and exact tagger agree near degenerate frames, too."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.taggers import calibrated_tagger, observe
from tritag.data.simulation.sample import read_sample
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import load_tagger_config
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.ops.modules import TrainableExactly

K = 3
# Two hard candidates and one, all nearly collinear: the float formula and the exact rule gave logits of opposite sign.
COLLINEAR = [[965, 366, 27], [572, 366, 27], [426, 366, 27]]


@pytest.fixture(scope="module")
def jets() -> tuple[torch.Tensor, torch.Tensor]:
    sample = CodedJets.from_batch(read_sample(), K)
    one = torch.tensor([COLLINEAR], dtype=sample.codes.dtype)
    return torch.cat([sample.codes, one]), torch.cat([sample.count, torch.full_like(sample.count[:1], K)])


@pytest.fixture(scope="module", params=["lloca-local-2k", "lloca-global-2k", "lloca-trigger-2k", "lloca-seed-2k"])
def tagger(request: pytest.FixtureRequest, jets: tuple[torch.Tensor, torch.Tensor]) -> QuantTagger:
    """Untrained, with ranges of these jets that are not observed any more."""
    config = load_tagger_config(request.param, K)
    made = calibrated_tagger(K, "int8", config.sizes, config.network)
    observe(made, (jets[0].numpy(), jets[1].numpy()[:, 0]))
    for module in made.modules():
        if hasattr(module, "on_step"):
            module.on_step(99, 100)
    return made


@torch.no_grad()
def test_no_jet_is_another_one_in_training(tagger, jets):
    trained = tagger.train()(*jets).flatten()
    exact = tagger.eval()(*jets).flatten()
    assert exact.unique().numel() > 100
    assert (trained - exact).abs().max() < 0.3 * exact.std()


def test_training_computes_the_integers_and_has_gradients(tagger, jets):
    given = []
    ops = [m for m in tagger.train().modules() if isinstance(m, TrainableExactly)]
    hooks = [op.register_forward_hook(lambda op, x, y: given.append((op.frozen()(*x), y))) for op in ops]
    tagger(*jets).sum().backward()
    for hook in hooks:
        hook.remove()
    assert given
    for exact, trained in given:
        assert torch.equal(exact.value, trained.value.detach())
        assert exact.grid == trained.grid
    gradients = [p.grad for name, p in tagger.named_parameters() if "frames_net" in name and p.grad is not None]
    assert gradients
    assert all(g.isfinite().all() for g in gradients)
    assert any(g.abs().max() > 0 for g in gradients)
