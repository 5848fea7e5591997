# `make help` lists the targets.
PYTHON ?= python3
REGION ?= tunis

VENV := .venv
BIN  := $(VENV)/bin
RUN  := $(VENV)/.installed-run
DEV  := $(VENV)/.installed-dev
DEBIAN := $(VENV)/.installed-debian
PANGO := $(VENV)/.installed-pango
PIP  := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt

export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help forecast install exercise ui test test-all check bench bench-skill bench-exercise bench-quality bench-scale docs constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

forecast: $(RUN) $(PANGO) ## pull, check, learn and publish today's report (REGION=tunis or a path to a region file)
	@status=0; $(BIN)/climate-risk daily "$(REGION)" || status=$$?; \
	case $$status in \
	  0) ;; \
	  3) echo "The report is published, but degraded, as said above (exit status 3 of climate-risk)." >&2 ;; \
	  *) exit $$status ;; \
	esac; \
	if [ "$(REGION)" = tunis ]; then echo "That is a record of the past. With live weather, of Berkane:  make forecast REGION=berkane"; fi

install: $(RUN) $(PANGO) ## install what runs need into .venv, and run nothing

exercise: ## the whole chain for today on a simulated Berkane, with forecasts and sensors (the first run learns for minutes)
	@$(MAKE) --no-print-directory forecast REGION=berkane-exercise

ui: $(RUN) ## start MLflow, Prefect and the published reports on 127.0.0.1
	@$(BIN)/python -m flows.ui

test: $(DEV) $(PANGO) $(DEBIAN) ## run the tests, all but the slow ones
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not slow"

test-all: $(DEV) $(PANGO) $(DEBIAN) ## run every test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

check: $(DEV) ## check style, format and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

bench: $(DEV) ## time the parts beside the least they could cost and other libraries, into docs/performance.md
	@for script in benchmarks/bench_*.py; do echo "$$script" && $(BIN)/python "$$script" || exit 1; done

bench-skill: $(DEV) ## hold the forecasts' skill beside simpler ones on every record at hand, into docs/skill.md
	@$(BIN)/python benchmarks/skill.py

bench-exercise: $(DEV) ## hold chances against the true ones of the exercise, into docs/exercise.md
	@$(BIN)/python benchmarks/exercise.py --out docs/exercise.md

bench-quality: $(DEV) ## plant faults in every record at hand and count what the data contract catches, into docs/data-quality.md
	@$(BIN)/python benchmarks/quality.py

bench-scale: $(DEV) ## make grids of simulated weather and say what pull, training and a daily run of each cost (hours)
	@$(BIN)/python benchmarks/scale.py --cells 1000 10000 40000 --years 40 --workers 2

docs: $(DEV) ## build the pages of docs/ into site/; they load nothing from elsewhere
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "site/index.html is the first page."

constraints: $(RUN) ## choose newer versions of everything for every supported Python
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(BIN)/python -m uv pip compile --universal --upgrade --python-version 3.11 --extra dev --extra docs \
	  --no-header --no-annotate --no-emit-index-url --output-file constraints.txt pyproject.toml

clean: ## remove .venv and caches; data/, mlruns/, published/ and prefect/ stay
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# A virtual environment holds its own absolute path: one that has moved with its folder is made anew.
ifneq ($(shell cat $(VENV)/.place 2>/dev/null || echo "$(CURDIR)"),$(CURDIR))
$(info This folder has moved: $(VENV) is made anew.)
$(shell rm -rf $(VENV))
endif

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11: install a newer one and say which, as in: make forecast PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "$(CURDIR)" > $(VENV)/.place
	@touch $@

$(RUN): $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing what climate-risk needs into $(VENV) (some 2 GB, once; it takes minutes)."
	$(PIP) --editable .
	@$(BIN)/python -m models >/dev/null
	@touch $@

$(DEV): $(RUN)
	@echo "Installing the developers' tools into $(VENV)."
	$(PIP) --editable ".[dev,docs]"
	@touch $@

# What Python's packages cannot bring: Pango for the report as PDF; for tests a database and a browser. Where one is missing and
# cannot be installed by this user, the run or its tests say so and go on without it.
APT = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get -qq update; \
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends

$(PANGO): $(VENV)/.made
	@ldconfig -p 2>/dev/null | grep -q libpangoft2 || { $(APT) libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0; } >/dev/null 2>&1; } || true
	@touch $@

$(DEBIAN): $(VENV)/.made
	@{ ls /usr/lib/postgresql/*/bin/initdb && command -v chromium; } >/dev/null 2>&1 || { $(APT) postgresql chromium; } >/dev/null 2>&1; } || \
	  echo "Debian's postgresql and chromium are missing and cannot be installed by this user: their tests are skipped." >&2
	@touch $@
