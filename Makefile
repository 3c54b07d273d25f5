# HIM. Two commands do everything on a fresh Debian 12 with git, make and root (or sudo):
#   make run    packages, build, start here, show what was found
#   make test   packages, sanitizer build, every quick test; last line: N passed, N failed
BUILD  ?= build
SAN    ?= build-san
FUZZ   ?= build-fuzz
PREFIX ?= /usr/local
T      ?= 60
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null

$(SAN)/build.ninja:
	@meson setup $(SAN) -Dtests=true -Dstatic_agent=false -Db_sanitize=address,undefined >/dev/null

$(FUZZ)/build.ninja:
	@CC=clang meson setup $(FUZZ) -Dfuzz=true -Dstatic_agent=false -Db_lundef=false \
		-Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link >/dev/null

deps-run:
	@tools/deps run
deps:
	@tools/deps all

run: deps-run
	@$(MAKE) --no-print-directory all
	@$(SUDO) $(BUILD)/him up

test: deps
	@tools/test

check: deps
	@tools/check-format && tools/check-layers && tools/check-sizes && tools/check-headers && \
	tools/check-banned && tools/attributes --check && tools/openapi --check && tools/check-fuzz

fuzz: deps $(FUZZ)/build.ninja
	@ninja -C $(FUZZ)
	@tools/fuzz $(FUZZ) $(T)

bench: deps all
	@tests/bench/run $(BUILD)

labs: deps all
	@tests/labs/run $(BUILD)

docs:
	@tools/attributes
	@$(BUILD)/him help --man > docs/him.1

install: all
	@DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) packaging/install $(BUILD)

clean:
	rm -rf $(BUILD) $(SAN) $(FUZZ)

.PHONY: all run test check fuzz bench labs docs install clean deps deps-run
