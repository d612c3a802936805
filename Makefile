# `make` alone lists what there is. Every target does the set-up that it needs.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-unit test-system test-clients test-sanitized simulate hostile injection
.PHONY: costs linear lint format fuzz soak kill-points release image bench bench-full bench-self-test bench-test
.PHONY: bench-peers bench-peers-test clean

SECONDS ?= 60
COUNT ?= 20000

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:
	@scripts/set-up build

demo: release ## A heartbeat, a question, its cancellation, a result, three look-ups: watch what each becomes
	@scripts/demo

run: release ## Leave both functions and the local cloud running; prints curl lines to try
	@scripts/demo --keep

test: lint test-unit simulate injection test-system test-clients ## Everything: lint, unit tests, simulation, injection, system tests, clients that are not ours

test-unit: setup ## Only the Swift tests, and the seeds of the fuzz targets
	@scripts/build-tests
	swift test --skip-build --disable-xctest --quiet
	fuzz/run replay

test-system: release ## Only the tests with the real programs against the local cloud
	@scripts/release costly-functions
	@scripts/set-up test
	.build/venv/bin/python -m pytest Tests/SystemTests -m "not clients and not peers"

test-clients: release ## Only the tests with the Pub/Sub emulator, the SDK, kubectl and gcloud
	@scripts/set-up test
	@scripts/set-up clients
	.build/venv/bin/python -m pytest Tests/SystemTests -m clients -rs

# Optimised, so that a second holds hundreds of seeds, but with what `@testable` needs. Asserts nothing by the clock.
simulate: setup ## The shipped handler in a world of faults: 1,000 seeds, or as many as SECONDS=300 gives
	swift build -c release -Xswiftc -enable-testing --scratch-path .build-simulate --product simulate
	.build-simulate/release/simulate $(if $(filter command%,$(origin SECONDS)),--seconds $(SECONDS))
	.build-simulate/release/simulate --canaries

# Built where the simulation is, with the same flags.
hostile: setup
	swift build -c release -Xswiftc -enable-testing --scratch-path .build-simulate --product hostile

injection: hostile ## Hostile requests through both functions: 20,000 of them, or COUNT=1000000
	.build-simulate/release/hostile injection --count $(COUNT)

linear: hostile ## Instructions that hostile input costs, doubled from 4 KiB to 8 MiB (SAMPLE=1: three sizes)
	@scripts/set-up count
	scripts/linear $(if $(SAMPLE),--sample)

test-sanitized: setup ## Swift tests under ASan, C under UBSan, the analyser; leaves build/sanitized/echo-server
	@scripts/test-sanitized

lint: setup ## Formatting of Swift and C, and no compiler warning
	@scripts/set-up lint
	@scripts/lint

format: setup ## Bring Swift and C into the committed form
	@scripts/set-up lint
	swift format -i -r Package.swift Sources Tests bench/Package.swift bench/Sources bench/Tests \
		bench/peers/hummingbird-app/Package.swift bench/peers/hummingbird-app/Sources
	clang-format -i $$(git ls-files '*.c' '*.h')

fuzz: setup ## Fuzz all parsers for SECONDS (60, shared) under ASan, the C ones under UBSan too
	@scripts/set-up fuzz
	fuzz/run $(SECONDS)

soak: release ## Mixed events, faults and kills for SECONDS (60); then everything must be there once
	@scripts/set-up test
	scripts/soak $(SECONDS)

costs: release ## Count what an event costs, beside bench/thresholds.json (UPDATE=1 writes it anew)
	@scripts/set-up test
	scripts/costs $(if $(UPDATE),--update)

kill-points: release ## SIGKILL at every system call of a question's way, then its redelivery
	@scripts/set-up test
	scripts/kill-points

release: setup ## build/twined-functions (static, stripped), build/local-cloud, build/echo-server
	@scripts/release

image: release ## build/image (OCI layout) and build/image.tar: the program from scratch, offline, without a daemon
	@scripts/set-up image
	@scripts/image

bench: release ## Speed, start and memory: 2 to 3 minutes a program; TARGET="command" or PEERS=1 for others beside it
	@scripts/bench quick

bench-full: release ## The same with every scenario and longer rounds: half an hour a program
	@scripts/bench full

bench-self-test: release ## Shows that the bench sees a millisecond and a stall, and nothing where there is nothing
	@scripts/bench self-test

bench-test: setup ## The tests of the bench itself
	@scripts/bench test

bench-peers: setup ## build/peers/go and build/peers/hummingbird: what a user would pick instead, to measure beside it
	bench/peers/build

bench-peers-test: release bench-peers ## That the peers do the same work: rows, Jobs, calls and answers beside ours
	@scripts/set-up test
	.build/venv/bin/python -m pytest Tests/SystemTests -m peers

clean: ## Remove what was built
	rm -rf .build .build-release .build-simulate .build-fuzz .build-asan bench/.build build
	rm -rf bench/peers/hummingbird-app/.build-peers
