// SPDX-License-Identifier: GPL-2.0
/*
 * Card to card (ioctl 18): one card's engine writes and reads the other card's L2,
 * every byte and no other, and nothing else that has a bus address. For a board with
 * two cards.
 *
 * Taken: READ and WRITE are those of other transfers: READ takes from the card
 * whose file it is, WRITE brings to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

#define PULL		(VY_WRITE | VY_SYNC | VY_P2P)
#define PUSH		(VY_READ | VY_SYNC | VY_P2P)
#define ROOM		(4 * MIB)

struct card {
	int fd;
	struct axl_ioc_query q;
	uint64_t dev;		/* scratch memory, as its own engine sees it */
	uint64_t bus;		/* the same, as the other's does */
	uint64_t l2;		/* bus address of L2 */
};

FIXTURE(p2p)
{
	struct at_ctx t;
	struct card card[2];
	uint8_t *p;
};

static int card_open(struct card *c, const char *node)
{
	struct vy_resources r;
	int err;

	c->fd = open(node, O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return -errno;
	err = at_query(c->fd, &c->q);
	if (!err)
		err = vy_call(c->fd, VY_RESOURCES, &r);
	if (err)
		return err;
	/* as the SDK gets to know it */
	c->l2 = r.l2_base;
	c->dev = at_scratch_l2(&c->q);
	c->bus = c->l2 + AT_L2_SCRATCH;
	return 0;
}

FIXTURE_SETUP(p2p)
{
	VY_BEGIN(&self->t, 0);
	ASSERT_EQ(0, card_open(&self->card[0], "/dev/metis0"));
	ASSERT_EQ(0, card_open(&self->card[1], "/dev/metis1"));
	ASSERT_NE(self->card[0].l2, self->card[1].l2);
	self->p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN(p2p)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	munmap(self->p, ROOM);
	close(self->card[0].fd);
	close(self->card[1].fd);
	AT_END(&self->t);
}

/* Pattern @seed, or what @seed < 0 leaves, in @n bytes of a card */
static int put(const struct card *c, uint8_t *p, uint64_t offset, size_t n,
	       int seed)
{
	if (seed < 0)
		memset(p, 0xee, n);
	else
		at_fill(p, n, seed, 0);
	return vy_user_xfer(c->fd, VY_WRITE, c->dev + offset, p, n);
}

/* What of @n bytes at @offset is wrong; -1 when nothing is */
static ssize_t wrong(const struct card *c, uint8_t *p, uint64_t offset, size_t n,
		     int seed)
{
	int err;

	memset(p, 0x11, n + 2);
	err = vy_user_xfer(c->fd, VY_READ, c->dev + offset - 1, p, n + 2);
	if (err)
		return err;
	/* not a byte beside it */
	if (p[0] != 0xee || p[n + 1] != 0xee)
		return 0;
	return at_check(p + 1, n, seed, 0);
}

TEST_F_TIMEOUT(p2p, both_directions, 60)
{
	static const size_t sizes[] = { 4, 63, 4096, 4097, 65536, 1000003,
					3 * MIB };
	uint8_t *p = self->p;
	unsigned int i, k;

	for (k = 0; k < 2; k++) {
		const struct card *a = &self->card[k], *b = &self->card[!k];

		for (i = 0; i < at_array_size(sizes); i++) {
			size_t n = sizes[i];
			int ch = (int)(i % 5) - 1, seed = 10 * i + k;

			/* from this card's memory into the other's */
			ASSERT_EQ(0, put(a, p, 8, n, seed));
			ASSERT_EQ(0, put(b, p, 0, n + 32, -1));
			ASSERT_EQ(0, vy_p2p(a->fd, PUSH, a->dev + 8, b->bus + 16,
					    n, ch))
				TH_LOG("card %u, %zu bytes", k, n);
			EXPECT_EQ(-1, wrong(b, p, 16, n, seed))
				TH_LOG("card %u, %zu bytes", k, n);

			/* from the other's into this one's */
			seed += 100;
			ASSERT_EQ(0, put(b, p, 24, n, seed));
			ASSERT_EQ(0, put(a, p, 0, n + 32, -1));
			ASSERT_EQ(0, vy_p2p(a->fd, PULL, a->dev + 9, b->bus + 24,
					    n, ch))
				TH_LOG("card %u, %zu bytes", k, n);
			EXPECT_EQ(-1, wrong(a, p, 9, n, seed))
				TH_LOG("card %u, %zu bytes", k, n);
		}
	}
}

/* The processor sees the same bytes */
TEST_F(p2p, seen_through_the_mapping)
{
	const struct card *a = &self->card[0], *b = &self->card[1];
	uint8_t *p = self->p;
	volatile uint32_t *l2;
	uint32_t word;
	unsigned int i;

	l2 = mmap(NULL, b->q.bar2_size, PROT_READ, MAP_SHARED, b->fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)l2);
	ASSERT_EQ(0, put(a, p, 0, 4096, 7));
	ASSERT_EQ(0, vy_p2p(a->fd, PUSH, a->dev, b->bus, 4096, VY_CHANNEL_ANY));
	for (i = 0; i < 1024; i++) {
		word = l2[AT_L2_SCRATCH / 4 + i];
		ASSERT_EQ(0, memcmp(p + 4 * i, &word, 4));
	}
	munmap((void *)l2, b->q.bar2_size);
}

