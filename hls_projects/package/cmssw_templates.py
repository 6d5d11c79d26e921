"""Texts of the repository of an emulator for CMS' software."""

from __future__ import annotations

MAKEFILE = """\
# make EMULATOR_EXTRAS=... HLS_ROOT=...      the library; both are what cmsdist gives
# make test                                  loads it with local and global symbols, in four threads
# make install PREFIX=...                    into PREFIX/lib64
MODELS := {name}
EMULATOR_EXTRAS ?=
# Folder with ap_int.h, or the one above its "include"; the package brings the types of hls4ml.
HLS_ROOT ?= $(CURDIR)/../hls/firmware/ap_types
PREFIX ?= /usr/local
CXX ?= g++
OPT ?= -O3
DOUBLE := $(if $(EMULATOR_EXTRAS),$(EMULATOR_EXTRAS)/include,$(CURDIR)/test/double)

export CXX
export CXXFLAGS := -std=c++17 $(OPT) -fPIC -w
export INCLUDES := -I"$(DOUBLE)" -I"$(HLS_ROOT)" -I"$(HLS_ROOT)/include"
LIBRARIES := $(foreach m,$(MODELS),$(m)/$(m).so)

.PHONY: all test install clean $(MODELS)
all: $(MODELS)

$(MODELS):
\t$(MAKE) -C $@

test/loader: test/loader.cpp
\t$(CXX) -std=c++17 $(INCLUDES) $< -o $@ -ldl -pthread

test: all test/loader
\ttest/loader $(foreach m,$(MODELS),$(m)/$(m).so test/$(m).vectors)

install: all
\tinstall -d "$(PREFIX)/lib64"
\tinstall -m 755 $(LIBRARIES) "$(PREFIX)/lib64"

clean:
\trm -f test/loader $(LIBRARIES) $(foreach m,$(MODELS),$(m)/*.o)
"""

LIBRARY_MAKEFILE = """\
# Called by the Makefile above, which sets CXX, CXXFLAGS and INCLUDES. Only create_model and destroy_model are exported.
OBJECTS := $(patsubst %.cpp,%.o,$(wildcard *.cpp)) {name}.o

{name}.so: $(OBJECTS) exports.map
\t$(CXX) -shared $(OBJECTS) -Wl,--version-script=exports.map -o $@

{name}.o: NN/{name}.cpp
\t$(CXX) $(CXXFLAGS) $(INCLUDES) -c $< -o $@

%.o: %.cpp
\t$(CXX) $(CXXFLAGS) $(INCLUDES) -c $< -o $@
"""

MODEL = """\
// Emulator of {name} for CMS' software: integers in, integers out, the same as in the firmware.
#include <algorithm>
#include <any>
#include <stdexcept>
#include <string>
#include <tuple>

#include "NN/{name}.h"
#include "NN/nnet_utils/tritag_integer.h"
#include "hls4ml/emulator.h"

namespace {namespace} {{

// Everything that a prediction writes belongs to the object: models in different threads share constants alone, which
// are set when the library is loaded.
class {emulator} : public hls4mlEmulator::Model {{
  public:
    // input: const int * or int *, {n_in} integers in units of the last bit: {inputs};
    // or the tuple of pointers to the firmware's types, {tuple}.
    void prepare_input(std::any input) override {{
        if (auto codes = std::any_cast<int *>(&input))
            return take_all(*codes);
        if (auto codes = std::any_cast<const int *>(&input))
            return take_all(*codes);
        if (auto pointers = std::any_cast<{tuple}>(&input)) {{
            const auto &given = *pointers;
{typed}
            return;
        }}
        throw std::invalid_argument("{name}: input must be a pointer to {n_in} int, or {tuple}; it is neither");
    }}

    void predict() override {{ {name}({call}); }}

    // result: int * for {n_out} integers in units of the last bit ({outputs}); or {result} *.
    void read_result(std::any result) override {{
        if (auto codes = std::any_cast<int *>(&result)) {{
            for (int i = 0; i < {n_out}; i++)
                (*codes)[i] = {namespace}_tritag::code({answer}_[i]).to_int();
        }} else if (auto values = std::any_cast<{result} *>(&result)) {{
            std::copy_n({answer}_, {n_out}, *values);
        }} else {{
            throw std::invalid_argument("{name}: result must be a pointer to {n_out} int or {result}; it is neither");
        }}
    }}

  private:
    template <class T, int N> static void take(T (&to)[N], const int *codes, int low, int high, const char *what) {{
        for (int i = 0; i < N; i++) {{
            if (codes[i] < low || codes[i] > high)
                throw std::out_of_range(std::string("{name}: ") + what + " must lie in [" + std::to_string(low) + ", " +
                                        std::to_string(high) + "], got " + std::to_string(codes[i]));
            to[i] = {namespace}_tritag::value<T>(ap_int<64>(codes[i]));
        }}
    }}

    void take_all(const int *codes) {{
{taken}
    }}

{members}
}};

}} // namespace {namespace}

extern "C" hls4mlEmulator::Model *create_model() {{ return new {namespace}::{emulator}; }}

extern "C" void destroy_model(hls4mlEmulator::Model *model) {{ delete model; }}
"""

