"""Random kill -9 over the commands of a run: after each, the same command goes on, and ends with the same bytes.

``python -m benchmarks.kills --kills 200 [--seed 1] [--folder kills]`` makes tiny jets, a tiny tagger, its export,
C-simulation, bit check and Verilog without a break, notes the bytes, and then again and again kills one of the
commands (and everything that it started) at a random moment, runs it once more, and compares. What is counted is kept
in the folder: interrupted, the same call goes on. It ends with status 1 when anything differed or stayed behind: a
process, a lock, a temporary file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tritag.files import write_json
from tritag.terminal import print_result

RUN = "transformer-2k-k2-int8"
TRAIN = ["train", "transformer-2k", "-K", "2", "--precision", "int8", "--data", "sets/tiny.h5"]
TRAIN += ["--iterations", "30", "--set", "training.batch_size=32", "--set", "training.micro_batch=32"]
JETS = """seed: 5
pt_hat_min_gev: 500.0
train: {signal: 40, background: 40}
val: {signal: 20, background: 20}
test: {signal: 20, background: 20}
jets_per_shard: 40
"""
STEPS: dict[str, list[str]] = {
    "data make": ["data", "make", "tiny.yaml", "--out", "sets/tiny.h5"],
    "train": TRAIN,
    "export": ["export", RUN],
    "csim": ["csim", RUN],
    "verify": ["verify", RUN, "--n-max", "100"],
    "rtl": ["rtl", RUN, "--jets", "20"],
}
# Seconds, software and machine: what two runs of the same content may differ in.
_VARYING = {"provenance.json", "csim.json"}
# the digest in a file of seconds varies with them; what it seals is compared
_VARYING_KEYS = ("jets_per_s", "compile_s", "seconds", '"sha256"')


def call(folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a command of tritag in ``folder``, with runs and cache of its own."""
    environment = {**os.environ, "TRITAG_RUNS": "runs", "TRITAG_CACHE": "cache", "KILLS_FOLDER": str(folder)}
    with (folder / "output.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", "from tritag.cli import main; main()", *arguments],
            cwd=folder, env=environment, stdout=log, stderr=log,
        )  # fmt: skip


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file of runs and sets; lines with seconds are left out of JSON."""
    found = {}
    for path in sorted([*(folder / "runs").rglob("*"), *(folder / "sets").rglob("*")]):
        if not path.is_file() or path.name in _VARYING or "logs" in path.parts:
            continue
        data = path.read_bytes()
        if path.suffix in (".json", ".jsonl"):
            lines = [_without_seconds(line) for line in data.decode().splitlines()]
            data = "\n".join(lines).encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def _without_seconds(line: str) -> str:
    if not any(key in line for key in _VARYING_KEYS):
        return line
    try:
        return json.dumps({k: v for k, v in json.loads(line).items() if k not in {*_VARYING_KEYS, "sha256"}})
    except ValueError:
        return ""


def processes(folder: Path) -> list[int]:
    """Processes that were started for ``folder``."""
    mark = f"KILLS_FOLDER={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def leftovers(folder: Path) -> list[str]:
    """What stayed behind of a killed command after it was run again."""
    deadline = time.monotonic() + 5
    while processes(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    stayed = [f"process {pid}" for pid in processes(folder)]
    return stayed + [str(p.relative_to(folder)) for p in folder.rglob(".tritag")]


def attack(folder: Path, steps: list[str], rng: random.Random, seconds: dict[str, float]) -> list[str]:
    """Kill one command, run it again, and say what is wrong."""
    name = rng.choice(steps)
    expected = contents(folder)
    _discard(folder, name)
    process = call(folder, STEPS[name])
    time.sleep(rng.uniform(0.02, 1.0) * seconds[name])
    process.kill()
    process.wait()
    status = call(folder, STEPS[name]).wait()
    wrong = [f"{name}: status {status}"] if status else []
    for later in steps[steps.index(name) + 1 :]:
        status = call(folder, STEPS[later]).wait()
        wrong += [f"{name}, then {later}: status {status}"] if status else []
    given = contents(folder)
    wrong += [f"{name}: {k} differs" for k in sorted(expected.keys() | given) if expected.get(k) != given.get(k)]
    return wrong + [f"{name}: {what} stayed" for what in leftovers(folder)]


def _discard(folder: Path, name: str) -> None:
    """Remove what a command makes, so that it has something to do; half of the caches with it."""
    for run in (folder / "runs").glob("*"):
        if name == "train":
            shutil.rmtree(run)
        elif name == "csim":
            shutil.rmtree(folder / "cache" / "csim", ignore_errors=True)
    if name == "data make":
        (folder / "sets" / "tiny.h5").unlink()


def main() -> int:
    """Run the attack and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("kills"))
    parser.add_argument("--steps", default=",".join(STEPS))
    arguments = parser.parse_args()
    folder, steps = arguments.folder.resolve(), arguments.steps.split(",")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(JETS, encoding="utf-8")
    notes = folder / "kills.json"
    kept = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {"done": 0, "wrong": [], "seconds": {}}
    for name in steps:
        began = time.monotonic()
        if name not in kept["seconds"]:
            if call(folder, STEPS[name]).wait():
                print_result(f"{name} must run without a kill first, but failed; see {folder / 'output.log'}")
                return 2
            kept["seconds"][name] = round(time.monotonic() - began, 2)
            write_json(notes, kept)
    while kept["done"] < arguments.kills:
        rng = random.Random(f"{arguments.seed} {kept['done']}")
        kept["wrong"] += attack(folder, steps, rng, kept["seconds"])
        kept["done"] += 1
        write_json(notes, kept)
        print_result(f"{kept['done']} kills, {len(kept['wrong'])} wrong")
    for line in kept["wrong"]:
        print_result(line)
    return int(bool(kept["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