TEST_F(p2p, refused)
{
	const struct card *a = &self->card[0], *b = &self->card[1];
	uint64_t end = b->l2 + b->q.bar2_size, own, list, size;
	struct at_ctx mine = { .q = a->q }, other = { .q = b->q };
	uint32_t before;
	size_t i;

	/* those that publish one publish the same; firmware may run on one only */
	ASSERT_EQ(0, at_list_buffer(&mine, &own, &size));
	ASSERT_EQ(0, at_list_buffer(&other, &list, &size));
	list += b->l2 - b->q.l2_base;
	before = at_doorbells_both();
	const struct {
		uint64_t dev, bus;
		size_t n;
		uint32_t flags;
		int channel;
	} bad[] = {
		/* no card's memory */
		{ a->dev, 0, 64, PUSH, -1 },
		{ a->dev, 0x40000000, 4096, PUSH, -1 },
		{ a->dev, ~0ULL, 1, PUSH, -1 },
		{ a->dev, a->bus, 64, PUSH, -1 },
		{ a->dev, b->l2 - 1, 64, PUSH, -1 },
		{ a->dev, end - 63, 64, PUSH, -1 },
		{ a->dev, end, 1, PUSH, -1 },
		{ a->dev, b->bus, ~0UL, PUSH, -1 },
		{ a->dev, b->bus, 0, PUSH, -1 },
		/* what programs an engine */
		{ a->dev, list, 24, PUSH, -1 },
		{ a->dev, list - 1, 2, PUSH, -1 },
		{ a->dev, list + size - 1, 1, PULL, -1 },
		{ a->dev, list - 64, 128, PULL, -1 },
		{ own, b->bus, 24, PULL, -1 },
		/* of this card */
		{ 0, b->bus, 64, PUSH, -1 },
		{ a->q.l2_base + a->q.l2_size, b->bus, 1, PUSH, -1 },
		/* and what makes no sense */
		{ a->dev, b->bus, 64, 0, -1 },
		{ a->dev, b->bus, 64, VY_P2P, -1 },
		{ a->dev, b->bus, 64, PUSH | PULL, -1 },
		{ a->dev, b->bus, 64, PUSH | VY_ASYNC, -1 },
		{ a->dev, b->bus, 64, PUSH | 16, -1 },
		{ a->dev, b->bus, 64, PUSH, -2 },
		{ a->dev, b->bus, 64, PUSH, 4 },
	};

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_EQ(-EINVAL, vy_p2p(a->fd, bad[i].flags, bad[i].dev,
					  bad[i].bus, bad[i].n, bad[i].channel))
			TH_LOG("row %zu", i);
	}
	EXPECT_EQ(before, at_doorbells_both());
	/* next to the list buffer is no list buffer */
	EXPECT_EQ(0, vy_p2p(a->fd, PULL, a->dev, list - 64, 64,
			    VY_CHANNEL_ANY));
	EXPECT_EQ(before + 1, at_doorbells_both());
}

TEST_F(p2p, without_the_capability)
{
	const struct card *a = &self->card[0], *b = &self->card[1];
	uint8_t *p = self->p;
	int status;
	pid_t child;

	ASSERT_EQ(0, put(a, p, 0, 64, 3));
	ASSERT_EQ(0, put(b, p, 0, 64, -1));
	child = fork();
	if (!child) {
		if (vy_drop_rawio())
			_exit(1);
		_exit(vy_p2p(a->fd, PUSH, a->dev, b->bus, 64,
			     VY_CHANNEL_ANY) == -EPERM ? 0 : 2);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, vy_user_xfer(b->fd, VY_READ, b->dev, p, 64));
	EXPECT_EQ(-1, at_check_byte(p, 64, 0xee));
	EXPECT_EQ(0, vy_p2p(a->fd, PUSH, a->dev, b->bus, 64, VY_CHANNEL_ANY));
}

#define CAP_POINTER	0x34
#define CAP_EXPRESS	0x10
#define PORT_UPSTREAM	5

static unsigned int port_type(const struct at_pci *pci)
{
	uint8_t at = 0, cap[4];
	int left = 48;

	at_pci_config(pci, CAP_POINTER, &at, 1);
	while (at && left-- && !at_pci_config(pci, at, cap, sizeof(cap))) {
		if (cap[0] == CAP_EXPRESS)
			return cap[2] >> 4;
		at = cap[1];
	}
	return ~0U;
}

/*
 * On which bus is the upstream port of the switch above the card, as sysfs tells;
 * all ones without a switch, 0 if it is not the one that counts.
 */
