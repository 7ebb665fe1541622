# Every target installs what it needs into $(VENV) first, and only when the pinned requirements changed.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
# Half more than processors: for a third of the time tests wait, for a process, the end of a lease or a poll.
WORKERS = $(shell $(BIN)/python -c "import os; print(-(-3 * os.cpu_count() // 2))")
SPREAD := -n auto --dist loadfile
ANYWHERE := not (campaign or browser or compose or install or clients or proxies or kubernetes)
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
PROXIES := $(VENV)/.proxies-installed
DOCS := $(VENV)/.docs-installed
RELEASE := $(VENV)/.release-installed
UV_VERSION := 0.13.9

# Tests start Python hundreds of times: without bytecode on disk each would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo check format lines test test-all test-lowest test-newest test-campaign test-servers test-slowest test-cluster test-browser bench bench-store instructions bench-repair bench-longest faults experiments studies compose compose-test install-test clients-test lock clean
.PHONY: kubernetes-test docs release mutants planted walk inventory compose-proxies compose-cluster proxies-test proxies-campaign clients-campaign agents-campaign

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV) ## Create .venv with everything that running, linting and testing need

demo: $(RUNTIME) ## See it work: a fleet, a load and a live page (ARGS="…" goes to slta demo)
	@$(BIN)/slta demo $(ARGS)

check: $(DEV) ## Lint, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.layers.lua
	$(BIN)/codespell
	$(BIN)/oxlint --deny-warnings service/slta/dashboard/static
	$(BIN)/oxfmt --check service/slta/dashboard/static

format: $(DEV) ## Format, fix what the linter can fix, write the reference, rules and dashboard
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/oxfmt service/slta/dashboard/static
	$(BIN)/python -m tests.reference
	$(BIN)/python -m deploy.prometheus.write_rules
	$(BIN)/python -m deploy.grafana.dashboard
	$(BIN)/python -m tests.layers.picture
	$(BIN)/python -m tests.contract.client_codes

docs: $(DOCS) ## The site of the documents in build/site; a broken link or anchor is an error
	$(BIN)/zensical build --strict

release: $(DEV) $(DOCS) $(RELEASE) ## Wheels, image, site, manifests and chart of the last commit, with checksums, in dist
	$(BIN)/python -m deploy.release

lines: $(DEV) ## Code lines by folder and subject, ratio of tests to code, length of Lua functions
	$(BIN)/python -m tests.code_metrics

test: $(DEV) ## The default tests, on the embedded server: two minutes (ARGS="…" goes to pytest)
	$(PYTEST) -n $(WORKERS) --dist worksteal $(ARGS)

test-all: $(DEV) $(PROXIES) $(RELEASE) ## All tests by stages: slow ones, every server on PATH, coverage, Chromium, generated clients, ways of installing
	$(MAKE) -k test-servers test-slowest test-cluster test-browser clients-test proxies-test install-test

test-servers: $(DEV) ## Default and slow tests on every server on PATH, with coverage
	SLTA_TEST_SERVERS=all SLTA_TEST_PROFILE=all-tests $(PYTEST) -m "$(ANYWHERE)" $(SPREAD) --cov $(ARGS)

test-slowest: $(DEV) ## No test without the mark `slow` takes longer than a second
	$(PYTEST) $(SPREAD) --longest 1 $(ARGS)

test-cluster: $(DEV) ## Decisions, rebuilds and the API on a cluster of three masters
	SLTA_TEST_STORE=cluster $(PYTEST) tests/store/test_decisions.py tests/store/test_rebuilds.py tests/api $(SPREAD) $(ARGS)

test-campaign: $(DEV) ## The long randomised, failure and statistical tests
	$(PYTEST) -m campaign --timeout 3600 $(ARGS)

mutants: $(DEV) ## Kept mutations of Python and Lua, for 10 minutes from where the last run stopped: which do tests notice? (ARGS="--help")
	$(BIN)/python -m tests.mutants $(ARGS)

planted: $(DEV) $(PROXIES) ## Plant each mistake that is written down in a copy of the tree: a test must notice it (ARGS="-n 2")
	$(PYTEST) -m "campaign or not campaign" tests/mutants/test_mutants.py --timeout 900 $(ARGS)

