// SPDX-License-Identifier: GPL-2.0
/*
 * metisctl doctor: looks at everything that a card needs to work, from the slot
 * to the firmware, and says what to do where something is wrong. It is for those
 * for whom nothing works: driver, node and root are all optional.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "doctor_card.h"
#include "doctor_faults.h"
#include "doctor_host.h"
#include "doctor_pci.h"
#include "host.h"
#include "info.h"
#include "options.h"
#include "out.h"
#include "report.h"
#include "xfer.h"

/* The self-test reads so much, from where dma test does by default */
#define TEST_LENGTH 4096U
#define TEST_PLACE  (16ULL << 20)

/* True, and said, when the driver cannot be asked what this check wants to know. */
static bool not_asked(const struct card *c, const char *check)
{
	if (c->axl && !c->err)
		return false;
	if (!c->axl)
		found(c, WARN, check, "let axl drive the card first; see 'driver'",
		      "not looked at: axl does not drive the card");
	else if (c->err == EACCES || c->err == EPERM)
		found(c, WARN, check, "run as root, or join the group of the node (ls -l /dev/metis*)",
		      "not readable: no permission to open %s", c->dev.path);
	else
		found(c, WARN, check, "see 'driver'", "not looked at: the driver cannot be asked (%s)",
		      strerror(c->err));
	return true;
}

static void check_vectors(const struct card *c)
{
	const struct axl_ioc_query *q = &c->dev.q;
	const char *kind = q->irq_mode == AXL_IRQ_MSIX ? "MSI-X" : "MSI", *remedy;
	char bridge[32], limit[16], *why = NULL;

	if (not_asked(c, "vectors"))
		return;
	if (!q->vectors) {
		remedy = "see that the kernel has CONFIG_PCI_MSI and that the device tree names an MSI "
			 "controller (the ITS) that is enabled, by msi-map or msi-parent of the PCIe "
			 "controller";
		if (kernel_parameter("pci", "nomsi")) {
			why = str(": the kernel was started with pci=nomsi");
			remedy = "start the kernel without pci=nomsi";
		} else if (msi_forbidden_by(c, bridge)) {
			why = str(": messages are forbidden at %s (msi_bus in sysfs)", bridge);
			remedy = "allow them: echo 1 > msi_bus in that bridge's folder, then load axl again";
		}
		found(c, FAIL, "vectors", remedy, "none granted%s; every transfer is polled", why ?: "");
		free(why);
	} else if (q->vectors < 32) {
		remedy = "works, with more to look at for each interrupt; the host's MSI controller gives "
			 "no more, or on x86 interrupt remapping is off";
		if (read_line("/sys/module/axl/parameters/max_vectors", limit, sizeof(limit)) &&
		    strtoul(limit, NULL, 0) == q->vectors)
			remedy = "the module parameter max_vectors says so: leave it out unless it is "
				 "there for a reason";
		found(c, WARN, "vectors", remedy, "%u of 32 %s vectors granted: events share them%s",
		      q->vectors, kind,
		      q->features & AXL_FEAT_EVENTS_EXACT ? "" : ", some counts are not exact");
	} else {
		found(c, PASS, "vectors", NULL, "%u %s vectors granted", q->vectors, kind);
	}
}

/*
 * Lets a channel write 4 KiB of the card's memory to the host, which ends by a
 * message, or by the driver's finding out that there was none.
 * Returns 0 or -errno; q is what a query says afterwards, ns the longest so far.
 */
