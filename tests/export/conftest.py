"""One small tagger, exported once, for all tests of the file; and copies of it to spoil."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import onnx
import pytest
import torch

from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.export.graph import FirmwareGraph, read_graph
from tritag.export.qonnx_file import export_model
from tritag.quant.layers.tagger import QuantTagger

K = 4


@dataclass(frozen=True)
class Exported:
    """A tagger, its file and its graph; not to be changed."""

    tagger: QuantTagger
    model: onnx.ModelProto
    graph: FirmwareGraph


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny tensors are slower on several threads, and tests share the cores."""
    torch.set_num_threads(1)


@cache
def export(weights: Literal["int8", "ternary"]) -> Exported:
    """Tagger for 4 constituents with one block of 4 channels."""
    tagger = calibrated_tagger(K, weights, TINY)
    model = export_model(tagger)
    return Exported(tagger, model, read_graph(model))


@pytest.fixture(scope="session", params=["int8", "ternary"])
def exported(request: pytest.FixtureRequest) -> Exported:
    """One tagger with int8 weights and one with ternary ones."""
    return export(request.param)


@pytest.fixture(scope="session")
def exported_int8() -> Exported:
    """The int8 one, for tests that need one file only."""
    return export("int8")


@pytest.fixture
def model(exported_int8: Exported) -> onnx.ModelProto:
    """A copy of the file that a test may change."""
    copy = onnx.ModelProto()
    copy.CopyFrom(exported_int8.model)
    return copy


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Generator seeded from the test's id."""
    return np.random.default_rng(seed)
