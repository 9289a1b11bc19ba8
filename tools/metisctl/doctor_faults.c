// SPDX-License-Identifier: GPL-2.0
/* metisctl doctor: faults that IOMMUs reported for a card, in the kernel log. */
#include <string.h>

#include "base.h"
#include "doctor_card.h"
#include "doctor_faults.h"
#include "doctor_pci.h"
#include "host.h"
#include "out.h"
#include "report.h"

/* What IOMMUs complained about in the name of one card */
struct faults {
	unsigned int all, low, stream, remap;
	bool has_addr;
	u64 addr;      /* of the last that has one */
	char name[32]; /* of the last */
	u64 low_addr;
};

static void add_fault(struct faults *f, const char *name, bool has_addr, u64 addr)
{
	f->all++;
	snprintf(f->name, sizeof(f->name), "%.31s", name);
	if (has_addr) {
		f->has_addr = true;
		f->addr = addr;
		if (addr < 0x1000) {
			f->low++;
			f->low_addr = addr;
		}
	}
}

/* Adds the later ones to the earlier, and empties them */
static void merge_faults(struct faults *to, struct faults *later)
{
	struct faults sum = *later;

	if (!later->all)
		return;
	sum.all += to->all;
	sum.low += to->low;
	sum.stream += to->stream;
	sum.remap += to->remap;
	if (!later->low)
		sum.low_addr = to->low_addr;
	if (!later->has_addr) {
		sum.has_addr = to->has_addr;
		sum.addr = to->addr;
	}
	*to = sum;
	*later = (struct faults){ 0 };
}

static const char *smmu_event_name(unsigned int id)
{
	switch (id) {
	case 0x02: return "C_BAD_STREAMID";
	case 0x03: return "F_STE_FETCH";
	case 0x04: return "C_BAD_STE";
	case 0x06: return "F_STREAM_DISABLED";
	case 0x0a: return "C_BAD_CD";
	case 0x10: return "F_TRANSLATION";
	case 0x11: return "F_ADDR_SIZE";
	case 0x12: return "F_ACCESS";
	case 0x13: return "F_PERMISSION";
	}
	return "SMMU event";
}

/* An event as raw words, which older kernels print alone and newer ones first */
struct raw_event {
	unsigned int words, id, sid;
	bool told;	    /* its words are complete: a decoded line that follows is the same event */
	struct faults were; /* without it */
};

static bool has_addr(unsigned int id)
{
	return id >= 0x10 && id <= 0x13;
}

/*
 * A decoded line names the client, by the device tree's map, which is not always
 * the requester id; where it does not, and in raw words, there is the id alone.
 */
static bool is_client(const char *line, const char *pci, u32 line_sid, u32 sid)
{
	const char *at = strstr(line, " client: ");
	size_t n = strlen(pci);

	if (!at || at[9] == '(') /* (unassigned sid) */
		return line_sid == sid;
	return !strncmp(at + 9, pci, n) && (at[9 + n] == ' ' || !at[9 + n]);
}

static void smmu3_line(struct faults *f, struct raw_event *raw, const char *line, u32 sid, const char *pci)
{
	unsigned long long word, iova = 0;
	unsigned int id, line_sid;
	char name[32];
	const char *at;

	at = strstr(line, ": event 0x");
	if (at && sscanf(at + 2, "event 0x%x received", &id) == 1) {
		*raw = (struct raw_event){ .id = id, .words = 1, .were = *f };
		return;
	}
	at = strstr(line, ": \t0x");
	if (raw->words && at && sscanf(at + 3, "%llx", &word) == 1) {
		if (raw->words == 1)
			raw->sid = (u32)(word >> 32);
		if (raw->words == (has_addr(raw->id) ? 3 : 1)) {
			raw->told = true;
			if (raw->sid == sid) {
				f->stream += raw->id == 2;
				add_fault(f, smmu_event_name(raw->id), has_addr(raw->id), word);
			}
		}
		raw->words = raw->words < 4 ? raw->words + 1 : 0;
		return;
	}
	at = strstr(line, ": event: ");
	if (!at || sscanf(at + 9, "%31s", name) != 1)
		return;
	raw->words = 0;
	at = strstr(line, " sid: ");
	line_sid = at ? (u32)strtoul(at + 6, NULL, 0) : ~0U;
	if (raw->told && line_sid == raw->sid)
		*f = raw->were;
	raw->told = false;
	if (!is_client(line, pci, line_sid, sid))
		return;
	at = strstr(line, " iova: ");
	if (at)
		iova = strtoull(at + 7, NULL, 0);
	f->stream += !strcmp(name, "C_BAD_STREAMID");
	add_fault(f, name, at, iova);
}

