# Everything runs in .venv, which the first target that needs it makes. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := demo

# What a user may set on the command line: make train-mini TAGGER=transformer-20k K=32
TAGGER ?= transformer-2k
DATA ?= top-demo
K ?=
RUN ?= $(TAGGER)
STUDY ?= ladder-reduced
TARGET ?= vu13p-360mhz
# SYNTH=1 also counts LUT, FF, DSP and BRAM with Yosys: minutes on a few cores.
SYNTH ?=
DEMO_ARGS ?=
PYTHON ?= python3.11
# Installed first and alone. Where the default wheel brings gigabytes of CUDA libraries, give the CPU one:
# make env TORCH='torch==2.13.0 --index-url <PyTorch's CPU wheel index>', or a path to the wheel.
TORCH ?= torch==2.13.0
# One worker for each core. Each begins with one half of the files, so that tests that share a trained or compiled
# tagger stay together, and takes tests from the other when it is done.
PYTEST_ARGS ?= -n auto --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
COUNTED := $(filter-out 0,$(SYNTH))
STAMP := $(VENV)/.stamp
TRITAG := $(BIN)/tritag
ROOMS := configs data models quant export hls_projects report
MYPY_TREE := .mypy_tree/tritag

.PHONY: demo env train-mini study hls-synth firmware-test test lint typecheck bench docs linkcheck clean distclean help need-compiler need-browser

demo: $(STAMP) need-compiler ## the whole way with a small tagger: jets, training, export, bit check, latency, resources, report
	$(TRITAG) demo $(TAGGER) --data $(DATA) $(if $(K),--constituents $(K)) --target $(TARGET) \
	    $(if $(COUNTED),--synth) $(DEMO_ARGS)

env: $(STAMP) ## make or update the environment in .venv

train-mini: $(STAMP) ## train TAGGER on DATA, with K constituents when given
	$(TRITAG) train $(TAGGER) --data $(DATA) $(if $(K),--constituents $(K))

study: $(STAMP) ## train all taggers of STUDY, write its table and figures; goes on where it was stopped
	$(TRITAG) study $(STUDY) --write docs/results.md --figures docs/figures

hls-synth: $(STAMP) need-compiler ## firmware of RUN: C-simulation, bit check, Verilog, latency, resources, report
	$(TRITAG) export $(RUN)
	$(TRITAG) csim $(RUN) --target $(TARGET)
	$(TRITAG) verify $(RUN) --target $(TARGET)
	$(TRITAG) rtl $(RUN) --target $(TARGET) --jets 200
	$(if $(COUNTED),$(TRITAG) synth $(RUN) --workers $$(nproc))
	$(TRITAG) report $(RUN)

# C-simulations of a few hundred jets: what more optimisation gains in speed is less than what it takes to compile.
test firmware-test: export CXXFLAGS ?= -Og

firmware-test: $(STAMP) need-compiler ## the bit-accuracy suite
	$(BIN)/python -m pytest firmware_tests $(PYTEST_ARGS)

test: lint need-compiler need-browser ## everything a contributor must pass
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-all: ## the same with the long tests, which repeat it on more taggers and recipes
	$(MAKE) test PYTEST_ARGS="$(PYTEST_ARGS) -m ''"

lint: typecheck ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot follow the package-dir mapping of pyproject.toml: it reads a tree of links with the layout of the package.
typecheck: $(STAMP) ## mypy on all rooms
	@rm -rf $(MYPY_TREE) && mkdir -p $(MYPY_TREE)
	@ln -s $(addprefix ../../,$(wildcard tritag/*.py tritag/py.typed tritag/api tritag/commands tritag/pipeline) $(ROOMS)) $(MYPY_TREE)/
	cd .mypy_tree && ../$(BIN)/python -m mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache -p tritag \
	    | sed -E 's#^tritag/($(subst $() ,|,$(ROOMS)))/#\1/#'

bench: $(STAMP) ## the side-by-side benchmarks
	$(BIN)/python -m pytest benchmarks $(PYTEST_ARGS)

# Pages whose sources did not change are not read again; a warning is an error.
docs: $(STAMP) ## the documentation site, in build/docs
	$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs build/docs

linkcheck: $(STAMP) ## whether the links that leave the site lead somewhere; needs the network
	$(BIN)/python -m sphinx -q -j auto -b linkcheck docs build/linkcheck

clean: ## remove what was built; runs, jet files and the environment stay
	rm -rf build dist hls_projects/build .mypy_tree .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(ROOMS) tritag tests firmware_tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also remove the environment
	rm -rf $(VENV) *.egg-info

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  Variables: TAGGER=$(TAGGER) DATA=$(DATA) K=$(K) RUN=$(RUN) TARGET=$(TARGET) SYNTH=$(SYNTH) STUDY=$(STUDY) PYTHON=$(PYTHON) TORCH='$(TORCH)' PYTEST_ARGS='$(PYTEST_ARGS)'"
	@echo "  Without the CUDA libraries: TORCH=<path of the CPU wheel>"

# First everything but torch, with hashes. torch goes alone: resolved together with the rest, pip may take another build
# of it and its CUDA packages; which file it is, is the user's choice, so that it has no hash here. Then tritag itself.
# The stamp is the last thing made, so that an interrupted installation is taken up again.
$(STAMP): pyproject.toml constraints.txt requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "error: tritag needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is not on PATH;" \
	    "install it (Debian: apt install python3.11 python3.11-venv) or call make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "error: tritag needs" \
	    "Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1); call make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: '$(PYTHON)' cannot make environments;" \
	    "install its venv package (Debian: apt install python3.11-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[generate,readers,dev]'
	@touch $@

need-browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "error: the tests open reports in" \
	    "chromium, which is not on PATH; install it (Debian: apt install chromium)" >&2; exit 1; }

need-compiler:
	@command -v g++ >/dev/null || { echo "error: the C-simulation needs g++, which is not on PATH;" \
	    "install it (Debian: apt install g++)" >&2; exit 1; }
