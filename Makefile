# The front door. Everything here is CMake (presets: CMakePresets.json), ctest and scripts; see CONTRIBUTING.md.
#
#   make build      the program, at build/cutaway
#   make test       build everything with its tests and run them; with CUDA where the toolkit is installed
#   make sanitize   the CPU suites under AddressSanitizer and UndefinedBehaviorSanitizer
#   make threads    CPU suites, and two runs in one process, under ThreadSanitizer
#   make demo       explain a few pictures, without CUDA; look at out/demo/report.html
#   make bench      time the program on this machine
#   make format     clang-format all sources; format-check only says which lines it would change
#   make tidy       clang-tidy all sources of the CPU build
#   make install    into PREFIX (default /usr/local)
#   make clean      remove what the above made

SHELL := /bin/bash
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

NVCC := $(or $(shell command -v nvcc),$(wildcard /usr/local/cuda/bin/nvcc))
ifneq ($(NVCC),)
export CUDACXX ?= $(NVCC)
PRESET ?= ci
else
PRESET ?= release
endif

# Where CTEST writes its results, which tests/support/count.sh reads.
RESULTS := results.xml
CTEST := ctest --output-on-failure --no-tests=error --output-junit $(RESULTS) --test-output-size-passed 10000000
SOURCES = $(shell git ls-files -co --exclude-standard -- '*.h' '*.cpp' '*.inl' '*.cu' '*.cuh')

space := $(subst ,, )

.PHONY: build test sanitize threads demo bench format format-check tidy install clean setup configure

build: configure
	cmake --build build --target cutaway -j $(JOBS)

setup:
	@tools/setup.sh

configure: setup
	@cmake --preset $(PRESET)

# The suites that failed are shown in full, then what ran, what was skipped and why; the last line counts tests.
test: configure
	@rm -f build/$(RESULTS)
	cmake --build build -j $(JOBS)
	@$(CTEST) --test-dir build; status=$$?; \
	  tests/support/count.sh build/$(RESULTS) || status=1; exit $$status

# SUITES="runtime kernels" builds and runs these alone.
sanitize: setup
	@rm -f build-dev/$(RESULTS)
	cmake --preset dev
	cmake --build --preset dev -j $(JOBS) $(if $(SUITES),--target $(addprefix test_,$(SUITES)))
	@export UBSAN_OPTIONS=print_stacktrace=1; \
	  $(CTEST) --test-dir build-dev $(if $(SUITES),-R '^($(subst $(space),|,$(strip $(SUITES))))$$'); status=$$?; \
	  echo "Under AddressSanitizer and UndefinedBehaviorSanitizer:"; \
	  tests/support/count.sh build-dev/$(RESULTS) || status=1; exit $$status

threads: setup
	cmake --preset threads
	cmake --build --preset threads -j $(JOBS) --target $(addprefix test_,$(or $(SUITES),runtime kernels layers explain) tools)
	tests/support/threads.sh build-threads $(addprefix test_,$(SUITES))

# Without CUDA, which nothing in the demo needs.
demo: setup
	@cmake --preset cpu
	cmake --build build-cpu --target cutaway -j $(JOBS)
	tools/demo.sh build-cpu/cutaway out/demo

bench: build
	build/cutaway bench vgg16 --pass forward --batch 1
	build/cutaway bench vgg16 --pass saliency --batch 1
	build/cutaway bench googlenet-caffe --pass forward --batch 1
	build/cutaway bench googlenet-caffe --pass saliency --batch 1

format:
	@tools/setup.sh --dev
	clang-format -i $(SOURCES)

format-check:
	@tools/setup.sh --dev
	tests/tree/check_format.sh

tidy: setup
	@tools/setup.sh --dev
	cmake --preset dev
	git ls-files -co --exclude-standard -- '*.cpp' | grep -vE '^tests/|/cuda/' | \
	  xargs -P $(JOBS) -n 1 clang-tidy --quiet -p build-dev

install: configure
	cmake --build build -j $(JOBS)
	cmake --install build --prefix $(PREFIX)

clean:
	rm -rf build build-cpu build-dev build-gpu build-threads out