/* SMMUv2: Unhandled context fault: fsr=0x402, iova=0x30, fsynr=0x11, cbfrsynra=0x100, cb=0 */
static void smmu2_line(struct faults *f, const char *line, u32 sid)
{
	const char *who = strstr(line, "cbfrsynra="), *at = strstr(line, "iova=");

	if (who && (strtoul(who + 10, NULL, 16) & 0xffff) == sid)
		add_fault(f, "context fault", at, at ? strtoull(at + 5, NULL, 16) : 0);
}

/* DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x30 [fault reason 0x05] ... */
static void dmar_line(struct faults *f, const char *line, const char *pci)
{
	char *device = str("Request device [%s]", without_domain(pci));
	const char *at;

	if (strstr(line, device)) {
		at = strstr(line, "fault addr ");
		f->remap += strstr(line, "INTR-REMAP") != NULL;
		add_fault(f, strstr(line, "INTR-REMAP") ? "interrupt remapping fault" : "DMAR fault", at,
			  at ? strtoull(at + 11, NULL, 16) : 0);
	}
	free(device);
}

/* AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x000e address=0x30 flags=0x0020] */
static void amd_line(struct faults *f, const char *line, const char *pci)
{
	const char *at = strstr(line, "address=");
	char name[32];

	if (!strstr(line, without_domain(pci)) ||
	    sscanf(strstr(line, "Event logged [") + 14, "%31[A-Z_]", name) != 1)
		return;
	add_fault(f, name, at, at ? strtoull(at + 8, NULL, 16) : 0);
}

static u32 requester_id(const char *pci)
{
	unsigned int bus, slot, fn;

	if (sscanf(without_domain(pci), "%x:%x.%x", &bus, &slot, &fn) != 3)
		return ~0U;
	return bus << 8 | slot << 3 | fn;
}

/* axl 0000:01:00.0: metis0: firmware running, ... */
static bool is_bind_line(const char *line, const char *start)
{
	const char *at = strstr(line, start);
	size_t digits;

	if (!at)
		return false;
	at += strlen(start);
	digits = strspn(at, "0123456789");
	return digits && at[digits] == ':';
}

/* f is what came since axl has the card; before, what came earlier */
static void read_faults(const char *log, const struct card *c, struct faults *f, struct faults *before)
{
	u32 sid = requester_id(c->pci);
	struct raw_event raw = { 0 };
	char line[512], *bind = str("axl %s: metis", c->pci);
	bool bound = false;

	for (const char *at = log; *at; at += *at == '\n') {
		size_t len = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)(len < 511 ? len : 511), at);
		at += len;
		if (is_bind_line(line, bind)) {
			bound = true;
			merge_faults(before, f);
			raw = (struct raw_event){ 0 };
		} else if (strstr(line, "arm-smmu-v3")) {
			smmu3_line(f, &raw, line, sid, c->pci);
		} else if (strstr(line, "arm-smmu") && strstr(line, "context fault")) {
			smmu2_line(f, line, sid);
		} else if (strstr(line, "DMAR: ")) {
			dmar_line(f, line, c->pci);
		} else if (strstr(line, "AMD-Vi: Event logged [")) {
			amd_line(f, line, c->pci);
		}
	}
	free(bind);
	/* Without such a line axl has it for longer than the log goes back, or never had it. */
	if (!bound && !c->axl)
		merge_faults(before, f);
}

