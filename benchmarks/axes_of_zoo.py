"""The fast trigger LLoCa of the zoo with its axes found in turn and from products: equal weights, equal jets.

    python -m benchmarks.axes_of_zoo [--simulate]

Print both rejections on the test jets of its data, how far the logits move, and cycles and estimates of both at 4
beats and a jet every nine cycles; ``--simulate`` also compares the second one's Verilog with its integers.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np
import torch

from tritag.export.executors import TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.tools.check import check_design
from tritag.models.figures.comparison import rejection_ratio
from tritag.models.training.evaluate import scores
from tritag.pipeline.jets import coded_jets
from tritag.pipeline.opened import open_run
from tritag.quant.recipe import fresh_tagger

NAME, BEATS, INTERVAL = "zoo:lloca-trigger-fast-2k", 4, 9


def main(simulate: bool) -> None:
    """Print everything."""
    opened = open_run(NAME, jets=False)
    recipe, turn = opened.recipe, opened.tagger().eval()
    sizes = {**recipe.tagger.sizes, "axes": "gram"}
    other = dataclasses.replace(recipe, tagger=dataclasses.replace(recipe.tagger, sizes=sizes))
    gram = fresh_tagger(other).eval()
    gram.load_state_dict(turn.state_dict())
    jets = coded_jets(recipe, "test")
    logits = {"in turn": scores(turn, jets), "gram": scores(gram, jets)}
    ratio = rejection_ratio(logits["gram"], logits["in turn"], jets.label.numpy().reshape(-1))
    moved = np.abs(logits["gram"] - logits["in turn"])
    lines = [f"{len(moved)} jets; rejection gram over in turn: {ratio}"]
    lines.append(f"logit moves by {np.median(moved):.4f} (median), {np.quantile(moved, 0.99):.4f} (99 %)")
    for name, tagger in (("in turn", turn), ("gram", gram)):
        model = export_model(tagger)
        graph = read_graph(model)
        design = build(graph, Timing(DelayModel.of_clock(2.7777, 12.5), INTERVAL, 40), BEATS)
        lines.append(f"{name}: {design.latency_cycles} cycles, {design.estimate()}")
        if simulate and name == "gram":
            codes, count = jets.codes.numpy()[:1600].astype(np.int32), jets.count.numpy().reshape(-1)[:1600]
            expected = TorchExecutor(graph, tagger, model).run(codes, count.astype(np.int32))
            inputs = {"codes": codes.astype(np.int64), "count": count.astype(np.int64)[:, None, None]}
            result = check_design(design, inputs, expected[:, None])
            lines.append(f"simulated: {[(k, s['differ']) for k, s in result['scenarios'].items()]}, {len(count)} jets")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulate", action="store_true")
    with torch.no_grad():
        main(parser.parse_args().simulate)
