# The index of commands. `make help` prints one line for each; continuous integration runs `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# `CLUSTER=current make demo`: what the user says, before the name means the embedded cluster's folder.
WHERE := $(CLUSTER)
override CLUSTER := e2e/cluster
N ?= 2000
MINUTES ?= 10
SECONDS ?= 5
# Plans of fault injection that `make test` draws of the thousands there are.
FAULT_PLANS ?= 30

.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

## Using it
.PHONY: demo demo-down
demo: ## a running network on this machine: cluster, operator, 4 validators, one transaction (needs root); MEMBERS=3: three members who vote each other in; KEYS=vault: keys in a double of Azure Key Vault; CLUSTER=current IMAGE_REGISTRY=… on yours
	@$(if $(WHERE),$(if $(filter current,$(WHERE)),e2e/demo-current,echo 'CLUSTER is "$(WHERE)": leave it out for a cluster on this machine, or say CLUSTER=current for that of your kubeconfig' >&2; exit 2),e2e/demo)
demo-down: ## end the demo's cluster and leave nothing behind (CLUSTER=current: how to leave yours)
	@$(if $(filter current,$(WHERE)),e2e/demo-current --down,$(CLUSTER)/down --purge)

.PHONY: build image
build: ## release binaries for this machine
	cargo build --locked --release -p validator -p operator --bins
image: ## static binaries in two scratch images, target/images/*.tar
	@images/build

## Checking it
.PHONY: test
test: ## everything: lints, unit tests, consensus under attack, contracts, chart, operator on a real API server, end to end (needs root)
	@build/run-steps "make test" \
	  machine="build/check-machine" \
	  tools="$(CLUSTER)/build-tools" \
	  lint="make --no-print-directory lint" \
	  sizes="make --no-print-directory sizes" \
	  arch="make --no-print-directory arch" \
	  deny="make --no-print-directory deny" \
	  contracts="make --no-print-directory contracts" \
	  image="WITH=vault-double make --no-print-directory image" \
	  unit="make --no-print-directory unit" \
	  sim="make --no-print-directory sim" \
	  failover="make --no-print-directory failover N=2000 FAILOVERS=0" \
	  model="make --no-print-directory model" \
	  museum="make --no-print-directory museum" \
	  fuzz="make --no-print-directory fuzz" \
	  faults="make --no-print-directory faults" \
	  chart="make --no-print-directory chart" \
	  chart-cluster="make --no-print-directory chart-cluster" \
	  clients="make --no-print-directory clients" \
	  operator="make --no-print-directory operator-test" \
	  operator-mutate="make --no-print-directory operator-mutate MUTATIONS=200" \
	  operator-faults="make --no-print-directory operator-faults PLANS=24 OPT=0" \
	  e2e="make --no-print-directory e2e" \
	  members="SKIP_IMAGES=yes e2e/members story"

.PHONY: lint fmt sizes arch deny
# fuzz/ and e2e/clients/rust/ are workspaces of their own that share no build with this one and ship nothing: formatted and
# measured, but left out of clippy, which would compile all they stand on once more, and of the licence check.
lint: ## formatting, clippy and documentation, warnings denied
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path e2e/clients/rust/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets --features e2e/cluster,operator-trials/real -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --no-deps --document-private-items --features qbft-sim/real
fmt: ## format the Rust code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	cargo fmt --manifest-path e2e/clients/rust/Cargo.toml
sizes: ## files and functions within their bounds
	@build/check-sizes
arch: ## direction rules of the crates
	@build/check-architecture
deny: ## licences, bans and sources of dependencies
	@build/cargo-deny check --hide-inclusion-graph licenses bans sources

.PHONY: evm-conformance rpc-conformance conformance-fixtures
evm-conformance: ## official state and blockchain tests below DIR= over this node's code (ONLY=name TIMEOUT=120 JOBS=0); ends with tests= passed= failed= skipped=
	@$(if $(DIR),,echo 'give a directory of official tests: DIR=…' >&2; exit 2;) cargo run --quiet --locked --release -p conformance -- evm $(DIR) \
	  $(if $(ONLY),--only "$(ONLY)") $(if $(TIMEOUT),--timeout $(TIMEOUT)) $(if $(JOBS),--jobs $(JOBS))
