"""A piece of long work, and in which order several may begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Work: TypeAlias = Callable[..., None]


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes
    ----------
    name : str
        For messages.
    target : Path
        The file that is there when it is done. Who makes tasks leaves out those that are done.
    work : callable
        A function of a module, called with the arguments, and first with ``report``: to be told units that were done.
    arguments : tuple
        What a process on another machine can be given.
    units : int
        What it counts for, in units of the progress that is shown.
    after : str, optional
        Name of a task that must end well before; one that is not among the tasks was done.
    """

    name: str
    target: Path
    work: Work
    arguments: tuple[Any, ...] = ()
    units: int = 1
    after: str | None = None


class Order:
    """Which tasks may begin: those after none first, the others when what they come after has ended well.

    Raises
    ------
    ValueError
        Two tasks have one name, or wait for each other.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._followers: dict[str, list[int]] = {task.name: [] for task in tasks}
        self.first: list[int] = []
        for number, task in enumerate(tasks):
            (self.first if task.after is None else self._followers.get(task.after, self.first)).append(number)
        reached = list(self.first)
        for number in reached:
            reached += self._followers[tasks[number].name]
        if len(self._followers) != len(tasks) or len(reached) != len(tasks):
            raise ValueError("tasks must have names of their own, and must not wait for each other")

    def ended(self, number: int, error: Exception | None) -> tuple[list[int], list[int]]:
        """Tasks that may begin now that this one has ended, and those that never will."""
        followers = self._followers.pop(self._tasks[number].name)
        if error is None:
            return followers, []
        return [], [lost for follower in followers for lost in (follower, *self.ended(follower, error)[1])]
