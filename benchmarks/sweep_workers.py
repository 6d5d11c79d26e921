"""How much faster a sweep is with more processes: the same points with each number, each time from nothing.

    python -m benchmarks.sweep_workers --processes 1 2

prints points per hour, and the efficiency: the wall time with one process over n times that with n. The jets are those
of the sample in ``data/sample``; every call is a process of its own with an empty runs folder, starts its workers, and
writes its table, all of which counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.jets import SAMPLE

RATES = (0.001, 0.002, 0.004, 0.008)
SWEEP = """
data: {data}
axes:
  tagger: [transformer-2k]
  constituents: [8, 16]
  precision: [float]
  training.learning_rate: {rates}
settings: [training.iterations={steps}, training.batch_size=200, training.validate_every={steps}]
objectives: [auc]
"""


def sweep_s(processes: int, steps: int) -> tuple[float, float, bytes]:
    """Wall time and processor time of a whole sweep, and its table."""
    with tempfile.TemporaryDirectory() as folder:
        path, runs = Path(folder) / "workers.yaml", Path(folder) / "runs"
        path.write_text(SWEEP.format(data=SAMPLE, rates=list(RATES), steps=steps))
        variables = {**os.environ, "TRITAG_RUNS": str(runs), "OMP_NUM_THREADS": "1"}
        tritag = shutil.which("tritag", path=str(Path(sys.executable).parent)) or "tritag"
        call = [tritag, "sweep", str(path), "--processes", str(processes)]
        before, began = os.times(), time.monotonic()
        done = subprocess.run(call, env=variables, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            sys.exit(done.stderr.decode())
        wall, after = time.monotonic() - began, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        (table,) = runs.glob("sweeps/*/table.csv")
        return wall, cpu, table.read_bytes()


def main() -> None:
    """Print the table of docs/farm.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=3000, help="Steps of each of the eight trainings.")
    options = parser.parse_args()
    points, first, table = 2 * len(RATES), None, None
    print("| processes | wall time | processor time | points per hour | efficiency | table |")  # noqa: T201
    print("|---|---|---|---|---|---|")  # noqa: T201
    for n in options.processes:
        wall, cpu, content = sweep_s(n, options.steps)
        first, table = first or n * wall, table or content
        same = "the same bytes" if content == table else "OTHER BYTES"
        per_hour, efficiency = 3600 * points / wall, first / (n * wall)
        print(f"| {n} | {wall:.0f} s | {cpu:.0f} s | {per_hour:.0f} | {efficiency:.2f} | {same} |", flush=True)  # noqa: T201
        if content != table:
            sys.exit("the table depends on the number of processes")


if __name__ == "__main__":
    main()
