"""A block diagram of the tagger (SVG), with the shape and width of every tensor as the graph has them."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from tritag.export.firmware_layers import FirmwareGraph, Op
from tritag.hls_projects.package.delivery import Delivery

_ROW, _BOX, _WIDTH, _LEFT, _LANE = 46, 30, 330, 150, 14
_STYLE = (
    "text{font-family:sans-serif;font-size:12px;fill:#222}.small{font-size:11px;fill:#555}"
    "rect{fill:#eef3fb;stroke:#35507a}.port{fill:#f6efe0;stroke:#8a6d1f}path{fill:none;stroke:#35507a}"
)


def block_diagram(delivery: Delivery) -> str:
    """SVG: a box for each layer in order of execution, with its pipeline stages; an arrow's width stands beside it."""
    graph = delivery.graph
    names = [*graph.inputs, *(layer.name for layer in graph.layers)]
    row = {name: number for number, name in enumerate(names)}
    stages = _stages(delivery)
    lanes = _lanes([(row[s], row[layer.name]) for layer in graph.layers for s in layer.sources])
    parts: list[str] = []
    for layer in graph.layers:
        for source in layer.sources:
            parts.append(_arrow(row[source], row[layer.name], lanes.get((row[source], row[layer.name]), 0)))
    for name in names:
        parts += _box(graph, name, row[name], stages.get(name, ""))
    left = _LEFT + _LANE * max(lanes.values(), default=0)
    width, height = left + _WIDTH + 260, _ROW * (len(names) + 2)
    title = f"{delivery.naming.full}: {delivery.design.latency_cycles} cycles, a jet every "
    title += f"{delivery.design.interval_cycles} cycles"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
            f"<style>{_STYLE}</style>",
            f'<text x="{left}" y="20">{escape(title)}</text>',
            f'<g transform="translate({left},{_ROW})">',
            *parts,
            "</g>",
            "</svg>",
            "",
        ]
    )


def tensor_text(graph: FirmwareGraph, name: str) -> str:
    """``16 x 12 of 8 bits``: shape and width of a tensor."""
    shape = " x ".join(map(str, graph.shapes[name]))
    return f"{shape} of {graph.grids[name].type.width} bits"


def _stages(delivery: Delivery) -> dict[str, str]:
    """First and last stage of the kernels of each layer."""
    spans: dict[str, tuple[int, int]] = {}
    for kernel in delivery.design.kernels:
        first, last = spans.get(kernel.layer, (kernel.first_stage, kernel.last_stage))
        spans[kernel.layer] = min(first, kernel.first_stage), max(last, kernel.last_stage)
    return {name: f"stages {first} to {last}" for name, (first, last) in spans.items()}


def _lanes(edges: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Lane beside the boxes of each arrow that passes others; short ones lie inside."""
    taken: dict[int, list[tuple[int, int]]] = {}
    found: dict[tuple[int, int], int] = {}
    for start, end in sorted(set(edges), key=lambda edge: (edge[1] - edge[0], edge)):
        if end - start == 1:
            continue
        lane = 1
        while any(start < e and s < end for s, e in taken.get(lane, [])):
            lane += 1
        taken.setdefault(lane, []).append((start, end))
        found[start, end] = lane
    return found


def _arrow(start: int, end: int, lane: int) -> str:
    if lane == 0:
        top = start * _ROW + _BOX
        return f'<path d="M{_WIDTH // 2} {top} V{end * _ROW}"/>'
    y0, y1, x = start * _ROW + _BOX // 2, end * _ROW + _BOX // 2, -_LANE * lane
    return f'<path d="M0 {y0} H{x} V{y1} H0"/>'


def _box(graph: FirmwareGraph, name: str, row: int, stages: str) -> list[str]:
    layer = next((x for x in graph.layers if x.name == name), None)
    kind = "input" if layer is None else layer.bound.program.name if isinstance(layer, Op) else type(layer).__name__
    y = row * _ROW
    look = ' class="port"' if layer is None or name in graph.outputs else ""
    return [
        f'<rect{look} x="0" y="{y}" width="{_WIDTH}" height="{_BOX}" rx="4"/>',
        f'<text x="8" y="{y + 19}">{escape(name[:40])}</text>',
        f'<text class="small" x="{_WIDTH - 8}" y="{y + 19}" text-anchor="end">{escape(kind)}</text>',
        f'<text class="small" x="{_WIDTH + 10}" y="{y + 13}">{escape(tensor_text(graph, name))}</text>',
        f'<text class="small" x="{_WIDTH + 10}" y="{y + 27}">{escape(stages)}</text>',
    ]
