"""Many runs: studies and sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tritag.configs import load_config

if TYPE_CHECKING:
    from distributed import Client

    from tritag.farm import Farm
    from tritag.pipeline.study.run import StudyResult
    from tritag.pipeline.sweep.run import SweepResult


def study(
    name: str,
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    farm: str | Path | None = None,
    client: Client | None = None,
    retry: bool = False,
    fresh: bool = False,
    also_jets: str | Path | None = None,
    so_far: bool = False,
) -> StudyResult:
    """Train every row of a study with every seed; killed and called again, it goes on with what is missing.

    Parameters
    ----------
    name : str
        A name in ``configs/studies``, or a YAML file.
    processes : int, optional
        Processes of this machine; by default one a core. Of this and the next three at most one is given.
    scheduler : str, optional
        Address of a Dask scheduler that runs already.
    farm : str or Path, optional
        YAML of a batch system (docs/farm.md).
    client : distributed.Client, optional
        A client of your own, which stays open.
    retry : bool
        Try again what failed in an earlier call.
    fresh : bool
        Train anew what is trained, but of sources or jets that have changed since, or damaged.
    also_jets : str or Path, optional
        Labelled jet file on which every row's AUC is measured, too.
    so_far : bool
        Train nothing: a table of the rows that are done.

    Returns
    -------
    StudyResult
        ``rows`` with figures, and ``markdown``; ``require_equal`` raises when firmware of a row differs.

    Raises
    ------
    ConfigError
        The study is not valid.
    RunError
        Points failed, the others are done; something must be trained anew; or no row is done of which a table so far
        was asked for.
    DataError
        The jets of ``also_jets`` do not fit a row's tagger.

    Examples
    --------
    ::

        print(tritag.study("trigger", processes=2).markdown)
    """
    load_config("studies", name)
    where = _farm(processes, scheduler, farm, client)
    from tritag.pipeline.study.run import study_run

    also = None if also_jets is None else Path(also_jets)
    return study_run(name, farm=where, retry=retry, also_jets=also, so_far=so_far, fresh=fresh)


def sweep(
    name: str,
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    farm: str | Path | None = None,
    client: Client | None = None,
    retry: bool = False,
    fresh: bool = False,
) -> SweepResult:
    """Train and schedule the points of a sweep; killed and called again, it goes on with what is missing.

    Parameters
    ----------
    name : str
        A name in ``configs/sweeps``, or a YAML file (docs/farm.md).
    processes : int, optional
        Processes of this machine; by default one a core. Of this and the next three at most one is given.
    scheduler : str, optional
        Address of a Dask scheduler that runs already.
    farm : str or Path, optional
        YAML of a batch system (docs/farm.md).
    client : distributed.Client, optional
        A client of your own, which stays open.
    retry : bool
        Try again what failed in an earlier call.
    fresh : bool
        Train anew what is trained, but of sources or jets that have changed since, or damaged.

    Returns
    -------
    SweepResult
        ``points``, ``front`` and ``folder`` with table and page; points that failed say so.

    Raises
    ------
    ConfigError
        The sweep is not valid.
    RunError
        Something must be trained anew, and ``fresh`` was not asked for.

    Examples
    --------
    ::

        for point in tritag.sweep("demo", client=distributed.Client("tcp://host:8786")).front:
            print(point["run"], point["rejection_0.3"], point["latency_ns"])
    """
    load_config("sweeps", name)
    where = _farm(processes, scheduler, farm, client)
    from tritag.pipeline.sweep.run import sweep_run

    return sweep_run(name, where, retry, fresh)


def _farm(processes: int | None, scheduler: str | None, farm: str | Path | None, client: Client | None) -> Farm:
    from tritag.farm import Farm

    return Farm(processes, scheduler, None if farm is None else Path(farm), client)
