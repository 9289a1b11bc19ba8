// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA engine: programming, starting, stopping, status. Independent of the
 * queues. (hardware-notes: DMA engine)
 */
#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>

#include "axl_device.h"
#include "axl_edma.h"
#include "axl_edma_list.h"
#include "axl_edma_regs.h"
#include "axl_msi.h"

/* Offsets of the registers of one direction. */
struct axl_edma_map {
	u16 engine_en;
	u16 doorbell;
	u16 int_mask;
	u16 int_clear;
	u16 ll_err_en;
	u16 done_imwr;
	u16 abort_imwr;
	u16 imwr_data;
	u16 pwr_en;
	u16 channel;
};

static const struct axl_edma_map axl_edma_maps[2] = {
	[AXL_DIR_TO_DEVICE] = {
		.engine_en = AXL_EDMA_RD_ENGINE_EN,
		.doorbell = AXL_EDMA_RD_DOORBELL,
		.int_mask = AXL_EDMA_RD_INT_MASK,
		.int_clear = AXL_EDMA_RD_INT_CLEAR,
		.ll_err_en = AXL_EDMA_RD_LL_ERR_EN,
		.done_imwr = AXL_EDMA_RD_DONE_IMWR_LO,
		.abort_imwr = AXL_EDMA_RD_ABORT_IMWR_LO,
		.imwr_data = AXL_EDMA_RD_IMWR_DATA(0),
		.pwr_en = AXL_EDMA_RD_CH_PWR_EN(0),
		.channel = AXL_EDMA_RD_CH(0),
	},
	[AXL_DIR_FROM_DEVICE] = {
		.engine_en = AXL_EDMA_WR_ENGINE_EN,
		.doorbell = AXL_EDMA_WR_DOORBELL,
		.int_mask = AXL_EDMA_WR_INT_MASK,
		.int_clear = AXL_EDMA_WR_INT_CLEAR,
		.ll_err_en = AXL_EDMA_WR_LL_ERR_EN,
		.done_imwr = AXL_EDMA_WR_DONE_IMWR_LO,
		.abort_imwr = AXL_EDMA_WR_ABORT_IMWR_LO,
		.imwr_data = AXL_EDMA_WR_IMWR_DATA(0),
		.pwr_en = AXL_EDMA_WR_CH_PWR_EN(0),
		.channel = AXL_EDMA_WR_CH(0),
	},
};

/* Distance between the register blocks of two channels of one direction. */
#define AXL_EDMA_CH_STRIDE	(AXL_EDMA_RD_CH(1) - AXL_EDMA_RD_CH(0))

/* Time allowed for channels to stop. */
#define AXL_EDMA_STOP_US	20000

static const struct axl_edma_map *axl_edma_map(const struct axl_dma_dir *dir)
{
	return &axl_edma_maps[dir->to_device ? AXL_DIR_TO_DEVICE :
					       AXL_DIR_FROM_DEVICE];
}

static void __iomem *axl_edma_ch(struct axl_device *axl,
				 const struct axl_dma_dir *dir, unsigned int n)
{
	return axl->regs + axl_edma_map(dir)->channel + n * AXL_EDMA_CH_STRIDE;
}

/* BAR2 offset of half a channel's list; its read list comes first. */
static u32 axl_edma_list(struct axl_device *axl, const struct axl_dma_dir *dir,
			 unsigned int n, u8 half)
{
	const struct axl_areas *areas = axl_areas_of(axl);
	u32 elem = 2 * n * areas->list_elems;

	if (!dir->to_device)
		elem += areas->list_elems;
	if (half)
		elem += areas->list_elems / 2;
	return areas->list_offset + elem * AXL_EDMA_ELEM_BYTES;
}

/**
 * axl_edma_probe() - read the number of channels
 * @axl: the device
 *
 * Return: 0, or -EIO (all ones, or a direction without channels).
 */
int axl_edma_probe(struct axl_device *axl)
{
	u32 ctrl = readl(axl->regs + AXL_EDMA_CTRL);
	u32 rd = FIELD_GET(AXL_EDMA_CTRL_RD_CH, ctrl);
	u32 wr = FIELD_GET(AXL_EDMA_CTRL_WR_CH, ctrl);

	if (ctrl == AXL_EDMA_ALL_ONES || !rd || !wr)
		return -EIO;
	axl->dma.dirs[AXL_DIR_TO_DEVICE].nr_ch = min_t(u32, rd, AXL_NR_CHANNELS);
	axl->dma.dirs[AXL_DIR_FROM_DEVICE].nr_ch = min_t(u32, wr, AXL_NR_CHANNELS);
	return 0;
}

