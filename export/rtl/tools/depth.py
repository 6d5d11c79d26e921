"""Logic levels of a synthesised netlist: the longest chain of LUTs and carry cells between registers.

A proxy for timing that needs no model of the part: routing, which takes more than half of a real path, is not in it.
"""

from __future__ import annotations

from typing import Any

# Cells with logic between their inputs and outputs; everything else begins and ends paths.
_LOGIC = ("LUT", "CARRY", "MUXF", "INV")
# Cells that add no level of their own: part of the LUT before them, or of the same carry chain.
_FREE = ("MUXF", "INV")


def stage_depth(module: dict[str, Any]) -> int:
    """Levels of a module of a Yosys JSON netlist; a carry chain counts as one level, however long."""
    driver: dict[Any, str] = {}
    cells = {name: c for name, c in module["cells"].items() if c["type"].startswith(_LOGIC)}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output":
                driver.update({bit: name for bit in bits})
    sources: dict[str, list[tuple[str, bool]]] = {}
    for name, cell in cells.items():
        sources[name] = [
            (driver[bit], _continues(cell, cells[driver[bit]], port))
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input"
            for bit in bits
            if bit in driver
        ]
    depth: dict[str, int] = {}
    for start in cells:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            missing = [s for s, _ in sources[name] if s not in depth]
            if name in depth or not missing:
                waiting.pop()
                if name not in depth:
                    own = 0 if cells[name]["type"].startswith(_FREE) else 1
                    depth[name] = max([depth[s] + (0 if same else own) for s, same in sources[name]], default=own)
            else:
                waiting.extend(missing)
    return max(depth.values(), default=0)


def _continues(cell: dict[str, Any], source: dict[str, Any], port: str) -> bool:
    """Whether a carry comes in from the cell below in the same chain."""
    return port in ("CI", "CYINIT") and cell["type"].startswith("CARRY") and source["type"].startswith("CARRY")
