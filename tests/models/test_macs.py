"""Multiplications counted on the running tagger."""

from __future__ import annotations

import pytest

from tritag.models.nets.macs import count_macs
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, make_tagger, tagger_names


def macs(name, k):
    config = load_tagger_config(name, k)
    return count_macs(make_tagger(config), k, len(config.candidates.fields))


@pytest.mark.parametrize(("k", "channels", "blocks", "factor"), [(16, 16, 1, 1), (5, 32, 2, 2)])
def test_transformer(k, channels, blocks, factor):
    sizes = {"channels": channels, "blocks": blocks, "heads": 2, "mlp_factor": factor}
    block = k * (4 + 2 * factor) * channels**2 + 2 * k**2 * channels
    expected = 7 * channels * k + blocks * block + channels
    assert count_macs(make_tagger(TaggerConfig("transformer", k, sizes)), k) == expected


def test_figures_of_the_documentation():
    assert macs("transformer-2k", 16) == 34576
    assert macs("transformer-20k", 16) == 298528


def test_particle_transformer():
    k, c, heads, hidden = 6, 32, 4, 128
    embed = k * (7 * 32 + 32 * 64 + 64 * 32)
    pairs = k * k * (4 * 8 + 8 * 8 + 8 * 8 + 8 * heads)
    block = k * (4 * c * c + 2 * c * hidden) + 2 * k * k * c
    token = 2 * c * c + 2 * (k + 1) * c * c + 2 * (k + 1) * c + 2 * c * hidden
    assert macs("part-20k", k) == embed + pairs + block + token + c


def test_slim():
    """Vectors count four times; the last block's vector MLP is not computed."""
    k, v, s = 6, 4, 16
    tokens = k + 4
    embed = 4 * tokens * v + k * 7 * s
    block = tokens * (4 * 4 * v * v + 4 * s * s) + 2 * tokens**2 * (4 * v + s) + tokens * 3 * s * s
    assert macs("lgatr-slim-2k", k) == embed + block + s


@pytest.mark.parametrize("name", tagger_names())
def test_every_tagger(name):
    assert macs(name, 3) > 0
