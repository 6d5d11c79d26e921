"""Layers drawn together, so that a figure of a deep tagger can still be read."""

from __future__ import annotations

from collections.abc import Sequence


def folded(names: Sequence[str], most: int) -> dict[str, str]:
    """The row of a figure that each layer is drawn in: its name, or the beginning that it shares with others.

    A layer's name begins with the names of the parts that it belongs to. As many words of the beginning are kept as
    give at most ``most`` rows, and at least one.

    Parameters
    ----------
    names : sequence of str
        Names of layers, words between underscores.
    most : int
        Most rows wanted.

    Returns
    -------
    dict
        The row of each name, in the order of the names.

    Examples
    --------
    >>> folded(["head_add", "head_cut"], 2)
    {'head_add': 'head_add', 'head_cut': 'head_cut'}
    >>> folded(["blocks_0_query_add", "blocks_0_query_cut", "blocks_0_gelu", "head_add"], 3)
    {'blocks_0_query_add': 'blocks_0_query', 'blocks_0_query_cut': 'blocks_0_query', 'blocks_0_gelu': 'blocks_0_gelu', \
'head_add': 'head_add'}
    """
    words = {name: name.split("_") for name in names}
    for depth in range(max(map(len, words.values()), default=1), 0, -1):
        rows = {name: "_".join(parts[:depth]) for name, parts in words.items()}
        if len(set(rows.values())) <= most:
            break
    return rows


def told(layers: int, rows: int) -> str:
    """The sentence of a caption about layers that stand together; empty where each has a row of its own."""
    return f" The {layers} layers are drawn in {rows} rows, by the beginning of their names." if rows < layers else ""
