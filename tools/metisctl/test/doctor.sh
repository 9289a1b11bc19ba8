# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# metisctl doctor, in machines that are made of files; read by test.sh.
# shellcheck disable=SC2154  # test.sh sets the variables

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
	good; m FAKE_UNAME=aarch64:6.12.0-test -- doctor -d 0000:05:00.0; t 'doctor: --device of no card' 2 'out:^FAIL  card .*none of the 1'
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
	d 'restarts' 1 FAKE_RESTARTS=2 'out:^WARN  firmware .*2 unsolicited restarts'

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
