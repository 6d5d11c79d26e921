"""One table of taggers in firmware: ours and the published ones, measured, estimated and quoted figures kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from tritag.advice import command
from tritag.errors import RunError
from tritag.hls_projects.vendor_reports import VendorReport
from tritag.report.firmware import cycles, is_measured, simulated_jets
from tritag.report.published import PUBLISHED
from tritag.structured import read_json_if_there

# Where figures come from.
MEASURED = "measured (simulation)"
SCHEDULED = "scheduled (not simulated)"
COUNTED = "counted (Yosys)"
ESTIMATED = "estimated"
VENDOR = "vendor (Vivado synthesis)"
VENDOR_HLS = "vendor (Vitis HLS)"
QUOTED = "quoted"

# Files of a run that the table shows.
_READ = ("rtl", "synth", "csim", "vendor")

Figure = int | float | str | None


@dataclass(frozen=True)
class Row:
    """Figures of a tagger of one origin; None where this origin says nothing.

    Attributes
    ----------
    tagger : str
        A run's whole name, which its directory has; the directory's path where two runs have one name.
    csim, rtl : str, optional
        Jets that differ in hls4ml's C-simulation, and in simulated Verilog.
    latency_ns : float, optional
        Cycles times the assumed period for ours; of the vendor's timing, times the period that was reached.
    run : str, optional
        Path of the run directory; None of a published tagger.
    """

    tagger: str
    constituents: int | None
    figures: str
    csim: str | None = None
    rtl: str | None = None
    latency_cycles: Figure = None
    latency_ns: Figure = None
    interval_cycles: Figure = None
    lut: Figure = None
    ff: Figure = None
    dsp: Figure = None
    part: str = ""
    run: str | None = None


def compared(directories: Sequence[Path], configs: Sequence[dict[str, Any]]) -> list[Row]:
    """Rows of runs, then those of published taggers.

    Parameters
    ----------
    configs
        The runs' resolved configurations.

    Raises
    ------
    RunError
        A run has no simulated Verilog.
    """
    runs = zip(directories, _names(directories), configs, strict=True)
    rows = [row for run in runs for row in _run_rows(*run)]
    for p in PUBLISHED:
        rows.append(
            Row(
                f"{p.name} (arXiv {p.source})" if p.source else p.name,
                p.constituents,
                QUOTED,
                latency_ns=p.latency_ns,
                interval_cycles=p.interval_cycles,
                lut=p.lut,
                dsp=p.dsp,
                part=p.part,
            )
        )
    return rows


def _names(directories: Sequence[Path]) -> list[str]:
    """What tells the runs apart: the directories' names, or their paths where two have one name."""
    names = [directory.name for directory in directories]
    return [name if names.count(name) == 1 else str(where) for name, where in zip(names, directories, strict=True)]


def _run_rows(directory: Path, name: str, config: dict[str, Any]) -> Iterator[Row]:
    rtl, synth, csim, read = (read_json_if_there(directory / f"{step}.json") for step in _READ)
    if rtl is None:
        raise RunError(f"rtl.json must be in {directory}, but it is missing; make it with {command('rtl', directory)}")
    differ, jets = simulated_jets(rtl)
    latency, interval, _ = cycles(rtl)
    # An imported network has features, and no candidates that are counted.
    constituents = config.get("tagger", {}).get("n_constituents")
    plain = Row(name, constituents, "", part=f"{rtl['target']}, {rtl['beats']} beats", run=str(directory))
    yield replace(
        plain,
        figures=MEASURED if is_measured(rtl) else SCHEDULED,
        csim=_csim_verdict(directory, csim),
        rtl=f"{differ} of {jets:,} differ" if jets else None,
        latency_cycles=latency,
        interval_cycles=interval,
    )
    if synth:
        yield replace(plain, figures=COUNTED, **_resources(synth["total"]))
    estimated_ns = round(latency * rtl["clock_period_ns"])
    yield replace(plain, figures=ESTIMATED, latency_ns=estimated_ns, **_resources(rtl["estimate"]))
    if synth and (vendor := synth["vendor"]):
        yield replace(plain, figures=VENDOR, **_resources(vendor))
    if csim and (vendor := csim["vendor"]):
        yield replace(plain, figures=VENDOR_HLS, part=csim["target"], **_cycles(vendor), **_resources(vendor))
    for report in map(VendorReport.read, read or []):
        yield replace(plain, figures=f"vendor ({report.source})", **_vendor_figures(report, latency))


def _vendor_figures(report: VendorReport, latency_cycles: int) -> dict[str, Any]:
    """Columns of a report that was read back; nanoseconds are the Verilog's cycles at the period that was reached."""
    if report.kind == "timing":
        reached_mhz = report.figures["reached_mhz"]
        return {"latency_ns": round(1e3 * latency_cycles / reached_mhz), "part": f"{report.part}, {reached_mhz:g} MHz"}
    own = _cycles(report.figures) if report.kind == "csynth" else {}
    return {"part": report.part, **own, **_resources(report.figures)}


def _resources(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: counts[name] for name in ("lut", "ff", "dsp")}


def _cycles(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: counts[name] for name in ("latency_cycles", "interval_cycles")}


def _csim_verdict(directory: Path, csim: dict[str, Any] | None) -> str | None:
    """Of all jets where they were compared, else of the golden vectors."""
    verdicts = read_json_if_there(directory / "verify.json") or []
    found = [v for v in verdicts if v["executor"] == "hls4ml-csim"] or ([csim["golden"]] if csim else [])
    return f"{found[0]['differ']} of {found[0]['jets']:,} differ" if found else None


# ---- the table ----

_HEADS = {
    "tagger": "tagger",
    "constituents": "K",
    "figures": "figures",
    "csim": "hls4ml C-sim",
    "rtl": "RTL",
    "latency_cycles": "latency, cycles",
    "latency_ns": "latency, ns",
    "interval_cycles": "II, cycles",
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "part": "target or part",
}


def _cells(rows: Sequence[Row]) -> Iterator[list[str]]:
    last: str | None = None
    for row in rows:
        values = asdict(row)
        if row.run is not None and row.run == last:
            values |= {"tagger": "", "constituents": ""}
        last = row.run
        yield [_text(values[name]) for name in _HEADS]


def _text(value: Figure) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}"


def as_markdown(rows: Sequence[Row]) -> str:
    """The table of :func:`comparison_table` as Markdown, for a document; names may hold a bar."""
    lines = [f"| {' | '.join(_HEADS.values())} |", "|" + "---|" * len(_HEADS)]
    plain = ([cell.replace("|", "\\|") for cell in cells] for cells in _cells(rows))
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in plain)])


def comparison_table(rows: Sequence[Row]) -> Table:
    """Runs and published taggers side by side, as a table for a terminal."""
    table = Table()
    for head in _HEADS.values():
        table.add_column(head, overflow="fold")  # an end that is cut off is what tells two runs apart
    for cells in _cells(rows):
        if cells[0]:
            table.add_section()
        table.add_row(*cells)
    return table
