# Everything that a contributor or a pipeline runs. Needs python3 (3.11 or later), make and git.

VENV ?= .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
OPA := opa-golib-python-bindings
WORKERS ?= auto
# Coverage slows tests down: those that repeat a check on hundreds of real plans, or at every request and step that can
# fail, are left to `make test`.
FAST := tests --ignore=tests/plan/test_fingerprint_pairs.py --ignore=tests/plan/test_corpus.py --deselect=tests/risk/test_packs.py \
	--ignore=tests/cli/test_faults.py --ignore=tests/cli/test_kills.py --ignore=tests/evidence/test_s3faults.py

.PHONY: help demo test lint coverage bench rules judge schemas goldens fixtures wheel clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Judge plans, have some approved and applied, with a record and an emergency, and check what comes out
	@$(PY) -m fixtures.demo

test: $(DEV) ## Run every test
	@$(PY) -m pytest -n $(WORKERS) $(ARGS)

lint: $(DEV) ## ruff, mypy --strict, import-linter
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

coverage: $(DEV) ## Which lines the fast tests reach: 90 of 100 at least
	@rm -f .coverage .coverage.*
	@$(PY) -m coverage run -m pytest -q -n $(WORKERS) $(FAST)
	@$(PY) -m coverage combine -q
	@$(PY) -m coverage report --skip-covered --fail-under=90
	@rm -f .coverage

bench: $(DEV) ## Measure the speed, as ratios within one run
	@$(PY) -m tests.bench

rules: $(DEV) ## Compile rules/ into the file that ships, and write docs/rules/
	@$(PY) -m iacgate.shell.compile_rules

judge: $(DEV) ## Run all rules over the corpus of real plans, and write docs/judgement.md
	@$(PY) -m tests.judge --write

schemas: $(DEV) ## Write the published JSON Schemas
	@$(PY) -m tests.schemas

goldens: $(DEV) ## Write the expected outputs again; read the difference before you commit it
	@IACGATE_WRITE_GOLDENS=1 $(PY) -m pytest -q tests/goldens
	@$(PY) -m tests.consoles

fixtures: $(DEV) ## Make the fixture plans again with the real terraform
	@$(PY) -m fixtures.make

wheel: $(DEV) ## Build the wheel
	@$(PY) -m build --wheel --outdir dist .

clean: ## Remove what was made
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*

$(PY):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "iacgate needs Python 3.11 or later." >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then uv venv -q $(VENV); \
	elif python3 -c 'import ensurepip' 2>/dev/null; then python3 -m venv $(VENV); \
	else echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; fi

$(RUNTIME): $(PY) pyproject.toml constraints.txt
	@echo "Installing iacgate into $(VENV) ..."
	@if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(PY) -c constraints.txt -e .; \
	else $(PY) -m pip install -q --disable-pip-version-check -c constraints.txt -e .; fi
	@touch $@

$(DEV): $(RUNTIME)
	@echo "Installing what the tests need ..."
	@if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(PY) -c constraints.txt -e '.[dev]'; \
	else $(PY) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'; fi
	@# OPA's library is released for one Python only, and works on others; the tests that need it skip without it.
	@if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(PY) --no-deps --python-version 3.14 -c constraints.txt $(OPA); \
	else $(PY) -m pip install -q --disable-pip-version-check --ignore-requires-python --no-deps -c constraints.txt $(OPA); fi \
	|| echo "OPA's library could not be installed: the tests that need it will skip."
	@touch $@
