/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the card, the driver and its environment around the table of
 * src/axl_state_table.c, for tests/host and tests/kunit. state_walk() visits every
 * reachable combination under every trigger and checks the invariants.
 */
#ifndef AXL_STATE_WALK_H
#define AXL_STATE_WALK_H

#include <linux/string.h>

#include "axl_state_table.h"

/* One combination. Without padding: compared by memcmp(). */
struct state_world {
	/* of the driver */
	unsigned int state : 4;
	unsigned int ended : 1;		/* AXL_FACT_ENDED */
	unsigned int expected : 1;	/* AXL_FACT_EXPECTED */
	unsigned int pauses : 2;	/* 0..2 agents */
	unsigned int bus_error : 1;	/* one of them is PCI error recovery */
	unsigned int held : 1;		/* no requests are started */
	unsigned int mapped : 1;	/* BAR2 may be mapped by programs */
	unsigned int inside : 1;	/* threads may access the BARs */
	unsigned int watch : 1;		/* the watchdog may run */
	unsigned int queued : 1;	/* requests wait for a channel */
	unsigned int pending : 1;	/* requests have not ended */
	unsigned int table : 1;		/* slots of the vMSI table count */
	unsigned int tested : 1;	/* delivery of messages is known */
	unsigned int guarded : 1;	/* the guard page was checked */
	unsigned int lost : 1;		/* link lost since configuration was restored */
	unsigned int raises : 2;	/* generations raised since it was online */
	/* of the card, as the driver left it */
	unsigned int link : 1;
	unsigned int master : 1;	/* bus mastering on */
	unsigned int engine : 1;	/* a channel may run */
	unsigned int restored : 1;	/* configuration is as after probe */
	unsigned int known : 1;		/* firmware knows the table's address */
};

#define STATE_NODES	4096

/* A deliberate error: one entry of the table is changed. */
struct state_fault {
	enum axl_state from;
	enum axl_trigger on;
	/* actions that are left out and added */
	unsigned int without;
	unsigned int with;
	/* another next state, if @moves */
	bool moves;
	enum axl_state to;
	/* only with these facts */
	unsigned int facts;
	/* instead of all this: triggers (bits) that @from ignores */
	unsigned int ignores;
	/* the invariant that has to find it */
	const char *finds;
};

struct state_walk {
	const struct state_fault *fault;
	/* first violation; NULL: none */
	const char *wrong;
	enum axl_state wrong_state;
	enum axl_trigger wrong_trigger;
	/* visited combinations, and (combination, trigger) pairs */
	unsigned int nr_nodes;
	unsigned long nr_steps;
	struct state_world nodes[STATE_NODES];
	/* the combination can reach online, dead or gone */
	bool settles[STATE_NODES];
};

static inline unsigned int state_facts(const struct state_world *w)
{
	return (w->ended ? AXL_FACT_ENDED : 0) |
	       (w->pauses ? AXL_FACT_PAUSED : 0) |
	       (w->expected ? AXL_FACT_EXPECTED : 0);
}

/* Index of a combination; new ones are appended. */
static inline unsigned int state_index(struct state_walk *walk,
				       const struct state_world *w)
{
	unsigned int i;

	for (i = 0; i < walk->nr_nodes; i++)
		if (!memcmp(&walk->nodes[i], w, sizeof(*w)))
			return i;
	if (walk->nr_nodes == STATE_NODES) {
		walk->wrong = "more combinations than expected";
		return 0;
	}
	walk->nodes[walk->nr_nodes] = *w;
	return walk->nr_nodes++;
}

static inline struct axl_step state_lookup(const struct state_walk *walk,
					   const struct state_world *w,
					   enum axl_trigger trigger)
{
	const struct state_fault *f = walk->fault;
	struct axl_step step = axl_state_next(w->state, trigger, state_facts(w));

	if (f && f->from == w->state && f->ignores & (1u << trigger))
		return (struct axl_step){ .state = w->state };
	if (f && !f->ignores && f->from == w->state && f->on == trigger &&
	    (state_facts(w) & f->facts) == f->facts) {
		step.actions &= ~f->without;
		step.actions |= f->with;
		if (f->moves)
			step.state = f->to;
	}
	return step;
}

static inline void state_check(struct state_walk *walk, bool holds,
			       const char *invariant)
{
	if (!holds && !walk->wrong)
		walk->wrong = invariant;
}

/*
 * Execute a step in the order of axl_state_trigger(). @fails: bring-up fails in
 * its self-test.
 */
