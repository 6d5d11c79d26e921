"""Tasks wherever they are done: a client of the user's own, and jobs of a batch system that a stand-in starts."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tritag.environment import default_device
from tritag.errors import ConfigError, RunError, ToolError
from tritag.farm import Farm, connect, kept
from tritag.farm_file import make_cluster, read_farm
from tritag.pipeline.points.jobs import Job, do_jobs
from tritag.task import Task
from tritag.tasks import run_tasks

FARM = """
cluster: condor
maximum: 1
options: {cores: 1, memory: 1 GB, disk: 1 GB, scheduler_options: {dashboard_address: '127.0.0.1:0', host: 127.0.0.1}}
"""
# What the batch system would do with a job: run its program, as the description says, and tell the number.
SUBMIT = """#!{python}
import re, subprocess, sys
text = open(sys.argv[1]).read()
open({log!r}, "a").write(text)
arguments = re.search(r"^Arguments = (.*)$", text, re.M | re.I)[1].strip().strip('"').replace('""', '"')
inner = re.fullmatch(r"-c '(.*)'", arguments)[1].replace("''", "'")
subprocess.Popen(["/bin/sh", "-c", inner], stdout=-3, stderr=-3, start_new_session=True)
print("1 job(s) submitted to cluster 7.")
"""


def write_own(report: Any, target: Path) -> None:
    report(1)
    target.write_text(f"{os.getpid()}|{os.environ['TRITAG_RUNS']}|{default_device()}|{Path.cwd()}")


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)


def write_and_count(report: Any, target: Path) -> None:
    with target.with_suffix(".tries").open("a") as file:
        file.write("x")
    target.touch()


def end_the_worker(report: Any, target: Path) -> None:
    with target.with_suffix(".tries").open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def fail(report: Any, target: Path) -> None:
    raise RunError(f"no {target.name} today")


def tasks_in(folder: Path, n: int, work: Any = write_own) -> list[Task]:
    return [Task(f"t{i}", folder / f"t{i}", work, (folder / f"t{i}",), 2) for i in range(n)]


def test_a_lost_worker_costs_its_own_task_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that kills its worker is tried three times; errors come back; the others are done, each once."""
    monkeypatch.setenv("TRITAG_RUNS", "some runs")
    monkeypatch.chdir(tmp_path)
    told: list[int] = []
    asked = tasks_in(tmp_path, 3)
    asked.insert(1, Task("deadly", tmp_path / "deadly", end_the_worker, (tmp_path / "deadly",), 2))
    asked.append(Task("wrong", tmp_path / "wrong", fail, (tmp_path / "wrong",), 2))
    with kept(Farm(processes=2)) as farm:
        errors = {task.name: error for task, error in run_tasks(asked, farm, told.append)}
        again = {task.name: error for task, error in run_tasks(tasks_in(tmp_path, 2), farm, told.append)}
    assert {name for name, error in errors.items() if error is None} == {"t0", "t1", "t2"}
    assert "its worker process died 3 times" in str(errors["deadly"])
    assert (tmp_path / "deadly.tries").read_text() == "xxx"
    assert str(errors["wrong"]) == "no wrong today"
    assert isinstance(errors["wrong"], RunError)
    assert set(again.values()) == {None}
    assert sum(told) == 2 * (len(asked) + 2)
    assert (tmp_path / "t0").read_text().split("|")[1:] == ["some runs", "cpu", str(tmp_path)]


def test_what_was_done_on_a_worker_that_died_is_not_done_again(tmp_path: Path) -> None:
    """Both workers die while nobody has yet taken note of what they had done."""
    asked = tasks_in(tmp_path, 4, write_and_count)
    asked.append(Task("deadly", tmp_path / "deadly", end_the_worker, (tmp_path / "deadly",), 2))
    ended: dict[str, Exception | None] = {}

    def tries(name: str) -> str:
        path = tmp_path / f"{name}.tries"
        return path.read_text() if path.exists() else ""

    for task, error in run_tasks(asked, Farm(processes=2)):
        ended[task.name] = error
        if len(ended) == 1:
            wait_until(lambda: tries("deadly") == "xxx")
    assert {name: error for name, error in ended.items() if error is None} == {f"t{i}": None for i in range(4)}
    assert "its worker process died 3 times" in str(ended["deadly"])
    assert [tries(f"t{i}") for i in range(4)] == ["x"] * 4


