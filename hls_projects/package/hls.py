"""The hls4ml project of a package: weights as headers, a bench that fails on a difference, the vendor's scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

from tritag.errors import ExportError
from tritag.export.feature_vectors import real_values
from tritag.export.naming import Naming
from tritag.helper_files import temporary_folder
from tritag.hls_projects.bench import write_testbench
from tritag.hls_projects.package.delivery import Delivery, Files
from tritag.hls_projects.project import write_project
from tritag.noise import quiet


@dataclass(frozen=True)
class HlsArgument:
    """An argument of the HLS top function: name of its type, name, and number of elements."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class HlsProject:
    """A project's files by their path in it, and the arguments of its top function."""

    files: Files
    inputs: tuple[HlsArgument, ...]
    outputs: tuple[HlsArgument, ...]


def read_project(folder: Path, naming: Naming) -> HlsProject:
    """The sources below ``firmware`` of a project on disk, and its top function's arguments, which its header names.

    Raises
    ------
    ExportError
        The header declares no such function.
    """
    paths = sorted(path for path in (folder / "firmware").rglob("*") if path.suffix in (".h", ".cpp"))
    files: Files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return HlsProject(files, *_arguments(folder, naming))


def _arguments(folder: Path, naming: Naming) -> tuple[tuple[HlsArgument, ...], tuple[HlsArgument, ...]]:
    """Inputs and output of the top function, as its header declares them."""
    header = (folder / "firmware" / f"{naming.full}.h").read_text(encoding="utf-8")
    declared = re.search(rf"\bvoid {naming.full}\(([^)]*)\);", header)
    found = re.findall(r"(\w+) (\w+)\[([\d*]+)\]", declared[1]) if declared else []
    if len(found) < 2 or declared is None or len(found) != declared[1].count(",") + 1:
        raise ExportError(f"{naming.full}.h must declare the top function {naming.full} on arrays, but does not")
    *inputs, output = (HlsArgument(kind, name, prod(map(int, size.split("*")))) for kind, name, size in found)
    return tuple(inputs), (output,)


def hls_project(delivery: Delivery) -> HlsProject:
    """Write the project and read it back."""
    graph, (output,) = delivery.graph, delivery.graph.outputs
    with temporary_folder() as beside:
        folder = beside / "hls"
        with quiet(beside / "hls4ml.log"):
            write_project(graph, delivery.target, folder, naming=delivery.naming)
        values = [real_values(graph, n, x) for n, x in zip(graph.inputs, delivery.inputs, strict=True)]
        write_testbench(folder, values, delivery.expected * graph.grids[output].type.lsb)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files: Files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return HlsProject(files, *_arguments(folder, delivery.naming))