rpc-conformance: ## .io scripts below DIR= over the chain in it (genesis.json, chain.rlp) (ONLY=name MESSAGES=1); ends with files= passed= failed=
	@$(if $(DIR),,echo 'give a directory of execution-apis tests: DIR=…' >&2; exit 2;) cargo run --quiet --locked --release -p conformance -- rpc $(DIR) \
	  $(if $(ONLY),--only "$(ONLY)") $(if $(MESSAGES),--messages)
conformance-fixtures: ## ask go-ethereum's library anew into target/fixtures (needs Go), and show where the committed ones differ or lack an answer
	@rm -rf target/fixtures && cd validator/conformance/fixtures/generate && go run . ../../../../target/fixtures && cd .. && \
	  { diff -rq --exclude=generate --exclude=qbft . ../../../target/fixtures || true; }

.PHONY: unit model fuzz sim sim-night sim-long sim-soak sim-real museum mutants operator-test e2e e2e-standbys drain-nodes e2e-members join-latency clients chart chart-cluster
unit: ## Rust unit, table, golden and process tests
	cargo test --locked --workspace --features operator-trials/real
SIM := cargo run --quiet --locked --release -p qbft-sim --
sim: ## N seeded consensus schedules (N=2000; SEED=… or PLAN="…" replays one; MIXED=1 NODES= HEIGHTS= FROM=)
	@$(if $(SEED)$(PLAN)$(MIXED)$(NODES)$(HEIGHTS)$(FROM),,$(MAKE) --no-print-directory sim-real && $(SIM) --mixed --seeds 300 && )$(SIM) --seeds $(N) $(if $(SEED),--seed $(SEED)) \
	  $(if $(PLAN),--plan "$(PLAN)") $(if $(MIXED),--mixed) $(if $(NODES),--nodes $(NODES)) $(if $(HEIGHTS),--heights $(HEIGHTS)) $(if $(FROM),--from $(FROM))
sim-night: ## schedules of every size until stopped, or for HOURS=; a line a minute
	@$(SIM) --night $(or $(HOURS),0) --from $(or $(FROM),$$(date +%s%N))
sim-long: ## DAYS=40 virtual days of four nodes, a fault every half hour; ends with virtual-years-per-hour=
	@$(SIM) --long $(or $(DAYS),40) --from $(or $(FROM),0)
sim-soak: ## HOURS=24 virtual hours at NODES=31 validators: memory, and messages per block against the formula
	@$(SIM) --soak $(or $(HOURS),24) --nodes $(or $(NODES),31)
museum: ## each bug of the family put into the core, and its test must fail
	@build/museum
mutants: ## every mutant of the core killed or explained (hours; FILES=validator/qbft/src/… for some)
	@build/mutants $(FILES)
# From the tests' debug build, which shares its dependencies with every other test: see docs/adr/0013.
sim-real: ## one schedule for every hundred of N on real keys, bytes, ledgers and the contract (SEED=… or PLAN="…" replays one)
	@cargo test --quiet --locked --workspace --test real_scenarios -- \
	  $(if $(PLAN),--plan "$(PLAN)") $(if $(SEED),--seed $(SEED),--seeds $$(( ($(N) + 99) / 100 )) --from $(or $(FROM),0))
model: ## every state of 4 seats, 2 rounds, 1 liar, 1 crash, by the real core (FULL=1: two crashes too)
	@cargo run --quiet --locked --release -p qbft-sim --bin model -- $(if $(FULL),--full)
fuzz: ## the protocol step and every decoder of bytes from outside (list: fuzz/src/lib.rs), SECONDS=5 each (TARGET=… for one)
	@build/fuzz $(SECONDS) $(TARGET)
