"""All files of a package."""

from __future__ import annotations

from tritag.hls_projects.emulator.library import FLAGS, NATIVE
from tritag.hls_projects.package.archive import with_checksums
from tritag.hls_projects.package.bill import bill_of_materials
from tritag.hls_projects.package.cmssw import cmssw_files
from tritag.hls_projects.package.cocotb_bench import cocotb_files
from tritag.hls_projects.package.delivery import Delivery, Files
from tritag.hls_projects.package.diagram import block_diagram
from tritag.hls_projects.package.hls import hls_project
from tritag.hls_projects.package.ipxact import component
from tritag.hls_projects.package.latency_picture import latency_files
from tritag.hls_projects.package.native import native_files
from tritag.hls_projects.package.readme import readme
from tritag.hls_projects.package.stream_ports import stream_text
from tritag.hls_projects.package.summary import summary_files
from tritag.hls_projects.package.verilog import vector_files, verilog_files


def package_files(delivery: Delivery, model: bytes) -> dict[str, bytes]:
    """Content of every file by its path, checksums included.

    Parameters
    ----------
    model : bytes
        The exported file.
    """
    hls, flags = hls_project(delivery), (*FLAGS, *NATIVE)
    files: Files = {
        "README.md": readme(delivery, flags),
        "sbom.json": bill_of_materials(delivery),
        "model.qonnx.onnx": model,
        **summary_files(delivery.facts, delivery.origin, stream_text(delivery)),
        **latency_files(delivery),
        "docs/blocks.svg": block_diagram(delivery),
        **_below("hls", hls.files),
        **_below("emulator", cmssw_files(delivery, hls)),
        **_below("native", native_files(delivery, flags)),
        **_below("verilog", {**verilog_files(delivery), "component.xml": component(delivery)}),
        **_below("vectors", vector_files(delivery)),
        **_below("cocotb", cocotb_files(delivery)),
    }
    return with_checksums(files)


def _below(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": content for name, content in files.items()}
