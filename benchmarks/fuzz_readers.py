"""Damage files of every format at random and read each in a process of its own (docs/reliability.md).

    python -m benchmarks.fuzz_readers --files 6600 --out fuzz.jsonl

A read must end within 10 s and 2 GiB, either with what was in the whole file, with other content (of foreign formats
that carry no checksum), or with an error of tritag: one line, exit status 2. Tracebacks, crashes, hangs and memory
beyond are faults; the files that show them are kept beside the results. What is in ``--out`` already is not done again.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.fuzz_cases import CASES, write_seeds
from benchmarks.fuzz_mutations import mutate
from tritag.errors import TritagError, printable

LIMIT_BYTES = 2 << 30
LIMIT_S = 10.0
LINE_MAX = 1000
OUTCOMES = ("same", "other", "refused", "traceback", "crash", "hang", "memory", "long message")
FAULTS = OUTCOMES[3:]


@dataclass(frozen=True)
class Result:
    """What reading one damaged file ended with; ``text`` is the message."""

    format: str
    index: int
    outcome: str
    text: str
    seconds: float
    rss_bytes: int


def read_in_child(read: object, path: Path, limit_s: float = LIMIT_S) -> tuple[str, str, float, int]:
    """Read a file in a forked process of bounded memory and time; outcome, text, seconds, largest memory."""
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _read_and_leave(read, path, writing)
    os.close(writing)
    try:
        content, alive = _listen(reading, began + limit_s)
    finally:
        os.close(reading)
    if alive:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds, rss = time.monotonic() - began, usage.ru_maxrss * 1024
    outcome, _, text = content.decode(errors="replace").partition(" ")
    if alive:
        outcome = "hang"
    elif os.WIFSIGNALED(status) or not outcome:
        outcome, text = "crash", f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "no answer"
    elif rss > LIMIT_BYTES:
        outcome = "memory"
    elif outcome == "refused" and (len(text) > LINE_MAX or "\n" in text or not text.isprintable()):
        outcome = "long message"
    return outcome, text, seconds, rss


def _read_and_leave(read: object, path: Path, writing: int) -> None:
    """Never returns: the child must not go on with the parent's work."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = LIMIT_BYTES + pages * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # what libraries print is none of the message
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            answer = f"same {read(path)}"  # type: ignore[operator]
        except TritagError as error:
            answer = f"refused {printable(str(error))}"  # as the command line prints it
        except BaseException:
            answer = f"traceback {traceback.format_exc()}"
        os.write(writing, answer.encode(errors="replace")[:60_000])
    finally:
        os._exit(0)


def _listen(reading: int, until: float) -> tuple[bytes, bool]:
    """What the child writes until it ends, and whether it still runs when the time is over."""
    content = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return content, True
        part = os.read(reading, 65536)
        if not part:
            return content, False
        content += part


def fuzz(
    n_files: int, seed: int, folder: Path, formats: Sequence[str] = tuple(CASES), done: Counter[str] | None = None
) -> Iterator[Result]:
    """Damage and read ``n_files`` in all, as many of each format; results as they come.

    Parameters
    ----------
    folder : Path
        Gets the whole files, and those that showed a fault.
    done : Counter, optional
        Files of each format that are not done again.
    """
    seeds = folder / "whole"
    write_seeds(seeds)
    for name in formats:
        case = CASES[name]
        whole = (seeds / case.file).read_bytes()
        outcome, expected, *_ = read_in_child(case.read, seeds / case.file)
        if outcome != "same":
            raise RuntimeError(f"{name}: the whole file must be read, got {outcome} {expected}")
        for index in range(done[name] if done else 0, n_files // len(formats)):
            rng = random.Random(f"{seed} {name} {index}")
            path = seeds / f"damaged-{index}-{case.file}"
            path.write_bytes(mutate(case.file, whole, rng))
            outcome, text, seconds, rss = read_in_child(case.read, path)
            if outcome == "same" and text != expected:
                outcome = "other"
            if outcome in FAULTS or (outcome == "other" and case.own):
                path.rename(folder / path.name)
            path.unlink(missing_ok=True)
            shutil.rmtree(path.with_name(f"{path.name}.folder"), ignore_errors=True)
            yield Result(name, index, outcome, text, seconds, rss)


def table(results: Sequence[Result]) -> str:
    """Outcomes by format as a Markdown table."""
    lines = [
        f"| format | files | {' | '.join(OUTCOMES)} | longest | largest |",
        f"|---|{'---|' * (len(OUTCOMES) + 3)}",
    ]
    groups = [*dict.fromkeys(result.format for result in results), "all"]
    for name in groups:
        some = [result for result in results if name in (result.format, "all")]
        counts = Counter(result.outcome for result in some)
        cells = [str(counts[outcome]) for outcome in OUTCOMES]
        longest, largest = max(r.seconds for r in some), max(r.rss_bytes for r in some)
        lines.append(f"| {name} | {len(some)} | {' | '.join(cells)} | {longest:.1f} s | {largest / 2**20:.0f} MiB |")
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="JSON lines of results; goes on where they end.")],
    files: Annotated[int, typer.Option(min=len(CASES), help="Damaged files in all.")] = 6600,
    seed: Annotated[int, typer.Option(min=0, help="Of the damage.")] = 1,
) -> None:
    """Fuzz all readers and print the table; exit status 1 when there was a fault."""
    results = [Result(**json.loads(line)) for line in out.read_text().splitlines()] if out.is_file() else []
    done = Counter(result.format for result in results)
    faults = out.with_suffix(".faults")
    with tempfile.TemporaryDirectory() as runs, out.open("a") as log:
        os.environ["TRITAG_RUNS"] = runs
        for result in fuzz(files, seed, faults, done=done):
            log.write(json.dumps(vars(result) | {"text": result.text[:2000]}) + "\n")
            log.flush()
            results.append(result)
    print(table(results))  # noqa: T201
    if any(result.outcome in FAULTS or (result.outcome == "other" and CASES[result.format].own) for result in results):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
