# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts that read this file use them
#
# What every script of the emulated board needs: where things are kept, how
# progress is told, which kernels exist and how modules are built for them.

board_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top=$(cd "$board_dir/../.." && pwd)
cache=${AXL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axl}
host_arch=$(dpkg --print-architecture 2>/dev/null || uname -m)

# Everything the bench builds is made for this machine.
guest_arch=arm64
guest_triplet=aarch64-linux-gnu
# Programs of 32 bits run there, too.
guest_gcc_32=arm-linux-gnueabihf-gcc

# What a make above us, or the caller's shell, set for another build.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES ARCH CROSS_COMPILE LLVM CC \
	CFLAGS KCFLAGS KDIR

board_started=${EPOCHREALTIME/[.,]/}

# Seconds since this script started, one decimal.
elapsed() {
	local us=$((${EPOCHREALTIME/[.,]/} - board_started))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

say() {
	printf '[%6s] %s\n' "$(elapsed)" "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# conclude PASSED FAILED SKIPPED: the last line, and the status that goes with it.
# 4, as of a kselftest, when everything was skipped: a job of a CI that checked
# nothing must not look like one that found nothing.
conclude() {
	echo "$1 passed, $2 failed, $3 skipped"
	[ "$2" = 0 ] || return 1
	[ "$1" = 0 ] || return 0
	[ "$3" = 0 ] || return 4
	return 1
}

# need COMMAND...: every one present, or one line that says what to do.
need() {
	local c missing=()

	for c; do
		command -v "$c" >/dev/null || missing+=("$c")
	done
	[ ${#missing[@]} = 0 ] ||
		die "missing: ${missing[*]}; run tests/board/setup as root first"
}

# lock NAME: one process at a time in a part of the cache; held until exit.
lock() {
	local fd

	mkdir -p "$cache"
	exec {fd}>"$cache/$1.lock"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds $1"
		flock "$fd"
	fi
	printf -v "lock_$1" '%s' "$fd"
}

unlock() {
	local var=lock_$1 fd

	fd=${!var}
	exec {fd}>&-
}

# put FILE < content: replace FILE only when its content changes, atomically.
put() {
	local tmp

	tmp=$(mktemp "$1.XXXXXX")
	cat >"$tmp"
	if cmp -s "$tmp" "$1"; then
		rm -f "$tmp"
	else
		chmod --reference="$1" "$tmp" 2>/dev/null || chmod 644 "$tmp"
		mv -f "$tmp" "$1"
	fi
}

# ---------------------------------------------------------------- kernels

# The kernels of the bench, oldest first. There is one more, debug, which is built
# (tests/board/build-debug-kernel).
bench_kernels="6.1 6.12 6.12-16k 7.3"
newest_kernel=7.3

# What the matrix builds for besides: others of the archive that boot on the
# board, and KEY-amd64, the headers of a PC's kernel, for builds only.
matrix_kernels="6.12-deb13 7.2"
pc_kernels="6.1-amd64 6.12-amd64 6.12-deb13-amd64 7.2-amd64 7.3-amd64"

kernel_arch() {
	case $1 in
	*-amd64) echo amd64 ;;
	*) echo $guest_arch ;;
	esac
}

# kernel_pattern KEY: what the ABI part of linux-headers-<ABI> looks like.
kernel_pattern() {
	local arch

	arch=$(kernel_arch "$1")
	case ${1%-amd64} in
	6.1) echo "6\.1\.0-[0-9]+-$arch" ;;
	6.12) echo "6\.12\.[0-9]+\+deb12-$arch" ;;
	6.12-16k) echo "6\.12\.[0-9]+\+deb12-$arch-16k" ;;
	6.12-deb13) echo "6\.12\.[0-9]+\+deb13(\.[0-9]+)?-$arch" ;;
	7.2) echo "7\.2\.[0-9]+\+deb13-$arch" ;;
	7.3) echo "7\.3\.[0-9]+\+deb13-$arch" ;;
	debug) echo '6\.12\.[0-9]+-debug' ;;
	*) die "unknown kernel '$1'; the bench has: $bench_kernels $matrix_kernels debug" ;;
	esac
}

