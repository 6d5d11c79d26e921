"""The emulator as CMS' software takes it: a repository whose library makes models that share nothing but constants.

The layout and the interface are those of the experiment's emulators (class ``hls4mlEmulator::Model``, ``create_model``,
``destroy_model``). The header of the interface is the experiment's; where it is not installed, a compatible test double
in ``test/`` serves the tests.
"""

from __future__ import annotations

import numpy as np

from tritag.hls_projects.package.cmssw_templates import DOUBLE, LIBRARY_MAKEFILE, LOADER, MAKEFILE, MODEL, README, SPEC
from tritag.hls_projects.package.delivery import Delivery, Files
from tritag.hls_projects.package.hls import HlsArgument, HlsProject


def cmssw_files(delivery: Delivery, hls: HlsProject) -> Files:
    """Files of the repository, by their path below the package's folder ``emulator``."""
    names = {"name": delivery.naming.full, "namespace": delivery.naming.namespace, "plain": delivery.naming.name}
    library = delivery.naming.full
    sources = {
        f"{library}/NN/{path.removeprefix('firmware/')}": content
        for path, content in hls.files.items()
        if path.startswith("firmware/") and "/ap_types/" not in path
    }
    return {
        "Makefile": MAKEFILE.format(**names),
        "README.md": README.format(**names, inputs=_described(delivery), outputs=", ".join(_outputs(delivery))),
        f"cmsdist/{delivery.naming.name}.spec": SPEC.format(**names, version=delivery.naming.version),
        f"{library}/Makefile": LIBRARY_MAKEFILE.format(**names),
        f"{library}/{delivery.naming.name}_emulator_v{delivery.naming.version}.cpp": model_text(delivery, hls),
        f"{library}/exports.map": "{\n    global: create_model; destroy_model;\n    local: *;\n};\n",
        **sources,
        "test/loader.cpp": LOADER,
        "test/double/hls4ml/emulator.h": DOUBLE,
        f"test/{library}.vectors": vectors(delivery),
    }


def vectors(delivery: Delivery) -> str:
    """Golden jets for the loader test: sizes in the first line, then inputs and outputs of a jet in each."""
    flat = [x.reshape(delivery.jets, -1) for x in delivery.inputs]
    rows = np.concatenate(flat, axis=1).astype(np.int64).tolist()
    answers = delivery.expected.reshape(delivery.jets, -1).tolist()
    lines = [f"{delivery.jets} {len(rows[0])} {len(answers[0])}"]
    lines += [" ".join(map(str, [*row, *answer])) for row, answer in zip(rows, answers, strict=True)]
    return "\n".join(lines) + "\n"


def model_text(delivery: Delivery, hls: HlsProject) -> str:
    """C++ of the model class."""
    names, graph = delivery.naming, delivery.graph
    taken, typed, place = [], [], 0
    for number, (argument, source) in enumerate(zip(hls.inputs, graph.inputs, strict=True)):
        grid = graph.grids[source]
        taken.append(f'        take({argument.name}_, codes + {place}, {grid.low}, {grid.high}, "{source}");')
        typed.append(f"            std::copy_n(std::get<{number}>(given), {argument.size}, {argument.name}_);")
        place += argument.size
    tuple_type = f"std::tuple<{', '.join(f'{a.kind} *' for a in hls.inputs)}>"
    (output,) = hls.outputs
    return MODEL.format(
        name=names.full,
        namespace=names.namespace,
        emulator=f"{names.name}_emulator_v{names.version}",
        inputs=_described(delivery),
        outputs=", ".join(_outputs(delivery)),
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


def _described(delivery: Delivery) -> str:
    """The inputs in words, in the order in which their integers stand one behind the other."""
    graph = delivery.graph
    shapes = [f"{name} ({' x '.join(map(str, graph.shapes[name]))})" for name in graph.inputs]
    return ", then ".join(shapes)


def _outputs(delivery: Delivery) -> tuple[str, ...]:
    return delivery.graph.output_names
