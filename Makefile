# Each target sets up what it needs on a machine that has only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup check test coverage docs lock serve demo bench soak models clean

# The Python API: what semantic versioning promises, and what `make docs` describes.
PUBLIC := vasari vasari.retrieval.errors

setup: $(STAMP)

# uv resolves and unpacks several times faster than pip; it is installed inside the environment only.
# constraints.txt holds the versions (with hashes) that the tests have passed with; `make lock` makes it anew.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m vasari.api.cli.reference --check
	$(MAKE) --no-print-directory docs

# The reference of the Python API from its docstrings, for a browser: build/api/index.html.
docs: setup
	$(BIN)/python -W error -m pdoc --no-show-source --output-directory build/api $(PUBLIC)

# Two workers: one computes while the other waits for a browser, a database or a command.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# All tests again, counting the lines they run; fails below the floor of pyproject.toml.
coverage: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov

# The newest versions that pyproject.toml allows, for each Python and platform.
lock: setup
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		--all-extras --output-file constraints.txt pyproject.toml

serve: setup
	$(BIN)/vasari serve

demo: setup
	$(BIN)/vasari demo

bench: setup
	$(BIN)/python -m benchmarks

# Some hours of kills, full disks, lost databases, jumping clocks, nonsense and load; goes on where it was stopped.
SOAK ?= /var/tmp/vasari-soak
soak: setup
	$(BIN)/python -m tests.faults.soak --kills 1000 --requests 10000 --minutes 120 --small-disk \
		--folder $(SOAK)

# Remakes the built-in weights; resumable: run it again after an interruption.
models: setup
	$(BIN)/python -m vasari.training.recipes.build all

clean:
	rm -rf $(VENV) .coverage build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
