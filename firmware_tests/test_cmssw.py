"""The emulator for CMS' software as an executor: its library as the experiment's loader opens it, against integers."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.packages import cut_sum
from tritag import tools
from tritag.build_cache import Entry
from tritag.errors import ExportError, ToolError
from tritag.export.executors import Executor
from tritag.hls_projects.csim import CompiledProject
from tritag.hls_projects.package.cmssw_executor import CmsswExecutor
from tritag.hls_projects.package.cmssw_library import compile_cmssw
from tritag.hls_projects.project import write_project
from tritag.hls_projects.verify import verify
from tritag.quant.formats.fixed import Grid


class Formula(Executor):
    """What the program of :func:`cut_sum` is meant to give."""

    name = "formula"

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        weight, bias = np.array([[1, -3], [2, 5], [-1, 0], [4, 7]]), np.array([3, -5])
        return np.clip(inputs[0].reshape(-1, 4) @ weight + (bias << 2), -128, 127) * 0.25

    def _tensors(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        return {"cut": self._outputs(*inputs)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> CompiledProject:
    """A project whose C-simulation kept no object, in a folder with a blank in its name."""
    folder, made = tmp_path_factory.mktemp("a project") / "hls", cut_sum()
    write_project(made.graph, made.target, folder, naming=made.naming)
    return CompiledProject(Entry(folder, False, {}), folder / "none", 0.0, made.naming)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(3).integers(-16, 16, (500, 1, 4))


def test_same_integers(project: CompiledProject, features: np.ndarray) -> None:
    graph = cut_sum().graph
    for threads in (1, 3):
        cmssw = CmsswExecutor(graph, compile_cmssw(graph, project), threads)
        verdicts = verify([Formula(graph), cmssw], features)
        assert [(v.executor, v.jets, v.differ) for v in verdicts] == [("formula", 500, 0), ("cmssw", 500, 0)]
        for jets in (0, 1, 2):
            np.testing.assert_array_equal(cmssw.run(features[:jets]), Formula(graph).run(features[:jets]))


def test_a_changed_weight_is_seen_and_has_no_layer(
    project: CompiledProject, features: np.ndarray, tmp_path: Path
) -> None:
    graph = cut_sum().graph
    shutil.copytree(project.folder, tmp_path / "hls")
    weights = tmp_path / "hls" / "firmware" / "weights" / "w2.h"
    text = weights.read_text()
    assert text.count("codes[8] = {1, -3,") == 1  # what C++ compiles; the reals in front of it are for synthesis
    weights.write_text(text.replace("codes[8] = {1, -3,", "codes[8] = {2, -3,"))
    other = compile_cmssw(graph, dataclasses.replace(project, entry=Entry(tmp_path / "hls", False, {})))
    assert other.path != compile_cmssw(graph, project).path
    _, verdict = verify([Formula(graph), CmsswExecutor(graph, other)], features, traced=lambda executor: executor)
    assert verdict.differ > 100
    assert verdict.first_layer is None


def test_what_the_model_refuses_is_said(project: CompiledProject, features: np.ndarray) -> None:
    graph = cut_sum().graph
    wider = dataclasses.replace(graph, grids={**graph.grids, "features": Grid(-32, 31, 2)})
    executor = CmsswExecutor(wider, compile_cmssw(graph, project))
    with pytest.raises(ToolError, match=r"but: cut_sum_v1: features must lie in \[-16, 15\], got 16"):
        executor.run(features + (features == 15))


def test_refusals(project: CompiledProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    graph = cut_sum().graph
    wide = dataclasses.replace(graph, grids={**graph.grids, "cut": Grid(-(2**40), 2**40, 2)})
    with pytest.raises(ExportError, match="passes integers of 32 bits: cut must fit them, got"):
        compile_cmssw(wide, project)
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match=r"the emulator for CMS' software needs g\+\+ on PATH; install it"):
        compile_cmssw(graph, project)
    assert not list(tmp_path.rglob("*.so"))
