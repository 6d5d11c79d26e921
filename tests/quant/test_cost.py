"""The paper's costs: every published bit operation and energy, the formulas' structure, names."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tritag.configs import load_config
from tritag.errors import ConfigError
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.formats.effective_bits import significant_bits
from tritag.quant.measure.cost import PRECISIONS, cost_by_stage, total_cost
from tritag.quant.measure.cost_formulas import LLoCaSizes, ParTSizes, SlimSizes, TransformerSizes, Work
from tritag.quant.measure.cost_taggers import PAPER_TAGGERS, cost_sizes, cost_tagger_names, sizes_of

# Published bit operations (paper, Fig. 6; heidelberg-hepml/tagger-quantization, cost_estimate/bitops_{30,50}.json).
BIT_OPERATIONS = {
    (30, "transformer-2k"): ("82575360", "22855680", "13455360", "11088691.2"),
    (30, "lloca-local-2k"): ("202776576", "62767104", "33294336", "30927667.2"),
    (30, "lloca-global-2k"): ("189935616", "49926144", "20453376", "18086707.2"),
    (50, "transformer-2k"): ("170393600", "46284800", "30617600", "26673152"),
    (50, "lloca-local-2k"): ("471699456", "138046464", "69993216", "66048768"),
    (50, "lloca-global-2k"): ("450093056", "116440064", "48386816", "44442368"),
}
# Published energies in pJ at N = 50 (paper, Fig. 5; cost_estimate/energy_50.json, first column).
ENERGIES_PJ = {
    "paper-transformer": ("178896640", "53384960", "35552000", "14908160"),
    "paper-part": ("286735621.12", "85289984", "55971215.36", "21981132.8"),
    "paper-lloca-local": ("187551555.88", "56572716", "37912790.64", "17268950.64"),
    "paper-slim": ("285116682.24", "86945011.2", "59791219.2", "28577733.12"),
}


@pytest.mark.parametrize(("n", "tagger"), BIT_OPERATIONS)
@pytest.mark.parametrize("column", range(4))
def test_published_bit_operations_to_the_last_digit(n, tagger, column):
    expected = Fraction(BIT_OPERATIONS[n, tagger][column])
    for precision in [("f32",), ("f16", "bf16"), ("int8", "f8"), ("int8-ternary", "f8-ternary")][column]:
        assert total_cost(cost_sizes(tagger), n, precision).bit_operations == expected


@pytest.mark.parametrize("tagger", ENERGIES_PJ)
@pytest.mark.parametrize("column", range(4))
def test_published_energies_to_the_last_digit(tagger, column):
    precision = ("f32", "f16", "f8", "f8-ternary")[column]
    assert total_cost(cost_sizes(tagger), 50, precision).energy_pj == Fraction(ENERGIES_PJ[tagger][column])


def test_formula_of_the_transformer_written_out():
    """4L lin(C, C) + 2 L^2 C f_def + 2L lin(C, rC) + 6LC f_fp in each block, lin(a, b) = ab f_aw + b f_aa."""
    c, r, n = 16, 1, 30
    stages = TransformerSizes(1, c, r).work(n)
    assert stages["projections"] == Work(4 * n * c * c, 4 * n * c, hidden_weights=4 * c * c)
    assert stages["attention"] == Work(products=2 * n * n * c)
    assert stages["mlp"] == Work(2 * n * c * r * c, 2 * n * r * c, hidden_weights=2 * c * r * c)
    assert stages["norms"] == Work(wide=6 * n * c)
    assert TransformerSizes(1, c, 1, norm="batch").work(n)["norms"] == Work(plain=2 * n * c)


def test_work_grows_with_blocks_and_frames():
    one, ten = (sum(TransformerSizes(b, 32, 2).work(40).values(), Work()) for b in (1, 10))
    assert one * 10 == ten
    local, shared = (LLoCaSizes(1, 16, 1, local=x).work(30) for x in (True, False))
    assert local["frames"].wide == 30 * shared["frames"].wide == 30 * 300
    assert local["frame to frame"].wide == 30 * 8 * 16
    assert "frame to frame" not in shared
    assert local["frames net"] == shared["frames net"]
    assert local["frames net"].plain == 33 * 32 * (15 * 4 + 4 + 4 * 4 + 4 + 4 * 3 + 3)


def test_frames_net_on_tokens_is_linear_in_the_tokens():
    work = sizes_of(TaggerConfig("lloca", 16, {**load_config("taggers", "lloca-trigger-2k")["sizes"]})).work(30)
    assert work["frames net"].plain == 33 * (9 * 4 + 4 + 4 * 4 + 4 + 4 * 3 + 3)


def test_frame_along_the_leading_candidate_asks_for_one_linear_layer():
    config = load_config("taggers", "lloca-seed-2k")
    seed = cost_sizes("lloca-seed-2k").work(16)
    plain = TransformerSizes(1, 16, 1, norm="batch").work(16)
    assert {stage: seed.pop(stage) for stage in plain} == plain
    assert seed == {"frames net": Work(plain=16 * (4 * 3 + 3), plain_weights=12), "frames": Work(wide=300)}
    layered = sizes_of(TaggerConfig("lloca-seed", 16, {**config["sizes"], "norm": "layer"}))
    assert layered.work(16)["norms"] == Work(wide=6 * 16 * 16)


@pytest.mark.parametrize(
    "name", ["transformer-2k", "transformer-20k", "lloca-local-2k", "lloca-global-20k", "lloca-seed-2k"]
)
def test_weights_are_those_of_the_network(name):
    """The matrices that the formulas count are those of the tagger without its input and output layers."""
    config = TaggerConfig(**load_config("taggers", name))
    tagger = make_tagger(config)
    counted = sum(p.numel() for key, p in tagger.named_parameters() if p.ndim == 2)
    counted -= tagger.embed.weight.numel() + tagger.head.weight.numel()
    total = sum(sizes_of(config).work(7).values(), Work())
    assert total.hidden_weights + total.plain_weights == counted


def test_weight_bits():
    cost = total_cost(cost_sizes("lloca-global-2k"), 30, "int8-ternary")
    assert cost.weight_bits == 1536 * Fraction("1.58") + 88 * 8
    assert total_cost(cost_sizes("lloca-global-2k"), 30, "f32").weight_bits == (1536 + 88) * 32


@pytest.mark.parametrize("sizes", [ParTSizes(2, 32, 2, 8), SlimSizes(2, 8, 32, 2), LLoCaSizes(2, 32, 2)])
def test_every_step_down_saves(sizes):
    order = ("f32", "f16", "bf16", "int8", "int8-ternary")
    costs = [total_cost(sizes, 30, precision) for precision in order]
    assert len({c.macs for c in costs}) == 1
    for key in ("bit_operations", "energy_pj", "weight_bits"):
        values = [getattr(c, key) for c in costs]
        assert values == sorted(values, reverse=True), key


def test_stages_add_up():
    for sizes in PAPER_TAGGERS.values():
        for precision in PRECISIONS:
            stages, total = cost_by_stage(sizes, 50, precision), total_cost(sizes, 50, precision)
            assert sum(s.energy_pj for s in stages.values()) == total.energy_pj
            assert sum(s.macs for s in stages.values()) == total.macs


def test_names():
    assert {"transformer-2k", "lloca-local-20k", "paper-slim", "paper-part"} <= set(cost_tagger_names())
    with pytest.raises(ConfigError, match=r"unknown tagger 'paper-slin'; did you mean 'paper-slim'\? Valid: lloca"):
        cost_sizes("paper-slin")
    with pytest.raises(ConfigError, match=r"unknown precision 'int4'; did you mean 'int8'\? Valid: bf16, f16, f32"):
        total_cost(cost_sizes("paper-slim"), 30, "int4")
    with pytest.raises(ConfigError, match="constituents must be >= 1, got 0"):
        total_cost(cost_sizes("paper-slim"), 0, "int8")
    with pytest.raises(ConfigError, match="exist for the networks lloca, lloca-seed, transformer, got 'graph'"):
        sizes_of(TaggerConfig("graph"))


def test_significant_bits():
    codes = np.array([0, 1, -1, 2, 3, -6, 20, 127, -128, 2**40 + 1])
    np.testing.assert_array_equal(significant_bits(codes), [0, 1, 1, 1, 2, 2, 3, 7, 1, 41])


def test_documented_figures(repository):
    text = (repository / "docs" / "cost.md").read_text()
    for tagger in ("transformer-2k", "lloca-local-2k", "lloca-global-2k", "lloca-seed-2k"):
        columns = ("f32", "f16", "int8", "int8-ternary")
        assert row(text, tagger) == [total_cost(cost_sizes(tagger), 30, p).bit_operations for p in columns]
    for tagger in ENERGIES_PJ:
        columns = ("f32", "f16", "f8", "f8-ternary", "int8", "int8-ternary")
        assert row(text, tagger) == [total_cost(cost_sizes(tagger), 50, p).energy_pj for p in columns]


def row(text: str, tagger: str) -> list[Fraction]:
    """Figures of the table row that begins with a tagger's name."""
    line = next(x for x in text.splitlines() if x.startswith(f"| `{tagger}` |"))
    return [Fraction(cell.strip()) for cell in line.strip("|").split("|")[1:]]
