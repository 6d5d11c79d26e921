"""Every recipe: settings and digests, training that survives a kill, and the same integers everywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.helpers.jets import random_jets
from tests.helpers.marks import often
from tests.helpers.taggers import TINY
from tritag.configs import build, digest, precision_names
from tritag.errors import ConfigError
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import Linear, read_graph
from tritag.export.qonnx_file import export_model
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, load_tagger_config
from tritag.models.training.training import TrainingConfig, train
from tritag.models.training.weights import read_weights
from tritag.quant.config import QuantConfig
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.recipe import Recipe, fresh_tagger, make_recipe, trained_tagger
from tritag.run_config import plain_values

K = 4
TAGGER = TaggerConfig("transformer", K, dict(TINY))
TRAINING = {"iterations": 20, "batch_size": 32, "micro_batch": 16, "learning_rate": 0.02, "validate_every": 7}
PRECISIONS = [name for name in precision_names() if name != "float"]
EXACT = [name for name in PRECISIONS if make_recipe(TAGGER, "tiny", name).quant.exact]
# One of each kind of weights; the others train and export in make test-all.
OFTEN = ("int8", "int8-asymmetric", "int8-ternary-incremental", "int8-binary-parq", "learned-bits", "bitlinear-ternary")
LONG = {*PRECISIONS} - {*OFTEN}
LEVELS = {
    "int8-ternary": 3,
    "int8-ternary-parq": 3,
    "int8-ternary-incremental": 3,
    "int8-binary": 2,
    "int8-binary-parq": 2,
}


# Of the runs made before there were more than three precisions.
DIGESTS = {
    ("transformer-2k", "float"): "8964212a",
    ("transformer-2k", "int8"): "916c99b9",
    ("transformer-2k", "int8-ternary"): "44a94f5d",
}


class Killed(Exception):
    """Stands for the end of the process."""


class Bomb(nn.Module):
    """Ends a training at a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.at = step

    def on_step(self, step: int, total: int) -> None:
        if step == self.at:
            raise Killed


@pytest.fixture(scope="module")
def jets() -> tuple[CodedJets, CodedJets]:
    """Training and validation jets; signal is harder."""
    rng = np.random.default_rng(5)
    made = []
    for n in (100, 60):
        codes, count = random_jets(rng, n, K)
        label = torch.arange(n) % 2
        codes[..., 0] = np.minimum(codes[..., 0] * (1 + label.numpy()[:, None]), 16383)
        made.append(CodedJets(torch.from_numpy(codes), torch.from_numpy(count)[:, None], label))
    return made[0], made[1]


def recipe_of(precision: str, tagger: TaggerConfig = TAGGER, **quant: object) -> Recipe:
    return make_recipe(tagger, "tiny", precision, training=TRAINING, quant=quant)


def trained(precision: str, jets: tuple[CodedJets, CodedJets], folder: Path, kill_at: int = -1) -> Path:
    """Weights of a whole training."""
    recipe = recipe_of(precision)
    tagger = fresh_tagger(recipe)
    tagger.bomb = Bomb(kill_at)
    return train(tagger, *jets, recipe.quant_training, folder, progress=False).weights


@dataclass(frozen=True)
class Whole:
    """A training that nobody disturbed."""

    before: dict[str, torch.Tensor]
    tagger: Tagger
    weights: Path


@pytest.fixture(scope="module")
def whole_of(jets, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Whole]:
    """The whole training of a precision, done once."""

    @cache
    def made(precision: str) -> Whole:
        recipe = recipe_of(precision)
        torch.manual_seed(0)
        tagger = fresh_tagger(recipe)
        before = {name: p.detach().clone() for name, p in tagger.named_parameters()}
        folder = tmp_path_factory.mktemp(precision)
        return Whole(before, tagger, train(tagger, *jets, recipe.quant_training, folder, progress=False).weights)

    return made


@pytest.mark.parametrize("precision", often(PRECISIONS, LONG))
class TestEveryRecipe:
    @pytest.mark.parametrize("kill_at", [pytest.param(9, marks=pytest.mark.long), 16])
    def test_a_killed_training_ends_with_the_same_weights(self, precision, kill_at, jets, whole_of, tmp_path):
        with pytest.raises(Killed):
            trained(precision, jets, tmp_path, kill_at)
        assert trained(precision, jets, tmp_path).read_bytes() == whole_of(precision).weights.read_bytes()

    def test_weights_read_back_give_the_same_scores(self, precision, jets, whole_of):
        whole = whole_of(precision)
        again = trained_tagger(recipe_of(precision), whole.weights)
        with torch.no_grad():
            assert torch.equal(again(jets[1].codes, jets[1].count), whole.tagger(jets[1].codes, jets[1].count))

    def test_training_learns(self, precision, whole_of):
        whole = whole_of(precision)
        for name, parameter in whole.tagger.named_parameters():
            assert not torch.equal(parameter, whole.before[name]), name


