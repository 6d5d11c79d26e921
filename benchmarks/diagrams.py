"""Block diagrams of taggers from their firmware graphs: ``python -m benchmarks.diagrams [TAGGER...]``.

Each picture, ``blocks-<tagger>.svg``, has a box for every part of the graph that is exported, in the order in which the
firmware computes: layers that stand together and whose names begin alike. A box names its part and the shape of its
output (rows x lanes) with the bits of a number; a line leads to each part that reads it. Weights do not matter, so that
nothing is trained.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tests.helpers.taggers import calibrated_tagger
from tritag.export.firmware_layers import FirmwareGraph, Layer, Linear, Op, Product
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.files import write_text
from tritag.models.nets.registry import load_tagger_config
from tritag.terminal import print_result

TAGGERS = ("transformer-2k", "lloca-trigger-fast-2k", "lloca-local-2k", "lgatr-slim-2k")
# Words of a layer's name that name its part: blocks_0_query, frames_net.
WORDS_IN_BLOCK, WORDS = 3, 2
# Words at the end of a layer's name that say its kind alone.
KINDS = ("add", "cut", "reshape", "concat", "einsum")
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 178, 40, 14, 22, 16
# What the weightiest layer of a box is: weights, a product of two activations, an integer program, moved values.
COLOURS = {Linear: "#9ecbe8", Product: "#a5dcc5", Op: "#f3c79f"}
OTHER = "#dddde2"
STYLE = "text{font:11px system-ui,sans-serif;fill:#1b1b1d;text-anchor:middle}.s{font-size:9px;fill:#444}"


@dataclass
class Box:
    """A part: its name, layers, the boxes that it reads, and its place (column and row of the drawing)."""

    name: str
    layers: list[Layer]
    sources: set[int] = field(default_factory=set)
    row: int = 0
    column: float = 0.0


def part_of(layer: str) -> str:
    """The beginning of a layer's name that names its part."""
    words = layer.split("_")
    while len(words) > 1 and (words[-1] in KINDS or words[-1].isdigit()):
        words.pop()
    return "_".join(words[: WORDS_IN_BLOCK if len(words) > 1 and words[1].isdigit() else WORDS])


def boxes_of(graph: FirmwareGraph) -> list[Box]:
    """Boxes in the order of execution, the inputs first; rows grow along every line."""
    boxes = [Box(name, []) for name in graph.inputs]
    of_tensor = {name: i for i, name in enumerate(graph.inputs)}
    for layer in graph.layers:
        part = part_of(layer.name)
        if len(boxes) == len(graph.inputs) or boxes[-1].name != part:
            boxes.append(Box(part, []))
        boxes[-1].layers.append(layer)
        of_tensor[layer.name] = len(boxes) - 1
        boxes[-1].sources |= {of_tensor[source] for source in layer.sources} - {len(boxes) - 1}
    for box in boxes:
        box.row = max((boxes[i].row + 1 for i in box.sources), default=0)
    _place(boxes)
    return boxes


def _place(boxes: list[Box]) -> None:
    """Columns: each row is centred, its boxes in the order of what they read."""
    for row in range(max(box.row for box in boxes) + 1):
        here = [box for box in boxes if box.row == row]
        here.sort(key=lambda box: sum(boxes[i].column for i in box.sources) / max(len(box.sources), 1))
        for place, box in enumerate(here):
            box.column = place - (len(here) - 1) / 2


def diagram(graph: FirmwareGraph, title: str) -> str:
    """The picture as SVG."""
    boxes = boxes_of(graph)
    widest = max(abs(box.column) for box in boxes) + 0.5
    width = 2 * widest * (WIDTH + GAP_X) + 2 * MARGIN + 80
    height = (max(box.row for box in boxes) + 1) * (HEIGHT + GAP_Y) + 2 * MARGIN
    places = [
        (width / 2 + box.column * (WIDTH + GAP_X), MARGIN + box.row * (HEIGHT + GAP_Y) + HEIGHT / 2) for box in boxes
    ]
    lines = [_line(boxes, places, i, source) for i, box in enumerate(boxes) for source in sorted(box.sources)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" role="img"><title>{escape(title)}</title><style>{STYLE}</style>',
            '<rect width="100%" height="100%" rx="8" fill="#fff"/>',
            f'<g fill="none" stroke="#77777e">{"".join(lines)}</g>',
            *(_box(graph, box, *place) for box, place in zip(boxes, places, strict=True)),
            "</svg>\n",
        ]
    )


def _line(boxes: list[Box], places: list[tuple[float, float]], goal: int, source: int) -> str:
    """A line from below a box to above one that reads it; where rows lie between, it passes them at the side."""
    (x0, y0), (x1, y1) = places[source], places[goal]
    y0, y1 = y0 + HEIGHT / 2, y1 - HEIGHT / 2
    if boxes[goal].row - boxes[source].row == 1:
        return f'<path d="M{x0:.0f} {y0:.0f}C{x0:.0f} {y0 + 12:.0f} {x1:.0f} {y1 - 12:.0f} {x1:.0f} {y1:.0f}"/>'
    between = [abs(b.column) for b in boxes if boxes[source].row < b.row < boxes[goal].row]
    side = 1 if x0 + x1 >= 2 * _middle(places) else -1
    far = _middle(places) + side * ((max(between) + 0.5) * (WIDTH + GAP_X) + 4 + 5 * (goal % 6))
    return (
        f'<path d="M{x0:.0f} {y0:.0f}C{x0:.0f} {y0 + 14:.0f} {far:.0f} {y0:.0f} {far:.0f} {y0 + 26:.0f}'
        f'V{y1 - 26:.0f}C{far:.0f} {y1:.0f} {x1:.0f} {y1 - 14:.0f} {x1:.0f} {y1:.0f}"/>'
    )


def _middle(places: list[tuple[float, float]]) -> float:
    return (min(x for x, _ in places) + max(x for x, _ in places)) / 2


def _box(graph: FirmwareGraph, box: Box, x: float, y: float) -> str:
    last = box.layers[-1].name if box.layers else box.name
    kinds = [kind for kind in COLOURS if any(isinstance(layer, kind) for layer in box.layers)]
    shape = " x ".join(str(n) for n in graph.shapes[last])
    return (
        f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
        f'fill="{COLOURS[kinds[0]] if kinds else OTHER}"/><text x="{x:.0f}" y="{y - 3:.0f}">{escape(box.name)}</text>'
        f'<text class="s" x="{x:.0f}" y="{y + 12:.0f}">{shape}, {graph.grids[last].type.width} bits</text>'
    )


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taggers", nargs="*", default=TAGGERS)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    parser.add_argument("--constituents", type=int, default=16)
    given = parser.parse_args()
    for name in given.taggers:
        config = load_tagger_config(name, given.constituents)
        tagger = calibrated_tagger(given.constituents, "ternary", dict(config.sizes), config.network)
        text = diagram(read_graph(export_model(tagger)), f"Parts of {name}")
        write_text(given.out / f"blocks-{name}.svg", text)
        print_result(f"{given.out / f'blocks-{name}.svg'}: {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
