"""Where tasks are done: in this process, in processes of this machine, or on a farm, all but the first by Dask.

A local cluster is started and closed by the command that needs it, and its processes end with the command, however it
ends. It speaks TLS with a certificate that exists in their memory alone: who reaches its port cannot use it. A running
scheduler, or a client of one, is used and left as it is. A farm's YAML names the batch system
(:mod:`tritag.farm_file`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tritag.errors import ConfigError, ToolError, one_line
from tritag.farm_file import start_cluster
from tritag.helper_files import temporary_folder
from tritag.terminal import print_progress
from tritag.workers import available_cores

if TYPE_CHECKING:
    from distributed import Client

# How often a task is tried whose worker dies: it may be what kills them.
_ATTEMPTS = 3
_CONNECT_S = 60
# On a busy machine a process needs its time until it has imported everything.
_START_S = 600
_SETTINGS = {
    "distributed.scheduler.allowed-failures": _ATTEMPTS - 1,
    # A worker holds the task that it works on, and no more: those are what its loss costs.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.profile.enabled": False,
    # A server that splits itself would leave its socket when the command is killed.
    "distributed.worker.multiprocessing-method": "spawn",
    # As many threads as processes are enough.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    ),
    # Also how long somebody waits for a worker that has just died.
    "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
    "distributed.scheduler.worker-ttl": None,
}


@dataclass(frozen=True)
class Farm:
    """Where long work is done; without anything, in as many processes of this machine as it has cores.

    Attributes
    ----------
    processes : int, optional
        Processes of this machine; 1 is the command's own.
    scheduler : str, optional
        Address of a Dask scheduler that runs already, ``tcp://host:8786``.
    file : Path, optional
        YAML of a batch system that starts workers.
    client : distributed.Client, optional
        A client of the user's own.
    kept : Kept, optional
        Workers that serve several pieces of work (:func:`kept`).
    """

    processes: int | None = None
    scheduler: str | None = None
    file: Path | None = None
    client: Client | None = None
    kept: Kept | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = [n for n in ("processes", "scheduler", "file", "client") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ConfigError(f"work is done in one place, got {' and '.join(given)}; choose one")
        if self.processes is not None and self.processes < 1:
            raise ConfigError(f"processes must be at least 1, got {self.processes}")

    @classmethod
    def of(cls, where: Farm | int | None) -> Farm:
        """A farm as it is, or a number of processes of this machine."""
        return where if isinstance(where, Farm) else cls(processes=where)

    @property
    def is_local(self) -> bool:
        """Whether this machine does the work, in processes of the command's own."""
        return self.scheduler is None and self.file is None and self.client is None

    def local_processes(self, n_tasks: int) -> int:
        """Processes of this machine for so many tasks."""
        return max(1, min(self.processes or available_cores(), n_tasks))

    def in_process(self, n_tasks: int) -> bool:
        """Whether no other process is needed: one that is started imports everything again."""
        return self.is_local and self.local_processes(n_tasks) == 1


@dataclass(frozen=True)
class Farmed:
    """A connection to workers.

    Attributes
    ----------
    client : distributed.Client
        The client.
    name : str
        What it is connected to, for messages.
    attempts : int
        How often a task is tried whose worker dies.
    grow : callable
        Given the number of tasks of a later piece of work, starts or asks for what more it can use.
    """

    client: Client
    name: str
    attempts: int = _ATTEMPTS
    grow: Callable[[int], None] = lambda n_tasks: None