static inline struct state_world state_execute(struct state_walk *walk,
					       struct state_world w,
					       enum axl_trigger trigger,
					       bool fails)
{
	struct axl_step step = state_lookup(walk, &w, trigger);
	unsigned int old = w.state;
	bool expected = w.expected;

	if (trigger == AXL_ON_START && step.state != old)
		w.expected = 1;
	if (step.actions & AXL_DO_DROP)
		w.queued = 0;
	if (step.actions & AXL_DO_ZAP)
		w.mapped = 0;
	if (step.actions & AXL_DO_HOLD) {
		state_check(walk, !w.held, "DMA is blocked once");
		w.held = 1;
	}
	if (step.actions & AXL_DO_STOP) {
		w.watch = 0;
		/* with its link down the card cannot write, but is not stopped */
		if (w.link)
			w.engine = 0;
	}
	if (step.actions & AXL_DO_CLOSE) {
		w.state = step.state;
		w.inside = 0;
	}
	if (step.actions & AXL_DO_QUIET && w.link) {
		w.master = 0;
		w.known = 0;
	}
	if (step.actions & AXL_DO_FORGET)
		w.table = 0;
	if (step.actions & AXL_DO_GUARD)
		w.guarded = 1;
	if (step.actions & AXL_DO_PROVE && w.link && w.master) {
		w.master = 0;
		w.engine = 0;
	}
	if (step.actions & AXL_DO_FLUSH) {
		state_check(walk, !w.engine || !w.link,
			    "requests end with a stopped engine");
		w.pending = 0;
		w.queued = 0;
	}
	if (step.actions & AXL_DO_RESTORE) {
		state_check(walk, w.link, "configuration is restored with the link up");
		w.restored = 1;
		w.lost = 0;
		w.master = 0;
	}
	if (step.actions & AXL_DO_INIT) {
		w.engine = 0;
		w.tested = 0;
	}
	if (step.actions & AXL_DO_PUBLISH) {
		w.table = 1;
		w.known = 1;
	}
	if (step.actions & AXL_DO_MASTER) {
		state_check(walk, w.known && step.actions & AXL_DO_PUBLISH,
			    "bus mastering only after the table is published");
		state_check(walk, w.restored && step.actions & AXL_DO_INIT,
			    "bus mastering only with a restored, stopped engine");
		w.master = 1;
	}
	if (step.actions & AXL_DO_SELFTEST) {
		if (fails) {
			w.master = 0;
			w.known = 0;
			w.table = 0;
			return w;
		}
		w.tested = 1;
	}
	if (step.actions & AXL_DO_RAISE) {
		state_check(walk, !w.pending && !w.queued,
			    "requests end before the generation");
		w.raises++;
		w.ended = 1;
		state_check(walk, w.raises == 1, "one generation for one restart");
	}
	if (step.actions & AXL_DO_OPEN) {
		state_check(walk, w.restored && w.link,
			    "opens with a restored configuration");
		state_check(walk, w.master && w.known && w.table && w.tested,
			    "opens with a card that was brought up");
		state_check(walk, !w.engine && !w.pending,
			    "opens with a stopped engine");
		state_check(walk, w.held, "DMA is unblocked once");
		/* a refused start is no restart */
		state_check(walk, w.raises == (step.actions & AXL_DO_INIT ? 1 : 0),
			    "one generation for one restart");
		w.ended = 0;
		w.expected = 0;
		w.raises = 0;
		w.held = 0;
		w.guarded = 0;
		w.inside = 1;
	}
	if (step.state == AXL_STATE_DEAD)
		w.expected = 0;
	w.state = step.state;

	if (old == AXL_STATE_GONE)
		state_check(walk, w.state == AXL_STATE_GONE && !step.actions,
			    "gone is final");
	if (trigger == AXL_ON_REMOVE)
		state_check(walk, w.state == AXL_STATE_GONE, "removal ends in gone");
	if (trigger == AXL_ON_BUS_FAILED && expected)
		state_check(walk, w.state != AXL_STATE_DEAD || old == AXL_STATE_DEAD,
			    "an expected bounce does not make the card dead");
	return w;
}

