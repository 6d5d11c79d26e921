"""Products with one short side, their gradients, and the softmax between them."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.lorentz import EXACT
from tritag.models.layers.products import masked_softmax, narrow_linear, row_products, weighted_sums


def matrices(*shapes):
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_products_are_those_of_matrices():
    a, b, w, v = matrices((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 5, 6), (2, 3, 6, 4))
    torch.testing.assert_close(row_products(a, b), a @ b.mT, rtol=0, atol=100 * EXACT)
    torch.testing.assert_close(weighted_sums(w, v), w @ v, rtol=0, atol=100 * EXACT)


@pytest.mark.parametrize("function", [row_products, weighted_sums])
def test_gradients(function):
    second = {row_products: (3, 6, 4), weighted_sums: (3, 4, 6)}[function]
    first, other = matrices((3, 5, 4), second)
    assert torch.autograd.gradcheck(function, (first, other))
    assert torch.autograd.gradcheck(function, (first, other.detach()))
    assert torch.autograd.gradcheck(function, (first.detach(), other))


@pytest.mark.parametrize("rows", [3, 6, 8])
@pytest.mark.parametrize("biased", [True, False])
def test_narrow_linear_is_a_linear_layer(rows, biased):
    x, weight, bias = matrices((1, rows, 4), (3, 4), (3,))
    bias = bias if biased else None
    expected = torch.nn.functional.linear(x, weight, bias)
    torch.testing.assert_close(narrow_linear(x, weight, bias), expected, rtol=0, atol=100 * EXACT)
    assert torch.autograd.gradcheck(narrow_linear, (x, weight, bias) if biased else (x, weight))


def test_hidden_entries_weigh_nothing_and_get_no_gradient():
    logits = torch.randn(4, 3, 5, requires_grad=True)
    real = torch.arange(5) < torch.tensor([[1], [2], [5], [0]])
    weights = masked_softmax(logits, real[:, None])
    for jet, count in enumerate((1, 2, 5)):
        assert torch.equal(weights[jet, :, :count], logits[jet, :, :count].softmax(-1))
        assert not weights[jet, :, count:].any()
    assert torch.equal(weights[3], torch.full((3, 5), 0.2)), "nothing is real: equal weights"
    weights[:3].square().sum().backward()
    assert not logits.grad[0].any()
    assert not logits.grad[1, :, 2:].any()
