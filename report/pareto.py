"""Pareto fronts: which taggers no other one beats in both rejection and cost."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points ``(cost, rejection)`` that no other point equals or beats in both and beats in one.

    In order of cost, cheapest first.
    """
    numbers = front_numbers([(cost, -gain) for cost, gain in points], most=1)
    return sorted((i for i, number in enumerate(numbers) if number == 0), key=lambda i: points[i])


def front_numbers(points: Sequence[tuple[float, ...]], most: int | None = None) -> list[int]:
    """For each point, in all of whose coordinates less is better, the number of its front.

    Front 0 are those that no other point beats; front 1 those that only points of front 0 beat, and so on. After
    ``most`` fronts the points that are left have -1.
    """
    numbers = [-1] * len(points)
    left, number = list(range(len(points))), 0
    while left and number != most:
        front = [i for i in left if not any(_beats(points[j], points[i]) for j in left)]
        for i in front:
            numbers[i] = number
        left = [i for i in left if numbers[i] < 0]
        number += 1
    return numbers


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
