# Everything runs inside .venv; nothing is installed outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# The CPU build of torch; a plain "torch" would pull in gigabytes of CUDA libraries.
TORCH := torch==2.13.0

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install render test test-fast check format wheel-check audit demo clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

install: $(DEV_STAMP)  ## Set up .venv with the package and its development tools

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "$(TORCH)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

render: $(STAMP)  ## Render the bundled example into out/
	$(BIN)/espressivo scene --portrait demo/examples/portrait.png --speech demo/examples/speech.wav \
		--transcript demo/examples/speech.txt --emotion "joy turning to awe" \
		--consent synthetic_person --seed 7 --size 512 --output-folder out

test: $(DEV_STAMP) check  ## Lint, check types, run all tests but those that need a GPU
	$(BIN)/python -m pytest -m "not gpu"

test-fast: $(DEV_STAMP)  ## Run the tests that take under five minutes together
	$(BIN)/python -m pytest -m "not slow and not browser and not ray and not gpu"

check: $(DEV_STAMP)  ## Lint and check types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(DEV_STAMP)  ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

wheel-check:  ## Build sdist and wheel, install the wheel outside the tree and render with it
	tests/packaging/wheel_check.sh $(PYTHON)

audit: $(DEV_STAMP)  ## Look up known weaknesses of the pinned packages
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

demo: $(STAMP)  ## Open the demo on http://127.0.0.1:7860
	$(BIN)/espressivo demo

clean:  ## Remove what was rendered and cached
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis
