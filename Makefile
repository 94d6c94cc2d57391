# Everything a newcomer needs is one of these words. `make demo` and `make test` do all set-up themselves.
SWIFT ?= swift
FLAGS = -c release
PACKAGES = libopenblas-dev libncurses-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev pkg-config
# Tests need these too; what is built without one says so where it meets such a picture.
PICTURE_PACKAGES = libgif-dev libheif-dev libavif-dev libjxl-dev
# For training in several ranks: tests need it; what is built without does all but that.
MPI_PACKAGES = libopenmpi-dev openmpi-bin

.PHONY: install uninstall package docs-test reference demo test build dependencies mpi-dependencies swift-version format lint bench bench-scaling bench-ranks build-benchmarks torture fuzz tsan asan preview-error frame-time terminals soak processors clean

demo: build
	.build/release/frostline

# All at once, engines and programs in pseudo-terminals starve each other: four tests at a time.
LIMITED = SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4

test: dependencies mpi-dependencies swift-version
	$(LIMITED) $(SWIFT) test $(FLAGS)

build: dependencies swift-version
	$(SWIFT) build $(FLAGS) --product frostline
	$(SWIFT) build $(FLAGS) --product frostline-mpi

# Where `make install` puts things; DESTDIR is put before all of it. What is built already is installed as it is, so a
# checkout may be read-only and another user's.
PREFIX ?= /usr/local
DESTDIR ?=
BUILD = .build/release
install: $(if $(wildcard .build/release/frostline),,build)
	@sh .ci/install $(BUILD) "$(DESTDIR)$(PREFIX)"

uninstall:
	@sh .ci/install --remove "$(DESTDIR)$(PREFIX)"

# A Debian package that needs no Swift where it is installed.
package: dependencies mpi-dependencies swift-version
	@sh .ci/dependencies dpkg-dev libcurl4-openssl-dev
	@SWIFT="$(SWIFT)" sh .ci/package

# Runs every command of the pages, each page's in its order and in a folder of its own. The reference has forms instead of
# commands, and a test of its own.
docs-test: build
	@sh .ci/docs-test .build/release/frostline README.md $(filter-out docs/reference.md,$(wildcard docs/*.md))

# docs/reference.md and the settings' text in it, from the program's own definitions.
reference: build
	.build/release/frostline manual --markdown > docs/reference.md

dependencies:
	@sh .ci/dependencies $(PACKAGES)
	@sh .ci/dependencies --optional $(PICTURE_PACKAGES)

mpi-dependencies:
	@sh .ci/dependencies $(MPI_PACKAGES)

swift-version:
	@sh .ci/swift-version $(SWIFT)

# PYTHON= names a Python with torch to run against, DATA= a picture folder, WEIGHTS= a checkpoint; ROUNDS=, THREADS= and
# ROWS= (words of `frostline-benchmarks --help`) change what is measured. Benchmarks/README.md says what the rows mean.
BENCHMARKS = .build/release/frostline-benchmarks
SIDES = $(if $(PYTHON),--python $(PYTHON)) $(if $(THREADS),--threads $(THREADS))

bench: build-benchmarks
	@$(BENCHMARKS) compare $(SIDES) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(DATA),--data $(DATA)) \
		$(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(ROWS),--rows $(ROWS))

bench-ranks: build-benchmarks
	@$(BENCHMARKS) ranks $(SIDES) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-scaling: build-benchmarks
	@$(BENCHMARKS) scaling $(SIDES)

build-benchmarks: build
	$(SWIFT) build $(FLAGS) --product frostline-benchmarks

# Kills each kind of run so often at random moments, resumes it, and compares every loss bit for bit; once more with five
# times as many attached clients that are killed.
KILLS ?= 20
torture: dependencies swift-version
	FROSTLINE_TORTURE=$(KILLS) $(SWIFT) test $(FLAGS) --filter TortureTests

# Hands every reader so many spoiled inputs: pickles and zips, safetensors, ten picture formats, JSON, TOML, messages.
INPUTS ?= 1000000
fuzz: dependencies swift-version
	FROSTLINE_FUZZ=$(INPUTS) $(SWIFT) test $(FLAGS) --filter FuzzTests

# ThreadSanitizer over what threads share: kernels and their pool, engine, save queue, mailbox, loaders, the run's server, ranks.
tsan: dependencies mpi-dependencies swift-version
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/tsan.suppressions $(LIMITED) \
		$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --filter \
		'everyTaskIsDone|BitsDoNotDependOnThreads|SameBitsComeOut|EngineTests|SaveQueueTests|CommandInboxTests|LoaderTests|ServerTests|commands take hold at the same step|MPIRanksTests|LostRankTests'

# The same program as an old, an AVX2 and this processor, the first two emulated: the first losses must agree.
processors: build
	@sh .ci/dependencies qemu-user binutils
	Tests/processors.sh .build/release/frostline

# AddressSanitizer over kernels, network and the readers of files; without leaks, as Swift's runtime keeps its metadata.
asan: dependencies swift-version
	ASAN_OPTIONS=detect_leaks=0 $(LIMITED) $(SWIFT) test --sanitize=address --scratch-path .build-asan \
		--filter '(Kernels|Model|Checkpoints|Images)Tests\.'

# How far the dashboard's forecast of a step is from the clock, over many masks.
preview-error: dependencies swift-version
	TIMED_TESTS=1 $(SWIFT) test $(FLAGS) --filter StepCostTests

# How long frames take, in every view at three sizes (none longer than 16 ms), and a key through the socket and back.
frame-time: dependencies swift-version
	TIMED_TESTS=1 $(SWIFT) test $(FLAGS) --filter 'FrameTimeTests|AttachLatencyTests'

# Random keys and resizes in tmux, 5 sizes by 4 kinds of terminal: all must end well and leave the terminal as it was.
terminals: build
	@sh .ci/dependencies tmux
	Tests/terminals.sh .build/release/frostline

# A run of so many minutes with random keys, saves and resizes: every step once in its record, and flat memory.
MINUTES ?= 20
soak: build
	@sh .ci/dependencies tmux
	Tests/soak.sh .build/release/frostline $(MINUTES)

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	@sh .ci/check-imports

clean:
	rm -rf .build .build-tsan .build-asan
