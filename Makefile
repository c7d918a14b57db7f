# natkeeper: everything a checkout can do. Needs python3 (>= 3.10), make and a package index; the rest goes into .venv.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help wheel app demo test check lab bench sim readings mutate bundle lock clean venv packages

# An environment that happens to be active, or a PYTHONPATH, must not change what runs here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
BIN := .venv/bin

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: venv ## watch a gateway die and the route move, on a local Alibaba Cloud (SCENARIO=name for one, ARGS for more)
	@$(BIN)/natlab demo $(SCENARIO) $(ARGS)

test: check packages ## all checks and all tests; as root those of the lab, too
	@$(BIN)/python -m natlab.real.preflight || true
	@$(BIN)/python -m pytest -n 2 --asserts --cov --cov-report=term --cov-fail-under=99 $(ARGS)

check: venv ## ruff, mypy, import rules, dead code; no tests
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "make: these files want  .venv/bin/ruff format"; $(BIN)/ruff format --check; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.dead_code

lab: venv packages ## a failure on real gateways with real packets, and a page about it (root; SCENARIO=name, ARGS for more)
	@$(BIN)/natlab drill $(SCENARIO) $(ARGS)

bench: venv ## how long a failover takes, measured
	@$(BIN)/natlab bench $(ARGS)

sim: venv ## random schedules of failures under one clock (SEEDS=number of them, SEED=one to tell)
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000)) $(ARGS)

readings: venv ## all that natkeeper does on each platform that there may be (ARGS="--reading NAME=WAY" for one; natlab readings lists them)
	@$(BIN)/python -m tests.readings $(ARGS)

mutate: venv ## plant small faults in the judgement, see which the tests notice (ARGS="decide follow" for some, --help for more)
	@nice $(BIN)/python -m tests.mutation $(ARGS)

bundle: venv ## what `s deploy` uploads: build/bundle/*.zip from natkeeper.yaml (CONFIG=file for another)
	@$(BIN)/python -m natkeeper.packaging $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

wheel: venv ## dist/natkeeper-….whl, for pipx: the command line with all that a deployment needs, no clone
	@rm -rf dist && $(BIN)/python -m pip wheel -qq --no-deps --no-build-isolation --wheel-dir dist . && ls dist/*.whl

app: wheel ## build/app: an application of Serverless Devs, to lay out with  s init --uri
	@$(BIN)/python -m natkeeper.packaging.app

lock: venv ## resolve requirements/*.in into locked *.txt (UPGRADE=1 for newer versions)
	@UV=$(CURDIR)/$(BIN)/uv requirements/lock.sh

clean: ## remove .venv, build/ and caches
	@rm -rf .venv build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@requirements/venv.sh

packages:
	@requirements/lab.sh
