"""The package of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tritag.pipeline.opened import RunLike
    from tritag.pipeline.package import PackageResult


def package(
    run: RunLike, *, name: str | None = None, version: int | None = None, out: str | Path | None = None
) -> PackageResult:
    """Write everything that goes to a firmware engineer and to the experiment's software into one archive.

    It holds the hls4ml project with a bench that fails on a difference, the Verilog with constraints, golden vectors,
    a cocotb bench and IP-XACT, the emulators, figures with their origins, and pictures (docs/package.md). The same run
    gives the same bytes in every folder and on every day.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it; exported, and with the Verilog of :func:`rtl`.
    name : str, optional
        What everything in it is called, by default as the run: letters, digits and underscores.
    version : int, optional
        Version behind the name, 0 or more; by default 1.
    out : str or Path, optional
        The archive, which ends with ``.tar.gz`` or ``.tgz``; anything else is a folder for ``NAME_vN.tar.gz``, and
        made where it is missing. By default the working directory.

    Returns
    -------
    PackageResult
        ``archive``, the path; ``naming``; ``files``, the paths in it.

    Raises
    ------
    ConfigError
        A name or version that cannot be one, or ``out`` a file that does not end as an archive.
    RunError
        No such run, or one that is not exported or has no Verilog; a step found a difference, other cycles than the
        schedule's, or nothing that could have differed; or something has changed since a step that the package shows.

    Examples
    --------
    ::

        print(tritag.package("transformer-2k", name="toptag", version=1).archive)
    """
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("model.qonnx.onnx", "vectors.npz", "rtl.json"))
    from tritag.export.naming import Naming

    naming = Naming.of_run(opened.name, name, version)
    from tritag.pipeline.package import package_run

    return package_run(opened, naming, None if out is None else Path(out))
