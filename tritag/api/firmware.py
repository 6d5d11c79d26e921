"""Firmware: the exported file, its hls4ml project, and the bit check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tritag.errors import ConfigError
from tritag.pipeline.defaults import DEFAULT_TARGET

if TYPE_CHECKING:
    from tritag.pipeline.csim import CsimResult
    from tritag.pipeline.export import ExportResult
    from tritag.pipeline.opened import RunLike
    from tritag.pipeline.verify import VerifyResult


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
    from tritag.pipeline.opened import is_exact, open_run

    opened = open_run(run, needs=("weights.safetensors",), suits=is_exact)
    from tritag.pipeline.export import export_run

    return export_run(opened)


def csim(
    run: RunLike,
    target: str = DEFAULT_TARGET,
    *,
    interface: str = "plain",
    name: str | None = None,
    version: int | None = None,
) -> CsimResult:
    """Write and compile the hls4ml project of an exported run, and check it against the golden integers.

    The project is the folder ``hls`` of the run. Where Vitis HLS is installed its synthesis follows.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    target : str
        FPGA part, clock and interval: a name in ``configs/targets``, or a YAML file.
    interface : "plain" or "words"
        With words the project also has the function on words, which is what is checked.
    name : str, optional
        What namespace, top function, guards and library are called, by default as the run: letters, digits and
        underscores.
    version : int, optional
        Version behind the name, 0 or more; by default 1.

    Returns
    -------
    CsimResult
        ``golden``, the verdict on the golden jets; ``compile_s``, seconds of the compilation; ``vendor``, cycles and
        resources by Vitis HLS, or None.

    Raises
    ------
    CheckFailed
        The C-simulation gives other integers.
    ConfigError
        An unknown target, or a name or version that cannot be one.
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
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx", "vectors.npz"))
    load_target(target)
    from tritag.export.naming import Naming

    naming = Naming.of_run(opened.name, name, version)
    from tritag.pipeline.csim import csim_run
    from tritag.pipeline.interfaces import check_interface

    check_interface(interface)
    return csim_run(opened, target, naming, interface)


def verify(
    run: RunLike,
    jets: str | Path | None = None,
    n_max: int | None = None,
    *,
    layers: bool = False,
    target: str = DEFAULT_TARGET,
    executors: Sequence[str] | None = None,
    interface: str = "plain",
    progress: bool = True,
) -> VerifyResult:
    """Run the same jets through PyTorch, ONNX Runtime, QONNX, C-simulation and emulator, and compare every integer.

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
        The target whose project is compiled. The executor ``verilog`` takes the run's Verilog as it is, and refuses
        another target than its own, or another interface; without Verilog it builds the design for this target.
    executors : sequence of str, optional
        What is compared, the reference first: of ``pytorch``, ``onnxruntime``, ``qonnx``, ``csim``, ``emulator``,
        ``cmssw``, the package's emulator for CMS' software, and ``verilog``, the simulated Verilog; by default all but
        these two. The native emulator gets ten times as many of the run's jets.
    interface : "plain" or "words"
        What is compared: integers, or a jet's word that firmware makes of its candidates' words (docs/words.md), by
        ``onnxruntime``, ``csim``, ``emulator`` and ``verilog``; then nothing is written into the run.
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
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx",), jets=jets is None)
    if not opened.imported:
        opened.run.require("weights.safetensors")
    load_target(target)
    file = None if jets is None else Path(jets)
    if interface != "plain":
        from tritag.pipeline.interfaces import check_interface
        from tritag.pipeline.verify_words import verify_words

        check_interface(interface)
        if layers:
            raise ConfigError("layers cannot be compared in words; leave --layers or --interface out")
        return verify_words(opened, file, n_max, target, progress, executors)
    from tritag.pipeline.verify import verify_run

    return verify_run(opened, file, n_max, layers, target, progress, executors)
