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
		'out:Delivery +polled' 'out:Restarts +3 unasked for'
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

# poke FILE OFFSET BYTES: overwrite part of a file; BYTES as printf takes them
poke()
{
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# A machine in good order: RK3588, the card behind a root port, SMMU, ITS
good_machine()
{
	local s=$FAKE_ROOT/sys root port card release=6.12.0-test f

	nodes 0
	root=$s/devices/platform/fe150000.pcie
	port=$root/pci0000:00/0000:00:00.0
	card=$port/0000:01:00.0
	mkdir -p "$card" "$s/firmware/devicetree/base/pcie@fe150000" "$s/kernel/iommu_groups/3/devices" "$s/class/metis" "$s/module/axl/holders" \
		"$s/class/iommu/smmu3" "$s/bus/pci/drivers/axl" "$s/bus/platform/drivers/arm-smmu-v3" \
		"$FAKE_ROOT/proc" "$FAKE_ROOT/boot" "$FAKE_ROOT/lib/modules/$release"
	ln -s ../../../devices/platform/fe150000.pcie/pci0000:00/0000:00:00.0 "$s/bus/pci/devices/0000:00:00.0"
	ln -s ../../../devices/platform/fe150000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0 "$s/bus/pci/devices/0000:01:00.0"
	ln -s ../../../devices/0000:01:00.0 "$s/kernel/iommu_groups/3/devices/0000:01:00.0"
	ln -s ../../../firmware/devicetree/base/pcie@fe150000 "$root/of_node"
	mkdir "$s/class/metis/metis0"
	ln -s ../../../0000:01:00.0 "$s/class/metis/metis0/device"

	echo 0x1f9d >"$card/vendor"; echo 0x1100 >"$card/device"; echo 0x120000 >"$card/class"; echo 0x02 >"$card/revision"
	echo 0x1d87 >"$port/vendor"; echo 0x3588 >"$port/device"; echo 0x060400 >"$port/class"
	printf '0xf4000000 0xf4000fff 0x140204\n0x0 0x0 0x0\n0xf8000000 0xf9ffffff 0x40200\n' >"$card/resource"
	printf '0x0 0x0 0x0\n%.0s' {1..14} >"$port/resource"
	printf '0xf8000000 0xfa0fffff 0x200\n' >>"$port/resource"
	for f in "$card" "$port"; do
		echo '8.0 GT/s PCIe' | tee "$f/max_link_speed" >"$f/current_link_speed"
		echo 4 | tee "$f/max_link_width" >"$f/current_link_width"
		echo 1 >"$f/msi_bus"
		head -c 256 /dev/zero >"$f/config"
		poke "$f/config" 0 '\0235\037'
		poke "$f/config" 6 '\020'
		poke "$f/config" 52 '\0100'		# 0x40: power management, then PCIe
		poke "$f/config" 64 '\01\0160'
		poke "$f/config" 112 '\020\0'
		poke "$f/config" 120 '\040\040'		# 256 bytes, reads of 512
	done
	ln -s ../../../../../../bus/pci/drivers/axl "$card/driver"
	ln -s ../../../../../../kernel/iommu_groups/3 "$card/iommu_group"
	echo DMA >"$s/kernel/iommu_groups/3/type"
	echo 0.1.0 >"$s/module/axl/version"
	printf 'radxa,rock-5b\0rockchip,rk3588\0' >"$s/firmware/devicetree/base/compatible"
	# I/O 1 MiB, 64 MiB at PCI 0xf8000000, 1 GiB at 0x9_0400_0000
	printf '\1\0\0\0\0\0\0\0\360\020\0\0\0\0\0\0\360\020\0\0\0\0\0\0\0\020\0\0' >"$root/of_node/ranges"
	printf '\2\0\0\0\0\0\0\0\370\0\0\0\0\0\0\011\0\0\0\0\0\0\0\0\4\0\0\0' >>"$root/of_node/ranges"
	printf '\3\0\0\0\0\0\0\011\4\0\0\0\0\0\0\011\4\0\0\0\0\0\0\0\100\0\0\0' >>"$root/of_node/ranges"

	echo 'console=ttyS2 root=/dev/nvme0n1p1 rw' >"$FAKE_ROOT/proc/cmdline"
	printf '%s\n' '  30:  5  0  ITS-PCI-MSI-0000:01:00.0  0 Edge  metis0-0' >"$FAKE_ROOT/proc/interrupts"
	printf 'CONFIG_%s=y\n' PCI_MSI DMA_SHARED_BUFFER ARM_GIC_V3_ITS ARM_SMMU_V3 PCIE_ROCKCHIP_DW_HOST \
		PHY_ROCKCHIP_SNPS_PCIE3 >"$FAKE_ROOT/boot/config-$release"
	printf 'extra/axl.ko:\nextra/metis.ko: extra/axl.ko\n' >"$FAKE_ROOT/lib/modules/$release/modules.dep"
	printf '<%s\n' '6>[    0.0] Booting Linux on physical CPU 0x0000000000 [0x412fd050]' \
		"5>[    0.0] Linux version $release" '6>[    1.0] arm-smmu-v3 fc900000.iommu: oas 48-bit' \
		'6>[    5.0] axl 0000:01:00.0: metis0: firmware running, IOMMU translated, strict, 32 MSI vectors' \
		>"$FAKE_ROOT/dmesg"
}

# good: that machine, as it was; sets $card, $port and $s
good()
{
	rm -rf "$FAKE_ROOT"
	cp -a "$tmp/good" "$FAKE_ROOT"
	s=$FAKE_ROOT/sys
	port=$s/devices/platform/fe150000.pcie/pci0000:00/0000:00:00.0
	card=$port/0000:01:00.0
}

# d NAME STATUS [VAR=value ...] WHAT...: metisctl doctor on the machine as it is
d()
{
	local name=$1 want=$2 vars=()

	shift 2
	while [[ ${1:-} == [A-Z]*=* ]]; do
		vars+=("$1")
		shift
	done
	m FAKE_UNAME=aarch64:6.12.0-test ${vars[@]+"${vars[@]}"} -- doctor
	t "doctor: $name" "$want" "$@"
}

# event WORD...: an SMMU event as 6.1 and 6.12 print it; the first word is its number
event()
{
	printf '<3>[    9.0] arm-smmu-v3 fc900000.iommu: event %s received:\n' "$1"
	shift
	printf '<3>[    9.0] arm-smmu-v3 fc900000.iommu: \t%s\n' "$@"
}

doctor_tests()
{
	local s card port n

	good_machine
	rm -rf "$tmp/good"
	cp -a "$FAKE_ROOT" "$tmp/good"

	good; d 'all is well' 0 'noout:WARN' 'noout:FAIL' 'out:^PASS  card +0000:01:00.0 is 1f9d:1100 rev 02' \
		'out:^PASS  bar2 +32 MiB at 0xf8000000; the port.s window has 33 MiB; .* below 4 GiB has 64 MiB' \
		'out:^PASS  link +8.0 GT/s x4$' 'out:^PASS  mps .* 256 bytes, 256 at the port above; reads of up to 512' \
		'out:^PASS  iommu +translates, strict' 'out:^PASS  group +IOMMU group 3, alone' 'out:^PASS  vectors +32 MSI' \
		'out:^PASS  delivery +the messages of all 4 write channels' 'out:^PASS  guard .* 0 interrupts rescued' 'out:^PASS  faults .* of this card$' \
		"out:^PASS  firmware +running, generation 1; layout 1.0; firmware's own version is not told" 'out:^PASS  driver .*/dev/metis0' 'out:^PASS  module +axl 0.1.0' \
		'out:^PASS  kernel +6.12.0-test, aarch64' 'out:^PASS  parameters' 'out:^PASS  vendor' 'out:^16 passed, 0 warnings, 0 failed$' \
		'log:REGISTER flags=2 length=4096' 'log:SUBMIT direction=1 channel=0' 'log:SUBMIT direction=1 channel=3'
	n=$(cut -c 7-16 "$tmp/stdout" | tr -s ' \n' ' ')
	result "$([[ $n == 'card bar2 link mps iommu group vectors delivery guard faults firmware driver module kernel parameters vendor '* ]]; echo $?)" \
		"$kind: doctor: in this order"
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor --json; t 'doctor: --json' 0
	j 'doctor: its content' "$tmp/stdout" 'len(d["checks"]) == 16 and d["summary"] == {"pass": 16, "warn": 0, "fail": 0, "status": 0} and
		all(x["verdict"] == "PASS" and x["detail"] and "remedy" not in x for x in d["checks"]) and
		d["checks"][0]["card"] == "0000:01:00.0" and "card" not in d["checks"][-1]'
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor --quiet; t 'doctor: --quiet says nothing' 0 'noout:.'
	m -- doctor extra; t 'doctor: too many arguments' 64

	# card
	nodes; d 'nothing at all' 2 'out:^FAIL  card .*no Metis' 'out:rescan' 'out:^WARN  module .*modules.dep is not readable' 'out:make install' \
		'out:^WARN  vendor .*modules.dep is not readable'
	rm -r "$FAKE_ROOT/sys/bus"; d 'no PCI' 2 'out:^FAIL  card .*knows no PCI'
	good; echo 0x16c3 >"$card/vendor"; echo 0xabcd >"$card/device"; echo 0x0 >"$card/class"; rm "$card/driver"
	d 'unbooted card' 2 'out:^FAIL  card .*16c3:abcd' 'out:power off and on' 'noout:  (bar2|vectors|driver) ' 'out:^PASS  link'
	echo 0x060400 >"$card/class"; d 'unbooted card of any class' 2 'out:^FAIL  card .*16c3:abcd'
	truncate -s 64 "$card/config"; poke "$card/config" 14 '\01'
	d 'a root port of that identity is no card' 2 'out:^FAIL  card .*no Metis'
	good; echo 0x1234 >"$card/device"; d 'unknown model' 1 'out:^WARN  card .*1f9d:1234'
	good; echo 0x11aa >"$card/device"; d 'early silicon' 0
	good; m FAKE_UNAME=aarch64:6.12.0-test -- doctor -d 0000:05:00.0; t 'doctor: --device of nobody' 2 'out:^FAIL  card .*none of the 1'
	for n in metis0 /dev/metis0 0000:01:00.0 01:00.0; do
		m FAKE_UNAME=aarch64:6.12.0-test -- doctor -d $n; t "doctor: --device $n" 0 'out:^PASS  card'
	done
	mkdir "$s/bus/pci/devices/0000:02:00.0"; cp "$card"/* "$s/bus/pci/devices/0000:02:00.0/" 2>/dev/null
	d 'two cards' 2 'out:^-- card 0000:01:00.0' 'out:^-- card 0000:02:00.0' 'out:^-- this machine' 'out:^FAIL  driver .*did not take the card$'
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor -d metis0; t 'doctor: one of two' 0 'noout:card 0000:02'
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor -q; t 'doctor: quietly, one of two is well' 2 'noout:card 0000:01' 'out:^-- card 0000:02' 'noout:this machine'
	result "$(head -n 1 "$tmp/stdout" | grep -q ^--; echo $?)" "$kind: doctor: no empty line first"
	ln -s ../../drivers/axl "$s/bus/pci/devices/0000:02:00.0/driver"; : >"$FAKE_ROOT/dev/metis1"
	mkdir -p "$s/kernel/iommu_groups/4/devices/0000:02:00.0"; echo DMA >"$s/kernel/iommu_groups/4/type"
	ln -s ../../../../kernel/iommu_groups/4 "$s/bus/pci/devices/0000:02:00.0/iommu_group"
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor -q; t 'doctor: quietly, both are well' 0 'noout:.'
	rm "$s/bus/pci/devices/0000:02:00.0/iommu_group"
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor --json; t 'doctor: two cards as JSON' 1
	j 'doctor: its content' "$tmp/stdout" '[x["card"] for x in d["checks"] if x["check"] == "card"] == ["0000:01:00.0", "0000:02:00.0"] and
		[x["verdict"] for x in d["checks"] if x["check"] == "driver"] == ["PASS", "PASS"]'

	# a domain of five digits, as VMD's have
	good; sed -i s/0000:/10000:/ "$FAKE_ROOT/dmesg"
	mv "$s/devices/platform/fe150000.pcie/pci0000:00" "$s/devices/platform/fe150000.pcie/pci10000:00"
	port=$s/devices/platform/fe150000.pcie/pci10000:00/10000:00:00.0; card=$port/10000:01:00.0
	mv "$s/devices/platform/fe150000.pcie/pci10000:00/0000:00:00.0" "$port"; mv "$port/0000:01:00.0" "$card"
	rm "$s"/bus/pci/devices/*; ln -s "../../../${port#"$s"/}" "../../../${card#"$s"/}" "$s/bus/pci/devices/"
	sed -i s/0x1100/0x11aa/ "$card/device"; rm "$card/driver"; event 0x10 0x0000010000000010 0x0 0x5000 0x0 >>"$FAKE_ROOT/dmesg"
	echo '<3>[ 9.0] DMAR: [DMA Write] Request device [01:00.0] fault addr fffe0000 [fault reason 05] x' >>"$FAKE_ROOT/dmesg"
	m FAKE_UNAME=aarch64:6.12.0-test -- doctor -d 10000:01:00.0
	t 'doctor: a domain of five digits' 2 'out:^PASS  card +10000:01:00.0' "out:^PASS  bar2 .*the port's window has 33 MiB" 'out:^PASS  mps .*256 at the port' \
		'out:^FAIL  faults +2 refused'
	printf '0x0 0x0 0x0\n%.0s' {1..6} >"$card/resource"; rm "$s/devices/platform/fe150000.pcie/of_node/ranges"
	printf '<6>[ 1.0] pci_bus %s: root bus resource [mem 0xf0200000-0xf0ffffff]\n' 10000:00 10001:00 >"$FAKE_ROOT/dmesg"
	sed -i '/10001/s/f0ff/f3ff/' "$FAKE_ROOT/dmesg"; d "its host bridge's window" 2 'out:^FAIL  bar2 .* 14 MiB'

	# bar2
	good; printf '0x0 0x0 0x0\n%.0s' {1..6} >"$card/resource"; rm "$card/driver"
	printf '\2\0\0\0\0\0\0\0\360\040\0\0\0\0\0\0\360\040\0\0\0\0\0\0\0\340\0\0' >"$s/devices/platform/fe150000.pcie/of_node/ranges"
	d 'BAR2 without address' 2 'out:^FAIL  bar2 .*no address .* 14 MiB' 'out:overlay rk3588-pcie3x4-bar2-window'
	printf 'radxa,rock-5a\0rockchip,rk3588s\0' >"$s/firmware/devicetree/base/compatible"
	d 'RK3588S has no such controller' 2 'out:^FAIL  bar2 .* 14 MiB' 'noout:overlay' 'out:at least 64 MiB'
	cp "$tmp/good/sys/firmware/devicetree/base/compatible" "$s/firmware/devicetree/base/"
	mv "$s/firmware/devicetree/base/pcie@fe150000" "$s/firmware/devicetree/base/pcie@fe190000"
	ln -sfn ../../../firmware/devicetree/base/pcie@fe190000 "$s/devices/platform/fe150000.pcie/of_node"
	d 'another slot of RK3588' 2 'out:^FAIL  bar2 .* 14 MiB' 'noout:overlay' 'out:at least 64 MiB'
	ln -s ../../firmware/devicetree/base/pcie@fe150000 "$port/of_node"
	d 'BAR2 without address, slot by its port' 2 'out:overlay rk3588-pcie3x4-bar2-window'
	rm "$port/of_node" "$s/devices/platform/fe150000.pcie/of_node"
	d 'windows not known' 2 'out:^FAIL  bar2 .*windows are not known' 'noout:overlay'
	rm "$s/firmware/devicetree/base/compatible"
	printf '<6>[ 1.0] pci_bus 0000:00: root bus resource [%s]%s\n' 'mem 0xf0200000-0xf0ffffff' '' \
		'mem 0x900000000-0x93fffffff' ' (bus address [0x40000000-0x7fffffff])' 'io 0x0-0xffff' '' >"$FAKE_ROOT/dmesg"
	d 'windows by the log' 2 'out:^FAIL  bar2 .*window below 4 GiB has 1 GiB' 'out:pci=realloc'
	printf '<6>[ 1.0] pci_bus 0000:00: root bus resource [mem 0xf0200000-0xf0ffffff]\n' >"$FAKE_ROOT/dmesg"
	d 'another board' 2 'out:^FAIL  bar2 .* 14 MiB' 'out:at least 64 MiB'
	good; printf '0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x1ffffff 0x20040200\n' >"$card/resource"; d 'BAR2 unset' 2 'out:^FAIL  bar2'
	good; printf '0x0 0x0 0x0\n0x0 0x0 0x0\n0xf8000000 0xf80fffff 0x40200\n' >"$card/resource"; d 'BAR2 too small' 1 'out:^WARN  bar2 +1 MiB'
	good; rm "$card/resource"; d 'no resource file' 1 'out:^WARN  bar2 .*not readable' 'out:run as root'

	# link, mps
	good; echo '2.5 GT/s PCIe' >"$card/current_link_speed"; d 'slow link' 1 'out:^WARN  link +2.5 GT/s x4, but the card can do 8.0 GT/s x4, 8.0 GT/s x4 the port'
	good; echo 1 >"$card/current_link_width"; d 'narrow link' 1 'out:^WARN  link +8.0 GT/s x1' 'out:seat'
	echo 1 >"$port/max_link_width"; d 'narrow port' 0 'out:^PASS  link +8.0 GT/s x1, all that the port can do'
	good; echo Unknown >"$card/current_link_speed"; d 'unknown link' 1 'out:^WARN  link .*not known'
	good; rm "$card"/*_link_*; d 'no link files' 1 'out:^WARN  link .*not known'
	good; head -c 256 /dev/zero | tr '\0' '\377' >"$card/config"; d 'fallen off the bus' 2 'out:^FAIL  link +down' 'out:^WARN  mps .*link is down'
	good; poke "$card/config" 120 '\0\040'; d 'card has less payload than port' 2 'out:^FAIL  mps .*128 bytes, but 256' 'out:pcie_bus_safe'
	poke "$card/config" 120 '\0\0'; d 'but reads no more' 0 'out:^PASS  mps .*128 bytes, 256'
	good; poke "$port/config" 120 '\0\040'; d 'card has more payload than port' 2 'out:^FAIL  mps .*256 bytes, but 128'
	good; rm "$port/config"; d 'port not there to read' 1 'out:^WARN  mps .*the port above \(0000:00:00.0\) is not readable' 'out:run as root'
	good; truncate -s 64 "$port/config"; d 'port not readable' 1 'out:^WARN  mps .*the port above'
	good; poke "$port/config" 112 '\021'; d 'port without PCIe capability' 0 'out:^PASS  mps .*nothing above'
	good; poke "$card/config" 112 '\021'; d 'no PCIe capability' 1 'out:^WARN  mps .*no PCIe capability'
	poke "$card/config" 65 '\0100'; d 'capabilities in a circle' 1 'out:^WARN  mps .*no PCIe capability'
	good; truncate -s 64 "$card/config"; d 'configuration space not readable' 1 'out:^WARN  mps .*not readable' 'out:run as root'

	# iommu, group
	good; echo DMA-FQ >"$s/kernel/iommu_groups/3/type"; d 'lazy IOMMU' 0 'out:^PASS  iommu .*lazy'
	good; echo identity >"$s/kernel/iommu_groups/3/type"; d 'identity' 1 'out:^WARN  iommu .*untranslated' 'out:iommu.passthrough=1'
	good; echo blocked >"$s/kernel/iommu_groups/3/type"; d 'blocked' 2 'out:^FAIL  iommu .*blocked'
	good; echo unmanaged >"$s/kernel/iommu_groups/3/type"; d 'unmanaged' 1 "out:^WARN  iommu +mode 'unmanaged'" 'out:vfio'
	good; rm "$s/kernel/iommu_groups/3/type"; d 'mode by the driver' 0 'out:^PASS  iommu +translates, strict'
	d 'mode by the driver: identity' 1 FAKE_IOMMU=1 'out:^WARN  iommu .*identity'
	good; rm "$card/iommu_group"; d 'no IOMMU' 1 'out:^WARN  iommu +none' 'out:overlay rk3588-pcie-smmu-on' 'noout:  group '
	printf 'rockchip,rk3588s\0' >"$s/firmware/devicetree/base/compatible"; d 'no IOMMU, RK3588S' 1 'out:^WARN  iommu +none' 'noout:overlay'
	rm "$s/firmware/devicetree/base/compatible"; d 'no IOMMU, elsewhere' 1 'out:^WARN  iommu +none' 'out:intel_iommu=on'
	rm "$card/driver"; d 'no group before a driver' 2 'out:^WARN  iommu +not known yet'
	good; mkdir "$s/bus/pci/devices/0000:01:00.1"; echo 0x010802 >"$s/bus/pci/devices/0000:01:00.1/class"
	: >"$s/kernel/iommu_groups/3/devices/0000:01:00.1"; d 'shared group' 1 'out:^WARN  group .*shared with 0000:01:00.1'
	good; : >"$s/kernel/iommu_groups/3/devices/0000:00:00.0"; d 'group with a bridge' 0 'out:^PASS  group .*3, with 1 bridge$'
	good; rm -r "$s/kernel/iommu_groups/3/devices"; d 'members not readable' 1 'out:^WARN  group .*not readable'

	# vectors, delivery
	good; d 'four vectors' 1 FAKE_VECTORS=4 'out:^WARN  vectors +4 of 32'
	mkdir "$s/module/axl/parameters"; echo 4 >"$s/module/axl/parameters/max_vectors"
	d 'four as asked for' 1 FAKE_VECTORS=4 'out:^WARN  vectors +4 of 32' 'out:module parameter max_vectors'
	good; d 'no vectors' 2 FAKE_VECTORS=0 FAKE_DELIVERY=2 'out:^FAIL  vectors +none' 'out:ITS' 'out:^FAIL  delivery +there is no vector'
	d 'no vectors, not said' 2 FAKE_VECTORS=0 'out:^FAIL  delivery +there is no vector'
	echo 0 >"$port/msi_bus"; d 'messages forbidden above' 2 FAKE_VECTORS=0 'out:^FAIL  vectors .*forbidden at 0000:00:00.0'
	echo 0 >"$card/msi_bus"; d 'messages forbidden' 2 FAKE_VECTORS=0 'out:^FAIL  vectors .*forbidden at 0000:01:00.0'
	echo 'a pci=realloc,nomsi b' >"$FAKE_ROOT/proc/cmdline"
	d 'pci=nomsi' 2 FAKE_VECTORS=0 'out:^FAIL  vectors .*pci=nomsi' 'out:^FAIL  parameters +pci=nomsi'
	good; d 'polled' 2 FAKE_DELIVERY=2 'out:^FAIL  delivery +interrupt messages do not arrive' 'out:msi-map'
	d 'messages that do not come' 2 FAKE_LOSE=1 FAKE_DELIVERY=0 'out:^FAIL  delivery .*12 lost'
	d 'a message that does not come' 1 FAKE_LOSE_SEQ=2 'out:^WARN  delivery +messages of 4 of 4 write channels arrived; of 6 transfers 1 had none' 'out:now and then'
	d 'messages of one channel do not come' 1 FAKE_LOSE_CHANNEL=2 'out:^WARN  delivery +messages of 3 of 4 write channels arrived; of 6 transfers 3 had none' 'out:do not reach'
	d 'messages lost before' 1 FAKE_LOST=3 'out:^WARN  delivery +the messages of all 4 .*but 3 did not'
	d 'the driver does not know, the self-test does' 0 FAKE_DELIVERY=0 'out:^PASS  delivery'
	d 'no memory for the self-test' 1 FAKE_ERR=BUF_REGISTER=12 'out:^WARN  delivery +not tested' 'out:ulimit'
	d 'busy' 1 FAKE_ERR=SUBMIT=16 'out:^WARN  delivery +not tested' 'out:not busy'
	d 'the self-test fails' 2 FAKE_STATUS=1:5 'out:^FAIL  delivery .*Input/output error'
	d 'a later channel fails' 2 FAKE_STATUS=4:5 'out:^FAIL  delivery .*Input/output error'
	d 'a bootloader that moves nothing' 1 FAKE_STATUS=1:5 FAKE_BOOTLOADER=1 'out:^WARN  delivery +not tested: the card refuses transfers in this state .bootloader'
	d 'signals' 0 FAKE_EINTR=1 'out:^PASS  delivery'

	# guard
	d 'rescued interrupts' 0 FAKE_RESCUED=5 'out:^PASS  guard .*5 interrupts rescued'
	d 'guard refused' 1 FAKE_GUARD=2 'out:^WARN  guard .*could not' 'out:guard page'
	d 'guard off' 1 FAKE_GUARD=3 'out:^WARN  guard +off' 'out:iova0_guard'
	d 'a driver without guard' 1 FAKE_GUARD=0 'out:^WARN  guard +this driver has none'
	d 'no guard without translation' 1 FAKE_GUARD=0 FAKE_IOMMU=1 'out:^WARN  guard +nothing translates' 'out:overlay rk3588-pcie-smmu-on'
	rm "$s/firmware/devicetree/base/compatible"
	d 'the same elsewhere' 1 FAKE_GUARD=0 FAKE_IOMMU=0 'out:^WARN  guard +nothing translates' 'noout:overlay'
	d 'guard of the future' 1 FAKE_GUARD=9 'out:^WARN  guard +state 9'

	# faults
	good; event 0x10 0x0000010000000010 0x0 0x0000000000000030 0x0 >>"$FAKE_ROOT/dmesg"
	d 'fault at 0x30, as 6.12 tells it' 2 'out:^FAIL  faults +1 refused .* 1 of them just above bus address 0, the last at 0x30 \(a mailbox' 'out:should have caught these'
	d 'and unguarded' 2 FAKE_GUARD=3 'out:^FAIL  faults' 'out:use axl with its guard page'
	event 0x10 0x0000010000000010 0x0 0x0000000012345000 0x0 >>"$FAKE_ROOT/dmesg"
	event 0x10 0x0000020000000010 0x0 0x0000000000000030 0x0 >>"$FAKE_ROOT/dmesg"
	d 'others do not count' 2 'out:^FAIL  faults +2 refused .* 1 of them'
	sed -i '/metis0:/d' "$FAKE_ROOT/dmesg"; d 'axl has the card for longer than the log tells' 2 'out:^FAIL  faults +2 refused'
	rm "$card/driver"; d 'axl never had the card' 2 'out:^WARN  faults +2 refused .*, before axl had the card$'
	good; {
		event 0x10 0x0000010000000010 0x0 0x30 0x0
		echo '<6>[ 10.0] axl 0000:02:00.0: metis1: bootloader only'
		event 0x13 0x0000010000000013 0x0 0x1030 0x0
	} >>"$FAKE_ROOT/dmesg"
	d "another card's line is not this card's" 2 'out:^FAIL  faults +2 refused .*0x30 .a mailbox reply.$'
	echo '<6>[ 11.0] axl 0000:01:00.0: metis0: firmware running' >>"$FAKE_ROOT/dmesg"
	d 'faults from before' 1 'out:^WARN  faults +2 refused .*0x30 .a mailbox reply., before axl had the card$' 'out:page catches these now'
	event 0x13 0x0000010000000013 0x0 0x2030 0x0 >>"$FAKE_ROOT/dmesg"
	d 'and later ones' 2 'out:^FAIL  faults +1 refused .*address 0x2030, and 2 before axl had the card$'
	sed -i 1,2d "$FAKE_ROOT/dmesg"; d 'a log that does not begin at boot' 2 'out:^FAIL  faults .* had the card; it tells only since 1.0 s after boot$'
	good; sed -i 1,3d "$FAKE_ROOT/dmesg"; d 'nor has faults' 0 'out:^PASS  faults .*; it tells only since 5.0 s after boot$'
	good; sed -i '1,2d; s/[[].*[]] //' "$FAKE_ROOT/dmesg"; d 'nor times' 0 'out:^PASS  faults .*; it does not tell since boot$'
	: >"$FAKE_ROOT/dmesg"; d 'an empty log' 0 'out:^PASS  faults .*; it does not tell since boot$'
	good; event 0x10 0x0000020000000010 0x0 0x30 0x0 >>"$FAKE_ROOT/dmesg"; d "another card's fault" 0 'out:^PASS  faults'
	good; event 0x13 0x0000010000000013 0x0 0x1030 0x0 >>"$FAKE_ROOT/dmesg"
	d 'fault further up' 2 'out:^FAIL  faults +1 refused accesses of this card, the last F_PERMISSION, address 0x1030' 'out:data of these transfers'
	good; {
		event 0x10 0x0000010000000010 0x0 0x30 0x0
		echo '<3>[ 9.0] arm-smmu-v3 fc900000.iommu: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0x30 ipa: 0x0'
		echo '<3>[ 9.0] arm-smmu-v3 fc900000.iommu: unpriv data write s1 "CD fetch" stag: 0x0'
	} >>"$FAKE_ROOT/dmesg"
	d 'as 7.3 tells it: once' 2 'out:^FAIL  faults +1 refused .* 1 of them'
	sed -i '/0x0/{/event:/!d}; /received/d' "$FAKE_ROOT/dmesg"; d 'the decoded line alone' 2 'out:^FAIL  faults +1 refused .* 1 of them'
	sed -i 's/0000:01:00.0 sid: 0x100/0000:02:00.0 sid: 0x200/' "$FAKE_ROOT/dmesg"; d 'decoded, of another' 0 'out:^PASS  faults'
	sed -i 's/0000:02:00.0 sid: 0x200/0000:02:00.0 sid: 0x100/' "$FAKE_ROOT/dmesg"; d "decoded, of another that has this card's id as stream" 0 'out:^PASS  faults'
	sed -i 's/0000:02:00.0 sid: 0x100/0000:01:00.0 sid: 0x3100/' "$FAKE_ROOT/dmesg"; d 'decoded, by another stream' 2 'out:^FAIL  faults +1 refused'
	sed -i 's/client: 0000:01:00.0 /client: 0000:01:00.01 /' "$FAKE_ROOT/dmesg"; d 'decoded, by a longer name' 0 'out:^PASS  faults'
	good; {
		event 0x10 0x0000010000000010 0x0 0x5000 0x0
		event 0x10 0x0000010000000010 0x0 0x30 0x0
		echo '<3>[ 9.0] arm-smmu-v3 fc900000.iommu: event: F_TRANSLATION client: 0000:02:00.0 sid: 0x100 ssid: 0x0 iova: 0x30 ipa: 0x0'
	} >>"$FAKE_ROOT/dmesg"
	d "raw words that are another's by the line below" 2 'out:^FAIL  faults +1 refused .*address 0x5000'
	good; event 0x02 0x0000010000000002 0x0 0x0 0x0 >>"$FAKE_ROOT/dmesg"
	d 'bad stream id' 2 'out:^FAIL  faults +1 refused .*C_BAD_STREAMID' 'out:iommu-map'
	echo '<3>[ 9.0] arm-smmu-v3 x: event: C_BAD_STREAMID client: (unassigned sid) sid: 0x100 ssid: 0x0' >>"$FAKE_ROOT/dmesg"
	d 'bad stream id, twice' 2 'out:^FAIL  faults +1 refused .*C_BAD_STREAMID'
	good; event 0x10 0x0000010000000010 >>"$FAKE_ROOT/dmesg"; d 'an event cut short' 0 'out:^PASS  faults'
	good; echo '<3>[ 9.0] arm-smmu 12.iommu: Unhandled context fault: fsr=0x402, iova=0x0030, fsynr=0x11, cbfrsynra=0x100, cb=0' >>"$FAKE_ROOT/dmesg"
	d 'SMMUv2' 2 'out:^FAIL  faults +1 refused .*0x30'
	good; echo '<3>[ 9.0] DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x30 [fault reason 0x05] PTE Write access is not set' >>"$FAKE_ROOT/dmesg"
	d 'DMAR' 2 'out:^FAIL  faults +1 refused .*0x30'
	good; echo '<3>[ 9.0] DMAR: [DMA Write] Request device [01:00.0] PASID ffffffff fault addr fffe0000 [fault reason 05] x' >>"$FAKE_ROOT/dmesg"
	d 'DMAR, older' 2 'out:^FAIL  faults .*DMAR fault, address 0xfffe0000'
	good; echo '<3>[ 9.0] DMAR: [INTR-REMAP] Request device [01:00.0] fault index 0x10 [fault reason 0x25] x' >>"$FAKE_ROOT/dmesg"
	d 'refused interrupts' 2 'out:^FAIL  faults +1 interrupt messages' 'out:dma_vm'
	good; echo '<3>[ 9.0] AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x000e address=0xfee0 flags=0x0020]' >>"$FAKE_ROOT/dmesg"
	d 'AMD-Vi' 2 'out:^FAIL  faults .*IO_PAGE_FAULT, address 0xfee0'
	good; echo '<3>[ 9.0] axl 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0x30 flags=0x0020]' >>"$FAKE_ROOT/dmesg"
	d 'AMD-Vi, newer' 2 'out:^FAIL  faults +1 refused .*0x30'
	good; rm "$FAKE_ROOT/dmesg"; d 'log not readable' 1 'out:^WARN  faults .*not readable' 'out:run as root'
	rm -r "$s/class/iommu/smmu3"; d 'log not readable, and no IOMMU' 0 'out:^PASS  faults +there is no IOMMU'

	# firmware
	good; d 'bootloader' 1 FAKE_BOOTLOADER=1 'out:^WARN  firmware +bootloader' 'out:metisctl fw load'
	d 'starting' 1 FAKE_STATE=2 'out:^WARN  firmware +starting' 'out:^WARN  delivery +not tested' 'nolog:SUBMIT'
	d 'no firmware, but data moves' 1 FAKE_STATE=0 'out:^WARN  firmware +no firmware that can be relied on: none answers, or the system slept' \
		'out:load firmware: metisctl fw load; if that fails power' 'out:^PASS  delivery'
	d 'no firmware, no data' 2 FAKE_STATE=0 FAKE_STATUS=1:5 'out:^FAIL  firmware +no firmware' 'out:^WARN  delivery +not tested: .*state .none'
	d 'no firmware, and not tried' 1 FAKE_STATE=0 FAKE_ERR=BUF_REGISTER=12 'out:^WARN  firmware +no firmware'
	d 'bootloader, version' 1 FAKE_BOOTLOADER=1 "out:^WARN  firmware +bootloader only; layout 1.0; firmware's own version is not told"
	d 'dead' 2 FAKE_STATE=4 'out:^FAIL  firmware +dead' 'out:power off and on' 'nolog:SUBMIT'
	d 'dead, not even a query' 2 FAKE_ERR=QUERY=5 'out:^FAIL  firmware +dead' 'out:^FAIL  driver'
	d 'restarts' 1 FAKE_RESTARTS=2 'out:^WARN  firmware .*2 restarts'

	# driver, module
	rm "$FAKE_ROOT/dev/metis0"; d 'no node' 2 'out:^FAIL  driver .*no node' 'out:mknod' 'out:^WARN  firmware +not looked at'
	good; d 'another interface' 2 FAKE_ABI=2 'out:^FAIL  driver .*version 2' 'out:same release'
	d 'no permission' 1 FAKE_ERR=OPEN=13 'out:^WARN  driver .*may not open' 'out:^WARN  guard +not readable'
	rm "$FAKE_ROOT/dmesg"; truncate -s 64 "$card/config" "$port/config"
	d 'as an ordinary user: no FAIL' 1 FAKE_ERR=OPEN=13 'noout:FAIL' 'out:^PASS  link' 'out:^PASS  bar2'
	good; rm "$card/driver"; d 'not bound' 2 'out:^FAIL  driver .*did not take the card$' 'out:^WARN  vectors +not looked at'
	printf '<3>[ 2.0] axl 0000:01:00.0: %s\n' 'the DMA engine does not answer: power-cycle the card' \
		'probe with driver axl failed with error -5' >>"$FAKE_ROOT/dmesg"
	d 'not bound, and why' 2 'out:^FAIL  driver .*it said: the DMA engine does not answer: power-cycle the card$'
	rm -r "$s/module/axl"; d 'not loaded' 2 'out:^FAIL  driver .*not loaded' 'out:^FAIL  module +axl is installed' 'out:modprobe axl'
	: >"$FAKE_ROOT/lib/modules/6.12.0-test/modules.dep"; d 'not installed' 2 'out:^FAIL  module .*not installed' 'out:make install' 'out:^PASS  vendor'
	rm -r "${FAKE_ROOT:?}/lib"; d 'not known whether installed' 2 'out:^WARN  module .*modules.dep is not readable' 'out:^WARN  vendor .*not readable' 'noout:not installed'
	good; ln -sfn ../../drivers/vfio-pci "$card/driver"; d 'given to vfio' 2 "out:^FAIL  driver +'vfio-pci' has the card" 'out:drivers/vfio-pci/unbind'

	# kernel, parameters, vendor
	good; rm "$FAKE_ROOT/proc/interrupts"; sed -i s/CONFIG_ARM_GIC_V3_ITS=y// "$FAKE_ROOT/boot/config-6.12.0-test"
	d 'no ITS' 2 'out:^FAIL  kernel .*lacks CONFIG_ARM_GIC_V3_ITS \(without it no interrupt message'
	good; rm -r "$s/bus/platform" "$FAKE_ROOT/proc/interrupts"; d 'by configuration' 0 'out:^PASS  kernel'
	sed -i 's/CONFIG_ARM_SMMU_V3=y/# CONFIG_ARM_SMMU_V3 is not set/' "$FAKE_ROOT/boot/config-6.12.0-test"
	d 'no SMMU' 1 'out:^WARN  kernel .*lacks CONFIG_ARM_SMMU_V3 '
	sed -i 's/CONFIG_PCI_MSI=y/CONFIG_PCI_MSI_X=y/; s/PCIE_ROCKCHIP_DW_HOST=y/PCIE_ROCKCHIP_DW_HOST=n/' "$FAKE_ROOT/boot/config-6.12.0-test"
	d 'no MSI, no RK3588' 2 'out:^FAIL  kernel .*CONFIG_PCI_MSI .*CONFIG_PCIE_ROCKCHIP_DW_HOST'
	good; rm "$FAKE_ROOT/boot"/*; mkdir "$s/bus/platform/drivers/rockchip-dw-pcie" "$s/bus/platform/drivers/rockchip-snps-pcie3-phy"
	d 'no configuration, but all is there' 0 'out:^PASS  kernel'
	rm "$FAKE_ROOT/proc/interrupts"; d 'no configuration' 1 'out:^WARN  kernel .*not to be found; unknown: CONFIG_PCI_MSI, CONFIG_ARM_GIC'
	gzip -c "$tmp/good/boot/config-6.12.0-test" >"$FAKE_ROOT/proc/config.gz"; d 'config.gz' 0 'out:^PASS  kernel'
	echo nonsense >"$FAKE_ROOT/proc/config.gz"; d 'config.gz, broken' 1 'out:^WARN  kernel .*not to be found'
	cp "$tmp/good/boot/config-6.12.0-test" "$FAKE_ROOT/lib/modules/6.12.0-test/config"; d 'another place' 0 'out:^PASS  kernel'
	good; m FAKE_UNAME=aarch64:5.10.110 -- doctor; t 'doctor: old kernel' 2 'out:^FAIL  kernel +5.10.110 is too old'
	printf 'rockchip,rk3588s\0' >"$s/firmware/devicetree/base/compatible"; rm -r "$s/bus/platform"
	sed -i '/ROCKCHIP/d' "$FAKE_ROOT/boot/config-6.12.0-test"
	d 'RK3588S needs its own' 2 'out:^FAIL  kernel .*lacks CONFIG_PCIE_ROCKCHIP_DW_HOST' 'noout:SNPS_PCIE3'
	m FAKE_UNAME=aarch64:6.0.1 -- doctor; t 'doctor: almost new enough' 2 'out:^FAIL  kernel +6.0.1 is too old'
	m FAKE_UNAME=armv7l:6.12.0-test -- doctor; t 'doctor: 32 bits' 2 'out:^FAIL  kernel .*64-bit'
	printf 'CONFIG_%s=y\n' PCI_MSI DMA_SHARED_BUFFER AMD_IOMMU >"$FAKE_ROOT/boot/config-6.12.0-test"
	m FAKE_UNAME=x86_64:6.12.0-test -- doctor; t 'doctor: x86' 1 'out:^WARN  kernel .*lacks CONFIG_IRQ_REMAP' 'noout:INTEL_IOMMU'
	for n in iommu.passthrough=1 iommu.passthrough=on iommu=pt arm-smmu-v3.disable_bypass=0 arm_smmu_v3.disable_bypass=n intremap=off; do
		good; echo "quiet $n" >"$FAKE_ROOT/proc/cmdline"
		d "$n" 1 'out:^WARN  parameters ' "out:$(echo "$n" | tr _ . | sed 's/-/./g') "
	done
	echo 'iommu.passthrough=0 iommu=ptx xiommu=pt pci=nomsix init=/pci=nomsi' >"$FAKE_ROOT/proc/cmdline"; d 'harmless parameters' 0 'out:^PASS  parameters'
	echo pci=off >"$FAKE_ROOT/proc/cmdline"; d 'pci=off' 2 'out:^FAIL  parameters +pci=off .there is no PCI'
	rm "$FAKE_ROOT/proc/cmdline"; d 'no command line' 1 'out:^WARN  parameters .*not readable'
	good; mkdir "$s/module/metis"; d "the vendor's module" 2 'out:^FAIL  vendor .*is loaded' 'out:rmmod metis'
	: >"$s/module/axl/holders/metis"; d "axl's own module of that name" 0 'out:^PASS  vendor'
	good; printf 'updates/dkms/metis.ko.xz: kernel/drivers/x.ko\n' >"$FAKE_ROOT/lib/modules/6.12.0-test/modules.dep"
	d "the vendor's module, installed" 1 'out:^WARN  vendor .*is installed'

	m FAKE_UNAME=aarch64:6.12.0-test FAKE_BOOTLOADER=1 -- doctor --json; t 'doctor: warnings as JSON' 1
	j 'doctor: its content' "$tmp/stdout" 'd["summary"]["warn"] == 2 and d["summary"]["status"] == 1 and
		[x["check"] for x in d["checks"] if x["verdict"] == "WARN"] == ["firmware", "vendor"] and
		all(("remedy" in x) == (x["verdict"] != "PASS") for x in d["checks"])'
	m FAKE_UNAME=aarch64:6.12.0-test FAKE_VECTORS=0 -- doctor --json; t 'doctor: failures as JSON' 2
	j 'doctor: its content' "$tmp/stdout" 'd["summary"]["fail"] == 2 and d["summary"]["status"] == 2'
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
	complete_words metisctl fw load "$here/metisctl.h"; result "$([ "$(cat "$tmp/stdout")" = "$here/metisctl.h" ]; echo $?)" 'completion: file'
}

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