/**
 * axl_edma_alive() - check that the engine answers as at probe
 * @axl: the device
 *
 * Any context.
 */
bool axl_edma_alive(struct axl_device *axl)
{
	u32 ctrl = readl(axl->regs + AXL_EDMA_CTRL);

	return ctrl != AXL_EDMA_ALL_ONES &&
	       FIELD_GET(AXL_EDMA_CTRL_RD_CH, ctrl) >=
	       axl->dma.dirs[AXL_DIR_TO_DEVICE].nr_ch &&
	       FIELD_GET(AXL_EDMA_CTRL_WR_CH, ctrl) >=
	       axl->dma.dirs[AXL_DIR_FROM_DEVICE].nr_ch;
}

static void axl_edma_set_imwr(struct axl_device *axl, struct axl_dma_dir *dir,
			      u64 addr, const u16 data[AXL_NR_CHANNELS])
{
	const struct axl_edma_map *map = axl_edma_map(dir);

	writel(lower_32_bits(addr), axl->regs + map->done_imwr);
	writel(upper_32_bits(addr), axl->regs + map->done_imwr + 4);
	writel(lower_32_bits(addr), axl->regs + map->abort_imwr);
	writel(upper_32_bits(addr), axl->regs + map->abort_imwr + 4);
	writel(FIELD_PREP(AXL_EDMA_IMWR_DATA_EVEN, data[0]) |
	       FIELD_PREP(AXL_EDMA_IMWR_DATA_ODD, data[1]),
	       axl->regs + map->imwr_data);
	writel(FIELD_PREP(AXL_EDMA_IMWR_DATA_EVEN, data[2]) |
	       FIELD_PREP(AXL_EDMA_IMWR_DATA_ODD, data[3]),
	       axl->regs + map->imwr_data + 4);
}

/**
 * axl_edma_update_imwr() - program the messages that the engine sends
 * @axl: the device
 * @dir: the direction; its lock is held
 *
 * The message can change with the affinity of its interrupt, so this is called
 * before every doorbell; without a change it costs no register access. Nothing
 * is changed while a sibling runs, which could send half of each message. If
 * the engine cannot send the message, the registers name a spare word of the
 * vMSI buffer: after a reset they hold bus address 0.
 */
void axl_edma_update_imwr(struct axl_device *axl, struct axl_dma_dir *dir)
{
	u16 data[AXL_NR_CHANNELS];
	u64 addr;

	if (axl_layout_of(axl)->dma_vm || hweight8(dir->running) > 1)
		return;
	if (axl_irq_message(axl, dir->to_device, &addr, data)) {
		addr = axl->irq.vmsi_dma + AXL_VMSI_SPARE;
		memset(data, 0, sizeof(data));
	}
	if (addr == dir->imwr && !memcmp(data, dir->imwr_data, sizeof(data)))
		return;

	axl_edma_set_imwr(axl, dir, addr, data);
	dir->imwr = addr;
	memcpy(dir->imwr_data, data, sizeof(data));
}

/*
 * With dma_vm, firmware owns the registers. But if it has not programmed them
 * since a reset, or no longer runs, messages would go to bus address 0.
 */
static void axl_edma_check_imwr(struct axl_device *axl, struct axl_dma_dir *dir)
{
	const struct axl_edma_map *map = axl_edma_map(dir);
	static const u16 none[AXL_NR_CHANNELS];

	if (axl_layout_of(axl)->dma_vm && !readl(axl->regs + map->done_imwr) &&
	    !readl(axl->regs + map->done_imwr + 4))
		axl_edma_set_imwr(axl, dir, axl->irq.vmsi_dma + AXL_VMSI_SPARE,
				  none);
}

/**
 * axl_edma_enable() - enable the engine of a direction
 * @axl: the device
 * @dir: the direction
 */
void axl_edma_enable(struct axl_device *axl, struct axl_dma_dir *dir)
{
	writel(AXL_EDMA_ENGINE_EN, axl->regs + axl_edma_map(dir)->engine_en);
}

