# Lutra: make, make chat, make demo, make test, make check, make install. `make help` lists all.
# Nothing but a C11 compiler and make. Every object goes to $(BUILD); flags of instruction-set files come
# from their suffix (_avx2.c ...), never from the machine this runs on.

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= cc
AR      ?= ar
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

# parallel by itself
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
endif

WARN    := -Wall -Wextra -Wundef -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
CFLAGS  ?= -O2 -g
# what of the system is visible: make portable asks for POSIX alone
SYSTEM  ?= -D_GNU_SOURCE
# one set of objects for the program and both libraries: -fPIC costs nothing on 64-bit machines
BASE    := -std=c11 $(SYSTEM) -I. $(WARN) -ffp-contract=off -fno-math-errno -fvisibility=hidden -pthread -fPIC
ifeq ($(DEBUG),1)
CFLAGS  := -O1 -g
else
BASE    += -DNDEBUG
endif
ifdef SANITIZE
BASE    += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK    += -fsanitize=$(SANITIZE)
endif
ifeq ($(WERROR),1)
BASE    += -Werror
endif
# one file that needs nothing of its system: STATIC=1, with glibc or CC=musl-gcc
ifeq ($(STATIC),1)
LINK    += -static
endif
LIBS    := -lm -pthread
ifeq ($(HWLOC),1)
BASE    += -DLUTRA_HWLOC
LIBS    += -lhwloc
endif

MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64% amd64%,$(MACHINE)),)
ISA     := x86
else ifneq ($(filter aarch64% arm64%,$(MACHINE)),)
ISA     := arm
else
$(error Lutra builds for x86-64 and 64-bit ARM (ARMv8); this compiler makes $(MACHINE). On a 32-bit Raspberry Pi OS install the 64-bit system)
endif

# Windows lacks POSIX; kernels/win and tools/win have what of it is needed
ifneq ($(findstring mingw,$(MACHINE)),)
OS      := win
EXE     := .exe
BASE    += -D__USE_MINGW_ANSI_STDIO=1 -D_FILE_OFFSET_BITS=64 -D_WIN32_WINNT=0x0A00 -include kernels/win/posix.h
# GCC cannot align the stack to 32 bytes there (its bug 54412), so no instruction may ask for that
BASE    += -Wa,-muse-unaligned-vector-move
LINK    += -static -Wl,--stack,8388608
$(BUILD)/tools/%: SYSFLAGS := -include tools/win/text_out.h
$(BUILD)/tests/%: SYSFLAGS := -include tools/win/text_out.h -include tests/win/check_win.h -Itests/win
BASE    := $(filter-out -fPIC,$(BASE))
else
OS      := posix
endif

# the shared library, where it is ELF: liblutra.so -> liblutra.so.0 -> liblutra.so.0.1.0
VERSION := $(shell sed -n 's/^\#define LUTRA_VERSION "\(.*\)"/\1/p' runtime/lutra.h)
SONAME  := liblutra.so.$(firstword $(subst ., ,$(VERSION)))
SHARED  := $(BUILD)/liblutra.so
ifneq ($(filter 1,$(STATIC))$(findstring mingw,$(MACHINE))$(findstring darwin,$(MACHINE))$(SANITIZE)$(filter -static,$(LDFLAGS)),)
SHARED  :=
endif

