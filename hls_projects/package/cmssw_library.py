"""The emulator for CMS' software compiled here, so that it can be compared: its library, and a driver that calls it.

The repository's own sources are compiled against the test double of the interface. The top function is that of the
C-simulation, whose object is linked where it was kept; then only the model class and the driver are compiled.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tritag.build_cache import built
from tritag.environment import cache_folder
from tritag.errors import ToolError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.hls_projects.csim import CompiledProject
from tritag.hls_projects.package.archive import as_bytes
from tritag.hls_projects.package.cmssw import DOUBLE_FILE, library_files, model_file
from tritag.hls_projects.package.hls import read_project
from tritag.tools import compiler, run_tool

FLAGS = ("-std=c++17", "-O1", "-fPIC", "-w")
DRIVER_FUNCTION = "tritag_cmssw_run"


@dataclass(frozen=True)
class CmsswLibrary:
    """A compiled emulator for CMS' software, and the library with the driver; the sizes are integers a jet."""

    path: Path
    driver: Path
    n_in: int
    n_out: int


def compile_cmssw(graph: FirmwareGraph, project: CompiledProject) -> CmsswLibrary:
    """Compile the emulator of a compiled project, or take it from the cache, where its sources name it.

    Raises
    ------
    ExportError
        An input or the output does not fit the integers of the interface.
    ToolError
        No g++ on PATH, or it failed: the message holds its first lines.
    """
    naming, hls = project.naming, read_project(project.folder, project.naming)
    files = as_bytes({**library_files(naming, graph, hls), "driver.cpp": DRIVER})
    state = hashlib.sha256(" ".join(FLAGS).encode())
    for path, content in files.items():
        state.update(f"\0{path}\0{len(content)}\0".encode() + content)

    def build(folder: Path) -> dict[str, float]:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        began = time.perf_counter()
        _build(folder, project)
        return {"compile_s": round(time.perf_counter() - began, 2)}

    folder = built(cache_folder("cmssw").resolve() / state.hexdigest()[:16], build).folder
    n_in, n_out = (sum(argument.size for argument in part) for part in (hls.inputs, hls.outputs))
    return CmsswLibrary(folder / naming.full / naming.library, folder / "driver.so", n_in, n_out)


def _build(folder: Path, project: CompiledProject) -> None:
    """The steps of the repository's Makefile, and the driver."""
    name = project.naming.full
    include = [f"-I{Path(DOUBLE_FILE).parents[1]}", f"-I{project.folder / 'firmware' / 'ap_types'}"]
    if project.object is not None:
        shutil.copyfile(project.object, folder / f"{name}.o")
    else:
        _compiled(folder, *include, "-c", f"{name}/NN/{name}.cpp", "-o", f"{name}.o")
    _compiled(folder, *include, "-c", model_file(project.naming), "-o", "model.o")
    exports = f"-Wl,--version-script={name}/exports.map"
    _compiled(folder, "-shared", f"{name}.o", "model.o", exports, "-o", f"{name}/{project.naming.library}")
    _compiled(folder, *include, "-shared", "driver.cpp", "-ldl", "-o", "driver.so")
    for made in (f"{name}.o", "model.o"):
        (folder / made).unlink()


def _compiled(folder: Path, *arguments: str) -> None:
    done = run_tool([compiler("the emulator for CMS' software"), *FLAGS, *arguments], folder)
    if done.returncode:
        raise ToolError(f"g++ must compile the emulator for CMS' software, but failed:\n{done.stderr[:2000]}")


DRIVER = """\
// Jets through an emulator for CMS' software as the experiment's loader takes them: the library is opened with local
// symbols, a model is made, and every jet is prepared, predicted and read. Status 1 with a message when that fails.
#include <dlfcn.h>

#include <cstdio>
#include <exception>

#include "hls4ml/emulator.h"

static long failed(char *message, long size, const char *text) {
    std::snprintf(message, size, "%s", text);
    return 1;
}

extern "C" long tritag_cmssw_run(const char *path, const int *codes, int *out, long jets, long n_in, long n_out,
                                 char *message, long size) {
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return failed(message, size, dlerror());
    auto create = (hls4mlEmulator::Model * (*)()) dlsym(library, "create_model");
    auto destroy = (void (*)(hls4mlEmulator::Model *))dlsym(library, "destroy_model");
    if (!create || !destroy)
        return failed(message, size, "create_model and destroy_model must be exported, but are not");
    long status = 0;
    hls4mlEmulator::Model *model = nullptr;
    try {
        model = create();
        for (long jet = 0; jet < jets; jet++) {
            model->prepare_input(codes + jet * n_in);
            model->predict();
            model->read_result(out + jet * n_out);
        }
    } catch (const std::exception &error) {
        status = failed(message, size, error.what());
    }
    if (model)
        destroy(model);
    return status;
}
"""