/* Program the registers whose values never change. */
static void axl_edma_configure(struct axl_device *axl, struct axl_dma_dir *dir)
{
	const struct axl_edma_map *map = axl_edma_map(dir);
	unsigned int n;

	for (n = 0; n < dir->nr_ch; n++)
		writel(AXL_EDMA_CH_PWR_EN, axl->regs + map->pwr_en + 4 * n);
	writel(GENMASK(dir->nr_ch - 1, 0), axl->regs + map->ll_err_en);
	/* local interrupts need LIE, which is never set */
	writel(0, axl->regs + map->int_mask);
}

/**
 * axl_edma_reprogram() - reprogram registers that a restart may have cleared
 * @axl: the device, online
 *
 * For a firmware restart that the link did not show. Transfers continue.
 */
void axl_edma_reprogram(struct axl_device *axl)
{
	struct axl_dma_dir *dir;

	for_each_axl_dir(axl, dir) {
		spin_lock_irq(&dir->lock);
		axl_edma_configure(axl, dir);
		/*
		 * If the registers were cleared, a running channel could send
		 * half of the message: program it before the next doorbell.
		 */
		if (dir->running)
			dir->imwr = ~0ULL;
		else if (axl_layout_of(axl)->dma_vm)
			axl_edma_check_imwr(axl, dir);
		else
			axl_edma_set_imwr(axl, dir, dir->imwr, dir->imwr_data);
		/* a direction being stopped is enabled afterwards */
		if (!dir->blocked)
			axl_edma_enable(axl, dir);
		spin_unlock_irq(&dir->lock);
	}
}

/**
 * axl_edma_fill() - write the next elements of a channel's request to its list
 * @axl: the device
 * @dir: the direction; its lock is held
 * @n: the channel
 * @half: the half of the list to fill; it must not be running
 * @segs: segments of the request's buffer
 * @nr_segs: entries of @segs
 *
 * Return: elements written including the terminator, 0 if nothing is left.
 */
unsigned int axl_edma_fill(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, u8 half, const struct axl_seg *segs,
			   unsigned int nr_segs)
{
	struct axl_channel *ch = &dir->ch[n];
	void __iomem *list = axl->l2 + axl_edma_list(axl, dir, n, half);
	unsigned int max = min(axl_areas_of(axl)->list_elems / 2,
			       AXL_LIST_HALF);
	unsigned int i, nr;

	nr = axl_list_fill(&ch->cur, segs, nr_segs, dir->to_device,
			   dir->scratch, max);
	for (i = 0; i < nr; i++, list += AXL_EDMA_ELEM_BYTES) {
		const struct axl_elem *elem = &dir->scratch[i];

		writeq(elem->sar, list + AXL_EDMA_ELEM_SAR);
		writeq(elem->dar, list + AXL_EDMA_ELEM_DAR);
		/* last, as it has the cycle bit; the upper half is the size */
		writeq((u64)elem->size << 32 | elem->control,
		       list + AXL_EDMA_ELEM_CONTROL);
	}
	ch->stats.elements += nr;
	return nr;
}

/**
 * axl_edma_start_single() - start a transfer of one block
 * @axl: the device
 * @dir: the direction; its lock is held
 * @n: an idle channel
 * @elem: the block; its control field is not used
 */
void axl_edma_start_single(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, const struct axl_elem *elem)
{
	void __iomem *regs = axl_edma_ch(axl, dir, n);

	axl_edma_update_imwr(axl, dir);
	writel(elem->size, regs + AXL_EDMA_CH_SIZE);
	writel(lower_32_bits(elem->sar), regs + AXL_EDMA_CH_SAR_LO);
	writel(upper_32_bits(elem->sar), regs + AXL_EDMA_CH_SAR_HI);
	writel(lower_32_bits(elem->dar), regs + AXL_EDMA_CH_DAR_LO);
	writel(upper_32_bits(elem->dar), regs + AXL_EDMA_CH_DAR_HI);
	writel(AXL_EDMA_RIE, regs + AXL_EDMA_CH_CONTROL1);
	writel(n, axl->regs + axl_edma_map(dir)->doorbell);
}

/**
 * axl_edma_start_list() - start half of a channel's list
 * @axl: the device
 * @dir: the direction; its lock is held
 * @n: an idle channel
 * @half: filled by axl_edma_fill()
 */
