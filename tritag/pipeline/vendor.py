"""Reports of the vendor's tools in a run: read back, kept, labelled as the vendor's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tritag.errors import DataError
from tritag.files import JsonObject, write_json
from tritag.hls_projects.vendor_reports import read_vendor_report
from tritag.pipeline.opened import OpenedRun, one_writer
from tritag.pipeline.run_files import DesignFile
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress


@one_writer
def keep_reports(opened: OpenedRun, reports: Sequence[Path]) -> list[JsonObject]:
    """Read reports of a run's Verilog or hls4ml project into ``vendor.json``; one of a kind replaces an earlier one.

    Raises
    ------
    DataError
        A file is no report, or one of another part than the run's.
    RunError
        The run has no Verilog.
    """
    made: DesignFile = opened.run.read_json("rtl.json")
    part = str(opened.run.read_json("rtl.json")["part"])
    kept: list[JsonObject] = read_json_if_there(opened.run.path("vendor.json")) or []
    for path in reports:
        report = read_vendor_report(path)
        device = report.part.split("-")[0].lower()
        if device and device.removeprefix("xc") not in part.lower():
            raise DataError(
                f"{path} is of the part {report.part}, but the run's Verilog ({made['target']}) is for {part}; "
                "give a report of this run"
            )
        kept = [entry for entry in kept if entry["kind"] != report.kind] + [report.as_dict()]
        figures = ", ".join(f"{name} {value}" for name, value in report.figures.items())
        print_progress(f"{opened.name}: {report.kind} (vendor): {figures}")
    opened.run.record_provenance("vendor")
    write_json(opened.run.path("vendor.json"), kept)  # last: it says that the step was done
    return kept
