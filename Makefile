# Everything a newcomer needs is one of these words. `make demo` and `make test` do all set-up themselves.
SWIFT ?= swift
# Tuned to the machine it is built on; ARCH= builds for the baseline, ARCH=x86-64-v3 for that level.
ARCH ?= native
FLAGS = -c release $(if $(ARCH),-Xcc -march=$(ARCH))
PACKAGES = libopenblas-dev libncurses-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev pkg-config

.PHONY: demo test build dependencies swift-version format lint bench torture fuzz clean

demo: build
	.build/release/frostline

test: dependencies swift-version
	$(SWIFT) test $(FLAGS)

build: dependencies swift-version
	$(SWIFT) build $(FLAGS) --product frostline

dependencies:
	@sh .ci/dependencies $(PACKAGES)

swift-version:
	@sh .ci/swift-version $(SWIFT)

bench: build
	for strategy in full partial head; do .build/release/frostline bench --strategy $$strategy; done
	.build/release/frostline bench --mode eval

# Kills each kind of run so often at random moments, resumes it, and compares every loss bit for bit.
KILLS ?= 20
torture: dependencies swift-version
	FROSTLINE_TORTURE=$(KILLS) $(SWIFT) test $(FLAGS) --filter TortureTests

# Hands every reader so many spoiled inputs: pickles and zips, safetensors, six picture formats, JSON, TOML.
INPUTS ?= 1000000
fuzz: dependencies swift-version
	FROSTLINE_FUZZ=$(INPUTS) $(SWIFT) test $(FLAGS) --filter FuzzTests

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build
