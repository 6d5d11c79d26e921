"""Training steps of the float L-GATr-slim take one row for each token: the numbers and gradients of its layers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from tritag.models.layers.linear import Linear
from tritag.models.layers.minkowski import JointNorm
from tritag.models.layers.slim_rows import (
    Lanes,
    Part,
    row_attention,
    row_linear,
    row_norm,
    scalar_gate,
    vector_gate,
)
from tritag.models.layers.tagger import Tagger
from tritag.models.nets import lgatr_slim
from tritag.models.nets.lgatr_slim_rows import has_rows
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.layers.tagger import QuantTagger

K = 5
OWN = (lgatr_slim.SlimBlock, lgatr_slim.SlimMLP)
# Sums in another order, in float64; norms of nearly lightlike vectors and ten blocks multiply them.
ORDER_OF_SUMS = 1e-7


def listen(tagger: Tagger) -> Tagger:
    """A hook on one layer: then all layers are called one by one."""
    tagger.blocks[0].norm_mlp.register_forward_hook(lambda *_: None)
    return tagger


def step(tagger: Tagger, jets: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor | None]]:
    codes, count = jets
    inputs = [part.double() for part in tagger.inputs(codes, count)]
    score = tagger.score(inputs, count)
    (score.squeeze() * torch.linspace(-1, 1, len(score), dtype=score.dtype)).sum().backward()
    return score.detach(), {name: p.grad for name, p in tagger.named_parameters()}


@pytest.mark.parametrize("spurions", [True, False])
@pytest.mark.parametrize("name", ["lgatr-slim-2k", "lgatr-slim-20k", "lgatr-slim-deep-2k"])
def test_rows_give_the_numbers_and_gradients_of_the_layers(name: str, spurions: bool) -> None:
    config = load_tagger_config(name, K)
    config = dataclasses.replace(config, sizes=config.sizes | {"spurions": spurions})
    count = torch.randint(0, K + 1, (20, 1))
    codes = torch.cat([torch.randint(20, 800, (20, K, 1)), torch.randint(-150, 150, (20, K, 2))], dim=-1)
    jets = codes * (torch.arange(K)[:, None] < count[..., None]), count
    rows, layers = (make_tagger(config).double().train() for _ in range(2))
    layers.load_state_dict(rows.state_dict())
    assert has_rows(rows, OWN)
    assert not has_rows(listen(layers), OWN)
    (score, gradients), (expected, expected_gradients) = step(rows, jets), step(layers, jets)
    torch.testing.assert_close(score, expected, rtol=0, atol=ORDER_OF_SUMS)
    assert expected.std() > 1e-3
    for key, gradient in gradients.items():
        other = expected_gradients[key]
        assert (gradient is None) == (other is None), key
        if gradient is not None:
            scale = float(other.abs().max())
            torch.testing.assert_close(gradient, other, rtol=0, atol=ORDER_OF_SUMS * (1 + scale), msg=key)


class _OwnLinear(Linear):
    pass


def test_other_layers_are_called_and_not_passed_over() -> None:
    tagger = make_tagger(load_tagger_config("lgatr-slim-2k", K)).train()
    assert has_rows(tagger, OWN)
    tagger.blocks[0].key_scalars = _OwnLinear(16, 16)
    assert not has_rows(tagger, OWN)
    quantized = QuantTagger(load_tagger_config("lgatr-slim-2k", K), QuantConfig(weights="ternary"))
    assert not has_rows(quantized.tagger, OWN)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def test_norm_of_rows_is_the_joint_norm() -> None:
    lanes = Lanes(4, 6, heads=2)
    x = random(2, 3, lanes.size)
    norm = JointNorm(4, 6, heads=2).double()
    v, s = norm(x[..., lanes.of_vectors()].flatten(1, 2), x[..., lanes.of_scalars()])
    y = row_norm(x, lanes)
    torch.testing.assert_close(y[..., lanes.of_vectors()].flatten(1, 2), v)
    torch.testing.assert_close(y[..., lanes.of_scalars()], s)


@pytest.mark.parametrize("n", [1, 3])
def test_the_written_gradients_of_rows(n: int) -> None:
    wide, lanes = Lanes(4, 6), Lanes(4, 6, heads=2)
    assert torch.autograd.gradcheck(lambda x: row_norm(x, lanes), (random(1, 2, lanes.size),))
    assert torch.autograd.gradcheck(lambda x: row_norm(x, wide), (random(1, 2, wide.size),))
    real = torch.tensor([[[1, 1, 0]], [[1, 0, 0]]])
    assert torch.autograd.gradcheck(lambda q, kv: row_attention(q, kv, 2, real), (random(2, n, 4), random(2, 3, 8)))
    assert torch.autograd.gradcheck(vector_gate, (random(2, n, 24),))
    assert torch.autograd.gradcheck(scalar_gate, (random(2, n, 6),))


def test_linear_maps_of_rows() -> None:
    given, made = Lanes(2, 3), Lanes(4, 2, heads=2)
    x, stream = random(2, 3, given.size), random(2, 3, 2 * made.size)
    weights = [random(*shape) for shape in ((4, 2), (2, 3), (2,)) * 2]
    y = row_linear(x, [Part(given, made), Part(given, made, made.size, lowered=True)], weights, stream) - stream
    v, s = x[..., given.of_vectors()], x[..., given.of_scalars()]
    for start, (of_v, of_s, offset), sign in ((0, weights[:3], 1.0), (made.size, weights[3:], -1.0)):
        metric = torch.tensor([1.0, sign, sign, sign], dtype=x.dtype)[:, None]
        torch.testing.assert_close(y[..., made.of_vectors() + start], v @ of_v.mT * metric)
        torch.testing.assert_close(y[..., made.of_scalars() + start], nn.functional.linear(s, of_s, offset))
