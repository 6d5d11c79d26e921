"""Expressions of the Verilog that this package writes, as bits and cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tritag.errors import ExportError
from tritag.export.rtl.estimate.cells import Cell, Netlist
from tritag.export.rtl.text.fpga import LUT_INPUTS

UNKNOWN = "the estimate must know every form of Verilog that is written, got {!r}"
_TOKEN = re.compile(r"\d+'[bd]\d+|\d+|\$?\w+|[=><]=|\S")
# How tightly binary operators bind; '?' stands for the conditional.
_BINDING = {"?": 1, "|": 2, "^": 3, "&": 4, "==": 5, "<": 6, ">": 6, ">=": 6, "+": 7, "-": 7, "*": 8}


class Expressions:
    """Values of expressions over names and memories; what is no LUT becomes a cell of ``netlist``.

    Attributes
    ----------
    names : dict
        Bits of every wire and register, lowest first.
    roms : dict
        Style and width of every memory.
    contents : dict
        Entries of every memory.
    """

    def __init__(self) -> None:
        self.netlist = Netlist()
        self.bits = self.netlist.bits
        self.names: dict[str, list[int]] = {}
        self.roms: dict[str, tuple[str, int]] = {}
        self.contents: dict[str, list[int]] = {}
        self.known: dict[tuple[object, ...], list[int]] = {}
        self.tokens: list[str] = []
        self.at = 0

    def value(self, text: str) -> list[int]:
        """Bits of an expression, lowest first.

        Raises
        ------
        ExportError
            A form that is not written by this package.
        """
        if text in self.names:
            return self.names[text]
        self.tokens, self.at = _TOKEN.findall(text), 0
        value = self._expression(0)
        if self.at != len(self.tokens):
            raise ExportError(UNKNOWN.format(text))
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
            raise ExportError(UNKNOWN.format(" ".join(self.tokens)))
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
