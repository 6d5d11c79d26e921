"""The one place where an input's name becomes an identifier of C and C++, which is no word of what stands around it.

A graph's inputs carry the names that somebody gave them, ``jet`` or ``double``; files and archives keep these. The
written sources have words of their own, so that such an input is called ``in_jet`` there, and all others as they are.
(Verilog's ports are called ``in_NAME_s0_l0``, which is no word of any language.)
"""

from __future__ import annotations

import re

from tritag.export.firmware_layers import FirmwareGraph, Op

# Keywords of C (to C23) and C++ (to C++23), alternative tokens, and macros in small letters.
_LANGUAGE = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl
concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace
new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq
alloca ap_bigint ap_biguint assert assert_perror errno linux offsetof stderr stdin stdout unix
"""
# Words of the functions that have the inputs among their arguments or variables: the emulator's, the project's top
# function, hls4ml's bridge and the bench.
_OWN = """
B aligned_alloc b first free here i int32 jet jets memory memset one_block out scratch scratch_bytes trace v32 work
work_bytes answers expected given in log main nnet number read_row results right std wrong
"""
_WORDS = frozenset((_LANGUAGE + _OWN).split())
# Macros, in capitals or of <cmath> and <cstdio>; then what hls4ml numbers (results, weights and configurations), types,
# and the namespaces of a project.
_FORMS = re.compile(
    r"(?!in_)"  # none of them begins so, which ends the search for a free name
    r"([A-Z][A-Z0-9]*[A-Z_][A-Z0-9_]*|[MLP]_\w+"
    r"|layer\d+(_\w+)?|[wb]\d+|([a-z]+_)?config\d+(_\w+)?|(input\d*|result|size|model_default)_t|hls4ml_\w+)"
)


def input_identifiers(graph: FirmwareGraph, top: str) -> dict[str, str]:
    """What each input of a graph is called in C and C++, by its name and in the graph's order.

    Parameters
    ----------
    top : str
        Name of the top function, with which names of other functions begin.

    Examples
    --------
    >>> graph = FirmwareGraph(inputs=["jet", "features"], shapes={"jet": (1, 4), "features": (1, 2)})
    >>> input_identifiers(graph, "tagger_v1")
    {'jet': 'in_jet', 'features': 'features'}
    """
    tables = {table for layer in graph.layers if isinstance(layer, Op) for table in layer.bound.program.tables}
    others = {of for name in graph.inputs for of in _beside(name)}

    def reserved(name: str) -> bool:
        stem, _, number = name.removesuffix("_t").rpartition("_")
        formed = (stem in tables and number.isdigit()) or _FORMS.fullmatch(name) is not None
        return formed or name in _WORDS or name == top or name.startswith(f"{top}_") or name in others

    names = {*graph.inputs, *graph.shapes}
    found: dict[str, str] = {}
    for name in graph.inputs:
        free = name
        while reserved(free) or (free != name and names & {free, *_beside(free)}):
            free = f"in_{free}"
        names |= {free, *(_beside(free) if free != name else ())}
        found[name] = free
    return found


def _beside(name: str) -> tuple[str, str]:
    """Variables that stand beside an argument: one jet's integers in the emulator, hls4ml's numbers in the bridge."""
    return f"jet_{name}", f"{name}_ap"


__all__ = ["input_identifiers"]
