# Everything works without activating a virtual environment: each target makes what it needs.
.DEFAULT_GOAL := help
.PHONY: help run demo test test-thorough test-fast test-localstack test-pythons simulate histories soak model mutants mutmut fuzz prove coverage check lint format screenshots browser api-tools \
  waterfall trace load bench bench-classic cost check-templates check-secrets check-packages api-docs lock deploy teardown \
  deploy-local stop clean

# The first of these that runs: pyenv, for one, has place holders for versions that are switched off.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3.14 python3; do \
  $$python -c '$(SUPPORTED)' 2>/dev/null && { echo $$python; break; }; done)
STAGE ?= dev
SEEDS ?= 10000
SEED ?= 0
OPERATIONS ?= 100000
# Each worker starts an emulator of its own: one that is given is not to be shared.
TEST_WORKERS ?= $(if $(AWS_ENDPOINT_URL)$(filter localstack,$(EMULATOR)),0,3)

LOCALSTACK_TESTS ?= tests/contract tests/integration tests/concurrency

venv_python := .venv/bin/python
coverage := $(venv_python) -m coverage
installed := .venv/installed
emulator := .venv-emulator/installed.txt

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(installed) ## the whole system on http://127.0.0.1:8000 (PORT=…, AUTH=on, KEEP=1, LOG=json, TRACES=on, EVENTS=pump, EMULATOR=localstack)
	@exec $(venv_python) -m infra.local.run

demo: $(installed) $(emulator) ## the last seats, fought for by 10 buyers on 3 instances, and the control without a guard
	@exec $(venv_python) -m infra.races.demo

test: $(installed) $(emulator) browser api-tools ## the tests, but thorough ones; says what it left out
	@$(venv_python) -m pytest -q -n $(TEST_WORKERS) --no-loadscope-reorder tests --ignore=tests/concurrency; rest=$$?; \
	  echo "And the races, with the machine to themselves:"; \
	  $(venv_python) -m pytest -q tests/concurrency && exit $$rest

test-thorough: $(installed) $(emulator) browser api-tools ## the tests that `make test` leaves out: more cases of what it tests, each for seconds
	@$(venv_python) -m pytest -q -n $(TEST_WORKERS) --no-loadscope-reorder -m thorough tests --ignore=tests/concurrency; rest=$$?; \
	  $(venv_python) -m pytest -q -m thorough tests/concurrency && exit $$rest

test-fast: $(installed) ## the tests that need no other process: unit tests, in under a minute
	@exec $(venv_python) -m pytest -q -n $(TEST_WORKERS) tests/unit

test-localstack: $(installed) ## contract, integration and concurrency on the LocalStack at AWS_ENDPOINT_URL
	@$(venv_python) -m infra.local.emulator check-localstack
	@$(venv_python) -m pytest -q -k "not (contract and (moto or fake))" $(LOCALSTACK_TESTS)

test-pythons: $(installed) browser api-tools ## the tests on each Python from 3.11 to 3.14 that this machine has (TESTS=--all, TESTS=tests/unit)
	@TEST_WORKERS=$(TEST_WORKERS) exec $(venv_python) -m infra.local.tools.pythons $(TESTS)

simulate: $(installed) ## random schedules of the whole system with everything going wrong (SEEDS=10000, SEED=0: the first); goes on where it stopped
	@exec $(venv_python) -m tests.simulation --seed $(SEED) --seeds $(SEEDS)

prove: $(installed) $(emulator) browser api-tools .venv-fuzz ## all proofs, in about an hour: simulated, modelled, raced, broken on purpose; one table (ONLY=mutants)
	@exec $(venv_python) -m tests.prove $(if $(ONLY),--only "$(ONLY)")

histories: $(installed) $(emulator) ## clients, kills and a faulting wire on the real system, and what clients were told, checked (OPERATIONS=100000, SEED=0)
	@exec $(venv_python) -m tests.histories --operations $(OPERATIONS) --seed $(SEED)

soak: $(installed) $(emulator) ## constant load with faults and restarts: all agrees at its end, and memory is flat (MINUTES=10)
	@exec $(venv_python) -m tests.soak --minutes $(or $(MINUTES),10) --seed $(SEED)

coverage: $(installed) $(emulator) ## how much of chalicelib the unit, contract and integration tests run; build/coverage/html shows what
	@mkdir -p build/coverage && $(coverage) erase
	@$(coverage) run -m pytest -q -n $(TEST_WORKERS) tests/unit tests/contract tests/integration
	@$(coverage) combine --quiet && $(coverage) html --quiet && $(coverage) report

check: lint test test-thorough ## lint, all tests, and the API's tests with access control on: what must pass before a change lands
	@echo "And with access control on:"
	@AUTH=on $(venv_python) -m pytest -q -n $(TEST_WORKERS) tests/api tests/integration/booking --ignore=tests/api/test_access.py

lint: $(installed) ## form, spelling, types and import contracts; the pages' JavaScript where there is npm
	@.venv/bin/ruff format --check --quiet . || { echo "Some files are not formatted: run make format."; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/codespell $$(git ls-files 2>/dev/null || echo .)
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(venv_python) -m infra.local.tools.pages check

format: $(installed) ## give every file its form
	@.venv/bin/ruff format --quiet .
	@$(venv_python) -m infra.local.tools.pages format

screenshots: $(installed) $(emulator) browser ## the pictures of the pages in docs/img
	@$(venv_python) -m infra.docs.screenshots

model: $(installed) ## every state of a model of a row, and what it finds without a guard; needs spin (QUICK=1, TRAILS=1)
	@exec $(venv_python) -m tests.model $(if $(QUICK),--quick) $(if $(TRAILS),--trails)

mutants: $(installed) ## take each guard out, one at a time: its test must fail (ONLY=rows, MINUTES=60, AGAIN=1); goes on where it stopped
	@exec $(venv_python) -m tests.mutants --minutes $(or $(MINUTES),60) $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again)