static uint64_t switch_above(const struct axl_ioc_query *q)
{
	char path[PATH_MAX], real[PATH_MAX], *name;
	struct at_pci pci;
	uint32_t id = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x",
		 q->pci_domain, q->pci_bus, q->pci_devfn >> 3, q->pci_devfn & 7);
	if (!realpath(path, real))
		return 0;
	while ((name = strrchr(real, '/'))) {
		*name = '\0';
		name = strrchr(real, '/');
		if (!name || strlen(++name) != strlen("0000:00:00.0"))
			break;
		snprintf(pci.bdf, sizeof(pci.bdf), "%s", name);
		snprintf(pci.dir, sizeof(pci.dir), "/sys/bus/pci/devices/%s",
			 pci.bdf);
		if (port_type(&pci) != PORT_UPSTREAM)
			continue;
		at_pci_config(&pci, 0, &id, sizeof(id));
		return id == 0x856211f8 ? strtoul(name + 5, NULL, 16) : 0;
	}
	return ~0ULL;
}

/* Who may be reached without the host: cards below one Microsemi switch */
TEST_F(p2p, switch_group)
{
	uint64_t want, value;
	int k;

	for (k = 0; k < 2; k++) {
		want = switch_above(&self->card[k].q);
		value = VY_PROP_SWITCH_GROUP;
		ASSERT_EQ(0, vy_call(self->card[k].fd, VY_PROPERTY, &value));
		at_msg("card %d: group %lld", k, (long long)value);
		EXPECT_NE(0, want)
			TH_LOG("another switch than this is for");
		EXPECT_EQ(want, value);
	}
}

struct mover {
	pthread_t thread;
	const struct card *from, *to;
	uint64_t offset;
	int err, seed;
};

static void *move_around(void *arg)
{
	struct mover *m = arg;
	static const size_t n = 256 * KIB;
	uint8_t *p = malloc(n);
	int i;

	for (i = 0; i < 20 && !m->err; i++) {
		at_fill(p, n, m->seed, i);
		m->err = vy_user_xfer(m->from->fd, VY_WRITE,
				      m->from->dev + m->offset, p, n);
		if (!m->err)
			m->err = vy_p2p(i % 2 ? m->from->fd : m->to->fd,
					i % 2 ? PUSH : PULL,
					(i % 2 ? m->from : m->to)->dev + m->offset,
					(i % 2 ? m->to : m->from)->bus + m->offset,
					n, VY_CHANNEL_ANY);
		memset(p, 0, n);
		if (!m->err)
			m->err = vy_user_xfer(m->to->fd, VY_READ,
					      m->to->dev + m->offset, p, n);
		if (!m->err && at_check(p, n, m->seed, i) != -1)
			m->err = -EILSEQ;
	}
	free(p);
	return NULL;
}

TEST_F_TIMEOUT(p2p, both_cards_at_once, 60)
{
	struct mover m[4];
	int i;

	for (i = 0; i < 4; i++) {
		m[i] = (struct mover){
			.from = &self->card[i % 2], .to = &self->card[!(i % 2)],
			.offset = i * MIB, .seed = i,
		};
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, move_around,
					    &m[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		EXPECT_EQ(0, m[i].err)
			TH_LOG("mover %d", i);
	}
}

/* A card that hangs over it does not take the other one along */
TEST_F_TIMEOUT(p2p, time_is_up, 60)
{
	const struct card *a = &self->card[0], *b = &self->card[1];
	uint8_t *p = self->p;

	ASSERT_EQ(0, put(a, p, 0, MIB, 5));
	at_lab_set(METIS_LAB_FREEZE, 1);
	EXPECT_EQ(-ETIMEDOUT, vy_p2p(a->fd, PUSH, a->dev, b->bus, MIB,
				     VY_CHANNEL_ANY));
	EXPECT_EQ(0, put(b, p, 0, MIB, -1));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, vy_p2p(a->fd, PUSH, a->dev, b->bus + 1, MIB - 2,
			    VY_CHANNEL_ANY));
	EXPECT_EQ(-1, wrong(b, p, 1, MIB - 2, 5));
}

/* Where a card was is nothing any more */
TEST_F_TIMEOUT(p2p, other_card_removed, 60)
{
	const struct card *a = &self->card[0];
	struct card *b = &self->card[1];
	uint64_t bus = b->bus, end = at_now() + AT_SOON;
	uint8_t *p = self->p;
	int err;

	ASSERT_EQ(0, at_write_text("/sys/class/metis/metis1/device/remove",
				   "1"));
	EXPECT_EQ(-EINVAL, vy_p2p(a->fd, PUSH, a->dev, bus, 64,
				  VY_CHANNEL_ANY));
	/* and from a card that is gone nothing comes */
	EXPECT_EQ(-ENODEV, vy_p2p(b->fd, PUSH, b->dev, a->bus, 64,
				  VY_CHANNEL_ANY));
	close(b->fd);
	ASSERT_EQ(0, at_pci_rescan());
	do {
		err = card_open(b, "/dev/metis1");
	} while (err && at_now() < end);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, put(a, p, 0, 64, 6));
	ASSERT_EQ(0, put(b, p, 0, 128, -1));
	ASSERT_EQ(0, vy_p2p(a->fd, PUSH, a->dev, b->bus + 1, 64,
			    VY_CHANNEL_ANY));
	EXPECT_EQ(-1, wrong(b, p, 1, 64, 6));
}

TEST_HARNESS_MAIN
