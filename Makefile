# Everything a contributor runs. `make` alone lists it.

GO        ?= go
BIN       := $(CURDIR)/.bin
LINT      := $(BIN)/golangci-lint
BUF       := $(BIN)/buf

# Pinned: another version finds other things.
LINT_VERSION := v2.12.2

# In the clone, for the linter's cache names files by path: one shared by several
# clones has it complain of files that are no longer there.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.cache/golangci-lint

PKG       ?= ./...
COUNT     ?= 5
PACKAGES  ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n > 4 ? n : 4)))
FUZZTIME  ?= 5s
BENCHTIME ?= 1x
NODES     ?= 3
ROUNDS    ?= 5
ONLY      ?=
SYSTEMS   ?=
KILLS     ?= 20
GIB       ?= 20
DIR       ?=

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt generate docs check-generate fuzz faults mutants microbench bench bench-binaries check-bench check-modules cluster ci cross tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the command into bin/eventnode
	$(GO) build -o bin/eventnode ./cmd/eventnode

# A platform takes a minute when the cache is empty, for each has a standard library of its own.
cross: ## Build the command, the client and the harness for Linux, macOS and Windows, amd64 and arm64
	set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "--- $$os/$$arch"; \
		GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 $(GO) build ./cmd/eventnode . ./client ./test/cluster; done; done

# -cpu 1: the timers of a testing/synctest bubble share one context of the race
# runtime (Go 1.26), which dies now and then when two processors use it at once.
# A package's tests may take longer than go test's 10 minutes on a busy machine.
# -p: tests of clusters wait for timeouts more than they compute.
test: ## Run all tests in random order, again under the race detector with fewer rounds, and the acceptance run
	tools/leaves-nothing $(GO) test -p $(PACKAGES) -timeout 20m -shuffle=on $(PKG)
	tools/leaves-nothing $(GO) test -p $(PACKAGES) -timeout 20m -race -short -cpu 1 -shuffle=on $(PKG)
	test/acceptance.sh

race: ## Run the tests COUNT times (5) to find the rare failure; PKG=./groups/... for a part
	$(GO) test -race -cpu 1 -shuffle=on -count=$(COUNT) -failfast $(PKG)

lint: $(LINT) ## Run the linters of .golangci.yml
	$(LINT) run $(PKG)

fmt: ## Format the Go code
	gofmt -s -w $$(git ls-files --cached --others --exclude-standard '*.go' ':!*.pb.go')

generate: $(BUF) ## Make the Go code from proto/
	$(BUF) generate

docs: ## Make docs/configuration.md from the flags
	$(GO) run ./cmd/eventnode config reference > docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md

check-generate: $(BUF) generate ## Fail if the protocol is malformed or its Go code is not up to date
	$(BUF) lint
	@git diff --exit-code --stat -- proto || { \
		echo 'proto/ and its Go code differ: commit what `make generate` wrote' >&2; exit 1; }

fuzz: ## Run each fuzz target for FUZZTIME (5s)
	tools/fuzz $(FUZZTIME)

# Each fault ROUNDS times. Root and iproute2 are needed for partitions.
faults: ## Break clusters in every way that test/faults knows, ROUNDS (5) rounds; ONLY selects tests by regular expression
	EVENTNODE_FAULT_ROUNDS=$(ROUNDS) $(GO) test -count=1 -timeout 12h -v -run '$(or $(ONLY),.)' ./test/faults

mutants: ## Take one guard after the other out, and fail unless its test does; ONLY selects them by regular expression
	tools/mutants '$(ONLY)'

microbench: ## Run each `go test` benchmark for BENCHTIME (1x: do they still run?)
	$(GO) test -short -run '^$$' -bench . -benchtime $(BENCHTIME) $(PKG)

bench: bench-binaries ## Measure beside NATS, Redis and Erlang pg, ROUNDS (5) rounds, and write docs/benchmarks.md; ONLY and SYSTEMS select by regular expression
	bin/bench run --rounds $(ROUNDS) --only '$(ONLY)' --systems '$(SYSTEMS)' --kills $(KILLS) --gib $(GIB) --dir '$(DIR)' --docs docs

bench-binaries: build
	cd bench && $(GO) build -o ../bin/bench . && $(GO) build -o ../bin/nats-server github.com/nats-io/nats-server/v2

check-bench: bench-binaries $(LINT) ## Vet, lint and test the benchmark's module, and run a bit of it
	cd bench && $(GO) vet ./... && $(LINT) run ./... && $(GO) test ./...
	bin/bench run --short --rounds 1 --only '^(one-to-one/128|fan-out/10|latency/idle|request/64|wire|publish/flusher-1|consume/(one|while-publishing|keyed|scale)|outbox/.*|shard/.*)$$'

# Modules of their own: who uses the root module pays for none of them.
check-modules: $(LINT) ## Vet, lint and test the adapters' and the examples' modules
	set -e; for module in $(sort $(wildcard adapters/*/go.mod examples/go.mod examples/*/go.mod)); do \
		echo "--- $$module"; (cd $$(dirname $$module) && $(GO) vet ./... && $(LINT) run ./... && $(GO) test ./...); done

cluster: build ## Start a local cluster of NODES (3); ctrl-C stops it
	bin/eventnode dev --nodes $(NODES)

ci: ## Run what continuous integration runs
	.ci/run

tools: $(LINT) $(BUF) ## Build the linter and buf into .bin/

$(LINT):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

# buf has a module of its own: in ours it would add some 90 requirements.
$(BUF): tools/go.mod
	$(GO) build -modfile=tools/go.mod -o $(BUF) github.com/bufbuild/buf/cmd/buf
