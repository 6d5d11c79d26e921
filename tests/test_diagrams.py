"""Block diagrams: every layer stands in a box, lines go down, boxes do not lie on each other; pictures are small."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.diagrams import HEIGHT, TAGGERS, WIDTH, boxes_of, diagram, part_of
from tests.helpers.pins import NETWORKS
from tests.helpers.taggers import calibrated_tagger
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
LARGEST_BYTES = 150_000
_SVG = "{http://www.w3.org/2000/svg}"


def test_a_diagram_holds_the_graph():
    kind, sizes = NETWORKS["lloca-trigger-fast"]
    graph = read_graph(export_model(calibrated_tagger(3, "ternary", dict(sizes), kind)))
    boxes = boxes_of(graph)
    assert [layer.name for box in boxes for layer in box.layers] == [layer.name for layer in graph.layers]
    for box in boxes:
        assert all(boxes[source].row < box.row for source in box.sources), box.name
    drawn = ElementTree.fromstring(diagram(graph, "A & B"))
    places = [(float(r.get("x")), float(r.get("y"))) for r in drawn.iter(f"{_SVG}rect") if r.get("x")]
    assert len(places) == len(boxes)
    for i, (x, y) in enumerate(places):
        assert all(abs(x - a) >= WIDTH or abs(y - b) >= HEIGHT for a, b in places[:i])
    assert len(list(drawn.iter(f"{_SVG}path"))) == sum(len(box.sources) for box in boxes)


@pytest.mark.parametrize(
    ("layer", "part"),
    [("blocks_0_query_cut", "blocks_0_query"), ("embed_add", "embed"), ("head", "head"), ("add", "add")],
)
def test_names_of_parts(layer, part):
    assert part_of(layer) == part


def test_pictures_of_the_documents_are_small():
    sizes = {path.name: path.stat().st_size for path in FIGURES.iterdir()}
    assert {f"blocks-{name}.svg" for name in TAGGERS} <= set(sizes)
    assert max(sizes.values()) <= LARGEST_BYTES
