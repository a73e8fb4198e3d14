# Switchyard. `make run` and `make test` need Python 3.11 or newer and nothing else.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export PORT

.PHONY: help run test test-services lint types contracts format messages lock bench screenshots gallery clean

help: ## Show what can be made.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: $(VENV)/.runtime ## Start everything with the demo and serve on 127.0.0.1:$(PORT).
	@DEMO=$${DEMO:-1} $(BIN)/python manage.py serve

test: $(VENV)/.development ## Run the test suite on the embedded set-up.
	@$(BIN)/pytest -n auto -q

test-services: $(VENV)/.development ## Run the test suite on PostgreSQL, Redis and an S3 server.
	@scripts/test-services $(PYTEST)

lint: $(VENV)/.development ## Check style and templates.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@find templates -name '*.html' -print0 | xargs -0 $(BIN)/djhtml --check --tabwidth 2

types: $(VENV)/.development ## Check types.
	@$(BIN)/mypy

contracts: $(VENV)/.development ## Check the direction of the imports.
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.development ## Format code and templates.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@find templates -name '*.html' -print0 | xargs -0 $(BIN)/djhtml --tabwidth 2

messages: $(VENV)/.development ## Collect the words to translate and compile the German ones (needs GNU gettext).
	@$(BIN)/python manage.py makemessages -l de --no-location --no-wrap --no-obsolete \
		-i tests -i '*/tests/*' -i bench -i scripts -i var -i staticfiles
	@$(BIN)/python manage.py compilemessages -l de --ignore $(VENV)

lock: $(VENV)/.development ## Compile the locks from requirements/*.in.
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 requirements/base.in -o requirements.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 requirements/dev.in -c requirements.txt -o requirements-dev.txt

bench: $(VENV)/.development ## Print the benchmark figures: make bench DATA=folder-with-public-tickets
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.local_engine $(DATA)
	@$(BIN)/python -m bench.extraction
	@$(BIN)/python -m bench.parsers $(DATA)

screenshots: $(VENV)/.development ## Photograph the pages of a running demo into docs/images.
	@$(BIN)/python scripts/screenshots.py --url http://127.0.0.1:$(PORT) --scheme both

gallery: $(VENV)/.development ## Photograph every page of a running demo, both widths and themes, into var/gallery.
	@$(BIN)/python scripts/screenshots.py --url http://127.0.0.1:$(PORT) --all --scheme both --out var/gallery

clean: ## Remove the environment and everything the application has stored here.
	@rm -rf $(VENV) var staticfiles

$(VENV)/.runtime: requirements.txt
	@scripts/install $(VENV) requirements.txt && touch $@

$(VENV)/.development: requirements.txt requirements-dev.txt
	@scripts/install $(VENV) requirements-dev.txt && touch $@ $(VENV)/.runtime
