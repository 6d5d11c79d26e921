"""Whole taggers as simulated Verilog: the same integers as PyTorch, time-shared and with stalls and a reset."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.jets import crafted_jets, random_jets, which_fit
from tests.helpers.marks import often
from tests.helpers.rtl import timing
from tests.helpers.taggers import FAST, SEED, TINY, calibrated_tagger
from tritag.export.executors import TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design, require_right

K = 5
PART = {"embed": [4], "pair_embed": [2], "blocks": 1, "class_blocks": 1, "heads": 2, "mlp_factor": 1}
TAGGERS = {"transformer": TINY, "lloca": TINY | FAST, "lloca-seed": TINY | SEED, "part": PART}


# The transformer is simulated with words in test_words.py, ParT's ops one by one in tests/export/rtl.
LONG = ("transformer", "lloca-seed", "part")


@pytest.mark.parametrize("network", often(TAGGERS, LONG))
def test_same_integers(rng, network):
    tagger = calibrated_tagger(K, "ternary", TAGGERS[network], network)
    model = export_model(tagger)
    graph = read_graph(model)
    # Two slots for five rows: a place stays empty.
    design = build(graph, timing(7), 3)
    (a, n), (b, k) = random_jets(rng, 1000, K), crafted_jets(rng, K)
    codes, count = which_fit(np.concatenate([a, b]), np.concatenate([n, k]))
    expected = TorchExecutor(graph, tagger, model).run(codes, count)
    assert len(np.unique(expected)) > 200
    result = check_design(design, {"codes": codes, "count": count[:, None, None]}, expected[:, None])
    assert [s["differ"] for s in result["scenarios"].values()] == [0, 0, 0]
    require_right(result | {"interval": 7})
