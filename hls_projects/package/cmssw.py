"""The emulator as CMS' software takes it: a repository whose library makes models that share nothing but constants.

The layout and the interface are those of the experiment's emulators (class ``hls4mlEmulator::Model``, ``create_model``,
``destroy_model``). The header of the interface is the experiment's; where it is not installed, a compatible test double
in ``test/`` serves the tests.
"""

from __future__ import annotations

import numpy as np

from tritag.errors import ExportError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.naming import Naming
from tritag.hls_projects.package.cmssw_templates import DOUBLE, LIBRARY_MAKEFILE, LOADER, MAKEFILE, MODEL, README, SPEC
from tritag.hls_projects.package.delivery import Delivery, Files
from tritag.hls_projects.package.hls import HlsArgument, HlsProject
from tritag.quant.formats.fixed import Grid

# The test double of the interface, in the repository.
DOUBLE_FILE = "test/double/hls4ml/emulator.h"


def cmssw_files(delivery: Delivery, hls: HlsProject) -> Files:
    """Files of the repository, by their path below the package's folder ``emulator``."""
    naming, graph = delivery.naming, delivery.graph
    names = {"name": naming.full, "namespace": naming.namespace, "plain": naming.name}
    return {
        "Makefile": MAKEFILE.format(**names),
        "README.md": README.format(**names, inputs=_described(graph), outputs=", ".join(graph.output_names)),
        f"cmsdist/{naming.name}.spec": SPEC.format(**names, version=naming.version),
        f"{naming.full}/Makefile": LIBRARY_MAKEFILE.format(**names),
        **library_files(naming, graph, hls),
        "test/loader.cpp": LOADER,
        f"test/{naming.full}.vectors": vectors(delivery),
    }


def library_files(naming: Naming, graph: FirmwareGraph, hls: HlsProject) -> Files:
    """What of the repository is compiled into the library, the test double of the interface among it.

    Raises
    ------
    ExportError
        An input or the output does not fit the integers of the interface.
    """
    library = naming.full
    sources = {
        f"{library}/NN/{path.removeprefix('firmware/')}": content
        for path, content in hls.files.items()
        if path.startswith("firmware/") and "/ap_types/" not in path
    }
    return {
        model_file(naming): model_text(naming, graph, hls),
        f"{library}/exports.map": "{\n    global: create_model; destroy_model;\n    local: *;\n};\n",
        **sources,
        DOUBLE_FILE: DOUBLE,
    }


def model_file(naming: Naming) -> str:
    """Path of the model class in the repository."""
    return f"{naming.full}/{naming.name}_emulator_v{naming.version}.cpp"


def vectors(delivery: Delivery) -> str:
    """Golden jets for the loader test: sizes in the first line, then inputs and outputs of a jet in each."""
    flat = [x.reshape(delivery.jets, -1) for x in delivery.inputs]
    rows = np.concatenate(flat, axis=1).astype(np.int64).tolist()
    answers = delivery.expected.reshape(delivery.jets, -1).tolist()
    lines = [f"{delivery.jets} {len(rows[0])} {len(answers[0])}"]
    lines += [" ".join(map(str, [*row, *answer])) for row, answer in zip(rows, answers, strict=True)]
    return "\n".join(lines) + "\n"


def model_text(naming: Naming, graph: FirmwareGraph, hls: HlsProject) -> str:
    """C++ of the model class."""
    taken, typed, place = [], [], 0
    for name in (*graph.inputs, *graph.outputs):
        _require_int(name, graph.grids[name])
    for number, (argument, source) in enumerate(zip(hls.inputs, graph.inputs, strict=True)):
        grid = graph.grids[source]
        taken.append(f'        take({argument.name}_, codes + {place}, {grid.low}, {grid.high}, "{source}");')
        typed.append(f"            std::copy_n(std::get<{number}>(given), {argument.size}, {argument.name}_);")
        place += argument.size
    tuple_type = f"std::tuple<{', '.join(f'{a.kind} *' for a in hls.inputs)}>"
    (output,) = hls.outputs
    return MODEL.format(
        name=naming.full,
        namespace=naming.namespace,
        emulator=f"{naming.name}_emulator_v{naming.version}",
        inputs=_described(graph),
        outputs=", ".join(graph.output_names),
        tuple=tuple_type,
        taken="\n".join(taken),
        typed="\n".join(typed),
        call=", ".join(f"{a.name}_" for a in (*hls.inputs, output)),
        members="\n".join(f"    {_member(a)}" for a in (*hls.inputs, output)),
        n_in=place,
        n_out=output.size,
        result=output.kind,
        answer=output.name,
    )


def _member(argument: HlsArgument) -> str:
    return f"{argument.kind} {argument.name}_[{argument.size}];"


def _described(graph: FirmwareGraph) -> str:
    """The inputs in words, in the order in which their integers stand one behind the other."""
    shapes = [f"{name} ({' x '.join(map(str, graph.shapes[name]))})" for name in graph.inputs]
    return ", then ".join(shapes)


def _require_int(name: str, grid: Grid) -> None:
    if grid.low < -(2**31) or grid.high >= 2**31:
        raise ExportError(
            f"the emulator for CMS' software passes integers of 32 bits: {name} must fit them, got "
            f"[{grid.low}, {grid.high}]; give it a narrower format"
        )