mutmut: $(installed) ## change domain and application at every place: a test must fail (ONLY=domain/money, MINUTES=60, AGAIN=1); installs mutmut once
	@exec $(venv_python) -m tests.mutmut --minutes $(or $(MINUTES),60) $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again)

fuzz: $(installed) .venv-fuzz ## feed what parses strangers' bytes for SECONDS=60 (ONLY=cursor), with atheris where it has a wheel
	@exec $(venv_python) -m tests.fuzzing --seconds $(or $(SECONDS),60) $(if $(ONLY),--only $(ONLY))

waterfall: $(installed) $(emulator) ## the picture of a purchase in time in docs/img, from the real system
	@$(venv_python) -m infra.docs.purchase

trace: $(installed) ## draw the newest purchase of TRACES=on make run as a waterfall (OF=res-… for another)
	@$(venv_python) -m infra.local.tools.waterfall $(OF)

load: $(installed) $(emulator) ## buyers by k6, and what the tables say they were sold (MIX=on-sale|browse|checkout, RATE=, SECONDS=, TOOL=locust, TARGET=URL)
	@exec $(venv_python) -m benchmarks.load

bench: $(installed) $(emulator) ## all benchmarks, and the table of what they must reach (ONLY=client,engine; WRITE=1: into docs/performance.md)
	@exec $(venv_python) -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write)

bench-classic: $(installed) $(emulator) ## the old design (Redis locks, PostgreSQL) beside ours: cost, speed, faults (WRITE=1: into docs/comparison.md)
	@$(venv_python) -m benchmarks --only classic && $(if $(WRITE),exec $(venv_python) -m benchmarks.classic.report,true)

cost: $(installed) ## what it costs on AWS, from what the tests count (WRITE=1: the tables of docs/deploying.md anew)
	@exec $(venv_python) -m benchmarks.bill $(if $(WRITE),--write)

check-templates: $(installed) ## what cfn-lint, checkov and parliament say of what AWS gets (installs them once: 430 MB)
	@exec $(venv_python) -m infra.local.tools.template_checks

check-secrets: $(installed) ## what looks like a secret in our files, by detect-secrets (installs it once)
	@exec $(venv_python) -m infra.local.tools.source_checks secrets

check-packages: $(installed) ## known faults of the packages that ship, by pip-audit; says so where it can ask nobody
	@exec $(venv_python) -m infra.local.tools.source_checks packages

lock: $(installed) ## write requirements.lock anew, after a change of requirements.txt: all that ships, with hashes (and that of traces)
	@exec $(venv_python) -m infra.local.tools.lock

api-docs: $(installed) ## write anew: docs/api (OpenAPI, .http, Postman), the board's reasons of refusals
	@$(venv_python) -m infra.docs.api_docs

deploy: $(installed) ## deploy STAGE=dev to AWS with the credentials of your environment (YES=1: don't ask; CANARY=off)
	@exec $(venv_python) -m infra.cloud.deploy $(STAGE) $(if $(YES),--yes)

teardown: $(installed) ## remove STAGE with all its data, but for what is protected (YES=1: don't ask)
	@[ "$(origin STAGE)" != file ] || { echo "Which stage? make teardown STAGE=…"; exit 1; }
	@exec $(venv_python) -m infra.cloud.teardown $(STAGE) $(if $(YES),--yes)

deploy-local: $(installed) ## deploy to the emulator that runs (else start one) and print the gateway's URL
	@$(venv_python) -m infra.local.run --deploy-only

browser: $(installed)
	@$(venv_python) -m infra.local.tools.browser install

# Without a wheel of atheris for this Python, the parsers get changes of the corpus that nobody leads.
.venv-fuzz: $(installed)
	@[ -d $@ ] || $(venv_python) -m pip install -qq --disable-pip-version-check --only-binary :all: --target $@ \
	  -r requirements-fuzz.txt || rm -rf $@

api-tools: $(installed)
	@$(venv_python) -m infra.local.tools.api_tools install

stop: ## end what is still running in the background
	@if [ -x $(venv_python) ]; then $(venv_python) -m infra.local.emulator stop; else echo "Nothing was running."; fi

clean: stop ## remove virtual environments, builds, logs and caches
	@rm -rf .venv .venv-* .run build tests/tools/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A network or a compiler may be missing: the old environment stays unfinished, and the next call tries again.
$(installed): requirements.txt requirements-traces.txt requirements-dev.txt
	@[ ! -L .venv ] || { echo ".venv is a link to another checkout's, and not touched: make it anew there."; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
	  echo "Python 3.11, 3.12, 3.13 or 3.14 is needed, and $(if $(PYTHON),'$(PYTHON)' is none,none is on the PATH):"; \
	  echo "install one (apt install python3 python3-venv, brew install python, or uv python install 3.13),"; \
	  echo "or say where it is: make PYTHON=/path/to/python …"; exit 1; }
	@echo "Installing the packages into .venv (once, about a minute) …"
	@$(PYTHON) -m venv --clear .venv && \
	  $(venv_python) -m pip install -qq --disable-pip-version-check -r requirements-dev.txt || { \
	  echo "The packages could not be installed (see above). Check the network connection and run make again."; exit 1; }
	@touch $@

$(emulator): $(installed) requirements-emulator.txt
	@$(venv_python) -m infra.local.emulator install
	@touch $@
