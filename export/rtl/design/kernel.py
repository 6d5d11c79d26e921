"""Kernels and the top level that connects them.

A kernel is one module: the logic of one row, in as many instances as rows pass in a cycle, or the logic of the jet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.export.rtl.design.layout import Layout
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.text.module import Module, Timing
from tritag.export.rtl.text.signals import Hold, Signal, constant, extend, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Top:
    """The top level while it is written."""

    def __init__(self, name: str, timing: Timing) -> None:
        self.module = Module(name, timing, jet=False)
        self.timing = timing
        self.placed: list[Placed] = []
        self.counters: dict[int, str] = {}

    def input(self, port: str, low: int, high: int, jet: bool) -> Signal:
        """An input port: registered outside, so it is there at once."""
        signal = Signal(port, low, high, 0, 0.0, jet)
        if jet:
            signal.holds = [Hold(port, 0, 0)]
        self.module.inputs[port] = signal.width
        return signal

    def widened(self, signal: Signal, name: str, low: int, high: int) -> Signal:
        """An input that carries a part of ``[low, high]`` as a signal of that interval, called ``name``."""
        if (signal.name, signal.low, signal.high) == (name, low, high):
            return signal
        wide = Signal(name, low, high, 0, 0.0, signal.jet)
        if wide.jet:
            wide.holds = [Hold(name, 0, 0)]
        text = extend(signal.name, signal.width, signal.signed, wide.width)
        self.module.lines.append(f"wire {_range(wide.width)}{name} = {text};")
        return wide

    def as_jet(self, signal: Signal, beat: int) -> Signal:
        """The entry of one row as a value of the jet."""
        if signal.const is not None or signal.jet:
            return signal
        text = self.module.operand(signal, signal.stage, signal.width)
        stage = signal.stage + beat
        return self.module.wire(text, signal.low, signal.high, stage, signal.offset, jet=True, prefix=f"b{beat}_")

    @property
    def counter_bits(self) -> int:
        """Width of the counters of beats: no jet has more beats than there are cycles between two."""
        return max(8, (self.timing.interval - 1).bit_length())

    def counter(self, stage: int) -> str:
        """Number of the beat that is at ``stage``: 0 when ``go`` of that stage is set."""
        if stage not in self.counters:
            self.counters[stage] = name = f"beat_{stage}"
            m, bits = self.module, self.counter_bits
            if stage == 0:
                m.lines.append(f"reg [{bits - 1}:0] beat_next;")
                m.lines.append(f"wire [{bits - 1}:0] {name} = {m.go(0)} ? {bits}'d0 : beat_next;")
                m.lines.append(f"always @(posedge clk) if (ce) beat_next <= {name} + {bits}'d1;")
            else:
                m.lines.append(f"reg [{bits - 1}:0] {name};")
                text = f"{m.go(stage - 1)} ? {bits}'d0 : {name} + {bits}'d1"
                m.lines.append(f"always @(posedge clk) if (ce) {name} <= {text};")
        return self.counters[stage]

    def by_beat(self, values: Sequence[int], width: int, stage: int) -> str:
        """Expression: an integer for each beat."""
        if len(set(values)) == 1:
            return literal(values[0], width)
        name, m = self.module.fresh("n"), self.module
        m.lines.append(f"reg [{width - 1}:0] {name};")
        m.lines.append(f"always @* case ({self.counter(stage)})")
        m.lines += [f"    {self.counter_bits}'d{i}: {name} = {literal(v, width)};" for i, v in enumerate(values)]
        m.lines += [f"    default: {name} = {literal(0, width)};", "endcase"]
        return name

    def insert(
        self, layout: Layout, rows: int, lanes: int, jets: Sequence[Signal], cells: Sequence[Sequence[Signal]]
    ) -> list[list[Signal]]:
        """Cells of a layout of which the first ``rows`` rows are values of the jet and the others pass already."""
        _m, delays = self.module, self.timing.delays
        stage = max((s.stage for cell in cells for s in cell), default=0)
        offset = max((s.offset for cell in cells for s in cell if s.stage == stage), default=0.0)
        for row in range(rows):
            beat = layout.places[row][0]
            for s in jets[row * lanes : (row + 1) * lanes]:
                if s.const is None and s.stage - beat >= stage:
                    offset = max(offset, s.offset) if s.stage - beat == stage else s.offset
                    stage = s.stage - beat
        # Decoding the beat, then three masked values a LUT, then six a LUT.
        most = max(sum(place[1] == slot for place in layout.places[:rows]) for slot in range(layout.slots))
        mux = delays.lut_ns * (1 + delays.levels_of_choice(most + 1))
        if offset + mux > delays.stage_ns:
            stage, offset = stage + 1, 0.0
        result = []
        for slot in range(layout.slots):
            new = [(layout.places[row][0], row) for row in range(rows) if layout.places[row][1] == slot]
            cell = []
            for lane in range(lanes):
                entries = [(beat, jets[row * lanes + lane]) for beat, row in new]
                old = cells[slot][lane] if slot < len(cells) else None
                cell.append(self._chosen(entries, old, stage, offset + mux, layout.beats))
            result.append(cell)
        return result

    def _chosen(
        self, entries: Sequence[tuple[int, Signal]], old: Signal | None, stage: int, offset: float, beats: int
    ) -> Signal:
        """Values of the jet at their beats, else ``old``: one of the masks is 1 while rows pass."""
        m, bits = self.module, max((beats - 1).bit_length(), 1)
        every = [s for _, s in entries] + ([old] if old is not None else [])
        if not entries and old is not None:
            return old
        low, high = min(s.low for s in every), max(s.high for s in every)
        if low == high:
            return constant(low)
        width = Signal("", low, high).width
        here = {beat: f"{self.counter(stage)}[{bits - 1}:0] == {bits}'d{beat}" for beat, _ in entries}
        terms = []
        if old is not None:
            others = " | ".join(f"({h})" for h in here.values())
            terms.append(f"({{{width}{{~({others})}}}} & {m.operand(old, stage, width)})")
        for beat, signal in entries:
            if signal.const is None:
                name = m.read(signal, stage + beat)
                value = m.operand(Signal(name, signal.low, signal.high, stage + beat), stage + beat, width)
            else:
                value = literal(signal.const, width)
            terms.append(f"({{{width}{{{here[beat]}}}}} & {value})")
        return m.wire(" | ".join(terms), low, high, stage, offset, jet=False)

    def finish(self, signals: Sequence[Signal]) -> tuple[int, list[tuple[str, int, bool]]]:
        """Make registered outputs of jets' values; ``(stage of all of them, [(port, width, signed)])``."""
        m = self.module
        stage = max((s.stage + (s.offset > 0) for s in signals if s.const is None), default=0)
        ports = []
        for i, signal in enumerate(signals):
            m.lines.append(f"assign out_{i} = {m.operand(signal, stage, signal.width)};")
            ports.append((f"out_{i}", signal.width, signal.signed))
        m.go(stage)
        return stage, ports

    def text(self, latency: int) -> str:
        """The top module as Verilog: ``in_valid`` comes with a jet's first beat, ``out_valid`` with its results."""
        m = self.module
        last = max(m.go_stages)
        ports = ["input wire clk", "input wire rst", "input wire ce", "input wire in_valid"]
        ports += [f"input wire {_range(w)}{n}" for n, w in m.inputs.items()]
        ports += ["output wire out_valid"] + [f"output wire {_range(w)}{n}" for n, w in m.outputs.items()]
        pulses = ["wire go_0 = in_valid;"]
        for stage in range(1, last + 1):
            pulses.append(f"reg go_{stage};")
            pulses.append(
                f"always @(posedge clk) if (rst) go_{stage} <= 1'b0; else if (ce) go_{stage} <= go_{stage - 1};"
            )
        pulses.append(f"assign out_valid = go_{latency};")
        body = "\n".join("    " + line for line in [*pulses, *m.lines])
        return f"module {m.name} (\n    " + ",\n    ".join(ports) + f"\n);\n{body}\nendmodule\n"


