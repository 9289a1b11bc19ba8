// SPDX-License-Identifier: GPL-2.0
/* metisctl: looks after Axelera Metis cards through axl's native interface. */
#include <string.h>

#include "base.h"
#include "commands.h"
#include "options.h"
#include "out.h"
#include "xfer.h"

#define STRINGIFY(x)	#x
#define TO_STRING(x)	STRINGIFY(x)

const char *argp_program_version =
	"metisctl " METISCTL_VERSION " (interface version " TO_STRING(AXL_ABI_VERSION) ")";

static const struct command {
	const char *group;	/* first word of a command of two words */
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ NULL, "list", cmd_list, "all devices and their state" },
	{ NULL, "info", cmd_info, "everything known about one device" },
	{ "fw", "load", cmd_fw_load, "load a firmware image and start it" },
	{ "dma", "write", cmd_dma_write, "copy a file into device memory" },
	{ "dma", "read", cmd_dma_read, "copy device memory into a file" },
	{ "dma", "test", cmd_dma_test, "move test data both ways, verify, measure" },
	{ NULL, "wait", cmd_wait, "wait for an interrupt event" },
	{ NULL, "events", cmd_events, "print interrupt events as they arrive" },
	{ NULL, "reset", cmd_reset, "reset the device" },
	{ NULL, "doctor", cmd_doctor, "find out what is wrong, and what to do about it" },
};

struct chosen {
	const struct command *cmd;
	int argc;
	char **argv;
};

static const struct command *find_command(const char *group, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (!strcmp(c->name, name) && !c->group == !group &&
		    (!group || !strcmp(c->group, group)))
			return c;
	}
	return NULL;
}

static const char *words(const struct command *c, char buf[32])
{
	snprintf(buf, 32, "%s%s%s", c->group ?: "", c->group ? " " : "", c->name);
	return buf;
}

static bool is_group(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].group && !strcmp(commands[i].group, name))
			return true;
	return false;
}

static void choose_command(struct argp_state *state, char *arg)
{
	struct chosen *ch = state->input;
	const char *next = state->next < state->argc ? state->argv[state->next] : NULL;
	bool group = is_group(arg);
	char known[256] = "", buf[32];

	ch->cmd = group ? (next ? find_command(arg, next) : NULL) : find_command(NULL, arg);
	if (!ch->cmd) {
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
			const char *g = commands[i].group;

			if (group && (!g || strcmp(g, arg)))
				continue;
			if (*known)
				strcat(known, ", ");
			strcat(known, words(&commands[i], buf));
		}
		argp_error(state, "no command '%s%s%s'; there are: %s", arg,
			   group && next ? " " : "", group && next ? next : "", known);
		exit(argp_err_exit_status);
	}
	/* The command's last word takes the place of its argv[0]. */
	ch->argv = state->argv + state->next - (group ? 0 : 1);
	ch->argc = state->argc - state->next + (group ? 0 : 1);
	state->next = state->argc;
}

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_ARG:
		choose_command(state, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		exit(argp_err_exit_status);
	}
	return ARGP_ERR_UNKNOWN;
}

/* The list of commands, made from the table */
static char *help_filter(int key, const char *text, void *input)
{
	char *all, *longer, buf[32];

	(void)input;
	if (key != ARGP_KEY_HELP_PRE_DOC)
		return (char *)text;
	all = str("%s\n\nCommands (each has its own --help):\n", text);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		longer = str("%s  %-12s %s\n", all, words(&commands[i], buf), commands[i].summary);
		free(all);
		all = longer;
	}
	return all;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_main,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "Looks after Axelera Metis cards: state, firmware, DMA, interrupt events.\v"
		       "Exit status: 0 done; 1 failed, stderr says why and what to do; 2 timed out "
		       "(wait, events); 64 wrong usage; 130 interrupted. doctor: 0 all is well; 1 warnings; "
		       "2 a check failed.",
		.children = global_child,
		.help_filter = help_filter,
	};
	struct chosen ch = { 0 };
	char buf[32], *name;
	int ret, failed;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &ch);
	name = str("metisctl %s", words(ch.cmd, buf));
	ch.argv[0] = name;
	ret = ch.cmd->run(ch.argc, ch.argv);
	free(name);
	if (fflush(stdout) || ferror(stdout)) {
		failed = fail_because(errno, strerror(errno), NULL, "cannot write to standard output");
		/* What doctor found, or that time ran out, is not forgotten over it. */
		ret = failed > ret ? failed : ret;
	}
	return ret;
}
