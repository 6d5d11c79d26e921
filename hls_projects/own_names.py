"""Gives the files of an hls4ml project the names of one artefact, and takes out what belongs to this machine.

Two taggers stand in one process or project: namespaces, include guards, C functions and the library carry the
artefact's name. hls4ml itself writes the top function and the namespace of types, weights and configurations; what it
leaves common to all projects is renamed here: its function library ``nnet``, guards, and the bridge's C functions.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tritag.export.naming import Naming
from tritag.files import write_text

_INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
_GUARD = re.compile(r"\A((?:\s|//[^\n]*\n|/\*.*?\*/)*)#ifndef (\w+)\n#define \2\n", re.DOTALL)
# Namespaces that hls4ml and tritag write, and the C functions that hls4ml's bridge has in every project.
_SHARED = re.compile(r"\bnnet\b|\btritag(?=::)|(?<=namespace )tritag\b")
_BRIDGE = re.compile(r"\b(allocate_trace_storage|free_trace_storage|collect_trace_output|trace_data)\b")
EXPORTS = "exports.map"
BUILD = "build_lib.sh"
VENDOR_BUILD = "build_prj.tcl"


def take_names(folder: Path, naming: Naming) -> None:
    """Rename what all hls4ml projects share, and write the build script and the configuration without paths and stamps.

    Parameters
    ----------
    folder : Path
        A project as hls4ml wrote it for ``naming``.
    """
    _drop_unused_headers(folder, naming)
    for path in _sources(folder):
        write_text(path, own_text(path.read_text(encoding="utf-8"), path.name, naming))
    bridge = folder / f"{naming.full}_bridge.cpp"
    write_text(bridge, _BRIDGE.sub(rf"{naming.prefix}\1", bridge.read_text(encoding="utf-8")))
    write_text(folder / EXPORTS, f"{{\n    global: {naming.prefix}*;\n    local: *;\n}};\n")
    write_text(folder / BUILD, build_script(naming))
    (folder / BUILD).chmod(0o755)
    configuration = folder / "hls4ml_config.yml"
    settings = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    settings.pop("Stamp", None)
    write_text(configuration, yaml.safe_dump({**settings, "OutputDir": "."}))


def build_script(naming: Naming, *beside: str) -> str:
    """Text of the script that compiles the C-simulation, and the sources ``firmware/NAME.cpp`` beside it."""
    alone = "".join(f'"$CXX" $FLAGS -c firmware/{name}.cpp -o {name}.o\n' for name in beside)
    objects = " ".join(f"{name}.o" for name in (naming.full, *beside))
    return _BUILD.format(name=naming.full, alone=alone, objects=objects, exports=EXPORTS)


def keeping_object(script: str, naming: Naming) -> str:
    """The build script's text without the removal of the top function's object, which other libraries link."""
    return script.replace(f"rm -f {naming.full}.o", "rm -f")


def own_text(text: str, file: str, naming: Naming) -> str:
    """A source text with the artefact's namespaces, and a header's with its include guard."""
    if file.endswith(".h"):
        text = _GUARD.sub(rf"\1#ifndef {naming.guard(file)}\n#define {naming.guard(file)}\n", text)
    return _SHARED.sub(lambda found: f"{naming.namespace}_{found[0]}", text)


def _sources(folder: Path) -> list[Path]:
    firmware = folder / "firmware"
    found = [path for path in firmware.rglob("*") if path.suffix in (".h", ".cpp") and "ap_types" not in path.parts]
    return sorted([*found, *folder.glob("*.cpp")])


def _drop_unused_headers(folder: Path, naming: Naming) -> None:
    """Remove the headers of hls4ml's library that nothing of the project includes."""
    firmware = folder / "firmware"
    library = firmware / "nnet_utils"
    waiting = [firmware / f"{naming.full}.cpp", *folder.glob("*.cpp")]
    used: set[Path] = set()
    while waiting:
        path = waiting.pop().resolve()
        if path in used or not path.is_file():
            continue
        used.add(path)
        for name in _INCLUDE.findall(path.read_text(encoding="utf-8")):
            waiting += [path.parent / name, firmware / name]
    for header in library.glob("*.h"):
        if header.resolve() not in used:
            header.unlink()


_BUILD = """\
#!/bin/bash
# build_lib.sh [-O0]: the C-simulation as firmware/{name}.so, which exports the functions {name}_* and nothing else.
# $CXX names another compiler, $CXXFLAGS further options.
set -e
cd "$(dirname "$0")"
CXX="${{CXX:-g++}}"
FLAGS="${{1:--O1}} -std=c++17 -fPIC -w -Ifirmware/ap_types/ ${{CXXFLAGS:-}}"

# one unit: the headers are read once
"$CXX" $FLAGS -include firmware/{name}.cpp -c {name}_bridge.cpp -o {name}.o
{alone}"$CXX" -shared {objects} -Wl,--version-script={exports} -o firmware/{name}.so.part
rm -f {objects}
mv firmware/{name}.so.part firmware/{name}.so
"""
