# The two commands: `make demo` and `make test`. Both set up an environment of their own in .venv; `make help` lists all.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
# empty: the newest versions of everything
CONSTRAINTS ?= constraints.txt
INSTALL := $(BIN)/pip install --quiet $(CONSTRAINTS:%=-c %)
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

SPAN_blackbox := random,optuna-tpe,nevergrad-de
SPAN_multi-objective := random,optuna-mtpe,nevergrad-de
SPAN_multi-fidelity := random,optuna-tpe,smac-hb
SPAN_multi-fidelity-objective := random,optuna-tpe,smac-hpo
SIZE_blackbox := 20
SIZE_multi-objective := 15
SIZE_multi-fidelity := 10
SIZE_multi-fidelity-objective := 8
STRATA_blackbox := collection
STRATA_multi-objective := collection
STRATA_multi-fidelity := collection
SUBSETS := blackbox multi-objective multi-fidelity multi-fidelity-objective

BASELINE_FILES := $(patsubst configs/baselines-%.yaml,%,$(wildcard configs/baselines-*.yaml))
# slow optimizers come last
BASELINES := $(filter-out %-slow,$(BASELINE_FILES)) $(filter %-slow,$(BASELINE_FILES))

.DEFAULT_GOAL := help
.PHONY: help demo test test-rest test-all lint docs pages clean baselines $(BASELINES:%=baselines-%) subsets $(SUBSETS:%=subset-%)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Run 5 optimizers on 7 tasks, and report
	$(BIN)/optathlon run configs/quickstart.yaml -j $(JOBS)
	$(BIN)/optathlon report demo

test: $(VENV)/.test ## The quick tests, without torch and Ray
	$(PYTEST)

test-rest: $(VENV)/.all ## The tests that `make test` leaves out
	$(PYTEST) -m "not quick and not slow"

test-all: $(VENV)/.all ## All tests but the slow ones
	$(PYTEST) -m "not slow"

subsets: $(SUBSETS:%=subset-%) ## Select the shipped subsets again (hours)

$(SUBSETS:%=subset-%): subset-%: $(VENV)/.test
	$(BIN)/optathlon run configs/grid-$*.yaml -j $(JOBS)
	$(BIN)/optathlon subset select grids/$* -k $(SIZE_$*) --optimizers $(SPAN_$*) --type $* --dev --test \
		$(STRATA_$*:%=--strata %) --certify 60s --out subsets/shipped/$*.yaml
	$(BIN)/optathlon subset validate grids/$* subsets/shipped/$*.yaml

baselines: $(BASELINES:%=baselines-%) ## Do the runs that don't ship yet, and add them (days; it can be repeated)

$(BASELINES:%=baselines-%): baselines-%: $(VENV)/.all
	$(BIN)/optathlon run configs/baselines-$*.yaml --baselines --yes -j $(JOBS) --out baselines/$* || test $$? = 1
	$(BIN)/optathlon archive pack baselines/$* --out baselines/whole --tables archive/shipped

lint: $(VENV)/.test ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .typing/link.py --check
	PYTHONPATH=.typing $(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini --cache-dir .mypy_cache/tests

docs: $(VENV)/.docs ## Build the documentation as a site: build/docs/site/index.html
	$(BIN)/python docs/site/build.py

pages: $(VENV)/.test ## Renew what pages and stored facts say of the code: optimizers, commands, keys, extras, tasks
	$(BIN)/python docs/generated.py --write
	$(BIN)/python docs/facts.py --write

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.venv $(CONSTRAINTS) pyproject.toml setup.py
	$(INSTALL) -e ".[smac,optuna,hpobench]"
	touch $@

$(VENV)/.docs: $(VENV)/.venv $(CONSTRAINTS) pyproject.toml setup.py
	$(INSTALL) -e ".[docs]"
	touch $@

$(VENV)/.test: $(VENV)/.venv $(CONSTRAINTS) pyproject.toml setup.py
	$(INSTALL) -e ".[test,dev]"
	$(BIN)/pip install --quiet --no-deps dehb==0.1.2 syne-tune==0.16.0
	touch $@

# DEHB and HEBO declare an old numpy and run on the newest; Syne Tune declares xgboost for GPUs, and runs on that for CPUs
$(VENV)/.all: $(VENV)/.venv $(CONSTRAINTS) pyproject.toml setup.py
	$(INSTALL) -e ".[all,dev,docs]"
	$(BIN)/pip install --quiet --no-deps dehb==0.1.2 hebo==0.3.6 syne-tune==0.16.0
	touch $@

clean: ## Remove the environment and the demo
	rm -rf $(VENV) demo