class Kept:
    """Workers that are started when they are first needed, and stay until the end of :func:`kept`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._farmed: Farmed | None = None

    def connect(self, farm: Farm, n_tasks: int) -> Farmed:
        """The connection, with workers for so many tasks."""
        if self._farmed is None:
            self._farmed = self._stack.enter_context(_connect(farm, n_tasks))
        else:
            self._farmed.grow(n_tasks)
        return self._farmed


@contextmanager
def kept(farm: Farm) -> Iterator[Farm]:
    """Keep the workers of a farm for all that is done in the block: starting them takes seconds."""
    with ExitStack() as stack:
        yield replace(farm, kept=Kept(stack))


@contextmanager
def connect(farm: Farm, n_tasks: int) -> Iterator[Farmed]:
    """Connect to the workers of a farm; what was started for it ends with the block, or with that of :func:`kept`.

    Raises
    ------
    ToolError, ConfigError
        As :func:`_connect` does.
    """
    if farm.kept is not None:
        yield farm.kept.connect(farm, n_tasks)
        return
    with _connect(farm, n_tasks) as farmed:
        yield farmed


@contextmanager
def _connect(farm: Farm, n_tasks: int) -> Iterator[Farmed]:
    """Start or find the workers of a farm.

    Raises
    ------
    ToolError
        The scheduler does not answer, or a package is missing.
    ConfigError
        The farm's file is not valid.
    """
    if farm.client is not None:
        yield Farmed(farm.client, f"the client of {farm.client}", _allowed_failures() + 1)
        return
    import dask
    from distributed import Client

    if farm.scheduler is not None:
        with _connected(farm.scheduler) as client:
            print_progress(f"scheduler {farm.scheduler}{_dashboard_of(client)}")
            yield Farmed(client, f"the scheduler {farm.scheduler}", _allowed_failures() + 1)
    elif farm.file is not None:
        with temporary_folder() as folder, ExitStack() as stack:
            settings = {key: _SETTINGS[key] for key in _SETTINGS if "scheduler" in key and "ttl" not in key}
            stack.enter_context(dask.config.set({**settings, "temporary-directory": str(folder)}))
            cluster, grow = stack.enter_context(start_cluster(farm.file, n_tasks))
            print_progress(f"{farm.file}: scheduler {cluster.scheduler_address}{_dashboard(cluster)}")
            yield Farmed(stack.enter_context(Client(cluster, set_as_default=False)), str(farm.file), grow=grow)
    else:
        with _local(farm.local_processes(n_tasks)) as cluster, Client(cluster, set_as_default=False) as client:

            def more(n_tasks: int) -> None:
                cluster.scale(max(len(cluster.worker_spec), farm.local_processes(n_tasks)))

            yield Farmed(client, "the processes of this command", grow=more)


def _allowed_failures() -> int:
    import dask

    return int(dask.config.get("distributed.scheduler.allowed-failures"))


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ToolError(
            f"no Dask scheduler answers at {one_line(address)} ({one_line(str(error)) or type(error).__name__}); start "
            "one with 'dask scheduler' and give the address that it prints"
        ) from error
    with client:
        yield client


@contextmanager
def _local(processes: int) -> Iterator[Any]:
    """A cluster of this machine's processes, reachable from this machine alone and used by this process alone."""
    import dask
    from distributed import LocalCluster

    variables = dict(os.environ)
    with ExitStack() as stack:
        stack.callback(_restore, variables)
        folder = str(stack.enter_context(temporary_folder()))  # swept by the next command when this one is killed
        stack.enter_context(dask.config.set({**_SETTINGS, "temporary-directory": folder}))
        cluster = LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            host="127.0.0.1",
            security=True,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
            local_directory=folder,
            memory_limit=0,
            silence_logs=60,
            preload=["tritag.workers"],
            death_timeout=_START_S,
        )
        print_progress(f"{processes} processes{_dashboard(cluster)}")
        try:
            yield cluster
        except BaseException:
            _kill(cluster)  # nobody wants to wait for what is under way
            raise
        finally:
            cluster.close(timeout=10)


def _dashboard(cluster: Any) -> str:
    if importlib.util.find_spec("bokeh"):
        return f", dashboard {cluster.dashboard_link}"
    return "; no dashboard, for want of bokeh (pip install bokeh)"


def _dashboard_of(client: Client) -> str:
    """The dashboard of somebody else's scheduler, which names an address also where it has no plots to show there."""
    link = client.dashboard_link if client.scheduler_info(n_workers=0)["services"].get("dashboard") else None
    if link is None:
        return ", which has no dashboard"
    plots = f"{link.removesuffix('/status')}/individual-plots.json"
    with suppress(OSError, ValueError), urllib.request.urlopen(plots, timeout=5) as answer:
        if json.loads(answer.read()):
            return f", dashboard {link}"
    return f"; no dashboard answers at {link}"


def _kill(cluster: Any) -> None:
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


def _restore(variables: dict[str, str]) -> None:
    """What Dask adds to the variables of its workers stays out of this process."""
    for name in set(os.environ) - set(variables):
        del os.environ[name]
    os.environ.update(variables)
