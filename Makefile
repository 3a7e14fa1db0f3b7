# A thin front for cmake/bootstrap.sh, CMake's presets and ctest. `make` alone lists what there is.
#   PRESET=release|debug|asan|cuda   which build `build` and `test` mean (see CMakePresets.json)
#   CUDA=1                           `deps` also gets the libraries that the cuda preset's programs load
PRESET ?= release
build_folder := $(if $(filter release,$(PRESET)),build,build-$(PRESET))

.PHONY: help deps build test demo bench fuzz format lint clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'
	@sed -nE 's/^#   ([A-Z]+=)/  \1/p' $(firstword $(MAKEFILE_LIST))

deps:  ## install missing Debian packages, unpack LibTorch and MuJoCo into .deps/
	@cmake/bootstrap.sh $(if $(CUDA),cuda)

build: deps  ## build everything; the program is build/strider
	@cmake --preset $(PRESET) > /dev/null
	@cmake --build --preset $(PRESET)

test: build  ## run the tests, except the long ones and the studies (ctest labels `long`, `study`, `learning-study`)
	@ctest --preset $(PRESET)

demo: build  ## train, collect, measure, learn offline, draw: the whole story in one go
	@experiments/demo.sh

bench: build  ## measure speed: environments against the bare physics, training (see experiments/benchmarks for the peers)
	@$(build_folder)/env_step_benchmark
	@experiments/benchmarks/on_policy_speed.py

fuzz: deps  ## let clang's fuzzer feed the dataset readers for ten minutes
	@cmake/bootstrap.sh fuzz
	@tests/fuzz/run.py --seconds 600

format:  ## format the C++ files in place
	@cmake/bootstrap.sh lint
	@git ls-files -z --cached --others --exclude-standard '*.h' '*.cc' | xargs -0 -r clang-format -i

lint:  ## check the format, then run clang-tidy (slow: some minutes)
	@cmake/bootstrap.sh lint
	@cmake/lint.sh

clean:  ## remove what was built; .deps/ stays
	rm -rf build build-debug build-asan build-cuda build-fuzz build-lint
