// SPDX-License-Identifier: GPL-2.0
/* Output: errors with a next step, rows, JSON, and the progress line. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "options.h"
#include "out.h"
#include "xfer.h"

/* What axl.h says any call can return, and what open() and memory add to it */
static const struct why common[] = {
	{ ENODEV, "the device was removed",
	  "look for the card: lspci -d 1f9d: ; if it is gone: echo 1 > /sys/bus/pci/rescan" },
	{ ENXIO, "the device was removed",
	  "look for the card: lspci -d 1f9d: ; if it is gone: echo 1 > /sys/bus/pci/rescan" },
	{ EIO, "the device does not answer: its link is down and did not come back",
	  "see the axl lines in dmesg; power-cycle the card or the machine" },
	{ ESTALE, "firmware was restarted, or the device was reset, meanwhile",
	  "run the command again" },
	{ EINTR, "interrupted by a signal", "run the command again" },
	{ ENOMEM, "out of memory", "free some memory, or ask for less" },
	{ ENOTTY, "the driver behind this node does not speak axl's interface",
	  "see which module owns it: lsmod | grep -e axl -e metis ; load axl, not the vendor's module" },
	{ EINVAL, "the driver refused the request as malformed",
	  "check that driver and metisctl are of the same release (metisctl --version, modinfo axl)" },
	{ E2BIG, "metisctl is newer than the driver",
	  "check that driver and metisctl are of the same release (metisctl --version, modinfo axl)" },
	{ 0, NULL, NULL }
};

static void report(int err, const char *cause, const char *next, const char *what)
{
	const char *name = err ? strerrorname_np(err) : NULL;

	progress_clear();
	if (opt.json) {
		struct json_object *o = json_object_new_object();

		json_str(o, "error", what);
		json_str(o, "cause", cause);
		if (name)
			json_str(o, "errno", name);
		if (next)
			json_str(o, "next", next);
		json_end(o, false);
	}
	fflush(stdout);
	fprintf(stderr, "metisctl: %s: %s", what, cause);
	if (name)
		fprintf(stderr, " (%s)", name);
	fputc('\n', stderr);
	if (next)
		fprintf(stderr, "  next: %s\n", next);
}

static char *__attribute__((format(printf, 1, 0))) vstr(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0) {
		fputs("metisctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return s;
}

char *str(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = vstr(fmt, ap);
	va_end(ap);
	return s;
}

static const struct why *find_why(const struct why *w, int err)
{
	for (; w && w->cause; w++)
		if (w->err == err)
			return w;
	return NULL;
}

int fail(int err, const struct why *whys, const char *what, ...)
{
	const struct why *w;
	va_list ap;
	char *s;

	va_start(ap, what);
	s = vstr(what, ap);
	va_end(ap);
	w = find_why(whys, err);
	if (!w)
		w = find_why(common, err);
	if (w)
		report(err, w->cause, w->next, s);
	else
		report(err, strerror(err), NULL, s);
	free(s);
	return EXIT_FAILED;
}

int fail_because(int err, const char *cause, const char *next, const char *what, ...)
{
	va_list ap;
	char *s;

	va_start(ap, what);
	s = vstr(what, ap);
	va_end(ap);
	report(err, cause, next, s);
	free(s);
	return EXIT_FAILED;
}

const char *human_size(u64 bytes, char buf[24])
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t u = 0;

	/* An odd size is looked at for its last digit. */
	if (bytes < 1 << 20 && bytes % 1024) {
		snprintf(buf, 24, "%llu B", bytes);
		return buf;
	}
	while (v >= 1024 && u + 1 < ARRAY_SIZE(unit)) {
		v /= 1024;
		u++;
	}
	/* Round sizes stay round: 64 KiB, not 64.0 KiB. */
	if (u == 0 || (bytes & ((1ULL << (10 * u)) - 1)) == 0)
		snprintf(buf, 24, "%llu %s", bytes >> (10 * u), unit[u]);
	else
		snprintf(buf, 24, "%.1f %s", v, unit[u]);
	return buf;
}

void row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-16s ", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void json_str(struct json_object *o, const char *key, const char *val)
{
	json_object_object_add(o, key, json_object_new_string(val));
}

void json_num(struct json_object *o, const char *key, u64 val)
{
	json_object_object_add(o, key, json_object_new_uint64(val));
}

void json_real(struct json_object *o, const char *key, double val)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", val);
	json_object_object_add(o, key, json_object_new_double_s(val, text));
}

/* Ids and addresses are strings: JSON has no hexadecimal numbers. */
void json_hex(struct json_object *o, const char *key, u64 val)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", val);
	json_str(o, key, text);
}

void json_end(struct json_object *o, bool pretty)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	flags |= pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
	puts(json_object_to_json_string_ext(o, flags));
	fflush(stdout);
	json_object_put(o);
}

static bool progress_on_screen;
static u64 progress_since;

bool progress_shown(void)
{
	static int tty = -1;

	if (tty < 0)
		tty = isatty(STDERR_FILENO);
	return tty && !opt.quiet;
}

void progress(const char *label, u64 done, u64 total)
{
	static const char bar[] = "##############################";
	static u64 last;
	char a[24], b[24];
	u64 t = now_ns();
	int full;

	if (!progress_since)
		progress_since = t;
	/* What is over at once needs no bar; ten times a second looks alive. */
	if (!progress_shown() || t - progress_since < NSEC_PER_SEC / 2 ||
	    (progress_on_screen && t - last < NSEC_PER_SEC / 10))
		return;
	last = t;
	progress_on_screen = true;
	if (!total) {
		fprintf(stderr, "\r\033[K%s", label);
	} else {
		full = (int)((double)done / (double)total * 30);
		full = full > 30 ? 30 : full;
		fprintf(stderr, "\r\033[K%s [%-30.*s] %3d%%  %s of %s", label, full, bar,
			(int)((double)done / (double)total * 100),
			human_size(done, a), human_size(total, b));
	}
	fflush(stderr);
}

void progress_clear(void)
{
	if (progress_on_screen)
		fputs("\r\033[K", stderr);
	progress_on_screen = false;
	progress_since = 0;
}

u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec;
}

double seconds_since(u64 start)
{
	return (double)(now_ns() - start) / NSEC_PER_SEC;
}
