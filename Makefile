# rk: see README.md. `make` builds every program static against musl into build/static; MODE=dyn|asan|pie|cov choose otherwise.
# package/targets lists what is built, one line a program.
#: make                    every program, into build/static; MODE=dyn, asan, pie or cov: another build
#: make check              install what is missing, build, run all tests (MODE=... as above)
#: make check TESTS='...'  only these, for instance TESTS='tests/link/userns.t tests/unit/t-nl'
#: tests/run [-kvx] FILE   the same without installing; -k keeps what a test leaves, -x traces it, -s opens a shell in its place
#: make demo               show what rk does; make bench: compare it; make fuzz: 20 seconds a parser
#: make inject             let each system call of each chain fail once, and judge the end; tests/inject/sample.root.t: a sample
#: make analyze            the compiler's own analysis; tests/build/counts: how dense the code is
#: make install            PREFIX=/usr/local, DESTDIR=; make dist: a tarball; make html: the pages, for a browser
#: make deps               install what building and testing needs; make clean, make distclean
MODE ?= static
PREFIX ?= /usr/local
DESTDIR ?=
include package/info.mk
B := build/$(MODE)
DEPS := build/deps

# "rk-userns","rk-idmap",...: the links of package/targets
LINKS := $(shell awk '$$1 !~ /^\#/ { for (i = 3; i <= NF; i++) if ($$i == "link") { printf "%s\"%s\"", n++ ? "," : "", $$1; break } }' package/targets)

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
BASE := -std=c11 -D_GNU_SOURCE -DRK_VERSION='"$(version)"' -DRK_LINKS='$(LINKS)' $(WARN) -Isrc/include -ffunction-sections -fdata-sections \
 -fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-protector-strong -fno-common -ffile-prefix-map=$(CURDIR)=.
CFLAGS ?=
LDFLAGS ?=
GC := -Wl,--gc-sections

MUSL := $(if $(findstring musl,$(shell cc -dumpmachine 2>/dev/null)),native,debian)
ifeq ($(MUSL),native)
MUSLCC := cc
MUSLPIE := cc
else
MUSLCC := musl-gcc
MUSLPIE := gcc -specs=$(DEPS)/musl.specs
endif
CLANGMUSL := -nostdinc -isystem /usr/include/$(shell gcc -dumpmachine 2>/dev/null | sed 's/-pc-/-/;s/gnu/musl/') -isystem $(shell clang -print-resource-dir 2>/dev/null)/include

STAMP := $(DEPS)/stamp
MUSLINC := -isystem $(DEPS)/include
ifeq ($(MODE),static)
  CCOMP := $(if $(filter clang,$(CC)),clang $(CLANGMUSL),$(MUSLCC)) $(BASE) $(MUSLINC) -Os -fno-pie
  CLINK := $(MUSLCC) -static -no-pie -s $(GC) -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-T,package/static.ld -Wl,--build-id=none -L$(DEPS)/lib
else ifeq ($(MODE),pie)
  CCOMP := $(MUSLPIE) $(BASE) $(MUSLINC) -Os -fPIE
  CLINK := $(MUSLPIE) -static-pie -s $(GC) -Wl,-z,noseparate-code -Wl,-z,relro,-z,now -Wl,--build-id=none -L$(DEPS)/lib
else ifeq ($(MODE),cov)
  CCOMP := $(MUSLCC) $(BASE) $(MUSLINC) -O0 -g --coverage -fno-pie
  CLINK := $(MUSLCC) -static -no-pie --coverage -L$(DEPS)/lib -Wl,--wrap=execve,--wrap=_exit
  COVSHIM := $(B)/obj/tests/covshim.o
else ifeq ($(MODE),dyn)
  CCOMP := $(CC) $(BASE) -O2 -g -fPIE -D_FORTIFY_SOURCE=2
  CLINK := $(CC) -pie $(GC) -Wl,-z,relro,-z,now
  STAMP :=
else ifeq ($(MODE),asan)
  CCOMP := $(CC) $(BASE) -O1 -g -fPIE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
  CLINK := $(CC) -pie -fsanitize=address,undefined
  STAMP :=
else
  $(error MODE is static, pie, dyn, asan or cov, not $(MODE))
endif

LIBRK_SRC := $(sort $(wildcard src/librk/*.c))
LIBRK_OBJ := $(LIBRK_SRC:%.c=$(B)/obj/%.o)

all: programs
-include $(B)/targets.mk
# a folder is changed when a file comes or goes
$(B)/targets.mk: package/targets package/targets.awk Makefile $(wildcard src/*/. src/*/*/.)
	@mkdir -p $(B)
	@awk -v B=$(B) -f package/targets.awk package/targets > $@.new && mv $@.new $@

programs: $(B)/librk.a $(PROGRAMS)
test-programs: $(TESTPROGRAMS)

$(B)/obj/%.o: %.c Makefile package/info.mk | $(STAMP)
	@mkdir -p $(@D)
	$(CCOMP) $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/obj/src/librk/rk_order_link.o: package/targets
$(B)/librk.a: $(LIBRK_OBJ)
	@rm -f $@ && ar rcsD $@ $^
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# no prerequisite: a library is built once; after a change of package/libs, make distclean
$(DEPS)/stamp:
	package/libs $(DEPS)

# The compiler's own analysis of every file; nothing is kept. gcc 12 takes a pointer kept in a structure behind a pointer for a leak.
analyze: | $(STAMP)
	@find src tests -name '*.c' ! -path 'tests/fuzz/*' ! -name covshim.c | LC_ALL=C sort | xargs -P 2 -I F $(CCOMP) -O2 -fanalyzer -Wno-analyzer-malloc-leak -fdiagnostics-plain-output -c -o /dev/null F

check:
	package/check -m $(MODE) $(TESTS)
demo bench fuzz inject:
	package/$@
help:
	@sed -n 's/^#: //p' Makefile
deps:
	package/deps
# the manual pages, for a browser
html:
	@mkdir -p build/html
	@set -e; for p in doc/*.[1-9]; do mandoc -Thtml -O 'man=%N.%S.html' $$p > build/html/$${p##*/}.html; done; echo build/html
install: programs
	package/install $(B) "$(DESTDIR)" "$(PREFIX)"
dist:
	package/dist $(package) $(version)
clean:
	rm -rf build/static build/pie build/dyn build/asan build/cov build/clang build/clang-dyn build/dist build/html
distclean:
	rm -rf build
.PHONY: all help analyze programs test-programs check demo bench fuzz inject deps install dist clean distclean
.DELETE_ON_ERROR:
