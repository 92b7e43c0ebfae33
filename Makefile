# Two commands do everything: `make demo` and `make test`. Both set up what they need first.
.DEFAULT_GOAL := help
.PHONY: help setup agora demo fmt lint style types unit covered test docs soak mutants

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
VENV := .venv
STAMP := $(VENV)/.ready
RUN := $(VENV)/bin
# Trust what this machine trusts, as pip does: behind a company's proxy nothing else works.
export UV_SYSTEM_CERTS ?= 1
# Compiled once: every process of ours starts a second sooner, and tests start hundreds. Some images forbid bytecode.
export UV_COMPILE_BYTECODE ?= 1
export PYTHONDONTWRITEBYTECODE =
# More than a machine of two cores has, as many tests wait for a process or a browser. Each begins in another part of the suite, and
# who is done helps the others.
PYTEST := $(RUN)/pytest -n 4 --dist worksteal

help:
	@echo 'make demo              try it: everything embedded, no account needed'
	@echo 'make demo SAY="Hello"  the same in the terminal'
	@echo 'make setup             install what it needs, and the command .venv/bin/avatarbot'
	@echo 'make agora             install the SDK of the video rooms (Linux; a closed library of its vendor)'
	@echo 'make fmt               write the code as the linter wants it'
	@echo 'make lint              linters, types, and which package may import which'
	@echo 'make unit              the quick tests'
	@echo 'make test-slack        the tests of one adapter: slack, discord, akool, agora, playground, simulator …'
	@echo 'make test              every check'
	@echo 'make docs              the documentation as a site, in build/docs'
	@echo 'make soak              the long ones too'
	@echo 'make mutants           breaks the rules that matter, and sees whether the tests notice'

setup: $(STAMP)

$(STAMP): pyproject.toml uv.lock | $(UV)
	@echo '  Setting up in $(VENV): the first time this takes a minute.'
	@$(UV) sync --quiet --locked
	@touch $@

# Only used where no `uv` is on the path. Pinned and hashed: what it installs next is checked against uv.lock by it.
.uv/bin/uv: requirements-uv.txt
	python3 -m venv .uv || { echo 'Install uv (https://docs.astral.sh/uv) or the package python3-venv, and try again.'; exit 1; }
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt

agora: $(STAMP)
	$(RUN)/avatarbot agora install

demo: $(STAMP)
	@$(RUN)/avatarbot demo $(if $(SAY),--say "$(SAY)")

fmt: $(STAMP)
	$(RUN)/ruff check --fix
	$(RUN)/ruff format

lint: style types

style: $(STAMP)
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/lint-imports

types: $(STAMP)
	$(RUN)/mypy bot adapters tests benchmarks scripts

unit: $(STAMP)
	$(RUN)/pytest tests/unit

# By the name in the path or in the parameters of a test: `slack` takes its contract suite too.
test-%: $(STAMP)
	$(RUN)/pytest tests/unit tests/contract tests/integration tests/conformance -k $*

# RESULTS is a folder for what became of each test, as JUnit's XML.
test: style
	@$(MAKE) --no-print-directory -j 2 types covered
	$(PYTEST) $(RESULTS:%=--junitxml=%/others.xml) --ignore=tests/unit

# Unit tests hold the pure core at 100 % by themselves; the tracer would make all others take half as long again.
covered: $(STAMP)
	$(PYTEST) --cov --cov-report=term $(RESULTS:%=--junitxml=%/unit.xml) tests/unit

soak: lint
	SOAK=1 $(PYTEST) --timeout=1800

docs: $(STAMP)
	$(RUN)/python -m scripts.site

mutants: $(STAMP)
	$(RUN)/python -m scripts.mutants
