"""The estimate of LUTs before synthesis beside Yosys' count, kernel by kernel: ``make bench``.

Yosys takes minutes to half an hour for a tagger the first time; after that its figures come from the cache.
"""

from __future__ import annotations

import pytest

from tests.helpers.rtl import timing
from tests.helpers.taggers import calibrated_tagger
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.search import choose_design
from tritag.export.rtl.tools.synthesis import summed, synthesise
from tritag.models.nets.registry import load_tagger_config

# Tagger, candidates, beats.
TAGGERS = (
    ("transformer-2k", 16, 16),
    ("lloca-trigger-2k", 16, 4),
    ("lloca-global-2k", 16, 16),
    ("transformer-2k", 30, 15),
)
# Smaller kernels are wires and a few gates.
LEAST_LUTS = 100
WITHIN = 0.25
SHARE = 0.8


@pytest.mark.parametrize(("name", "constituents", "beats"), TAGGERS)
def test_estimate_beside_yosys(name: str, constituents: int, beats: int, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_tagger_config(name, constituents)
    tagger = calibrated_tagger(constituents, "ternary", config.sizes, config.network)
    design, _ = choose_design(read_graph(export_model(tagger)), timing(54), beats)
    figures = synthesise(design)
    rows = {k.module: (k.cost.lut, figures[k.module].lut) for k in design.kernels if figures[k.module].lut}
    shares = {}
    for least in (1, LEAST_LUTS):
        judged = [(a, b) for a, b in rows.values() if b >= least]
        shares[least] = sum(abs(a - b) <= WITHIN * b for a, b in judged) / len(judged)
    total = summed(design, figures)
    with capsys.disabled():
        print(f"\n{name}, K = {constituents}, {beats} beats")  # noqa: T201
        for module, (a, b) in rows.items():
            if b >= LEAST_LUTS:
                print(f"{module:60s} estimate {a:7d}  Yosys {b:7d}  ratio {a / b:.2f}")  # noqa: T201
        for least, share in shares.items():
            print(f"within {WITHIN:.0%}: {share:.0%} of the kernels with {least} LUTs and more")  # noqa: T201
        print(f"whole tagger: estimate {design.estimate()['lut']:,} LUT, Yosys {total.lut:,}; {total}")  # noqa: T201
    assert min(shares.values()) >= SHARE
