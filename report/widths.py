"""Where the bits of every layer lie: its type in the firmware, what is proven of its integers, what jets reached."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritag.export.executors import Executor
from tritag.export.graph import CutTo
from tritag.quant.formats.fixed import int_bits


def layer_widths(executor: Executor, *inputs: np.ndarray) -> list[dict[str, Any]]:
    """Bits of each layer's values, in the order of execution.

    Parameters
    ----------
    executor : Executor
        One that exposes its layers.
    inputs : (n, ...) integers
        Jets to observe, in the order of the graph's inputs.

    Returns
    -------
    list of dict
        ``name`` and ``kind``; ``width`` and ``fraction``, the bits of its type in all and behind the binary point;
        ``low`` and ``high``, the interval proven for its integers; ``seen_low`` and ``seen_high``, what the jets
        reached, with ``seen_bits``; ``at_an_end``, the share of a cut's values that lie at an end of its type, which
        saturated or came close.
    """
    values, rows = executor.layers(*inputs), []
    for layer in executor.graph.layers:
        grid, seen = executor.graph.grids[layer.name], values.get(layer.name)
        row: dict[str, Any] = {
            "name": layer.name,
            "kind": type(layer).__name__,
            "width": grid.type.width,
            "fraction": grid.type.fraction,
            "low": grid.low,
            "high": grid.high,
        }
        if seen is not None and seen.size:
            low, high = int(seen.min()), int(seen.max())
            row |= {"seen_low": low, "seen_high": high, "seen_bits": int_bits(low, high)}
            if isinstance(layer, CutTo):
                ends = (layer.type.int_min, layer.type.int_max)
                row["at_an_end"] = float(np.isin(seen, ends).mean())
        rows.append(row)
    return rows
