# A person's entry points. `make help` lists them.
SHELL := bash
export PATH := $(CURDIR)/end2end/node_modules/.bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/release/latchkey

.PHONY: help run build test bench fmt screenshots
help: ## List what there is
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: build ## Build what has changed, then serve at http://127.0.0.1:3000
	@exec $(PROGRAM)

build: ## Install the build tools that are missing, then build the release
	@scripts/tools build
	@scripts/build

test: ## Run every test; one part alone: scripts/test rust
	@scripts/tools test
	@scripts/test

bench: build ## Measure speed, size and memory on this machine
	@scripts/tools test
	@scripts/bench

fmt: ## Format the Rust code
	@cargo fmt --all

screenshots: build ## Photograph every page into target/screenshots and docs/account.png
	@scripts/tools test
	@cd end2end && npm run --silent screenshots
