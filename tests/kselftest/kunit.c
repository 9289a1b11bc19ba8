// SPDX-License-Identifier: GPL-2.0
/*
 * The KUnit suites of tests/kunit pass in the running kernel. Their module is loaded,
 * and each of their cases is a result here. Kernels without KUnit have no such module.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "libaxltest.h"

#define MODULE		"/lib/modules/axl_kunit.ko"
#define RESULTS		"/sys/kernel/debug/kunit/%s/results"

/* By name: a suite that is not there has to be missed. */
static const char *const suites[] = {
	"axl_le", "axl_elf", "axl_edma_list", "axl_layout", "axl_queue",
	"axl_state",
};

#define NR_SUITES	(sizeof(suites) / sizeof(suites[0]))

/* What a failed case said, without the results that are fine. */
static void report_lines(FILE *f, long begin, long end)
{
	char line[1024];

	fseek(f, begin, SEEK_SET);
	while (ftell(f) < end && fgets(line, sizeof(line), f)) {
		const char *text = line + strspn(line, " ");

		if (strncmp(text, "ok ", 3) && strncmp(text, "KTAP", 4))
			ksft_print_msg("%s", line);
	}
}

/* KTAP indents the results of a suite's cases by 4, all below them by more. */
static unsigned int report_suite(const char *suite, int print)
{
	unsigned int cases = 0;
	char path[128], line[1024], name[1024];
	long begin = 0;
	FILE *f;

	snprintf(path, sizeof(path), RESULTS, suite);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		int ok = sscanf(line, "    ok %*u %[^\n]", name) == 1;

		if (strspn(line, " ") != 4 ||
		    (!ok && sscanf(line, "    not ok %*u %[^\n]", name) != 1))
			continue;
		cases++;
		if (print) {
			if (!ok)
				report_lines(f, begin, ftell(f));
			ksft_test_result(ok, "%s: %s\n", suite, name);
		}
		begin = ftell(f);
	}
	if (!cases && print)
		ksft_test_result_fail("%s: no results in %s\n", suite, path);
	if (f)
		fclose(f);
	return cases ? cases : 1;
}

int main(void)
{
	unsigned int i, cases = 0;
	int err;

	ksft_print_header();
	if (access(MODULE, R_OK))
		ksft_exit_skip("no %s: this kernel is without CONFIG_KUNIT\n", MODULE);
	err = at_insmod(MODULE, NULL);
	if (err)
		ksft_exit_fail_msg("%s cannot be loaded: %s\n", MODULE,
				   strerror(-err));

	for (i = 0; i < NR_SUITES; i++)
		cases += report_suite(suites[i], 0);
	ksft_set_plan(cases + 1);
	for (i = 0; i < NR_SUITES; i++)
		report_suite(suites[i], 1);
	ksft_test_result(!at_rmmod("axl_kunit"), "unload\n");
	ksft_finished();
}
