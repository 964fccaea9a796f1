# The two commands: `make demo` and `make test`. Both set up an environment of their own in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

SPAN_blackbox := random,optuna-tpe,nevergrad-de
SPAN_multi-objective := random,optuna-mtpe,nevergrad-de
SPAN_multi-fidelity := random,optuna-tpe,smac-mf
SPAN_multi-fidelity-objective := random,optuna-tpe,smac-hpo
SIZE_blackbox := 20
SIZE_multi-objective := 20
SIZE_multi-fidelity := 10
SIZE_multi-fidelity-objective := 8
SUBSETS := blackbox multi-objective multi-fidelity multi-fidelity-objective

.PHONY: demo test lint clean subsets $(SUBSETS:%=subset-%)

demo: $(VENV)/.demo
	$(BIN)/optathlon run configs/quickstart.yaml -j $(JOBS)
	$(BIN)/optathlon report demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

subsets: $(SUBSETS:%=subset-%)

$(SUBSETS:%=subset-%): subset-%: $(VENV)/.test
	$(BIN)/optathlon run configs/grid-$*.yaml -j $(JOBS)
	$(BIN)/optathlon subset select grids/$* -k $(SIZE_$*) --optimizers $(SPAN_$*) --type $* --dev --test \
		--certify 60s --out subsets/shipped/$*.yaml
	$(BIN)/optathlon subset validate grids/$* subsets/shipped/$*.yaml

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.typing $(BIN)/lint-imports

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.venv constraints.txt pyproject.toml setup.py
	$(BIN)/pip install --quiet -c constraints.txt -e ".[smac,optuna,hpobench]"
	touch $@

$(VENV)/.test: $(VENV)/.venv constraints.txt pyproject.toml setup.py
	$(BIN)/pip install --quiet -c constraints.txt -e ".[all,dev]"
	$(BIN)/pip install --quiet --no-deps hebo==0.3.6
	touch $@

clean:
	rm -rf $(VENV) demo