# kernel_compilers KEY: which give a module that this kernel can load, first the
# one that the board uses. gcc-12 against headers made for gcc-14 compiles, and
# crashes at insmod: the functions of cold sections lose the alignment that
# ftrace relies on.
kernel_compilers() {
	case $1 in
	6.12-amd64 | debug) echo gcc-12 ;;
	6.12-deb13-amd64 | 7.*-amd64) echo gcc-14 ;;
	6.12-deb13 | 7.*) echo clang-19 gcc-14 ;;
	*) echo gcc-12 clang-19 ;;
	esac
}

kernel_compiler() {
	local first

	read -r first _ < <(kernel_compilers "$1")
	echo "$first"
}

# kernel_slow KEY: what time limits are multiplied by.
kernel_slow() {
	case $1 in
	debug) echo 6 ;;
	*) echo 1 ;;
	esac
}

kernel_dir() {
	echo "$cache/kernel/$1"
}

kernel_ready() {
	[ -e "$(kernel_dir "$1")/ready" ]
}

# Asked for by the matrix only, and gone from the archive. tests/board/setup looks
# again after a day.
kernel_absent() {
	! kernel_ready "$1" && [ -e "$(kernel_dir "$1").absent" ]
}

need_kernel() {
	kernel_ready "$1" ||
		die "kernel $1 is not unpacked; run: tests/board/setup --kernels '$1'"
}

# debug_kernel_key: what the debug kernel depends on besides its source.
debug_kernel_key() {
	{
		"$(cross gcc-12)" --version | head -n 1
		cat "$board_dir/debug.config" "$board_dir/build-debug-kernel"
	} 2>/dev/null | sha256sum | cut -c1-16
}

# cross PROGRAM: the compiler or binutils program that makes guest code.
cross() {
	if [ "$host_arch" = "$guest_arch" ]; then
		echo "$1"
	else
		echo "$guest_triplet-$1"
	fi
}

# gcc-14 and its binutils, of Debian 13 and unpacked.
gcc14_dir=$cache/gcc-14

arch_triplet() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	*) echo aarch64-linux-gnu ;;
	esac
}

# kbuild_vars KEY [COMPILER]: variable settings for a kernel build of external
# modules, one on a line.
kbuild_vars() {
	local compiler=${2:-$(kernel_compiler "$1")} arch prefix=

	[ "$compiler" != gcc-14 ] || [ -e "$gcc14_dir/ready" ] ||
		die "gcc-14 is not unpacked; run: tests/board/setup --all"
	arch=$(kernel_arch "$1")
	printf '%s\n' "ARCH=${arch/amd64/x86_64}"
	# Type information for BPF needs pahole and the kernel's own compiler.
	printf '%s\n' CONFIG_DEBUG_INFO_BTF_MODULES=
	case $compiler in
	gcc-12)
		[ "$host_arch" = "$arch" ] || prefix=$(arch_triplet "$arch")-
		printf '%s\n' "CROSS_COMPILE=$prefix" "CC=${prefix}gcc-12"
		;;
	gcc-14)
		prefix=$gcc14_dir/usr/bin/$(arch_triplet "$arch")-
		printf '%s\n' "CROSS_COMPILE=$prefix" "CC=${prefix}gcc-14"
		;;
	clang-19)
		# The configuration describes gcc. State what clang does
		# differently, or flags it has not got come from there.
		printf '%s\n' LLVM=-19 CC=clang-19 CONFIG_CC_IS_GCC= \
			CONFIG_CC_IS_CLANG=y \
			CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= \
			CONFIG_CC_IMPLICIT_FALLTHROUGH=-Wimplicit-fallthrough \
			CONFIG_UBSAN_BOUNDS_STRICT= CONFIG_UBSAN_ARRAY_BOUNDS=y \
			CONFIG_FTRACE_MCOUNT_USE_CC= \
			KCFLAGS=-Wno-unknown-warning-option
		;;
	*) die "no compiler '$compiler' in the bench" ;;
	esac
}
