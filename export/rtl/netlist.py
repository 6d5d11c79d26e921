"""The Verilog of a module, as this package writes it, read back as bits: what stands between its registers.

Only the few forms that ``export/rtl`` writes are known. Reading the text, and not noting costs while it is written,
keeps the estimate true whatever is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tritag.errors import ExportError
from tritag.export.rtl.bits import LUT_INPUTS, Bits

_TOKEN = re.compile(r"\d+'[bd]\d+|\d+|\$?\w+|[=><]=|\S")
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
_UNKNOWN = "the estimate must know every form of Verilog that is written, got {!r}"
# How tightly binary operators bind; '?' stands for the conditional.
_BINDING = {"?": 1, "|": 2, "^": 3, "&": 4, "==": 5, "<": 6, ">": 6, ">=": 6, "+": 7, "-": 7, "*": 8}


@dataclass
class Cell:
    """What is no LUT: it reads bits as wires and gives bits as wires.

    Attributes
    ----------
    kind : str
        ``register`` (reads data and enable), ``carry``, ``dsp``, ``memory`` or ``instance``.
    size : int
        Bits of a memory.
    """

    kind: str
    reads: tuple[int, ...]
    gives: tuple[int, ...]
    size: int = 0


@dataclass
class Netlist:
    """A module's bits, cells and outputs; ``product`` are the bits that come straight from a DSP."""

    bits: Bits = field(default_factory=Bits)
    cells: list[Cell] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    product: set[int] = field(default_factory=set)


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