static int try_transfer(const struct card *c, u32 channel, struct axl_ioc_query *q, u64 *ns)
{
	u64 at = c->dev.q.l2_size >= TEST_PLACE + TEST_LENGTH ? TEST_PLACE : 0, seq, start;
	struct axl_ioc_buf_register reg = { .flags = AXL_BUF_FROM_DEVICE };
	struct arena a = { .dev = &c->dev, .dmabuf = -1 };
	int ret;

	a.size = (size_t)sysconf(_SC_PAGESIZE);
	a.mem = mmap(NULL, a.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a.mem == MAP_FAILED)
		return -ENOMEM;
	reg.addr = (uintptr_t)a.mem;
	reg.length = a.size;
	ret = dev_ioctl(&c->dev, AXL_IOC_BUF_REGISTER, &reg);
	if (!ret) {
		a.handle = reg.handle;
		start = now_ns();
		ret = xfer_submit(&a, AXL_FROM_DEVICE, 0, c->dev.q.l2_base + at, TEST_LENGTH, channel, &seq);
		if (!ret)
			ret = xfer_wait(&a, seq);
		start = now_ns() - start;
		*ns = start > *ns ? start : *ns;
	}
	arena_close(&a);
	return ret ? ret : dev_ioctl(&c->dev, AXL_IOC_QUERY, q);
}

/* What the transfers of all channels came to */
struct self_test {
	struct axl_ioc_query q; /* afterwards */
	u64 ns;		    /* the longest */
	unsigned int channels, arrived, tries, lost;
};

/* One transfer a channel, and two more where its message got lost; 0 or -errno */
static int try_channels(const struct card *c, struct self_test *t)
{
	bool arrived;
	u64 before;
	int ret;

	t->q = c->dev.q;
	t->channels = t->q.write_channels ?: 1;
	for (u32 channel = 0; channel < t->channels; channel++) {
		arrived = false;
		for (unsigned int n = 1, most = 1; n <= most; n++) {
			before = t->q.lost_interrupts;
			ret = try_transfer(c, channel, &t->q, &t->ns);
			if (ret)
				return ret;
			t->tries++;
			/* The driver has given up on messages: there will be none. */
			if (t->q.delivery == AXL_DELIVERY_POLLED || !t->q.vectors) {
				t->lost += t->q.lost_interrupts != before;
				return 0;
			}
			if (t->q.lost_interrupts != before) {
				t->lost++;
				most = 3;
			} else {
				arrived = true;
			}
		}
		t->arrived += arrived;
	}
	return 0;
}

static void check_delivery(struct card *c)
{
	static const char remedy[] =
		"the card's interrupt messages do not reach the processor: see the axl lines in dmesg, the "
		"ITS and msi-map in the device tree, and 'faults' below; in a virtual machine use firmware "
		"with dma_vm; until then transfers work, but cost more time";
	static const char seldom[] = "now and then a message gets lost: see dmesg | grep axl";
	u32 state = c->dev.q.fw_state;
	struct self_test t = { 0 };
	double ms;
	int ret;

	if (not_asked(c, "delivery"))
		return;
	if (state == AXL_FW_DEAD || state == AXL_FW_STARTING) {
		found(c, WARN, "delivery", "see 'firmware'", "not tested: the card is %s",
		      fw_state_name(state));
		return;
	}
	ret = try_channels(c, &t);
	ms = (double)t.ns / 1e6;
	if (ret == -ENOMEM || ret == -EBUSY || ret == -ESTALE) {
		found(c, WARN, "delivery",
		      ret == -ENOMEM ? "raise the limit for locked memory (ulimit -l), or run as root" :
				       "run metisctl doctor again when the card is not busy",
		      "not tested: %s", strerror(-ret));
		return;
	}
	c->self_test = ret ? MOVE_FAILED : MOVED;
	if (ret && (state == AXL_FW_BOOTLOADER || state == AXL_FW_NONE))
		found(c, WARN, "delivery", "see 'firmware'",
		      "not tested: the card refuses transfers in this state (%s): %s", fw_state_name(state),
		      strerror(-ret));
	else if (ret)
		found(c, FAIL, "delivery",
		      "see dmesg for lines of axl and of the IOMMU; metisctl reset may help, or power off "
		      "and on",
		      "the self-test, a read of 4 KiB, failed: %s", strerror(-ret));
	else if (!t.q.vectors)
		found(c, FAIL, "delivery", "see 'vectors'",
		      "there is no vector: the self-test, a read of 4 KiB, took %.1f ms, polled", ms);
	else if (t.q.delivery == AXL_DELIVERY_POLLED || t.lost == t.tries)
		found(c, FAIL, "delivery", remedy,
		      "interrupt messages do not arrive: the self-test, a read of 4 KiB, took %.1f ms, "
		      "polled; %llu lost",
		      ms, t.q.lost_interrupts);
	else if (t.lost)
		found(c, WARN, "delivery", t.arrived < t.channels ? remedy : seldom,
		      "messages of %u of %u write channels arrived; of %u transfers %u had none, and took up "
		      "to %.1f ms",
		      t.arrived, t.channels, t.tries, t.lost, ms);
	else if (t.q.lost_interrupts)
		found(c, WARN, "delivery", seldom,
		      "the messages of all %u write channels arrived, but %llu did not since the driver was "
		      "loaded",
		      t.channels, t.q.lost_interrupts);
	else
		found(c, PASS, "delivery", NULL,
		      "the messages of all %u write channels arrived, within %.1f ms; none lost so far",
		      t.channels, ms);
}

