# Set-up, demo, tests. Needs Python 3.11 or newer with venv, make and git; everything else is installed here.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin

# Many processes start from the same files, so what Python has compiled is kept.
unexport PYTHONDONTWRITEBYTECODE

CHECK_PYTHON = @$(PYTHON) -c 'import sys; sys.exit("Python %d.%d is too old for Airflow 3.2: install 3.11 or newer and name it, as in make PYTHON=python3.12 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'

.PHONY: setup environments demo up test test-fast test-rooms mutants lint pages screenshot docs site dist release torture torture-team bench-local bench-connections bench-waiting bench-push bench-manifest bench-ui bench-automated bench-import bench-outputs bench-work bench-drawing bench-consolidation bench-sequences bench-shift bench-team bench-night clean

setup: $(VENV)/.ready $(VENV)/.system pages

$(VENV)/.ready: pyproject.toml constraints.txt
	$(CHECK_PYTHON)
	@$(PYTHON) dev/install.py $(VENV) constraints.txt dev,docs,team
	@touch $@

# With no more than its tests need; the worker pages are built for both by the other one.
$(LOWEST)/.ready: pyproject.toml constraints-lowest.txt
	$(CHECK_PYTHON)
	@HATCH_BUILD_NO_HOOKS=true $(PYTHON) dev/install.py $(LOWEST) constraints-lowest.txt tests
	@touch $@

# The page tests drive Debian's Chromium; elsewhere install any Chromium and name it in CHROMIUM. The service's tests start
# a PostgreSQL of their own, from Debian's programs or those that are in the PATH.
$(VENV)/.system: dev/install.py
	$(CHECK_PYTHON)
	@$(PYTHON) dev/install.py system
	@mkdir -p $(@D) && touch $@

# Both pairs of versions and the system's packages, installed at the same time.
environments:
	$(MAKE) --jobs 3 setup $(LOWEST)/.ready

demo: $(VENV)/.ready
	$(BIN)/python -m dev.demo

up: $(VENV)/.ready
	$(BIN)/python -m dev.demo --up

# Much of the time is spent waiting, so more run at once than there are cores.
test: environments
	@$(BIN)/python -m dev.lanes 5 $(TESTS)

# Seconds: the rooms of plain Python, and the rules of the house.
test-fast: $(VENV)/.ready
	$(BIN)/python -m pytest -q tests/groundtruth tests/request tests/manifest tests/quality tests/rendering tests/test_architecture.py

# Minutes: all but what starts Airflow.
test-rooms: setup
	$(BIN)/python -m pytest tests -m "not e2e"

# Several are tested at once: libraries that start a thread for each core would only wait for each other. The longest
# begin first, so that all places are taken to the end.
TESTS := test-newest test-lowest-service test-lowest-airflow test-lowest-engine test-newest-airflow test-newest-pages \
	test-benchmarks test-newest-jobs test-newest-browser test-newest-torture
.PHONY: $(TESTS)
$(TESTS) test-rooms: export OMP_NUM_THREADS := 1
$(TESTS) test-rooms: export OPENBLAS_NUM_THREADS := 1

# What labels through one Airflow.
test-newest-airflow: setup
	$(BIN)/python -m pytest tests/e2e $(addprefix --ignore=,$(TORTURE_TESTS))

# Each starts, and kills, processes of its own.
TORTURE_TESTS := $(addprefix tests/e2e/,test_torture.py test_torture_team.py)
test-newest-torture: setup
	$(BIN)/python -m pytest $(TORTURE_TESTS)

test-newest-pages: setup
	$(BIN)/python -m pytest tests/frontend

# Of the service, which the other pair tests, what drives a browser.
test-newest-browser: setup
	$(BIN)/python -m pytest -m "browser or once" $$(grep -rlE "mark\.(browser|once)" --include="*.py" tests/service)

# Jobs from start to end, and those that come from Amazon.
test-newest-jobs: setup
	$(BIN)/python -m pytest tests/jobs tests/cli

# All the rest.
test-newest: setup
	$(BIN)/python -m pytest tests $(addprefix --ignore=tests/,cli e2e frontend jobs service test_benchmarks.py)

test-benchmarks: setup
	$(BIN)/python -m pytest tests/test_benchmarks.py

# The oldest Airflow and amazon provider that are supported: everything that touches them; and the local service, which
# touches neither, in two parts.
LOWEST_TESTS := $(LOWEST)/bin/python -m pytest -m "not browser and not once"
ENGINE_TESTS := $(addprefix tests/service/,cloud engine learning)
test-lowest-engine: $(LOWEST)/.ready setup
	$(LOWEST_TESTS) $(ENGINE_TESTS)

test-lowest-service: $(LOWEST)/.ready setup
	$(LOWEST_TESTS) tests/service $(addprefix --ignore=,$(ENGINE_TESTS))

test-lowest-airflow: $(LOWEST)/.ready setup
	$(LOWEST_TESTS) tests/client tests/streaming tests/decorators tests/hooks tests/jobs tests/operators tests/sensors tests/triggers tests/test_package.py tests/e2e

# make mutants MODULE=labeling_provider/jobs/waiting.py: changes of a module that its tests do not see.
mutants: setup
	$(BIN)/python -m dev.mutants $(MODULE)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python frontend/build.py lint

# The worker pages' script. Installing the package builds it; this does after a change in frontend/.
pages: $(VENV)/.ready
	$(BIN)/python frontend/build.py

# A hundred kills take about fifteen minutes, thirty during pushes five, thirty while people label three; `make test`
# runs shorter ones.
torture: setup
	$(BIN)/python -m dev.torture
	$(BIN)/python -m dev.torture --push
	$(BIN)/python -m dev.torture --people

# A hundred kills take about fifteen minutes, fifteen cuts and five half-open networks among them.
torture-team: setup
	$(BIN)/python -m dev.torture_team

# The documentation as a site: shown while one writes, or built into build/site.
docs: $(VENV)/.ready
	$(BIN)/python -m dev.site serve

site: $(VENV)/.ready
	$(BIN)/python -m dev.site

# What is uploaded, tried in fresh environments. What writes the bill of materials is no part of ours.
dist: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt cyclonedx-bom
	$(BIN)/python -m dev.dist

# make release VERSION=0.2.0, or first make release VERSION=0.2.0 DRY_RUN=--dry-run
release: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt cyclonedx-bom
	$(BIN)/python -m dev.release $(VERSION) $(DRY_RUN)

screenshot: setup
	$(BIN)/python -m dev.screenshot

bench-local: $(VENV)/.ready
	$(BIN)/python -m benchmarks.local

bench-connections: $(VENV)/.ready
	$(BIN)/python -m benchmarks.connections

bench-waiting: $(VENV)/.ready
	$(BIN)/python -m benchmarks.waiting

bench-push: $(VENV)/.ready
	$(BIN)/python -m benchmarks.push

# The others' libraries are no part of ours, so they have a place of their own.
bench-manifest: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt pandas polars
	$(BIN)/python -m benchmarks.manifest

# Airflow's drivers of PostgreSQL are nothing that the tests or the package need.
bench-ui: $(VENV)/.ready $(VENV)/.system
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt psycopg2-binary asyncpg
	$(BIN)/python -m benchmarks.ui

bench-automated: $(VENV)/.ready
	$(BIN)/python -m benchmarks.automated

bench-import: $(VENV)/.ready
	$(BIN)/python -m benchmarks.import_time

bench-outputs: $(VENV)/.ready
	$(BIN)/python -m benchmarks.outputs

bench-work: setup
	$(BIN)/python -m benchmarks.work

bench-drawing: setup
	$(BIN)/python -m benchmarks.drawing

bench-sequences: setup
	$(BIN)/python -m benchmarks.sequences

bench-shift: setup
	$(BIN)/python -m benchmarks.shift

# An hour and a half. A service that many share: on SQLite, on PostgreSQL, then of several processes with a real S3, whose
# figures are the last line.
bench-team: setup
	$(BIN)/python -m benchmarks.team --together 10
	$(BIN)/python -m benchmarks.team --database postgresql --together 10
	$(BIN)/python -m benchmarks.replicas --objects 10000 100000

# Five minutes. It fails if memory or tables grow in the last third of the night.
bench-night: setup
	$(BIN)/python -m benchmarks.night

# Drawings, then classes. The others' library is no part of ours.
bench-consolidation: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt crowd-kit
	$(BIN)/python -m benchmarks.consolidation
	$(BIN)/python -m benchmarks.classes

clean:
	rm -rf $(VENV) $(LOWEST)
