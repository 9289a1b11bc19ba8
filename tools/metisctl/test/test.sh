#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Tests metisctl on a preloaded fake device (fake.c). Prints TAP and, last,
# "N passed, N failed". Usage: test.sh DIR-WITH-THE-BUILT-FILES
set -u

out=$(cd "${1:?directory with metisctl, metisctl-san and fake.so}" && pwd) || exit 1
here=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

export FAKE_ROOT=$tmp/root FAKE_LOG=$tmp/log
export ASAN_OPTIONS=abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
unset METIS LC_ALL

result()
{
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed + skipped)) - $2"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed + skipped)) - $2"
		sed 's/^/#   /' "$tmp/stdout" "$tmp/stderr" "$tmp/log" 2>/dev/null | tr -d '\000' | head -20
	fi
}

skip()
{
	skipped=$((skipped + 1))
	echo "ok $((passed + failed + skipped)) - $1 # SKIP $2"
}

# m [VAR=value ...] -- ARG...: runs the program under test; status in $status
m()
{
	local vars=()

	while [ "$1" != -- ]; do
		vars+=("$1")
		shift
	done
	shift
	: >"$tmp/log"
	env ${vars[@]+"${vars[@]}"} LD_PRELOAD="$out/fake.so" timeout 60 "$program" "$@" \
		>"$tmp/stdout" 2>"$tmp/stderr" </dev/null
	status=$?
}

# t NAME STATUS WHAT...: status as expected, no rule broken, and each WHAT holds:
# out:REGEX err:REGEX log:REGEX find, and noout:... noerr:... nolog:... do not find
t()
{
	local name=$1 want=$2 bad=0 w file

	shift 2
	[ "$status" = "$want" ] || { bad=1; echo "# status $status, expected $want"; }
	if grep -q POLICE "$tmp/log"; then
		bad=1
	fi
	for w in "$@"; do
		case ${w%%:*} in
		*out) file=stdout ;;
		*err) file=stderr ;;
		*) file=log ;;
		esac
		if grep -a -E -q -e "${w#*:}" "$tmp/$file"; then
			[ "${w#no}" = "$w" ] || { bad=1; echo "# found: $w"; }
		else
			[ "${w#no}" != "$w" ] || { bad=1; echo "# not found: $w"; }
		fi
	done
	result $bad "$kind: $name"
}

# j NAME FILE EXPRESSION: every line of FILE, or all of it, is JSON d and satisfies it
j()
{
	python3 - "$2" "$3" >"$tmp/stderr" 2>&1 <<-'PY'
	import json, sys
	text = open(sys.argv[1]).read()
	try:
	    d = json.loads(text)
	except ValueError:
	    d = [json.loads(l) for l in text.splitlines()]
	assert eval('(' + sys.argv[2] + ')'), d
	PY
	result $? "$kind: $1"
}

nodes()
{
	rm -rf "$FAKE_ROOT"
	mkdir -p "$FAKE_ROOT/dev" "$FAKE_ROOT/etc" "$FAKE_ROOT/sys/bus/pci/devices"
	for n in "$@"; do
		: >"$FAKE_ROOT/dev/metis$n"
	done
	printf 'root:x:0:\naccel:x:12345:\n' >"$FAKE_ROOT/etc/group"
}

