# Every target sets up what it needs: Python 3.11+ and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: run test test-all lint setups fuzz bench cluster soak mutants requirements clean

run: $(VENV)/.run
	$(BIN)/python app.py

test: $(VENV)/.dev  ## the tests, without the slowest
	$(BIN)/python -m pytest -n $(JOBS) --without-slow -m "not alone"
	$(BIN)/python -m pytest --without-slow -m alone

test-all: $(VENV)/.dev  ## every test
	$(BIN)/python -m pytest -n $(JOBS) -m "not alone"
	$(BIN)/python -m pytest -m alone

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setups: $(VENV)/.dev  ## compare all set-ups with opencode's own server: about ten minutes
	OPENCODE_SETUPS=all $(BIN)/python -m pytest tests/clients/test_setups.py

fuzz: $(VENV)/.dev  ## the long form of the hostile requests: EXAMPLES for every route
	FUZZ_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/security/test_fuzz.py

bench: $(VENV)/.dev  ## measure this server, beside the real opencode where that is installed; ARGS="--quick"
	$(BIN)/python -m bench $(ARGS)

cluster: $(VENV)/.dev  ## PostgreSQL, three servers and a load balancer on this machine
	$(BIN)/python -m bench.local_cluster

soak: $(VENV)/.dev  ## the long tests: 50 kills, a crowd for 20 minutes (SECONDS=1200), and one beside a hostile crowd
	OPENCODE_KILLS=50 $(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/faults/test_kill.py
	OPENCODE_SOAK_SECONDS=$(or $(SECONDS),1200) $(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/faults/test_soak.py tests/faults/test_hostile_crowd.py

mutants: $(VENV)/.dev  ## put faults into the code: a test must fail for each; ARGS="--only agent --seed 2"
	$(BIN)/python -m tests.mutation $(ARGS)

requirements: $(VENV)/.dev  ## compile the pins again from pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --extra dev pyproject.toml -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# --no-deps: the files pin everything, and pip would warn about names of extras that others have misspelled.
$(VENV)/.run: requirements.txt | $(BIN)/python
	$(BIN)/pip install -q --no-deps --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install -q --no-deps --disable-pip-version-check -r requirements-dev.txt
	touch $@