/* What has to be true between two steps. */
static inline void state_invariants(struct state_walk *walk,
				    const struct state_world *w)
{
	bool open = axl_state_is_open(w->state);
	bool starting = w->state == AXL_STATE_STARTING;
	bool final = w->state == AXL_STATE_DEAD || w->state == AXL_STATE_GONE;

	state_check(walk, w->held == !open, "DMA is blocked unless the gate is open");
	state_check(walk, w->inside == open, "no thread is inside a closed gate");
	state_check(walk, open || !w->watch, "no watchdog while the gate is closed");
	state_check(walk, w->state == AXL_STATE_ONLINE || !w->queued ||
		    (w->state == AXL_STATE_LINK_DOWN && w->lost),
		    "requests are queued for an online card only");
	state_check(walk, open || !w->pending ||
		    (w->state == AXL_STATE_LINK_DOWN && w->lost),
		    "requests end when the driver stops the engine");
	/* a card whose link is down cannot write */
	state_check(walk, !w->master || !w->link || open || starting ||
		    (w->lost && w->state != AXL_STATE_GONE),
		    "bus mastering off while the card is not open");
	state_check(walk, open || starting || !w->table,
		    "slots of an old table do not count");
	state_check(walk, open || starting || !w->known || !w->link,
		    "firmware knows no table while the card is not open");
	state_check(walk, !w->mapped || open || w->state == AXL_STATE_SETTLING,
		    "no mapping while the link may be down");
	state_check(walk, w->state != AXL_STATE_LINK_DOWN || w->guarded,
		    "the guard page is checked before a restart");
	state_check(walk, !w->pauses || final || w->state == AXL_STATE_PAUSED,
		    "a pause is ended by its owner");
	state_check(walk, w->state != AXL_STATE_PAUSED || w->pauses,
		    "paused only during a pause");
	state_check(walk, w->state != AXL_STATE_ONLINE || !w->expected,
		    "online: no bounce is expected");
	state_check(walk, w->ended || (!final && w->state != AXL_STATE_PAUSED),
		    "threads do not wait for a card that is away");
}

/* What users and the card do between two steps. */
static inline void state_environment(struct state_walk *walk, struct state_world w)
{
	/* the link comes back before the driver sees it */
	if (!w.link && w.state != AXL_STATE_GONE) {
		w.link = 1;
		state_index(walk, &w);
	}
	if (!axl_state_is_open(w.state))
		return;
	w.mapped = 1;
	state_index(walk, &w);
	/* requests are started while the gate is open and DMA not blocked */
	if (w.state == AXL_STATE_ONLINE && !w.held) {
		w.pending = 1;
		w.engine = 1;
		w.watch = 1;
		state_index(walk, &w);
		w.queued = 1;
		state_index(walk, &w);
	}
	w.pending = 0;
	w.engine = 0;
	w.watch = 0;
	w.queued = 0;
	state_index(walk, &w);
}

/* Whether the driver posts @trigger in such a world; the facts change with it. */
static inline bool state_possible(struct state_world *w, enum axl_trigger trigger)
{
	bool idle = !w->pending && !w->queued;

	switch (trigger) {
	case AXL_ON_ADOPT:
	case AXL_ON_START:
		return idle;
	case AXL_ON_LINK_BACK:
		w->link |= w->state == AXL_STATE_LINK_DOWN;
		return true;
	case AXL_ON_RETRY:
		w->link |= w->state == AXL_STATE_DEAD && !w->pauses;
		return true;
	case AXL_ON_PAUSE:
		if (w->pauses == 2)
			return false;
		w->pauses++;
		return true;
	case AXL_ON_RESUME:
		if (w->pauses <= w->bus_error)
			return false;
		w->pauses--;
		return true;
	case AXL_ON_BUS_FAILED:
		if (!w->bus_error)
			return false;
		w->bus_error = 0;
		w->pauses--;
		return true;
	default:
		return true;
	}
}

/*
 * All results of one trigger. Where the environment decides, each way is taken;
 * @each is called for every result.
 */
static inline void state_results(struct state_walk *walk, struct state_world w,
				 enum axl_trigger trigger,
				 void (*each)(struct state_walk *walk,
					      const struct state_world *w,
					      void *arg), void *arg)
{
	struct state_world after;
	unsigned int way;
	bool moves;

	if (!state_possible(&w, trigger))
		return;
	moves = axl_state_next(w.state, trigger, state_facts(&w)).state != w.state;
	walk->nr_steps++;
	walk->wrong_state = w.state;
	walk->wrong_trigger = trigger;
	for (way = 0; way < 2; way++) {
		struct state_world before = w;

		if (trigger == AXL_ON_LINK_LOST && moves) {
			/* a bounce that clears configuration, or keeps it */
			before.link = 0;
			before.restored = 0;
			before.lost = 1;
			before.known = 0;
			if (!way) {
				before.master = 0;
				before.engine = 0;
			}
		} else if (trigger == AXL_ON_PAUSE && way) {
			/* this pause is that of PCI error recovery */
			if (before.bus_error)
				continue;
			before.bus_error = 1;
		} else if (trigger == AXL_ON_RESTART && moves && !way) {
			before.known = 0;
		} else if (way && trigger != AXL_ON_AREAS) {
			continue;
		}
		after = state_execute(walk, before, trigger,
				      way && trigger == AXL_ON_AREAS);
		/* a reset clears configuration */
		if (after.state == AXL_STATE_RESETTING) {
			after.restored = 0;
			after.engine = 0;
		}
		if (after.state == AXL_STATE_PAUSED)
			after.restored = 0;
		state_invariants(walk, &after);
		if (walk->wrong)
			return;
		each(walk, &after, arg);
	}
}

