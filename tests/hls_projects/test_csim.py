"""The C-simulation runner without compiling: digests, the cache, and tools that are missing or fail."""

from __future__ import annotations

import copy
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from tritag import tools
from tritag.build_cache import CONTENTS, built
from tritag.errors import ToolError
from tritag.export.graph import CutTo, FirmwareGraph, Linear, Op
from tritag.export.naming import Naming
from tritag.hls_projects import csim, own_names
from tritag.hls_projects.csim import cache_root, compile_project, project_digest
from tritag.hls_projects.target import TargetConfig, load_target
from tritag.quant.formats.fixed import FixedType


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path / "cache"))


def replaced(graph: FirmwareGraph, kind: type, **changes: object) -> FirmwareGraph:
    """The graph with the first layer of a kind changed."""
    other = copy.copy(graph)
    index = next(i for i, layer in enumerate(graph.layers) if isinstance(layer, kind))
    other.layers = list(graph.layers)
    other.layers[index] = dataclasses.replace(graph.layers[index], **changes)
    return other


class TestDigest:
    def test_same_graph_same_digest(self, graph):
        assert project_digest(graph, load_target(), False) == project_digest(copy.deepcopy(graph), load_target(), False)

    def test_everything_counts(self, graph, monkeypatch, tmp_path):
        target = load_target()
        first = next(x for x in graph.layers if isinstance(x, Linear))
        op = next(x for x in graph.layers if isinstance(x, Op))
        program = copy.deepcopy(op.bound.program)
        name = program.table_names[0]
        program.tables[name] = (*program.tables[name][:-1], program.tables[name][-1] - 1)
        weight, bias = first.weight.copy(), first.bias.copy()
        weight[0, 0] += 1
        bias[0] += 1
        finer = copy.copy(graph)
        finer.grids = dict(graph.grids, embed_cut=dataclasses.replace(graph.grids["embed_cut"], low=-5))
        variants = [
            project_digest(graph, target, False),
            project_digest(graph, target, True),
            project_digest(graph, target, False, Naming("other")),
            project_digest(graph, target, False, Naming("tagger", 2)),
            project_digest(graph, dataclasses.replace(target, clock_period_ns=5.0), False),
            project_digest(graph, dataclasses.replace(target, interval_cycles=1), False),
            project_digest(replaced(graph, Linear, weight=weight), target, False),
            project_digest(replaced(graph, Linear, bias=bias), target, False),
            project_digest(replaced(graph, Linear, weight_fraction=first.weight_fraction + 1), target, False),
            project_digest(replaced(graph, CutTo, type=FixedType(True, 12, 3, "AP_TRN")), target, False),
            project_digest(replaced(graph, Op, bound=dataclasses.replace(op.bound, program=program)), target, False),
            project_digest(finer, target, False),
        ]
        header = tmp_path / "other.h"
        header.write_text("// other")
        monkeypatch.setattr(csim, "INTEGER_HEADER", header)
        variants.append(project_digest(graph, target, False))
        for variable in ("CXX", "CXXFLAGS"):
            monkeypatch.setenv(variable, "other")
            variants.append(project_digest(graph, target, False))
        assert len(set(variants)) == len(variants)


