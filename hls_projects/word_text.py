"""C++ around a tagger's function: candidates' words come in, the word of the jet goes out (export/words.py).

The project's function is for synthesis and C-simulation, the emulator's takes many jets; both read a word's fields with
the same statements.
"""

from __future__ import annotations

from pathlib import Path

from tritag.errors import ExportError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.naming import Naming
from tritag.export.words import JET_BITS, SCORE_BITS, TOKEN_BITS, candidate_fields
from tritag.files import write_text
from tritag.hls_projects.own_names import BUILD, VENDOR_BUILD, build_script


def field_statements(graph: FirmwareGraph) -> list[str]:
    """Statements that take the fields of the 64-bit number ``w`` as integers ``f_<name>``."""
    lines = []
    for field in candidate_fields(graph):
        name, mask = f"f_{field.name}", (1 << field.bits) - 1
        lines.append(f"int {name} = (int)((w >> {field.position}) & 0x{mask:x});")
        if field.signed:
            lines.append(f"{name} -= ({name} & 0x{1 << (field.bits - 1):x}) << 1;")
        if field.when is not None:
            kind = graph.candidates.grid.field(field.when.field)
            lines.append(f"const int k_{field.name} = (int)((w >> {kind.position}) & 0x{(1 << kind.bits) - 1:x});")
            has = " || ".join(f"k_{field.name} == {code & ((1 << kind.bits) - 1)}" for code in field.when.codes)
            lines.append(f"if (!({has})) {name} = {field.otherwise};")
    return lines


def emulator_words(graph: FirmwareGraph, name: str) -> str:
    """C function ``<name>_words`` of the native emulator."""
    fields = candidate_fields(graph)
    k, lanes, scores = graph.shapes["codes"][0], len(fields), graph.n_outputs
    statements = "\n".join(f"                {line}" for line in field_statements(graph))
    codes = "\n".join(
        f"                codes[(j * {k} + i) * {lanes} + {n}] = alive ? f_{field.name} : 0;"
        for n, field in enumerate(fields)
    )
    return f"""\
// words: {k} a jet, 64 bits each; tokens: one a jet; out: two a jet, bits 63:0 of its word first. Returns 0, or 1
// without memory. A candidate counts as long as no word before it has pT 0.
extern "C" long {name}_words(const unsigned long long *words, const unsigned long long *tokens,
                             unsigned long long *out, long jets) {{
    const long most = 64 * B;
    int *codes = (int *)malloc(sizeof(int) * most * {k * lanes + 1});
    long long *scores = (long long *)malloc(sizeof(long long) * most * {scores});
    int *count = codes ? codes + most * {k * lanes} : nullptr;
    long wrong = !codes || !scores;
    for (long first = 0; first < jets && !wrong; first += most) {{
        const long here = jets - first < most ? jets - first : most;
        for (long j = 0; j < here; j++) {{
            bool alive = true;
            count[j] = 0;
            for (int i = 0; i < {k}; i++) {{
                const unsigned long long w = words[(first + j) * {k} + i];
{statements}
                alive = alive && f_pt > 0;
{codes}
                count[j] += alive;
            }}
        }}
        wrong = {name}_run(codes, count, scores, here, nullptr);
        for (long j = 0; j < here && !wrong; j++) {{
            unsigned long long low = tokens[first + j] & 0x{(1 << TOKEN_BITS) - 1:x}ULL, high = 0;
            for (int i = 0; i < {scores}; i++) {{
                const unsigned long long score = (unsigned long long)scores[j * {scores} + i];
                const int place = {TOKEN_BITS} + {SCORE_BITS} * i;
                if (place < 64) low |= score << place;
                if (place + {SCORE_BITS} > 64) high |= place < 64 ? score >> (64 - place) : score << (place - 64);
            }}
            out[2 * (first + j)] = low;
            out[2 * (first + j) + 1] = high;
        }}
    }}
    free(scores);
    free(codes);
    return wrong;
}}
"""


def add_words(graph: FirmwareGraph, folder: Path, kinds: tuple[str, ...], interval: int, naming: Naming) -> None:
    """Add the function ``NAME_vN_words`` to an hls4ml project in ``folder``.

    Parameters
    ----------
    kinds
        Types of the candidates' codes, of their number, and of the scores in the project.
    """
    for name, text in project_words(graph, kinds, interval, naming).items():
        write_text(folder / name, text)
    write_text(folder / BUILD, build_script(naming, f"{naming.full}_words"))
    _offer_words_as_top(folder / VENDOR_BUILD)


