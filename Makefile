# SPDX-License-Identifier: GPL-2.0
#
# For people; a kernel build reads Kbuild instead.

KERNELVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KERNELVER)/build
KERNELS ?=
PREFIX ?= /usr/local
BOARD := tests/board

# ARCH, CROSS_COMPILE and LLVM reach the kernel build by themselves.
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)

.PHONY: modules modules_install install clean tools dtbo demo help check \
	check-host check-static check-board check-modes matrix setup uninstall \
	dkms dkms-remove dkms-source deb check-packages check-debug coverage fuzz mutants
.DEFAULT_GOAL := modules

modules: have-headers
	$(kbuild) $@

# Where the modules are put, for uninstall to know: by themselves kernels take
# "extra" or "updates", as their age has it.
utsrelease = $(KDIR)/include/generated/utsrelease.h
release = $(or $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(utsrelease)),\
	$(error no release in $(utsrelease)))
INSTALL_MOD_PATH ?= $(DESTDIR)
INSTALL_MOD_DIR ?= updates
module_dir = $(INSTALL_MOD_PATH)/lib/modules/$(release)/$(INSTALL_MOD_DIR)
installed_modules = $(patsubst %.o,$(module_dir)/%.ko*,$(shell sed -n 's/^obj-m := //p' Kbuild))
DEPMOD ?= depmod
depmod = PATH=$$PATH:/usr/sbin:/sbin $(DEPMOD) $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(release)

# The kernel's own depmod step wants a System.map, which headers packages lack.
modules_install: have-headers
	$(kbuild) $@ INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) INSTALL_MOD_DIR=$(INSTALL_MOD_DIR)
	$(depmod)

.PHONY: have-headers
have-headers:
	@test -e "$(KDIR)/Makefile" || { \
		echo "no kernel headers in $(KDIR): install linux-headers-$(KERNELVER), or say KDIR=<headers of the kernel to build for>" >&2; \
		exit 1; }

install: modules_install tools
	$(MAKE) -C tools/metisctl install PREFIX=$(PREFIX)
	install -D -m 644 tools/udev/60-axl.rules $(DESTDIR)/etc/udev/rules.d/60-axl.rules
	install -D -m 644 debian/axl-dkms.sysusers $(DESTDIR)/etc/sysusers.d/axl-dkms.conf
	$(if $(DESTDIR),,systemd-sysusers $(CURDIR)/debian/axl-dkms.sysusers)

# The group stays: files may belong to it.
uninstall: have-headers
	rm -f $(installed_modules)
	$(depmod)
	rm -f $(DESTDIR)/etc/udev/rules.d/60-axl.rules $(DESTDIR)/etc/sysusers.d/axl-dkms.conf
	$(MAKE) -C tools/metisctl uninstall PREFIX=$(PREFIX)

# DKMS keeps a copy of the sources; the package axl-dkms holds the same files.
version := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
dkms_id := axl/$(version)
dkms_dir = $(DESTDIR)/usr/src/axl-$(version)

dkms-source:
	find Kbuild src include -name '*.[ch]' ! -name '*.mod.c' -o -name 'Kbuild*' | \
		while read -r f; do install -D -m 644 $$f $(dkms_dir)/$$f || exit 1; done
	sed 's/#MODULE_VERSION#/$(version)/' dkms.conf >$(dkms_dir)/dkms.conf

dkms:
	@if [ "$$(dpkg-query -W -f '$${db:Status-Status}' axl-dkms 2>/dev/null)" = installed ]; then \
		echo "the package axl-dkms does this, and is installed: apt remove axl-dkms" >&2; \
		exit 1; \
	fi
	@if [ -n "$$(dkms status $(dkms_id))" ]; then $(MAKE) dkms-remove; fi
	$(MAKE) dkms-source
	dkms install $(dkms_id) -k $(KERNELVER)

dkms-remove:
	dkms remove $(dkms_id) --all
	rm -rf $(dkms_dir)

tools:
	$(MAKE) -C tools/metisctl

