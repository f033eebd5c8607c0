PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-all check format figures clean

help:  ## Show the commands.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11 to 3.13 is needed; say which with: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.created requirements.txt constraints.txt pyproject.toml
	@echo "Installing what the notebooks need (a minute or two)"
	@$(INSTALL) -r requirements.txt -e ".[notebooks]"
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Installing what the tests need"
	@$(INSTALL) -e ".[notebooks,formats,export,micro,cluster,test]"
	@touch $@

install: $(VENV)/.test  ## Make the virtual environment with everything in it.

run: $(VENV)/.run  ## Run both notebooks headless; results go to out/.
	@$(BIN)/python -m signalcam notebooks --output $(OUT)

test: $(VENV)/.test  ## Run the tests.
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-slow: $(VENV)/.test  ## Run the tests that take longer.
	@$(BIN)/python -m pytest -q -m slow

test-all: test test-slow  ## Run every test.

check: $(VENV)/.test  ## Lint, and check the formatting, notebooks included.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.test  ## Format, and mend what the linter can mend.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

figures: $(VENV)/.run  ## Make the figures of res/ and the committed notebooks again, from the full PTB-XL in data/ptb-xl-full.
	@$(BIN)/python res/diagrams.py
	@rm -rf $(OUT)/figures
	@PATH_TO_DATA=data/ptb-xl-full $(BIN)/python -m signalcam notebooks --output $(OUT) --in-place
	@cp $(OUT)/figures/*.png res
	@$(BIN)/python res/pictures.py --data data/ptb-xl-full

clean:  ## Remove the results and the caches, not the environment.
	rm -rf $(OUT) .pytest_cache .ruff_cache .hypothesis
