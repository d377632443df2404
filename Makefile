# mereq. Two targets do everything on a fresh machine: `make demo` and `make test`.
# Needs Python 3.11 or later with venv. uv is used when it is installed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# One more than the cores that the tests are meant for: tests of the page mostly wait. A file's tests share what they make.
WORKERS := -n 3 --dist loadfile --no-loadscope-reorder
# Tests start many processes, which would compile the same modules again and again.
unexport PYTHONDONTWRITEBYTECODE
# One thread per process for the linear algebra of acting; updates run in JAX's own threads.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: environments help demo test look matrix wheel lerobot check bench slow page page-check docs hooks clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s  %s\n", $$1, $$2}'

demo: $(VENV)/.run  ## Set up, then align the shipped highway prior with a synthesized expert (a few minutes).
	$(BIN)/mereq align highway --seed 1 --rounds 6 --out demo --overwrite
	$(BIN)/mereq show demo

test: look $(VENV)/.dev  ## Set up, find or install a browser of Chromium's family, then run the tests.
	@$(BIN)/python tests/helpers/browser.py
	$(BIN)/python -m pytest $(WORKERS)

look:
	@$(PYTHON) tests/helpers/browser.py --look

matrix:  ## Install the wheel for Python 3.11, 3.12 and 3.13, where they are found, and try each (docs/matrix.md).
	@$(PYTHON) tests/helpers/matrix.py

wheel:  ## Install the wheel without extras into an empty environment, and try what works and what is said.
	@$(PYTHON) tests/helpers/small_wheel.py

lerobot: $(VENV)/.dev  ## Let LeRobot's own library (Python 3.12, its own environment) read exports, and try the plug-ins.
	@$(BIN)/python tests/helpers/try_lerobot.py

check: $(VENV)/.dev  ## Lint, types, and who may import whom.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.bench  ## Measure speed against highway-env, EnvPool and Stable-Baselines3.
	$(BIN)/python benchmarks/speed/highway_engine.py
	$(BIN)/python benchmarks/speed/learner_updates.py
	$(BIN)/python benchmarks/speed/learner_updates.py --cores 2

slow: $(VENV)/.dev  ## Full-scale checks: equality with highway-env (hours), kill -9 a hundred times, twice.
	$(BIN)/python benchmarks/reliability/highway_equality.py
	$(BIN)/python benchmarks/reliability/kill9.py --times 100
	$(BIN)/python benchmarks/reliability/supervise_kill9.py --times 100

environments:  ## Try the examples whose packages are installed through every command and the page (docs/environments.md).
	MUJOCO_GL=$${MUJOCO_GL:-egl} $(BIN)/python benchmarks/environments/try_all.py
	$(BIN)/python benchmarks/environments/try_all.py --table

page: frontend/node_modules/.package-lock.json  ## Check, test and build the page, after a change in frontend/src (needs npm).
	cd frontend && npm run -s check && npm run -s test && npm run -s build
	$(PYTHON) frontend/stamp.py

page-check: frontend/node_modules/.package-lock.json  ## Check and test the page, compare it with a fresh build (needs npm).
	cd frontend && npm run -s check && npm run -s test && npm run -s compare

docs: $(VENV)/.docs  ## Build the documentation as a site into site/; a broken link fails.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

hooks: $(VENV)/.hooks  ## Check every commit with ruff and a few basic hooks (pre-commit).
	$(BIN)/pre-commit install

clean:  ## Remove the virtual environment, the demo and the site.
	rm -rf $(VENV) demo site

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json
	@command -v npm >/dev/null || { echo "The page needs Node.js 20 or later with npm. Install both and try again."; exit 1; }
	cd frontend && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

define install
	@command -v uv >/dev/null 2>&1 && uv venv -q --allow-existing $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing mereq ($(1)) into $(VENV); this takes a minute or two."
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python -c constraints.txt -e '.$(1)'; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.$(1)'; \
	fi
	@touch $@
endef

$(VENV)/.run: pyproject.toml constraints.txt
	$(call install,[all])

$(VENV)/.dev: pyproject.toml constraints.txt
	$(call install,[test$(comma)check])
	@touch $(VENV)/.run

$(VENV)/.bench: pyproject.toml constraints.txt
	$(call install,[test$(comma)check$(comma)bench])
	@touch $(VENV)/.run $(VENV)/.dev

$(VENV)/.docs: pyproject.toml constraints.txt
	$(call install,[all$(comma)docs])
	@touch $(VENV)/.run

$(VENV)/.hooks: pyproject.toml constraints.txt
	$(call install,[check$(comma)dev])
	@touch $(VENV)/.run

comma := ,
