// SPDX-License-Identifier: GPL-2.0
/* The report of metisctl doctor: a line a check, for people or as JSON. */
#include <stdarg.h>

#include "base.h"
#include "doctor_card.h"
#include "options.h"
#include "out.h"
#include "report.h"

static unsigned int count[3];
static struct json_object *list; /* with --json */
static char *heading;		 /* of what comes next, once there is something */
static bool printed;

void report_begin(bool json)
{
	if (json)
		list = json_object_new_array();
}

void report_head(const char *what, const char *name)
{
	free(heading);
	heading = str("-- %s%s\n", what, name);
}

void found(const struct card *card, enum verdict v, const char *check, const char *remedy, const char *fmt,
	   ...)
{
	static const char *const names[] = { "PASS", "WARN", "FAIL" };
	struct json_object *o;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		exit(EXIT_FAILED);
	va_end(ap);
	count[v]++;
	if (list) {
		o = json_object_new_object();
		json_str(o, "check", check);
		if (card)
			json_str(o, "card", card->pci);
		json_str(o, "verdict", names[v]);
		json_str(o, "detail", text);
		if (v != PASS && remedy)
			json_str(o, "remedy", remedy);
		json_object_array_add(list, o);
	} else if (!opt.quiet || v != PASS) {
		if (heading)
			printf("%s%s", printed ? "\n" : "", heading);
		free(heading);
		heading = NULL;
		printed = true;
		printf("%s  %-10s  %s\n", names[v], check, text);
		if (v != PASS && remedy)
			printf("      %s\n", remedy);
		fflush(stdout);
	}
	free(text);
}

enum verdict report_end(void)
{
	enum verdict worst = count[FAIL] ? FAIL : count[WARN] ? WARN : PASS;
	struct json_object *o, *sum;

	free(heading);
	heading = NULL;

	if (opt.json) {
		o = json_object_new_object();
		json_object_object_add(o, "checks", list);
		sum = json_object_new_object();
		json_num(sum, "pass", count[PASS]);
		json_num(sum, "warn", count[WARN]);
		json_num(sum, "fail", count[FAIL]);
		json_num(sum, "status", worst);
		json_object_object_add(o, "summary", sum);
		json_end(o, true);
	} else if (!opt.quiet) {
		printf("%u passed, %u warning%s, %u failed\n", count[PASS], count[WARN],
		       count[WARN] == 1 ? "" : "s", count[FAIL]);
	}
	return worst;
}
