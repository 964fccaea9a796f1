# The two commands: `make demo` and `make test`. Both set up an environment of their own in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	$(BIN)/optathlon run configs/quickstart.yaml -j $(JOBS)
	$(BIN)/optathlon report demo

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

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
