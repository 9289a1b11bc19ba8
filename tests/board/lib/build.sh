# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154  # common.sh is read before
#
# What a board is made of, built when its inputs changed. Inputs are compared
# by content, not by time: a fresh clone or another checkout of the same text
# builds nothing.

build_dir=$cache/build

# digest FILE...: one word for the content and names of files.
digest() {
	sha256sum "$@" | sed "s|$top/||" | sha256sum | cut -c1-16
}

# fresh TARGET KEY: does TARGET exist and was it made from KEY?
fresh() {
	[ -e "$1" ] && [ "$(cat "$1.key" 2>/dev/null)" = "$2" ]
}

# mirror_tree FROM TO: copy the files named on standard input (relative) when
# they differ, remove sources that are gone. Keeps times of what is unchanged,
# so that make has nothing to do then.
mirror_tree() {
	local from=$1 to=$2 f list

	list=$(cat)
	while read -r f; do
		cmp -s "$from/$f" "$to/$f" && continue
		mkdir -p "$to/$(dirname "$f")"
		rm -f "$to/$f"
		cp "$from/$f" "$to/$f"
	done <<<"$list"
	(cd "$to" && find . -type f \( -name '*.[chS]' -o -name Kbuild \) ! -name '*.mod.c') |
		sed 's|^\./||' | grep -vxF -e "$list" | while read -r f; do
		rm -f "$to/$f"
	done || true
}

# ------------------------------------------------------------------ device

device_src=${BOARD_DEVICE:-$board_dir/device}
device_so=$build_dir/device/metis.so

build_device() {
	local qemu=$cache/qemu/source headers=$cache/qemu/headers key log=$build_dir/device/build.log

	need qemu-system-aarch64 gcc python3 pkg-config
	[ -e "$qemu/ready" ] || die "the QEMU source is not unpacked; run tests/board/setup as root first"
	[ "$(cat "$qemu/ready")" = "$(dpkg-query -W -f='${source:Version}' qemu-system-arm)" ] ||
		die "the installed QEMU is not the one the bench was prepared for; run: tests/board/setup"
	[ -e "$device_src/build.sh" ] || die "no device model in $device_src"
	mkdir -p "$build_dir/device"
	key="$(cat "$qemu/ready") $(digest "$device_src/qemu-headers.sh")"
	if ! fresh "$headers" "$key"; then
		say "device: generating QEMU headers"
		rm -rf "$headers"
		"$device_src/qemu-headers.sh" "$qemu" "$headers" >"$log" 2>&1 ||
			{ tail -n 20 "$log" >&2; die "QEMU headers cannot be generated; see $log"; }
		echo "$key" >"$headers.key"
	fi
	key="$key $(digest "$device_src"/*.[ch] "$device_src/build.sh")"
	if ! fresh "$device_so" "$key"; then
		say "device: building the Metis model"
		"$device_src/build.sh" "$qemu" "$headers" "$device_so.new" >"$log" 2>&1 ||
			{ tail -n 30 "$log" >&2; die "the device model does not build; see $log"; }
		mv "$device_so.new" "$device_so"
		echo "$key" >"$device_so.key"
	fi
}

# ---------------------------------------------------------- guest programs

tests_out=$build_dir/guest