walk: $(DEV) ## A random walk of 110,000 calls over the whole API, audited; prints its seed and each call's answers
	$(PYTEST) -m campaign tests/api_fuzz --timeout 3600 -s $(ARGS)

test-browser: $(DEV) ## The live page in a real Chromium; beside compose-test: ERR_NETWORK_CHANGED
	$(PYTEST) tests/dashboard -m browser $(ARGS)

bench: $(DEV) ## Operations per second over HTTP, beside what operators use today (ARGS="--help")
	$(BIN)/python -m lab.benchmarks.http $(ARGS)

bench-store: $(DEV) ## Operations per second of the atomic step
	$(BIN)/python -m lab.benchmarks.store $(ARGS)

instructions: $(DEV) ## Instructions of the store and opcodes of a request, beside a table; load hardly matters; needs valgrind
	$(BIN)/python -m lab.benchmarks.instructions $(ARGS)

bench-repair: $(DEV) ## Audit and repair of the largest fleet, and how long another fleet's calls wait
	$(BIN)/python -m lab.benchmarks.repair $(ARGS)

bench-longest: $(DEV) ## The longest calls at 65,536 pools and 655,360 sessions
	$(BIN)/python -m lab.benchmarks.longest $(ARGS)

faults: $(DEV) ## What faults do to acknowledged sessions; goes on where it stopped (ARGS="--help")
	$(BIN)/python -m lab.campaign faults $(ARGS)

experiments: $(DEV) ## The paper's table and figures, again
	$(BIN)/slta experiments all $(ARGS)

studies: $(DEV) ## Studies beside the paper, again: policies, orders, session types, learned curves, scale advice
	$(BIN)/python -m lab.studies all $(ARGS)

compose: ## Service, store, Prometheus and Grafana in containers
	@$(PYTHON) deploy/make_secrets.py
	docker compose up --build --wait

compose-proxies: ## HAProxy before three pools, placed by slta, in containers (docs/proxies.md)
	@$(PYTHON) deploy/make_secrets.py
	docker compose -f docker-compose.yml -f docker-compose.proxies.yml up --build --wait proxy edge

compose-cluster: ## The service on a cluster of three masters and three replicas, in containers (docs/cluster.md)
	@$(PYTHON) deploy/make_secrets.py
	docker compose -f docker-compose.yml -f docker-compose.cluster.yml up --build --wait

compose-test: $(DEV) ## Start that, load it, kill parts of it, take it down
	$(PYTEST) tests/deploy -m compose --timeout 900 $(ARGS)

install-test: $(DEV) $(RELEASE) ## Each way of installing, from nothing to a placed session; the image is in compose-test
	$(PYTEST) tests/deploy -m install --timeout 900 $(ARGS)

clients-test: $(DEV) ## Generated clients in Python, TypeScript and Go against a service; needs npm and go
	$(PYTEST) tests/contract -m clients --timeout 900 $(ARGS)

clients-campaign: $(DEV) ## Client processes with fallback while slta or its store is away (ARGS="--help")
	$(BIN)/python -m lab.campaign clients $(ARGS)

agents-campaign: $(DEV) ## 200 pool processes with agents, killed, stopped and cut off from slta (ARGS="--help")
	$(BIN)/python -m lab.campaign agents $(ARGS)

proxies-test: $(DEV) $(PROXIES) ## The recipes of deploy/proxies on the real proxies; HAProxy or nginx not on PATH: skipped
	$(PYTEST) tests/proxies -m proxies --timeout 300 $(ARGS)

kubernetes-test: $(DEV) ## slta kubernetes on a real API server: ETCD, KUBE_APISERVER and KUBE_CONTROLLER_MANAGER are paths of programs
	$(PYTEST) tests/kubernetes_server -m kubernetes --timeout 300 $(ARGS)

proxies-campaign: $(DEV) $(PROXIES) ## Recipes of docs/proxies.md measured: counts every second, outages, added time, gap (ARGS="--help")
	$(BIN)/python -m lab.campaign proxies $(ARGS)

# The audit's tool runs from outside the tree. An index that tells nothing of vulnerabilities is an error, not a clean result.
INVENTORY := build/inventory.cdx.json
PIP_AUDIT_VERSION := 2.10.1

