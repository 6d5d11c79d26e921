"""Random kill -9 over the commands of a run: after each, the same command goes on, and ends with the same bytes.

``python -m benchmarks.kills [--kills 200] [--seed 1] [--steps train,export] [--folder kills]`` takes the smallest
tagger from jets to Verilog without a break, and keeps the folder as it was after each command. Then, again and again,
it kills one command at a random moment of its measured duration, runs it once more as if nothing had happened, and
compares all bytes. What differed or stayed behind (a process, a lock, a temporary file) is a fault: it is printed, and
the exit status is 1. Each kill is a line of ``kills.jsonl`` in the folder: interrupted, the same call goes on. The
folder of the work has a blank and a quote in its name. Three quarters of the kills find what they would compile in the
cache. While it runs, the sources must not change: the runs would notice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.killed_commands import end, kill_after, prepare, start, survivors
from tritag.terminal import print_result

JETS = """seed: 5
train: {signal: 16, background: 16}
val: {signal: 6, background: 6}
test: {signal: 6, background: 6}
detector: none
multiparton_interactions: false
pt_hat_min_gev: 150.0
jet_pt_min_gev: 200.0
jet_pt_max_gev: 1000.0
jets_per_event: 2
events_per_batch: 40
jets_per_shard: 14
"""
TAGGER = """network: kills_tagger.py:Smallest
training: {batch_size: 32, iterations: 8, validate_every: 4, checkpoint_every_s: 0.001}
"""
STUDY = """data: sets/tiny.h5
firmware: true
rows:
  - {tagger: smallest.yaml, constituents: 1, precision: float}
  - {tagger: smallest.yaml, constituents: 1, precision: int8}
