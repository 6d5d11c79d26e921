"""Reports of the vendor's tools in a run: read back, kept, labelled as the vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tritag.errors import DataError
from tritag.export.naming import Naming
from tritag.files import JsonObject, write_json
from tritag.hls_projects.vendor_reports import read_vendor_report, same_part
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.run_files import CsimFile, DesignFile
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# What may stand behind a design's name: AXI4-Stream or words around it.
_AROUND = ("", "_stream", "_words")


@one_writer
def keep_reports(opened: OpenedRun, reports: Sequence[Path], naming: Naming | None = None) -> list[JsonObject]:
    """Read reports of a run's Verilog or hls4ml project into ``vendor.json``; one of a kind replaces an earlier one.

    Parameters
    ----------
    naming : Naming, optional
        Name and version of the package that the reports are of; by default those of the run's Verilog and project.

    Raises
    ------
    DataError
        A file is no report, or one of another part, speed grade or design than the run's.
    RunError
        The run has no Verilog.
    """
    made: DesignFile = opened.run.read_json("rtl.json")
    part = str(opened.run.read_json("rtl.json")["part"])
    tops = _tops(opened, made, naming)
    kept: list[JsonObject] = read_json_if_there(opened.run.path("vendor.json")) or []
    for path in reports:
        report = replace(read_vendor_report(path), file=path.name)
        if not same_part(report.part, part):
            raise DataError(
                f"{path} is of the part {report.part}, but the run's Verilog ({made['target']}) is for {part}; "
                "give a report of this run"
            )
        if report.design not in [f"{top}{around}" for top in tops for around in _AROUND]:
            raise DataError(
                f"{path} is of the design {report.design}, but the run's is {' or '.join(sorted(tops))}; give a report "
                "of this run, and of a package with another name --name and --version, too"
            )
        kept = [entry for entry in kept if entry["kind"] != report.kind] + [report.as_dict()]
        print_progress(f"{opened.name}: vendor ({report.source}): {report.text}")
    opened.run.record_provenance("vendor")
    write_json(opened.run.path("vendor.json"), kept)  # last: it says that the step was done
    return kept


def _tops(opened: OpenedRun, made: DesignFile, naming: Naming | None) -> set[str]:
    """Names of the run's Verilog and of its C++ project."""
    if naming is not None:
        names = {naming}
    else:
        project: CsimFile | None = read_json_if_there(opened.run.path("csim.json"))
        names = {Naming.of_run(opened.name), Naming.of_run(opened.name, made.get("name"), made.get("version"))}
        if project is not None:
            names.add(Naming.of_run(opened.name, project.get("name"), project.get("version")))
    return {name.full for name in names}
