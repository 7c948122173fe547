# Needs python3 (3.11 or later), make, and for the local stack java (17 or later) and mvn. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
WORKERS ?= 3
PROFILE ?= usual
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := $(wildcard apportion services shared deploy synthetic tests benchmarks)
# Python's cache of what it compiled is kept whatever the environment says: every test process would compile everything.
unexport PYTHONDONTWRITEBYTECODE
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: help demo test suite thorough check style types unit judge fix bench docs lock clean .venv

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z.]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## the whole system on this machine: files in, reconciled invoices out
	@$(BIN)/apportion demo

test: style ## everything: check, and all tests against real Kafka and PostgreSQL
	@$(MAKE) --no-print-directory -j2 PROFILE=$(PROFILE) types suite

suite: $(INSTALLED) ## all tests, without check
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --hypothesis-profile=$(PROFILE) tests

thorough: PROFILE := thorough
thorough: test ## test, with three times as many examples of each property, and requests at every edge

unit: $(INSTALLED) ## the tests that need no broker and no database
	@$(BIN)/pytest -q $(wildcard tests/unit tests/property tests/contract tests/judges)

check: style types ## format, lint, types, import rules, generated files (no tests)

style: $(INSTALLED) ## check without types
	@echo "check: format" && $(BIN)/ruff format --quiet --check $(CODE)
	@echo "check: lint" && $(BIN)/ruff check --quiet $(CODE)
	@echo "check: import rules"; said=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }
	@if [ -f docker-compose.yml ]; then echo "check: docker-compose.yml"; \
		$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml; fi
	@if [ -f shared/events/generate.py ]; then echo "check: generated files"; \
		$(BIN)/python -m shared.events.generate --check; fi
	@$(BIN)/python -m services.intake.quality.generate --check

types: $(INSTALLED) ## check of types alone, which takes as long as all the rest of check
	@echo "check: types" && $(BIN)/mypy --no-error-summary $(CODE)

judge: $(INSTALLED) ## the FinOps Foundation's FOCUS validator about our exports (needs python3.12, installs it below .judges)
	@$(BIN)/python -m tests.judges.official

fix: $(INSTALLED) ## format, and mend what lint can mend by itself
	@$(BIN)/ruff check --quiet --fix-only $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(INSTALLED) ## measure throughput as a ratio to this machine's own ceiling
	@$(BIN)/python -m benchmarks

docs: $(INSTALLED) ## write generated files again: event schemas, AsyncAPI, FOCUS columns, docs/quality.md
	@$(BIN)/python -m shared.events.generate
	@$(BIN)/python -m services.intake.quality.generate

lock: $(INSTALLED) ## resolve requirements/*.in into hashed *.txt
	@$(COMPILE) $(UPGRADE) requirements/dev.in --output-file requirements/dev.txt
	@$(COMPILE) --constraints requirements/dev.txt requirements/runtime.in --output-file requirements/runtime.txt

clean: ## remove what the targets made (not the cached Kafka jars)
	@rm -rf .venv .judges build dist *.egg-info .apportion .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(INSTALLED) ## install everything that the other targets need

$(INSTALLED): requirements/dev.txt requirements/runtime.in pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
		f"Apportion needs Python 3.11 or later, this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")'
	@echo "installing into .venv (hashed requirements/dev.txt)"
	@$(PYTHON) -m venv .venv
	@sed -n '/^pip==/,/[^\\]$$/p' requirements/dev.txt > .venv/pip.txt
	@$(PIP) --require-hashes --no-deps -r .venv/pip.txt
	@$(PIP) --require-hashes --no-compile -r requirements/dev.txt
	@$(BIN)/python -m compileall -qq -j 2 .venv/lib || true # on both cores; some packages bring files of other Pythons
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@
