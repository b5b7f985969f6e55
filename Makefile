# The commands of the project. Each installs what it needs the first time; only git, make and
# Python >= 3.11 have to be there.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint check fmt pages bench conformance dev lock clean help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

run: install  ## the main job: inspect, assess, plan, clear and verify two tables
	@$(BIN)/entrepot demo

test: dev  ## every test
	$(BIN)/pytest -n 2 --dist worksteal

lint: dev  ## format, lint, types, import contracts, rulebooks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/entrepot law check

check: lint  ## lint and the fast tests
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not slow"

fmt: dev  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pages: install  ## a page per rulebook and the table of coverage, docs/laws/books
	$(BIN)/entrepot law pages docs/laws/books

bench: dev  ## every benchmark beside its peers; writes docs/benchmarks.md
	$(PYTHON) benchmarks/run.py

conformance: dev  ## foreign software (Go, JavaScript, Python) verifies a node; absent tools are skipped
	$(BIN)/python conformance/run.py

dev: install
	@$(PYTHON) tools/bootstrap.py requirements-dev.lock

install:
	@$(PYTHON) tools/bootstrap.py requirements.lock

lock:  ## renew the lock files (needs uv)
	uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 pyproject.toml --group build -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

clean:  ## remove everything that can be made again
	rm -rf .venv benchmarks/.venv benchmarks/.venv-profiler benchmarks/.work demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
