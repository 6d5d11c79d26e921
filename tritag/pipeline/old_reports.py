"""Vendor reports that were read back, and are of what a step is about to write anew: dropped, with a sentence."""

from __future__ import annotations

from tritag.files import JsonObject
from tritag.pipeline.opened import OpenedRun
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# Kinds of reports of the HLS project; the others are of the Verilog.
OF_PROJECT = ("csynth",)


def reports_that_stay(opened: OpenedRun, new: str) -> list[JsonObject]:
    """Entries of ``vendor.json`` that are not of what is written anew; a sentence names the others.

    Parameters
    ----------
    new : "HLS project" or "Verilog"
        What a step writes anew.
    """
    reports: list[JsonObject] = read_json_if_there(opened.run.path("vendor.json")) or []
    gone = [str(report["kind"]) for report in reports if (report["kind"] in OF_PROJECT) == (new == "HLS project")]
    if gone:
        print_progress(f"{opened.name}: vendor reports of the earlier {new} are dropped: {', '.join(gone)}")
    return [report for report in reports if report["kind"] not in gone]
