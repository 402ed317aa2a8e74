# Patang. `make demo` and `make test` are the only commands a fresh clone needs; `make help` lists
# the rest. A Python of 3.11 to 3.14 is found, or named: make demo PYTHON=/path/to/python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 0
ARGS ?=

# A stamp is newer than both files as long as the environment was installed from them.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
PINS := pyproject.toml constraints.txt

.PHONY: demo test lint bench sandbox format constraints clean help

demo: $(RUN_STAMP) ## watch a simulated market trade end to end (ARGS="--seed 7")
	@"$(BIN)/patang" demo $(ARGS)

sandbox: $(RUN_STAMP) ## run the local exchange until interrupted (ARGS="--port 8000")
	@"$(BIN)/patang" sandbox $(ARGS)

test: lint ## every check and the whole test suite (ARGS="-k ticker")
	@"$(BIN)/python" -m pytest -n $(WORKERS) $(ARGS)

lint: $(DEV_STAMP) ## formatting, style, types, import contracts, dependencies, spelling
	@"$(BIN)/ruff" check --quiet .
	@"$(BIN)/ruff" format --check --quiet . || { \
	  echo "make: some files are not formatted; run: make format" >&2; exit 1; }
	@"$(BIN)/mypy" --no-error-summary
	@"$(BIN)/lint-imports" --no-logo
	@said=$$("$(BIN)/deptry" --no-ansi src 2>&1) || { echo "$$said" >&2; exit 1; }
	@"$(BIN)/codespell"

format: $(DEV_STAMP) ## sort imports and format every file
	@"$(BIN)/ruff" check --quiet --select I --fix .
	@"$(BIN)/ruff" format .

bench: $(DEV_STAMP) ## measure against named peers (ARGS="ticks -o json")
	@"$(BIN)/python" -m benchmarks $(ARGS)

constraints: ## ask pip afresh for every version and write constraints.txt
	@sh tools/write-constraints "$(PYTHON)"

clean: ## remove the environment, caches and build products
	rm -rf "$(VENV)" .bench build dist htmlcov coverage.xml .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  tests/javascript/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/\1\t\2/p' Makefile | \
	  while IFS="$$(printf '\t')" read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

# ---------------------------------------------------------------- the environment

$(RUN_STAMP): $(PINS) | $(BIN)/python
	@sh tools/install "$(VENV)" ta
	@touch "$@"

$(DEV_STAMP): $(PINS) | $(BIN)/python
	@sh tools/install "$(VENV)" ta,dev
	@touch "$@" "$(RUN_STAMP)"

$(BIN)/python:
	@sh tools/make-environment "$(VENV)" "$(PYTHON)"
