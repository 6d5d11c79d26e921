"""The latency as a timing diagram: WaveDrom's JSON, and the same as SVG for whoever has no WaveDrom."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

from tritag.hls_projects.package.delivery import Delivery

# Cycles that are drawn of a long wait.
_SHOWN = 3
_CELL, _HEIGHT, _LEFT = 26, 20, 90


def latency_files(delivery: Delivery) -> dict[str, str]:
    """``latency.json`` and ``latency.svg``: a jet's beats enter, and its answer comes."""
    signals = waves(delivery)
    design = delivery.design
    text = (
        f"{delivery.naming.full}: {design.beats} beats in, answer {design.latency_cycles} cycles after the first one, "
        f"next jet after {design.interval_cycles} cycles at the earliest"
    )
    content = {"signal": signals, "head": {"text": text}, "config": {"hscale": 1}}
    picture = json.dumps(content, indent=2) + "\n"
    return {"docs/latency.json": picture, "docs/latency.svg": _svg(signals, text)}


def waves(delivery: Delivery) -> list[dict[str, object]]:
    """WaveDrom's signals; ``|`` stands for the cycles that are left out."""
    beats, latency = delivery.design.beats, delivery.design.latency_cycles
    first = [*range(min(beats, _SHOWN - 1)), *(["gap"] if beats > _SHOWN else []), *range(max(beats - 1, 0), beats)]
    entering = list(dict.fromkeys(first))
    wait = latency - beats
    columns = [*entering, *["wait"] * min(wait, _SHOWN), *(["gap"] if wait > _SHOWN else []), "answer", "end"]

    def wave(state: Callable[[str | int], str]) -> str:
        text, before = "", ""
        for column in columns:
            sign = before if column == "gap" else state(column)
            text += "|" if column == "gap" else sign if sign != before or sign == "=" else "."
            before = sign
        return text

    return [
        {"name": "clk", "wave": "p" + "".join("|" if c == "gap" else "." for c in columns[1:])},
        {"name": "in_valid", "wave": wave(lambda c: "1" if c == 0 else "0")},
        {
            "name": "inputs",
            "wave": wave(lambda c: "=" if isinstance(c, int) else "x"),
            "data": [f"beat {c}" for c in entering if isinstance(c, int)],
        },
        {"name": "out_valid", "wave": wave(lambda c: "1" if c == "answer" else "0")},
        {
            "name": "outputs",
            "wave": wave(lambda c: "=" if c == "answer" else "x"),
            "data": [", ".join(delivery.graph.output_names)],
        },
    ]


def _svg(signals: list[dict[str, object]], text: str) -> str:
    rows = []
    for number, signal in enumerate(signals):
        y = 40 + number * (_HEIGHT + 14)
        rows.append(f'<text x="4" y="{y + 15}">{escape(str(signal["name"]))}</text>')
        rows += _lane(str(signal["wave"]), [str(d) for d in _texts(signal)], y)
    width = _LEFT + _CELL * max(len(str(s["wave"])) for s in signals) + 20
    height = 50 + len(signals) * (_HEIGHT + 14)
    style = "text{font-family:sans-serif;font-size:11px}path{fill:none;stroke:#222}.x{fill:#ddd;stroke:none}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 640)}" height="{height}">',
            f'<style>{style}</style><text x="4" y="18">{escape(text)}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _texts(signal: dict[str, object]) -> list[object]:
    data = signal.get("data", [])
    return data if isinstance(data, list) else []


def _lane(wave: str, data: list[str], y: int) -> list[str]:
    """Shapes of one signal, cycle by cycle."""
    parts, state, texts = [], "x", iter(data)
    for cycle, sign in enumerate(wave):
        x, low = _LEFT + cycle * _CELL, y + _HEIGHT
        state = sign if sign not in ".|" else state
        if state == "p":
            parts.append(f'<path d="M{x} {low} V{y} H{x + _CELL // 2} V{low} H{x + _CELL}"/>')
        elif state in "01":
            level = y if state == "1" else low
            parts.append(f'<path d="M{x} {level} H{x + _CELL}"/>')
        elif state == "=":
            parts.append(f'<path d="M{x} {y} H{x + _CELL} V{low} H{x} Z"/>')
            if sign == "=":
                parts.append(f'<text x="{x + 2}" y="{y + 14}" style="font-size:7px">{escape(next(texts, ""))}</text>')
        else:
            parts.append(f'<rect class="x" x="{x}" y="{y}" width="{_CELL}" height="{_HEIGHT}"/>')
        if sign == "|":
            parts.append(f'<text x="{x + 8}" y="{y + 14}">...</text>')
    return parts
