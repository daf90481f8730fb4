# SPDX-License-Identifier: GPL-3.0-or-later
#
#   make                 all programs and tools, in build/bin
#   make check           everything from a bare machine on: dependencies, build, all tests (as root: lab tests, too)
#   make demo            dependencies, build, then a tour in network namespaces (as root)
#   make bench           measures beside other VPNs, results in docs/bench (as root, most of an hour)
#   make deps unit lab-tests fuzz lint format clean install
#
#   VARIANT=asan         with address and undefined-behaviour sanitizers, in build/asan
#   VARIANT=tsan         with the thread sanitizer, in build/tsan
#   CC=clang  WERROR=1  V=1  BUILD=folder  FUZZ_SECONDS=10  PREFIX=/usr/local  DESTDIR=
#   WOLFSSL=system       the wolfSSL that pkg-config knows, not the one that scripts/deps builds
#
# Sources are found by wildcard, and the layers are kept apart by the archives that they land in:
#
#   */pure/*.c      libpure.a    no I/O: scripts/pure-symbols checks what the archive calls
#   common/io/*.c   libio.a      may use libpure
#   D/*.c           libD.a       a daemon without its main file; may use libio and libpure
#   D/D.c           bin/D        composition root
#   D/TOOL_*.c      libTOOL.a    uses libio and libpure only
#   D/TOOL.c        bin/TOOL     the tool's main file

DAEMONS := accessd relayd vpnd
TOOLS   := accessctl relayctl vpnctl
tool_of_accessd := accessctl
tool_of_relayd  := relayctl
tool_of_vpnd    := vpnctl

VERSION := $(shell cat VERSION)
VARIANT ?= plain
BUILD   ?= build$(if $(filter-out plain,$(VARIANT)),/$(VARIANT))
PREFIX  ?= /usr/local
FUZZ_SECONDS ?= 10
# Where the shells look; Debian's zsh has another folder for packages, zsh_completions=/usr/share/zsh/vendor-completions.
bash_completions ?= $(PREFIX)/share/bash-completion/completions
zsh_completions  ?= $(PREFIX)/share/zsh/site-functions
export BUILD WOLFSSL

ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

Q   := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' '$1' '$2')
# In recipes: as many jobs as processors, unless this make was given -j itself.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

# --- libraries ---------------------------------------------------------------------------------------------

ifeq ($(WOLFSSL),system)
wolfssl_cflags  := $(shell pkg-config --cflags wolfssl 2>/dev/null)
wolfssl_libs    := $(shell pkg-config --libs wolfssl 2>/dev/null)
wolfssl_archive :=
else
wolfssl_prefix  := $(shell scripts/deps --prefix)
wolfssl_cflags  := -I$(wolfssl_prefix)/include
wolfssl_archive := $(wolfssl_prefix)/lib/libwolfssl.a
wolfssl_libs    := $(wolfssl_archive)
endif

packages    := libuv libnl-3.0 libnl-route-3.0 inih jansson sqlite3 libqrencode
lib_cflags  := $(wolfssl_cflags) $(shell pkg-config --cflags $(packages) 2>/dev/null)
# As system headers, so that our warnings are about our code.
lib_cflags  := $(patsubst -I%,-isystem %,$(lib_cflags))
lib_libs    := $(wolfssl_libs) $(shell pkg-config --libs $(packages) 2>/dev/null) -lm -lpthread

# --- flags -------------------------------------------------------------------------------------------------

is_clang := $(findstring clang,$(shell $(CC) --version 2>/dev/null))

warnings := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align -Wpointer-arith \
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wnull-dereference -Wimplicit-fallthrough -Wredundant-decls
gcc_warnings := -Wduplicated-cond -Wduplicated-branches -Wlogical-op