void axl_edma_start_list(struct axl_device *axl, struct axl_dma_dir *dir,
			 unsigned int n, u8 half)
{
	void __iomem *regs = axl_edma_ch(axl, dir, n);
	u32 list = axl_edma_list(axl, dir, n, half);
	u64 llp = axl_layout_of(axl)->l2_base + list;

	axl_edma_update_imwr(axl, dir);
	writel(AXL_EDMA_LLE | AXL_EDMA_CCS, regs + AXL_EDMA_CH_CONTROL1);
	writel(lower_32_bits(llp), regs + AXL_EDMA_CH_LLP_LO);
	writel(upper_32_bits(llp), regs + AXL_EDMA_CH_LLP_HI);
	/*
	 * Elements and doorbell go to different targets inside the device: a
	 * read of the list completes only after all writes to it.
	 */
	readl(axl->l2 + list + AXL_EDMA_ELEM_CONTROL);
	writel(n, axl->regs + axl_edma_map(dir)->doorbell);
}

/**
 * axl_edma_status() - read the status of a channel
 * @axl: the device
 * @dir: the direction
 * @n: the channel
 *
 * Return: AXL_EDMA_CS_*, or -EIO if the register reads all ones (dead link),
 * which would decode as AXL_EDMA_CS_STOPPED, that is success.
 */
int axl_edma_status(struct axl_device *axl, struct axl_dma_dir *dir,
		    unsigned int n)
{
	u32 val = readl(axl_edma_ch(axl, dir, n) + AXL_EDMA_CH_CONTROL1);

	if (val == AXL_EDMA_ALL_ONES)
		return -EIO;
	return FIELD_GET(AXL_EDMA_CS, val);
}

/**
 * axl_edma_ack() - clear a channel's interrupt status
 * @axl: the device
 * @dir: the direction
 * @n: the channel
 */
void axl_edma_ack(struct axl_device *axl, struct axl_dma_dir *dir,
		  unsigned int n)
{
	writel(AXL_EDMA_INT_DONE_CH(n) | AXL_EDMA_INT_ABORT_CH(n),
	       axl->regs + axl_edma_map(dir)->int_clear);
}

/**
 * axl_edma_report() - log why a channel halted
 * @axl: the device
 * @dir: the direction
 * @n: the halted channel
 */
void axl_edma_report(struct axl_device *axl, struct axl_dma_dir *dir,
		     unsigned int n)
{
	const char *why = "no error bit set";

	if (dir->to_device) {
		u32 lo = readl(axl->regs + AXL_EDMA_RD_ERR_STATUS_LO);
		u32 hi = readl(axl->regs + AXL_EDMA_RD_ERR_STATUS_HI);

		if (FIELD_GET(AXL_EDMA_RD_ERR_UR, hi) & BIT(n))
			why = "host refused the read (IOMMU fault?)";
		else if (FIELD_GET(AXL_EDMA_RD_ERR_CA, hi) & BIT(n))
			why = "host aborted the read";
		else if (FIELD_GET(AXL_EDMA_RD_ERR_TIMEOUT, hi) & BIT(n))
			why = "host did not answer the read";
		else if (FIELD_GET(AXL_EDMA_RD_ERR_POISON, hi) & BIT(n))
			why = "host data was poisoned";
		else if (FIELD_GET(AXL_EDMA_RD_ERR_APP_WRITE, lo) & BIT(n))
			why = "bad device address";
		else if (FIELD_GET(AXL_EDMA_RD_ERR_LL_FETCH, lo) & BIT(n))
			why = "list could not be fetched";
	} else {
		u32 val = readl(axl->regs + AXL_EDMA_WR_ERR_STATUS);

		if (FIELD_GET(AXL_EDMA_WR_ERR_APP_READ, val) & BIT(n))
			why = "bad device address";
		else if (FIELD_GET(AXL_EDMA_WR_ERR_LL_FETCH, val) & BIT(n))
			why = "list could not be fetched";
	}
	dev_err_ratelimited(&axl->pdev->dev, "%s channel %u halted: %s\n",
			    dir->to_device ? "read" : "write", n, why);
}

