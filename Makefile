# natkeeper: everything a checkout can do. Needs python3 (>= 3.10), make and a package index; the rest goes into .venv.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help wheel app demo test check lab bench sim readings mutate bundle lock clean venv packages

# An environment that happens to be active, or a PYTHONPATH, must not change what runs here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: venv ## watch a gateway die and the route move, locally (SCENARIO=name)
	@$(BIN)/natlab demo $(SCENARIO) $(ARGS)

test: check packages ## all checks and all tests; as root those of the lab, too
	@$(BIN)/python -m natlab.real.preflight || true
	@$(BIN)/python -m pytest -n 3 -rR --asserts --cov --cov-report=term --cov-fail-under=99 $(ARGS)

check: venv ## ruff, mypy, import rules, dead code; no tests
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "make: these files want  .venv/bin/ruff format"; $(BIN)/ruff format --check; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.dead_code

lab: venv packages ## a failure on real gateways, and a page about it (root)
	@$(BIN)/natlab drill $(SCENARIO) $(ARGS)

bench: venv ## how long a failover takes, measured
	@$(BIN)/natlab bench $(ARGS)

sim: venv ## random schedules of failures (SEEDS=how many, SEED=one to tell)
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000)) $(ARGS)

readings: venv ## natkeeper on each platform there may be (ARGS=--help for more)
	@$(BIN)/python -m tests.readings $(ARGS)

mutate: venv ## plant small faults, see which the tests notice (ARGS=--help)
	@nice $(BIN)/python -m tests.mutation $(ARGS)

bundle: venv ## what `s deploy` uploads, from natkeeper.yaml (CONFIG=file)
	@$(BIN)/python -m natkeeper.packaging $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

wheel: venv ## dist/natkeeper-….whl: the command line for pipx, no clone needed
	@rm -rf dist && $(BIN)/python -m pip wheel -qq --no-deps --no-build-isolation --wheel-dir dist . && ls dist/*.whl

app: wheel ## build/app: an application for  s init --uri
	@$(BIN)/python -m natkeeper.packaging.app

lock: venv ## resolve requirements/*.in into locked *.txt (UPGRADE=1: newer)
	@UV=$(CURDIR)/$(BIN)/uv requirements/lock.sh

clean: ## remove .venv, build/ and caches
	@rm -rf .venv build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@requirements/venv.sh

packages:
	@requirements/lab.sh