"""
STEPS: dict[str, list[str]] = {
    "data make": ["data", "make", "tiny.yaml", "--out", "sets/tiny.h5", "--processes", "2"],
    "train": ["train", "smallest.yaml", "-K", "1", "--precision", "int8", "--data", "sets/tiny.h5"],
    "export": ["export", "smallest"],
    "csim": ["csim", "smallest"],
    "verify": ["verify", "smallest", "--n-max", "12"],
    "rtl": ["rtl", "smallest", "--jets", "2"],
    "study": ["study", "study.yaml", "--processes", "1"],
}
# The states in which a command finds its folder: that after these commands.
_BEFORE = {"data make": None, "study": "data make"}
# Kills of each command in a round: those that compile, or start processes, take many times longer than the others.
_SHARES = {"train": 12, "export": 12, "verify": 10, "csim": 5, "rtl": 4, "study": 4, "data make": 3}
# What two runs of the same content may differ in: seconds, where a broken training went on, and the digest of a file
# with these in it (what it seals is compared).
_VARYING = {"jets_per_s", "compile_s", "seconds", "resumed_at", "sha256"}
_COMPILED = ("csim", "rtl")


class Folder:
    """Where the commands run, and what their states are; a blank and a quote stand in its path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work, self.log = root / "it's at work", root / "output.log"

    def begin(self, jets: Path | None) -> None:
        """Make the state before all commands, with a jet file where there is one already."""
        self.work.mkdir(parents=True)
        if jets is not None:
            (self.work / "sets").mkdir()
            shutil.copy(jets, self.work / "sets" / "tiny.h5")
        for name, text in {"tiny.yaml": JETS, "smallest.yaml": TAGGER, "study.yaml": STUDY}.items():
            (self.work / name).write_text(text, encoding="utf-8")
        shutil.copy(Path(__file__).with_name("kills_tagger.py"), self.work)

    def keep(self, state: str) -> None:
        """Keep the state under a name."""
        target, aside = self.root / "states" / state, self.root / "states" / "unfinished"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(self.work, aside, symlinks=True)
        aside.rename(target)

    def restore(self, state: str) -> None:
        """Go back to a state, in which files have the times that they had."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.root / "states" / state, self.work, symlinks=True)

    def command(self, name: str) -> int:
        """Start a command."""
        return start(self.work, STEPS[name], self.log)

    def contents(self) -> dict[str, str]:
        """Digest of every file of runs and jets, and the names of everything else."""
        found = {}
        for path in sorted(p for p in self.work.rglob("*") if p.is_file() or p.is_symlink()):
            name = str(path.relative_to(self.work))
            if name.startswith("cache/digests/"):  # kept of files that have rested alone
                continue
            found[name] = "" if name.startswith("cache/") or "/logs/" in name else _digest(path)
        return found


def _digest(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        lines = [data] if path.suffix == ".json" else data.splitlines()
        data = json.dumps([_steady(json.loads(line)) for line in lines], sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in _VARYING}
    return [_steady(item) for item in value] if isinstance(value, list) else value


def unbroken(folder: Folder, steps: list[str], jets: Path | None = None) -> dict[str, float]:
    """Run what is needed without a kill, keep the states, and return the seconds that each command took."""
    notes = folder.root / "seconds.json"
    seconds: dict[str, float] = json.loads(notes.read_text()) if notes.is_file() else {}
    wanted = [name for name in STEPS if name in steps or (name != "study" and name != "rtl")]
    last = max(wanted.index(name) for name in steps)
    for name in wanted[: last + 1]:
        for state in (name, f"{name} compiled"):
            if state in seconds or (state != name and name not in (*_COMPILED, "study")):
                continue
            before = "begin" if name == "data make" else _BEFORE.get(name) or _previous(name)
            if not (folder.root / "states" / "begin").is_dir():
                folder.begin(jets)
                folder.keep("begin")
            folder.restore(before)
            if state != name:
                _put_cache(folder, name)
            began = time.monotonic()
            given = name == "data make" and jets is not None
            if not given and end(folder.command(name)):
                raise SystemExit(f"{name} must run without a kill first, but failed; see {folder.log}")
            spent = round(time.monotonic() - began, 2)
            if stayed := leftovers(folder):
                raise SystemExit(f"{name} left {', '.join(stayed)} without a kill")
            folder.keep(state)
            seconds[state] = spent
            notes.write_text(json.dumps(seconds), encoding="utf-8")
            print_result(f"{state}: {spent} s")
    return seconds


def _previous(name: str) -> str:
    return list(STEPS)[list(STEPS).index(name) - 1]


def _put_cache(folder: Folder, name: str) -> None:
    """Put what was compiled before into the cache of the folder."""
    shutil.copytree(folder.root / "states" / name / "cache", folder.work / "cache", dirs_exist_ok=True)


def leftovers(folder: Folder) -> list[str]:
    """What stayed behind: processes, folders of locks and temporary files, files of other programs."""
    files = [*folder.work.rglob(".tritag"), *(folder.work / "tmp").rglob("*")]
    return survivors() + [f"{path.relative_to(folder.work)}" for path in files]


def attack(folder: Folder, name: str, rng: random.Random, seconds: dict[str, float]) -> dict[str, Any]:
    """Kill one command, run it again, and tell what was wrong."""
    warm = name in (*_COMPILED, "study") and rng.random() < 3 / 4
    state = f"{name} compiled" if warm else name
    while True:
        folder.restore("begin" if name == "data make" else _BEFORE.get(name) or _previous(name))
        if warm:
            _put_cache(folder, name)
        moment = rng.uniform(0, seconds[state])
        process = folder.command(name)
        if kill_after(process, moment):
            break
    begun = sum(path.is_file() for path in folder.work.rglob("*"))
    began = time.monotonic()
    status = end(folder.command(name))
    wrong = [f"status {status}"] if status else []
    stayed = leftovers(folder)
    with_expected = folder.root / "expected" / f"{state}.json"
    if not with_expected.is_file():
        with_expected.parent.mkdir(exist_ok=True)
        kept = Folder(folder.root)
        kept.work = folder.root / "states" / state
        with_expected.write_text(json.dumps(kept.contents()), encoding="utf-8")
    expected, given = json.loads(with_expected.read_text(encoding="utf-8")), folder.contents()
    wrong += [f"{k} differs" for k in sorted(expected.keys() | given) if expected.get(k) != given.get(k)]
    return {
        "step": name, "compiled": warm, "after_s": round(moment, 3), "of_s": seconds[state], "files": begun,
        "again_s": round(time.monotonic() - began, 2), "wrong": wrong, "stayed": stayed,
    }  # fmt: skip


def summary(kills: list[dict[str, Any]]) -> list[str]:
    """A line for each command, as a row of a table."""
    lines = ["| command | kills | moments | other bytes or status | left behind |", "|---|---|---|---|---|"]
    for name in [*(s for s in STEPS if any(k["step"] == s for k in kills)), "all"]:
        some = [k for k in kills if name in (k["step"], "all")]
        moments = [k["after_s"] for k in some]
        wrong, stayed = (sum(bool(k[key]) for k in some) for key in ("wrong", "stayed"))
        lines.append(f"| {name} | {len(some)} | {min(moments):.2f} to {max(moments):.2f} s | {wrong} | {stayed} |")
    return lines


def main() -> int:
    """Kill, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("kills"))
    parser.add_argument("--steps", default=",".join(STEPS), help="commands to kill")
    parser.add_argument("--jets", type=Path, help="a jet file, in place of one that is made; for a quick look")
    arguments = parser.parse_args()
    steps = arguments.steps.split(",")
    if unknown := set(steps) - set(STEPS):
        parser.error(f"--steps must be of {', '.join(STEPS)}, got {', '.join(unknown)}")
    folder = Folder(arguments.folder.resolve())
    folder.root.mkdir(parents=True, exist_ok=True)
    prepare(steps)
    seconds = unbroken(folder, steps, arguments.jets)
    log = folder.root / "kills.jsonl"
    kills = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    places = sorted(((i + 0.5) / share, name) for name, share in _SHARES.items() for i in range(share))
    order = [name for _, name in places if name in steps]
    while len(kills) < arguments.kills:
        rng = random.Random(f"{arguments.seed} {len(kills)}")
        kills.append(attack(folder, order[len(kills) % len(order)], rng, seconds))
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kills[-1]) + "\n")
        if kills[-1]["wrong"] or kills[-1]["stayed"]:
            print_result(f"kill {len(kills)}: {json.dumps(kills[-1])}")
    for line in summary(kills):
        print_result(line)
    return int(any(kill["wrong"] or kill["stayed"] for kill in kills))


if __name__ == "__main__":
    sys.exit(main())
