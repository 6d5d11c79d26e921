"""Inputs of imported programs may be called anything: no identifier is a keyword or a word of the written sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.export.test_import_files import WEIGHTS, model, node, quant
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.hls_projects.emulator.text import emulator_text
from tritag.hls_projects.input_names import input_identifiers
from tritag.hls_projects.project import UNNAMED, write_project
from tritag.hls_projects.target import load_target

KEYWORDS = ("double", "int", "register", "restrict", "class", "and", "co_await", "char8_t", "NULL", "INT_MAX", "M_PI")


def graph_of(name: str) -> FirmwareGraph:
    """The graph of a small file whose input has that name; its last quantizer is an op with a table."""
    nodes = [
        WEIGHTS,
        quant(name, "q"),
        node("MatMul", ["q", "wq"], "m"),
        quant("m", "n", "s2"),
        node("Tanh", ["n"], "t"),
    ]
    given = model([*nodes, quant("t", "y")])
    given.graph.input[0].name = name
    return read_graph(import_model(given).model)


def sources_of(name: str, folder: Path) -> list[str]:
    """What is written with an input of that name: emulator's entry, top function, its header, bridge and bench."""
    graph, full = graph_of(name), UNNAMED.full
    write_project(graph, load_target(), folder)
    files = ("firmware/{0}.cpp", "firmware/{0}.h", "{0}_bridge.cpp", "{0}_test.cpp")
    found = [(folder / file.format(full)).read_text() for file in files]
    found[2] = found[2][found[2].index("// Wrapper of top level function") :]
    found[3] = found[3][found[3].index("int main()") :]
    entry = emulator_text(graph, full).source
    return [entry[entry.index('extern "C"') :], *found]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The sources with a harmless name."""
    return sources_of("free_name", tmp_path_factory.mktemp("project") / "plain")


def test_no_word_of_the_sources_is_an_inputs_identifier(plain: list[str]) -> None:
    """Words that can hide an input or be hidden by it: those of the code, without members."""
    code = re.sub(r'//.*|"[^"]*"|^ *#.*', "", "\n".join(plain), flags=re.MULTILINE)
    words = frozenset(re.findall(r"(?<![\w.:>])[A-Za-z]\w*", code)) - {"free_name", "free_name_ap"}
    assert {"jet", "jets", "B", "layer2_out", "std", "given", "input_t", UNNAMED.full} <= words
    graph = graph_of("free_name")
    for word in (*sorted(words), *KEYWORDS):
        graph.inputs = [word]
        (given,) = input_identifiers(graph, UNNAMED.full).values()
        assert given not in words.union(KEYWORDS), word
        assert given == f"in_{word}"


def test_harmless_names_stay_and_no_two_inputs_meet() -> None:
    harmless = ["codes", "count", "features", "x", "global_in", "input_1", "X", "jet_pt", "x1", "jets2", "my_jet"]
    graph = FirmwareGraph(inputs=harmless, shapes=dict.fromkeys(harmless, (1, 4)))
    assert input_identifiers(graph, "top") == {name: name for name in harmless}
    names = ["jet", "in_jet", "pt", "jet_pt", "pt_ap", "jet_in_in_jet"]
    found = input_identifiers(FirmwareGraph(inputs=names, shapes=dict.fromkeys(["in_pt_ap", *names], (1, 4))), "top")
    assert found == {"jet": "in_in_in_jet", "in_jet": "in_jet", "pt": "pt", "jet_pt": "in_jet_pt",
                     "pt_ap": "in_in_pt_ap", "jet_in_in_jet": "jet_in_in_jet"}  # fmt: skip


def test_the_sources_differ_in_the_identifier_alone(plain: list[str], tmp_path: Path) -> None:
    """The program's input keeps its name; only C and C++ call it otherwise."""
    assert graph_of("jet").inputs == ["jet"]
    other = sources_of("jet", tmp_path / "project")
    assert [text.replace("free_name", "in_jet") for text in plain] == other
    assert "const int *in_jet, long long *out" in other[0]
