"""The Verilog of a module, as this package writes it, read back as bits: what stands between its registers.

Only the few forms that ``export/rtl`` writes are known. Reading the text, and not noting costs while it is written,
keeps the estimate true whatever is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tritag.errors import ExportError
from tritag.export.rtl.estimate.cells import Cell, Netlist
from tritag.export.rtl.estimate.expressions import UNKNOWN, Expressions

_DECLARATION = re.compile(r"(input wire|output wire|wire|reg) (?:\[(\d+):0\] )?(\w+)")
_ROM = re.compile(r'\(\* rom_style = "(\w+)" \*\) reg \[(\d+):0\] (\w+) \[0:(\d+)\];')
_FILE = re.compile(r'initial \$readmemh\("(\S+)", (\w+)\);')
_REGISTER = re.compile(r"always @\(posedge clk\) if \((.*?)\)(?: if \((.*)\))? (\w+) <= (.*);")
_RESET = re.compile(r"always @\(posedge clk\) if \(rst\) (\w+) <= \S+; else if \((\w+)\) \1 <= (\w+);")
_CASE = re.compile(r"always @\* case \((\w+)\)")
_CHOICE = re.compile(r"\d+'d(\d+): (\w+) = (\d+)'d(\d+);")
_INSTANCE = re.compile(r"(\w+) (\w+) \((\..*)\);")
_PORT = re.compile(r"\.(\w+)\((.*?)\)(?:, (?=\.)|$)")
_WITHOUT_MEANING = ("module ", ");", "endmodule", "endcase", "default:")


def read_netlist(text: str, files: Mapping[str, str], given: Mapping[str, Sequence[str]] | None = None) -> Netlist:
    """Read a module.

    Parameters
    ----------
    files
        Contents of memories by file name.
    given
        Names of the output ports of every module that stands in it.
    """
    return _Reader(files, given or {}).read(text)


class _Reader(Expressions):
    def __init__(self, files: Mapping[str, str], given: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.files, self.given = files, given
        self.output_names: list[str] = []
        self.registers: dict[tuple[int, int], int] = {}
        self.cases: list[tuple[str, dict[str, dict[int, int]]]] = []

    def read(self, text: str) -> Netlist:
        for line in text.splitlines():
            self._line(line.strip())
        for counter, values in self.cases:
            self._case(counter, values)
        self.netlist.outputs = [b for name in self.output_names for b in self.names[name]]
        return self.netlist

    def _line(self, line: str) -> None:
        if line.startswith("always @(posedge"):
            self._register(line)
        elif line.startswith("always @*"):
            self.cases.append((_matched(_CASE, line)[1], {}))
        elif match := _CHOICE.match(line):
            self.cases[-1][1].setdefault(match[2], {})[int(match[1])] = int(match[4])
        elif line.startswith("(*"):
            style, high, name, _ = _matched(_ROM, line).groups()
            self.roms[name] = (style, int(high) + 1)
        elif line.startswith("initial"):
            file, name = _matched(_FILE, line).groups()
            self.contents[name] = [int(entry, 16) for entry in self.files[file].split()]
        elif line.startswith("assign"):
            name, _, right = line[7:-1].partition(" = ")
            self.names[name] = self._sized(self.value(right), len(self.names[name]))
        elif match := _DECLARATION.match(line):
            self._declared(line, *match.groups())
        elif match := _INSTANCE.match(line):
            self._instance(match[1], match[3])
        elif line and not line.startswith(_WITHOUT_MEANING):
            raise ExportError(UNKNOWN.format(line))

    def _declared(self, line: str, kind: str, high: str | None, name: str) -> None:
        width = int(high or 0) + 1
        _, equals, right = line.partition(" = ")
        self.names[name] = self._sized(self.value(right[:-1]), width) if equals else self.bits.leaves(width)
        if kind == "output wire":
            self.output_names.append(name)

    def _sized(self, value: list[int], width: int) -> list[int]:
        return (value + [0] * width)[:width]

    # ---- registers, cases, instances ----

    def _register(self, line: str) -> None:
        if match := _RESET.match(line):
            name, enable, right = match.groups()
        else:
            first, second, name, right = _matched(_REGISTER, line).groups()
            enable = first if second is None else f"({first}) & ({second})"
        width = len(self.names[name])
        data, product = self._sized(self.value(right), width), "*" in right
        (load,) = self.value(enable)
        outputs = self.names[name]
        new = []
        for d, q in zip(data, outputs, strict=True):
            if d < 2:
                new.append(d)
                continue
            if (d, load) not in self.registers:
                self.registers[d, load] = q
                self.netlist.cells.append(Cell("register", (d, load), (q,)))
                if product:
                    self.netlist.product.add(q)
            new.append(self.registers[d, load])
        self.names[name] = new

    def _case(self, counter: str, values: Mapping[str, Mapping[int, int]]) -> None:
        """Integers by the number of the beat; the wires were leaves until now."""
        address = self.names[counter]
        for name, by_beat in values.items():
            beats = max(by_beat) + 1
            used = address[: max((beats - 1).bit_length(), 1)]
            for i, bit in enumerate(self.names[name]):
                contents = sum((value >> i & 1) << beat for beat, value in by_beat.items())
                self.netlist.cells.append(Cell("instance", (self.bits.table(used, contents),), (bit,)))

    def _instance(self, module: str, ports: str) -> None:
        reads: list[int] = []
        gives: list[int] = []
        for port, expression in _PORT.findall(ports):
            (gives if port in self.given.get(module, ()) else reads).extend(self.value(expression))
        self.netlist.cells.append(Cell("instance", tuple(reads), tuple(gives)))


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise ExportError(UNKNOWN.format(line))
    return match
