"""Random small QONNX graphs against rational arithmetic: ``python -m benchmarks.random_qonnx_graphs [--graphs 500]``.

The long form of ``tests/export/test_import.py::test_random_graphs_are_exact``: hypothesis draws the files and shrinks
the first one that is not exact. It prints how many were imported, and ends with status 1 where one is not exact.
"""

from __future__ import annotations

import argparse
import sys

import onnx
from hypothesis import HealthCheck, given, settings

from tests.export.test_import import check_exact
from tests.helpers.random_qonnx import graphs
from tritag.export.importing.importer import import_model
from tritag.terminal import print_result


def main() -> int:
    """Draw the graphs and compare each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    distinct: list[int] = []

    @settings(max_examples=arguments.graphs, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(graphs())
    def compare(model: onnx.ModelProto) -> None:
        distinct.append(check_exact(model, import_model(model)))

    if arguments.seed is not None:
        from hypothesis import seed

        compare = seed(arguments.seed)(compare)
    try:
        compare()
    except AssertionError as error:
        print_result(f"a graph is not exact: {error}")
        return 1
    print_result(
        f"{len(distinct)} graphs imported, every integer of every one exact; {sum(n > 1 for n in distinct)} of them "
        "gave more than one output"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
