// SPDX-License-Identifier: GPL-2.0
/* Files and facts of this machine. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>

#include "host.h"

/* -------------------------------------------------------------------- files */

char *read_stream(FILE *f, size_t *len)
{
	size_t size = 4096, n = 0, got;
	char *buf = malloc(size), *grown;

	while (buf && (got = fread(buf + n, 1, size - n - 1, f))) {
		n += got;
		if (n < size - 1)
			continue;
		size *= 2;
		grown = realloc(buf, size);
		if (!grown)
			free(buf);
		buf = grown;
	}
	if (buf)
		buf[n] = '\0';
	if (len)
		*len = n;
	return buf;
}

char *read_all(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *buf;
	int err;

	if (!f)
		return NULL;
	buf = read_stream(f, len);
	err = ferror(f) ? EIO : ENOMEM;
	if (buf && ferror(f)) {
		free(buf);
		buf = NULL;
	}
	fclose(f);
	if (!buf)
		errno = err;
	return buf;
}

bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static bool dir_has_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	bool any = false;

	while (dir && !any && (e = readdir(dir)))
		any = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return any;
}

bool is_compatible(const char *name)
{
	size_t len = 0;
	char *all = read_all("/sys/firmware/devicetree/base/compatible", &len);
	bool yes = false;

	for (const char *at = all; at && at < all + len && !yes; at += strlen(at) + 1)
		yes = !strcmp(at, name);
	free(all);
	return yes;
}

bool is_rk3588(void)
{
	return is_compatible("rockchip,rk3588");
}

bool have_iommu(void)
{
	return dir_has_entries("/sys/class/iommu");
}

/* --------------------------------------------------------------- kernel log */

#define SYSLOG_ACTION_READ_ALL	  3
#define SYSLOG_ACTION_SIZE_BUFFER 10

const char *kernel_log(void)
{
	static char *text;
	static int err = -1;
	int size, n;

	if (err >= 0) {
		errno = err;
		return text;
	}
	err = 0;
	size = klogctl(SYSLOG_ACTION_SIZE_BUFFER, NULL, 0);
	text = size > 0 ? malloc((size_t)size + 1) : NULL;
	n = text ? klogctl(SYSLOG_ACTION_READ_ALL, text, size) : -1;
	if (n < 0) {
		err = errno;
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	errno = err;
	return text;
}

/* -------------------------------------------------------- kernel parameters */

static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
			return false;
	return true;
}

const char *command_line(void)
{
	static char *text;

	if (!text)
		text = read_all("/proc/cmdline", NULL);
	return text;
}

bool kernel_parameter(const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value), len;

	for (const char *at = command_line(); at && *at; at += strspn(at, " \n")) {
		len = strcspn(at, " \n");
		if (len > n && at[n] == '=' && same_name(at, name, n)) {
			for (const char *item = at + n; item < at + len;
			     item += 1 + strcspn(item + 1, ", \n")) {
				size_t size = strcspn(item + 1, ", \n");

				if (size == v && !strncmp(item + 1, value, v))
					return true;
			}
		}
		at += len;
	}
	return false;
}