hardening_plain := -O2 -D_FORTIFY_SOURCE=2 -fstack-clash-protection
# Fortified functions would hide accesses from the sanitizers.
hardening_asan  := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
hardening_tsan  := -O1 -fno-omit-frame-pointer -fsanitize=thread
hardening_fuzz  := $(hardening_asan) -fsanitize=fuzzer-no-link
link_asan       := -fsanitize=address,undefined
link_tsan       := -fsanitize=thread
link_fuzz       := $(link_asan)
ifeq ($(hardening_$(VARIANT)),)
$(error VARIANT is plain, asan or tsan, not $(VARIANT))
endif

# Times after 2038 on 32-bit systems, too.
wide_time := -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
cppflags := -I. -D_GNU_SOURCE $(wide_time) -DFARLAN_VERSION='"$(VERSION)"' $(lib_cflags)
cflags   := -std=gnu11 -g $(warnings) $(if $(is_clang),,$(gcc_warnings)) $(hardening_$(VARIANT)) \
	-fstack-protector-strong -fPIE -fvisibility=hidden
ldflags  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(link_$(VARIANT))

compile = $(CC) $(cppflags) $(cflags) $(CPPFLAGS) $(CFLAGS) $(extra) $(if $(WERROR),-Werror) -MMD -MP -c -o $@ $<
link    = $(CC) $(cflags) $(CFLAGS) $(ldflags) $(LDFLAGS) -o $@ $1 $(lib_libs)

# --- sources -----------------------------------------------------------------------------------------------

obj  = $(patsubst %.c,$(BUILD)/obj/%.o,$1)
lib  = $(patsubst %,$(BUILD)/lib/lib%.a,$1)

