"""The package of a run: everything that a firmware engineer and the experiment's software need, as one archive."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tritag import advice
from tritag.errors import RunError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import load_vectors
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.words import answers_in_words
from tritag.files import JsonObject
from tritag.hls_projects.package.archive import write_archive
from tritag.hls_projects.package.contents import package_files
from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.summary import facts_of
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.made_design import made_design, made_target
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.run_files import DesignFile
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# Golden jets of a package: co-simulation takes minutes for each.
_JETS = 20


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
        The archive, or a folder for it; by default ``NAME_vN.tar.gz`` in the working directory.

    Raises
    ------
    RunError
        The run is not exported, has no Verilog, or its Verilog was found wrong.
    """
    run, naming = opened.run, naming or Naming.of_run(opened.name)
    rtl = run.read_json("rtl.json")
    made: DesignFile = rtl
    model = model_of(opened, made.get("interface", "plain"))
    graph = read_graph(model)
    inputs, expected = load_vectors(run.require("vectors.npz"), graph)
    if answers_in_words(graph):
        expected = OnnxRuntimeExecutor(graph, model).run(*inputs)
    verdicts = read_json_if_there(run.path("verify.json")) or []
    wrong = [v["executor"] for v in verdicts if v["differ"]]
    wrong += [name for name, s in rtl["scenarios"].items() if s["differ"]]
    if wrong:
        raise RunError(
            f"a package needs integers that agree, but {', '.join(wrong)} differ; see verify.json and rtl.json"
        )
    design = made_design(graph, made, naming)
    synth, vendor = (read_json_if_there(run.path(name)) for name in ("synth.json", "vendor.json"))
    facts = facts_of(rtl, synth, verdicts, vendor or [])
    delivery = Delivery(
        naming,
        graph,
        design,
        made_target(made),
        Path(made["target"]).stem,
        tuple(x[:_JETS] for x in inputs),
        expected[:_JETS].reshape(min(_JETS, len(expected)), -1),
        facts,
        {"run": opened.name, "settings": run.digest, "tritag": version("tritag")},
        stream=made.get("interface") == "stream",
    )
    files = package_files(delivery, run.require("model.qonnx.onnx").read_bytes())
    archive = _archive(out, naming)
    write_archive(archive, naming.full, files)
    print_progress(f"{opened.name}: {len(files)} files in {archive}")
    for what, missing in {"Yosys' counts": synth is None, "a bit check": not verdicts}.items():
        if missing:
            made_by = advice.command(_STEP[what], run.directory)
            print_progress(f"the package has no figures of {what}; {made_by} makes them")
    if rtl["latency_cycles"] is None:
        print_progress(
            f"latency and interval are scheduled, not measured; {advice.command('rtl', run.directory)} measures them"
        )
    return PackageResult(opened, naming, archive, tuple(files))


_STEP = {"Yosys' counts": "synth", "a bit check": "verify"}


def _archive(out: Path | None, naming: Naming) -> Path:
    name = f"{naming.full}.tar.gz"
    if out is None:
        return Path(name)
    return out / name if out.is_dir() or not out.suffix else out
