# What one does with the lab. `make` alone lists it.

CARGO   ?= cargo
TARGET  := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
PROGRAM := $(TARGET)/release/proxy-lab

.DEFAULT_GOAL := help
.PHONY: help lab check watch test verify docs soak bench build toolchain

help: ## list these commands
	@echo "make COMMAND, where COMMAND is"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# The program runs as a job of its own where there is a terminal: Ctrl-C then reaches the program
# and not make, which would call an orderly end an error. What the program has to say it has said:
# make adds nothing to it.
lab: build ## build the lab and start both servers; Ctrl-C stops them
	@if [ -t 0 ]; then set -m; fi; "$(PROGRAM)" || true

# The program has said what is wrong; its exit code is for those who call it themselves.
check: build ## grade the exercise that you started
	@"$(PROGRAM)" check || true

watch: build ## grade it again on every save; q ends it
	@"$(PROGRAM)" watch || true

test: toolchain ## run the project's tests
	$(CARGO) test --locked

# The lab beside nginx, by cases and by chance; the README's commands under nginx; the course, proved;
# the pages in Chromium; a minute of random input for the parsers.
verify: toolchain ## compare with real nginx 1.22.1, byte by byte; a browser; a minute of fuzzing
	$(CARGO) test --locked --features verify --test differential --test random --test config_under_nginx \
	    --test uris_under_nginx
	$(CARGO) test --locked --features verify --test proofs
	$(CARGO) test --locked --features verify --test lesson_under_nginx --test browser
	$(CARGO) test --locked --features verify --test course real_nginx
	$(CARGO) test --locked --features verify --test fuzz -- --nocapture

docs: toolchain ## write docs/directives.md from the tables of nginx's language
	PROXY_LAB_RECORD=1 $(CARGO) test --locked --quiet --test reference

# Debug builds notice overflows, and are quick enough. RANDOM_SECONDS bounds the last hour.
soak: toolchain ## the long form of it: millions of fresh inputs, an hour of fresh configurations
	FUZZ_INPUTS=2000000 $(CARGO) test --locked --features verify --test fuzz -- --nocapture
	PROPTEST_CASES=50000 $(CARGO) test --locked --features verify --test wire_properties
	PROXY_LAB_SOAK=1 $(CARGO) test --locked --features verify --test random

bench: build ## measure speed beside real nginx 1.22.1 (under six minutes)
	$(CARGO) bench --locked --bench beside_nginx

build: toolchain
	@if [ -x "$(PROGRAM)" ]; then quiet=--quiet; else quiet=; \
	    echo "Building the lab. The first time takes about 3 minutes on two cores; later starts take a second."; \
	fi; $(CARGO) build --locked --release --bin proxy-lab $$quiet

# Says what to type where Rust or a C compiler is missing, or Rust is older than Cargo.toml asks.
toolchain:
	@wanted=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); \
	if ! command -v $(CARGO) >/dev/null 2>&1; then \
	    echo "The lab is written in Rust, and there is no cargo here. Install Rust $$wanted or newer with"; \
	    echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"; \
	    echo "then open a new terminal and try again."; \
	    exit 1; \
	fi; \
	found=$$($(CARGO) --version | awk '{print $$2}'); \
	if ! printf '%s %s\n' "$$found" "$$wanted" | \
	    awk '{split($$1, f, "."); split($$2, w, "."); exit !(f[1] > w[1] || f[1] == w[1] && f[2]+0 >= w[2]+0)}'; \
	then \
	    echo "The lab needs Rust $$wanted or newer, and this is $$found. Update it with"; \
	    echo "  rustup update stable"; \
	    exit 1; \
	fi; \
	if ! command -v $${CC:-cc} >/dev/null 2>&1; then \
	    echo "A C compiler is needed, for the library of nginx's regular expressions. Install one with"; \
	    echo "  sudo apt-get install build-essential     (Debian, Ubuntu, WSL2)"; \
	    echo "  xcode-select --install                   (macOS)"; \
	    exit 1; \
	fi