/* What to add where the log does not begin at boot; to be freed */
static char *log_since(const char *log)
{
	const char *line = log;
	double at;

	for (int i = 0; line && i < 8; i++, line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (memmem(line, strcspn(line, "\n"), "Linux version ", 14))
			return str("%s", "");
	if (sscanf(log, "<%*d>[%lf]", &at) == 1)
		return str("; it tells only since %.1f s after boot", at);
	return str("; it does not tell since boot");
}

void check_faults(const struct card *c)
{
	static const char guarded[] =
		"axl's guard page catches these now: empty the log (dmesg -C) and see whether they come back";
	static const char got_by[] =
		"axl's guard page should have caught these: report it, with dmesg; dmesg -C empties the log";
	static const char unguarded[] =
		"restarting firmware sent interrupts before its table was configured, and they were lost: "
		"use axl with its guard page (see 'guard'), then empty the log (dmesg -C)";
	static const char lost[] =
		"data of these transfers is lost: see dmesg around them, and report it; dmesg -C empties the "
		"log";
	static const char not_ours[] =
		"the owner at that time, another driver or an earlier load of axl, lost data: see "
		"dmesg around them; dmesg -C empties the log";
	const struct axl_ioc_query *q = c->axl && !c->err ? &c->dev.q : NULL;
	struct faults now = { 0 }, before = { 0 }, *f;
	const char *log = kernel_log();
	char *since, *text;
	enum verdict v;

	if (!log) {
		if (have_iommu())
			found(c, WARN, "faults", RUN_AS_ROOT, "the kernel log is not readable (%s)",
			      strerror(errno));
		else
			found(c, PASS, "faults", NULL, "there is no IOMMU that could report any");
		return;
	}
	since = log_since(log);
	read_faults(log, c, &now, &before);
	f = now.all ? &now : &before;
	v = now.all ? FAIL : before.all ? WARN : PASS;
	if (now.all && before.all)
		text = str(", and %u before axl had the card%s", before.all, since);
	else
		text = str("%s%s", before.all ? ", before axl had the card" : "", since);
	free(since);
	if (v == PASS)
		found(c, PASS, "faults", NULL, "the kernel log has no IOMMU fault of this card%s", text);
	else if (f->stream)
		found(c, v, "faults",
		      "device tree: the SMMU's node and iommu-map of the PCIe controller must be enabled "
		      "together, or neither; what came before a driver took the card does not count",
		      "%u refused accesses of this card, %u of them C_BAD_STREAMID: the SMMU does not know "
		      "the card%s",
		      f->all, f->stream, text);
	else if (f->low)
		found(c, v, "faults",
		      !q || q->guard != AXL_GUARD_ACTIVE ? unguarded : now.all ? got_by : guarded,
		      "%u refused accesses of this card, %u of them just above bus address 0, the last at "
		      "0x%llx%s%s",
		      f->all, f->low, f->low_addr, f->low_addr == 0x30 ? " (a mailbox reply)" : "", text);
	else if (f->remap)
		found(c, v, "faults",
		      "in a virtual machine: use firmware with dma_vm; else report the axl lines of dmesg",
		      "%u interrupt messages of this card refused%s", f->remap, text);
	else if (f->has_addr)
		found(c, v, "faults", now.all ? lost : not_ours,
		      "%u refused accesses of this card, the last %s, address 0x%llx%s", f->all, f->name,
		      f->addr, text);
	else
		found(c, v, "faults", now.all ? lost : not_ours,
		      "%u refused accesses of this card, the last %s%s", f->all, f->name, text);
	free(text);
}
