# The one door to the project: `make help` lists what it opens.

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo-out

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODELS := $(VENV)/.models
BENCHMARKS := $(filter-out benchmarks/common.py benchmarks/shuffled.py benchmarks/fal_controls.py,$(wildcard benchmarks/*.py))

.DEFAULT_GOAL := help
.PHONY: help setup demo test slow check docs bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(MODELS) ## make the virtual environment and fetch the face models

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "merkit needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# Without a network the demo still runs on OpenCV's cascades, so this does not stop anything; the tests
# that need the models fail then.  No stamp is left, so that the next call tries again.
$(MODELS): $(INSTALLED)
	@if $(BIN)/merkit doctor --fetch; then touch $@; else \
		echo "make setup: the face models are not there; the weaker fallback is used until 'make setup' can fetch them"; fi

demo: setup ## simulate a face with known micro-expressions, find them, compare
	$(BIN)/merkit demo -o $(OUT)

# One thread a process: where each takes all processors, small networks take many times as long.
test: setup ## run the tests, on all processors
	OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 $(BIN)/python -m pytest -n auto --dist loadfile

slow: setup ## run the tests that take minutes
	OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 $(BIN)/python -m pytest -n auto -m slow tests

check: $(INSTALLED) ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED) ## check the links of the documents, the docstrings and their examples
	$(BIN)/python -m pytest tests/test_docs.py src

bench: setup ## run every benchmark; results go to benchmarks/results
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean: ## remove what the other targets made
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
