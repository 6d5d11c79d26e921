"""Memory and time of ``tritag data join`` and ``convert``: the memory must hardly grow with the number of jets.

    python -m benchmarks.join_many_jets --jets 1000000 2000000

For each number two files of random jets are made, joined with splits, and the joint file is converted, each in a
process of its own. "Own" is what the process took for itself (anonymous memory, the most at any time); what it mapped
from its files the system may drop at will. One JSON line each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.train_from_disk import parts
from tritag.data.jets.parts import write_parts
from tritag.terminal import print_result


def measured(call: list[str]) -> tuple[float, float]:
    """Seconds, and MB of own memory at most, of a call of tritag."""
    began, most = time.perf_counter(), 0.0
    process = subprocess.Popen([Path(sys.executable).with_name("tritag"), *call], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
        most = max([most, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))])
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.perf_counter() - began, most


def main() -> None:
    """Make files, join and convert them, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jets", type=int, nargs="+", default=[1_000_000, 2_000_000])
    for n_jets in parser.parse_args().jets:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            one, two, both, copy = (Path(folder) / f"{name}.h5" for name in ("one", "two", "both", "copy"))
            write_parts(one, parts(n_jets // 2))
            write_parts(two, parts(n_jets // 2, first=n_jets))
            line = {"jets": n_jets}
            for name, call in (
                ("join", ["data", "join", str(one), str(two), "--splits", "0.8/0.1/0.1", "--out", str(both)]),
                ("convert", ["data", "convert", str(both), str(copy)]),
            ):
                seconds, own_mb = measured(call)
                line |= {f"{name}_s": round(seconds, 1), f"{name}_own_mb": round(own_mb)}
        print_result(json.dumps(line))


if __name__ == "__main__":
    main()
