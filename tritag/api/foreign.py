"""Networks of other people: an ONNX file as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tritag.pipeline.import_file import ImportResult


def import_file(file: str | Path, inputs: str | Path | None = None, name: str | None = None) -> ImportResult:
    """Turn a QONNX file of anybody into an exact integer program, in a run that goes on like a trained one.

    Parameters
    ----------
    file : str or Path
        A file of Brevitas' ``export_qonnx``, QKeras or HGQ2 by way of QONNX, or in QCDQ form (docs/import.md).
    inputs : str or Path, optional
        YAML file with ``bits``, ``signed``, ``lsb`` and ``unit`` of each input; an input that has a quantizer right
        behind it needs none.
    name : str, optional
        Name of the run; by default the file's.

    Returns
    -------
    ImportResult
        ``run``, which :func:`csim`, :func:`verify`, :func:`rtl` and :func:`synth` take; ``forms`` of its quantizers;
        ``notes`` about what differs from the file.

    Raises
    ------
    DataError
        The file is missing, too large, or no ONNX file.
    ConfigError
        The file of inputs has another form.
    ExportError
        A node has no exact integer form; the message names it and the reason.

    Examples
    --------
    ::

        run = tritag.import_file("jets.onnx", "grid.yaml").run
        tritag.verify(run).require_equal()
    """
    from tritag.pipeline.import_file import import_run

    return import_run(Path(file), None if inputs is None else Path(inputs), name)
