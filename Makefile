# Two commands do everything: `make demo` and `make test`. Both set up what they need first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint soak mutants

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
VENV := .venv
STAMP := $(VENV)/.ready
RUN := $(VENV)/bin
# Trust what this machine trusts, as pip does: behind a company's proxy nothing else works.
export UV_SYSTEM_CERTS ?= 1
PYTEST := $(RUN)/pytest -n 2 --cov --cov-report=term

help:
	@echo 'make demo              try it: everything embedded, no account needed'
	@echo 'make demo SAY="Hello"  the same in the terminal'
	@echo 'make test              every check'
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

demo: $(STAMP)
	@$(RUN)/avatarbot demo $(if $(SAY),--say "$(SAY)")

lint: $(STAMP)
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy bot adapters tests
	$(RUN)/lint-imports

test: lint
	$(PYTEST)

soak: lint
	SOAK=1 $(PYTEST) --no-cov --timeout=1800  # coverage doubles the time, and `make test` has it

mutants: $(STAMP)
	$(RUN)/python -m scripts.mutants
