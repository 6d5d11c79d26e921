"""Words at the ports of a design: candidates' words become codes and their number, scores the word of the jet."""

from __future__ import annotations

from tritag.data.jets.candidate_field import CandidateField
from tritag.export.rtl.design.kernel import Top
from tritag.export.rtl.design.layout import Layout, spread
from tritag.export.rtl.design.pieces import Draft, Tensor
from tritag.export.rtl.design.ports import TOKEN, WORDS, field_port, place_port
from tritag.export.rtl.design.reduce import reduced
from tritag.export.rtl.text.signals import Signal, extend, literal
from tritag.export.words import JET_BITS, SCORE_BITS, TOKEN_BITS, WORD_BITS, candidate_fields

# The number of candidates is a sum over the rows, as those of ops are.
_COUNT = "candidates"


def place_word_inputs(draft: Draft) -> Signal:
    """Take the candidates' words apart; what comes with the jet is given back.

    A candidate counts as long as no word before it has pT 0; the codes of all others are 0.
    """
    top, rows = draft.top, draft.graph.shapes["codes"][0]
    layout = spread(rows, draft.beats) if rows > 1 else None
    ports = [place_port(draft, WORDS, slot, 0, layout) for slot in range(layout.slots if layout else 1)]
    alive = _alive(top, layout, ports, candidate_fields(draft.graph)[0])
    draft.tensors["codes"] = Tensor(
        layout, [_codes(draft, word, lives) for word, lives in zip(ports, alive, strict=True)]
    )
    draft.tensors["count"] = Tensor(None, [[_count(draft, layout, alive)]])
    return place_port(draft, TOKEN, 0, 0, None)


def _alive(top: Top, layout: Layout | None, words: list[Signal], pt: CandidateField) -> list[Signal]:
    """Whether the candidate of each slot counts: none so far has pT 0."""
    m, delays, jet = top.module, top.timing.delays, layout is None
    some = []
    for word in words:
        stage, end = m.place([word], delays.levels(pt.bits))
        some.append(m.wire(f"|{_bits(m.read(word, stage), pt)}", 0, 1, stage, end, jet, "some"))
    stage, end = m.place(some, delays.levels(len(words) + 1))
    names = [m.read(s, stage) for s in some]
    if layout is not None and layout.beats > 1:
        # Whether all candidates of the beats before count; a jet's first beat has none before it.
        m.lines.append("reg alive_before;")
        m.lines.append(f"wire alive_start = {m.go(stage)} | alive_before;")
        names = ["alive_start", *names]
    first = len(names) - len(words) + 1
    alive = [m.wire(" & ".join(names[: first + slot]), 0, 1, stage, end, jet, "alive") for slot in range(len(words))]
    if layout is not None and layout.beats > 1:
        m.lines.append(f"always @(posedge clk) if (ce) alive_before <= {alive[-1].name};")
    return alive


def _codes(draft: Draft, word: Signal, alive: Signal) -> list[Signal]:
    """A candidate's codes: its fields, or 0 where it does not count."""
    m, delays, grid = draft.top.module, draft.top.timing.delays, draft.graph.grids["codes"]
    stage, end = m.place([word, alive], 3 * delays.lut_ns)
    text, lives = m.read(word, stage), m.read(alive, stage)
    found = []
    for field in candidate_fields(draft.graph):
        port = field_port(field, 0)
        code = m.wire(_masked(draft, field, text, lives), port.low, port.high, stage, end, alive.jet, field.name)
        wide = extend(code.name, code.width, code.signed, Signal("", grid.low, grid.high).width)
        found.append(m.wire(wide, grid.low, grid.high, stage, end, alive.jet, "code"))
    return found


def _masked(draft: Draft, field: CandidateField, word: str, alive: str) -> str:
    """A field's bits where the candidate counts and has it, what stands for them where it has not, else 0."""
    bits = _bits(word, field)
    if field.when is None:
        return f"{{{field.bits}{{{alive}}}}} & {bits}"
    kind = draft.graph.candidates.grid.field(field.when.field)
    codes = [literal(code, kind.bits) for code in field.when.codes]
    has = " | ".join(f"({_bits(word, kind)} == {code})" for code in codes)
    given = f"({{{field.bits}{{{alive} & ({has})}}}} & {bits})"
    if not field.otherwise:
        return given
    return f"{given} | ({{{field.bits}{{{alive} & ~({has})}}}} & {literal(field.otherwise, field.bits)})"


def _count(draft: Draft, layout: Layout | None, alive: list[Signal]) -> Signal:
    if layout is None:
        return alive[0]
    name = draft.name_of(_COUNT)
    return reduced(draft.top, name, _COUNT, "sumr", layout, 1, alive, 0, layout.rows)


def _bits(word: str, field: CandidateField) -> str:
    return f"{word}[{field.position + field.bits - 1}:{field.position}]"


def finish_words(draft: Draft, token: Signal, scores: list[Signal]) -> tuple[int, list[tuple[str, int, bool]]]:
    """Make the word of the jet of its scores and of what came with it: ``(stage, [(port, width, signed)])``."""
    m = draft.top.module
    stage = max((s.stage + (s.offset > 0) for s in scores if s.const is None), default=0)
    parts = [m.operand(score, stage, SCORE_BITS) for score in reversed(scores)]
    rest = JET_BITS - TOKEN_BITS - SCORE_BITS * len(scores)
    zeros = [f"{rest}'d0"] if rest else []
    m.lines.append(f"wire [{JET_BITS - 1}:0] jet_word = {{{', '.join([*zeros, *parts, m.read(token, stage)])}}};")
    ports = []
    for i in range(JET_BITS // WORD_BITS):
        m.lines.append(f"assign jet_{i} = jet_word[{WORD_BITS * (i + 1) - 1}:{WORD_BITS * i}];")
        ports.append((f"jet_{i}", WORD_BITS, False))
    m.go(stage)
    return stage, ports
