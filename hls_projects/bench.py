"""The test bench of an hls4ml project: golden jets through the top function, and a failure when a number differs.

hls4ml's own bench prints what it gets and always ends well. This one is for ``g++``, for Vitis' C-simulation and for
its co-simulation alike, and keeps hls4ml's files, so that the project's Tcl scripts work unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tritag.export.naming import Naming
from tritag.files import write_text

INPUTS, OUTPUTS = "tb_input_features.dat", "tb_output_predictions.dat"


def write_testbench(folder: Path, inputs: Sequence[np.ndarray], outputs: np.ndarray) -> None:
    """Give the project's own test bench (vendor C-simulation and co-simulation) jets and their expected outputs.

    Parameters
    ----------
    inputs : arrays of n jets
        Values of the graph's inputs in its order.
    outputs : (n,) or (n, outputs) float
    """
    data = folder / "tb_data"
    features = np.concatenate([x.reshape(len(x), -1) for x in inputs], axis=1)
    write_text(data / INPUTS, "".join(" ".join(map(str, row)) + "\n" for row in features.tolist()))
    rows = outputs.reshape(len(features), -1).tolist()
    write_text(data / OUTPUTS, "".join(" ".join(map(repr, row)) + "\n" for row in rows))


def bench_text(model: Any, naming: Naming) -> str:
    """C++ of the bench for hls4ml's ``model``: status 0 when every number is right, 1 when not, 2 without vectors."""
    inputs, outputs = model.get_input_variables(), model.get_output_variables()
    declared = [f"        {v.type.name} {v.name}[{v.size()}];" for v in (*inputs, *outputs)]
    filled, place = [], 0
    for v in inputs:
        filled.append(f"        for (int i = 0; i < {v.size()}; i++) {v.name}[i] = in[{place} + i];")
        place += v.size()
    checked, answer = [], 0
    for v in outputs:
        checked.append(f"        for (int i = 0; i < {v.size()}; i++) given[{answer} + i] = {v.name}[i].to_double();")
        answer += v.size()
    return _BENCH.format(
        name=naming.full,
        namespace=naming.namespace,
        nnet=f"{naming.namespace}_nnet",
        inputs=INPUTS,
        outputs=OUTPUTS,
        n_in=place,
        n_out=answer,
        declared="\n".join(declared),
        filled="\n".join(filled),
        checked="\n".join(checked),
        arguments=", ".join(v.name for v in (*inputs, *outputs)),
    )


_BENCH = """\
// Golden jets through {name}: every output must be the number that the exported file gives.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "firmware/{name}.h"

namespace {nnet} {{
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
}} // namespace {nnet}

// Numbers of one line; false at the end of the file.
static bool read_row(std::ifstream &file, std::vector<double> &row) {{
    std::string line;
    row.clear();
    if (!std::getline(file, line))
        return false;
    std::istringstream words(line);
    double value;
    while (words >> value)
        row.push_back(value);
    return true;
}}

int main() {{
    using namespace {namespace};
#ifdef RTL_SIM
    const char *log = "tb_data/rtl_cosim_results.log";
#else
    const char *log = "tb_data/csim_results.log";
#endif
    std::ifstream jets("tb_data/{inputs}"), answers("tb_data/{outputs}");
    std::ofstream results(log);
    std::vector<double> in, expected;
    int number = 0, wrong = 0;
    while (read_row(jets, in)) {{
        if (!read_row(answers, expected) || in.size() != {n_in} || expected.size() != {n_out}) {{
            std::cerr << "ERROR: jet " << number << " must have {n_in} inputs and {n_out} expected outputs, got "
                      << in.size() << " and " << expected.size() << std::endl;
            return 2;
        }}
{declared}
{filled}
        {name}({arguments});
        double given[{n_out}];
{checked}
        bool right = true;
        for (int i = 0; i < {n_out}; i++) {{
            results << given[i] << " ";
            right = right && given[i] == expected[i];
        }}
        results << std::endl;
        if (!right && wrong++ < 5)
            std::cerr << "ERROR: jet " << number << " must give " << expected[0] << ", got " << given[0]
                      << " (first output)" << std::endl;
        number++;
    }}
    if (number == 0 || read_row(answers, expected)) {{
        std::cerr << "ERROR: tb_data must hold as many expected outputs as jets, and at least one jet" << std::endl;
        return 2;
    }}
    std::cout << wrong << " of " << number << " jets differ" << std::endl;
    return wrong ? 1 : 0;
}}
"""