DOUBLE = """\
// Test double of the interface of CMS' emulators: the same class, so that a library that is compiled against it can be
// loaded where the experiment's own header is used. Give EMULATOR_EXTRAS to compile against that one.
#ifndef HLS4ML_EMULATOR_H_
#define HLS4ML_EMULATOR_H_

#include <any>

namespace hls4mlEmulator {

class Model {
  public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};

} // namespace hls4mlEmulator

#endif
"""

LOADER = """\
// loader LIBRARY VECTORS [LIBRARY VECTORS ...]: all libraries in one process, with local symbols, as the experiment's
// loader opens them, and with global ones, each in four threads with models of their own. Status 1 when a jet differs.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "hls4ml/emulator.h"

struct Case {
    std::string library;
    int jets = 0, inputs = 0, outputs = 0;
    std::vector<int> numbers;
    hls4mlEmulator::Model *(*create)() = nullptr;
    void (*destroy)(hls4mlEmulator::Model *) = nullptr;
};

static int differing(const Case &c) {
    hls4mlEmulator::Model *model = c.create();
    std::vector<int> out(c.outputs);
    int wrong = 0;
    for (int jet = 0; jet < c.jets; jet++) {
        const int *row = &c.numbers[jet * (c.inputs + c.outputs)];
        try {
            model->prepare_input(row);
            model->predict();
            model->read_result(out.data());
            wrong += !std::equal(out.begin(), out.end(), row + c.inputs);
        } catch (const std::exception &error) {
            std::cerr << "ERROR: " + std::string(error.what()) + "\\n";
            wrong++;
        }
    }
    c.destroy(model);
    return wrong;
}

static bool open(Case &c, int flags) {
    const std::string path = c.library.find('/') == std::string::npos ? "./" + c.library : c.library;
    void *library = dlopen(path.c_str(), flags);
    if (!library) {
        std::cerr << "ERROR: " << dlerror() << std::endl;
        return false;
    }
    c.create = (hls4mlEmulator::Model * (*)()) dlsym(library, "create_model");
    c.destroy = (void (*)(hls4mlEmulator::Model *))dlsym(library, "destroy_model");
    return c.create && c.destroy;
}

int main(int argc, char **argv) {
    std::vector<Case> cases;
    for (int i = 1; i + 1 < argc; i += 2) {
        Case c;
        c.library = argv[i];
        std::ifstream file(argv[i + 1]);
        if (!(file >> c.jets >> c.inputs >> c.outputs) || c.jets < 1) {
            std::cerr << "ERROR: " << argv[i + 1] << " must hold jets" << std::endl;
            return 2;
        }
        c.numbers.resize(c.jets * (c.inputs + c.outputs));
        for (int &number : c.numbers)
            if (!(file >> number)) {
                std::cerr << "ERROR: " << argv[i + 1] << " is truncated" << std::endl;
                return 2;
            }
        cases.push_back(c);
    }
    if (cases.empty()) {
        std::cerr << "usage: loader LIBRARY VECTORS [LIBRARY VECTORS ...]" << std::endl;
        return 2;
    }
    std::atomic<int> wrong{0};
    int compared = 0;
    for (int flags : {RTLD_LAZY | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL}) {
        for (Case &c : cases)
            if (!open(c, flags))
                return 2;
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; thread++)
            for (const Case &c : cases)
                threads.emplace_back([&c, &wrong] { wrong += differing(c); });
        for (std::thread &thread : threads)
            thread.join();
        for (const Case &c : cases)
            compared += 4 * c.jets;
    }
    std::cout << wrong << " of " << compared << " jets differ (" << cases.size()
              << " libraries, local and global symbols, four threads each)" << std::endl;
    return wrong ? 1 : 0;
}
"""

SPEC = """\
### RPM external {plain} {version}
Source: https://github.com/cms-hls4ml/%{{n}}/archive/v%{{realversion}}.tar.gz
Requires: hls4mlEmulatorExtras hls

%prep
%setup -n %{{n}}-%{{realversion}}

%build
make EMULATOR_EXTRAS="${{HLS4MLEMULATOREXTRAS_ROOT}}" HLS_ROOT="${{HLS_ROOT}}"

%install
make install PREFIX="%{{i}}"
"""

README = """\
# {plain}: emulator for CMS' software

The library `{name}/{name}.so` exports `create_model` and `destroy_model`, and nothing else; everything in it stands
in the namespace `{namespace}`. Weights are headers: no file is read when it runs. A model keeps all that it
writes, so that every thread or stream may have one of its own.

    make EMULATOR_EXTRAS=/path/to/hls4mlEmulatorExtras HLS_ROOT=/path/to/hls    # as cmsdist does
    make                                       # with the package's own types and test double
    make test                                  # integers of golden jets, in four threads

- `prepare_input`: `const int *`, integers one behind the other: {inputs};
  or a tuple of pointers to the firmware's types.
- `read_result`: `int *`: {outputs}, in units of the last bit.

`cmsdist/{plain}.spec` is the recipe of the external; the tag must be `v` and the version.
"""