static void check_guard(const struct card *c)
{
	static const char rk3588[] = "start the kernel without iommu.passthrough=1, and enable the SMMU: "
				     "overlay rk3588-pcie-smmu-on";
	const struct axl_ioc_query *q = &c->dev.q;
	bool translated;

	if (not_asked(c, "guard"))
		return;
	translated = q->iommu_mode == AXL_IOMMU_TRANSLATED || q->iommu_mode == AXL_IOMMU_LAZY;
	switch (q->guard) {
	case AXL_GUARD_ACTIVE:
		found(c, PASS, "guard", NULL, "bus address 0 is guarded; %llu interrupts rescued",
		      q->rescued_interrupts);
		break;
	case AXL_GUARD_REFUSED:
		found(c, WARN, "guard",
		      "see why: dmesg | grep 'guard page'; what firmware signals while it restarts may be "
		      "lost",
		      "bus address 0 could not be guarded");
		break;
	case AXL_GUARD_OFF:
		found(c, WARN, "guard", "load axl without iova0_guard=0",
		      "off by a module parameter: what firmware signals while it restarts is lost");
		break;
	case AXL_GUARD_NONE:
		if (translated)
			found(c, WARN, "guard", "install the current release of axl", "this driver has none");
		else
			found(c, WARN, "guard", is_rk3588() ? rk3588 : "let the IOMMU translate; see 'iommu'",
			      "nothing translates: what firmware signals while it restarts is written to "
			      "physical address 0");
		break;
	default:
		found(c, WARN, "guard", "use metisctl of the driver's release",
		      "state %u, unknown to this metisctl", q->guard);
	}
}

static void check_firmware(const struct card *c)
{
	static const char dead[] = "power off and on; if it comes back: power supply, cooling, seat of the "
				   "card";
	static const char untold[] = "; firmware's own version is not told";
	const struct axl_ioc_query *q = &c->dev.q;

	if (c->axl && c->err == EIO) {
		found(c, FAIL, "firmware", dead, "dead: the link went down and did not come back");
		return;
	}
	if (not_asked(c, "firmware"))
		return;
	switch (q->fw_state) {
	case AXL_FW_RUNNING:
		if (q->restarts)
			found(c, WARN, "firmware",
			      "the card or its firmware restarted by itself: see dmesg | grep axl; power "
			      "supply and cooling may be short",
			      "running, but %llu unsolicited restarts; layout %u.%u%s", q->restarts,
			      q->layout_major, q->layout_minor, untold);
		else
			found(c, PASS, "firmware", NULL, "running, generation %llu; layout %u.%u%s",
			      q->generation, q->layout_major, q->layout_minor, untold);
		break;
	case AXL_FW_BOOTLOADER:
		found(c, WARN, "firmware", "load firmware: metisctl fw load",
		      "bootloader only; layout %u.%u%s", q->layout_major, q->layout_minor, untold);
		break;
	case AXL_FW_STARTING:
		found(c, WARN, "firmware", "run metisctl doctor again in some seconds",
		      "starting, or the link is down");
		break;
	case AXL_FW_NONE:
		/* After a sleep this is as it should be, and the card moves data. */
		found(c, c->self_test == MOVE_FAILED ? FAIL : WARN, "firmware",
		      "load firmware: metisctl fw load; if that fails power the card off and on",
		      "no firmware that can be relied on: none answers, or the system slept since it was "
		      "loaded");
		break;
	default:
		found(c, FAIL, "firmware", dead, "%s: the link went down and did not come back",
		      fw_state_name(q->fw_state));
	}
}

