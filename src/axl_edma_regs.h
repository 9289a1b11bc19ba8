/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of the DMA engine in BAR0: Synopsys DesignWare eDMA, unrolled map.
 * (hardware-notes: DMA engine)
 *
 * A read channel reads host memory (host to device), a write channel writes it
 * (device to host). All accesses are 32 bits wide.
 */
#ifndef AXL_EDMA_REGS_H
#define AXL_EDMA_REGS_H

#include <linux/bits.h>

/* Maximum number of channels per direction in this register map. */
#define AXL_EDMA_MAX_CHANNELS		4

#define AXL_EDMA_CTRL			0x008
#define   AXL_EDMA_CTRL_WR_CH		GENMASK(3, 0)
#define   AXL_EDMA_CTRL_RD_CH		GENMASK(19, 16)

/* Bit 0 enables a direction; clearing it quiesces all of its channels. */
#define AXL_EDMA_WR_ENGINE_EN		0x00c
#define AXL_EDMA_RD_ENGINE_EN		0x02c
#define   AXL_EDMA_ENGINE_EN		BIT(0)

#define AXL_EDMA_WR_DOORBELL		0x010
#define AXL_EDMA_RD_DOORBELL		0x030
#define   AXL_EDMA_DOORBELL_CH		GENMASK(2, 0)
#define   AXL_EDMA_DOORBELL_STOP	BIT(31)

/* Status, mask and clear have the same layout. */
#define AXL_EDMA_WR_INT_STATUS		0x04c
#define AXL_EDMA_WR_INT_MASK		0x054
#define AXL_EDMA_WR_INT_CLEAR		0x058
#define AXL_EDMA_RD_INT_STATUS		0x0a0
#define AXL_EDMA_RD_INT_MASK		0x0a8
#define AXL_EDMA_RD_INT_CLEAR		0x0ac
#define   AXL_EDMA_INT_DONE		GENMASK(7, 0)
#define   AXL_EDMA_INT_ABORT		GENMASK(23, 16)
#define   AXL_EDMA_INT_DONE_CH(n)	BIT(n)
#define   AXL_EDMA_INT_ABORT_CH(n)	BIT(16 + (n))

#define AXL_EDMA_WR_ERR_STATUS		0x05c
#define   AXL_EDMA_WR_ERR_APP_READ	GENMASK(7, 0)	/* device side */
#define   AXL_EDMA_WR_ERR_LL_FETCH	GENMASK(23, 16)

#define AXL_EDMA_RD_ERR_STATUS_LO	0x0b4
#define   AXL_EDMA_RD_ERR_APP_WRITE	GENMASK(7, 0)	/* device side */
#define   AXL_EDMA_RD_ERR_LL_FETCH	GENMASK(23, 16)
#define AXL_EDMA_RD_ERR_STATUS_HI	0x0b8
#define   AXL_EDMA_RD_ERR_UR		GENMASK(7, 0)	/* unsupported request */
#define   AXL_EDMA_RD_ERR_CA		GENMASK(15, 8)	/* completer abort */
#define   AXL_EDMA_RD_ERR_TIMEOUT	GENMASK(23, 16)	/* no completion */
#define   AXL_EDMA_RD_ERR_POISON	GENMASK(31, 24)

/* One bit per channel: a list fetch error raises the remote abort message. */
#define AXL_EDMA_WR_LL_ERR_EN		0x090
#define AXL_EDMA_RD_LL_ERR_EN		0x0c4
#define   AXL_EDMA_LL_ERR_EN		GENMASK(7, 0)
#define   AXL_EDMA_LL_ERR_EN_CH(n)	BIT(n)

/*
 * Remote interrupt messages: one address for done and one for abort in each
 * direction, 16 bits of data for each channel, two channels per register.
 */
#define AXL_EDMA_WR_DONE_IMWR_LO	0x060
#define AXL_EDMA_WR_DONE_IMWR_HI	0x064
#define AXL_EDMA_WR_ABORT_IMWR_LO	0x068
#define AXL_EDMA_WR_ABORT_IMWR_HI	0x06c
#define AXL_EDMA_WR_IMWR_DATA(n)	(0x070 + 4 * ((n) / 2))
#define AXL_EDMA_RD_DONE_IMWR_LO	0x0cc
#define AXL_EDMA_RD_DONE_IMWR_HI	0x0d0
#define AXL_EDMA_RD_ABORT_IMWR_LO	0x0d4
#define AXL_EDMA_RD_ABORT_IMWR_HI	0x0d8
#define AXL_EDMA_RD_IMWR_DATA(n)	(0x0dc + 4 * ((n) / 2))
#define   AXL_EDMA_IMWR_DATA_EVEN	GENMASK(15, 0)	/* channels 0 and 2 */
#define   AXL_EDMA_IMWR_DATA_ODD	GENMASK(31, 16)	/* channels 1 and 3 */

#define AXL_EDMA_WR_CH_PWR_EN(n)	(0x128 + 4 * (n))
#define AXL_EDMA_RD_CH_PWR_EN(n)	(0x168 + 4 * (n))
#define   AXL_EDMA_CH_PWR_EN		BIT(0)

/* One block of registers per channel. */
#define AXL_EDMA_WR_CH(n)		(0x200 + 0x200 * (n))
#define AXL_EDMA_RD_CH(n)		(0x300 + 0x200 * (n))
#define AXL_EDMA_CH_CONTROL1		0x00
#define AXL_EDMA_CH_CONTROL2		0x04
#define AXL_EDMA_CH_SIZE		0x08
#define AXL_EDMA_CH_SAR_LO		0x0c
#define AXL_EDMA_CH_SAR_HI		0x10
#define AXL_EDMA_CH_DAR_LO		0x14
#define AXL_EDMA_CH_DAR_HI		0x18
#define AXL_EDMA_CH_LLP_LO		0x1c
#define AXL_EDMA_CH_LLP_HI		0x20

/* Channel control1; a list element's control has the first five bits, too. */
#define AXL_EDMA_CB			BIT(0)	/* cycle bit */
#define AXL_EDMA_TCB			BIT(1)	/* toggle cycle bit */
#define AXL_EDMA_LLP			BIT(2)	/* this element is a link */
#define AXL_EDMA_LIE			BIT(3)	/* local interrupt: to firmware, stays 0 */
#define AXL_EDMA_RIE			BIT(4)	/* remote interrupt: to host */
#define AXL_EDMA_CS			GENMASK(6, 5)
#define   AXL_EDMA_CS_NONE		0	/* not started, or just after the doorbell */
#define   AXL_EDMA_CS_RUNNING		1
#define   AXL_EDMA_CS_HALTED		2	/* on an error */
#define   AXL_EDMA_CS_STOPPED		3	/* done; also read from a dead link */
#define AXL_EDMA_CCS			BIT(8)	/* consumer cycle state */
#define AXL_EDMA_LLE			BIT(9)	/* linked-list mode */

/* Value read from any register when the link is dead. */
#define AXL_EDMA_ALL_ONES		0xffffffffu

/* A list element in device memory, aligned to 8 bytes. */
#define AXL_EDMA_ELEM_CONTROL		0x00	/* 32 bits */
#define AXL_EDMA_ELEM_SIZE		0x04	/* 32 bits */
#define AXL_EDMA_ELEM_SAR		0x08	/* 64 bits; a link's target */
#define AXL_EDMA_ELEM_DAR		0x10	/* 64 bits */
#define AXL_EDMA_ELEM_BYTES		24
#define AXL_EDMA_ELEM_ALIGN		8

#endif /* AXL_EDMA_REGS_H */