LIB_SRC  := $(wildcard runtime/*.c models/*.c kernels/*.c kernels/$(ISA)/*.c kernels/$(OS)/*.c)
TOOL_SRC := $(wildcard tools/*.c tools/$(OS)/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
TOOL_OBJ := $(TOOL_SRC:%.c=$(BUILD)/%.o)
# tests: every tests/test_*.c and tests/check_*.c is a program of its own; tests/make_*.c make data
TEST_SRC := $(wildcard tests/test_*.c tests/check_*.c tests/make_*.c)
TEST_EXE := $(TEST_SRC:tests/%.c=$(BUILD)/%$(EXE))
TEST_OBJ := $(BUILD)/tests/check.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/$(OS)/check_*.c))
# what tests may link of the program: everything but main
TOOL_LIB := $(BUILD)/tools.a

all: $(BUILD)/lutra$(EXE) $(BUILD)/liblutra.a $(SHARED)

$(BUILD)/lutra$(EXE): $(TOOL_OBJ) $(BUILD)/liblutra.a $(BUILD)/link
	@echo "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $(TOOL_OBJ) $(BUILD)/liblutra.a $(LIBS)

$(BUILD)/liblutra.a: $(LIB_OBJ)
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

# what runtime/ needs of the archive, and no more
$(BUILD)/liblutra.so.$(VERSION): $(LIB_OBJ) $(BUILD)/liblutra.a tools/packaging/lutra.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared $(LINK) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,--version-script=tools/packaging/lutra.map \
	    -Wl,-z,defs -Wl,-z,noseparate-code -o $@ $(filter $(BUILD)/runtime/%,$(LIB_OBJ)) $(BUILD)/liblutra.a $(LIBS)

$(BUILD)/liblutra.so: $(BUILD)/liblutra.so.$(VERSION)
	$(Q)ln -sf liblutra.so.$(VERSION) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $@

# instruction-set flags by suffix; under a sanitizer what is inlined whole takes compilers minutes at -O3
FAST    := $(if $(SANITIZE),-O1,-O3)
SHORT   := $(if $(SANITIZE),-O1,-O2)
AVX2    := -mavx2 -mf16c -mno-fma -mtune=haswell
AVXVNNI := $(AVX2) -mavxvnni -mgfni
AVX512  := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mavx512vbmi2 -mavx512vnni -mgfni -mf16c
%_avx2.o: ISAFLAGS := $(FAST) $(AVX2)
# the specification, which hardly a machine runs: vectors, but no copies of loops; clang has other names for that
%_scalar.o: ISAFLAGS := $(if $(SANITIZE),-O1,-O2) -fvect-cost-model -Wno-ignored-optimization-argument
$(BUILD)/kernels/vec_scalar.o: ISAFLAGS := $(if $(SANITIZE),-O1,-Os)
%_avxvnni.o: ISAFLAGS := $(FAST) $(AVXVNNI)
%_ssse3.o: ISAFLAGS := $(if $(SANITIZE),-O1,-Os) -mssse3
%_avx512.o: ISAFLAGS := $(FAST) $(AVX512)
$(BUILD)/kernels/x86/%_amx.o: ISAFLAGS := $(FAST) $(AVX512) -mamx-tile -mamx-int8
# loops for every type and number of vectors: copies of them would gain nothing
$(BUILD)/kernels/x86/mm_ssse3.o: ISAFLAGS := $(SHORT) -mssse3
$(addprefix $(BUILD)/kernels/x86/,mm_avx2.o book_avx2.o): ISAFLAGS := $(SHORT) $(AVX2)
$(BUILD)/kernels/x86/mm_avxvnni.o: ISAFLAGS := $(SHORT) $(AVXVNNI)
$(addprefix $(BUILD)/kernels/x86/,dense_avx512.o mm_avx512.o): ISAFLAGS := $(SHORT) $(AVX512)
%_neon.o: ISAFLAGS := $(FAST)
%_dotprod.o: ISAFLAGS := $(FAST) -march=armv8.2-a+dotprod
%_i8mm.o: ISAFLAGS := $(FAST) -march=armv8.2-a+dotprod+i8mm
# what neither computes nor takes texts apart, but opens, checks, packs, stores and answers: small code
LARGE   := $(addprefix runtime/,tok% sampler% unicode%) \
           $(addprefix models/,layers attention delta mamba2 shortconv recurrent kv head head_fast hash64 fingerprint i2s safe_out) \
           $(addprefix kernels/,%_scalar act pool matmul lmath rope probe lut_pack quint_pack book_pack qbook qcheck qtypes qtypes_decode% qtypes_split qtypes_join x86/% arm/%)
SMALL   := $(filter-out $(LARGE),$(basename $(LIB_SRC)))
$(SMALL:%=$(BUILD)/%.o): ISAFLAGS := -Os

# nothing throws and nobody unwinds: what debuggers need goes to .debug_frame, which strip takes away. Not in tests
# and debug builds, whose backtraces are made by the program itself; Windows unwinds by tables of its own
ifeq ($(OS)$(DEBUG)$(SANITIZE),posix)
$(BUILD)/runtime/%.o $(BUILD)/models/%.o $(BUILD)/kernels/%.o: UNWIND := -fno-asynchronous-unwind-tables
endif

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(BASE) $(SYSFLAGS) $(CFLAGS) $(ISAFLAGS) $(UNWIND) -MMD -MP -c -o $@ $<

$(TOOL_LIB): $(filter-out %/main.o,$(TOOL_OBJ))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(TEST_EXE): $(BUILD)/%$(EXE): $(BUILD)/tests/%.o $(TEST_OBJ) $(TOOL_LIB) $(BUILD)/liblutra.a $(BUILD)/link
	@echo "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) $(WRAPS) -o $@ $< $(TEST_OBJ) $(WITH) $(TOOL_LIB) $(BUILD)/liblutra.a $(LIBS)

# rebuild when flags change, those of single files, as they stand in this file, included; objects do not depend on
# how programs are linked
THIS    := $(firstword $(MAKEFILE_LIST))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@{ echo '$(CC) $(BASE) $(CFLAGS) $(FAST) $(LARGE)'; grep '^[^#]*\(SYSFLAGS\|ISAFLAGS\|UNWIND\) :=' $(THIS); } > $@.now
	@cmp -s $@.now $@ && rm $@.now || mv $@.now $@

$(BUILD)/link: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(LINK) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(LINK) $(LDFLAGS)' > $@

# calls of the C library that this one test makes fail (tests/faults.h)
comma   := ,
FAILING := malloc calloc realloc aligned_alloc free mmap munmap pthread_create pthread_mutex_init pthread_cond_init \
           pthread_attr_init open close read pread write fsync fstat rename fopen
$(BUILD)/test_faults: WRAPS := $(FAILING:%=-Wl$(comma)--wrap=%)
$(BUILD)/test_faults: WITH := $(BUILD)/tests/faults.o
$(BUILD)/test_faults: $(BUILD)/tests/faults.o

# functions of a level that this one breaks
$(BUILD)/test_self_test$(EXE): WRAPS := -Wl,--wrap=lutra_ops_init

tests: $(TEST_EXE)

# ---- what people type ----

chat: $(BUILD)/lutra
	@model=$$(sh tools/fetch_model.sh) && exec $(BUILD)/lutra chat "$$model" $(ARGS)

demo: $(BUILD)/lutra
	@$(BUILD)/lutra run -m tests/data/tiny-verse-ternary.gguf -p "KING RICHARD:" -n 96 --temp 0.7 --seed 1 --display-prompt $(ARGS)
	@echo

test:
	@BUILD=$(BUILD) CC="$(CC)" MAKE="$(MAKE)" tests/run.sh $(GROUPS)

check:
	@BUILD=$(BUILD) CC="$(CC)" MAKE="$(MAKE)" tests/run.sh quick

# the same file in turn, A B A B: make versus PEER=path/to/llama-bench MODEL=file
versus: $(BUILD)/lutra
	@LUTRA=$(BUILD)/lutra sh tools/versus.sh "$(PEER)" "$(MODEL)" $(ARGS)

# one static program for a 64-bit Raspberry Pi or any other ARMv8 Linux
pi:
	@$(MAKE) CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar LDFLAGS=-static BUILD=$(BUILD)-pi all
	@echo "$(BUILD)-pi/lutra: copy it to the Pi and run it"

# POSIX and nothing more, as far as this system can pretend: stands in for macOS and the BSDs
POSIX   := -D_POSIX_C_SOURCE=200809L -U_GNU_SOURCE -U__linux__ -U__gnu_linux__ -pedantic
CLANG   ?= clang
portable:
	@$(MAKE) CC="$(CLANG)" BUILD=$(BUILD)-portable WERROR=1 SYSTEM="$(POSIX)" $(or $(GOAL),all)

# one program and one library for 64-bit Windows, by Debian's gcc-mingw-w64-x86-64; both need only what
# Windows has. Programs that use the library say -DLUTRA_SHARED
windows:
	@$(MAKE) CC=x86_64-w64-mingw32-gcc-posix AR=x86_64-w64-mingw32-ar BUILD=$(BUILD)-windows all dll $(GOAL)
	@echo "$(BUILD)-windows: lutra.exe, lutra.dll with liblutra.dll.a and lutra.def, liblutra.a"

dll: $(BUILD)/lutra.dll

# exported is what the header declares
$(BUILD)/lutra.def: runtime/lutra.h
	@mkdir -p $(@D)
	$(Q)(echo EXPORTS; sed -n 's/^LUTRA_API .*[ *]\(lutra_[a-z0-9_]*\)(.*/  \1/p' $<) > $@

$(BUILD)/lutra.dll: $(LIB_OBJ) $(BUILD)/lutra.def
	@echo "  LINK  $@"
	$(Q)$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $(LIB_OBJ) $(BUILD)/lutra.def $(LIBS) -Wl,--out-implib,$(BUILD)/liblutra.dll.a

# manual pages and completions are made by running what was built: RUN=qemu-aarch64 when it is of another machine
RUN     ?=
MAN     := $(BUILD)/man
$(BUILD)/make_man: tools/man/make_man.c $(TOOL_LIB) $(BUILD)/liblutra.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(BASE) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $< $(TOOL_LIB) $(BUILD)/liblutra.a $(LIBS)

man: $(MAN)/lutra.1
$(MAN)/lutra.1: $(BUILD)/make_man runtime/lutra.h
	@rm -rf $(MAN) && mkdir -p $(MAN)
	$(Q)$(RUN) $(BUILD)/make_man $(MAN) runtime/lutra.h

completions: $(BUILD)/completions/lutra.fish
$(BUILD)/completions/lutra.fish: $(BUILD)/lutra$(EXE)
	@mkdir -p $(@D)
	$(Q)for s in bash zsh fish; do $(RUN) $(BUILD)/lutra completion $$s > $(@D)/lutra.$$s || exit 1; done

LIBDIR  ?= $(PREFIX)/lib
DATADIR := $(PREFIX)/share
COMPLETE_BASH := $(DATADIR)/bash-completion/completions
COMPLETE_ZSH  ?= $(DATADIR)/zsh/site-functions
COMPLETE_FISH := $(DATADIR)/fish/vendor_completions.d

install: all $(MAN)/lutra.1 $(BUILD)/completions/lutra.fish
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(LIBDIR)/pkgconfig $(PREFIX)/include $(DATADIR)/man/man1 $(DATADIR)/man/man3)
	install -d $(addprefix $(DESTDIR),$(COMPLETE_BASH) $(COMPLETE_ZSH) $(COMPLETE_FISH))
	install -m 755 $(BUILD)/lutra $(DESTDIR)$(PREFIX)/bin/lutra
	install -m 644 $(BUILD)/liblutra.a $(DESTDIR)$(LIBDIR)/liblutra.a