static inline void state_visit(struct state_walk *walk, const struct state_world *w,
			       void *arg)
{
	(void)arg;
	state_index(walk, w);
}

static inline void state_settles(struct state_walk *walk,
				 const struct state_world *w, void *arg)
{
	if (walk->settles[state_index(walk, w)])
		*(bool *)arg = true;
}

/* Every combination must be able to reach online, dead or gone without removal. */
static inline void state_liveness(struct state_walk *walk)
{
	unsigned long nr_steps = walk->nr_steps;
	unsigned int i, t;
	bool more = true;

	for (i = 0; i < walk->nr_nodes; i++)
		walk->settles[i] = walk->nodes[i].state == AXL_STATE_ONLINE ||
				   walk->nodes[i].state == AXL_STATE_DEAD ||
				   walk->nodes[i].state == AXL_STATE_GONE;
	while (more) {
		more = false;
		for (i = 0; i < walk->nr_nodes; i++) {
			bool good = walk->settles[i];

			for (t = 0; t < AXL_NR_TRIGGERS && !good; t++)
				if (t != AXL_ON_REMOVE && t != AXL_ON_PAUSE)
					state_results(walk, walk->nodes[i], t,
						      state_settles, &good);
			more |= good && !walk->settles[i];
			walk->settles[i] = good;
		}
	}
	for (i = 0; i < walk->nr_nodes && !walk->wrong; i++) {
		walk->wrong_state = walk->nodes[i].state;
		state_check(walk, walk->settles[i],
			    "every state has a way to online, dead or gone");
	}
	walk->nr_steps = nr_steps;
}

/**
 * state_walk() - visit every reachable combination under every trigger
 * @walk: large; all zeros but @fault
 *
 * Return: NULL, or the invariant that does not hold; then @wrong_state and
 * @wrong_trigger tell where.
 */
static inline const char *state_walk(struct state_walk *walk)
{
	/* as probe has it: configuration saved, engine stopped, nothing known */
	struct state_world begin = {
		.state = AXL_STATE_SETTLING, .ended = 1, .held = 1, .raises = 1,
		.link = 1, .restored = 1,
	};
	unsigned int i, t;

	state_index(walk, &begin);
	for (i = 0; i < walk->nr_nodes && !walk->wrong; i++) {
		state_environment(walk, walk->nodes[i]);
		for (t = 0; t < AXL_NR_TRIGGERS && !walk->wrong; t++)
			state_results(walk, walk->nodes[i], t, state_visit, NULL);
	}
	if (!walk->wrong)
		state_liveness(walk);
	return walk->wrong;
}

