# make run and make test each do all of the set-up; either may be the first thing you type.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
ROOMS := joulecast core ingest forecast twin ui sql

.PHONY: run test lint format bench clean

run: $(VENV)/.run
	@exec $(BIN)/joulecast up

test: $(VENV)/.dev
	@OMP_NUM_THREADS=1 exec $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	@for module in benchmarks/bench_*.py; do OMP_NUM_THREADS=1 $(BIN)/python $$module || exit 1; done

bench-%: $(VENV)/.dev
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_$*.py

clean:
	@if [ -x $(BIN)/joulecast ] && $(BIN)/python -c 'import sys; from pathlib import Path; \
	    from joulecast.embedded import running; sys.exit(running(Path(".joulecast")) is None)' 2>/dev/null; then \
	  echo "make clean: joulecast up is running here; stop it with Ctrl-C first" >&2; exit 2; fi
	rm -rf $(VENV) .joulecast build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make: found $$($(PYTHON) --version 2>&1 || echo no python3); allowed is Python 3.11 or later; install it or say make PYTHON=python3.x" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "make: Python's venv module is missing; on Debian, apt install python3-venv" >&2; exit 2; }

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Joulecast into $(VENV) (once; a few minutes) ..."
	@$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Joulecast and its test tools into $(VENV) (once; a few minutes) ..."
	@$(PIP) --editable '.[all,dev]'
	@touch $@ $(VENV)/.run
