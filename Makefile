# Everything that is typed by hand. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SQL := .
COMPOSE := docker compose
UV := $(firstword $(wildcard $(BIN)/uv) uv)
BENCHES := bench-deidentification bench-replication bench-warehouse bench-export bench-organizations

# Tests start many Python processes: modules are compiled once, also where the shell forbids it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo init up down logs bash compose test unit bench $(BENCHES) faults check \
	format lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-24s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make .venv with everything in it, from pinned versions with hashes

$(INSTALLED): requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into $(VENV) (once, less than a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install.py
	@touch $@

demo: install ## The whole system on this machine: embedded services, a generated hospital
	@$(BIN)/eden demo

init: compose ## Make .env (to be filled in), the image and the containers of compose.yaml; start them
	@test -e .env || { (umask 077 && cp .env.example .env) \
		&& echo "Made .env: fill it in, then say make init again"; exit 2; }
	$(COMPOSE) build
	$(COMPOSE) up --detach --wait

up: compose ## Start the containers (without Docker: .venv/bin/eden up)
	$(COMPOSE) up --detach --wait

down: compose ## Stop the containers; the data stay
	$(COMPOSE) down

logs: compose ## What the worker says, as it says it (SERVICE=prefect: the server)
	$(COMPOSE) logs --follow --tail 100 $(or $(SERVICE),worker)

bash: compose ## A shell where the worker runs: eden, dbt and prefect are at hand
	$(COMPOSE) exec worker bash

compose:
	@$(COMPOSE) version >/dev/null 2>&1 || { echo "This needs Docker with its compose plugin." \
		"Without: make install, then .venv/bin/eden up"; exit 2; }

test: install check ## Lint, types, and every test on real services (JOBS=2 at a time)
	$(BIN)/python -m pytest -n $(or $(JOBS),2) --dist loadfile --no-loadscope-reorder

unit: install ## The tests that need no service, but for the slow ones: about a minute
	$(BIN)/python -m pytest -m "not slow" tests/unit

bench: install ## Every bench-*, one after the other, more than an hour (ARGS=--quick: 15 minutes)
	@$(MAKE) --no-print-directory bench-deidentification ARGS=
	@for each in $(filter-out bench-deidentification,$(BENCHES)); do \
		$(MAKE) --no-print-directory $$each || exit 1; done

bench-deidentification: install ## De-identification of files and reports: every answer, time, memory; 5 minutes
	$(BIN)/python -m benchmarks.deidentification $(ARGS)
	$(BIN)/python -m benchmarks.report_scrubbing $(ARGS)

bench-replication: install ## Replication against its targets, about 15 minutes (ARGS=--quick: 2)
	$(BIN)/python -m benchmarks.replication $(ARGS)

bench-warehouse: install ## The marts against their targets, about 30 minutes (ARGS=--quick: 2)
	$(BIN)/python -m benchmarks.warehouse $(ARGS)

bench-export: install ## The export against s5cmd and its targets, about 15 minutes (ARGS=--quick: 4)
	$(BIN)/python -m benchmarks.export $(ARGS)

bench-organizations: install ## What organizations cost that hardly have a row, 100 to 1,000 of them; 6 minutes
	$(BIN)/python -m benchmarks.organizations $(ARGS)

faults: install ## The fault tests for longer (ROUNDS=20)
	EDEN_FAULT_ROUNDS=$(or $(ROUNDS),20) $(BIN)/python -m pytest tests/faults -s

check: install ## Style, types, layers and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar $(SQL)

format: install ## Put code and SQL into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar $(SQL)

lock: ## Pin the dependencies of pyproject.toml anew (with the uv of .venv, or another)
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras \
		--upgrade pyproject.toml --group dev -o requirements.lock

clean: ## Remove what the demo and the tests left; the environment stays
	rm -rf .eden target logs .mypy_cache .ruff_cache .pytest_cache .hypothesis