/* A deliberate error for each invariant. */
static const struct state_fault state_faults[] = {
	{ AXL_STATE_SETTLING, AXL_ON_AREAS, AXL_DO_PUBLISH,
	  .finds = "bus mastering only after the table is published" },
	{ AXL_STATE_SETTLING, AXL_ON_AREAS, AXL_DO_INIT,
	  .finds = "bus mastering only with a restored, stopped engine" },
	{ AXL_STATE_RESETTING,
	  .ignores = 1u << AXL_ON_RESET_DONE | 1u << AXL_ON_FAILED,
	  .finds = "every state has a way to online, dead or gone" },
	{ AXL_STATE_STARTING, AXL_ON_LINK_LOST, .moves = true, .to = AXL_STATE_ONLINE,
	  .with = AXL_DO_OPEN, .finds = "opens with a restored configuration" },
	{ AXL_STATE_STARTING, AXL_ON_LINK_LOST, .with = AXL_DO_RESTORE,
	  .finds = "configuration is restored with the link up" },
	{ AXL_STATE_SETTLING, AXL_ON_AREAS, AXL_DO_SELFTEST,
	  .finds = "opens with a card that was brought up" },
	{ AXL_STATE_DRAINING, AXL_ON_UNDRAIN, .with = AXL_DO_OPEN | AXL_DO_HOLD,
	  .finds = "opens with a stopped engine" },
	{ AXL_STATE_ONLINE, AXL_ON_LINK_LOST, AXL_DO_STOP,
	  .finds = "no watchdog while the gate is closed" },
	{ AXL_STATE_ONLINE, AXL_ON_PAUSE, AXL_DO_STOP,
	  .finds = "requests end with a stopped engine" },
	{ AXL_STATE_LINK_DOWN, AXL_ON_LINK_BACK, AXL_DO_PROVE,
	  .finds = "requests end with a stopped engine" },
	{ AXL_STATE_LINK_DOWN, AXL_ON_LINK_BACK, AXL_DO_FLUSH,
	  .finds = "requests end when the driver stops the engine" },
	{ AXL_STATE_ONLINE, AXL_ON_REMOVE, AXL_DO_FLUSH,
	  .finds = "requests end before the generation" },
	{ AXL_STATE_ONLINE, AXL_ON_DRAIN, AXL_DO_DROP,
	  .finds = "requests are queued for an online card only" },
	{ AXL_STATE_SETTLING, AXL_ON_AREAS, AXL_DO_RAISE,
	  .finds = "one generation for one restart" },
	{ AXL_STATE_PAUSED, AXL_ON_RESUME, .with = AXL_DO_RAISE,
	  .finds = "one generation for one restart" },
	{ AXL_STATE_STARTING, AXL_ON_REFUSED, .with = AXL_DO_RAISE,
	  .finds = "one generation for one restart" },
	{ AXL_STATE_ONLINE, AXL_ON_LINK_LOST, AXL_DO_HOLD,
	  .finds = "DMA is blocked unless the gate is open" },
	{ AXL_STATE_STARTING, AXL_ON_PAUSE, .with = AXL_DO_HOLD,
	  .finds = "DMA is blocked once" },
	{ AXL_STATE_DRAINING, AXL_ON_UNDRAIN, .with = AXL_DO_OPEN,
	  .finds = "DMA is unblocked once" },
	{ AXL_STATE_ONLINE, AXL_ON_RESET, AXL_DO_CLOSE,
	  .finds = "no thread is inside a closed gate" },
	{ AXL_STATE_STARTING, AXL_ON_PAUSE, AXL_DO_QUIET,
	  .finds = "bus mastering off while the card is not open" },
	{ AXL_STATE_ONLINE, AXL_ON_RESTART, AXL_DO_FORGET,
	  .finds = "slots of an old table do not count" },
	{ AXL_STATE_SETTLING, AXL_ON_AREAS, .moves = true, .to = AXL_STATE_DEAD,
	  .without = AXL_DO_OPEN | AXL_DO_MASTER, .with = AXL_DO_FORGET,
	  .finds = "slots of an old table do not count" },
	{ AXL_STATE_DRAINING, AXL_ON_START, AXL_DO_ZAP,
	  .finds = "no mapping while the link may be down" },
	{ AXL_STATE_ONLINE, AXL_ON_LINK_LOST, AXL_DO_GUARD,
	  .finds = "the guard page is checked before a restart" },
	{ AXL_STATE_PAUSED, AXL_ON_RESUME, .facts = AXL_FACT_PAUSED, .moves = true,
	  .to = AXL_STATE_LINK_DOWN, .with = AXL_DO_GUARD,
	  .finds = "a pause is ended by its owner" },
	{ AXL_STATE_LINK_DOWN, AXL_ON_FAILED, .moves = true, .to = AXL_STATE_PAUSED,
	  .finds = "paused only during a pause" },
	{ AXL_STATE_STARTING, AXL_ON_REMOVE, AXL_DO_RAISE,
	  .finds = "threads do not wait for a card that is away" },
	{ AXL_STATE_PAUSED, AXL_ON_BUS_FAILED, .facts = AXL_FACT_EXPECTED, .moves = true,
	  .to = AXL_STATE_DEAD,
	  .finds = "an expected bounce does not make the card dead" },
	{ AXL_STATE_GONE, AXL_ON_RETRY, .moves = true, .to = AXL_STATE_LINK_DOWN,
	  .finds = "gone is final" },
	{ AXL_STATE_DEAD, AXL_ON_REMOVE, .moves = true, .to = AXL_STATE_DEAD,
	  .finds = "removal ends in gone" },
};

#define NR_STATE_FAULTS	(sizeof(state_faults) / sizeof(state_faults[0]))

#endif
