# `make help` lists the targets.
PYTHON ?= python3
REGION ?= tunis

VENV := .venv
BIN  := $(VENV)/bin
RUN  := $(VENV)/.installed-run
DEV  := $(VENV)/.installed-dev
PIP  := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt

export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help forecast ui test test-all check bench constraints clean place

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

forecast: $(RUN) ## pull, check, learn and publish today's report (REGION=tunis or a path to a region file)
	@status=0; $(BIN)/climate-risk daily "$(REGION)" || status=$$?; \
	case $$status in \
	  0) ;; \
	  3) echo "The report is published, but degraded, as said above (exit status 3 of climate-risk)." >&2 ;; \
	  *) exit $$status ;; \
	esac

ui: $(RUN) ## start MLflow, Prefect and the published reports on 127.0.0.1
	@$(BIN)/python -m flows.ui

test: $(DEV) ## run the tests, all but the slow ones
	@$(BIN)/python -m pytest -m "not slow"

test-all: $(DEV) ## run every test
	@$(BIN)/python -m pytest

check: $(DEV) ## check style, format and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

bench: $(DEV) ## time the parts beside the least they could cost
	@for script in benchmarks/bench_*.py; do echo "$$script" && $(BIN)/python "$$script" || exit 1; done

constraints: $(RUN) ## choose newer versions of everything for every supported Python
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(BIN)/python -m uv pip compile --universal --upgrade --python-version 3.11 --extra dev \
	  --no-header --no-annotate --no-emit-index-url --output-file constraints.txt pyproject.toml

clean: ## remove .venv and caches; data/, mlruns/, published/ and prefect/ stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# A virtual environment holds its own absolute path: when the checkout has moved, it is mended rather than built again.
define MEND
import sys
from pathlib import Path
old, new = sys.argv[1:]
venv = Path(new, "$(VENV)")
for path in [venv / "pyvenv.cfg", *venv.glob("bin/*"), *venv.glob("lib/*/site-packages/*.pth"), *venv.glob("lib/*/site-packages/climate_risk-*.dist-info/*")]:
    text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    if old.encode() in text and b"\0" not in text:
        first, line, rest = text.partition(b"\n")
        if first.startswith(b"#!" + old.encode()):  # the kernel reads no path with a space there, the shell does
            first = b"#!/bin/sh\n\x27\x27\x27exec\x27 \"" + first[2:] + b"\" \"$$0\" \"$$@\"\n\x27 \x27\x27\x27"
        path.write_bytes((first + line + rest).replace(old.encode(), new.encode()))
Path(venv, ".place").write_text(new + "\n")
endef
export MEND

place:
	@old=$$(cat $(VENV)/.place 2>/dev/null || true); \
	if [ -n "$$old" ] && [ "$$old" != "$(CURDIR)" ]; then \
	  echo "This folder was $$old: mending $(VENV)."; $(BIN)/python -c "$$MEND" "$$old" "$(CURDIR)"; \
	fi

$(VENV)/.made: | place
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11: install a newer one and say which, as in: make forecast PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "$(CURDIR)" > $(VENV)/.place
	@touch $@

$(RUN): $(VENV)/.made pyproject.toml constraints.txt | place
	@echo "Installing what climate-risk needs into $(VENV) (some 2 GB, once; it takes minutes)."
	$(PIP) --editable .
	@touch $@

$(DEV): $(RUN) | place
	@echo "Installing the developers' tools into $(VENV)."
	$(PIP) --editable ".[dev]"
	@touch $@
