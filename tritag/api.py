"""The public functions, offered as ``tritag.<name>``.

They check names first and import PyTorch, ONNX and hls4ml after it, so that a wrong name is answered at once. What they
do stands in ``tritag.pipeline``, one step a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION, DEFAULT_TARGET, RTL_JETS

if TYPE_CHECKING:
    from tritag.data.jets.jets import JetBatch
    from tritag.pipeline.csim import CsimResult
    from tritag.pipeline.export import ExportResult
    from tritag.pipeline.opened import OpenedRun, RunLike
    from tritag.pipeline.rtl import RtlResult
    from tritag.pipeline.score import Jets, Scores
    from tritag.pipeline.synth import SynthResult
    from tritag.pipeline.train import TrainResult
    from tritag.pipeline.verify import VerifyResult


def open_run(run: RunLike) -> OpenedRun:
    """Open a run that was trained before.

    Parameters
    ----------
    run : str or Path
        A run directory, or the beginning of its name in the runs folder (``$TRITAG_RUNS``, else ``runs``), which finds
        the newest such run: ``transformer-2k``, or ``transformer-2k-k16`` with 16 constituents.

    Returns
    -------
    OpenedRun
        With ``directory``, ``name``, ``recipe`` (tagger, jets, precision, trainings), ``metrics()`` and ``tagger()``,
        the PyTorch module with its weights. Every function here takes it, or what is given as ``run`` here.

    Raises
    ------
    RunError
        No such run (the nearest names are offered), or one that was damaged, edited or written by another version.

    Examples
    --------
    ::

        run = tritag.open_run("transformer-2k")
        print(run.recipe.tagger.n_constituents, run.metrics()["test"]["auc"])
    """
    from tritag.pipeline.opened import open_run

    return open_run(run)


def read_jets(
    source: RunLike,
    split: str | None = None,
    n_max: int | None = None,
    constituents: int | None = None,
) -> JetBatch:
    """Read jets of a file of any known kind, of a data configuration, or those that a run was trained on.

    Parameters
    ----------
    source : str, Path or OpenedRun
        Path of a jet file (this project's HDF5, the public top-tagging HDF5, JetClass's ROOT files, ``.npz`` or HDF5
        with ``p4`` and ``n_constituents``; docs/data.md); a name in ``configs/data``, whose set is generated when it is
        not in the cache; or an opened run, which stands for its own jets.
    split : str, optional
        ``train``, ``val`` or ``test`` of a file with splits; by default all jets.
    n_max : int, optional
        At most this many jets, from the beginning.
    constituents : int, optional
        Pad own files to at least this many constituents, for a tagger that takes more than any jet has.

    Returns
    -------
    JetBatch
        ``p4`` (n, N, 4) float32, (E, px, py, pz) in GeV, zero padded, leading constituents first; ``n_constituents``
        (n,) int64; ``label`` (n,) int64, -1 where unknown; ``truth`` (n, 4) in GeV or None; ``classes``.

    Raises
    ------
    DataError
        No such file, an unknown split, or values that cannot be jets.
    ConfigError
        Neither a file nor the name of a configuration.

    Examples
    --------
    ::

        jets = tritag.read_jets("top-demo", split="test", n_max=1000)
    """
    from tritag.pipeline.opened import OpenedRun
    from tritag.run import Run

    if isinstance(source, Run):
        source = OpenedRun(source)
    if isinstance(source, OpenedRun):
        constituents = constituents or source.recipe.tagger.n_constituents
        source = source.recipe.data
    from tritag.pipeline.jets import read_source

    return read_source(source, split, n_max, constituents)


def train(
    tagger: str,
    data: str = DEFAULT_DATA,
    *,
    constituents: int | None = None,
    precision: str = DEFAULT_PRECISION,
    iterations: int | None = None,
    seed: int = 1,
    settings: Sequence[str] = (),
    start: str | None = None,
    body_rate: float = 1.0,
    on_grid: bool = True,
    fresh: bool = False,
    progress: bool = True,
) -> TrainResult:
    """Train a tagger into a run directory; a killed training is continued by the same call, a finished one found.

    A quantized tagger starts from the float one with the same settings, which is trained, or found, first.

    Parameters
    ----------
    tagger : str
        A name of ``tritag train --list``, or a YAML file.
    data : str
        A name in ``configs/data``, or a jet file with the splits ``train``, ``val`` and ``test``.
    constituents : int, optional
        Leading constituents K of a jet, 1..128; by default the tagger's own number.
    precision : str
        ``float`` or a name in ``configs/precisions`` (docs/recipes.md).
    iterations : int, optional
        Optimizer steps of each training; by default the tagger's own number.
    seed : int
        Of weights and batches.
    settings : sequence of str
        Changes ``section.key=value`` with a section ``sizes``, ``head``, ``training``, ``quant`` or ``quant_training``.
    start : str, optional
        Whole name of the run whose body is taken, under a new head (fine-tuning, docs/training.md).
    body_rate : float
        With ``start``: learning rate of the body over the head's, in [0, 1].
    on_grid : bool
        False trains a float tagger on candidates that are not rounded to the trigger's grid.
    fresh : bool
        Train again even when the run is finished.
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    TrainResult
        ``run``, which every other function takes, and ``metrics``: figures on the test jets with statistical errors.

    Raises
    ------
    ConfigError
        Unknown names, keys or values; the nearest name is offered.
    DataError
        The jets do not fit the tagger's head.
    TritagError
        The loss is not finite.

    Examples
    --------
    ::

        run = tritag.train("transformer-2k", iterations=500, settings=["training.batch_size=256"]).run
    """
    from tritag.pipeline.names import check_training_names

    check_training_names(tagger, data, precision)
    if start is not None:
        open_run(start)
    from tritag.pipeline.recipes import recipe_of, start_of
    from tritag.pipeline.train import train_run

    changes = [f"training.seed={seed}", *([f"training.iterations={iterations}"] if iterations is not None else [])]
    recipe = recipe_of(
        tagger,
        data,
        constituents,
        precision,
        [*changes, *settings],
        on_grid=on_grid,
        start=start_of(start, body_rate),
    )
    return train_run(Path(tagger).stem, recipe, fresh=fresh, progress=progress)


def export(run: RunLike) -> ExportResult:
    """Export a trained, quantized run: one QONNX file, its description, and golden integers.

    Writes ``model.qonnx.onnx``, which plain ONNX Runtime executes, ``graph.json`` and ``vectors.npz``.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.

    Returns
    -------
    ExportResult
        ``model``, the path of the file; ``layers``, its number of layers; ``golden_jets``, jets with known integers.

    Raises
    ------
    ExportError
        The run is float, or its recipe has no exact form in firmware.
    RunError
        No such run, or one that is not trained to its end.

    Examples
    --------
    ::

        model = tritag.export("transformer-2k").model
    """
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("weights.safetensors",))
    from tritag.pipeline.export import export_run

    return export_run(opened)


def csim(run: RunLike, target: str = DEFAULT_TARGET) -> CsimResult:
    """Write and compile the hls4ml project of an exported run, and check it against the golden integers.

    The project is the folder ``hls`` of the run. Where Vitis HLS is installed its synthesis follows.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    target : str
        FPGA part, clock and interval: a name in ``configs/targets``, or a YAML file.

    Returns
    -------
    CsimResult
        ``golden``, the verdict on the golden jets; ``compile_s``, seconds of the compilation; ``vendor``, cycles and
        resources by Vitis HLS, or None.

    Raises
    ------
    CheckFailed
        The C-simulation gives other integers.
    RunError
        No such run, or one that is not exported.
    ToolError
        No g++ on PATH, or it failed.

    Examples
    --------
    ::

        print(tritag.csim("transformer-2k").golden.differ)
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("model.qonnx.onnx", "vectors.npz"))
    load_target(target)
    from tritag.pipeline.csim import csim_run

    return csim_run(opened, target)


