# `make train` and `make test` work in a fresh clone with Python >= 3.11, pip and make.

VENV ?= .venv
VENV_LOWEST ?= .venv-lowest
WORKDIR ?= runs/quickstart
TEST_WORKERS ?= 2
# Arguments for one run: make test ARGS="-k yogi", make bench ARGS="--repetitions 5".
ARGS ?=
BENCHMARKS ?= epoch_vs_torch recommender_epoch step_time text_cnn_step

# The first interpreter that is new enough and can make an environment. The pinned
# versions were resolved on 3.11, so it is tried first.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1; then echo $$python; break; fi; done)

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
PY_LOWEST := $(VENV_LOWEST)/bin/python
PIP_LOWEST := $(PY_LOWEST) -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed
INSTALLED_BENCHMARK := $(VENV)/.installed-benchmark
INSTALLED_LOWEST := $(VENV_LOWEST)/.installed

PYTEST := -m pytest -n $(TEST_WORKERS) --dist loadfile

# A run that was killed goes on; `make train MODE=--overwrite` starts anew.
MODE ?= --resume
TRAIN_COMMAND ?= $(PY) -m experiments.recommendation --methods=ant,full $(MODE) \
	--workdir $(WORKDIR)

.PHONY: help install train test test-all test-lowest lint format bench clean
.PHONY: require-python

help:
	@echo "make train        train ANT and the full table on the default ratings; print both"
	@echo "make test         run the tests, but for those marked slow"
	@echo "make test-all     run every test"
	@echo "make test-lowest  run the library's tests on the oldest versions in setup.cfg"
	@echo "make lint         check style, formatting and types"
	@echo "make format       rewrite the sources in the project's style"
	@echo "make bench        measure speed; writes benchmarks/results"
	@echo "make clean        remove the environments and every cache"

install: $(INSTALLED)

require-python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python >= 3.11 with the modules venv and ensurepip was found." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi

# The stamp comes last, so that an interrupted installation is taken up again.
$(INSTALLED): requirements.txt setup.cfg pyproject.toml | require-python
	@echo "Installing into $(VENV) with $(PYTHON): a few minutes the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(PIP) check
	@touch $@

$(INSTALLED_BENCHMARK): $(INSTALLED) benchmarks/requirements.txt
	@$(PIP) install -r benchmarks/requirements.txt
	@touch $@

$(INSTALLED_LOWEST): setup.cfg .ci/lower_bounds.py | require-python
	@echo "Installing the oldest versions into $(VENV_LOWEST) with $(PYTHON)."
	@$(PYTHON) -m venv --clear $(VENV_LOWEST)
	@$(PY_LOWEST) .ci/lower_bounds.py test > $(VENV_LOWEST)/lower_bounds.txt
	@$(PIP_LOWEST) install -r $(VENV_LOWEST)/lower_bounds.txt
	@$(PIP_LOWEST) install --no-deps --no-build-isolation -e .
	@$(PIP_LOWEST) check
	@touch $@

train: $(INSTALLED)
	$(TRAIN_COMMAND) $(ARGS)

test: $(INSTALLED)
	$(PY) $(PYTEST) -m "not slow" $(ARGS)

# Compiled as for users, see tests/conftest.py.
test-all: $(INSTALLED)
	XLA_FLAGS= $(PY) $(PYTEST) $(ARGS)

# The programs have requirements of their own, which are pinned only.
test-lowest: $(INSTALLED_LOWEST)
	$(PY_LOWEST) $(PYTEST) --ignore tests/experiments --ignore tests/benchmarks $(ARGS)

lint: $(INSTALLED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(INSTALLED)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(INSTALLED_BENCHMARK)
	set -e; for benchmark in $(BENCHMARKS); do \
		$(PY) -m benchmarks.$$benchmark $(ARGS); done

clean:
	rm -rf $(VENV) $(VENV_LOWEST) build *.egg-info
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