def _offer_words_as_top(script: Path) -> None:
    """Let the vendor's script read the function on words, too, and synthesise it where ``TOP`` names it."""
    text = script.read_text(encoding="utf-8")
    read = 'add_files firmware/${project_name}.cpp -cflags "-std=c++0x"\n'
    top = "set_top ${project_name}\n"
    if text.count(read) != 1 or text.count(top) != 1:
        raise ExportError(
            f"{script.name} must read the project's source and set its top function once, but does not; "
            "the function on words cannot be offered there"
        )
    text = text.replace(read, read + read.replace(".cpp", "_words.cpp"))
    chosen = "set_top [expr {[info exists ::env(TOP)] ? $::env(TOP) : $project_name}]\n"
    write_text(script, text.replace(top, chosen))


def project_words(graph: FirmwareGraph, kinds: tuple[str, ...], interval: int, naming: Naming) -> dict[str, str]:
    """Sources of the function, by their path in the project; ``kinds`` as for :func:`add_words`."""
    k, full = graph.shapes["codes"][0], naming.full
    signature = f"void {full}_words(ap_uint<64> words[{k}], ap_uint<{TOKEN_BITS}> token, ap_uint<{JET_BITS}> &jet)"
    return {
        f"firmware/{full}_words.h": _header(graph, signature, naming),
        f"firmware/{full}_words.cpp": _source(graph, signature, kinds, interval, naming) + _bridge(k, full),
    }


def _header(graph: FirmwareGraph, signature: str, naming: Naming) -> str:
    k, full, guard = graph.shapes["codes"][0], naming.full, naming.guard("words.h")
    return f"""\
// Jets as words: {k} candidates of 64 bits and what comes with the jet in, the word of the jet out.
// A candidate counts as long as no word before it has pT 0. Bits of jet: {TOKEN_BITS - 1}:0 as they came, then
// {SCORE_BITS} bits (ap_ufixed<8,1>) for each of: {", ".join(graph.output_names)}.
#ifndef {guard}
#define {guard}

#include "{full}.h"

{signature};

#endif
"""


def _source(graph: FirmwareGraph, signature: str, kinds: tuple[str, ...], interval: int, naming: Naming) -> str:
    fields, full = candidate_fields(graph), naming.full
    k, lanes, scores = graph.shapes["codes"][0], len(fields), graph.n_outputs
    codes_type, count_type, score_type = kinds
    integer = f"{naming.namespace}_tritag"
    statements = "\n".join(f"        {line}" for line in field_statements(graph))
    codes = "\n".join(
        f"        codes[i * {lanes} + {n}] = {integer}::value<{codes_type}>(ap_int<64>(alive ? f_{field.name} : 0));"
        for n, field in enumerate(fields)
    )
    return f"""\
#include "{full}_words.h"
#include "nnet_utils/tritag_integer.h"

{signature} {{
    #pragma HLS ARRAY_PARTITION variable=words complete dim=0
    #pragma HLS PIPELINE II={interval}
    using namespace {naming.namespace};
    {codes_type} codes[{k * lanes}];
    {count_type} count[1];
    {score_type} scores[{scores}];
    #pragma HLS ARRAY_PARTITION variable=codes complete dim=0
    #pragma HLS ARRAY_PARTITION variable=scores complete dim=0
    bool alive = true;
    int number = 0;
    for (int i = 0; i < {k}; i++) {{
        #pragma HLS UNROLL
        const unsigned long long w = words[i].to_uint64();
{statements}
        alive = alive && f_pt > 0;
{codes}
        number += alive;
    }}
    count[0] = {integer}::value<{count_type}>(ap_int<64>(number));
    {full}(codes, count, scores);
    jet = token;
    for (int i = 0; i < {scores}; i++) {{
        #pragma HLS UNROLL
        jet.range({TOKEN_BITS + SCORE_BITS - 1} + {SCORE_BITS} * i, {TOKEN_BITS} + {SCORE_BITS} * i) =
            ap_uint<{SCORE_BITS}>({integer}::code(scores[i]).to_int());
    }}
}}
"""


def _bridge(k: int, full: str) -> str:
    return f"""
#ifndef __SYNTHESIS__
// The same for whoever has no ap_types: one jet; out: bits 63:0 of its word first.
extern "C" void {full}_words_run(const unsigned long long *words, unsigned long long token, unsigned long long *out) {{
    ap_uint<64> given[{k}];
    for (int i = 0; i < {k}; i++)
        given[i] = words[i];
    ap_uint<{JET_BITS}> jet;
    {full}_words(given, ap_uint<{TOKEN_BITS}>(token & 0x{(1 << TOKEN_BITS) - 1:x}ULL), jet);
    out[0] = ap_uint<64>(jet.range(63, 0)).to_uint64();
    out[1] = ap_uint<64>(jet.range(127, 64)).to_uint64();
}}
#endif
"""
