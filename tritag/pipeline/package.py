"""The package of a run: everything that a firmware engineer and the experiment's software need, as one archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tritag.errors import CheckFailed, ConfigError, DataError, RunError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.rtl.tools.check import require_right
from tritag.export.words import answers_in_words
from tritag.files import JsonObject
from tritag.hls_projects.package.archive import write_archive
from tritag.hls_projects.package.contents import package_files
from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.summary import facts_of
from tritag.pipeline.fingerprint import check_shown
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.made_design import made_design, made_target
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.run_files import CsimFile, RtlFile, VerdictFile
from tritag.pipeline.strength import Strength
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# Golden jets of a package: co-simulation takes minutes for each.
_JETS = 20
# What an archive's name ends with.
_ENDINGS = (".tar.gz", ".tgz")


@dataclass(frozen=True)
class PackageResult:
    """A written package.

    Attributes
    ----------
    run : OpenedRun
        The run.
    naming : Naming
        Name and version that everything in it carries.
    archive : Path
        The ``.tar.gz``; the same run gives the same bytes in every folder and on every day.
    files : tuple of str
        Paths in it, below the folder ``NAME_vN``.
    """

    run: OpenedRun
    naming: Naming
    archive: Path
    files: tuple[str, ...]

    def as_dict(self) -> JsonObject:
        """Run, name, path of the archive, and paths of the files in it."""
        return {
            "run": str(self.run.directory),
            "name": self.naming.full,
            "archive": str(self.archive),
            "files": list(self.files),
        }


def package_run(opened: OpenedRun, naming: Naming | None = None, out: Path | None = None) -> PackageResult:
    """Write the package of an exported run whose Verilog was written, with the design that ``tritag rtl`` chose.

    Parameters
    ----------
    naming : Naming, optional
        By default that of the run.
    out : Path, optional
        The archive, which ends with ``.tar.gz`` or ``.tgz``; anything else is a folder for ``NAME_vN.tar.gz``, and
        made where it is missing. By default the working directory.

    Raises
    ------
    ConfigError
        ``out`` is a file that does not end as an archive.
    RunError
        The run is not exported or has no Verilog; a step found a difference, other cycles than the schedule's, or
        nothing that could have differed; or something has changed since a step that the package shows.
    """
    run, naming = opened.run, naming or Naming.of_run(opened.name)
    archive = _archive(out, naming)
    rtl: RtlFile = run.read_json("rtl.json")
    verdicts = read_json_if_there(run.path("verify.json")) or []
    check_shown(run)
    _require_held(opened, rtl, read_json_if_there(run.path("csim.json")), verdicts)
    model = model_of(opened, rtl.get("interface", "plain"))
    graph = read_graph(model)
    inputs, expected = load_vectors(run.require("vectors.npz"), graph)
    if answers_in_words(graph):
        expected = OnnxRuntimeExecutor(graph, model).run(*inputs)
    design = made_design(graph, rtl, naming)
    synth, vendor = (read_json_if_there(run.path(name)) for name in ("synth.json", "vendor.json"))
    facts = facts_of(rtl, synth, verdicts, vendor or [])
    delivery = Delivery(
        naming,
        graph,
        design,
        made_target(rtl),
        Path(rtl["target"]).stem,
        tuple(x[:_JETS] for x in inputs),
        expected[:_JETS].reshape(min(_JETS, len(expected)), -1),
        facts,
        {"run": opened.name, "settings": run.digest, "tritag": version("tritag")},
        stream=rtl.get("interface") == "stream",
    )
    files = package_files(delivery, run.require("model.qonnx.onnx").read_bytes())
    write_archive(archive, naming.full, files)
    print_progress(f"{opened.name}: {len(files)} files in {archive}")
    for what, missing in {"Yosys' counts": synth is None, "a bit check": not verdicts}.items():
        if missing:
            print_progress(f"the package has no figures of {what}; {run.command_for(_STEP[what])} makes them")
    if rtl["latency_cycles"] is None:
        print_progress(f"latency and interval are scheduled, not measured; {run.command_for('rtl')} measures them")
    return PackageResult(opened, naming, archive, tuple(files))


def _require_held(opened: OpenedRun, rtl: RtlFile, csim: CsimFile | None, verdicts: Sequence[VerdictFile]) -> None:
    """Refuse what the steps have refused, but written down.

    Raises
    ------
    RunError
        Integers differ, cycles are not the schedule's, or a check compared nothing that could have differed.
    """
    golden = [csim["golden"]] if csim is not None else []
    wrong = [v["executor"] for v in (*golden, *verdicts) if v["differ"]]
    wrong += [name for name, s in rtl["scenarios"].items() if s["differ"]]
    if wrong:
        raise RunError(
            f"a package needs integers that agree, but {', '.join(dict.fromkeys(wrong))} differ; see csim.json, "
            "verify.json and rtl.json"
        )
    strengths = {
        "rtl": rtl.get("strength"),
        "csim": csim.get("strength") if csim is not None else None,
        "verify": verdicts[0].get("strength") if verdicts else None,
    }
    for step, strength in strengths.items():
        try:
            if step == "rtl":
                require_right(rtl)
            if strength:
                Strength.read(strength).require_enough()
        except (CheckFailed, DataError) as error:
            again = opened.run.command_for(step)
            raise RunError(
                f"a package needs checks that held, but by {step}.json {error}; {again} makes it again"
            ) from error


_STEP = {"Yosys' counts": "synth", "a bit check": "verify"}


def _archive(out: Path | None, naming: Naming) -> Path:
    """Path of the archive: what ends as one is one, and anything else a folder, there or not: ``release-1.2`` is none.

    Raises
    ------
    ConfigError
        A file that is there, and does not end as an archive.
    """
    folder = out or Path()
    if folder.name.lower().endswith(_ENDINGS) and not folder.is_dir():
        return folder
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"a package must go into a folder, or a file that ends with {' or '.join(_ENDINGS)}, got {out}, which is a "
            "file; name another"
        )
    return folder / f"{naming.full}.tar.gz"
