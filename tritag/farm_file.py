"""The YAML of a farm: which batch system starts workers, how many, and with what (docs/farm.md)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tritag.errors import ConfigError, ToolError, one_line, short, unknown_name
from tritag.helper_files import own_folder
from tritag.structured import read_yaml

_CLUSTERS = {"condor": "dask_jobqueue:HTCondorCluster", "slurm": "dask_jobqueue:SLURMCluster"}
_NEEDS = {"condor": ("disk",), "slurm": ()}


@dataclass(frozen=True)
class FarmFile:
    """What a farm's YAML says.

    Attributes
    ----------
    cluster : str
        ``condor``, ``slurm``, or ``PACKAGE:CLASS`` of a site's own, such as ``dask_lxplus:CernCluster``.
    minimum, maximum : int
        Jobs that run: as many as there is work for, between these.
    options : dict
        Handed to the cluster's class as they are.
    """

    cluster: str
    maximum: int
    minimum: int = 0
    options: dict[str, Any] = field(default_factory=dict)


def read_farm(path: Path) -> FarmFile:
    """Read and check the YAML of a farm.

    Raises
    ------
    ConfigError
        Unreadable, unknown or missing keys, or values that cannot be.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must be a mapping with cluster and maximum, got {short(content)}")
    names = list(FarmFile.__dataclass_fields__)
    for key in content:
        if key not in names:
            raise ConfigError(f"{path}: {unknown_name('key', str(key), names)}")
    given: dict[str, Any] = {"cluster": None, "maximum": None, **content}
    farm = FarmFile(**given)
    if not isinstance(farm.cluster, str) or (farm.cluster not in _CLUSTERS and ":" not in farm.cluster):
        raise ConfigError(
            f"{path}: cluster must be {', '.join(_CLUSTERS)} or PACKAGE:CLASS of a site, got {short(farm.cluster)}"
        )
    for name, least in (("minimum", 0), ("maximum", 1)):
        number = getattr(farm, name)
        if type(number) is not int or number < least:
            raise ConfigError(f"{path}: {name} must be a whole number of jobs from {least} on, got {short(number)}")
    if farm.minimum > farm.maximum:
        raise ConfigError(f"{path}: minimum must not be above maximum, got {farm.minimum} and {farm.maximum}")
    if not isinstance(farm.options, dict):
        raise ConfigError(f"{path}: options must be a mapping, got {short(farm.options)}")
    missing = [key for key in ("cores", "memory", *_NEEDS.get(farm.cluster, ())) if key not in farm.options]
    if farm.cluster in _CLUSTERS and missing:
        raise ConfigError(f"{path}: options must say what a job asks for; add {', '.join(missing)}")
    return farm


def make_cluster(farm: FarmFile, where: Path, certificates: Path) -> Any:
    """The cluster of a farm, without workers yet; ``job_script()`` of one of dask-jobqueue shows what is submitted.

    Parameters
    ----------
    where : Path
        The farm's file, for messages.
    certificates : Path
        A folder that the workers see, without blanks in its path: the key with which they and no others speak to the
        scheduler lies there, readable for this user alone.

    Raises
    ------
    ToolError
        Its package is missing.
    ConfigError
        Its class refuses the options, or the folder has blanks in its path.
    """
    module, _, name = _CLUSTERS.get(farm.cluster, farm.cluster).partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except ImportError as error:
        how = "pip install 'tritag[farm]'" if farm.cluster in _CLUSTERS else f"install {module.partition('.')[0]}"
        raise ToolError(f"{where} needs the package {module}, which is missing ({error}); {how}") from error
    except AttributeError as error:
        raise ConfigError(f"{where}: {module} has no class {name}") from error
    own = _own_options(farm, where, certificates.resolve()) if farm.cluster in _CLUSTERS else {}
    try:
        return kind(**{**own, **farm.options})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {name} refuses the options: {one_line(str(error))}") from error


def _own_options(farm: FarmFile, where: Path, folder: Path) -> dict[str, Any]:
    """What a cluster of dask-jobqueue is given, unless the farm's file says otherwise."""
    if len(str(folder).split()) > 1:  # dask-jobqueue writes it into the job's command as it is
        raise ConfigError(
            f"{where}: the folder of the call must have no blanks in its path, got {folder}; call elsewhere"
        )
    # A worker whose scheduler is gone ends; one process and one core for each job.
    own = {"processes": 1, "death_timeout": 120, "python": sys.executable}
    return own if "security" in farm.options else {**own, "security": _credentials(folder)}


def _credentials(folder: Path) -> Any:
    """A certificate of this call, of which the workers' part lies in files that this user alone can read."""
    from distributed.security import Security

    made = Security.temporary()
    for name in ("tls_ca_file", "tls_worker_key", "tls_worker_cert"):
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(getattr(made, name), encoding="utf-8")
        setattr(made, name, str(path))
    return made


class _Limit:
    """How many jobs a cluster may have: as many as the largest piece of work so far has tasks."""

    def __init__(self, cluster: Any, farm: FarmFile) -> None:
        self._cluster = cluster
        self._farm = farm
        self._most = 0

    def grow(self, n_tasks: int) -> None:
        """Allow a job for each of so many tasks, up to the farm's maximum; what is allowed already stays."""
        most = min(self._farm.maximum, n_tasks)
        if most > self._most:
            self._most = most
            self._cluster.adapt(minimum_jobs=min(self._farm.minimum, most), maximum_jobs=most)


@contextmanager
def start_cluster(path: Path, n_tasks: int) -> Iterator[tuple[Any, Callable[[int], None]]]:
    """Start the cluster of a farm, which grows and shrinks with the work, and end it and its jobs with the block.

    Beside the cluster comes what lets it grow for more tasks than these.

    Raises
    ------
    ConfigError, ToolError
        As :func:`read_farm` and :func:`make_cluster` do.
    """
    farm = read_farm(path)
    with own_folder(Path()) as certificates:  # all machines share the folder of the call
        cluster = make_cluster(farm, path, certificates)
        try:
            limit = _Limit(cluster, farm)
            limit.grow(n_tasks)
            yield cluster, limit.grow
        finally:
            cluster.close()
