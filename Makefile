# Everything here installs what it needs into .venv on first use, and again when pyproject.toml or requirements.lock changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
TRAIN  := $(VENV)/.installed-train
DEV    := $(VENV)/.installed-dev

# Tests run side by side, a file at a time, each process with one thread: two that spin on the same core starve each other.
TOGETHER := -n auto --maxprocesses 4 --dist loadfile

# What `make slow` does for the browser tests: nothing where there is a Chromium, otherwise Debian's package, where we may install it.
# Where neither can be, those tests are skipped and say so.
INSTALL_BROWSER ?= \
	if [ -n "$$SACCADE_CHROMIUM" ] || \
		{ command -v chromium || command -v chromium-browser || command -v google-chrome || command -v chrome; } >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium >/dev/null; then :; \
	else \
		echo "no Chromium, so the browser tests are skipped: install it, for example with  sudo apt-get install chromium," >&2; \
		echo "or set SACCADE_CHROMIUM to where it is" >&2; \
	fi

# Real images, where there are any.
ifneq ($(wildcard .data),)
check slow bench: export SACCADE_DATA ?= $(CURDIR)/.data
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check slow docs bench

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

demo: $(TRAIN) ## train two small experiments on synthetic plates, compare them, write one page (3 minutes on two cores)
	$(BIN)/saccade demo

test: $(DEV) ## unit, contract and parity tests: no data, no network (under 9 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TOGETHER) -m "not slow and not realdata" tests

check: $(DEV) ## ruff, mypy --strict, every test that is not slow, real data from SACCADE_DATA or .data (under 15 minutes)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TOGETHER) -m "not slow" tests

slow: $(DEV) ## kills, ranks, real trackers, fuzzing, pages in a browser (under 40 minutes)
	@$(INSTALL_BROWSER)
	$(BIN)/python -m pytest -m slow tests

docs: $(DEV) ## write docs/recipes.md anew from the recipe tables, and the results table of the README from benchmarks/results
	$(BIN)/python -m saccade.recipes.explain > docs/.recipes.md.part
	mv docs/.recipes.md.part docs/recipes.md
	$(BIN)/python benchmarks/_table.py README.md

bench: $(DEV) ## run every benchmark in its quick form; results in benchmarks/results/
	@set -e; for script in benchmarks/[a-z]*.py; do echo "$$script --quick"; $(BIN)/python "$$script" --quick; done

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "saccade needs Python 3.11 or newer and '$(PYTHON)' is not: name another, as in  make PYTHON=python3.12 test" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(TRAIN): $(VENV)/.created pyproject.toml requirements.lock
	$(PIP) install --quiet --constraint requirements.lock --editable '.[train]'
	@touch $@

$(DEV): $(VENV)/.created pyproject.toml requirements.lock
	$(PIP) install --quiet --constraint requirements.lock --editable '.[dev]'
	@touch $(TRAIN) $@
