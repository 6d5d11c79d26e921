"""Long work as tasks: each has a file that says that it was done, wherever it ran.

Results are files, which a folder that all workers see holds. So a command that was killed goes on with what is missing,
a task whose worker was lost is done by another one, and no result depends on the number of workers or their order.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeAlias

from tritag import plugins
from tritag.errors import ToolError
from tritag.farm import Farm, Farmed, connect
from tritag.helper_files import temporary_folder
from tritag.task import Order, Task
from tritag.terminal import print_progress
from tritag.verbosity import WANTED

if TYPE_CHECKING:
    from distributed import Future

Report: TypeAlias = Callable[[int], None]
# What the user sets outside of the command line (tritag.environment) and a worker has to know.
_VARIABLES = ("TRITAG_RUNS", "TRITAG_CACHE", "TRITAG_DEVICE")
_PATIENCE_S = 30.0
# A file that another machine wrote may show up late: attributes are cached by file systems of a network.
_LATE_S = 60.0
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class _Place:
    """Where and how a command was called, so that a task finds the same on a worker."""

    folder: str
    variables: dict[str, str | None]
    plugins: tuple[Path, ...]
    verbosity: tuple[bool, bool]

    @classmethod
    def here(cls) -> _Place:
        variables = {name: os.environ.get(name) for name in _VARIABLES}
        paths = tuple(path.resolve() for path in plugins.used_paths())
        return cls(os.getcwd(), variables, paths, (WANTED.quiet, WANTED.verbose))

    def enter(self) -> None:
        """Work as the command that asked does.

        Raises
        ------
        ToolError
            This machine does not have the command's folder.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ToolError(
                f"every worker must see the folder {self.folder}, but {os.uname().nodename} does not "
                f"({error.strerror}); call tritag in a folder that all machines share"
            ) from error
        for name, value in self.variables.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        WANTED.quiet, WANTED.verbose = self.verbosity


def run_tasks(
    tasks: Sequence[Task], farm: Farm, report: Report | None = None
) -> Iterator[tuple[Task, Exception | None]]:
    """Do tasks, and give each with its error, or None, as it ends.

    What comes after a task is done before others that wait, and not at all when that one fails: then it has the same
    error.

    A single process works in this one; more are workers of a Dask cluster (:mod:`tritag.farm`). Whoever stops to
    iterate ends those under way.

    Parameters
    ----------
    farm : Farm
        Where they are done.
    report : callable, optional
        Told how many units more are done, while tasks run; in all those of ``Task.units``.

    Raises
    ------
    ToolError
        The scheduler cannot be reached or went away, or a package is missing.
    """
    said = _Said(report or (lambda number: None))
    with suppress(OSError), temporary_folder():  # sweeps what the cluster of a killed command has left
        pass
    order = Order(tasks)
    if farm.in_process(len(tasks)):
        yield from _one_by_one(tasks, order, said)
    elif tasks:
        with connect(farm, len(tasks)) as farmed:
            yield from _farmed_out(tasks, order, farmed, said)


def _one_by_one(tasks: Sequence[Task], order: Order, said: _Said) -> Iterator[tuple[Task, Exception | None]]:
    waiting = deque(order.first)
    while waiting:
        number, error = waiting.popleft(), None
        try:
            tasks[number].work(lambda units, number=number: said.partly(number, units), *tasks[number].arguments)
        except Exception as raised:
            error = raised
        begin, lost = order.ended(number, error)
        waiting.extendleft(reversed(begin))
        yield from ((said.ended(tasks, ended), error) for ended in (number, *lost))


@dataclass
class _Said:
    """Units that are done: what a task reports on its way, and at its end what it has not reported."""

    report: Report
    reported: dict[int, int] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)

    def partly(self, number: int, units: int) -> None:
        if number not in self.over:
            self.reported[number] = self.reported.get(number, 0) + units
            self.report(units)

    def ended(self, tasks: Sequence[Task], number: int) -> Task:
        self.over.add(number)
        self.report(tasks[number].units - self.reported.get(number, 0))
        return tasks[number]