operator-test: ## operator against a real API server, with the rights of the chart; ends with granted= unused=0 refused=0
	@kubeconfig=$$($(CLUSTER)/api-up target/api-operator) && trap '$(CLUSTER)/api-down target/api-operator' EXIT && \
	  QUORATE_API_KUBECONFIG=$$kubeconfig cargo test --locked --workspace --test api_server -- --ignored && \
	  VALUES="--set nodePools.aso.enabled=true" build/rbac-audit target/api-operator/audit*.log
.PHONY: blob-test
blob-test: ## network infos in a blob container: token endpoint, workload identity and Azure's storage emulator over https; ends with reasons-told= blob-writes= joined-by-identity=
	@cd e2e/azurite && npm ci --loglevel=error
	@kubeconfig=$$($(CLUSTER)/api-up target/api-blob) && trap '$(CLUSTER)/api-down target/api-blob' EXIT && \
	  QUORATE_API_KUBECONFIG=$$kubeconfig cargo test --quiet --locked --workspace --test api_server -- --ignored --nocapture blob::
.PHONY: vault-test
vault-test: ## keys in a vault: the double of Azure Key Vault, a real API server and its tokens; ends with keys-wanted= keys-made= deaths= reasons-told= seats-passed=
	@kubeconfig=$$($(CLUSTER)/api-up target/api-vault) && trap '$(CLUSTER)/api-down target/api-vault' EXIT && \
	  QUORATE_API_KUBECONFIG=$$kubeconfig cargo test --quiet --locked --workspace --test api_server -- --ignored --nocapture vault::
.PHONY: operator-mutate
# One cargo command with an example: the features are those of the tests, so nothing is compiled anew.
operator-mutate: ## every field of both CRDs edited and undone on a real API server (LEAF=Validator.spec.replicas WHAT='left out' MUTATIONS=60 SEED=1 NAMESPACES=32 PLANT=lost-edit|lost-status: succeeds if that is found); ends with leaves= mutations= unmutated= violations=
	@cargo build --quiet --locked --workspace --bin quorate-operator --example operator_mutate
	@kubeconfig=$$(QUORATE_API_SERVICES=10.0.0.0/16 $(CLUSTER)/api-up target/api-mutate) && trap '$(CLUSTER)/api-down target/api-mutate' EXIT && \
	  QUORATE_API_KUBECONFIG=$$kubeconfig OPERATOR=$${CARGO_TARGET_DIR:-target}/debug/quorate-operator \
	  LEAF='$(LEAF)' MUTATIONS='$(MUTATIONS)' SEED='$(SEED)' NAMESPACES='$(NAMESPACES)' PLANT='$(PLANT)' $${CARGO_TARGET_DIR:-target}/debug/examples/operator_mutate