inventory: $(RELEASE) ## The pinned requirements as CycloneDX, and whether a known vulnerability concerns them
	SYFT_CHECK_FOR_APP_UPDATE=false $(BIN)/syft scan --quiet file:requirements.txt --source-name slta \
		--output cyclonedx-json=$(INVENTORY)
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(PYTHON) -m venv "$$dir"; "$$dir/bin/pip" install --quiet pip-audit==$(PIP_AUDIT_VERSION); \
	"$$dir/bin/pip-audit" --strict --require-hashes --disable-pip -r requirements.txt || \
	{ echo "Not clean: a vulnerability is known, or the package index tells nothing of them. See above."; exit 1; }

# uv runs from outside the tree; nothing of an index's address is written.
COMPILE_OF = "$$dir/bin/uv" pip compile $(1) --quiet --generate-hashes --universal \
	--python-version 3.11 --fork-strategy fewest --no-header --no-emit-index-url --no-emit-find-links
COMPILE = $(call COMPILE_OF,pyproject.toml --group build)

lock: ## Resolve requirements*.txt again (ARGS="--upgrade" for newer versions)
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(PYTHON) -m venv "$$dir"; "$$dir/bin/pip" install --quiet uv==$(UV_VERSION); \
	$(COMPILE) $(ARGS) --extra dev --output-file requirements-dev.txt; \
	$(COMPILE) --constraint requirements-dev.txt --extra load --output-file requirements.txt; \
	$(COMPILE) --constraint requirements-dev.txt --extra experiments --extra load --output-file requirements-experiments.txt; \
	$(call COMPILE_OF,--group proxies) --constraint requirements-dev.txt $(ARGS) --output-file requirements-proxies.txt; \
	$(call COMPILE_OF,--group docs) --constraint requirements-dev.txt $(ARGS) --output-file requirements-docs.txt; \
	$(call COMPILE_OF,--group release) --constraint requirements-dev.txt $(ARGS) --output-file requirements-release.txt

# Both have an environment of their own. The newest is a look ahead: CI does not run it.
BOUNDS_TESTS := $(addprefix tests/,api cli client experiments integrations loadgen metrics planning runtime server store)
BOUNDS = set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(PYTHON) -m venv "$$dir"; "$$dir/bin/pip" install --quiet uv==$(UV_VERSION); \
	"$$dir/bin/uv" pip compile pyproject.toml --extra test --extra load --extra integrations --extra otel --extra planning --quiet --no-header \
		--no-annotate --resolution $(1) --output-file "$$dir/requirements.txt"; \
	"$$dir/bin/uv" venv --quiet --python $(PYTHON) "$$dir/tests"; \
	VIRTUAL_ENV="$$dir/tests" "$$dir/bin/uv" pip install --quiet --requirement "$$dir/requirements.txt" --editable .; \
	cat "$$dir/requirements.txt"; \
	"$$dir/tests/bin/python" -m pytest -n auto --dist loadfile -W default $(BOUNDS_TESTS)

test-lowest: ## Tests of the service and of each extra with the lowest direct dependencies that pyproject.toml allows
	@$(call BOUNDS,lowest-direct)

test-newest: ## The same with the newest
	@$(call BOUNDS,highest)

clean: ## Remove .venv and everything generated
	rm -rf .venv build dist *.egg-info .coverage* htmlcov .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# --no-deps: the file names everything, and one override (pyproject.toml) is none of pip's business.
# --no-build-isolation: the build backend is pinned and hashed with the rest instead of fetched unpinned.
define install
	@echo "Installing the packages of $< into $(VENV): about half a minute"
	$(PIP) install --require-hashes --no-deps -r $<
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
endef

$(RUNTIME): requirements.txt pyproject.toml setup.py | $(BIN)/python
	$(install)

$(DEV): requirements-dev.txt pyproject.toml setup.py | $(BIN)/python
	$(install)
	@touch $(RUNTIME)

$(PROXIES) $(DOCS) $(RELEASE): $(VENV)/.%-installed: requirements-%.txt | $(BIN)/python
	$(PIP) install --require-hashes --no-deps -r $<
	@touch $@
