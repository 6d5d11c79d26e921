"""One table of taggers in firmware: ours and the published ones, measured, estimated and quoted figures kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from tritag.advice import command
from tritag.errors import RunError
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

Figure = int | float | str | None


@dataclass(frozen=True)
class Row:
    """Figures of a tagger of one origin; None where this origin says nothing.

    Attributes
    ----------
    csim, rtl : str, optional
        Jets that differ in hls4ml's C-simulation, and in simulated Verilog.
    latency_ns : float, optional
        Cycles times the assumed clock for ours.
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
    rows = [row for where, config in zip(directories, configs, strict=True) for row in _run_rows(where, config)]
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


def _run_rows(directory: Path, config: dict[str, Any]) -> Iterator[Row]:
    rtl, synth, csim = (read_json_if_there(directory / f"{name}.json") for name in ("rtl", "synth", "csim"))
    if rtl is None:
        raise RunError(f"rtl.json must be in {directory}, but it is missing; make it with {command('rtl', directory)}")
    # An imported network has features, and no candidates that are counted.
    tagger, constituents = directory.name.rsplit("-", 1)[0], config.get("tagger", {}).get("n_constituents")
    part = f"{rtl['target']}, {rtl['beats']} beats"
    differ, jets = simulated_jets(rtl)
    latency, interval, _ = cycles(rtl)
    yield Row(
        tagger,
        constituents,
        MEASURED if is_measured(rtl) else SCHEDULED,
        csim=_csim_verdict(directory, csim),
        rtl=f"{differ} of {jets:,} differ" if jets else None,
        latency_cycles=latency,
        interval_cycles=interval,
        part=part,
    )
    if synth:
        total = synth["total"]
        yield Row(tagger, constituents, COUNTED, lut=total["lut"], ff=total["ff"], dsp=total["dsp"], part=part)
    estimate = rtl["estimate"]
    yield Row(
        tagger,
        constituents,
        ESTIMATED,
        latency_ns=round(latency * rtl["clock_period_ns"]),
        lut=estimate["lut"],
        ff=estimate["ff"],
        dsp=estimate["dsp"],
        part=part,
    )
    if synth and (vendor := synth["vendor"]):
        yield Row(tagger, constituents, VENDOR, lut=vendor["lut"], ff=vendor["ff"], dsp=vendor["dsp"], part=part)
    if csim and (vendor := csim["vendor"]):
        yield Row(
            tagger,
            constituents,
            VENDOR_HLS,
            latency_cycles=vendor["latency_cycles"],
            interval_cycles=vendor["interval_cycles"],
            lut=vendor["lut"],
            ff=vendor["ff"],
            dsp=vendor["dsp"],
            part=csim["target"],
        )


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
    last = ""
    for row in rows:
        values = asdict(row)
        same = f"{row.tagger} {row.constituents}" == last
        last = f"{row.tagger} {row.constituents}"
        if same:
            values |= {"tagger": "", "constituents": ""}
        yield [_text(values[name]) for name in _HEADS]


def _text(value: Figure) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}"


def as_markdown(rows: Sequence[Row]) -> str:
    """The table of :func:`comparison_table` as Markdown, for a document."""
    lines = [f"| {' | '.join(_HEADS.values())} |", "|" + "---|" * len(_HEADS)]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in _cells(rows))])


def comparison_table(rows: Sequence[Row]) -> Table:
    """Runs and published taggers side by side, as a table for a terminal."""
    table = Table(*_HEADS.values())
    for cells in _cells(rows):
        if cells[0]:
            table.add_section()
        table.add_row(*cells)
    return table
