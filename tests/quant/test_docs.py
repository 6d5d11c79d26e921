"""The specification pages: every instruction and op has one, and the figures in them are those of the code."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers import op_errors, tolerances
from tests.helpers.op_cases import OP_CASES, op_classes
from tests.helpers.programs import INSTRUCTIONS
from tritag.quant.formats.fixed import Grid, int_bits
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.intervals import MAX_BITS
from tritag.quant.integer.program import FORMAT_VERSION, Program
from tritag.quant.integer.tracer import Tracer
from tritag.quant.ops import op

PARTS = ("## Program", "## Intervals", "## Error", "## Edges", "## C++")


@pytest.fixture(scope="module")
def docs() -> Path:
    """Folder of the documentation."""
    return Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def specification(docs: Path) -> str:
    """The page of integer programs."""
    return (docs / "integer-programs.md").read_text(encoding="utf-8")


def page_of(docs: Path, name: str) -> Path:
    """The page of an op: its own, or the one that its module names."""
    own = docs / "ops" / f"{name}.md"
    if own.is_file():
        return own
    module = sys.modules[op_classes()[name].__module__]
    (page,) = re.findall(r"[Ss]pecification:\s+(docs/ops/\w+\.md)", module.__doc__ or "")
    return docs.parent / page


class TestIntegerPrograms:
    def test_every_instruction_has_its_section(self, specification):
        assert re.findall(r"^### `(\w+)`$", specification, re.MULTILINE) == list(INSTRUCTIONS)

    def test_every_section_gives_the_interval(self, specification):
        sections = re.split(r"^### ", specification.split("## Blocks")[0], flags=re.MULTILINE)[1:]
        assert len(sections) == len(INSTRUCTIONS)
        for section in sections:
            assert "Interval" in section, section

    def test_version_and_limits(self, specification):
        assert f"Format version {FORMAT_VERSION}." in specification
        assert f"at most {MAX_BITS} bits of magnitude" in specification

    def test_the_example_is_a_program(self, specification):
        (text,) = re.findall(r"```json\n(.*?)\n```", specification, re.DOTALL)
        program = Program.from_json(text)
        assert program.to_json() == text
        assert json.loads(text)["tables"] == {"square": [0, 1, 4, 9]}

    def test_the_example_is_an_op(self, specification):
        (text,) = re.findall(r"```python\n(.*?)\n```", specification, re.DOTALL)
        names = {**vars(op), "dataclass": dataclass, "Tracer": Tracer, "__name__": __name__}
        exec(text, names)
        x = FixedTensor(torch.tensor([[[1.5, -2.0]]]), Grid(-8, 7, 1))
        assert names["Double"]()(x).value.tolist() == [[[3.0, -4.0]]]

    def test_every_block_is_in_the_table(self, specification):
        from tritag.quant.integer import blocks

        names = [n for n, f in vars(blocks).items() if callable(f) and f.__module__ == blocks.__name__ and n[0] != "_"]
        for name in names:
            assert f"`{name}`" in specification.split("## Blocks")[1], name

    def test_named_tests_exist(self, docs):
        root = docs.parent
        for page in (docs / "integer-programs.md", *(docs / "ops").glob("*.md")):
            for name in re.findall(
                r"`((?:firmware_)?tests/[\w/]+\.py)(?:::([\w:]+))?`", page.read_text(encoding="utf-8")
            ):
                path, inside = root / name[0], name[1]
                assert path.is_file(), f"{page.name}: {name[0]}"
                for part in inside.split("::") if inside else ():
                    assert re.search(rf"(class|def) {part}\b", path.read_text(encoding="utf-8")), f"{page.name}: {name}"


class TestOps:
    @pytest.mark.parametrize("name", op_classes())
    def test_every_op_has_its_page(self, docs, name):
        page = page_of(docs, name)
        assert page.is_file(), f"write {page.relative_to(docs.parent)}"
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem}\n")
        assert name in text
        assert [part for part in re.findall(r"^## .*$", text, re.MULTILINE) if part in PARTS] == list(PARTS)

    def test_every_page_is_of_an_op(self, docs):
        pages = {page.stem for page in (docs / "ops").glob("*.md")}
        assert pages - {"attention", "README"} == {page_of(docs, name).stem for name in op_classes()}

    def test_every_op_is_a_case(self):
        assert {case()[0].program.name for case in OP_CASES.values()} == set(op_classes())


class TestFigures:
    """A quoted figure is a measured one."""

    def page(self, docs: Path, name: str) -> str:
        return " ".join((docs / "ops" / f"{name}.md").read_text(encoding="utf-8").split())

    @pytest.mark.parametrize("name", ["layer_norm", "exp_weights", "weighted_mean", "attention"])
    def test_largest_error(self, docs, name):
        measure = getattr(op_errors, name)
        count = measure(np.random.default_rng(2024)).size
        quoted = f"Largest error found on {count:,}".replace(",", " ")
        assert quoted in self.page(docs, name)
        assert f": {op_errors.largest(measure):.2f} LSB" in self.page(docs, name)

    def test_root_mean_square_of_attention(self, docs):
        value = op_errors.root_mean_square(op_errors.attention)
        assert f"root mean square {value:.2f} LSB" in self.page(docs, "attention")

    def test_mean_pool(self, docs):
        figures = [f"{op_errors.largest(op_errors.mean_pool, n):.2f} LSB for N = {n}" for n in (16, 64, 128)]
        assert f"means: {', '.join(figures)}" in self.page(docs, "mean_pool")
        bounds = [tolerances.mean_pool_lsb(n, 2047) for n in (16, 64, 128)]
        assert "{:.1f} LSB for N = 16, {:.1f} for N = 64 and {:.1f} for N = 128".format(*bounds) in self.page(
            docs, "mean_pool"
        )

    def test_jet_scalars(self, docs):
        errors = np.abs(op_errors.jet_scalars(np.random.default_rng(2024))).max((0, 1))
        assert f"at K = 16: {', '.join(f'{e:.2f}' for e in errors)} LSB" in self.page(docs, "jet_scalars")
        allowed = ", ".join(str(t) for t in tolerances.JET_SCALARS_LSB)
        assert f"asserts {allowed} for the scalars 0 to 6" in self.page(docs, "jet_scalars")

    def test_bounds(self, docs):
        assert f"that is {tolerances.layer_norm_lsb(16, 9, 127):.2f} LSB" in self.page(docs, "layer_norm")
        assert f"That is {tolerances.exp_weights_lsb(8):.2f} of 255" in self.page(docs, "exp_weights")
        assert f"which is {tolerances.weighted_mean_lsb(128):.2f} LSB for int8" in self.page(docs, "weighted_mean")
        assert f"at most {tolerances.ATTENTION_LSB:.0f} LSB of the output" in self.page(docs, "attention")

    @pytest.mark.parametrize(
        ("name", "case"),
        [
            ("layer_norm", "layer_norm_c16"),
            ("gelu", "gelu"),
            ("exp_weights", "exp_weights_n16"),
            ("weighted_mean", "weighted_mean_n16"),
        ],
    )
    def test_table_sizes(self, docs, name, case):
        (table,) = OP_CASES[case]()[0].program.tables.values()
        size = f"{len(table)} \N{MULTIPLICATION SIGN} {int_bits(min(table), max(table))} bit"
        assert size in self.page(docs, name)
