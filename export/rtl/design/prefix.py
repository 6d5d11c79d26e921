"""Modules and memories of a design under the names of an artefact, so that two designs live in one project."""

from __future__ import annotations

import dataclasses
import re

from tritag.export.naming import Naming
from tritag.export.rtl.design.design import Design


def prefixed(design: Design, naming: Naming) -> Design:
    """The design with every module and memory called ``NAME_vN...``; one that is already is given back as it is."""
    if design.name == naming.full:
        return design
    # What the design is called while it is written does not go out.
    names = {old: f"{naming.prefix}{old.removeprefix(f'{design.name}_')}" for old in (*design.modules, *design.files)}
    names[design.name] = naming.full
    pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True)))

    def renamed(text: str) -> str:
        return pattern.sub(lambda found: names[found[0]], text)

    kernels = [
        dataclasses.replace(
            kernel,
            module=names[kernel.module],
            text=renamed(kernel.text),
            files={names[file]: content for file, content in kernel.files.items()},
        )
        for kernel in design.kernels
    ]
    return dataclasses.replace(
        design,
        name=naming.full,
        modules={names[module]: renamed(text) for module, text in design.modules.items()},
        top=renamed(design.top),
        kernels=kernels,
    )
