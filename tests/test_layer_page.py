"""docs/layers.md says what the registry holds."""

from __future__ import annotations

from tests.helpers.layer_page import PAGE, kinds, made_of, page
from tritag.models.layers.mixing import TokenLinear
from tritag.models.layers.pool import MeanPool
from tritag.quant.layers.factory import quantized_form


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python -m tests.helpers.layer_page"


def test_what_a_form_is_made_of_is_read_from_its_code():
    assert len(kinds()) > 50
    assert made_of(quantized_form(TokenLinear)) == ({"cut", "linear", "transpose"}, {"free_scale"})
    assert made_of(quantized_form(MeanPool)) == (set(), {"mean_pool"})
