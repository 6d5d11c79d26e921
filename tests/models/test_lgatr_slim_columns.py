"""Training steps of the float L-GATr-slim have the tokens last: the numbers and gradients of its layers."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
from torch import Tensor, nn

from tritag.models.layers.linear import Linear
from tritag.models.layers.minkowski import JointNorm
from tritag.models.layers.slim_columns import (
    column_attention,
    joint_norm,
    scalar_gate,
    scalar_linear,
    vector_gate,
    vector_linear,
)
from tritag.models.layers.tagger import Tagger
from tritag.models.nets import lgatr_slim
from tritag.models.nets.lgatr_slim_columns import has_columns
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
def test_columns_give_the_numbers_and_gradients_of_the_layers(name: str, spurions: bool) -> None:
    config = load_tagger_config(name, K)
    config = dataclasses.replace(config, sizes=config.sizes | {"spurions": spurions})
    count = torch.randint(0, K + 1, (20, 1))
    codes = torch.cat([torch.randint(20, 800, (20, K, 1)), torch.randint(-150, 150, (20, K, 2))], dim=-1)
    jets = codes * (torch.arange(K)[:, None] < count[..., None]), count
    columns, layers = (make_tagger(config).double().train() for _ in range(2))
    layers.load_state_dict(columns.state_dict())
    assert has_columns(columns, OWN)
    assert not has_columns(listen(layers), OWN)
    (score, gradients), (expected, expected_gradients) = step(columns, jets), step(layers, jets)
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
    assert has_columns(tagger, OWN)
    tagger.blocks[0].key_scalars = _OwnLinear(16, 16)
    assert not has_columns(tagger, OWN)
    quantized = QuantTagger(load_tagger_config("lgatr-slim-2k", K), QuantConfig(weights="ternary"))
    assert not has_columns(quantized.tagger, OWN)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def columns(v: Tensor, s: Tensor, heads: int) -> Tensor:
    """Each head's vectors, component by component, and below them its scalars: (heads, 4 V + S, N)."""
    return torch.cat([v.unflatten(1, (heads, -1)).transpose(0, 1).flatten(1, 2), s.unflatten(0, (heads, -1))], dim=1)


def test_norm_of_columns_is_the_joint_norm() -> None:
    v, s = random(4, 4, 6), random(6, 6)
    norm = JointNorm(4, 6, heads=2).double()
    rows_v, rows_s = norm(v.permute(2, 0, 1).reshape(2, 12, 4), s.mT.reshape(2, 3, 6))
    expected = columns(rows_v.reshape(6, 4, 4).permute(1, 2, 0), rows_s.reshape(6, 6).mT, 2)
    torch.testing.assert_close(joint_norm(v, s, 2), expected)


@pytest.mark.parametrize("n", [1, 3])
def test_the_written_gradients_of_columns(n: int) -> None:
    for groups in (1, 2):
        norm = functools.partial(joint_norm, groups=groups)
        assert torch.autograd.gradcheck(norm, (random(4, 4, 2), random(6, 2)))
    real = torch.tensor([[[1, 1, 0]], [[1, 0, 0]]])
    assert torch.autograd.gradcheck(
        lambda x, q: column_attention(x, real, 1, q), (random(4, 6, 6), random(2, 6, 2 * n))
    )
    assert torch.autograd.gradcheck(lambda x: column_attention(x, real, 1), (random(6, 6, 6),))
    assert torch.autograd.gradcheck(vector_gate, (random(4, 6, n),))
    assert torch.autograd.gradcheck(scalar_gate, (random(6, n),))


def test_queries_stand_before_keys_and_values_or_alone() -> None:
    real = torch.tensor([[[1, 1, 0]], [[1, 0, 0]]])
    q, kv = random(2, 6, 6), random(4, 6, 6)
    for alone, whole in zip(
        column_attention(kv, real, 1, q), column_attention(torch.cat([q, kv]), real, 1), strict=True
    ):
        torch.testing.assert_close(alone, whole)
        assert alone.shape[-1] == 6


def test_linear_maps_of_columns() -> None:
    v, s, of_v, of_s, offset = random(4, 2, 5), random(3, 5), random(6, 2), random(7, 3), random(7)
    expected_v, expected_s = torch.einsum("wv,cvn->cwn", of_v, v), nn.functional.linear(s.mT, of_s, offset).mT
    torch.testing.assert_close(vector_linear(of_v, v), expected_v)
    torch.testing.assert_close(scalar_linear(of_s, offset, s), expected_s)
    stream_v, stream_s = random(4, 6, 5), random(7, 5)
    torch.testing.assert_close(vector_linear(of_v, v, stream_v), stream_v + expected_v)
    torch.testing.assert_close(scalar_linear(of_s, offset, s, stream_s), stream_s + expected_s)