def write_after(report: Any, target: Path, other: Path) -> None:
    wait_until(other.exists)
    target.write_text(f"{other.exists()}")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_comes_after_a_task_waits_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """With two processes the slow task ends only when the one after the quick task is there."""
    monkeypatch.setenv("TRITAG_RUNS", "some runs")
    quick, slow, after, more = (tmp_path / name for name in ("quick", "slow", "after", "more"))
    asked = [
        Task("quick", quick, write_own, (quick,)),
        Task("slow", slow, write_after, (slow, after)),
        Task("wrong", tmp_path / "wrong", fail, (tmp_path / "wrong",)),
        Task("after", after, write_after, (after, quick), after="quick"),
        Task("more", more, write_after, (more, tmp_path / "wrong"), after="after wrong"),
        Task("after wrong", tmp_path / "x", write_own, (tmp_path / "x",), after="wrong"),
    ]
    told: list[int] = []
    ended = {task.name: error for task, error in run_tasks(asked, Farm(processes=processes), told.append)}
    assert [ended[name] for name in ("quick", "slow", "after")] == [None] * 3
    assert (after.read_text(), slow.read_text()) == ("True", "True")
    assert {str(ended[name]) for name in ("wrong", "after wrong", "more")} == {"no wrong today"}
    assert not more.exists()
    assert sum(told) == len(asked)


def test_tasks_that_would_never_begin_are_refused(tmp_path: Path) -> None:
    a, b = (Task(name, tmp_path / name, write_own, (tmp_path / name,), after=other) for name, other in ("ab", "ba"))
    for asked in ([a, b], [a, a]):
        with pytest.raises(ValueError, match="must not wait for each other"):
            list(run_tasks(asked, Farm(processes=1)))


def test_who_lacks_the_certificate_gives_no_work(tmp_path: Path) -> None:
    """Whoever runs tasks in a scheduler runs code as its owner: other users of the machine reach the port, no more."""
    intrude = (
        "import sys, distributed as d; print(d.Client(sys.argv[1], timeout=2, security={}).submit(abs, 1).result())"
    )
    with connect(Farm(processes=2), 2) as farmed:
        address = farmed.client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        for kind, with_own in (("tcp", "None"), ("tls", "d.Security.temporary()")):
            call = [sys.executable, "-c", intrude.format(with_own), f"{kind}://{address.partition('://')[2]}"]
            done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (1, "")
            assert "OSError" in done.stderr or "CommClosedError" in done.stderr
        assert farmed.client.submit(os.getpid).result(timeout=60) != os.getpid()


def test_failed_jobs_keep_their_error_until_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    farm, target = Farm(processes=1), tmp_path / "a"
    wrong, right = (Job("a", target, work, (target,)) for work in (fail, write_own))
    assert do_jobs([wrong, wrong], farm, "t", "jobs") == {"a": "no a today"}
    assert do_jobs([right], farm, "t", "jobs") == {"a": "no a today"}
    assert not target.exists()
    assert do_jobs([right], farm, "t", "jobs", retry=True) == {}
    assert target.exists()
    assert do_jobs([wrong], farm, "t", "jobs") == {}
    assert not list((tmp_path / "runs" / "points").glob("*.json"))


def test_what_comes_after_a_failed_job_has_its_error_and_none_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    farm, (a, b) = Farm(processes=1), (tmp_path / name for name in "ab")
    jobs = [Job("a", a, fail, (a,)), Job("b", b, write_own, (b,), after="a")]
    for _ in range(2):  # in the call in which it fails, and in a later one
        assert do_jobs(jobs, farm, "t", "jobs") == dict.fromkeys("ab", "no a today")
        assert [path.name for path in (tmp_path / "runs" / "points").iterdir()] == ["a.failed.json"]
    jobs[0] = Job("a", a, write_own, (a,))
    assert do_jobs(jobs, farm, "t", "jobs", retry=True) == {}
    assert b.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "must be a mapping with cluster and maximum"),
        ("cluster: pbs\nmaximum: 1\n", "cluster must be condor, slurm or PACKAGE:CLASS of a site, got 'pbs'"),
        ("cluster: slurm\nmaximum: 0\n", "maximum must be a whole number of jobs from 1 on, got 0"),
        ("cluster: slurm\nmaximum: 2\nminimum: 3\n", "minimum must not be above maximum, got 3 and 2"),
        (
            "cluster: condor\nmaximum: 1\noptions: {cores: 1}\n",
            "options must say .* a job asks for; add memory, disk",
        ),
        ("cluster: slurm\nmaxim: 1\n", "unknown key 'maxim'; did you mean 'maximum'"),
    ],
)
def test_wrong_farm_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "farm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        read_farm(path)


