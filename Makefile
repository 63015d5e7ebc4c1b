# What people type. `make help` lists it; every target makes what it needs by itself.

# Any Python from 3.11 to 3.14; `make run PYTHON=/path/to/python` names another one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
UPGRADE ?=
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help run test check bench prove lock

help: ## this list
	@echo "Renqing: what can be made (ARGS=… is passed on)"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## the bot, with BOT_TOKEN or a token in config.toml; else the playground
	@$(BIN)/python -m bot run --or-play $(ARGS)

test: $(VENV)/dev.stamp ## all tests (what needs PostgreSQL, Redis or Chromium is skipped without)
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, floors, and the tests of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_repository.py

bench: $(VENV)/dev.stamp ## the figures, measured against a bare aiogram dispatcher
	@$(BIN)/python -m benchmarks $(ARGS)

prove: $(VENV)/dev.stamp ## the long proofs: every kill, every fault (resumable), a million lives
	@$(BIN)/python -m tests.prove $(ARGS)
	@$(BIN)/python -m tests.lives --count 1000000

lock: $(BIN)/uv ## requirements/ anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --constraint requirements/dev.txt --output-file requirements/run.txt
	echo uv | $(COMPILE) - --output-file requirements/uv.txt

# The environment: pip brings the pinned uv, uv brings the rest; a stamp says that it was done.
$(BIN)/uv: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; PYTHON=/path/to/python names it."; exit 1; }
	@echo "» Making the environment in $(VENV) (once, about a minute) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python lacks its venv module (Debian: apt-get install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

# uv does not read pip's own settings: where only these know the registry, pip installs instead.
$(VENV)/%.stamp: requirements/%.txt $(BIN)/uv
	@echo "» Installing what requirements/$*.txt lists, each by its hash"
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r $< \
		|| $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $<
	@touch $@
