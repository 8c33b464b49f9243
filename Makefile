# Each target sets up all it needs: Python 3.11 or later and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
READY := $(VENV)/.ready
BENCH := .bench/venv
SAM := .sam/venv
# What a server has. A distribution builds it with optimizations that others often go without.
SYSTEM_PYTHON := $(lastword $(sort $(wildcard /usr/bin/python3.1[1-9])))
BENCH_PYTHON ?= $(or $(if $(filter file,$(origin PYTHON)),$(SYSTEM_PYTHON)),$(PYTHON))
LOCK = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
  --no-emit-index-url --no-emit-find-links $(LOCKFLAGS)
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo run test fast lint types bench lock format clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## a pretend Alma, the listener and 2,000 events on this machine (ARGS=--stay keeps it running)
	@$(BIN)/almahook demo $(ARGS)

run: $(READY) ## the listener for real use; its data is kept in ./data
	@$(BIN)/almahook serve $(ARGS)

# Files with few tests take longest: sorted by their number they would come last.
test: $(READY) $(SAM)/.ready lint types ## every test, lint, type and import-direction check
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(READY)
	@$(BIN)/mypy

bench: $(BENCH)/.ready ## measure beside what people use instead, some 20 minutes (ARGS="--only ack --quick", --full)
	@sh bench/install.sh
	@$(BENCH)/bin/python -m bench $(ARGS)

format: $(READY) ## put the code into the project's form
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: $(UV) ## resolve the dependencies anew
	@$(LOCK) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@$(LOCK) --all-extras --group bench -c requirements/dev.txt pyproject.toml -o requirements/bench.txt
	@$(LOCK) --group pyproject.toml:sam -o requirements/sam.txt

$(UV): requirements/uv.txt
	@PYTHON="$(PYTHON)" sh requirements/get-uv.sh

$(READY): $(UV) requirements/dev.txt pyproject.toml
	@echo "Setting up: Python environment and locked dependencies (once)"
	@$(UV) venv -q --allow-existing --python "$(PYTHON)" $(VENV)
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# An environment of its own: Celery and the like are no part of the project's.
$(BENCH)/.ready: $(UV) requirements/bench.txt pyproject.toml
	@echo "Setting up: what the benchmark compares with (once)"
	@$(UV) venv -q --allow-existing --python "$(BENCH_PYTHON)" $(BENCH)
	@$(UV) pip install -q --python $(BENCH)/bin/python --require-hashes -r requirements/bench.txt
	@$(UV) pip install -q --python $(BENCH)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# Another: AWS SAM's command line, and the emulator that runs what it deploys.
$(SAM)/.ready: $(UV) requirements/sam.txt
	@echo "Setting up: AWS SAM and an emulator of AWS (once)"
	@$(UV) venv -q --allow-existing --python "$(PYTHON)" $(SAM)
	@$(UV) pip install -q --python $(SAM)/bin/python --require-hashes -r requirements/sam.txt
	@touch $@

clean: ## remove everything that the set-up made
	@rm -rf .venv .bench .sam .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
