"""Jobs: tasks of which each that failed keeps its error in the runs folder, until it is asked for again."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import RunError, TritagError, one_line
from tritag.farm import Farm
from tritag.files import write_json
from tritag.pipeline.points.call import Call
from tritag.progress import Progress
from tritag.structured import read_json
from tritag.task import Task, Work
from tritag.tasks import run_tasks
from tritag.terminal import print_progress

FOLDER = "points"


@dataclass(frozen=True)
class Job:
    """A task and how to see that it was done.

    Attributes
    ----------
    name : str
        Names it in messages, and the file of its error; equal names are one job.
    target : Path
        The file that it writes last.
    work : callable
        As in :class:`tritag.tasks.Task`.
    arguments : tuple
        For ``work``.
    is_done : callable
        Whether it need not be done; by default whether ``target`` is there.
    after : str, optional
        Name of a job before it in the list, without which it cannot be done.
    anew : bool
        It is done whatever there is, and whatever it came to before.
    """

    name: str
    target: Path
    work: Work
    arguments: tuple[object, ...]
    is_done: Callable[[], bool] | None = None
    after: str | None = None
    anew: bool = False

    def done(self) -> bool:
        """Whether it need not be done."""
        if self.anew:
            return False
        return self.target.is_file() if self.is_done is None else self.is_done()


def do_jobs(jobs: Iterable[Job], farm: Farm, title: str, unit: str, retry: bool = False) -> dict[str, str]:
    """Do what is not done yet, each once, and keep the errors of those that fail.

    Parameters
    ----------
    title, unit : str
        What is shown as progress.
    retry : bool
        Try again what has failed in an earlier call.

    Returns
    -------
    dict
        Error of each job that failed, in this call or before it, and of what comes after one of them.
    """
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.name, job)
    unique = list(first.values())
    failed: dict[str, str] = {}
    waiting: list[Job] = []
    for job in unique:
        if job.done():
            continue
        known = None if retry or job.anew else failure_of(job.name)
        if job.after is not None and job.after in failed:
            failed[job.name] = failed[job.after]
        elif known is not None:
            failed[job.name] = known
        else:
            waiting.append(job)
    done = len(unique) - len(waiting)
    tasks = {Task(job.name, job.target.resolve(), job.work, job.arguments, after=job.after): job for job in waiting}
    with Progress(title, len(unique), unit, done=done) as shown:
        for task, error in run_tasks(list(tasks), farm, shown.advance):
            name = tasks[task].name
            if error is None:
                _error_file(name).unlink(missing_ok=True)
            elif task.after in failed:
                failed[name] = failed[task.after]
            else:
                failed[name] = _keep(name, error)
    return failed


def failure_of(name: str) -> str | None:
    """The error that a job has left, in an earlier call or this one; None where it has left none."""
    path = _error_file(name)
    if not path.is_file():
        return None
    try:
        content = read_json(path, RunError, "remove it")
    except RunError:  # then it is tried again
        return None
    return str(content["error"]) if isinstance(content, dict) and "error" in content else None


def _error_file(name: str) -> Path:
    return runs_root() / FOLDER / f"{name}.failed.json"


def _keep(name: str, error: Exception) -> str:
    """Write down an error; the lines of a fault of tritag itself stand beside it."""
    text = str(error) if isinstance(error, TritagError) else f"{type(error).__name__}: {one_line(str(error))}"
    lines = [] if isinstance(error, TritagError) else traceback.format_exception(error)
    write_json(_error_file(name), {"name": name, "error": text, "traceback": "".join(lines)})
    print_progress(f"{name} failed: {text}")
    return text


def require_none(failed: dict[str, str], of: int, call: Call) -> None:
    """Raise when jobs have failed.

    Parameters
    ----------
    of : int
        How many there were.
    call : Call
        What had them done.

    Raises
    ------
    RunError
        With the first error, where the others are, and the call that tries them again.
    """
    if failed:
        name, text = next(iter(failed.items()))
        raise RunError(
            f"{len(failed)} of {of} trainings and checks failed, and their errors are kept in {runs_root() / FOLDER}; "
            f"the first, {name}: {text}; mend it and call {call.advice('retry')}, which tries them again"
        )
