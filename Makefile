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
BASE    := -std=c11 -D_GNU_SOURCE -I. $(WARN) -ffp-contract=off -fno-math-errno -fvisibility=hidden -pthread
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
LIBS    := -lm -pthread

MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64% amd64%,$(MACHINE)),)
ISA     := x86
else ifneq ($(filter aarch64% arm64%,$(MACHINE)),)
ISA     := arm
else
$(error Lutra builds for x86-64 and 64-bit ARM (ARMv8); this compiler makes $(MACHINE). On a 32-bit Raspberry Pi OS install the 64-bit system)
endif

LIB_SRC  := $(wildcard runtime/*.c models/*.c kernels/*.c kernels/$(ISA)/*.c)
TOOL_SRC := $(wildcard tools/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
TOOL_OBJ := $(TOOL_SRC:%.c=$(BUILD)/%.o)
# tests: every tests/test_*.c and tests/check_*.c is a program of its own; tests/make_*.c make data
TEST_SRC := $(wildcard tests/test_*.c tests/check_*.c tests/make_*.c)
TEST_EXE := $(TEST_SRC:tests/%.c=$(BUILD)/%)
TEST_OBJ := $(BUILD)/tests/check.o

all: $(BUILD)/lutra $(BUILD)/liblutra.a

$(BUILD)/lutra: $(TOOL_OBJ) $(BUILD)/liblutra.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $(TOOL_OBJ) $(BUILD)/liblutra.a $(LIBS)

$(BUILD)/liblutra.a: $(LIB_OBJ)
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

# instruction-set flags by suffix
%_avx2.o: ISAFLAGS := -O3 -mavx2 -mf16c -mno-fma -mtune=haswell
%_ssse3.o: ISAFLAGS := -O3 -mssse3
%_avx512.o: ISAFLAGS := -O3 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mavx512vnni -mf16c -Wno-maybe-uninitialized
%_neon.o: ISAFLAGS := -O3
%_dotprod.o: ISAFLAGS := -O3 -march=armv8.2-a+dotprod

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(BASE) $(CFLAGS) $(ISAFLAGS) -MMD -MP -c -o $@ $<

$(TEST_EXE): $(BUILD)/%: $(BUILD)/tests/%.o $(TEST_OBJ) $(BUILD)/liblutra.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $< $(TEST_OBJ) $(BUILD)/liblutra.a $(LIBS)

# rebuild when flags change
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(BASE) $(CFLAGS) $(LINK) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(BASE) $(CFLAGS) $(LINK) $(LDFLAGS)' > $@

tests: $(TEST_EXE)

clean:
	rm -rf $(BUILD)

.PHONY: all tests clean FORCE
.DELETE_ON_ERROR:
-include $(LIB_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/%.d) $(TEST_OBJ:.o=.d)
