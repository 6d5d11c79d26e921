"""One small tagger's firmware graph, written as an hls4ml project once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.export.graph import FirmwareGraph, read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.project import write_project
from tritag.hls_projects.target import TargetConfig, load_target
from tritag.noise import quiet


@dataclass(frozen=True)
class Written:
    """A project on disk; not to be changed."""

    graph: FirmwareGraph
    target: TargetConfig
    folder: Path
    model: Any


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny tensors are slower on several threads, and tests share the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def graph() -> FirmwareGraph:
    """Tagger for 4 constituents with one block of 4 channels."""
    return read_graph(export_model(calibrated_tagger(4, "ternary", TINY)))


@pytest.fixture(scope="session")
def written(graph: FirmwareGraph, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Its project, not compiled."""
    folder = tmp_path_factory.mktemp("project")
    target = load_target()
    with quiet(folder / "hls4ml.log"):
        model = write_project(graph, target, folder / "hls")
    return Written(graph, target, folder / "hls", model)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Generator seeded from the test's id."""
    return np.random.default_rng(seed)