def verify(
    run: RunLike,
    jets: str | Path | None = None,
    n_max: int | None = None,
    *,
    layers: bool = False,
    target: str = DEFAULT_TARGET,
    progress: bool = True,
) -> VerifyResult:
    """Run the same jets through PyTorch, ONNX Runtime, QONNX and the C-simulation, and compare every integer.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    jets : str or Path, optional
        Jet file; by default 10 000 jets of the run's data and the crafted ones, whose verdict goes into
        ``verify.json``.
    n_max : int, optional
        Only the first jets.
    layers : bool
        Search the first layer that differs.
    target : str
        The target whose project is compiled.
    progress : bool
        Show a bar for each executor.

    Returns
    -------
    VerifyResult
        ``verdicts``, one an executor, each with ``jets``, ``differ`` and ``largest_lsb``; ``equal``; and
        ``require_equal()``, which raises CheckFailed when an integer differs.

    Raises
    ------
    RunError
        No such run, or one that is not exported.
    DataError
        The file holds no jets that fit.
    ToolError
        No g++ on PATH, or it failed.

    Examples
    --------
    ::

        tritag.verify("transformer-2k", "jets.h5", n_max=1000).require_equal()
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("model.qonnx.onnx", "weights.safetensors"))
    load_target(target)
    from tritag.pipeline.verify import verify_run

    return verify_run(opened, None if jets is None else Path(jets), n_max, layers, target, progress)


def rtl(
    run: RunLike,
    target: str = DEFAULT_TARGET,
    *,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
    jets: int = RTL_JETS,
) -> RtlResult:
    """Write pipelined Verilog of an exported run, simulate it bit by bit, and measure its cycles.

    The Verilog is the folder ``rtl`` of the run (docs/rtl.md).

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    target : str
        FPGA part, clock and interval: a name in ``configs/targets``, or a YAML file.
    interval : int, optional
        Clock cycles between two jets; by default the target's.
    beats : int, optional
        Most cycles in which a jet's rows pass; by default as few as one SLR holds, by the estimate.
    dsp_bits : int, optional
        Products of so many partial bits (width times width) and more go into DSPs.
    jets : int
        Jets to simulate, besides the crafted ones.

    Returns
    -------
    RtlResult
        ``latency_cycles`` and ``interval_cycles`` as measured; ``scenarios``, jets and differing jets of each
        simulation; ``settings`` with the estimated resources and the latency in ns at the assumed clock; and
        ``require_right()``, which raises CheckFailed when an integer or a cycle count is wrong.

    Raises
    ------
    ToolError
        Verilator, g++ or perl is missing.
    RunError
        No such run, or one that is not exported.
    ExportError
        A layer has no form in Verilog.

    Examples
    --------
    ::

        print(tritag.rtl("transformer-2k", interval=9).latency_cycles)
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("model.qonnx.onnx",))
    load_target(target)
    from tritag.pipeline.rtl import rtl_run

    return rtl_run(opened, target, interval, beats, jets, dsp_bits)