# build_guest_programs [tools]: everything, or not the tests.
build_guest_programs() {
	local goal=${1:-all} src=$build_dir/guest-src harness=$build_dir/kselftest-include
	local f log=$build_dir/guest.log status=0 vars

	need make "$(cross gcc)"
	[ "$goal" != all ] || need "$guest_gcc_32"
	[ -e "$cache/guest/ready" ] || die "json-c for the guest is missing; run tests/board/setup"
	mkdir -p "$tests_out/tests" "$tests_out/bin" "$src" "$harness"
	if [ -e "$cache/source-6.12/ready" ]; then
		for f in kselftest.h kselftest_harness.h; do
			put "$harness/$f" <"$cache/source-6.12/tools/testing/selftests/$f"
		done
	elif [ "$goal" = all ]; then
		die "kselftest headers are missing; run tests/board/setup --all"
	fi
	(cd "$top" && find include/uapi src tests/board/device tests/board/lib tests/kselftest tests/host \
		tools/metisctl -maxdepth 1 -name '*.[ch]' 2>/dev/null | sort) |
		mirror_tree "$top" "$src"
	# What would change every object.
	{
		"$(cross gcc)" --version | head -n 1
		[ "$goal" != all ] || "$guest_gcc_32" --version | head -n 1
		cat "$cache/guest/ready" "$board_dir/lib/guest.mk"
	} | put "$tests_out/flags"

	vars=("CC=$(cross gcc)" "CC32=$guest_gcc_32" "SRC=$src" "OUT=$tests_out" "GUEST=$cache/guest"
		"HARNESS=$harness" "FLAGS_FILE=$tests_out/flags")
	make -f "$board_dir/lib/guest.mk" --no-print-directory -s -k -j"$(nproc)" \
		"${vars[@]}" "$goal" >"$log" 2>&1 || status=1
	{ grep -E '^  built' "$log" || true; } |
		tr -d '\n' | sed 's/  built / /g; s/^/built:/; s/$/\n/'
	grep -v '^  built' "$log" | grep -E -A3 '(warning|error|undefined|cannot find|\*\*\*)' | head -n 60 >&2 || true

	# What no longer belongs here, or cannot be built, does not run.
	make -f "$board_dir/lib/guest.mk" -s "${vars[@]}" list >"$log.list"
	for f in "$tests_out"/tests/* "$tests_out"/bin/*; do
		[ -e "$f" ] || continue
		if ! grep -qxF "$f" "$log.list" || { [ "$status" != 0 ] &&
			! make -f "$board_dir/lib/guest.mk" -s -q "${vars[@]}" "$f" >/dev/null 2>&1; }; then
			rm -f "$f"
		fi
	done
	return "$status"
}

# A host program that makes firmware images for the emulator.
mkfw=$build_dir/host/mkfw

build_mkfw() {
	local key

	need gcc
	mkdir -p "$build_dir/host"
	key=$(digest "$board_dir/lib/mkfw.c" "$board_dir/device/metis_emu.h")
	fresh "$mkfw" "$key" && return 0
	gcc -O2 -Wall -Wextra -I"$board_dir/device" -o "$mkfw" "$board_dir/lib/mkfw.c" ||
		die "mkfw does not build"
	echo "$key" >"$mkfw.key"
}

# --------------------------------------------------------------- initramfs

# build_initramfs KEY MODULES: sets $initramfs. Everything but the job of this
# run; MODULES is KEY, or names another build of our modules for that kernel.
build_initramfs() {
	local root key want=() f

	need cpio
	initramfs=$build_dir/initramfs-$2.cpio
	root=$build_dir/initramfs-$2
	mapfile -t want < <(find "$tests_out/tests" "$tests_out/bin" "$board_dir/initramfs" \
		"$(modules_out "$2")" "$top/tests/kselftest/tests.conf" \
		"$(kernel_dir "$1")/modules" -maxdepth 1 -type f ! -name '*.key' 2>/dev/null | sort)
	key=$(digest "$cache/guest/busybox" "${want[@]}" "$board_dir/lib/build.sh")
	fresh "$initramfs" "$key" && return 0

	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,tests,lib/modules,root}
	cp "$cache/guest/busybox" "$root/bin/"
	for f in sh mount; do
		ln -s busybox "$root/bin/$f"
	done
	cp "$board_dir/initramfs/init" "$root/"
	cp "$board_dir/initramfs/runner" "$board_dir/initramfs/gdb-symbols" "$root/bin/"
	cat "$board_dir/initramfs/tests.conf" >"$root/etc/tests.conf"
	[ ! -e "$top/tests/kselftest/tests.conf" ] ||
		cat "$top/tests/kselftest/tests.conf" >>"$root/etc/tests.conf"
	find "$tests_out/tests" -type f ! -name '*.key' -exec cp -t "$root/tests" {} +
	find "$tests_out/bin" -type f ! -name '*.key' -exec cp -t "$root/bin" {} +
	cp "$board_dir/initramfs/board-job.service" "$root/etc/"
	for f in udmabuf aer_inject vfio vfio_virqfd vfio_iommu_type1 vfio-pci-core vfio-pci \
		crc32c_generic crc16 mbcache jbd2 ext4 \
		virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
		f=$(kernel_dir "$1")/modules/$f.ko
		[ ! -e "$f" ] || cp "$f" "$root/lib/modules/"
	done
	if [ -d "$(modules_out "$2")" ]; then
		find "$(modules_out "$2")" -name '*.ko' -exec cp -t "$root/lib/modules" {} +
	fi
	(cd "$root" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$initramfs.new"
	mv "$initramfs.new" "$initramfs"
	echo "$key" >"$initramfs.key"
	rm -rf "$root"
}

modules_out() {
	echo "$build_dir/modules/$1"
}