/*
 * Check that no channel of the direction runs. A dead link counts as stopped,
 * but one failed read does not prove it dead. Right after a doorbell a channel
 * can read as not started: this counts as stopped only if @settled.
 */
static bool axl_edma_stopped(struct axl_device *axl, struct axl_dma_dir *dir,
			     bool settled)
{
	unsigned int n;

	for (n = 0; n < dir->nr_ch; n++) {
		int cs = axl_edma_status(axl, dir, n);

		if (cs < 0)
			return !axl_edma_alive(axl);
		if (cs == AXL_EDMA_CS_RUNNING)
			return false;
		if (cs == AXL_EDMA_CS_NONE && !settled &&
		    (dir->running & BIT(n)))
			return false;
	}
	return true;
}

/**
 * axl_edma_stop() - stop all channels of a direction
 * @axl: the device
 * @dir: the direction; blocked, so that no request is started
 * @disable: clear the engine enable at once, without stop doorbells
 *
 * Stopping one channel quiesces its siblings anyway, so all busy ones are
 * stopped: first each by its doorbell, then, if needed, by the engine enable,
 * which then stays clear. May sleep.
 *
 * Return: true if every channel reads as stopped or the device does not answer;
 * axl_edma_proven() distinguishes the two. Callers without that check switch
 * bus mastering off, reset the function, or move data to the driver's own
 * memory only.
 */
bool axl_edma_stop(struct axl_device *axl, struct axl_dma_dir *dir,
		   bool disable)
{
	const struct axl_edma_map *map = axl_edma_map(dir);
	unsigned int n;
	bool stopped;

	for (n = 0; n < dir->nr_ch && !disable; n++)
		if (dir->running & BIT(n))
			writel(AXL_EDMA_DOORBELL_STOP | n,
			       axl->regs + map->doorbell);
	if (!disable &&
	    !read_poll_timeout(axl_edma_stopped, stopped, stopped, 100,
			       AXL_EDMA_STOP_US, false, axl, dir, false))
		return true;

	writel(0, axl->regs + map->engine_en);
	return !read_poll_timeout(axl_edma_stopped, stopped, stopped, 100,
				  AXL_EDMA_STOP_US, false, axl, dir, false) ||
	       axl_edma_stopped(axl, dir, true);
}

/**
 * axl_edma_proven() - check that every channel reads as stopped
 * @axl: the device
 * @dir: the direction, after axl_edma_stop()
 *
 * axl_edma_stop() treats a device that does not answer as stopped. If it
 * answers again, its channels may still run. May sleep.
 *
 * Return: true if every channel answered and none runs.
 */
bool axl_edma_proven(struct axl_device *axl, struct axl_dma_dir *dir)
{
	unsigned int n;

	for (n = 0; n < dir->nr_ch; n++) {
		int cs = axl_edma_status(axl, dir, n);

		/* right after its doorbell a channel can read as not started */
		if (cs == AXL_EDMA_CS_NONE && (dir->running & BIT(n))) {
			fsleep(AXL_EDMA_STOP_US);
			cs = axl_edma_status(axl, dir, n);
		}
		if (cs < 0 || cs == AXL_EDMA_CS_RUNNING)
			return false;
	}
	return true;
}

/**
 * axl_edma_init() - program the engine from scratch
 * @axl: the device
 *
 * For probe and after every reset of the function, before bus mastering is
 * enabled. Stops channels that a previous owner left running. May sleep.
 *
 * Return: 0, or -EIO if a channel does not stop.
 */
int axl_edma_init(struct axl_device *axl)
{
	struct axl_dma_dir *dir;

	for_each_axl_dir(axl, dir)
		if (!axl_edma_stop(axl, dir, true))
			return -EIO;

	for_each_axl_dir(axl, dir) {
		const struct axl_edma_map *map = axl_edma_map(dir);
		unsigned long flags;

		spin_lock_irqsave(&dir->lock, flags);
		axl_edma_configure(axl, dir);
		writel(AXL_EDMA_INT_DONE | AXL_EDMA_INT_ABORT,
		       axl->regs + map->int_clear);
		dir->imwr = ~0ULL;	/* no message has this address */
		axl_edma_update_imwr(axl, dir);
		axl_edma_check_imwr(axl, dir);
		axl_edma_enable(axl, dir);
		spin_unlock_irqrestore(&dir->lock, flags);
	}
	return 0;
}