def test_work_is_done_in_one_place() -> None:
    with pytest.raises(ConfigError, match="got processes and scheduler; choose one"):
        Farm(processes=2, scheduler="tcp://host:1")
    with pytest.raises(ToolError, match="no Dask scheduler answers at nonsense://x"):
        list(run_tasks(tasks_in(Path("/nowhere"), 1), Farm(scheduler="nonsense://x")))


def test_a_site_without_its_package(tmp_path: Path) -> None:
    path = tmp_path / "farm.yaml"
    path.write_text("cluster: no_such_site:Cluster\nmaximum: 1\n")
    with pytest.raises(ToolError, match=r"needs the package no_such_site, which is missing .*; install no_such_site"):
        make_cluster(read_farm(path), path, tmp_path)


def test_a_farm_grows_with_later_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of a site's own, of which only the limits of its jobs are written down."""
    (tmp_path / "own_site.py").write_text(
        "asked = []\nclass Cluster:\n    scheduler_address = dashboard_link = 'nowhere'\n"
        "    def adapt(self, minimum_jobs, maximum_jobs): asked.append((minimum_jobs, maximum_jobs))\n"
        "    def close(self): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("distributed.Client", lambda cluster, **_: nullcontext(cluster))
    path = tmp_path / "farm.yaml"
    path.write_text("cluster: own_site:Cluster\nminimum: 3\nmaximum: 50\n")
    with kept(Farm(file=path)) as farm:
        for n_tasks in (2, 5, 4, 60, 70):
            with connect(farm, n_tasks):
                pass
    assert import_module("own_site").asked == [(2, 2), (3, 5), (3, 50)]


def test_jobs_of_a_batch_system(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job's script starts a worker with a timeout; a stand-in for condor_submit runs it, and the work is done."""
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    monkeypatch.setenv("TRITAG_RUNS", "some runs")
    monkeypatch.chdir(tmp_path)
    tools, log = tmp_path / "bin", tmp_path / "submitted"
    tools.mkdir()
    for name, text in (
        ("condor_submit", SUBMIT.format(python=sys.executable, log=str(log))),
        ("condor_rm", "#!/bin/sh\nexit 0\n"),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PYTHONPATH", str(repository))  # where a worker finds this file
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "farm.yaml"
    path.write_text(FARM)
    asked = tasks_in(tmp_path, 1)
    assert [error for _, error in run_tasks(asked, Farm(file=path))] == [None]
    assert "--tls-key" in log.read_text()
    assert not (tmp_path / ".tritag").exists()
    assert int((tmp_path / "t0").read_text().split("|")[0]) != os.getpid()
    text = log.read_text()
    assert "--death-timeout 120" in text
    assert sys.executable in text
    assert "--nthreads 1" in text


@pytest.fixture
def scheduler(tmp_path: Path, repository: Path) -> Iterator[str]:
    """Address of a scheduler and a worker that somebody else has started, each in a process of its own."""
    found, started = tmp_path / "scheduler.json", []
    variables = {**os.environ, "PYTHONPATH": str(repository)}  # where the worker finds this file
    for words in (
        "scheduler --host 127.0.0.1 --port 0 --no-dashboard",
        "worker --nthreads 1 --no-nanny --no-dashboard",
    ):
        call = [sys.executable, "-m", "dask", *words.split(), "--scheduler-file", str(found)]
        started.append(subprocess.Popen(call, env=variables, cwd=tmp_path, stderr=subprocess.DEVNULL))
    try:
        wait_until(lambda: found.is_file() and found.read_text().rstrip().endswith("}"))  # it is not written at once
        yield json.loads(found.read_text())["address"]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_workers_of_a_scheduler_that_runs_already(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its address and by a client of it, which both stay as they are. It has no dashboard, and none is promised."""
    from distributed import Client

    monkeypatch.setenv("TRITAG_RUNS", "some runs")
    monkeypatch.setenv("TRITAG_DEVICE", "cuda:7")
    first, second = tasks_in(tmp_path, 2), tasks_in(tmp_path / "more", 2)
    (tmp_path / "more").mkdir()
    assert [error for _, error in run_tasks(first, Farm(scheduler=scheduler))] == [None, None]
    assert f"scheduler {scheduler}; no dashboard answers at http" in capsys.readouterr().err
    with Client(scheduler, set_as_default=False) as client:
        assert [error for _, error in run_tasks(second, Farm(client=client))] == [None, None]
        (worker,) = client.run(os.getpid).values()
    done_by = {int(task.target.read_text().split("|")[0]) for task in first + second}
    assert done_by == {worker}
    assert worker != os.getpid()
    assert {task.target.read_text().split("|")[2] for task in first + second} == {"cuda:7"}  # the command's