# pci ADDR VENDOR DEVICE BAR2-START [DRIVER]
pci()
{
	local d=$FAKE_ROOT/sys/bus/pci/devices/$1

	mkdir -p "$d"
	echo "$2" >"$d/vendor"
	echo "$3" >"$d/device"
	printf '0x1000 0x1fff 0x140204\n0x0 0x0 0x0\n%s 0x0 0x40200\n' "$4" >"$d/resource"
	[ $# -lt 5 ] || ln -s "../../drivers/$5" "$d/driver"
}

usage_tests()
{
	nodes 0
	m -- --help; t 'help lists the commands' 0 'out:dma test +move' 'out:Exit status'
	m -- --version; t 'version' 0 'out:^metisctl .*interface version 1'
	m --; t 'no command' 64 'err:Usage'
	m -- frob; t 'unknown command names the known' 64 "err:no command 'frob'; there are: list, info, fw load"
	m -- fw; t 'group alone' 64 'err:there are: fw load'
	m -- dma copy; t 'unknown word of a group' 64 "err:no command 'dma copy'; there are: dma write, dma read, dma test$"
	m -- info --frob; t 'unknown option' 64
	m -- info extra; t 'too many arguments' 64
	for c in list info 'fw load' 'dma read' 'dma write' 'dma test' wait events reset doctor; do
		# shellcheck disable=SC2086
		m -- $c --help; t "$c --help" 0 "out:Usage: metisctl $c" 'out:--device'
	done
	m -- fw load x; t 'opcode is needed' 64 'err:--opcode is missing'
	m -- fw load --opcode 0x100000000 x; t 'opcode of 33 bits' 64
	m -- fw load -o 7 -m 012 x; t 'message with half a byte' 64 'err:pairs of hexadecimal'
	m -- fw load -o 7 -m "$(printf 'aa%.0s' {1..257})" x; t 'message too long' 64 'err:at most 256'
	m -- fw load -o 7 -n x; t 'opcode and no start' 64
	m -- fw load -o 7; t 'no file' 64 'err:FILE is missing'
	for s in 0 -1 ' 4' 1.5M 4X '4 ' 16777216T 99999999999999999999 '' K; do
		m -- dma read --from l2 --size "$s"; t "size '$s'" 64 'err:is no size'
	done
	for a in l3 l2-4 l2+ ddr+-1 l2x 0xzz ''; do
		m -- dma read --size 4 --from "$a"; t "address '$a'" 64 'err:is no device address'
	done
	for a in 1024 -1 context4 mail 1x ''; do
		m -- wait -t 0 -- "$a"; t "event '$a'" 64 'err:is no event'
	done
	for a in -1 x nan inf 1e10 ''; do
		m -- wait any --timeout="$a"; t "time '$a'" 64 'err:is no time'
	done
	m -- dma test --pattern pink; t 'unknown pattern' 64 'err:random, count, zero, ones, walk'
	m -- dma test --direction up; t 'unknown direction' 64
	m -- dma test --size ,; t 'no sizes' 64
	m -- dma test --size "$(printf '4,%.0s' {1..33})"; t 'too many sizes' 64 'err:more than 32'
	m -- dma test --depth 0; t 'depth 0' 64
	m -- dma test --loops 0; t 'loops 0' 64
	m -- dma read --size 4; t 'no address' 64 'err:--from is missing'
	m -- dma write --to l2; t 'nothing to write' 64 'err:FILE is missing'
	m -- dma read --json --from l2 --size 4; t 'JSON and data do not mix' 64
}

device_tests()
{
	nodes 0
	m -- info; t 'info' 0 'out:0000:01:00.0, 1f9d:1100 rev 02' 'out:8 GT/s x4' 'out:translated, strict' \
		'out:MSI, 32 vectors' 'out:Firmware +running' 'out:0x8000000..0x9ffffff, 32 MiB' 'log:CLOSE'
	m -- info --json; t 'info --json' 0
	j 'its content' "$tmp/stdout" 'd["pci"]["address"] == "0000:01:00.0" and d["link"]["width"] == 4 and
		d["l2"] == {"base": "0x8000000", "size": 32 << 20} and d["firmware"]["state"] == "running" and
		d["iommu"]["mode"] == "translated" and "ddr" in d["features"] and d["interrupts"]["vectors"] == 32'
	m FAKE_GUARD=2 FAKE_RESCUED=7 FAKE_DELIVERY=2 FAKE_RESTARTS=3 -- info
	t 'info of guard, delivery, restarts' 0 'out:Guard page +refused: .*, 7 interrupts rescued' \
		'out:Delivery +polled' 'out:Restarts +3 unsolicited'
	m FAKE_GUARD=1 FAKE_RESCUED=7 FAKE_DELIVERY=1 FAKE_RESTARTS=3 -- info --json; t 'the same as JSON' 0
	j 'its content' "$tmp/stdout" 'd["iommu"]["guard"] == "active" and d["interrupts"]["rescued"] == 7 and
		d["interrupts"]["delivery"] == "messages" and d["firmware"]["restarts"] == 3'
	m FAKE_BOOTLOADER=1 -- info; t 'info of a bootloader' 0 'out:bootloader; load firmware' 'out:DDR +not known'
	m -- -d metis0 info; t 'option before the command' 0
	m -- info -d /dev/metis0; t 'device by path' 0
	m -- info -d 01:00.0; t 'device by short PCI address' 0
	m -- info -d 0000:07:00.0; t 'unknown PCI address' 1 'err:there are: metis0 \(0000:01:00.0\)'
	m -- info -d metis7; t 'unknown node' 1 'err:there are: metis0' 'err:ENOENT'
	m FAKE_ABI=2 -- info; t 'another interface version' 1 'err:version 2 of the interface, this metisctl version 1'
	m FAKE_ERR=QUERY=25 -- info; t 'a foreign driver' 1 "err:does not speak axl's interface"
	m FAKE_ERR=QUERY=19 -- info; t 'a removed device' 1 'err:was removed' 'err:next: '
	m FAKE_ERR=QUERY=5 -- info; t 'a dead device' 1 'err:link is down' 'err:next: '
	chgrp 12345 "$FAKE_ROOT/dev/metis0" 2>/dev/null && chmod 0660 "$FAKE_ROOT/dev/metis0"
	if [ "$(stat -c %g "$FAKE_ROOT/dev/metis0")" = 12345 ]; then
		m FAKE_ERR=OPEN=13 -- info; t 'permission denied names the group' 1 'err:group accel \(mode 0660\)' 'err:usermod -aG accel'
	else
		skip "$kind: permission denied names the group" 'needs root to change a group'
	fi
	m FAKE_ERR=OPEN=13 -- info --json; t 'error as JSON' 1
	j 'its content' "$tmp/stdout" 'd["errno"] == "EACCES" and d["next"] and d["cause"] and d["error"]'
	m FAKE_ERR=OPEN=13 -- list; t 'list shows why' 1 'out:/dev/metis0 .*Permission denied' 'err:next: '

	nodes 0 1 10
	m -- list; t 'list of three' 0 'out:^/dev/metis10 +0000:0b:00.0'
	result "$(tail -n 1 "$tmp/stdout" | grep -q metis10; echo $?)" "$kind: sorted by number"
	m -- list --json; t 'list --json' 0
	j 'its content' "$tmp/stdout" '[x["pci"] for x in d["devices"]] == ["0000:01:00.0", "0000:02:00.0", "0000:0b:00.0"]'
	m -- info; t 'several devices: choose' 1 'err:metis0 \(0000:01:00.0\), metis1 \(0000:02:00.0\)' 'err:next: choose one with -d'
	m -- info -d 0000:02:00.0; t 'one of several by PCI address' 0 'out:/dev/metis1'

	nodes
	m -- list; t 'nothing at all' 1 'err:module axl is not loaded' 'err:PCI shows no Metis' 'err:rescan'
	mkdir -p "$FAKE_ROOT/sys/module/axl"
	m -- info; t 'module without a card' 1 'noerr:not loaded' 'err:PCI shows no Metis'
	pci 0000:01:00.0 0x16c3 0xabcd 0x0
	m -- info; t 'unbooted card' 1 'err:16c3:abcd' 'err:power off and on'
	printf '\0%.0s' {1..64} >"$FAKE_ROOT/sys/bus/pci/devices/0000:01:00.0/config"
	echo 0x060400 >"$FAKE_ROOT/sys/bus/pci/devices/0000:01:00.0/class"
	m -- info; t 'unbooted card of any class' 1 'err:16c3:abcd'
	poke "$FAKE_ROOT/sys/bus/pci/devices/0000:01:00.0/config" 14 '\0201'
	m -- info; t 'a root port of that identity' 1 'noerr:16c3:abcd' 'err:PCI shows no Metis'
	nodes; pci 0000:01:00.0 0x1f9d 0x1100 0x0
	m -- info; t 'BAR 2 unassigned' 1 'err:BAR 2 .* got no address' 'err:dts-overlays'
	nodes; pci 0000:01:00.0 0x1f9d 0x1100 0xf0000000
	m -- info; t 'module not loaded' 1 'err:module axl is not loaded' 'err:modprobe axl'
	mkdir -p "$FAKE_ROOT/sys/module/axl"
	m -- info; t 'loaded but refused' 1 'err:did not take it' 'err:dmesg'
	nodes; pci 0000:01:00.0 0x1f9d 0x1100 0xf0000000 metis
	m -- info; t "the vendor's driver" 1 "err:driver 'metis' holds it"
	nodes; pci 0000:01:00.0 0x1f9d 0x1100 0xf0000000 axl
	m -- info; t 'driven, but no node' 1 'err:no node in /dev'
	nodes; pci 0000:00:00.0 0x1b36 0x000c 0x0
	m -- info --json; t 'a PCI function of others is not blamed' 1 'noerr:0000:00:00.0'
	j 'JSON' "$tmp/stdout" '"rescan" in d["next"]'
}

fw_tests()
{
	local e name

	nodes 0
	printf '\177ELF-like, the fake takes anything' >"$tmp/fw"
	m -- fw load --opcode 0x21 --message 01a0FF --timeout 2.5 "$tmp/fw"
	t 'load' 0 'out:runs: entry 0x8010000, generation 2' \
		'log:FW_LOAD flags=0 opcode=33 size=34 first=7f msg=01a0ff timeout=2500000000'
	m -- fw load --no-start "$tmp/fw"; t 'load without start' 0 'out:loaded, not started' 'out:generation 1' \
		'log:flags=2 opcode=0'
	m -- fw load -o 1 --json "$tmp/fw"; t 'load --json' 0
	j 'its content' "$tmp/stdout" 'd["started"] and d["entry"] == "0x8010000" and d["firmware"] == "running" and d["bytes"] == 34'
	m -- fw load -o 1 -q "$tmp/fw"; t 'quiet' 0 'noout:.' 'noerr:.'
	m FAKE_SLOW=70 -- fw load -o 1 "$tmp/fw"; t 'a line for each phase' 0 'err:uploading' \
		'err:waiting for the link to go down' 'err:come back' 'err:publish its areas'
	m FAKE_EINTR=1 -- fw load -o 1 "$tmp/fw"; t 'a stray signal does not end it' 0 'out:runs'
	if command -v script >/dev/null; then
		FAKE_SLOW=700 script -qec "env LD_PRELOAD=$out/fake.so $program fw load -o 1 $tmp/fw" /dev/null >"$tmp/stdout" </dev/null
		status=$?
		t 'progress bar on a terminal' 0 'out:uploading \[#+ +\]  50%  17 B of 34 B' 'out:come back, [0-9.]+ s'
	else
		skip "$kind: progress bar on a terminal" 'no script(1)'
	fi
	for e in 8:ENOEXEC:RISC-V 22:EINVAL:malformed 34:ERANGE:'outside L2 and DDR' 7:E2BIG:'too large' \
		16:EBUSY:'another load' 110:ETIMEDOUT:'longer --timeout' 5:EIO:'power-cycle' 19:ENODEV:removed \
		12:ENOMEM:memory 14:EFAULT:'Bad address' 121:EREMOTEIO:'opcode word 0x55'; do
		name=${e#*:}
		m FAKE_ERR="FW_LOAD=${e%%:*}" FAKE_REPLY=0x55 -- fw load -o 1 "$tmp/fw"
		t "load fails with ${name%%:*}" 1 "err:\(${name%%:*}\)" "err:${name#*:}" 'noout:.'
	done
	m -- fw load -o 1 "$tmp/none"; t 'no such file' 1 'err:No such file'
	m -- fw load -o 1 "$tmp"; t 'a folder' 1 'err:not a file with content'
	: >"$tmp/empty"
	m -- fw load -o 1 "$tmp/empty"; t 'an empty file' 1 'err:not a file with content' 'nolog:FW_LOAD'
	truncate -s 1048577 "$tmp/big"
	m -- fw load -o 1 "$tmp/big"; t 'too large for the driver' 1 'err:more than an image can have, 1 MiB' 'nolog:FW_LOAD'
	interrupt 0.3 FAKE_SLOW=1500 -- fw load -o 1 "$tmp/fw"
	t 'Ctrl-C during a load' 130 'err:takes another load' 'log:CLOSE'
}

# interrupt SECONDS [VAR=value ...] -- ARG...: as m, with SIGINT after that time
interrupt()
{
	local after=$1 vars=() pid

	shift
	while [ "$1" != -- ]; do
		vars+=("$1")
		shift
	done
	shift
	: >"$tmp/log"
	# Background jobs of a script ignore SIGINT; env gives it its default again.
	env --default-signal=INT "${vars[@]}" LD_PRELOAD="$out/fake.so" "$program" "$@" \
		>"$tmp/stdout" 2>"$tmp/stderr" </dev/null &
	pid=$!
	sleep "$after"
	kill -INT $pid
	wait $pid
	status=$?
}

copy_tests()
{
	local s

	nodes 0
	export FAKE_MEM=$tmp/mem
	for s in 1 4095 4097 2097152 2097153 5000001; do
		head -c "$s" /dev/urandom >"$tmp/in"
		m FAKE_EINTR=1 -- dma write --to l2+0x100001 "$tmp/in"; t "write $s bytes" 0 'err:written to 0x8100001'
		rm -f "$tmp/back"
		m FAKE_EINTR=1 -- dma read --from 0x8100001 --size "$s" "$tmp/back"; t "read $s bytes" 0
		cmp "$tmp/in" "$tmp/back" >"$tmp/stdout" 2>&1
		result $? "$kind: $s bytes are the same"
	done
	m -- dma read --from l2+0x100001 --size 5000001; cmp "$tmp/in" "$tmp/stdout" >/dev/null
	result $? "$kind: read to standard output"
	: >"$tmp/log"
	LD_PRELOAD=$out/fake.so "$program" dma write --to ddr+5 - <"$tmp/in" >"$tmp/stdout" 2>"$tmp/stderr"
	status=$?; t 'write standard input' 0
	m -- dma read -q --from ddr+5 --size 5000001 "$tmp/back"; t 'read DDR, quiet' 0 'noerr:.'
	result "$(cmp -s "$tmp/in" "$tmp/back"; echo $?)" "$kind: the same"
	(head -c 100; sleep 0.1; head -c 200) <"$tmp/in" | LD_PRELOAD=$out/fake.so "$program" dma write --json --to l2+64K - >"$tmp/stdout" 2>"$tmp/stderr"
	j 'slow pipe' "$tmp/stdout" 'd["bytes"] == 300 and d["address"] == "0x8010000"'
	printf 'Metis\n' >"$tmp/in"
	m -- dma write --to l2+0x7b0 "$tmp/in"; t 'write a line' 0
	m -- dma read --from l2+0x7b0 --size 6 --hex; t 'dump' 0 'out:^00080007b0  4d 65 74 69 73 0a +\|Metis\.\|$'
	m -- dma read --from l2 --size 16 --json "$tmp/back"; t 'read --json' 0
	j 'its content' "$tmp/stdout" 'd["bytes"] == 16 and d["direction"] == "from"'
	m -- dma read --from l2 --size 16 /dev/null; t 'read into a device node' 0
	result "$([ -c /dev/null ]; echo $?)" "$kind: which stays one"
	m -- dma read --from l2+32M --size 1; t 'outside L2' 1 'err:ERANGE' 'err:L2 is 0x8000000..0x9ffffff'
	m -- dma read --from l2+31M --size 2M "$tmp/new"; t 'across the end of L2' 1 'err:ERANGE'
	result "$([ ! -e "$tmp/new" ]; echo $?)" "$kind: leaves no file"
	m -- dma read --from 0xffffffffffffffff --size 4K; t 'address that wraps' 1 'err:ERANGE'
	m -- dma read --from ddr+0xffffffffffffff00 --size 4K; t 'offset that wraps' 1 'err:ERANGE'
	m -- dma read --from l2+33521664 --size 4K "$tmp/new"; t "the engine's list buffer" 1 'err:list buffer'
	m FAKE_BOOTLOADER=1 -- dma read --from ddr --size 4; t 'DDR of a bootloader' 1 'err:where its DDR is' 'err:fw load'
	m -- dma write --to l2+1M "$tmp/empty"; t 'empty file' 1 'err:empty'
	m -- dma write --to l2+1M "$tmp/none"; t 'missing file' 1 'err:No such file'
	m -- dma read --from l2 --size 4 /nonexistent/x; t 'file that cannot be made' 1 'err:cannot create'
	if [ -w /dev/full ]; then
		m -- dma read --from l2 --size 3M /dev/full; t 'disk full' 1 'err:ENOSPC'
	fi
	head -c 9000000 /dev/zero >"$tmp/in"
	m FAKE_STATUS=2:5 -- dma write --to l2+1M "$tmp/in"; t 'second piece fails' 1 'err:EIO' 'err:0x8300000' 'err:SMMU'
	echo old >"$tmp/kept"
	m FAKE_STATUS=2:110 -- dma read --from l2 --size 9M "$tmp/kept"; t 'read times out' 1 'err:ETIMEDOUT'
	result "$([ "$(cat "$tmp/kept")" = old ]; echo $?)" "$kind: the old file stays"
	interrupt 0.5 FAKE_SLOW=200 -- dma read --from l2 --size 24M "$tmp/kept"; t 'Ctrl-C during a read' 130 'err:interrupted after' 'log:CLOSE'
	result "$([ "$(cat "$tmp/kept")" = old ] && [ "$(ls "$tmp"/kept.* 2>/dev/null)" = '' ]; echo $?)" "$kind: the old file stays, nothing beside it"
	m FAKE_ERR=SUBMIT=116 -- dma write --to l2+1M "$tmp/in"; t 'restarted meanwhile' 1 'err:restarted' 'err:run the command again'
	m FAKE_ERR=BUF_REGISTER=12 -- dma write --to l2+1M "$tmp/in"; t 'no memory for buffers' 1 'err:ENOMEM'
	unset FAKE_MEM
}

test_tests()
{
	local p d

	nodes 0
	m -- dma test; t 'default' 0 'out:^4 KiB +4 +16 .* 256 KiB ok' 'out:^1 MiB .* MB/s' 'noerr:.'
	for p in random count zero ones walk; do
		m -- dma test -p $p -l 2 -s 1,3,4095,4097,65537; t "pattern $p" 0 'out:^65537 B .* ok'
		m FAKE_FLIP=3 -- dma test -p $p -l 2 -s 4095; t "pattern $p, a wrong byte" 1 'out:WRONG' 'err: 1 wrong byte, first at offset 0x3 \(device 0x9000003\)'
		m FAKE_FLIP=65536 -- dma test -p $p -l 2 -s 65537; t "pattern $p, the last byte wrong" 1 'err: 1 wrong byte, first at offset 0x10000 '
		m FAKE_DROP=to -- dma test -p $p -l 2 -s 4095; t "pattern $p, nothing arrives at the device" 1 'out:WRONG' 'err:wrong bytes'
		m FAKE_DROP=from -- dma test -p $p -l 2 -s 4095; t "pattern $p, nothing arrives at the host" 1 'err:4095 wrong bytes' 'err:did not arrive in host memory'
	done
	m FAKE_STATUS=3:5 -- dma test -n 1 -l 1; t 'a failing transfer' 1 'err:EIO' 'err:to device address 0x9000000'
	m FAKE_STATUS=13:110 -- dma test -n 4 -l 1; t 'one of four fails' 1 'err:ETIMEDOUT' 'err:from device address 0x9000000'
	m FAKE_OVERRUN=1 -- dma test -s 4095 -l 1; t 'a byte too many' 1 'err:around the buffer'
	m FAKE_UNDERRUN=1 -- dma test -s 4096 -l 1; t 'a byte before' 1 'err:around the buffer'
	m FAKE_EINTR=1 -- dma test -l 2; t 'signals' 0
	m -- dma test --to ddr -s 3M -l 2 -n 2; t 'DDR, larger than a transfer' 0 'out:^3 MiB .* ok'
	m -- dma test --to l2+4M -s 64K -l 1 --json; t '--json' 0
	j 'its content' "$tmp/stdout" 'd["ok"] and d["results"][0]["address"] == "0x8400000" and d["results"][0]["bytes_verified"] == 4 * 65536'
	m FAKE_FLIP=100 -- dma test -s 64,4K -l 1 --json --seed 5; t '--json of a failure' 1
	j 'its content' "$tmp/stdout" 'not d["ok"] and d["seed"] == "0x5" and d["results"][0]["ok"] and d["results"][1]["mismatch"]["offset"] == 100'
	for d in to from; do
		m -- dma test -r $d -l 2 -s 64K; t "direction $d" 0 'out:MB/s' 'out: - ' 'out: ok'
		m FAKE_FLIP=0 -- dma test -r $d -l 2 -s 64K; t "direction $d is verified" 1 'out:WRONG'
		m FAKE_FLIP=0 -- dma test -r $d -l 2 -s 64K --no-verify; t "direction $d alone" 0 'out:not verified' "log:flags=$([ $d = to ] && echo 1 || echo 2) "
	done
	m -- dma test --channels 3 -s 4K -l 1; t 'channels' 0 'log:direction=0 channel=2' 'log:direction=1 channel=0' 'nolog:channel=3'
	m -- dma test --channels 5; t 'more channels than there are' 1 'err:4 channels to it'
	m -- dma test --depth 33 -s 4K; t 'too deep' 1 'err:32 submissions'
	m -- dma test --depth 32 -s 4K -l 2; t 'as deep as it goes' 0
	m -- dma test --dmabuf -l 2; t 'dma-buf' 0 'log:flags=7'
	m FAKE_FLIP=9 -- dma test --dmabuf -l 2; t 'dma-buf is verified' 1 'err:offset 0x9'
	m -- dma test --size 16M; t 'more than L2 has' 1 'err:ERANGE'
	m -- dma test --size 4K,65M -n 1 --to ddr+0; t 'second size too large' 1 'out:^4 KiB .* ok' 'err:ERANGE'
	m -- dma test --size 100M,1K -n 1 --json; t 'too large, --json' 1
	j 'one object' "$tmp/stdout" 'd["errno"] == "ERANGE"'
	m FAKE_ERR=BUF_REGISTER=12 -- dma test; t 'limit for locked memory' 1 'err:ENOMEM'
	m FAKE_ERR=WAIT=19 -- dma test -n 1; grep -v POLICE "$tmp/log" >"$tmp/l2"; mv "$tmp/l2" "$tmp/log"
	t 'removed meanwhile' 1 'err:was removed'
	m FAKE_RESTART=1 FAKE_SLOW=5 -- dma test; t 'firmware restarts meanwhile' 1 'err:ESTALE' 'log:CLOSE'
	interrupt 0.6 FAKE_SLOW=100 -- dma test -l 1000; t 'Ctrl-C' 130 'err:interrupted; transfers ended' 'log:CLOSE'
}

event_tests()
{
	nodes 0
	m FAKE_EVENTS=100:12 -- wait mailbox --timeout 5; t 'wait' 0 'out:mailbox: 1 new, count 6'
	m FAKE_EVENTS=100:12 -- wait context0 --timeout 0.3; t 'another event does not count' 2 'err:timed out after 0.3'
	m FAKE_EVENTS=50:2,100:2,150:2 -- wait context2 -c 3 -t 5 --json; t 'wait for three' 0
	j 'its content' "$tmp/stdout" 'd["event"] == 2 and d["count"] - d["seen"] == 3 and not d["timed_out"] and d["seconds"] >= 0.1'
	m FAKE_EVENTS=50:2,100:2 -- wait 2 -c 3 -t 0.3; t 'two of three' 2 'err:2 new, count 7'
	m -- wait 2 --seen 4 -t 0; t 'it happened before' 0 'out:1 new, count 5'
	m -- wait 2 --seen 5 -t 0 --json; t 'look without waiting' 2
	j 'timed out in JSON' "$tmp/stdout" 'd["timed_out"] and d["count"] == 5'
	m FAKE_EVENTS=50:1023 -- wait any -t 5; t 'any' 0 'out:any: 1 new, count 1001'
	m FAKE_EVENTS=50:30 FAKE_EINTR=1 -- wait 30 -t 5 -q; t 'signals, quiet' 0 'noout:.'
	m FAKE_RESTART=50 -- wait 30 -t 5; t 'firmware restarts' 1 'err:ESTALE' 'err:restarted'
	m FAKE_ERR=WAIT_EVENT=19 -- wait 30; t 'device removed' 1 'err:removed'
	m FAKE_EVENTS=50:0,100:8,100:24,150:700 -- events -n 4 -t 5
	t 'events' 0 'out:^20[0-9-]+T[0-9:.]+[+-][0-9]{4} +0  context0 +\+1  6$' 'out: 8  write0 ' 'out: 24  message ' 'out: 700  event700 '
	m FAKE_EVENTS=50:0,100:12,100:12 -- events -t 0.3 --json; t 'events --json' 0
	j 'a line each' "$tmp/stdout" '[x["name"] for x in d] == ["context0", "mailbox"] and d[1]["new"] == 2 and d[1]["count"] == 7'
	m -- events -t 0.1; t 'no events' 0 'noout:.'
	m FAKE_EVENTS=50:0 -- events -n 2 -t 0.2; t 'fewer than asked' 2
	m FAKE_EVENTS=50:0,150:1 FAKE_RESTART=100 -- events -n 2 -t 5; t 'events go on over a restart' 0 'out:device restarted: generation 2' 'out:context1'
	m -- reset; t 'reset' 0 'out:generation 2, firmware bootloader'
	m -- reset --json; j 'reset --json' "$tmp/stdout" 'd["generation"] == 2'
	m FAKE_ERR=RESET=95 -- reset; t 'reset not possible' 1 'err:cannot be reset'
	m FAKE_ERR=RESET=16 -- reset; t 'reset during a load' 1 'err:load is under way'
	if [ -w /dev/full ]; then
		LD_PRELOAD=$out/fake.so "$program" info >/dev/full 2>"$tmp/stderr"
		status=$?; t 'output that cannot be written' 1 'err:cannot write to standard output'
		LD_PRELOAD=$out/fake.so FAKE_GUARD=3 FAKE_STATE=4 "$program" doctor >/dev/full 2>"$tmp/stderr"
		status=$?; t 'output that cannot be written does not hide a failure' 2 'err:cannot write to standard output'
	fi
}

page_tests()
{
	: >"$tmp/stdout"
	if command -v mandoc >/dev/null; then
		mandoc -T lint "$here/metisctl.1" >"$tmp/stderr" 2>&1
		result $? 'manual page: mandoc -T lint'
	else
		skip 'manual page: mandoc -T lint' 'no mandoc'
	fi
	# Every long option of every command is in the manual and in the completion.
	for c in 'fw load' 'dma read' 'dma write' 'dma test' wait events doctor; do
		# shellcheck disable=SC2086
		"$out/metisctl" $c --help | grep -oE -e '--[a-z][a-z-]+' | sort -u >"$tmp/stdout"
		: >"$tmp/stderr"
		while read -r o; do
			grep -q -e "$o" "$here/metisctl.bash-completion" || echo "completion: $o" >>"$tmp/stderr"
			sed 's/\\-/-/g' "$here/metisctl.1" | grep -q -e "-${o#--}" || echo "manual: $o" >>"$tmp/stderr"
		done <"$tmp/stdout"
		result "$([ ! -s "$tmp/stderr" ]; echo $?)" "options of $c in manual and completion"
	done
}

# complete WORD...: what completion offers for the last word
complete_words()
{
	bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _metisctl; echo "${COMPREPLY[*]}"' \
		_ "$here/metisctl.bash-completion" "$@" >"$tmp/stdout" 2>"$tmp/stderr"
}

completion_tests()
{
	complete_words metisctl ''; result "$([ "$(cat "$tmp/stdout")" = 'list info fw dma wait events reset doctor' ]; echo $?)" 'completion: commands'
	complete_words metisctl -d metis0 dma t; result "$([ "$(cat "$tmp/stdout")" = test ]; echo $?)" 'completion: second word'
	complete_words metisctl dma test --pat; result "$([ "$(cat "$tmp/stdout")" = --pattern ]; echo $?)" 'completion: option'
	complete_words metisctl dma test --pattern r; result "$([ "$(cat "$tmp/stdout")" = random ]; echo $?)" 'completion: value'
	complete_words metisctl wait mai; result "$([ "$(cat "$tmp/stdout")" = mailbox ]; echo $?)" 'completion: event'
	complete_words metisctl fw load "$here/base.h"; result "$([ "$(cat "$tmp/stdout")" = "$here/base.h" ]; echo $?)" 'completion: file'
}

# shellcheck source=doctor.sh disable=SC1091
. "$here/test/doctor.sh"
for kind in metisctl metisctl-san; do
	program=$out/$kind
	usage_tests
	device_tests
	doctor_tests
	fw_tests
	copy_tests
	test_tests
	event_tests
done
page_tests
completion_tests
echo "1..$((passed + failed + skipped))"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