static void examine(struct card *c)
{
	if (c->axl && !c->err) {
		c->dev.fd = open(c->dev.path, O_RDWR | O_CLOEXEC);
		c->err = c->dev.fd < 0 ? errno : 0;
	}
	check_card(c);
	if (!c->unbooted)
		check_bar2(c);
	check_link(c);
	check_mps(c);
	check_iommu(c);
	check_group(c);
	if (!c->unbooted) {
		check_vectors(c);
		check_delivery(c);
		check_guard(c);
	}
	check_faults(c);
	if (!c->unbooted) {
		check_firmware(c);
		check_driver(c);
	}
	if (c->dev.fd >= 0)
		dev_close(&c->dev);
}

/* Whether --device means this card */
static bool chosen(const struct card *c)
{
	const char *d = opt.device, *base;
	char path[300], at[64];

	if (!d || !strcasecmp(d, c->pci) ||
	    (!strncmp(c->pci, "0000:", 5) && !strcasecmp(d, without_domain(c->pci))))
		return true;
	base = strrchr(d, '/') ? strrchr(d, '/') + 1 : d;
	if (*c->dev.path && !strcmp(base, strrchr(c->dev.path, '/') + 1))
		return true;
	/* A name in sysfs, should the node be missing */
	snprintf(path, sizeof(path), "/sys/class/metis/%.64s/device", base);
	return link_name(path, at, sizeof(at)) && !strcmp(at, c->pci);
}

static void no_card(size_t all)
{
	if (all)
		found(NULL, FAIL, "card", "metisctl doctor without --device shows what there is",
		      "%s is none of the %zu here", opt.device, all);
	else if (!is_there(SYS_PCI))
		found(NULL, FAIL, "card",
		      "use a kernel with CONFIG_PCI, and a PCIe controller that is enabled",
		      "this kernel knows no PCI");
	else
		found(NULL, FAIL, "card",
		      "check seat and power; a card that came up late appears after: echo 1 > "
		      "/sys/bus/pci/rescan; with a device tree, is the slot's controller enabled, and its "
		      "link up: dmesg | grep -i pcie",
		      "PCI shows no Metis (1f9d:*, nor 16c3:abcd)");
}

int cmd_doctor(int argc, char **argv)
{
	static const struct argp argp = {
		.children = global_child,
		.doc = "Look at everything that a card needs to work, in order, and say what to do where "
		       "something is wrong. Works without driver, without node and, less thoroughly, "
		       "without root. One of the checks lets each of the card's write channels write 4 "
		       "KiB to memory of this program.\vExit status: 0 all passed; 1 warnings; 2 at least one check failed.",
	};
	size_t all, seen = 0;
	struct card *cards;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	report_begin(opt.json);
	cards = cards_scan(&all);
	for (size_t i = 0; i < all; i++) {
		if (chosen(&cards[i])) {
			if (all > 1)
				report_head("card ", cards[i].pci);
			examine(&cards[i]);
			seen++;
		}
	}
	if (!seen)
		no_card(all);
	if (all > 1)
		report_head("this machine", "");
	check_module();
	check_kernel();
	check_parameters();
	check_vendor();
	free(cards);
	return (int)report_end();
}
