"""Sets too large for the memory: read in blocks, mapped from a file, prepared when needed; the numbers are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.jets import SAMPLE
from tests.helpers.marks import often
from tritag.data.jets.store import read_jets, write_jets
from tritag.errors import DataError
from tritag.models.jets import inputs, stored_jets
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import load_tagger_config
from tritag.models.training import batches
from tritag.models.training.batches import Batches, ComputedOrder
from tritag.models.training.training import train
from tritag.pipeline.jets import coded_jets
from tritag.quant.recipe import fresh_tagger, make_recipe

pytestmark = pytest.mark.usefixtures("one_thread")
TRAINING = {"iterations": 5, "batch_size": 48, "micro_batch": 20, "validate_every": 3, "seed": 5}
CASES = ["lloca-local-2k float", "lgatr-slim-2k float", "part-deep-2k float", "lloca-trigger-fast-2k int8-ternary"]


def tensors_of(jets: CodedJets) -> dict[str, torch.Tensor]:
    return {name: x for name, x in vars(jets).items() if isinstance(x, torch.Tensor)}


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sets of the sample's size are large."""
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path / "a cache"))
    monkeypatch.setattr(stored_jets, "LARGEST_IN_MEMORY", 20)
    monkeypatch.setattr(stored_jets, "_BLOCK", 33)


@pytest.mark.parametrize("split", ["train", "val", None])
def test_mapped_jets_are_those_of_the_file(split: str | None, large: None, tmp_path: Path) -> None:
    recipe = make_recipe(load_tagger_config("transformer-2k", 70), str(SAMPLE), "float")
    whole = CodedJets.from_batch(read_jets(SAMPLE, split=split).leading(70), 70)
    mapped = coded_jets(recipe, split)
    for name, expected in tensors_of(whole).items():
        np.testing.assert_array_equal(tensors_of(mapped)[name].numpy(), expected.numpy(), name)
        assert tensors_of(mapped)[name].dtype == expected.dtype
    assert mapped.fingerprint(ratios=True) == whole.fingerprint(ratios=True)
    assert not any(path.is_file() for path in tmp_path.rglob("*")), "nothing stays behind"


def test_a_set_without_jets(large: None, tmp_path: Path) -> None:
    write_jets(tmp_path / "none.h5", read_jets(SAMPLE, n_max=0), splits={"train": (0, 0)})
    with pytest.raises(DataError, match="jets must be there, got none"):
        stored_jets.stored_jets(tmp_path / "none.h5", "train", 6)


@pytest.mark.parametrize("case", often(CASES, set(CASES[1:])))
def test_a_training_from_disk_ends_with_the_same_weights(
    case: str, large: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, precision = case.split()
    recipe = make_recipe(load_tagger_config(name, 6), str(SAMPLE), precision, training=TRAINING)
    config, weights = recipe.quant_training or recipe.training, []
    for kept in (1000, 0):
        monkeypatch.setattr(inputs, "MOST_KEPT", kept)
        if kept:
            monkeypatch.setattr(stored_jets, "LARGEST_IN_MEMORY", 1000)
        else:
            monkeypatch.setattr(stored_jets, "LARGEST_IN_MEMORY", 20)
        jets, network = {split: coded_jets(recipe, split) for split in ("train", "val")}, fresh_tagger(recipe)
        train(network, jets["train"], jets["val"], config, tmp_path / str(kept), progress=False)
        weights.append(network.state_dict())
    assert all(torch.equal(weights[1][key], value) for key, value in weights[0].items())


@pytest.mark.parametrize("n", [1, 2, 5, 64, 1000, 4097])
def test_a_computed_order_holds_everything_once(n: int) -> None:
    order, again = (ComputedOrder(n, np.random.default_rng([3, 1])) for _ in range(2))
    found = order[0:n]
    assert sorted(found.tolist()) == list(range(n))
    assert torch.equal(torch.cat([again[i : i + 7] for i in range(0, n, 7)]), found)
    if n >= 1000:
        # shuffled: where things stand tells nothing of what they are, and another key gives another order
        assert abs(np.corrcoef(found.numpy(), np.arange(n))[0, 1]) < 5 / n**0.5
        assert (ComputedOrder(n, np.random.default_rng([3, 2]))[0:n] == found).float().mean() < 0.01


def test_long_orders_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    short = torch.cat([Batches(100, 10, 1).at(step) for step in range(20)])
    monkeypatch.setattr(batches, "LONGEST_ORDER", 99)
    made = Batches(100, 10, 1)
    long = torch.cat([made.at(step) for step in range(20)])
    assert sorted(long[:100].tolist()) == sorted(short[:100].tolist()) == list(range(100))
    assert not torch.equal(long, short)
    assert not torch.equal(long[:100], long[100:])