def _farmed_out(
    tasks: Sequence[Task], order: Order, farmed: Farmed, said: _Said
) -> Iterator[tuple[Task, Exception | None]]:
    client, name = farmed.client, f"tritag-{token_hex(8)}"
    heard: SimpleQueue[tuple[int, int] | Future] = SimpleQueue()
    client.subscribe_topic(name, lambda event: heard.put(tuple(event[1])))
    place = _Place.here()
    waiting: dict[Hashable, tuple[int, Future]] = {}

    def begin(numbers: Sequence[int], priority: int) -> None:
        futures = client.map(
            _perform,
            [place] * len(numbers),
            [(name, number) for number in numbers],
            [pickle.dumps(tasks[number]) for number in numbers],
            [_version(tasks[number].target) for number in numbers],
            key=[(name, number) for number in numbers],
            pure=False,
            priority=priority,
        )
        waiting.update({future.key: (number, future) for number, future in zip(numbers, futures, strict=True)})
        for future in futures:
            future.add_done_callback(heard.put)

    try:
        begin(order.first, 0)
        while waiting:
            event = _next(heard, farmed)
            if isinstance(event, tuple):
                said.partly(*event)
                continue
            number, future = waiting.pop(event.key)  # which a scheduler then forgets: nobody does it again
            error = _error_of(future, tasks[number], farmed)
            followers, lost = order.ended(number, error)
            if followers:
                begin(followers, 1)
            yield from ((said.ended(tasks, ended), error) for ended in (number, *lost))
    finally:
        client.unsubscribe_topic(name)
        client.cancel([future for _, future in waiting.values()])  # what nobody waits for any more


def _next(heard: SimpleQueue[Any], farmed: Farmed) -> Any:
    """The next thing that happens; who waits long for workers is told so."""
    from queue import Empty

    while True:
        try:
            return heard.get(timeout=_PATIENCE_S)
        except Empty:
            if farmed.client.status not in ("running", "connecting"):
                raise ToolError(f"{farmed.name} must stay until the work is done, but went away; {_AGAIN}") from None
            if not farmed.client.scheduler_info()["workers"]:
                print_progress(f"waiting for workers of {farmed.name}")


_AGAIN = "run the same command again, what is finished is kept"


def _error_of(future: Future, task: Task, farmed: Farmed) -> Exception | None:
    from distributed import KilledWorker

    if future.status in ("finished", "lost"):  # lost: its worker died after it was done
        return None if _is_seen(task.target) else _unseen(task)
    if future.status != "error":
        raise ToolError(f"{farmed.name} must stay until the work is done, but went away; {_AGAIN}")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return ToolError(
            f"{task.name}: its worker process died {farmed.attempts} times (killed, out of memory, or without "
            "this tritag: see its log); give it more memory, or fewer processes at a time"
        )
    return error if isinstance(error, Exception) else ToolError(f"{task.name}: {error}")


def _is_seen(target: Path) -> bool:
    until = time.monotonic() + _LATE_S
    while not target.exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
        os.scandir(target.parent if target.parent.is_dir() else ".").close()  # lets a network's file system look again
    return True


def _unseen(task: Task) -> ToolError:
    return ToolError(
        f"{task.name} was done, but {task.target} is not seen here; workers and command must share the folders of "
        "runs and cache (TRITAG_RUNS, TRITAG_CACHE)"
    )


def _version(target: Path) -> tuple[int, int] | None:
    """What is another one when a file has been written again, and None while there is none."""
    with suppress(OSError):
        found = target.stat()
        return found.st_ino, found.st_mtime_ns
    return None


def _perform(place: _Place, address: tuple[str, int], packed: bytes, before: tuple[int, int] | None) -> None:
    """Do a task in a worker process: one at a time, since folder and variables belong to the process.

    The task comes packed: a worker that lacks a module of it would end, where this says so.
    """
    from distributed import get_worker

    topic, number = address
    worker = get_worker()
    with _ONE_AT_A_TIME:
        place.enter()
        with plugins.one_call():
            plugins.use(place.plugins)
            task: Task = pickle.loads(packed)
            if _version(task.target) not in (None, before):  # done by a worker that died before anybody heard of it
                return
            task.work(lambda units: worker.log_event(topic, (number, units)), *task.arguments)
