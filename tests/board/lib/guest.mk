# SPDX-License-Identifier: GPL-2.0
#
# Programs for the board, static. Used by build_guest_programs(), which copies
# the sources into SRC (times change with content only) and keeps FLAGS_FILE.
#   CC, CC32 (for 32-bit programs), SRC, OUT, GUEST (json-c), HARNESS (kselftest headers), FLAGS_FILE

BASE := -O2 -Wall -D_GNU_SOURCE= -pthread -I$(SRC)/include/uapi -I$(SRC)/tests/board/device
CFLAGS_kselftest := -I$(HARNESS) -I$(SRC)/tests/kselftest -Wno-misleading-indentation
CFLAGS_metisctl := -I$(GUEST)/include

libs := $(wildcard $(SRC)/tests/kselftest/lib*.c)
# A program is NAME.c, and NAME-PART.c if it has several files.
parts := $(wildcard $(SRC)/tests/kselftest/*-*.c)
tests := $(filter-out $(libs) $(parts),$(wildcard $(SRC)/tests/kselftest/*.c))
metisctl := $(wildcard $(SRC)/tools/metisctl/*.c)
device := $(SRC)/tests/board/device
board := $(SRC)/tests/board/lib

obj = $(patsubst $(SRC)/%.c,$(OUT)/obj/%.o,$(1))
tests_bin := $(tests:$(SRC)/tests/kselftest/%.c=$(OUT)/tests/%)
# Those that are built as NAME_32, too: programs of the other word size.
tests_32 := basics events ioctl_args ioctl_structs voyager_compat xfer_matrix
tests_32_bin := $(tests_32:%=$(OUT)/tests/%_32)
tools_bin := $(if $(metisctl),$(OUT)/bin/metisctl) $(OUT)/bin/ping-metis \
	$(OUT)/bin/kexec-board \
	$(if $(wildcard $(device)/lab.c),$(OUT)/bin/lab)
selftest := $(wildcard $(device)/selftest*.c)
selftest_bin := $(if $(selftest),$(OUT)/tests/device_selftest)

.PHONY: all tools list
all: tools $(tests_bin) $(tests_32_bin) $(selftest_bin)
tools: $(tools_bin)
list:
	@printf '%s\n' $(tools_bin) $(tests_bin) $(tests_32_bin) $(selftest_bin)

$(OUT)/obj/%.o: $(SRC)/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(CC) $(BASE) $(CFLAGS_$(notdir $(<D:/=))) -MMD -MP -c -o $@ $<

# Some values of the tests are those of 64-bit pointers.
$(OUT)/obj32/%.o: $(SRC)/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(CC32) $(BASE) -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 $(CFLAGS_$(notdir $(<D:/=))) \
		-Wno-pointer-to-int-cast -Wno-overflow -MMD -MP -c -o $@ $<

link = @mkdir -p $(@D); echo "  built $(@F)"; \
	$(CC) -static -s -pthread -o $@ $(filter %.o,$^)

# The limits of the kselftest harness are stretched in libaxltest.c.
$(tests_bin): $(OUT)/tests/%: $(OUT)/obj/tests/kselftest/%.o $(call obj,$(libs))
	$(link) -Wl,--wrap=alarm
$(foreach p,$(parts),$(eval \
	$(OUT)/tests/$(firstword $(subst -, ,$(notdir $(p)))): $(call obj,$(p))))
$(tests_32_bin): $(OUT)/tests/%_32: $(OUT)/obj32/tests/kselftest/%.o \
		$(libs:$(SRC)/%.c=$(OUT)/obj32/%.o)
	@mkdir -p $(@D); echo "  built $(@F)"; \
	$(CC32) -static -s -pthread -o $@ $(filter %.o,$^) -Wl,--wrap=alarm
$(OUT)/tests/device_selftest: $(call obj,$(selftest))
	$(link)
$(OUT)/bin/lab: $(call obj,$(device)/lab.c)
	$(link)
$(OUT)/bin/ping-metis: $(call obj,$(board)/ping.c)
	$(link)
$(OUT)/bin/kexec-board: $(call obj,$(board)/kexec.c)
	$(link)
$(OUT)/bin/metisctl: $(call obj,$(metisctl))
	$(link) -L$(GUEST)/lib -ljson-c

.SECONDARY:
-include $(shell find $(OUT)/obj $(OUT)/obj32 -name '*.d' 2>/dev/null)
