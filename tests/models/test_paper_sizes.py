"""The paper's sizes as configurations: their numbers of parameters are those of its Table 7, its studies load."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets
from tests.helpers.marks import often
from tritag.configs import config_names, paper_names
from tritag.models.jets.coded_jets import TWO_CLASSES, CodedJets
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger
from tritag.models.training.training import train
from tritag.pipeline.recipes import recipe_of
from tritag.pipeline.study.config import StudyConfig, StudyRow, load_study, row_point
from tritag.quant.recipe import fresh_tagger, make_recipe

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


def unread_jets(folder: Path) -> Path:
    """A file of another format, of which a recipe asks neither classes nor number before it is read."""
    path = folder / "jets.root"
    path.touch()
    return path


@pytest.mark.parametrize("name", [*paper_names("studies"), "headline"])
def test_studies_can_be_read(name: str, tmp_path: Path) -> None:
    study = load_study(name)
    for row in study.rows:
        settings = [setting for setting in study.settings if row.precision != "float" or "quant" not in setting]
        changes = [*settings, *row.settings]
        data = str(unread_jets(tmp_path))
        recipe_of(row.tagger, data, row.constituents, row.precision, changes, on_grid=row.on_grid)


def rows_of(study: str) -> dict[str, tuple[StudyConfig, StudyRow]]:
    """Rows of a study, by tagger, precision and note."""
    config = load_study(study)
    return {" ".join([study, row.tagger, row.precision, row.note]).strip(): (config, row) for row in config.rows}


ROWS = {name: row for study in paper_names("studies") for name, row in rows_of(study).items()}
# Of each study the smallest row, of each recipe one.
ALWAYS = {
    "paper/fig-3 lgatr-slim-deep-2k float",
    "paper/table-1 paper/part-2m float",
    "paper/table-2 paper/transformer-2m float",
    "paper/table-6 paper/transformer-2m asymmetric-ternary-parq",
}


@pytest.mark.parametrize("name", often(ROWS, set(ROWS) - ALWAYS))
def test_every_row_of_the_paper_s_studies_trains(name: str, tmp_path: Path) -> None:
    assert ROWS.keys() >= ALWAYS
    config, row = ROWS[name]
    point = row_point(config, dataclasses.replace(row, constituents=5), 1)
    recipe = dataclasses.replace(point, data=str(unread_jets(tmp_path))).recipe()
    tagger, classes = fresh_tagger(recipe), max(len(recipe.tagger.head.classes), 2)
    codes, count = random_jets(np.random.default_rng(1), 20, 5)
    names = recipe.tagger.head.classes or TWO_CLASSES
    jets = CodedJets(
        torch.from_numpy(codes), torch.from_numpy(count)[:, None].long(), torch.arange(20) % classes, classes=names
    )
    training = recipe.quant_training or recipe.training
    assert training.iterations >= 100_000
    two = dataclasses.replace(training, iterations=2, batch_size=4, micro_batch=4, validate_every=2)
    before = {key: p.clone() for key, p in tagger.named_parameters()}
    result = train(tagger, jets, jets, two, tmp_path, head=recipe.tagger.head, progress=False)
    assert result.steps == 2
    assert any(not torch.equal(p, before[key]) for key, p in tagger.named_parameters())
    assert all(p.isfinite().all() for p in tagger.parameters())
