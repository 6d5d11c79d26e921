"""The taggers of ``examples/taggers`` from training to simulated Verilog, by the command line alone.

``python -m benchmarks.bring_your_own [TAGGER ...] [-K 16] [--data top-demo] [--iterations 500] [--jets 10000]
[--rtl-jets 1000]`` runs ``tritag train``, ``export``, ``csim``, ``verify`` and ``rtl`` of each and
prints the commands, then a table: jets compared by ``verify`` and in Verilog with how many of them differ, estimated
LUTs, cycles, seconds. It ends with status 1 when an integer differs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritag.errors import CheckFailed
from tritag.terminal import print_progress, print_result, print_table

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "taggers"
NAMES = tuple(path.stem for path in sorted(FOLDER.glob("*.yaml")))
Call = Callable[[Sequence[str]], Any]


@dataclass(frozen=True)
class Row:
    """A tagger that went the whole way.

    Attributes
    ----------
    tagger : str
        Its name.
    auc : float
        Of the test split, after the quantized training.
    golden, jets, simulated : int
        Jets compared by ``csim``, by every executor of ``verify``, and in simulated Verilog.
    differ : int
        Those that gave another integer, in all three together.
    distinct : int
        Distinct outputs of the jets that ``verify`` compared.
    lut, cycles : int
        Estimated LUTs, and measured cycles from a jet's first beat to its answer.
    seconds : float
        From the first command to the end of the last one.
    """

    tagger: str
    auc: float
    golden: int
    jets: int
    simulated: int
    differ: int
    distinct: int
    lut: int
    cycles: int
    seconds: float


def command_line(arguments: Sequence[str]) -> Any:
    """Run ``tritag`` as a user does and return the JSON that it prints with ``--json``."""
    program = Path(sys.executable).with_name("tritag")
    done = subprocess.run([str(program), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise CheckFailed(f"tritag {shlex.join(arguments)} must end with status 0, got {done.returncode}")
    return json.loads(done.stdout) if "--json" in arguments else None


def whole_way(
    tagger: Path,
    call: Call = command_line,
    train: Sequence[str] = (),
    verify: Sequence[str] = (),
    rtl: Sequence[str] = (),
) -> Row:
    """Train, export, csim, verify and rtl of a tagger's YAML file; ``call`` runs a command and returns its JSON."""
    start = time.perf_counter()
    trained = call(["train", str(tagger), *train, "--json"])
    run = trained["run"]
    call(["export", run])
    csim = call(["csim", run, "--json"])
    verdicts = call(["verify", run, *verify, "--json"])
    verilog = call(["rtl", run, *rtl, "--json"])
    scenarios = verilog["scenarios"].values()
    differ = csim["golden"]["differ"] + sum(v["differ"] for v in verdicts) + sum(s["differ"] for s in scenarios)
    return Row(
        tagger.stem,
        trained["test"]["auc"]["value"],
        csim["golden"]["jets"],
        min(v["jets"] for v in verdicts),
        sum(s["jets"] for s in scenarios),
        differ,
        verdicts[0]["strength"]["outputs"],
        verilog["estimate"]["lut"],
        verilog["latency_cycles"],
        time.perf_counter() - start,
    )


def main() -> int:
    """Print the commands and the table."""
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taggers", nargs="*", default=list(NAMES))
    parser.add_argument("-K", "--constituents", default="16")
    parser.add_argument("--data", default="top-demo")
    parser.add_argument("--iterations", default="500")
    parser.add_argument("--jets", default="10000")
    parser.add_argument("--rtl-jets", default="1000")
    given = parser.parse_args()

    def told(arguments: Sequence[str]) -> Any:
        print_progress(f"tritag {shlex.join(arguments)}")
        return command_line(arguments)

    train = ["--data", given.data, "-K", given.constituents, "--iterations", given.iterations]
    rows = [
        whole_way(FOLDER / f"{name}.yaml", told, train, ["--n-max", given.jets], ["--jets", given.rtl_jets])
        for name in given.taggers
    ]
    table = Table(
        "tagger",
        "AUC",
        "csim",
        "verify",
        "Verilog",
        "differ",
        "distinct outputs",
        "LUT (estimate)",
        "cycles",
        "seconds",
    )
    for r in rows:
        jets = (f"{n:,}" for n in (r.golden, r.jets, r.simulated, r.differ, r.distinct, r.lut))
        table.add_row(r.tagger, f"{r.auc:.4f}", *jets, str(r.cycles), f"{r.seconds:.0f}")
    for column in table.columns:
        column.overflow = "fold"
    print_table(table)
    wrong = sum(r.differ for r in rows)
    print_result(f"{wrong} integers differ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