tool_src    = $(sort $(wildcard $1/$(tool_of_$1)*.c))
unit_main  := $(sort $(wildcard tests/unit/test_*.c))
fuzz_main  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
net_main   := $(sort $(wildcard tests/net/*.c))

sources_pure     := $(sort $(wildcard common/pure/*.c $(DAEMONS:%=%/pure/*.c)))
sources_io       := $(sort $(wildcard common/io/*.c))
# What the unit tests share.
sources_testutil := $(filter-out $(unit_main),$(sort $(wildcard tests/unit/*.c)))
$(foreach d,$(DAEMONS),$(eval sources_$d := \
	$(filter-out $d/$d.c $(call tool_src,$d),$(sort $(wildcard $d/*.c)))))
$(foreach d,$(DAEMONS),$(eval sources_$(tool_of_$d) := \
	$(filter-out $d/$(tool_of_$d).c,$(call tool_src,$d))))

have_daemons := $(foreach d,$(DAEMONS),$(if $(wildcard $d/$d.c),$d))
have_tools   := $(foreach d,$(DAEMONS),$(if $(wildcard $d/$(tool_of_$d).c),$(tool_of_$d)))
missing      := $(filter-out $(have_daemons) $(have_tools),$(DAEMONS) $(TOOLS))

programs  := $(addprefix $(BUILD)/bin/,$(have_daemons) $(have_tools))
unit_bin  := $(unit_main:tests/unit/%.c=$(BUILD)/tests/%)
fuzz_bin  := $(fuzz_main:tests/fuzz/%.c=$(BUILD)/fuzz/%)
net_bin   := $(net_main:tests/net/%.c=$(BUILD)/tests/net/%)

# --- goals -------------------------------------------------------------------------------------------------

.PHONY: all libs tests notice deps check demo bench unit lab-tests fuzz fuzz-run lint install clean FORCE

all: $(programs) libs | notice
libs: $(call lib,pure io $(DAEMONS) $(TOOLS))
tests: $(unit_bin) $(fuzz_bin) $(net_bin)

notice:
	$(if $(missing),@printf '  SKIP  %s: no main file yet\n' $(missing))

deps:
	scripts/deps

check: deps
	+$(Q)$(MAKE) $(parallel) all tests
	$(Q)scripts/check

demo: deps
	+$(Q)$(MAKE) $(parallel) all $(BUILD)/tests/net/wire
	$(Q)scripts/demo

bench: deps
	+$(Q)$(MAKE) $(parallel) all $(net_bin)
	$(Q)scripts/bench

unit: all $(unit_bin)
	$(Q)scripts/check unit

lab-tests: all $(net_bin)
	$(Q)scripts/check lab

fuzz:
	+$(Q)$(MAKE) $(parallel) CC=clang VARIANT=fuzz BUILD=build/libfuzzer fuzz-run

install: all
	install -d '$(DESTDIR)$(PREFIX)/sbin' '$(DESTDIR)$(PREFIX)/bin'
	$(if $(have_daemons),install -m 755 $(have_daemons:%=$(BUILD)/bin/%) '$(DESTDIR)$(PREFIX)/sbin')
	$(if $(have_tools),install -m 755 $(have_tools:%=$(BUILD)/bin/%) '$(DESTDIR)$(PREFIX)/bin')
	install -d '$(DESTDIR)$(bash_completions)' '$(DESTDIR)$(zsh_completions)'
	$(BUILD)/bin/accessctl completion bash >'$(DESTDIR)$(bash_completions)/accessctl'
	$(BUILD)/bin/accessctl completion zsh >'$(DESTDIR)$(zsh_completions)/_accessctl'

clean:
	rm -rf build $(BUILD)

# --- rules -------------------------------------------------------------------------------------------------

# Files that change only when their content does: objects are made again when the flags change (-Werror apart),
# an archive when one of its sources comes or goes.
remember = $(Q)mkdir -p $(@D); printf '%s\n' $1 | cmp -s - $@ || printf '%s\n' $1 >$@
$(BUILD)/flags: FORCE
	$(call remember,'$(subst ','\'',$(CC) $(cppflags) $(cflags) $(CPPFLAGS) $(CFLAGS) $(ldflags) $(LDFLAGS) $(lib_libs))')
$(BUILD)/lib/lib%.list: FORCE
	$(call remember,'$(sources_$*)')

ifneq ($(wolfssl_archive),)
$(wolfssl_archive):
	@test -e $@ || { echo 'wolfSSL is not there yet: run scripts/deps (or: make deps)' >&2; exit 1; }
endif

$(BUILD)/obj/%.o: %.c Makefile $(BUILD)/flags | $(wolfssl_archive)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(compile)

# libFuzzer finds its entry by name, there is no header for it. cmocka hands every test a state.
$(BUILD)/obj/tests/fuzz/%.o: private extra := -Wno-missing-prototypes
$(BUILD)/obj/tests/unit/%.o: private extra := -Wno-unused-parameter

# Thin archives name objects by their path, so that two folders may have files of the same name.
define archive =
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)ar qcsTD $@ $(filter %.o,$^)
endef

define archive_rule
$$(BUILD)/lib/lib$1.a: $$(call obj,$$(sources_$1)) $$(BUILD)/lib/lib$1.list
	$$(archive)
	$$(if $$(filter pure,$1),$$(Q)scripts/pure-symbols $$@)
endef
$(foreach a,pure io testutil $(DAEMONS) $(TOOLS),$(eval $(call archive_rule,$a)))
$(BUILD)/lib/libpure.a: scripts/pure-symbols scripts/pure-symbols.allow

define daemon_rules =
$$(BUILD)/bin/$1: $$(call obj,$1/$1.c) $$(call lib,$1 io pure)
$$(BUILD)/bin/$$(tool_of_$1): $$(call obj,$1/$$(tool_of_$1).c) $$(call lib,$$(tool_of_$1) $1 io pure)
endef
$(foreach d,$(DAEMONS),$(eval $(call daemon_rules,$d)))

# A test is linked with those daemons and tools whose headers it includes: two daemons may use the same name.
define use_daemon =
$(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(filter tests/unit/%,$2)) \
$(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(filter tests/fuzz/%,$2)) \
$(patsubst tests/net/%.c,$(BUILD)/tests/net/%,$(filter tests/net/%,$2)) $(BUILD)/.none: $(call lib,$1)
endef
test_main := $(unit_main) $(fuzz_main) $(net_main)
includers = $(if $(test_main),$(shell grep -lE '^ *# *include +"$1' $(test_main)))
$(foreach d,$(DAEMONS),$(eval $(call use_daemon,$d,$(call includers,$d/))))
$(foreach d,$(DAEMONS),$(eval $(call use_daemon,$(tool_of_$d),$(call includers,$d/$(tool_of_$d)\.))))

$(unit_bin): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/lib/libtestutil.a
$(unit_bin): private lib_libs += -lcmocka
$(fuzz_bin): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o
ifeq ($(VARIANT),fuzz)
$(fuzz_bin): private ldflags += -fsanitize=fuzzer
else
$(fuzz_bin): $(call obj,tests/fuzz/replay.c)
endif
$(net_bin): $(BUILD)/tests/net/%: $(BUILD)/obj/tests/net/%.o
$(unit_bin) $(fuzz_bin) $(net_bin): $(call lib,io pure)

# Archives in the order of the layers: each calls only those behind it.
in_order = $(filter %.o,$^) $(filter $(call lib,$(TOOLS)),$^) $(filter $(call lib,testutil $(DAEMONS)),$^) $(filter $(call lib,io),$^) $(filter $(call lib,pure),$^)
$(programs) $(unit_bin) $(fuzz_bin) $(net_bin): $(BUILD)/flags $(wolfssl_archive)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(call link,$(in_order))

# libFuzzer keeps new inputs in the first folder, the tree's corpus stays as it is.
fuzz-run: $(fuzz_bin)
	$(Q)for f in $(notdir $(fuzz_bin)); do \
		mkdir -p $(BUILD)/corpus/$$f $(BUILD)/findings; \
		echo "  FUZZ  $$f, $(FUZZ_SECONDS) s"; \
		$(BUILD)/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/findings/$$f- $(BUILD)/corpus/$$f \
			$$(find tests/fuzz/corpus/$${f#fuzz_} -maxdepth 0 2>/dev/null) || exit 1; \
	done

# --- lint --------------------------------------------------------------------------------------------------

c_dirs    := $(wildcard common $(DAEMONS) tests scripts)
c_all     := $(sort $(shell find $(c_dirs) -name '*.[ch]'))
# Tests do on purpose what the analysers warn of (malloc(0), truncated input): compilers and sanitizers check those.
c_product := $(sort $(wildcard $(foreach d,common $(DAEMONS),$d/*.c $d/*/*.c)))
shells    := $(sort $(shell grep -lsE '^\#!/(bin/sh|bin/bash|usr/bin/env (bash|bats))' .ci/* scripts/* scripts/*/* tests/*/*))

.PHONY: format lint-format lint-tidy lint-cppcheck lint-shell
lint: lint-format lint-shell lint-cppcheck lint-tidy

format:
	clang-format -i $(c_all)

lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(c_all)

lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck -x -P SCRIPTDIR $(shells)

# Without the macros of sys/queue.h it understands nothing. It guesses wrongly about what is suppressed here, where
# clang's analyser and the sanitizers are right.
cppcheck_flags = --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
	--include=$(filter %/queue.h,$(shell printf '\043include <sys/queue.h>\n' | $(CC) -E -M -x c -)) \
	$(addprefix --suppress=,missingIncludeSystem memleak autoVariables arrayIndexOutOfBounds arrayIndexOutOfBoundsCond)

lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)cppcheck $(cppcheck_flags) -I. -D_GNU_SOURCE $(wide_time) -DFARLAN_VERSION='"$(VERSION)"' $(c_product)

lint-tidy:
	$(call say,LINT,clang-tidy)
	$(Q)clang-tidy --version >/dev/null
	$(Q)printf '%s\n' $(c_product) | xargs -P "$$(nproc)" -I '{}' clang-tidy --quiet '{}' -- \
		-std=gnu11 $(cppflags) 2>/dev/null

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d)