class TestTools:
    def test_no_compiler(self, graph, monkeypatch):
        monkeypatch.setattr(tools.shutil, "which", lambda name: None)
        with pytest.raises(
            ToolError, match=r"C-simulation needs g\+\+ on PATH; install it \(Debian: apt-get install g\+\+\)"
        ):
            compile_project(graph, load_target())

    def test_compiler_that_fails(self, graph, monkeypatch, tmp_path):
        def broken(graph: FirmwareGraph, target: TargetConfig, folder: Path, trace: bool, naming: Naming) -> None:
            (folder / "firmware").mkdir(parents=True)
            (folder / "build_lib.sh").write_text("echo 'tagger.cpp: error: nothing fits'\nexit 1\n")

        monkeypatch.setattr(csim, "write_project", broken)
        log = tmp_path / "csim.log"
        with pytest.raises(ToolError, match=rf"g\+\+ must compile the project, but failed; see {log}"):
            compile_project(graph, load_target(), log=log)
        assert "nothing fits" in log.read_text()
        assert not list(cache_root().rglob(CONTENTS))

    def test_compiler_that_leaves_nothing(self, graph, monkeypatch, tmp_path):
        def idle(graph: FirmwareGraph, target: TargetConfig, folder: Path, trace: bool, naming: Naming) -> None:
            (folder / "firmware").mkdir(parents=True)
            (folder / "build_lib.sh").write_text("exit 0\n")

        monkeypatch.setattr(csim, "write_project", idle)
        with pytest.raises(ToolError, match=r"g\+\+ must compile the project, but failed; see "):
            compile_project(graph, load_target(), log=tmp_path / "csim.log")


class TestCache:
    def test_place(self, monkeypatch, tmp_path):
        assert cache_root() == tmp_path / "cache" / "csim"
        monkeypatch.delenv("TRITAG_CACHE")
        monkeypatch.chdir(tmp_path)
        assert cache_root() == tmp_path / "cache" / "csim"

    def test_complete_projects_need_no_compiler(self, graph, monkeypatch):
        folder = cache_root() / project_digest(graph, load_target(), False)

        def compiled(new: Path) -> dict[str, float]:
            (new / "firmware").mkdir()
            (new / "firmware" / "tagger_v1.so").write_text("a library")
            return {"compile_s": 12.5}

        built(folder, compiled)
        monkeypatch.setattr(tools.shutil, "which", lambda name: None)
        project = compile_project(graph, load_target())
        assert project.cached
        assert (project.library, project.compile_s) == (folder / "firmware" / "tagger_v1.so", 12.5)

    def test_projects_without_their_list_are_made_again(self, graph, monkeypatch, tmp_path):
        folder = cache_root() / project_digest(graph, load_target(), False)
        (folder / "firmware").mkdir(parents=True)
        (folder / "firmware" / "tagger_v1.so.part").write_text("half a library")
        calls: list[Path] = []

        def fake(graph: FirmwareGraph, target: TargetConfig, folder: Path, trace: bool, naming: Naming) -> None:
            calls.append(folder)
            (folder / "firmware").mkdir()
            (folder / "build_lib.sh").write_text("touch firmware/tagger_v1.so\n")

        monkeypatch.setattr(csim, "write_project", fake)
        project = compile_project(graph, load_target(), log=tmp_path / "log")
        assert [call.name for call in calls] == [folder.name]
        assert not project.cached
        assert project.library.name == "tagger_v1.so"
        assert compile_project(graph, load_target()).cached

    @pytest.mark.parametrize("trace", [False, True])
    def test_the_object_is_kept_for_other_libraries(self, graph, monkeypatch, tmp_path, trace):
        def fake(graph: FirmwareGraph, target: TargetConfig, folder: Path, trace: bool, naming: Naming) -> None:
            (folder / "firmware").mkdir()
            script = own_names.build_script(naming)
            (folder / "build_lib.sh").write_text(script.replace('"$CXX" ', "made "))

        script = tmp_path / "made"
        script.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done; touch "$2"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setattr(csim, "write_project", fake)
        project = compile_project(graph, load_target(), trace, tmp_path / "log")
        assert project.object == (None if trace else project.folder / "tagger_v1.o")
        assert (project.folder / "firmware" / "tagger_v1.so").is_file()


def test_codes_are_checked_before_the_library_is_called(graph, monkeypatch):
    from tritag.errors import DataError

    executor = csim.CsimExecutor.__new__(csim.CsimExecutor)
    executor.graph = graph
    with pytest.raises(DataError, match=r"codes must lie in \[-2048, 16383\]"):
        executor.run(np.full((1, 4, 3), 20000), np.array([1]))
