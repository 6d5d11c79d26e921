"""Which row of a jet passes when, and where: rows are spread over beats (cycles) and slots (copies of the hardware)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Rows of a jet in time and space; ``places[row] = (beat, slot)``."""

    places: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        """Number of rows of a jet, over all beats and slots."""
        return len(self.places)

    @property
    def beats(self) -> int:
        """Cycles during which the rows pass."""
        return max(beat for beat, _ in self.places) + 1

    @property
    def slots(self) -> int:
        """Rows that pass in one cycle."""
        return max(slot for _, slot in self.places) + 1

    def row_at(self, beat: int, slot: int) -> int | None:
        """Row of a place; None when it is empty."""
        return {place: row for row, place in enumerate(self.places)}.get((beat, slot))

    def in_slot(self, slot: int) -> list[int | None]:
        """Rows of a slot, beat by beat."""
        return [self.row_at(beat, slot) for beat in range(self.beats)]


def spread(rows: int, beats: int) -> Layout:
    """``rows`` rows in at most ``beats`` beats, with as few slots as that takes."""
    slots = -(-rows // max(1, min(beats, rows)))
    return Layout(tuple((row // slots, row % slots) for row in range(rows)))


def joined(first: int, second: Layout, beats: int) -> Layout:
    """``first`` rows in front of those of ``second``, which keep their places.

    The new rows pass after the others, or beside them, in slots of their own, where ``beats`` are too few.
    """
    slots, used = second.slots, second.beats
    after = -(-first // slots)
    if used + after <= beats:
        new = tuple((used + i // slots, i % slots) for i in range(first))
    else:
        more = -(-first // used)
        new = tuple((i // more, slots + i % more) for i in range(first))
    return Layout(new + second.places)
