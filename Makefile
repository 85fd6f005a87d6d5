# Each target sets up what it needs on a machine that has only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup check test serve demo bench models clean

setup: $(STAMP)

# uv resolves and unpacks several times faster than pip; it is installed inside the environment only.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[dev]'
	touch $(STAMP)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m api.cli.reference --check

# Two workers: one computes while the other waits for a browser, a database or a command.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

serve: setup
	$(BIN)/vasari serve

demo: setup
	$(BIN)/vasari demo

bench: setup
	$(BIN)/python -m benchmarks

# Remakes the built-in weights; resumable: run it again after an interruption.
models: setup
	$(BIN)/python -m training.builtin all

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
