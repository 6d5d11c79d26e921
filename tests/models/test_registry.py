"""Taggers by name."""

from __future__ import annotations

import pytest

from tritag.errors import ConfigError
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, make_tagger, tagger_names


@pytest.mark.parametrize("name", tagger_names())
def test_every_shipped_tagger_can_be_made(name):
    tagger = make_tagger(load_tagger_config(name))
    assert sum(p.numel() for p in tagger.parameters()) > 0


def test_number_of_constituents_can_be_chosen():
    assert load_tagger_config("transformer-2k").n_constituents == 16
    assert load_tagger_config("transformer-2k", 30).n_constituents == 30


def test_unknown_tagger_offers_the_nearest():
    with pytest.raises(ConfigError, match="unknown tagger 'transfomer-2k'; did you mean 'transformer-2k'"):
        load_tagger_config("transfomer-2k")


def test_unknown_network_offers_the_nearest(tmp_path):
    (tmp_path / "mine.yaml").write_text("network: tranformer\n")
    with pytest.raises(ConfigError, match="unknown network 'tranformer'; did you mean 'transformer'"):
        load_tagger_config(tmp_path / "mine.yaml")


def test_unknown_keys_offer_the_nearest(tmp_path):
    (tmp_path / "mine.yaml").write_text("network: transformer\nsize: {}\n")
    with pytest.raises(ConfigError, match=r"unknown key in tagger .*mine\.yaml 'size'; did you mean 'sizes'"):
        load_tagger_config(tmp_path / "mine.yaml")
    with pytest.raises(ConfigError, match="unknown key in sizes of transformer 'chanels'; did you mean 'channels'"):
        make_tagger(TaggerConfig("transformer", sizes={"chanels": 8}))


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ConfigError, match="channels must be a multiple of heads, got 16 and 3"):
        make_tagger(TaggerConfig("transformer", sizes={"heads": 3}))
    with pytest.raises(ConfigError, match=r"n_constituents must lie in \[1, 128\], got 0"):
        TaggerConfig("transformer", 0)
