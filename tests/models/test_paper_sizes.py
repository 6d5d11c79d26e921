"""The paper's sizes as configurations: their numbers of parameters are those of its Table 7, its studies load."""

from __future__ import annotations

import pytest
import torch

from tritag.configs import config_names, paper_names
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger
from tritag.pipeline.recipes import recipe_of
from tritag.pipeline.study.config import load_study
from tritag.quant.recipe import make_recipe

PARAMETERS = {
    "paper/transformer-200k": 133441,
    "paper/lloca-200k": 134020,
    "paper/part-200k": 221329,
    "paper/lgatr-slim-200k": 179089,
    "lloca-global-deep-2k": 1336,
    "paper/transformer-deep-20k": 16465,
    "paper/lloca-deep-20k": 16692,
    "part-deep-20k": 10162,
}
MILLIONS = {"transformer": 2.0, "lloca": 2.0, "part": 2.1, "lgatr-slim": 2.0}


def parameters(name: str) -> int:
    with torch.device("meta"):
        return count_parameters(make_tagger(load_tagger_config(name, 16)))


def test_numbers_of_parameters() -> None:
    assert {name: parameters(name) for name in PARAMETERS} == PARAMETERS
    assert {name: round(parameters(f"paper/{name}-2m") / 1e6, 1) for name in MILLIONS} == MILLIONS


def test_the_paper_s_taggers_are_in_no_list_and_say_how_many_parameters_they_have() -> None:
    names = paper_names("taggers")
    assert not set(names) & set(config_names("taggers"))
    for name in names:
        config = load_tagger_config(name)
        assert f" {parameters(name)} parameters" in config.summary
        assert make_recipe(config, "top", "float").training.iterations == 200_000


@pytest.mark.parametrize("name", [*paper_names("studies"), "headline"])
def test_studies_can_be_read(name: str) -> None:
    study = load_study(name)
    for row in study.rows:
        settings = [setting for setting in study.settings if row.precision != "float" or "quant" not in setting]
        recipe_of(row.tagger, "top", row.constituents, row.precision, [*settings, *row.settings], on_grid=row.on_grid)
