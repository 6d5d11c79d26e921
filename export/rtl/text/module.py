"""A Verilog module while it is written: wires are placed into pipeline stages as they come.

Stages are absolute: cycles since a jet's first beat entered the design. Logic goes into the earliest stage in which it
fits behind its arguments; registers are added where a value is read later than it was made. A row's value moves on
every cycle, so a late reader needs a chain of registers. A jet's value is loaded into a register by the pulse that
marks its jet (``go_<stage>``) and stays there for as many cycles as jets are apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tritag.errors import ExportError
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.signals import Hold, Signal, constant, extend, literal


@dataclass(frozen=True)
class Timing:
    """What all modules of a design share.

    Attributes
    ----------
    delays : DelayModel
        The delay model.
    interval : int
        Least number of cycles between two jets.
    dsp_bits : int
        Products of at least this many partial bits (width times width) go to DSPs; smaller ones to LUTs.
    """

    delays: DelayModel
    interval: int
    dsp_bits: int = 40


@dataclass
class Module:
    """A module of rows (``jet = False``: something new every cycle) or of jets.

    Attributes
    ----------
    beats : int
        Cycles during which the rows of one jet pass; 1 for a module of jets.
    """

    name: str
    timing: Timing
    jet: bool
    beats: int = 1
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    # contents of memories: files that stand beside the Verilog
    files: dict[str, str] = field(default_factory=dict)
    # what the surrounding module has to connect: port -> (its signal, stage)
    requests: dict[str, tuple[Signal, int]] = field(default_factory=dict)
    go_stages: set[int] = field(default_factory=set)
    # memory of values that were made before
    known: dict[tuple[object, ...], object] = field(default_factory=dict)
    count: int = 0
    last_stage: int = 0
    _imported: set[int] = field(default_factory=set)

    # ---- reading ----

    def read(self, signal: Signal, stage: int, cycles: int = 1) -> str:
        """Name of ``signal`` at ``stage`` (a jet's value: readable for ``cycles`` cycles from then on)."""
        self.last_stage = max(self.last_stage, stage)
        if stage < signal.stage:
            raise ExportError(f"{self.name}: {signal.name} must not be read before stage {signal.stage}, got {stage}")
        if id(signal) in self._imported:
            return self._port(signal, stage)
        return self._held(signal, stage, cycles) if signal.jet else self._delayed(signal, stage)

    def _port(self, origin: Signal, stage: int) -> str:
        port = f"{origin.name}_at{stage}"
        if port not in self.inputs:
            self.inputs[port] = origin.width
            self.requests[port] = (origin, stage)
        return port

    def _delayed(self, signal: Signal, stage: int) -> str:
        name = signal.name
        for at in range(signal.stage + 1, stage + 1):
            if at not in signal.delayed:
                signal.delayed[at] = f"{signal.name}_d{at}"
                self.register(signal.delayed[at], signal.width, name)
            name = signal.delayed[at]
        return name

    def _held(self, signal: Signal, stage: int, cycles: int) -> str:
        interval = self.timing.interval
        if cycles > interval:
            raise ExportError(f"{self.name}: a value must be held {cycles} cycles, but jets come every {interval}")
        found = _covering(signal.holds, stage, cycles)
        while found is None:
            # From the latest cycle before that already has it, or step by step from where a register ends.
            at = stage - 1
            while _covering(signal.holds, at, 1) is None:
                at -= 1
            source = _covering(signal.holds, at, 1)
            assert source is not None
            hold = Hold(f"{signal.name}_h{at + 1}", at + 1, at + interval)
            self.register(hold.name, signal.width, source.name, load=at)
            signal.holds.append(hold)
            found = _covering(signal.holds, stage, cycles)
        return found.name

    def operand(self, signal: Signal, stage: int, width: int) -> str:
        """Expression of ``width`` bits of a signal at ``stage``."""
        if signal.const is not None:
            return literal(signal.const, width)
        return extend(self.read(signal, stage), signal.width, signal.signed, width)

    def operand_for(self, signal: Signal, stage: int, cycles: int) -> str:
        """A signal's name at ``stage``, to be read for that many cycles from then on."""
        return self.read(signal, stage, cycles)

    # ---- placing ----

    def earliest(self, signal: Signal) -> tuple[int, float]:
        """First stage at which this module can read a signal, and the ns after which it has settled then."""
        if signal.const is not None:
            return 0, 0.0
        if signal.jet and self.beats > 1:
            starts = [h.start for h in signal.holds if h.end - h.start + 1 >= self.beats]
            return min([signal.stage + 1, *starts]), 0.0
        return signal.stage, signal.offset

    def place(self, args: Sequence[Signal], delay: float) -> tuple[int, float]:
        """Stage of logic behind ``args`` and the ns at which it has settled; the next stage where it does not fit."""
        if delay > self.timing.delays.stage_ns:
            delays = self.timing.delays
            period = delays.period_for(max(delay, delays.longest_ns))
            raise ExportError(
                f"{self.name}: logic of {delay:.2f} ns must fit a stage of {delays.stage_ns:.2f} ns; choose a "
                f"clock_period_ns of {period:.2f} or more ({1e3 / period:.0f} MHz at most)"
            )
        return self.placed_at(max((self.earliest(a) for a in args if a.const is None), default=(0, 0.0)), delay)

    def placed_at(self, arrival: tuple[int, float], delay: float) -> tuple[int, float]:
        """Stage and end, in ns, of logic whose last argument arrives then."""
        stage, offset = arrival
        if offset + delay > self.timing.delays.stage_ns and offset > 0:
            stage, offset = stage + 1, 0.0
        return stage, offset + delay

    # ---- writing ----

    def fresh(self, prefix: str = "w") -> str:
        """A name that nothing in the module has yet."""
        self.count += 1
        return f"{prefix}{self.count}"

    def wire(
        self, text: str, low: int, high: int, stage: int, offset: float, jet: bool | None = None, prefix: str = "w"
    ) -> Signal:
        """A wire with that expression; its width is that of the interval."""
        if low == high:
            return constant(low)
        signal = Signal(self.fresh(prefix), low, high, stage, offset, self.jet if jet is None else jet)
        self._add(signal)
        self.lines.append(f"wire {_range(signal.width)}{signal.name} = {text};")
        return signal

    def stored(self, text: str, low: int, high: int, stage: int, offset: float) -> Signal:
        """The expression's value of ``stage`` in a register: there from the next stage on, after ``offset`` ns."""
        if low == high:
            return constant(low)
        signal = Signal(self.fresh("r"), low, high, stage + 1, offset, self.jet)
        self.register(signal.name, signal.width, text, stage if self.jet else None)
        self._add(signal)
        if self.jet:
            end = stage + self.timing.interval
            signal.holds = [Hold(signal.name, stage + 1, end)]
        return signal

    def _add(self, signal: Signal) -> None:
        self.last_stage = max(self.last_stage, signal.stage)
        if signal.jet:
            signal.holds.append(Hold(signal.name, signal.stage, signal.stage))

    def register(self, name: str, width: int, text: str, load: int | None = None) -> None:
        """A register; ``load``: it takes the value of that stage only and keeps it."""
        enable = "ce" if load is None or self.timing.interval == 1 else f"ce & {self.go(load)}"
        self.lines.append(f"reg {_range(width)}{name};")
        self.lines.append(f"always @(posedge clk) if ({enable}) {name} <= {text};")

    def go(self, stage: int) -> str:
        """Name of the pulse that marks a jet at ``stage``."""
        self.go_stages.add(stage)
        return f"go_{stage}"

    # ---- ports ----

    def import_row(self, port: str, low: int, high: int, stage: int, offset: float) -> Signal:
        """An input that moves on every cycle."""
        signal = Signal(port, low, high, stage, offset, jet=False)
        self.inputs[port] = signal.width
        return signal

    def import_jet(self, origin: Signal) -> Signal:
        """A jet's value of the surrounding module; each stage at which it is read becomes a port."""
        if origin.const is None:
            self._imported.add(id(origin))
        return origin

    def export(self, port: str, signal: Signal) -> str:
        """Make a signal an output, at its own stage."""
        self.outputs[port] = signal.width
        self.lines.append(f"assign {port} = {self.operand(signal, signal.stage, signal.width)};")
        return port

    def text(self) -> str:
        """Verilog of the module, from ports to ``endmodule``."""
        ports = ["input wire clk", "input wire ce"]
        ports += [f"input wire go_{s}" for s in sorted(self.go_stages)]
        ports += [f"input wire {_range(w)}{n}" for n, w in self.inputs.items()]
        ports += [f"output wire {_range(w)}{n}" for n, w in self.outputs.items()]
        body = "\n".join("    " + line for line in self.lines)
        return f"module {self.name} (\n    " + ",\n    ".join(ports) + f"\n);\n{body}\nendmodule\n"


def _covering(holds: Sequence[Hold], stage: int, cycles: int) -> Hold | None:
    return next((h for h in holds if h.start <= stage and stage + cycles - 1 <= h.end), None)


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