# Three checks of dtc are off: they miss beside ranges what only the node has
# that an overlay is applied to. tests/dts looks at the result.
dtc_flags = $(addprefix -Wno-,unit_address_vs_reg ranges_format avoid_default_addr_size)
dtbo_dir = $(if $(O),$(O),dts-overlays)
dtbos = $(patsubst dts-overlays/%.dtso,$(dtbo_dir)/%.dtbo,$(wildcard dts-overlays/*.dtso))

dtbo: $(dtbos)

$(dtbo_dir)/%.dtbo: dts-overlays/%.dtso | have-dtc
	@mkdir -p $(@D)
	dtc $(dtc_flags) -I dts -O dtb -o $@ $<

.PHONY: have-dtc
have-dtc:
	@command -v dtc >/dev/null || { \
		echo "no dtc: install device-tree-compiler" >&2; \
		exit 1; }

deb:
	@tests/packages/build-debs $(if $(DEB_SUITE),--suite $(DEB_SUITE)) \
		$(if $(DEB_ARCH),--arch $(DEB_ARCH)) $(O)

clean:
	@rm -f dts-overlays/*.dtbo
	@if [ -e "$(KDIR)/Makefile" ]; then $(kbuild) clean; fi
	@rm -f .checkpatch-camelcase.* */.checkpatch-camelcase.*
	@echo "what the tests keep is in $${AXL_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/axl}; remove that by hand"

setup:
	$(BOARD)/setup $(if $(KERNELS),--kernels "$(KERNELS)",--all)

demo:
	@$(BOARD)/demo

check:
	@$(BOARD)/check

check-host:
	@$(BOARD)/check --host

check-static:
	@$(BOARD)/check --static

check-board:
	@$(BOARD)/check --board --kernels "$(or $(KERNELS),6.1 6.12 6.12-16k 7.3)"

matrix:
	@$(BOARD)/setup --all
	@$(BOARD)/kernel-matrix $(if $(KERNELS),--kernels "$(KERNELS)")

check-packages:
	@$(BOARD)/check --packages

check-modes:
	@$(BOARD)/check --modes --kernels "$(or $(KERNELS),6.1 6.12 7.3)"

check-debug:
	@$(BOARD)/check --board --long --kernels debug

coverage:
	@$(BOARD)/coverage

FUZZ_SECONDS ?= 600

fuzz:
	@$(BOARD)/setup --all
	@$(BOARD)/setup --kernels $(or $(KERNELS),debug)
	@$(BOARD)/run --kernel $(or $(KERNELS),debug) --quiet-boot --tests fuzz \
		--timeout $$(($(FUZZ_SECONDS) * 2 + 600)) --env FUZZ_SECONDS=$(FUZZ_SECONDS) \
		$(if $(SEED),--env FUZZ_SEED=$(SEED)) $(if $(TRACE),--env FUZZ_TRACE=1)

# Bugs planted into the driver, one at a time: do the tests notice?
mutants:
	@$(BOARD)/setup --all
	@$(if $(RANDOM_COUNT),$(BOARD)/setup --kernels debug)
	@tests/mutants/mutants $(if $(RANDOM_COUNT),--random $(RANDOM_COUNT) --seed $(or $(SEED),1)) \
		$(if $(ONLY),--only '$(ONLY)')

help:
	@echo 'For a machine with a Metis card:'
	@echo '  modules          build axl.ko and metis.ko (default) for the running kernel, or'
	@echo '                   KERNELVER=; KDIR= ARCH= CROSS_COMPILE= LLVM= as in a kernel build'
	@echo '  modules_install  install them, depmod (as root); INSTALL_MOD_PATH='
	@echo '  tools            build metisctl'
	@echo '  install          modules_install, metisctl into PREFIX=$(PREFIX), udev rule;'
	@echo '                   DESTDIR= for all of it'
	@echo '  uninstall        take away what install put there'
	@echo '  dkms             have DKMS build and install them, now (KERNELVER=, the running'
	@echo '                   kernel if not given) and for kernels to come; as root'
	@echo '  dkms-remove      undo that, for all kernels'
	@echo '  deb              Debian packages, into O=; DEB_ARCH=arm64 for a board: axl-tools;'
	@echo '                   DEB_SUITE=bookworm or trixie: for the other Debian; both as root'
	@echo '  dtbo             device tree overlays for RK3588, into dts-overlays or O=;'
	@echo '                   dts-overlays/README.md says which board needs one'
	@echo '  clean            remove what a module build left'
	@echo ''
	@echo 'Without a card, on an emulated arm64 board (Debian 12 or 13):'
	@echo '  demo             load the driver, start firmware, move data, take interrupts'
	@echo '  check            everything but check-modes, coverage, mutants beyond ten, and'
	@echo '                   what check-debug has beyond one boot; the last line counts'
	@echo '  check-host       only what runs on this machine'
	@echo '  check-static     only checkpatch, shellcheck and the like'
	@echo '  check-board      only what runs on the board; KERNELS="6.1 7.3" chooses'
	@echo '  matrix           modules for every kernel x architecture x compiler, W=1 and'
	@echo '                   sparse; the board loads the arm64 ones'
	@echo '  check-packages   only the Debian packages, on Debian 12 and 13'
	@echo '  check-modes      every kernel x IOMMU mode x vectors x firmware with every'
	@echo '                   test; an hour or more'
	@echo '  check-debug      every test on a kernel with KASAN, lockdep, DMA API checks,'
	@echo '                   kmemleak and fault injection, which is built first'
	@echo '  fuzz             random calls of both interfaces on that kernel; FUZZ_SECONDS=600;'
	@echo '                   SEED= one program again, TRACE=1 with every call told'
	@echo '  mutants          plant bugs into the driver, one at a time, and see which tests'
	@echo '                   notice (docs/testing.md); ONLY=REGEX, RANDOM_COUNT=100 SEED=1'
	@echo '  coverage         lines and branches of src/ that the tests execute, and a'
	@echo '                   list of what they do not; on the debug kernel'
	@echo '  setup            fetch and unpack what demo and check need (they call it)'