def synth(run: RunLike, *, workers: int = 1, only: str | None = None) -> SynthResult:
    """Count the resources of a run's Verilog with Yosys, kernel by kernel; an interrupted call is continued.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    workers : int
        Processes of Yosys at a time.
    only : str, optional
        Only kernels with this in their names; ``synth.json`` is not written then.

    Returns
    -------
    SynthResult
        ``kernels``, each with its counts (LUT, FF, CARRY8, DSP, 18-kbit memories) and logic levels; ``whole``, the sum
        with its shares of the part and of one SLR and an estimated clock period in ns.

    Raises
    ------
    ToolError
        Yosys is missing or failed.
    RunError
        No such run, or one without Verilog.
    ConfigError
        No kernel has ``only`` in its name.

    Examples
    --------
    ::

        print(tritag.synth("transformer-2k", workers=2).whole.total.lut)
    """
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("rtl.json", "model.qonnx.onnx"))
    from tritag.pipeline.synth import synth_run

    return synth_run(opened, workers, only)


def score(run: RunLike, jets: Jets, executor: str = "pytorch", target: str = DEFAULT_TARGET) -> Scores:
    """Give the outputs of an exported run for jets, as the integers of the firmware and the numbers they stand for.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    jets : JetBatch, CodedJets or (codes, count)
        Momenta as :func:`read_jets` gives them, which are put on the trigger's grid; or jets on the grid: ``codes``
        (n, K, 3) integers [pT in 0.25 GeV, eta and phi in pi/720] and ``count`` (n,) integers, candidates in 0..K.
    executor : str
        ``pytorch``, ``onnxruntime``, ``qonnx`` or ``csim`` (hls4ml's C-simulation, compiled when it is not in the
        cache). All give the same integers.
    target : str
        The target whose project is compiled for ``csim``.

    Returns
    -------
    Scores
        ``integers`` (n, outputs) int64; ``floats`` (n, outputs) float64, integers times ``lsb``; ``lsb``; ``names`` of
        the outputs: ``logit``, or the classes, then the regressed ``pt`` and ``mass`` (docs/heads.md).

    Raises
    ------
    RunError
        No such run, or one that is not exported.
    DataError
        Arrays of other shapes or types, values off the grid, or fewer constituents than the tagger takes.
    ConfigError
        Unknown executor or target.
    ToolError
        No g++ on PATH, for ``csim``.

    Examples
    --------
    ::

        jets = tritag.read_jets("top-demo", split="test", n_max=100)
        scores = tritag.score("transformer-2k", jets, executor="onnxruntime")
        print(scores.names, scores.integers[:, 0], scores.floats[:, 0])
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("model.qonnx.onnx",))
    load_target(target)
    from tritag.pipeline.score import score_jets

    return score_jets(opened, jets, executor, target)
