"""The native emulator of a package: one C++ file and a C header, for whoever scores millions of jets."""

from __future__ import annotations

from tritag.export.words import answers_in_words
from tritag.hls_projects.emulator.text import emulator_text
from tritag.hls_projects.input_names import input_identifiers
from tritag.hls_projects.package.delivery import Delivery, Files

_HEADER = """\
/* {full}: the tagger's integers, for many jets at a time. Compile {full}.cpp with
 *     g++ {flags} {full}.cpp -o {full}_native.so
 * Calls from several threads share nothing. */
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

/* {inputs}; out: {outputs} integers a jet ({names}); trace: NULL.
 * Returns 0, or 1 where there is no memory for one block of jets. Inputs must lie on their grids:
 * {grids} */
long {function}({arguments}, long long *out, long jets, int *trace);
{words}
#ifdef __cplusplus
}}
#endif

#endif
"""


_WORDS = """\
/* The same from words: {k} candidates of 64 bits and one token a jet in, two words a jet out, bits 63:0 first. */
long {full}_words(const unsigned long long *words, const unsigned long long *tokens, unsigned long long *out,
                  long jets);
"""


def native_files(delivery: Delivery, flags: tuple[str, ...]) -> Files:
    """The source and its header, below ``native``."""
    naming, graph = delivery.naming, delivery.graph
    text = emulator_text(graph, naming.full)
    shapes = [f"{name}: {' x '.join(map(str, graph.shapes[name]))} integers a jet" for name in graph.inputs]
    grids = [f"{name} in [{graph.grids[name].low}, {graph.grids[name].high}]" for name in graph.inputs]
    header = _HEADER.format(
        full=naming.full,
        flags=" ".join(flags),
        guard=naming.guard("native.h"),
        inputs="; ".join(shapes),
        outputs=graph.n_outputs,
        names=", ".join(graph.output_names),
        grids="; ".join(grids),
        function=text.function,
        arguments=", ".join(f"const int *{name}" for name in input_identifiers(graph, naming.full).values()),
        words=_WORDS.format(full=naming.full, k=graph.shapes["codes"][0]) if answers_in_words(graph) else "",
    )
    return {f"{naming.full}.cpp": text.source, f"{naming.full}.h": header}
