"""All that is made and read again is listed with the test that damages it; a new cache or file of a run must join."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.rooms import SOURCES
from tests.test_seals import FLIPS, check_flips, flip
from tritag.data.jets import identity
from tritag.errors import DataError, RunError
from tritag.export.rtl.tools.synthesis import Figures, Job
from tritag.files import JsonObject, write_json
from tritag.pipeline.import_file import imported_again
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.points import designs, jobs
from tritag.pipeline.score_parts import ScoreParts
from tritag.pipeline.sweep.best import best_point
from tritag.run import Run
from tritag.seals import seal
from tritag.steps import STEPS

# caches by their call, and the test that damages an entry
CACHES = {
    'cache_folder("data")': "tests/data/test_generate.py::test_damaged_jets_in_the_cache_are_made_again",
    'cache_folder("digests")': "tests/test_sealed_places.py::test_flipped_bits_of_kept_digests_are_seen",
    'cache_folder("csim")': "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
    'cache_folder("cmssw")': "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
    'cache_folder("emulator")': "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
    'cache_folder("rtl")': "tests/test_sealed_places.py::test_flipped_bits_of_figures_are_seen",
    'cache_root() / "simulation"': "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
    'cache_root() / "verilator"': "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
    'cache_root() / "synthesis"': "tests/test_sealed_places.py::test_flipped_bits_of_figures_are_seen",
    'cache_root() / "routing"': "tests/export/rtl/test_routing.py::test_a_kernel_is_routed_once",
    "cache_root() / project_digest": "tests/test_build_cache.py::test_a_damaged_entry_is_made_again",
}
# files of a run that are no JSON (test_changed_digits_of_what_a_step_wrote has these); None: nothing reads it
FILES = {
    "weights.safetensors": "tests/test_seals.py::test_flipped_bits_of_weights",
    "history.jsonl": "tests/test_seals.py::test_changed_digits_of_a_history",
    "scores.npz": "tests/test_advice_runs.py::test_what_is_missing_or_damaged_is_made_again",
    "model.qonnx.onnx": "tests/test_seals.py::test_flipped_bits_of_an_exported_file",
    "vectors.npz": "tests/data/test_closed_files.py::test_damaged_files_of_every_format",
    "original.onnx": "tests/test_sealed_places.py::test_a_flipped_bit_of_an_original_is_seen",
    "inputs.yaml": "tests/export/test_import_files.py::test_the_advice_to_import_again_keeps_the_grids",
    "hls": None,
    "rtl": None,
    "report.html": None,
}


def test_every_cache_is_listed(repository: Path) -> None:
    found = set()
    for room in SOURCES:
        for path in (repository / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found |= set(re.findall(r"cache_folder\(\"[a-z/]+\"\)|cache_root\(\) / (?:\"[a-z]+\"|\w+)", text))
    assert found == set(CACHES)


def test_every_file_of_a_step_is_listed() -> None:
    made = {name for step in STEPS.values() for name in step.files if not name.endswith(".json")}
    assert made == set(FILES)


@pytest.mark.parametrize("test", sorted({*CACHES.values(), *filter(None, FILES.values())}))
def test_the_tests_are_there(repository: Path, test: str) -> None:
    file, _, name = test.partition("::")
    text = (repository / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"def {name}\b", text)


def test_flipped_bits_of_figures_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    job = Job.of("m", "module m ();\nendmodule\n", {})
    figures = Figures(lut=120, ff=88, carry8=4, dsp=0, bram18=1, levels=5)
    job.entry.parent.mkdir(parents=True)
    whole = seal(json.dumps(vars(figures)).encode())
    rng = random.Random(1)
    for _ in range(FLIPS):
        job.entry.write_bytes(whole)
        assert job.known() == figures
        flip(job.entry, rng)
        assert job.known() is None


def test_flipped_bits_of_an_interrupted_scoring_are_seen(tmp_path: Path) -> None:
    """The part that was damaged and those behind it are scored again, those before it are not."""
    scores, rng = np.arange(12, dtype=np.int32).reshape(6, 2), random.Random(1)
    for i in range(FLIPS // 3):
        folder = tmp_path / str(i)
        parts = ScoreParts(folder, {"run": "a"}, 2)
        for start in (0, 2, 4):
            parts.add(scores[start : start + 2])
        flip(sorted(folder.glob("*.part"))[1], rng)
        again = ScoreParts(folder, {"run": "a"}, 2)
        assert again.jets == 2
        np.testing.assert_array_equal(np.concatenate(list(again)), scores[:2])
    assert ScoreParts(folder, {"run": "b"}, 2).jets == 0


def test_flipped_bits_of_a_point_s_records_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of points of studies and sweeps: a damaged error or design is as good as none, and is made again."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    run, asked, rng = tmp_path / "run", designs.DesignAsked("vu13p-360mhz", 9, 4, None), random.Random(1)
    run.mkdir()
    (run / "weights.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(designs, "_made_of", lambda run: {"weights": "1"})
    figures: JsonObject = {"latency_cycles": 180}
    design = designs.design_job(run, asked).target
    design.parent.mkdir(parents=True)
    write_json(design, {"name": "d", "made_of": {"weights": "1"}, "figures": figures})
    jobs._keep("p", RunError("batch_size must be smaller"))
    error = design.with_name("p.failed.json")
    for path, read, whole in (
        (design, lambda: designs.read_design(run, asked), figures),
        (error, lambda: jobs.failure_of("p"), "batch_size must be smaller"),
    ):
        assert read() == whole
        content = path.read_bytes()
        for _ in range(FLIPS):
            flip(path, rng)
            assert read() is None
            path.write_bytes(content)


def test_flipped_bits_of_a_sweep_s_table_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    table = tmp_path / "sweeps" / "s-1" / "table.json"
    table.parent.mkdir(parents=True)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "weights.safetensors").touch()
    point: JsonObject = {"point": 1, "status": "done", "run": "r", "rejection_0.3": 50.0, "latency_ns": 400.0}
    write_json(table, {"objectives": ["rejection_0.3"], "target": "vu13p-360mhz", "points": [point]})
    assert best_point(None, {"latency_ns": 500.0}).point["run"] == "r"
    check_flips(table, lambda: best_point(None, {"latency_ns": 500.0}))


def test_flipped_bits_of_kept_digests_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged list of digests is no other identity of the jets: they are read again."""
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path / "cache"))
    jets = tmp_path / "jets.npz"
    jets.write_bytes(b"jets")
    os.utime(jets, (1, 1))
    monkeypatch.setattr(identity, "_RESTED_NS", 0)
    expected = identity.jet_digests(jets, own=False)
    (kept,) = (tmp_path / "cache" / "digests").glob("*.json")
    whole, rng = kept.read_bytes(), random.Random(1)
    for _ in range(FLIPS):
        kept.write_bytes(whole)
        flip(kept, rng)
        assert identity.jet_digests(jets, own=False) == expected


def test_a_flipped_bit_of_an_original_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    content = bytes(range(200))
    settings = {"sha256": hashlib.sha256(content).hexdigest(), "inputs": None}
    run = Run.create("t", {"import": settings})
    run.path("original.onnx").write_bytes(content)
    flip(run.path("original.onnx"), random.Random(1))
    with pytest.raises(DataError, match=r"original\.onnx must be the file that was imported, .*; import it again"):
        imported_again(OpenedRun(run))
