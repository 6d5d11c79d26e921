"""Jets as words: candidates of 64 bits come in, a word of 128 bits with the scores goes out.

This is the definition that firmware in C++ and in Verilog and the emulator follow bit by bit. The word of a jet has the
form of the Global Trigger's ``l1gt::Jet`` (cms-sw/cmssw, DataFormats/L1TParticleFlow/interface/gt_datatypes.h): what
comes with the jet (valid, pT, phi, eta, z0) in bits 53:0, which walk along unchanged, and from bit 54 up the scores,
eight bits each, in the order of the tagger's classes. All other bits are 0.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tritag.data.jets.candidate_field import CandidateField
from tritag.data.jets.candidate_grid import CandidateGrid
from tritag.data.jets.words import unpack_words
from tritag.errors import DataError, ExportError
from tritag.export.firmware_layers import FirmwareGraph, Op
from tritag.export.functions import op_function
from tritag.export.graph import read_graph
from tritag.export.metadata import METADATA_OUTPUTS, METADATA_PROGRAMS
from tritag.export.qonnx_file import BATCH, program_entry
from tritag.models.jets.coded_jets import QUANTITIES
from tritag.quant.ops.op import ONNX_DOMAIN, TensorSpec
from tritag.quant.ops.word_score import SCORE_BITS, WordScore

TOKEN_BITS, JET_BITS, WORD_BITS = 54, 128, 64
MOST_SCORES = (JET_BITS - TOKEN_BITS) // SCORE_BITS
# Name of the node and of the output tensor that word firmware ends in.
SCORES = "word_score"


def candidate_fields(graph: FirmwareGraph) -> tuple[CandidateField, ...]:
    """Fields of the lanes of a tagger's candidates; none where the inputs are not candidates and their number.

    The graph lint holds inputs of these names to their grids.
    """
    fields = graph.candidates.fields
    if graph.inputs != ["codes", "count"] or graph.shapes["codes"][-1] != len(fields):
        return ()
    return fields


def with_word_scores(model: ModelProto) -> ModelProto:
    """The exported file with the op ``word_score`` behind its outputs: what firmware is made of that answers in words.

    Raises
    ------
    ExportError
        The inputs are not candidates, or there are more scores than a jet's word holds.
    """
    graph = read_graph(model)
    scores = [name for name in graph.output_names if name not in QUANTITIES]
    if not candidate_fields(graph):
        raise ExportError(
            f"a word holds a jet's candidate; the inputs must be candidates, got {', '.join(graph.inputs)}"
        )
    if not 1 <= len(scores) <= MOST_SCORES:
        raise ExportError(f"a jet's word must hold 1 to {MOST_SCORES} scores, got {len(scores)}: {', '.join(scores)}")
    (output,) = graph.outputs
    bound = WordScore(len(scores)).bind(TensorSpec(graph.grids[output], 1, graph.n_outputs))
    made = ModelProto()
    made.CopyFrom(model)
    tables = {f"{SCORES}_{name}": np.array(table, np.int64) for name, table in bound.program.tables.items()}
    made.graph.initializer.extend(numpy_helper.from_array(table, name) for name, table in tables.items())
    node = helper.make_node(bound.op_type, [output, *tables], [SCORES], name=SCORES, domain=ONNX_DOMAIN)
    made.graph.node.append(node)
    made.functions.append(op_function(bound))
    made.graph.value_info.append(made.graph.output.pop())
    made.graph.output.append(helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [BATCH, 1, len(scores)]))
    for entry in made.metadata_props:
        if entry.key == METADATA_PROGRAMS:
            programs = {**json.loads(entry.value), bound.op_type: program_entry(bound)}
            entry.value = json.dumps(dict(sorted(programs.items())), separators=(",", ":"))
        elif entry.key == METADATA_OUTPUTS:
            entry.value = json.dumps(scores, separators=(",", ":"))
    return made


def answers_in_words(graph: FirmwareGraph) -> bool:
    """Whether firmware made of ``graph`` takes and gives words: whether it ends in :func:`with_word_scores`."""
    last = graph.layers[-1] if graph.layers else None
    ends = isinstance(last, Op) and last.name == SCORES and last.bound.program.name == SCORES
    return ends and graph.outputs == [SCORES] and bool(candidate_fields(graph))


def leading_words(words: NDArray[np.uint64], grid: CandidateGrid) -> NDArray[np.uint64]:
    """Words (n, K) with 0 in the place of the first whose pT is 0 and of all behind it: those are ignored."""
    pt = grid.field("pt")
    some = (words >> np.uint64(pt.position)) & np.uint64(2**pt.bits - 1) > 0
    return np.where(np.logical_and.accumulate(some, axis=1), words, np.uint64(0))


def inputs_of_words(graph: FirmwareGraph, words: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes (n, K, fields) and counts (n,) of candidates' words (n, K), any 64 bits each.

    The candidates are the leading words whose pT is not 0; a word behind one with pT 0 is ignored, whatever it holds.

    Raises
    ------
    DataError
        No uint64 of shape (n, K).
    """
    words, k = np.asarray(words), graph.shapes["codes"][0]
    if words.dtype != np.uint64 or words.ndim != 2 or words.shape[1] != k:
        raise DataError(f"words must be uint64 (jets, {k}), got {words.dtype} {words.shape}")
    grid, names = graph.candidates.grid, graph.candidates.names
    codes, count = unpack_words(leading_words(words, grid), grid, names)
    return codes.astype(np.int64), count.astype(np.int64)


def pack_jets(tokens: NDArray[np.uint64], scores: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Words of jets, uint64 (n, 2), bits 63:0 first, of what comes with each jet (n,) and its scores (n, scores)."""
    low = np.asarray(tokens, np.uint64) & np.uint64((1 << TOKEN_BITS) - 1)
    high = np.zeros_like(low)
    for i in range(scores.shape[1]):
        score, place = scores[:, i].astype(np.uint64), TOKEN_BITS + SCORE_BITS * i
        if place < WORD_BITS:
            low |= score << np.uint64(place)
            if place + SCORE_BITS > WORD_BITS:
                high |= score >> np.uint64(WORD_BITS - place)
        else:
            high |= score << np.uint64(place - WORD_BITS)
    return np.stack([low, high], axis=1)


def as_integers(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Words of jets (n, 2) as four parts of 32 bits each, int64 (n, 4), that can be compared and subtracted."""
    parts = [words[:, i] >> np.uint64(shift) & np.uint64(2**32 - 1) for i in (0, 1) for shift in (0, 32)]
    return np.stack(parts, axis=1).astype(np.int64)


def scores_of(graph: FirmwareGraph, words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Scores, (n, scores), in words of jets as executors give them, (n, 4) parts of 32 bits."""
    found = []
    for i in range(graph.n_outputs):
        part, place = divmod(TOKEN_BITS + SCORE_BITS * i, 32)
        wide = words[:, part] | (words[:, part + 1] << 32 if part < 3 else 0)
        found.append(wide >> place & ((1 << SCORE_BITS) - 1))
    return np.stack(found, axis=1)
