"""Scores of all jets of a file, in constant memory; an interrupted scoring is continued by the same call."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from tritag._version import __version__
from tritag.data.jets.store import read_info, read_jets
from tritag.data.readers.formats import is_own_file
from tritag.errors import DataError
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.files import JsonObject, atomic_path, only_one
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.models.jets.coded_jets import CodedJets
from tritag.pipeline.executors import run_executors
from tritag.pipeline.jets import integer_codes, read_source
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.score_parts import KIND, ScoreParts
from tritag.pipeline.step_sources import sources_of
from tritag.pipeline.vectors import run_inputs
from tritag.progress import Progress

# Jets that are in memory at a time.
CHUNK_JETS = 20_000
_ENDINGS = (".h5", ".npz")
Inputs: TypeAlias = tuple[NDArray[np.int32] | NDArray[np.int64], ...]


@dataclass(frozen=True)
class ScoredFile:
    """A written file of scores.

    Attributes
    ----------
    out : Path
        HDF5 or ``.npz`` with ``integers`` (n, outputs) int32, ``lsb`` and ``names``.
    jets : int
        Jets in it.
    resumed : int
        Jets that an earlier call had scored.
    names : tuple of str
        Name of each output.
    lsb : float
        What one unit of the integers is worth.
    """

    out: Path
    jets: int
    resumed: int
    names: tuple[str, ...]
    lsb: float

    def as_dict(self) -> JsonObject:
        """Path, number of jets, names of the outputs and what a unit is worth."""
        return {
            "out": str(self.out),
            "jets": self.jets,
            "resumed": self.resumed,
            "names": list(self.names),
            "lsb": self.lsb,
        }


def score_file(
    opened: OpenedRun,
    jets: Path,
    out: Path,
    executor: str = "emulator",
    target: str = DEFAULT_TARGET,
    split: str | None = None,
    n_max: int | None = None,
    progress: bool = True,
) -> ScoredFile:
    """Score the jets of a file and write integers, in the order of the file.

    This project's own files are read part by part; files of other kinds are read whole. The file of an imported program
    is an ``.npz`` with one array of integers for each of its inputs, by their names.

    Raises
    ------
    DataError
        The file cannot be read, or ``out`` has another ending, or exists with other content; or a split of features.
    RunError
        The run is not exported.
    """
    if out.suffix not in _ENDINGS:
        raise DataError(f"the file of scores must end with {' or '.join(_ENDINGS)}, got {out}")
    features = _features(opened, jets, split, n_max)
    state = _state(opened, jets, executor, split, n_max)
    _refuse(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Parts lie in a folder of their own, until all are there.
    folder = out.with_name(f".{out.name}.parts")
    with only_one(out):
        _refuse(out)  # somebody else may have written it meanwhile
        (chosen,) = run_executors(opened, (executor,), target)
        names, outputs = chosen.graph.output_names, chosen.graph.n_outputs
        parts = ScoreParts(folder, state, outputs)
        done = parts.jets
        total = _length(jets, split, n_max) if features is None else len(features[0])
        shown = Progress(f"{opened.name}: {executor}", total, "jets", done=done, show=progress, closing=True)
        with shown:
            for inputs in _chunks(opened, jets, split, done, total) if features is None else _parts(features, done):
                parts.add(chosen.run(*inputs).reshape(-1, outputs))
                shown.advance(len(inputs[0]))
        lsb = chosen.graph.output_lsb
        _write(out, parts, {**state, "lsb": lsb, "names": list(names)})
        shutil.rmtree(folder)
    return ScoredFile(out, total, done, names, lsb)


def _features(opened: OpenedRun, file: Path, split: str | None, n_max: int | None) -> Inputs | None:
    """Integers of all inputs of an imported program in a file; None of a tagger, which takes jets."""
    if not opened.imported:
        return None
    if split is not None:
        raise DataError(f"features of an imported program have no splits, got split {split!r}; leave it out")
    graph = read_graph(read_model(opened.run.require("model.qonnx.onnx")))
    return run_inputs(opened, graph, n_max, file=file)


def _parts(features: Inputs, done: int) -> Iterator[Inputs]:
    """The features from input ``done`` on, a chunk at a time."""
    for start in range(done, len(features[0]), CHUNK_JETS):
        yield tuple(x[start : start + CHUNK_JETS] for x in features)


def _refuse(out: Path) -> None:
    if out.exists():
        raise DataError(f"the file of scores must not exist yet, got {out}; remove it or choose another name")


def _state(opened: OpenedRun, jets: Path, executor: str, split: str | None, n_max: int | None) -> JsonObject:
    """What decides about the scores, executors' sources among it: a scoring of anything else is not continued."""
    if not opened.imported and is_own_file(jets):
        content = read_info(jets).digest
    else:
        if not opened.imported:
            read_source(jets, split, 1)
        with open(jets, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    model = hashlib.sha256(opened.run.require("model.qonnx.onnx").read_bytes()).hexdigest()
    asked = {"run": opened.name, "jets": content, "executor": executor, "split": split, "n_max": n_max}
    sources = "-".join(sources_of(step) for step in ("verify", "rtl"))
    return {**asked, "model": model, "tritag": __version__, "sources": sources}


def _length(jets: Path, split: str | None, n_max: int | None) -> int:
    if is_own_file(jets):
        info = read_info(jets)
        if split is None:
            total = info.n_jets
        else:
            read_jets(jets, split=split, n_max=1)  # names the splits that there are
            start, stop = info.splits[split]
            total = stop - start
    else:
        total = len(read_source(jets, split, n_max).p4)
    total = total if n_max is None else min(total, n_max)
    if not total:
        raise DataError(f"{jets} must hold jets to score, got none")
    return total


def _chunks(opened: OpenedRun, jets: Path, split: str | None, done: int, total: int) -> Iterator[Inputs]:
    """Codes and counts of the jets ``done`` to ``total``, a chunk at a time."""
    constituents, candidates = opened.recipe.tagger.n_constituents, opened.recipe.tagger.candidates
    coded = partial(CodedJets.from_batch, n_constituents=constituents, candidates=candidates)
    if not is_own_file(jets):
        codes, count = integer_codes(coded(read_source(jets, split, total, candidates=candidates)))
        for start in range(done, total, CHUNK_JETS):
            yield codes[start : start + CHUNK_JETS], count[start : start + CHUNK_JETS]
        return
    for start in range(done, total, CHUNK_JETS):
        batch = read_jets(jets, split=split, start=start, stop=min(start + CHUNK_JETS, total))
        batch = batch if batch.p4.shape[1] >= constituents else batch.leading(constituents)
        yield integer_codes(coded(batch))


def _write(out: Path, parts: ScoreParts, facts: JsonObject) -> None:
    """Write the file of scores from the finished parts, one at a time."""
    with atomic_path(out) as temporary:
        if out.suffix == ".h5":
            _write_hdf5(temporary, parts, facts)
        else:
            _write_npz(temporary, parts, facts)


def _write_hdf5(path: Path, parts: ScoreParts, facts: JsonObject) -> None:
    with h5py.File(path, "w") as file:
        chunks = (min(CHUNK_JETS, parts.jets), parts.outputs)
        # with checksums: h5py refuses numbers that were damaged since
        stored = file.create_dataset("integers", (parts.jets, parts.outputs), KIND, chunks=chunks, fletcher32=True)
        start = 0
        for part in parts:
            stored[start : start + len(part)] = part
            start += len(part)
        for name, value in facts.items():
            file.attrs[name] = json.dumps(value) if value is None or isinstance(value, list) else value


def _write_npz(path: Path, parts: ScoreParts, facts: JsonObject) -> None:
    small = {name: np.array("" if value is None else value) for name, value in facts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in small.items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
        with archive.open("integers.npy", "w", force_zip64=True) as entry:
            header = {"descr": KIND.str, "fortran_order": False, "shape": (parts.jets, parts.outputs)}
            np.lib.format.write_array_header_1_0(entry, header)
            for part in parts:
                entry.write(part.tobytes())


__all__ = ["CHUNK_JETS", "ScoredFile", "score_file"]
