"""The hls4ml project of a package: weights as headers, a bench that fails on a difference, the vendor's scripts."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.export.feature_vectors import real_values
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


def hls_project(delivery: Delivery) -> HlsProject:
    """Write the project and read it back."""
    graph, (output,) = delivery.graph, delivery.graph.outputs
    with temporary_folder() as beside:
        folder = beside / "hls"
        with quiet(beside / "hls4ml.log"):
            model = write_project(graph, delivery.target, folder, naming=delivery.naming)
        values = [real_values(graph, n, x) for n, x in zip(graph.inputs, delivery.inputs, strict=True)]
        write_testbench(folder, values, delivery.expected * graph.grids[output].type.lsb)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files: Files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    ports = model.get_input_variables(), model.get_output_variables()
    inputs, outputs = (tuple(HlsArgument(v.type.name, v.name, v.size()) for v in part) for part in ports)
    return HlsProject(files, inputs, outputs)