class _Reader:
    def __init__(self, files: Mapping[str, str], given: Mapping[str, Sequence[str]]) -> None:
        self.netlist = Netlist()
        self.bits = self.netlist.bits
        self.files, self.given = files, given
        self.names: dict[str, list[int]] = {}
        self.roms: dict[str, tuple[str, int]] = {}
        self.contents: dict[str, list[int]] = {}
        self.output_names: list[str] = []
        self.known: dict[tuple[object, ...], list[int]] = {}
        self.registers: dict[tuple[int, int], int] = {}
        self.cases: list[tuple[str, dict[str, dict[int, int]]]] = []
        self.tokens: list[str] = []
        self.at = 0

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
            self.names[name] = self._sized(self._value(right), len(self.names[name]))
        elif match := _DECLARATION.match(line):
            self._declared(line, *match.groups())
        elif match := _INSTANCE.match(line):
            self._instance(match[1], match[3])
        elif line and not line.startswith(_WITHOUT_MEANING):
            raise ExportError(_UNKNOWN.format(line))

    def _declared(self, line: str, kind: str, high: str | None, name: str) -> None:
        width = int(high or 0) + 1
        _, equals, right = line.partition(" = ")
        self.names[name] = self._sized(self._value(right[:-1]), width) if equals else self.bits.leaves(width)
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
        data, product = self._sized(self._value(right), width), "*" in right
        (load,) = self._value(enable)
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
            (gives if port in self.given.get(module, ()) else reads).extend(self._value(expression))
        self.netlist.cells.append(Cell("instance", tuple(reads), tuple(gives)))

    # ---- expressions ----

    def _value(self, text: str) -> list[int]:
        if text in self.names:
            return self.names[text]
        self.tokens, self.at = _TOKEN.findall(text), 0
        value = self._expression(0)
        if self.at != len(self.tokens):
            raise ExportError(_UNKNOWN.format(text))
        return value

    def _next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def _ahead(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _expression(self, least: int) -> list[int]:
        left = self._operand()
        while (binding := _BINDING.get(self._ahead(), 0)) > least:
            operator = self._next()
            if operator == "?":
                a = self._expression(0)
                self._next()
                b = self._expression(0)
                left = [self.bits.choose(left[0], x, y) for x, y in _paired(a, b)]
            else:
                left = self._binary(operator, left, self._expression(binding))
        return left

    def _binary(self, operator: str, a: list[int], b: list[int]) -> list[int]:
        bits = self.bits
        match operator:
            case "|":
                return [bits.any_of(pair) for pair in _paired(a, b)]
            case "&":
                return [bits.all_of(pair) for pair in _paired(a, b)]
            case "^":
                return [bits.differ(*pair) for pair in _paired(a, b)]
            case "==":
                return [bits.all_of(bits.invert(bits.differ(*pair)) for pair in _paired(a, b))]
            case "<":
                return self._less(a, b)
            case ">":
                return self._less(b, a)
            case ">=":
                return [bits.invert(b) for b in self._less(a, b)]
            case "*":
                return self._cell("dsp", (*a, *b), len(a) + len(b))
        return self._sum(a, b, operator == "-")

    def _operand(self) -> list[int]:
        token = self._next()
        if token == "(":
            value = self._expression(0)
            self._next()
            return value
        if token == "{":
            return self._joined()
        if token in ("|", "&", "~"):
            value = self._operand()
            if token == "~":
                return [self.bits.invert(b) for b in value]
            return [self.bits.any_of(value) if token == "|" else self.bits.all_of(value)]
        if token in ("$signed", "$unsigned"):
            return self._operand()
        if "'" in token:
            width, base, number = re.split("'(.)", token)
            known = int(number, 2 if base == "b" else 10)
            return [known >> i & 1 for i in range(int(width))]
        return self._part(token)

    def _joined(self) -> list[int]:
        """The inside of braces: a repetition, or values side by side, highest first."""
        if self._ahead().isdigit():
            times = int(self._next())
            self._next()
            value = self._joined() * times
            self._next()
            return value
        value = self._expression(0)
        while self._next() == ",":
            value = self._expression(0) + value
        return value

    def _part(self, name: str) -> list[int]:
        if name not in self.names and name not in self.roms:
            raise ExportError(_UNKNOWN.format(" ".join(self.tokens)))
        if self._ahead() != "[":
            return self.names[name]
        self._next()
        if name in self.roms:
            value = self._looked_up(name, self._expression(0))
            self._next()
            return value
        high = int(self._next())
        low = int(self._next()) if self._next() == ":" else None
        if low is None:
            return [self.names[name][high]]
        self._next()
        return self.names[name][low : high + 1]

    # ---- what becomes of operators ----

    def _cell(self, kind: str, reads: Sequence[int], width: int, rom: str = "", size: int = 0) -> list[int]:
        """A cell's outputs; equal cells are one."""
        key = (kind, rom, tuple(reads))
        if key not in self.known:
            self.known[key] = gives = self.bits.leaves(width)
            self.netlist.cells.append(Cell(kind, tuple(reads), tuple(gives), size))
        return self.known[key]

    def _looked_up(self, rom: str, address: list[int]) -> list[int]:
        style, width = self.roms[rom]
        entries = self.contents[rom]
        if style == "block":
            return self._cell("memory", address, width, rom, len(entries) * width)
        columns = [0] * width
        for i, entry in enumerate(entries):
            for k in range(width):
                columns[k] |= (entry >> k & 1) << i
        return [self.bits.table(address, column) for column in columns]

    def _sum(self, a: list[int], b: list[int], minus: bool) -> list[int]:
        """A carry chain: a LUT for the XOR of each pair, and one operand as a wire of its own, if need be the first."""
        fanins = self.bits.fanins
        if not minus and sum(len(fanins[x]) > 0 for x in a) > sum(len(fanins[x]) > 0 for x in b):
            a, b = b, a
        pairs = list(_paired(a, b))
        low = 0
        # Below the lowest bit of one of them the other one passes.
        while low < len(pairs) and (pairs[low][1] == 0 or (pairs[low][0] == 0 and not minus)):
            low += 1
        passed = [max(pair) for pair in pairs[:low]]
        pairs = pairs[low:]
        if len(pairs) <= 2:
            inputs = [bit for pair in pairs for bit in pair]
            return passed + [
                self.bits.gate(("sum", minus, i, tuple(inputs)), inputs[: 2 * i + 2]) for i in range(len(pairs))
            ]
        reads = [bit for x, y in pairs for bit in (self.bits.differ(x, self.bits.invert(y) if minus else y), x)]
        return passed + self._cell("carry", reads, len(pairs))

    def _less(self, a: list[int], b: list[int]) -> list[int]:
        """``a < b``: groups of pairs that a LUT takes, one step of the carry chain with two LUTs for each group."""
        pairs = list(_paired(a, b))
        while len(pairs) > 1 and pairs[-1] == pairs[-2]:
            pairs.pop()
        size = LUT_INPUTS if all(min(pair) < 2 for pair in pairs) else LUT_INPUTS // 2
        groups = [pairs[i : i + size] for i in range(0, len(pairs), size)]
        inputs = [[bit for pair in group for bit in pair] for group in groups]
        gates = [self.bits.gate((kind, tuple(i)), i) for i in inputs for kind in ("above", "same")]
        if len(groups) <= 2:
            return [self.bits.gate("compared", [gates[0], *gates[2:]])]
        return self._cell("carry", gates, 1)


def _paired(a: Sequence[int], b: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Bits side by side, the shorter one with zeros above."""
    for i in range(max(len(a), len(b))):
        yield (a[i] if i < len(a) else 0), (b[i] if i < len(b) else 0)


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise ExportError(_UNKNOWN.format(line))
    return match
