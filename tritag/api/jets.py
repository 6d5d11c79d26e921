"""Jets: read from any source, and scored by any executor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tritag.pipeline.defaults import DEFAULT_TARGET

if TYPE_CHECKING:
    from tritag.data.jets.jets import JetBatch
    from tritag.pipeline.opened import RunLike
    from tritag.pipeline.score import Jets, Scores
    from tritag.pipeline.score_file import ScoredFile


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
        Path of a jet file (this project's HDF5, the public top-tagging HDF5, JetClass's ROOT files, ``.npz``, HDF5, CSV
        or Parquet with p4, or pt, eta and phi, or codes; docs/data.md); a name in ``configs/data``, whose set is
        generated when it is not in the cache; or an opened run, which stands for its own jets.
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
        ``pytorch``, ``onnxruntime``, ``qonnx``, ``csim`` (hls4ml's C-simulation) or ``emulator`` (the same integers in
        plain C++, the fastest). The last two are compiled when they are not in the cache.
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
        No g++ on PATH, for ``csim`` and ``emulator``.

    Examples
    --------
    ::

        jets = tritag.read_jets("top-demo", split="test", n_max=100)
        scores = tritag.score("transformer-2k", jets, executor="onnxruntime")
        print(scores.names, scores.integers[:, 0], scores.floats[:, 0])
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx",), jets=False)
    load_target(target)
    from tritag.pipeline.score import score_jets

    return score_jets(opened, jets, executor, target)


def score_file(
    run: RunLike,
    jets: str | Path,
    out: str | Path,
    *,
    executor: str = "emulator",
    split: str | None = None,
    n_max: int | None = None,
    target: str = DEFAULT_TARGET,
    progress: bool = True,
) -> ScoredFile:
    """Score the jets of a file into another one, in constant memory; the same call continues an interrupted scoring.

    Files of this project's format are read part by part, other kinds whole.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    jets : str or Path
        Jet file of any kind that :func:`read_jets` takes; of an imported program an ``.npz`` with one array of integers
        for each of its inputs, by their names.
    out : str or Path
        ``.h5`` or ``.npz``, which must not exist: ``integers`` (n, outputs) int32 in the order of ``jets``, ``lsb``,
        ``names``, and what they were made from.
    executor : str
        ``emulator``, ``pytorch``, ``onnxruntime``, ``qonnx`` or ``csim``.
    split : str, optional
        ``train``, ``val`` or ``test`` of a file with splits; by default all jets.
    n_max : int, optional
        At most this many jets, from the beginning.
    target : str
        The target whose project is compiled for ``csim``.
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    ScoredFile
        ``out``, ``jets``, ``names``, ``lsb``, and ``resumed``, the jets that an earlier call had scored.

    Raises
    ------
    DataError
        The file cannot be read or holds no jets, or ``out`` exists or has another ending.
    RunError
        No such run, or one that is not exported.
    ConfigError
        Unknown executor or target.
    ToolError
        No g++ on PATH, for ``csim`` and ``emulator``.

    Examples
    --------
    ::

        tritag.score_file("transformer-2k", "jets.h5", "scores.h5")
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx",))
    load_target(target)
    from tritag.pipeline.score_file import score_file

    return score_file(opened, Path(jets), Path(out), executor, target, split, n_max, progress)
