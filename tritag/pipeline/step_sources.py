"""Which sources make the files of each step: Python modules with what they import, and headers that are copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tritag.configs import digest
from tritag.pipeline.sources import SourceDigest, closure, digest_sources

# By step: the modules that make its files, and the packages in which their imports are followed.
_MADE_BY: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cost": (("tritag.export.cost", "tritag.export.qonnx_file", "tritag.export.graph"), ("tritag.export",)),
    "export": (("tritag.export.qonnx_file", "tritag.export.graph"), ("tritag.export",)),
    "import": (("tritag.export.importing.importer", "tritag.export.graph"), ("tritag.export",)),
    "csim": (("tritag.hls_projects.csim",), ("tritag.hls_projects",)),
    # a verdict on Verilog goes when the Verilog is written anew
    "verify": (
        (
            "tritag.hls_projects.csim",
            "tritag.hls_projects.emulator.executor",
            "tritag.hls_projects.package.cmssw_executor",
            "tritag.hls_projects.verify",
            "tritag.export.executors",
            "tritag.export.graph",
        ),
        ("tritag.hls_projects", "tritag.export"),
    ),
    "rtl": (("tritag.export.rtl.design.search",), ("tritag.export",)),
}
# Sources in other languages, which are copied or compiled as they are.
_COPIED = {".h", ".hpp", ".c", ".cc", ".cpp", ".v", ".sv", ".vh", ".tcl"}


def digest_step(step: str, beside: Path) -> dict[str, SourceDigest]:
    """Digests of the sources that make the files of ``step``, by name; ``beside`` as of :func:`digest_sources`."""
    modules = closure(*_MADE_BY[step])
    return digest_sources(modules | _copied({module.parent for module in modules}), beside)


@cache
def sources_of(step: str) -> str:
    """Digest of the sources that make the files of ``step``, for what is kept outside of a run."""
    return digest(digest_step(step, Path()), 16)


def _copied(folders: set[Path]) -> set[Path]:
    """Sources in other languages in folders of modules, and in those below that hold no Python."""
    found, waiting = set(), list(folders)
    while waiting:
        inside = list(waiting.pop().iterdir())
        found |= {path for path in inside if path.suffix in _COPIED and path.is_file()}
        waiting += [path for path in inside if path.is_dir() and not any(path.glob("*.py"))]
    return found