class Kernel:
    """A kernel while it is written: ``layout`` None for logic of the jet; ``sub`` rows of its own in each row."""

    def __init__(self, top: Top, name: str, layer: str, layout: Layout | None, sub: int) -> None:
        self.top, self.layer, self.layout, self.sub = top, layer, layout, sub
        self.instances = layout.slots * sub if layout else 1
        self.module = Module(name, top.timing, jet=layout is None, beats=layout.beats if layout else 1)
        self.connected: dict[str, tuple[list[Signal], int]] = {}
        self._row: Signal | None = None

    def rows(self, port: str, signals: list[Signal]) -> Signal:
        """An input that has another signal in each instance."""
        if all(s.const is not None and s.const == signals[0].const for s in signals):
            return signals[0]
        moving = [s for s in signals if s.const is None]
        stage = max(s.stage for s in moving)
        offset = max(s.offset for s in moving if s.stage == stage)
        low, high = min(s.low for s in signals), max(s.high for s in signals)
        self.connected[port] = (signals, stage)
        return self.module.import_row(port, low, high, stage, offset)

    def jet(self, signal: Signal) -> Signal:
        """A value of the whole jet, read inside the kernel."""
        return self.module.import_jet(signal)

    def row_number(self) -> Signal:
        """Number of the row: for every stage at which it is read there is a port."""
        if self._row is None:
            rows = self.layout.rows * self.sub if self.layout else 1
            self._row = Signal("row", 0, rows - 1, 0, self.top.timing.delays.lut_ns)
            self.module.import_jet(self._row)
        return self._row

    def finish(self, outputs: Mapping[str, Signal], together: bool = False) -> dict[str, list[Signal]]:
        """Write the module and its instances; the outputs' signals, one per instance.

        ``together``: a row's outputs wait for the last of them here, where they are few, and not in sums that use them.
        """
        m = self.module
        if together and not m.jet:
            stage = max((s.stage for s in outputs.values() if s.const is None), default=0)
            outputs = {p: self._later(s, stage) for p, s in outputs.items()}
        results: dict[str, list[Signal]] = {}
        for port, signal in outputs.items():
            if signal.const is not None or id(signal) in m._imported:
                results[port] = [signal] * self.instances
            else:
                m.export(port, signal)
                results[port] = [
                    self._result(f"{m.name}_{i}_{port}" if self.instances > 1 else f"{m.name}_{port}", signal)
                    for i in range(self.instances)
                ]
        if not m.outputs:
            return results
        for i in range(self.instances):
            self._instance(i, {p: results[p][i].name for p in m.outputs})
        stages = [stage for _, stage in self.connected.values()] + [stage for _, stage in m.requests.values()]
        self.top.placed.append(
            Placed(m.name, self.layer, self.instances, m.text(), m.files, min(stages, default=0), m.last_stage)
        )
        return results

    def _later(self, signal: Signal, stage: int) -> Signal:
        if signal.const is not None or signal.jet or signal.stage == stage:
            return signal
        return Signal(self.module.read(signal, stage), signal.low, signal.high, stage, 0.0)

    def _result(self, name: str, signal: Signal) -> Signal:
        result = Signal(name, signal.low, signal.high, signal.stage, signal.offset, self.module.jet)
        if result.jet:
            # A register inside keeps its value for the interval; a wire is right at its stage alone.
            result.holds = [Hold(name, h.start, h.end) for h in signal.holds if h.name == signal.name]
        self.top.module.lines.append(f"wire {_range(result.width)}{name};")
        return result

    def _instance(self, number: int, outputs: Mapping[str, str]) -> None:
        m, top = self.module, self.top.module
        wires = {"clk": "clk", "ce": "ce"}
        for stage in m.go_stages:
            wires[f"go_{stage}"] = top.go(stage)
        for port, (signals, stage) in self.connected.items():
            wires[port] = top.operand(signals[number], stage, m.inputs[port])
        for port, (origin, stage) in m.requests.items():
            if origin is self._row:
                wires[port] = self._row_of(number, stage, m.inputs[port])
            else:
                wires[port] = top.operand_for(origin, stage, m.beats)
        wires |= dict(outputs)
        ports = ", ".join(f".{port}({wire})" for port, wire in wires.items())
        top.lines.append(f"{m.name} {m.name}_i{number} ({ports});")

    def _row_of(self, number: int, stage: int, width: int) -> str:
        assert self.layout is not None
        slot, inner = divmod(number, self.sub)
        rows = [(r if r is not None else 0) * self.sub + inner for r in self.layout.in_slot(slot)]
        return self.top.by_beat(rows, width, stage)


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
