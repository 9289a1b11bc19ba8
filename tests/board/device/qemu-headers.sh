#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# qemu-headers.sh QEMU_SRC OUTDIR
#
# Generate the headers that a device library needs beside QEMU's own source:
# config-host.h and the QAPI types. Neither configure nor meson nor ninja runs.
# QEMU_SRC is the distribution's patched source, the one its binary was built
# from: structure layouts must be the same.
set -eu

if [ $# -ne 2 ] || [ ! -f "$1/VERSION" ]; then
	echo "usage: $0 QEMU_SRC OUTDIR" >&2
	exit 2
fi
src=$1
out=$2

case $(uname -m) in
x86_64)		host=X86_64 ;;
aarch64)	host=AARCH64 ;;
*)
	echo "$0: host $(uname -m) is not supported (x86_64 and aarch64 are)" >&2
	exit 1 ;;
esac

version=$(cat "$src/VERSION")
IFS=. read -r major minor micro <<END
$version
END

mkdir -p "$out"
cat >"$out/config-host.h" <<END
#define CONFIG_POSIX 1
#define CONFIG_LINUX 1
#define HOST_$host 1
#define CONFIG_TCG 1
#define CONFIG_INT128 1
#define CONFIG_IOVEC 1
#define QEMU_VERSION "$version"
#define QEMU_VERSION_MAJOR $major
#define QEMU_VERSION_MINOR ${minor:-0}
#define QEMU_VERSION_MICRO ${micro:-0}
END
: >"$out/config-poison.h"
python3 "$src/scripts/qapi-gen.py" -o "$out/qapi" -b "$src/qapi/qapi-schema.json"
