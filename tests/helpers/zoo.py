"""Entries of the zoo: made from a run, and held by digests of what they become.

``python -m tests.helpers.zoo RUN NAME`` writes the entry ``models/zoo/NAME`` from an exported run, with its golden
jets, and ``models/zoo/NAME-float`` from the float run that it began with; without arguments it writes the digests of
all entries, ``tests/zoo.json``, and the table of docs/zoo.md again. Do so only where a change of integers, C++ or
Verilog is meant, and say so in the changelog.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.helpers.pages import DOCS
from tests.helpers.pins import digest_of, project_digest, verilog_digest
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.files import write_json, write_text
from tritag.models.training.weights import WEIGHTS_FILE, write_weights
from tritag.pipeline.export import export_run
from tritag.pipeline.made_design import design_of
from tritag.pipeline.opened import OpenedRun, open_run
from tritag.quant.recipe import trained_tagger
from tritag.quant.weights.incremental_weights import IncrementalTernary
from tritag.terminal import print_result
from tritag.zoo import FILES, FLOAT, GOLDEN, PREFIX, exact_names, name_in_entry, zoo_names

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"
DIGESTS = Path(__file__).resolve().parents[1] / "zoo.json"
PAGE = DOCS / "zoo.md"
# The Verilog whose digest is held: a jet every 54 cycles, as few beats as the target's default search need not find.
TARGET, INTERVAL = "vu13p-360mhz", 54
SCORES = "scores.npz"
# What scores are rounded to: no figure changes by a tenth of its statistical error.
SCORE_LSB = 2.0**-9
LARGEST_ENTRY_BYTES, LARGEST_ZOO_BYTES = 100_000, 3_000_000


def make_entry(where: str, name: str, with_float: bool = True) -> Path:
    """The folder of an entry, made from an exported run, whose golden integers every later tritag must give.

    The float run becomes the entry ``NAME-float``, unless told otherwise.
    """
    opened = open_run(where)
    golden = opened.run.require("vectors.npz").read_bytes()
    float_run = opened.float_run() if with_float else None
    named = None
    if float_run is not None:
        logits = float_logits(float_run, *(opened.run.read_npz("vectors.npz", ("codes", "count")).values()))
        _write(float_run, name + FLOAT, float_run.run.require(WEIGHTS_FILE).read_bytes(), _packed(logit=logits), None)
        named = f"zoo-{name}{FLOAT}-{float_run.run.digest}"
    return _write(opened, name, _without_latents(opened), golden, named)


def _write(opened: OpenedRun, name: str, weights: bytes, golden: bytes, float_run: str | None) -> Path:
    entry = ZOO / name
    entry.mkdir(parents=True, exist_ok=True)
    made = {WEIGHTS_FILE: gzip.compress(weights, 9, mtime=0), SCORES: _scores(opened), GOLDEN: golden}
    for filename in FILES:
        content = made.get(filename) or opened.run.require(filename).read_bytes()
        (entry / name_in_entry(filename)).write_bytes(content)
    write_json(entry / "metrics.json", {**opened.metrics(), "float_run": float_run})
    return entry


def float_logits(opened: OpenedRun, codes: NDArray[np.int32], count: NDArray[np.int32]) -> NDArray[np.float32]:
    """Answers (n, outputs) of a float run to codes (n, K, 3 + F) and counts (n,)."""
    with torch.inference_mode():
        return opened.tagger()(torch.from_numpy(codes).long(), torch.from_numpy(count).long().reshape(-1, 1)).numpy()


def _without_latents(opened: OpenedRun) -> bytes:
    """The weights' file, in which a weight that is fixed to a level stands there: what it was before has no effect."""
    tagger = trained_tagger(opened.recipe, opened.run.require(WEIGHTS_FILE))
    for layer in tagger.modules():
        coder = getattr(layer, "coder", None)
        if isinstance(coder, IncrementalTernary) and bool(coder.fixed.all()):
            layer.weight.data.copy_(coder.level * coder.scale)
    with tempfile.TemporaryDirectory() as folder:
        write_weights(Path(folder) / WEIGHTS_FILE, tagger)
        return (Path(folder) / WEIGHTS_FILE).read_bytes()


def _scores(opened: OpenedRun) -> bytes:
    """Scores and labels of the test jets, in order of both and rounded: those of 300 000 jets take 30 kB."""
    file = opened.run.read_npz(SCORES, ("scores", "labels"))
    scores, labels = np.round(file["scores"] / SCORE_LSB) * SCORE_LSB, file["labels"]
    order = np.lexsort((scores, labels))
    return _packed(scores=scores[order].astype(np.float32), labels=labels[order])


def _packed(**arrays: NDArray[Any]) -> bytes:
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def entry_digests(opened: OpenedRun) -> dict[str, Any]:
    """Digests of the exported file, the C++ project and the Verilog of an exported entry; its latency in cycles."""
    model = read_model(opened.run.path("model.qonnx.onnx"))
    graph = read_graph(model)
    design, _ = design_of(graph, TARGET, INTERVAL, beats=graph.shapes["codes"][0])
    return {
        "model": digest_of(model.SerializeToString(deterministic=True)),
        "project": project_digest(graph),
        "verilog": verilog_digest(design, "design.v"),
        "latency_cycles": design.latency_cycles,
    }


def table() -> str:
    """Rows of docs/zoo.md, from the entries' own files."""
    lines = [
        "| name | K | weights, bytes | steps | 1/ε_B at ε_S = 0.3 | at 0.5 | AUC |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in zoo_names():
        entry = ZOO / name
        metrics = json.loads((entry / "metrics.json").read_text())
        test = metrics["test"]
        low, high = (f"{r['value']:.0f} ± {r['error']:.0f}" for r in test["rejections"][:2])
        run = open_run(f"{PREFIX}{name}")
        steps = f"{metrics['training']['steps']:,}"
        if run.recipe.quant is not None:
            steps = f"{run.recipe.training.iterations:,} + {steps}"
        cells = (
            f"`zoo:{name}`",
            f"{run.recipe.tagger.n_constituents}",
            f"{(entry / name_in_entry(WEIGHTS_FILE)).stat().st_size:,}",
            steps,
            *(low, high),
            f"{test['auc']['value']:.4f} ± {test['auc']['error']:.4f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page() -> str:
    """Text of docs/zoo.md with its table as the entries are now."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- zoo -->\n")
    return f"{head}<!-- zoo -->\n{table()}\n<!-- end{rest.partition('<!-- end')[2]}"


def main() -> None:
    """Make an entry, or renew what is held of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--without-float", action="store_true", help="Leave the float run behind.")
    arguments = parser.parse_args()
    if arguments.run:
        name = arguments.name or parser.error("give the entry a NAME")
        print_result(str(make_entry(arguments.run, name, not arguments.without_float)))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITAG_RUNS"] = folder
        opened = {name: export_run(open_run(f"{PREFIX}{name}")).run for name in exact_names()}
        write_json(DIGESTS, {name: entry_digests(run) for name, run in opened.items()})
        write_text(PAGE, page())


if __name__ == "__main__":
    main()