ifneq ($(SHARED),)
	install -m 644 $(BUILD)/liblutra.so.$(VERSION) $(DESTDIR)$(LIBDIR)/liblutra.so.$(VERSION)
	ln -sf liblutra.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblutra.so
endif
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS)|' tools/packaging/lutra.pc.in \
	    > $(DESTDIR)$(LIBDIR)/pkgconfig/lutra.pc
	install -m 644 runtime/lutra.h $(DESTDIR)$(PREFIX)/include/lutra.h
	install -m 644 $(MAN)/*.1 $(DESTDIR)$(DATADIR)/man/man1
	install -m 644 $(MAN)/*.3 $(DESTDIR)$(DATADIR)/man/man3
	install -m 644 $(BUILD)/completions/lutra.bash $(DESTDIR)$(COMPLETE_BASH)/lutra
	install -m 644 $(BUILD)/completions/lutra.zsh $(DESTDIR)$(COMPLETE_ZSH)/_lutra
	install -m 644 $(BUILD)/completions/lutra.fish $(DESTDIR)$(COMPLETE_FISH)/lutra.fish

uninstall:
	rm -f $(addprefix $(DESTDIR),$(PREFIX)/bin/lutra $(LIBDIR)/liblutra.a $(LIBDIR)/liblutra.so $(LIBDIR)/$(SONAME) \
	    $(LIBDIR)/liblutra.so.$(VERSION) $(LIBDIR)/pkgconfig/lutra.pc $(PREFIX)/include/lutra.h)
	rm -f $(DESTDIR)$(DATADIR)/man/man1/lutra.1 $(DESTDIR)$(DATADIR)/man/man1/lutra-*.1 $(DESTDIR)$(DATADIR)/man/man3/lutra.h.3
	rm -f $(addprefix $(DESTDIR),$(COMPLETE_BASH)/lutra $(COMPLETE_ZSH)/_lutra $(COMPLETE_FISH)/lutra.fish)

# Debian packages lutra, liblutra0 and liblutra-dev into $(BUILD)/deb, from a copy of the sources
deb:
	@rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/lutra
	@cp -r Makefile README.md LICENSE kernels models runtime tools tests $(BUILD)/deb/lutra
	@cp -r tools/packaging/debian $(BUILD)/deb/lutra/debian
	cd $(BUILD)/deb/lutra && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD dpkg-buildpackage -b -us -uc -d

clean:
	rm -rf $(BUILD) $(BUILD)-pi $(BUILD)-portable $(BUILD)-windows

help:
	@echo "make            build $(BUILD)/lutra and $(BUILD)/liblutra.a"
	@echo "make chat       fetch a small real model and talk to it      (ARGS='...' are passed on)"
	@echo "make demo       generate text with the tiny model in this tree, no network"
	@echo "make test       every test; GROUPS='unit cli' for some       make check: the quick ones"
	@echo "make versus     PEER=path/to/llama-bench MODEL=file: speed in turn with another program"
	@echo "make pi         cross-build one static program for 64-bit ARM Linux"
	@echo "make windows    cross-build lutra.exe and lutra.dll for 64-bit Windows"
	@echo "make portable   build with clang for POSIX alone, no GNU or Linux calls: macOS and the BSDs"
	@echo "make install    PREFIX=$(PREFIX) DESTDIR=                    make uninstall, make clean"
	@echo "                LIBDIR=PREFIX/lib                            make deb: Debian packages into $(BUILD)/deb"
	@echo "variables: STATIC=1 CC CFLAGS LDFLAGS BUILD V=1 DEBUG=1 HWLOC=1 SANITIZE=address,undefined"

.PHONY: all tests chat demo test check versus pi portable windows dll man completions deb install uninstall clean help FORCE
.DELETE_ON_ERROR:
-include $(LIB_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/%.d) $(TEST_OBJ:.o=.d)