# An example, as above; our own crates optimised a little, since a plan costs more work than waiting. The API server may keep more
# garbage and more Services than by default.
operator-faults: ## a fault at every write of an operator on a real API server (PLANS=60 SEED=1 for a slice, PLAN="…" replays one, ONLY=/zombie/ JOBS=24 WITHIN=seconds); ends with plans= duplicate-proposals= lost-votes= diverged= keys-lost= quorum-broken=
	@CARGO_PROFILE_DEV_OPT_LEVEL=$(or $(OPT),1) cargo build --quiet --locked --workspace --bin quorate-operator --example operator_faults --features operator-trials/real
	@kubeconfig=$$(GOGC=400 GOMEMLIMIT=3GiB QUORATE_API_SERVICES=10.0.0.0/16 $(CLUSTER)/api-up target/api-faults) && trap '$(CLUSTER)/api-down target/api-faults' EXIT && \
	  QUORATE_API_KUBECONFIG=$$kubeconfig $${CARGO_TARGET_DIR:-target}/debug/examples/operator_faults --operator $${CARGO_TARGET_DIR:-target}/debug/quorate-operator \
	  $(if $(PLAN),--plan "$(PLAN)") $(if $(PLANS),--plans $(PLANS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)") $(if $(JOBS),--jobs $(JOBS)) $(if $(WITHIN),--within $(WITHIN))
.PHONY: vote-faults
vote-faults: ## PLANS=50 crashes, lost transactions and second leaders while a member votes among others (PLAN="votes/…" replays one); ends with plans= duplicate-proposals= lost-votes=
	@$(MAKE) --no-print-directory operator-faults ONLY=votes/ PLANS=$(or $(PLANS),50)
e2e: ## the whole on the embedded cluster, fleets with spares included (needs root)
	@e2e/run
e2e-standbys: ## fleets with a spare, keys in a double of Key Vault, fenced by Leases and by blobs: a holder stopped and woken, moved, its key away, a second cluster, the same manifest twice (needs root; ONLY=lease|blob); ends with standbys= conflicting-signatures= take-over-seconds= full-strength-seconds=
	@ONLY=$(ONLY) e2e/standbys
drain-nodes: ## four validators on three Kubernetes nodes, each drained twice under load (needs root); ends with halted= down-by-choice-max= worst-gap-ms=
	@e2e/drain-nodes
e2e-members: ## four members with operators of their own on the embedded cluster, one of two regions, one behind a load balancer, one whose admin signs elsewhere: join by URL, vote from manifests, expel (needs root); ends with members= seats=
	@e2e/members story
join-latency: ## from the deciding vote to the newcomer's first vote, its node synced before (needs root); fails above 10 s; ends with join-seconds=
	@e2e/members latency
clients: ## ethers, viem, cast, forge, web3.py, ethclient and alloy against live nodes (CLIENTS="node python go rust" for some)
	@e2e/clients/run
chart: ## lint and render the Helm chart, its wrong values refused, its unit tests
	@charts/check
chart-cluster: ## the chart on a real API server: upgrade with a CRD change, deletion guard, uninstall that leaves keys, namespaced mode
	@charts/check-cluster

.PHONY: crds contracts generated governance-property governance-arithmetic governance-gas
crds: ## write crds/ and the chart's copy from the Rust types
	cargo run --quiet --locked -p operator-core --bin crdgen
contracts: ## forge tests, and committed artifacts equal to what solc makes
	@contracts/build --check
	@contracts/test.sh
# From the tests' debug build: see docs/adr/0013.
GOVERNANCE := cargo test --quiet --locked --workspace --test governance_rules --
governance-property: ## N random operations on the governance contract and on its reference model (FROM=seed); ends with operations= per-second= disagreements=
	@$(GOVERNANCE) property --operations $(N) --from $(or $(FROM),0)
governance-arithmetic: ## every vector of votes of up to MEMBERS=7 members against plain counting; ends with members= vote-outcomes= wrong=
	@$(GOVERNANCE) arithmetic --members $(or $(MEMBERS),7)
governance-gas: ## gas of every operation of the governance contract at 200 members and 400 seats; fails above 10 M; ends with operations= gas-max=
	@$(GOVERNANCE) gas
generated: crds ## regenerate everything that is generated, and show what changed
	@contracts/build
	@git diff --exit-code -- crds charts contracts/artifacts

## Measuring it
.PHONY: soak
soak: ## four nodes under light load for MINUTES=10 (PERIOD=2 s blocks); ends with interval errors, round changes, lost
	cargo build --locked --release -p validator --bin quorate-validator --example soak
	@$${CARGO_TARGET_DIR:-target}/release/examples/soak --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator --minutes $(MINUTES) --block-period $(or $(PERIOD),2)

.PHONY: bench-sync bench-rpc bench-snapshot
BENCH_NODE := $${CARGO_TARGET_DIR:-target}/release/examples/bench_node
bench-sync: ## a fresh node catches up with EMPTY=50000 empty and FULL=100 full blocks; ends with empty-blocks-per-second= mgas-per-second=
	cargo build --locked --release -p validator --bin quorate-validator --example bench_node
	@$(BENCH_NODE) sync --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator
bench-rpc: ## reads per second by method against chains of SIZES=1000,10000,100000 blocks, and while blocks are full; ends with call-p50-us= … call-p99-ratio= …
	cargo build --locked --release -p validator --bin quorate-validator --example bench_node
	@$(BENCH_NODE) rpc --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator
bench-snapshot: ## a state of ACCOUNTS=1000000 exported from one node and imported into another; ends with export-seconds= import-seconds=
	cargo build --locked --release -p validator --bin quorate-validator --example bench_node
	@$(BENCH_NODE) snapshot --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator

.PHONY: bench-state
bench-state: ## block time while the state grows to ACCOUNTS=10000000 (minutes, 4 GB of disk); ends with growth= bytes-per-account=
	cargo build --locked --release -p ledger --example state
	@$${CARGO_TARGET_DIR:-target}/release/examples/state --accounts $${ACCOUNTS:-10000000} --json target/bench/state.json
.PHONY: bench-chain
bench-chain: ## four nodes under load (TRANSACTIONS=1000000 KINDS=erc20,storage,payload1k); ends with tps= wall= ratio= and more
	cargo build --locked --release -p validator --bin quorate-validator --example bench_chain
	@$${CARGO_TARGET_DIR:-target}/release/examples/bench_chain --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator

.PHONY: bench-vault
bench-vault: ## VALIDATORS=4 whose keys are in a vault each, BLOCKS=1000 LATENCY=50 THROTTLED=10 (NETWORK=0 PERIOD=1 AWAY=60 OVERLOAD=60; JITTER= RETRY_AFTER= SEED=); ends with missed-percent= added-p99-over-latency= conflicts= … full-strength-seconds=
	cargo build --locked --release -p validator --bin quorate-validator --example bench_vault
	@$${CARGO_TARGET_DIR:-target}/release/examples/bench_vault --binary $${CARGO_TARGET_DIR:-target}/release/quorate-validator

.PHONY: bench-signing
bench-signing: ## what the signing service adds to a vote whose key is in a file, HEIGHTS=2000 with and without it; ends with local-sign-us= direct-sign-us= … vote-path-ratio=
	cargo build --locked --release -p validator --example bench_signing
	@$${CARGO_TARGET_DIR:-target}/release/examples/bench_signing

.PHONY: bench-operator
bench-operator: ## OBJECTS=10000 objects and their children on a real API server, IDLE_MINUTES=10; ends with rss-mb= bytes-per-object= … bulk-1000-seconds=
	cargo build --locked --release -p operator -p operator-trials --bin quorate-operator --bin bench_operator
	@build/bench-operator $${CARGO_TARGET_DIR:-target}/release/quorate-operator $${CARGO_TARGET_DIR:-target}/release/bench_operator

.PHONY: recovery dead-proposer faults reseat failover
failover: ## identities that move between processes: N=10000 scenarios of pauses, crashes, old disks and a bad store, then FAILOVERS=200 real ones; ends with conflicting-signatures= takeover-p99-ms=
	@N=$(if $(filter file,$(origin N)),10000,$(N)) FROM=$(FROM) FAILOVERS=$(FAILOVERS) build/failover
reseat: ## seats lost for good and replaced: SEEDS=2000 in virtual time, then real processes; ends with reseat-seconds= forks=
	@build/reseat
recovery: ## first block after a quorum is back: virtual time, then real processes (needs root); fails above 6 s; ends with worst-recovery-seconds=
	@build/recovery
dead-proposer: ## HEIGHTS=100 heights whose proposer is dead, real processes (needs root); fails above 4 s; ends with dead-height-max-seconds=
	@build/faults dead-proposer --heights $${HEIGHTS:-100}
faults: ## partitions, loss, kills, stops, a full disk, clock steps on real processes (needs root); ends with left-out= forks= stuck=
	@build/faults scenarios

## The embedded cluster
.PHONY: cluster-up cluster-down cluster-status
cluster-up: ## the embedded Kubernetes, NODES=1 to 9 (needs root)
	@$(if $(NODES),QUORATE_CLUSTER_NODES=$(NODES)) $(CLUSTER)/up
cluster-down: ## end it and leave nothing behind
	@$(CLUSTER)/down
cluster-status: ## what of it runs
	@$(CLUSTER)/status
