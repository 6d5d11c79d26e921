"""The check of somebody's QONNX file: what stock hls4ml would misread, and whether tritag takes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.errors import CheckFailed, ConfigError, TritagError
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.source import load_file
from tritag.export.importing.stock_hls4ml import VERSION, Finding, findings
from tritag.files import JsonObject
from tritag.structured import read_yaml


@dataclass(frozen=True)
class OnnxCheck:
    """What was found in a file.

    Attributes
    ----------
    file : Path
        The file.
    findings : tuple of Finding
        Nodes that stock hls4ml misreads or refuses.
    refused : str
        Why ``tritag import`` refuses the file; empty where it takes it.
    notes : tuple of str
        What ``tritag import`` says about the file.
    hls4ml : str
        The version of stock hls4ml that is meant.
    """

    file: Path
    findings: tuple[Finding, ...]
    refused: str
    notes: tuple[str, ...]
    hls4ml: str = VERSION

    def as_dict(self) -> JsonObject:
        """Findings and verdict, for JSON."""
        return {
            "stock_hls4ml": [finding.as_dict() for finding in self.findings],
            "refused": self.refused,
            "notes": list(self.notes),
        }

    def require_accepted(self) -> None:
        """Raise when ``tritag import`` refuses the file.

        Raises
        ------
        CheckFailed
            With the file's name; the reason stands in ``refused``.
        """
        if self.refused:
            raise CheckFailed(f"{self.file} has no firmware as it is: tritag import refuses it")


def check_onnx(file: Path, inputs: Path | None = None) -> OnnxCheck:
    """Check a file; nothing is converted or written.

    Raises
    ------
    DataError
        The file is missing, too large, or no ONNX file.
    ConfigError
        The file of inputs has another form.
    ExportError
        The file's shapes cannot be found out.
    """
    model = load_file(file)
    grids = read_grids(read_yaml(inputs, ConfigError)) if inputs is not None else {}
    found = tuple(findings(model))
    try:
        return OnnxCheck(file, found, "", tuple(import_model(model, grids).notes))
    except TritagError as error:
        return OnnxCheck(file, found, str(error), ())