@pytest.mark.parametrize("precision", often(EXACT, LONG))
def test_exact_recipes_give_the_same_integers_everywhere(precision, jets, whole_of):
    tagger = fresh_tagger(recipe_of(precision))
    read_weights(whole_of(precision).weights, tagger)
    model = export_model(tagger.eval())
    graph = read_graph(model)
    codes, count = jets[1].codes.numpy(), jets[1].count.numpy().ravel()
    reference = TorchExecutor(graph, tagger, model).run(codes, count)
    assert len(np.unique(reference)) > 10
    for executor in (OnnxRuntimeExecutor(graph, model), QonnxExecutor(graph, model)):
        np.testing.assert_array_equal(executor.run(codes, count), reference)
    linears = {layer.name: layer for layer in graph.layers if isinstance(layer, Linear)}
    assert len(linears) == 8
    if precision in LEVELS:
        for name, layer in linears.items():
            if name.startswith("blocks"):
                assert len(np.unique(layer.weight)) <= LEVELS[precision], name


TOO = ("int8-binary-parq", "int8-ternary-incremental", "learned-bits")


@pytest.mark.parametrize("precision", often(TOO, TOO[:2]))
def test_learned_frames_too(precision, jets, tmp_path):
    """The trigger LLoCa, with a Frames-Net on single tokens, through the same recipes."""
    sizes = {**TINY, "frames": "global", "frames_net": "tokens", "frames_hidden": 2}
    recipe = recipe_of(precision, TaggerConfig("lloca", K, sizes))
    tagger = fresh_tagger(recipe)
    train(tagger, *jets, recipe.quant_training, tmp_path, progress=False)
    model = export_model(tagger)
    graph = read_graph(model)
    codes, count = jets[1].codes.numpy(), jets[1].count.numpy().ravel()
    expected = TorchExecutor(graph, tagger, model).run(codes, count)
    np.testing.assert_array_equal(OnnxRuntimeExecutor(graph, model).run(codes, count), expected)


class TestSelection:
    def test_names_and_patterns(self):
        quant = QuantConfig(weights="ternary", low_bit_layers=("blocks.*.key", "head"))
        tagger = QuantTagger(TAGGER, quant).eval()
        for name in ("blocks.0.key", "head"):
            assert set(np.unique(tagger.tagger.get_submodule(name).integers()[0])) <= {-1, 0, 1}
        for name in ("blocks.0.query", "embed"):
            assert np.abs(tagger.tagger.get_submodule(name).integers()[0]).max() > 1

    def test_all_hidden_layers_is_the_default(self):
        tagger = QuantTagger(TAGGER, QuantConfig(weights="binary")).eval()
        assert set(np.unique(tagger.tagger.blocks[0].query.integers()[0])) == {-1, 1}
        assert len(np.unique(tagger.tagger.embed.integers()[0])) > 2

    def test_a_pattern_without_a_layer_is_refused(self):
        with pytest.raises(
            ConfigError, match=r"unknown layer in low_bit_layers 'blocks.0.kex'; did you mean 'blocks.0.key'\?"
        ):
            QuantTagger(TAGGER, QuantConfig(weights="ternary", low_bit_layers=("blocks.0.kex",)))

    def test_weights_stay_where_they_were(self):
        """Selecting layers changes neither the initial weights nor the trained parameters."""
        torch.manual_seed(3)
        plain = QuantTagger(TAGGER, QuantConfig())
        torch.manual_seed(3)
        chosen = QuantTagger(TAGGER, QuantConfig(weights="binary", low_bit_layers=("blocks.*",)))
        for (name, a), (other, b) in zip(plain.named_parameters(), chosen.named_parameters(), strict=True):
            assert name == other
            assert torch.equal(a, b)


class TestSettings:
    @pytest.mark.parametrize(("tagger", "precision"), DIGESTS)
    def test_digests_of_older_runs_stay(self, tagger, precision):
        recipe = make_recipe(load_tagger_config(tagger, 30), "top-demo", precision)
        assert digest(plain_values(recipe.settings())) == DIGESTS[tagger, precision]

    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_settings_read_back(self, precision):
        recipe = recipe_of(precision, distillation=0.5)
        stored = plain_values(recipe.settings())
        assert build(Recipe, stored) == recipe
        assert digest(stored) != digest(plain_values(recipe_of(precision).settings()))

    def test_digests_differ(self):
        digests = {digest(plain_values(recipe_of(precision).settings())) for precision in PRECISIONS}
        assert len(digests) == len(PRECISIONS)
        one, other = (dataclasses.replace(QuantConfig(weights="ternary"), parq_end=x) for x in (0.55, 0.6))
        assert one != other

    def test_unknown_precision(self):
        with pytest.raises(ConfigError, match=r"unknown precision 'int8-binry'; did you mean 'int8-binary'\? Valid: "):
            recipe_of("int8-binry")

    def test_training_settings(self):
        assert recipe_of("int8").quant_training == TrainingConfig(**{**TRAINING, "learning_rate": 0.01})
