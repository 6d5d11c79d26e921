"""Pareto fronts: which taggers no other one beats in both rejection and cost."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points ``(cost, rejection)`` that no other point equals or beats in both and beats in one.

    In order of cost, cheapest first.
    """
    front = [
        i
        for i, (cost, gain) in enumerate(points)
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points)
    ]
    return sorted(front, key=lambda i: points[i])
