# VidCompute. `make` lists what there is to do.
#
# Everything begins with setup/start.sh, which needs Python 3.11+ and nothing else: it makes .venv from the lock files,
# builds the web pages, and does nothing at all when both are up to date.

.DEFAULT_GOAL := help
.PHONY: help run test check dev format lock openapi example client bench faults fuzz monkey wheel pages screenshots setup clean

SETUP := sh setup/start.sh
BIN := .venv/bin

# These reach the recipes through the environment, so that any name is safe.
export FILE MINUTES SEED
ONCE_OPTION := $(if $(filter-out 0 no false,$(ONCE)),--once)

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-16s %s\n' "$$name" "$$text"; done

run: ## set everything up, serve, take FILE=path-or-URL (or a sample) and print where to watch it; ONCE=1 ends after the job
	@$(SETUP) run
	@exec $(BIN)/python -m vidcompute.main run $${FILE:+--file "$$FILE"} $(ONCE_OPTION)

test: ## set everything up and run all tests; PROFILE=cluster: those of the main job, on PostgreSQL, S3 and Ray
	@$(SETUP) test

check: ## the quick part: lint, types, imports, unit and house tests
	@$(SETUP) check

dev: ## serve, and start anew when a file changes
	@$(SETUP) reload

format: ## bring the code into shape
	@$(SETUP) dev
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format
	@if [ -d web/node_modules ]; then cd web && npm run --silent format; fi

lock: ## resolve the lock files anew (UPGRADE=1: with the newest versions)
	@$(SETUP) lock $(if $(UPGRADE),--upgrade)

openapi: ## write docs/openapi.yaml from the code
	@$(SETUP) dev
	@$(BIN)/python -m vidcompute.main openapi --yaml > .cache/openapi.yaml
	@mv .cache/openapi.yaml docs/openapi.yaml

example: ## write .env.example from the settings
	@$(SETUP) dev
	@$(BIN)/python -c 'import sys; from vidcompute.settings import env_example; sys.stdout.write(env_example())' > .env.example

client: openapi ## generate the clients from the API's document, and the reference of states from the code
	@$(BIN)/python -m vidcompute.main openapi --json > .cache/openapi.json
	@$(BIN)/python -m setup.client < .cache/openapi.json > .cache/client.py
	@$(BIN)/ruff format --quiet --config pyproject.toml .cache/client.py
	@mv .cache/client.py vidcompute/client/__init__.py
	@$(BIN)/python -m setup.calls < .cache/openapi.json > .cache/calls.ts
	@mv .cache/calls.ts web/src/features/developers/calls.gen.ts
	@$(BIN)/python -m setup.states > .cache/states.md
	@mv .cache/states.md docs/reference/states.md
	@$(BIN)/python -m setup openapi-tools
	@cd web && npm run --silent client

bench: ## measure; results go to bench/
	@$(SETUP) bench
	@$(BIN)/python -m bench

SCHEDULES := tests/faults/test_schedules.py

faults: ## the long suite of kills and failures; SEED=: one history of kills alone, many times over
	@$(SETUP) test-clients
	@$(BIN)/pytest $(SCHEDULES) -m "long or not long" -n 2
	@test -n "$$SEED" || \
		$(BIN)/pytest tests/faults tests/contract tests/e2e/test_webhooks.py -m "long or not long" --ignore $(SCHEDULES)

fuzz: ## the long suite of hostile input; FUZZ_MINUTES=10: of made-up requests to the whole API
	@$(SETUP) dev
	@$(BIN)/pytest tests/media tests/unit tests/e2e/test_any_request.py -m long

monkey: ## 30 minutes of random clicks and typing at the dashboard (MINUTES=, SEED=)
	@$(SETUP) browser
	@$(BIN)/python -m tests.e2e.monkey

wheel: ## build a wheel with the web pages in it
	@$(SETUP) wheel

pages: ## build the web pages
	@$(SETUP) pages

screenshots: ## pictures of every page of the dashboard, into screenshots/; README=1: those of the README too
	@$(SETUP) browser
	@$(BIN)/python -m tests.e2e.screenshots $(if $(README),--readme)

setup: ## make the environment with the developers' tools, and run nothing
	@$(SETUP) dev

clean: ## remove what was installed and built (the data folder stays)
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist test-results
	@rm -rf web/node_modules setup/openapi/node_modules tests/clients/node_modules bench/lighthouse/node_modules vidcompute/pages
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
