#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# build.sh QEMU_SRC HEADERS OUT.so
#
# Build the emulated Metis as a library for LD_PRELOAD into the stock
# qemu-system-aarch64 that QEMU_SRC was built into. HEADERS is the output folder
# of qemu-headers.sh. CC and CFLAGS are honoured.
set -eu

if [ $# -ne 3 ]; then
	echo "usage: $0 QEMU_SRC HEADERS OUT.so" >&2
	exit 2
fi
src=$1
headers=$2
out=$3
here=$(dirname "$0")

case $(uname -m) in
x86_64)		arch=i386 ;;
*)		arch=$(uname -m) ;;
esac

mkdir -p "$(dirname "$out")"
# the new file replaces the old one at once: a QEMU may have it mapped
# shellcheck disable=SC2046,SC2086
${CC:-gcc} -std=gnu11 -O2 -g -fPIC -shared -pthread -fno-strict-aliasing -fno-common -fwrapv \
	-Wall -Wextra -Wno-unused-parameter ${CFLAGS:-} \
	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE \
	-iquote "$here" -I"$headers" -I"$headers/qapi" \
	-isystem "$src/include" -isystem "$src/linux-headers" -isystem "$src" \
	-isystem "$src/host/include/$arch" -isystem "$src/host/include/generic" \
	$(pkg-config --cflags glib-2.0) \
	"$here"/metis_*.c -o "$out.tmp"
mv "$out.tmp" "$out"
