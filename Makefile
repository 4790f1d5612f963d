# The commands for development. `make help` lists them.
SHELL := bash
export PATH := $(CURDIR)/end2end/node_modules/.bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/release/latchkey

.PHONY: help run build dist example test bench fmt screenshots
help: ## List the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: build ## Build, then serve at http://127.0.0.1:3000
	@exec $(PROGRAM)

build: ## Install missing build tools, then build the release
	@scripts/tools build
	@scripts/build

dist: build ## Pack the release into dist/latchkey-<version>-<target>.tar.gz
	@scripts/dist

example: build ## Start a todo app with backends in Node.js and Rust, at http://127.0.0.1:4000
	@scripts/tools example
	@exec scripts/example

test: ## Run all tests (one part only: scripts/test rust)
	@scripts/tools test
	@scripts/test

bench: build ## Measure speed, size and memory on this machine
	@scripts/tools test
	@scripts/bench

fmt: ## Format the Rust code
	@cargo fmt --all

screenshots: build ## Save screenshots of all pages in target/screenshots and docs/account.png
	@scripts/tools test
	@cd end2end && npm run --silent screenshots
