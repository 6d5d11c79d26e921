"""Layers whose weights come from a quantizer of our own, and their plain form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.weights.coded_linear import CodedLinear, CodedVectorLinear
from tritag.quant.weights.linear import QuantLinear, QuantVectorLinear

METHODS = [("ternary", "parq"), ("ternary", "incremental"), ("binary", "ste")]


@pytest.mark.parametrize(("weights", "method"), METHODS)
@pytest.mark.parametrize("vectors", [False, True])
def test_plain_form_gives_the_same_integers(weights, method, vectors):
    torch.manual_seed(0)
    layers = QuantLayers(QuantConfig(weights=weights, weight_method=method), 4)
    layer = layers.weighted(6, 5, None, low_bits=True, vectors=vectors).eval()
    assert type(layer) is (CodedVectorLinear if vectors else CodedLinear)
    plain = layer.constant()
    assert type(plain) is (QuantVectorLinear if vectors else QuantLinear)
    x = FixedTensor(torch.randint(-128, 128, (3, 4, 6)) / 32.0, Grid(-128, 127, 5))
    assert torch.equal(layer(x).value, plain(x).value)
    for one, other in zip(layer.integers(), plain.integers(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not vectors or not layer.bias.any()
