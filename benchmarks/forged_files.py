"""Every instruction of whole taggers, forged: how many files whose intervals lie are refused.

``python -m benchmarks.forged_files [--networks transformer,part]`` writes the exported file of each kind of network,
lets each instruction of each program lie in up to five ways about its interval, rebuilds body, digest and metadata with
the tool's own writer, and reads the file. It ends with status 1 when a single lie is believed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import torch

from tests.helpers.forgery import forge_file, forged
from tests.helpers.pins import CONSTITUENTS, NETWORKS
from tests.helpers.taggers import calibrated_tagger
from tritag.errors import ExportError
from tritag.export.graph import Op, read_graph
from tritag.export.qonnx_file import export_model
from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.terminal import print_result


def attack(network: str, most: int) -> tuple[Counter[str], list[str]]:
    """Refused files by kind of instruction, and what was believed, for the first ``most`` places of a kind."""
    kind, sizes = NETWORKS[network]
    model = export_model(calibrated_tagger(CONSTITUENTS, "ternary", dict(sizes), kind))
    refused: Counter[str] = Counter()
    believed: list[str] = []
    places: Counter[str] = Counter()
    programs = {x.bound.op_type: x.bound.program for x in read_graph(model).layers if isinstance(x, Op)}
    for op_type, program in programs.items():
        for index, node in enumerate(program.nodes):
            places[node.op] += 1
            if places[node.op] > most:
                continue
            for change, lie in forged(program, index):
                try:
                    forgery = forge_file(model, op_type, lie)
                except (ExportError, ValueError, OverflowError):  # the writer itself has no body for such a lie
                    continue
                try:
                    read_graph(forgery)
                    believed.append(f"{network} {program.name}: instruction {index} ({node.op}) {change}")
                except ExportError:
                    refused[node.op] += 1
    return refused, believed


def main() -> int:
    """Attack the networks and print a line for each kind of instruction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--places", type=int, default=20, help="instructions of one kind that are forged in a network")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    total: Counter[str] = Counter()
    believed: list[str] = []
    for network in arguments.networks.split(","):
        refused, accepted = attack(network, arguments.places)
        total += refused
        believed += accepted
        print_result(f"{network}: {sum(refused.values())} refused, {len(accepted)} believed")
    print_result(", ".join(f"{op} {total[op]}" for op in INSTRUCTIONS if total[op]))
    print_result(f"{sum(total.values())} forged files refused, {len(believed)} believed")
    for line in believed:
        print_result(line)
    return int(bool(believed))


if __name__ == "__main__":
    sys.exit(main())
