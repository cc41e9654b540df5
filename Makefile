# SPDX-License-Identifier: Apache-2.0
# Every target sets up .venv by itself; nothing outside this folder is touched but caches of the user.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo
STAMP := $(VENV)/.installed
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# zig is larger than all the rest: only where a compiler is missing.
ZIG := $(if $(shell command -v arm-none-eabi-gcc && command -v cc),,[zig])
C_FILES = $(shell find firmware -name '*.[ch]' -o -name '*.cc')

FUZZ_SECONDS ?= 60

.PHONY: help demo test test-all lint docs fuzz sources clean
help:
	@echo "make demo      repair a real fact on a virtual Cortex-M4, end to end"
	@echo "make test      run every test but long sweeps, on all cores"
	@echo "make test-all  run every test"
	@echo "make fuzz      feed each parser of the device FUZZ_SECONDS of mutated input (60; needs clang)"
	@echo "make docs      build the documentation as a site, build/site"
	@echo "make lint      check style, types, import order and C formatting"
	@echo "make clean     remove what the other targets left, .venv included"

demo: $(DEMO)
	@$(BIN)/mcuedit demo

# A worker for each core. One that is done takes over tests of another; what took longest is told at the end.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations 15

test: $(STAMP) sources
	@$(PYTEST) -m 'not slow'

test-all: $(STAMP) sources
	@$(PYTEST)

# C sources of others that tests build; fetched once.
sources: $(STAMP)
	@$(BIN)/python -c 'from mcuedit.build.external import monocypher; monocypher.find()' \
	  || echo "going on without Monocypher: tests of signatures on a device are skipped"

fuzz: $(STAMP)
	@$(BIN)/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run -Werror $(C_FILES)

docs: $(STAMP)
	@$(PIP) -e '.[docs]'
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(BIN)/mkdocs build --strict --quiet --config-file docs/mkdocs.yml
	@echo "build/site/index.html"

# What the demo needs.
$(DEMO): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "mcuedit needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): once, about a minute ..."
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed: install python3-venv, or choose another with make PYTHON=..." >&2; exit 2; }
	@$(PIP) -e '.$(ZIG)'
	@touch $@

# What tests and linters need beside it.
$(STAMP): $(DEMO)
	@echo "Setting up what tests and linters need: once, a minute or two ..."
	@$(PIP) -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find mcuedit tests -name __pycache__ -type d -prune -exec rm -rf {} +
