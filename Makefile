# Two commands: `make run` serves the questionnaire, `make test` runs every test.
# Needs Python 3.11 or newer; everything else is put into .venv.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto
RULE_TESTS := tests/spec tests/unit tests/test_cases.py tests/generative

.PHONY: run test lint check bench mutation criteria messages promises trace faults hostile clean

run: .venv/run
	$(BIN)/python -m app serve

test: .venv/test
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check app tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app check --strict

bench: .venv/test
	$(BIN)/python tests/bench/run.py

.PHONY: coverage
coverage: .venv/test
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(RULE_TESTS) \
	  --cov=app.rules --cov-branch --cov-report=term-missing --cov-fail-under=100

# mutmut makes the mutants and notes which test reaches what (memory.py is the smallest module); tests.mutation runs
# them: a quarter of an hour with ROUNDS=--short, hours with the long property tests.
mutation: .venv/mutation
	HYPOTHESIS_PROFILE=mutation $(BIN)/mutmut run 'app.rules.memory.*'
	cd mutants && HYPOTHESIS_PROFILE=mutation PYTHONPATH=. ../$(BIN)/python -m tests.mutation $(ROUNDS)
	$(BIN)/python docs/make_mutation.py $(ROUNDS)

criteria: .venv/test
	$(BIN)/python docs/make_criteria.py

# What is promised, and which tests show it: the page, and how many have a test.
promises: .venv/test
	$(BIN)/python docs/make_promises.py

trace: .venv/test
	$(BIN)/python docs/make_promises.py --trace

# Deliberate faults, each in a copy of the tree: the suite must notice every one.
faults: .venv/test
	$(BIN)/python -m tests.faults

hostile: .venv/test
	$(BIN)/python -m tests.long.hostile --requests 1000000

# The interface's messages and the trial's texts in every language: collects what is new, marks what is outdated.
messages: .venv/test
	$(BIN)/python docs/make_messages.py
	-$(BIN)/python -m app translations --update

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Prescreen needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/run: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/run

.venv/lint: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ .venv/run .venv/test

.venv/mutation: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,mutation]'
	@touch $@
