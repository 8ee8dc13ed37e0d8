# Everything one does with a checkout. Needs make and Python 3.11 or newer; the rest comes with `make setup`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# A server is three processes that import a thousand modules; without compiled ones each takes ten seconds to start.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
SETUP_DONE := .venv/.setup-done
# Milliseconds each, no server, no network. A folder that does not exist yet is left out. Properties of the language are tried
# on fewer examples here than in `make test`.
FAST_TESTS = $(or $(wildcard $(addprefix tests/,house unit property golden)),$(error tests/ has no fast tests))
ARGS ?=

.PHONY: help
help: ## List what can be made, with a sentence each
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(SETUP_DONE) ## Make .venv with the locked releases and this checkout in it; done once per lock

$(SETUP_DONE): requirements/dev.lock pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

.PHONY: demo
demo: setup ## Show the path of a record, from files to an audience to an export, on this machine alone
	$(PY) -m muster.demo $(ARGS)

.PHONY: servers
servers: ## As root on Debian, install what server tests run (sshd, PostgreSQL); starts no service
	@scripts/servers

.PHONY: test
test: setup ## Run all tests but the soak; a missing server skips its tests, or fails them under CI=true
	@scripts/servers --check || true
	$(PY) -m pytest -m "not soak" $(ARGS)

.PHONY: lint
lint: setup ## Check format, lint and types
	$(PY) -m ruff format --check . scripts/lock
	$(PY) -m ruff check . scripts/lock
	$(PY) -m mypy --strict src tests
	$(PY) -m mypy --strict scripts/lock

.PHONY: check
check: lint ## Check format, lint, types, import rules and the fast tests; two minutes
	MUSTER_PROPERTY_FACTOR=0.25 $(PY) -m pytest -q -m "not soak" $(FAST_TESTS) $(ARGS)

.PHONY: check-all
check-all: lint test ## Check format, lint and types, then run all tests, those against real servers too

.PHONY: bench
bench: setup ## Measure throughput and print the numbers; takes minutes, wants a quiet machine
	$(PY) -m bench $(ARGS)

.PHONY: soak
soak: setup ## Run the long fault campaigns: workers die, deliveries repeat, clocks jump
	$(PY) -m pytest -m soak --timeout=0 $(ARGS)

.PHONY: lock
lock: ## Resolve pyproject.toml anew and rewrite requirements/*.lock
	scripts/lock

.PHONY: clean
clean: ## Remove caches and build products; .venv and data stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
