"""Reports of the vendor's tools in a run: read back, kept, labelled as the vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tritag.errors import DataError
from tritag.export.naming import Naming
from tritag.files import JsonObject, write_json
from tritag.hls_projects.vendor_reports import VendorReport, read_vendor_report, same_part
from tritag.pipeline.old_reports import OF_PROJECT
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
    known = _known(opened, naming)
    kept: list[JsonObject] = read_json_if_there(opened.run.path("vendor.json")) or []
    for path in reports:
        report = replace(read_vendor_report(path), file=path.name)
        _require_own(path, report, [made for made in known if report.kind in OF_PROJECT or not made.of_project])
        kept = [entry for entry in kept if entry["kind"] != report.kind] + [report.as_dict()]
        print_progress(f"{opened.name}: vendor ({report.source}): {report.text}")
    opened.run.record_provenance("vendor")
    write_json(opened.run.path("vendor.json"), kept)  # last: it says that the step was done
    return kept


@dataclass(frozen=True)
class _Made:
    """What a report may be of: for which part, and the name of its top module or function."""

    what: str
    part: str
    top: str
    of_project: bool = False


def _require_own(path: Path, report: VendorReport, known: Sequence[_Made]) -> None:
    tops = dict.fromkeys(made.top for made in known)
    named = [made for made in known if report.design in [f"{made.top}{around}" for around in _AROUND]]
    if not named:
        raise DataError(
            f"{path} is of the design {report.design}, but the run's is {' or '.join(sorted(tops))}; give a report "
            "of this run, and of a package with another name --name and --version, too"
        )
    if not any(same_part(report.part, made.part) for made in named):
        parts = dict.fromkeys(f"the run's {made.what} is for {made.part}" for made in named)
        raise DataError(f"{path} is of the part {report.part}, but {' and '.join(parts)}; give a report of this run")


def _known(opened: OpenedRun, naming: Naming | None) -> list[_Made]:
    """What the run has: its Verilog and package, for one part, and its C++ project, for one of its own."""
    rtl = opened.run.read_json("rtl.json")
    made: DesignFile = rtl
    part = str(rtl["part"])
    verilog = f"Verilog ({made['target']})"
    if naming is not None:
        return [_Made(verilog, part, naming.full)]
    names = (Naming.of_run(opened.name), Naming.of_run(opened.name, made.get("name"), made.get("version")))
    found = [_Made(verilog, part, name.full) for name in names]
    project: CsimFile | None = read_json_if_there(opened.run.path("csim.json"))
    if project is not None:
        name = Naming.of_run(opened.name, project.get("name"), project.get("version"))
        found.append(_Made("HLS project", project.get("part", part), name.full, of_project=True))
    return found
