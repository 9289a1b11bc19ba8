// SPDX-License-Identifier: GPL-2.0
/*
 * metisctl dma write and dma read: files to and from device memory, through two
 * halves of one buffer, so that the file and the device work at the same time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "options.h"
#include "out.h"
#include "parse.h"
#include "xfer.h"

/* Two of them stay below the usual limit for locked memory, 8 MiB. */
#define CHUNK		(2U << 20)

struct copy {
	u32 direction;
	bool have_place, have_size, hex;
	struct place place;
	u64 size;
	const char *file;
	/* at work */
	struct dev dev;
	struct arena arena;
	u64 addr;
	u64 done;
	int fd;
};

static ssize_t read_full(int fd, u8 *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && !interrupted) {
		n = read(fd, buf + done, len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

static int write_full(int fd, const u8 *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && (errno != EINTR || interrupted))
			return -errno;
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void hexdump(u64 addr, const u8 *buf, size_t len)
{
	for (size_t at = 0; at < len; at += 16) {
		size_t n = len - at < 16 ? len - at : 16;

		printf("%010llx ", addr + at);
		for (size_t i = 0; i < 16; i++) {
			if (i < n)
				printf("%s%02x", i == 8 ? "  " : " ", buf[at + i]);
			else
				printf("%s", i == 8 ? "    " : "   ");
		}
		printf("  |");
		for (size_t i = 0; i < n; i++)
			putchar(buf[at + i] >= ' ' && buf[at + i] <= '~' ? buf[at + i] : '.');
		puts("|");
	}
}

/* A half that the device has filled goes out; err < 0 is the transfer's end. */
static int half_done(struct copy *c, const u8 *buf, size_t len, int err)
{
	if (err)
		return xfer_fail(&c->dev, err, c->direction, c->addr + c->done, len);
	if (c->direction == AXL_FROM_DEVICE) {
		if (c->hex) {
			hexdump(c->addr + c->done, buf, len);
		} else {
			err = write_full(c->fd, buf, len);
			if (err && !interrupted)
				return fail_because(-err, strerror(-err), NULL, "cannot write %s", c->file);
			if (err)
				return EXIT_INTERRUPTED;
		}
	}
	c->done += len;
	if (!c->hex)
		progress(c->direction == AXL_TO_DEVICE ? "writing" : "reading", c->done, c->size);
	return 0;
}

/* Runs until the end, the first failure or a signal; collects all it started. */
static int copy_all(struct copy *c)
{
	size_t chunk = c->arena.size / 2, len[2] = { 0 };
	bool end = false;
	u64 seq[2] = { 0 }, next = 0;
	ssize_t n = 0;
	int ret = 0, err;

	for (unsigned int i = 0; ; i ^= 1) {
		u8 *buf = c->arena.mem + i * chunk;

		if (seq[i]) {
			err = xfer_wait(&c->arena, seq[i]);
			seq[i] = 0;
			if (!ret)
				ret = half_done(c, buf, len[i], err);
		}
		if (!end && !ret && !interrupted) {
			n = c->size && c->size - next < chunk ? (ssize_t)(c->size - next) : (ssize_t)chunk;
			if (c->direction == AXL_TO_DEVICE)
				n = read_full(c->fd, buf, (size_t)n);
			if (n < 0)
				ret = fail_because((int)-n, strerror((int)-n), NULL, "cannot read %s",
						   c->file);
			end = n <= 0 || interrupted;
		}
		if (!end && !ret && !interrupted) {
			len[i] = (size_t)n;
			err = xfer_submit(&c->arena, c->direction, i * chunk, c->addr + next, len[i],
					  AXL_CHANNEL_ANY, &seq[i]);
			if (err)
				ret = xfer_fail(&c->dev, err, c->direction, c->addr + next, len[i]);
			else
				next += len[i];
			end = c->size && next == c->size;
		}
		if ((end || ret || interrupted) && !seq[i ^ 1] && !seq[i])
			break;
	}
	progress_clear();
	if (interrupted && (!ret || ret == EXIT_INTERRUPTED)) {
		fprintf(stderr, "metisctl: interrupted after %llu bytes\n", c->done);
		return EXIT_INTERRUPTED;
	}
	if (!ret && c->direction == AXL_TO_DEVICE && c->size && next != c->size)
		return fail_because(0, "the file became shorter meanwhile", "run the command again",
				    "%s: only %llu bytes written", c->file, next);
	return ret;
}

static int run_copy(struct copy *c)
{
	struct json_object *o;
	double s;
	char size[24];
	u64 start, chunk;
	int ret;

	ret = dev_place(&c->dev, c->place, &c->addr);
	if (!ret)
		ret = dev_check_range(&c->dev, c->addr, c->size ?: 1);
	if (ret)
		return ret;
	/* Small copies need not pin megabytes; 4096 keeps the halves apart. */
	chunk = c->size && c->size < CHUNK ? (c->size + 4095) & ~4095ULL : CHUNK;
	ret = arena_open(&c->arena, &c->dev, 2 * chunk,
			 c->direction == AXL_TO_DEVICE ? AXL_BUF_TO_DEVICE : AXL_BUF_FROM_DEVICE, false);
	if (ret)
		return ret;
	catch_interrupt();
	start = now_ns();
	ret = copy_all(c);
	s = seconds_since(start);
	arena_close(&c->arena);
	if (ret)
		return ret;
	if (opt.json) {
		o = json_object_new_object();
		json_str(o, "device", c->dev.path);
		json_str(o, "direction", c->direction == AXL_TO_DEVICE ? "to" : "from");
		json_hex(o, "address", c->addr);
		json_num(o, "bytes", c->done);
		json_real(o, "seconds", s);
		json_end(o, true);
	} else if (!opt.quiet) {
		fprintf(stderr, "%s: %s %s 0x%llx in %.3f s, %.1f MB/s, file included\n", c->dev.path,
			human_size(c->done, size), c->direction == AXL_TO_DEVICE ? "written to" : "read from",
			c->addr, s, (double)c->done / s / 1e6);
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct copy *c = state->input;

	switch (key) {
	case 'a':
		c->place = parse_place(arg, state);
		c->have_place = true;
		return 0;
	case 's':
		c->size = parse_size(arg, state);
		c->have_size = true;
		return 0;
	case 'x':
		c->hex = true;
		return 0;
	case ARGP_KEY_ARG:
		if (c->file)
			return ARGP_ERR_UNKNOWN;
		c->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!c->have_place)
			argp_error(state, "--%s is missing", c->direction == AXL_TO_DEVICE ? "to" : "from");
		if (c->direction == AXL_TO_DEVICE && !c->file)
			argp_error(state, "FILE is missing; - is standard input");
		if (c->direction == AXL_FROM_DEVICE && !c->have_size)
			argp_error(state, "--size is missing");
		if (opt.json && c->direction == AXL_FROM_DEVICE && (!c->file || c->hex))
			argp_error(state, "with --json the data needs a FILE: standard output is for JSON");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_dma_write(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "to", 'a', "ADDR", 0, "where: l2, ddr, l2+16M, ddr+0x1000, 0x9000000", 0 },
		{ "size", 's', "N", 0, "at most so many bytes of the file (suffix K, M, G)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE",
		.doc = "Copy a file (- is standard input) into device memory. Nothing protects what firmware "
		       "keeps there: the first KiB of L2 are its shared area.",
		.children = global_child,
	};
	struct copy c = { .direction = AXL_TO_DEVICE };
	struct stat st;
	bool std;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	std = !strcmp(c.file, "-");
	c.fd = std ? STDIN_FILENO : open(c.file, O_RDONLY | O_CLOEXEC);
	if (c.fd < 0 || fstat(c.fd, &st))
		return fail_because(errno, strerror(errno), NULL, "cannot open %s", c.file);
	if (S_ISREG(st.st_mode) && !std && (!c.have_size || (u64)st.st_size < c.size))
		c.size = (u64)st.st_size;
	if (S_ISREG(st.st_mode) && !std && !c.size)
		ret = fail_because(0, "it is empty", NULL, "nothing to copy from %s", c.file);
	else
		ret = dev_open(&c.dev);
	if (!ret) {
		ret = run_copy(&c);
		dev_close(&c.dev);
	}
	if (!std)
		close(c.fd);
	return ret;
}

/* A new or ordinary file gets its content at once at the end, or not at all. */
static int read_to_file(struct copy *c)
{
	struct stat st;
	char *tmp = NULL;
	bool direct;
	mode_t mask;
	int ret;

	direct = !stat(c->file, &st) && !S_ISREG(st.st_mode);
	if (direct) {
		c->fd = open(c->file, O_WRONLY | O_CLOEXEC);
	} else {
		tmp = str("%s.XXXXXX", c->file);
		c->fd = mkostemp(tmp, O_CLOEXEC);
	}
	if (c->fd < 0) {
		ret = fail_because(errno, strerror(errno), NULL, "cannot create %s", c->file);
		free(tmp);
		return ret;
	}
	ret = run_copy(c);
	if (tmp) {
		mask = umask(0);
		umask(mask);
		if (!ret && (fchmod(c->fd, 0666 & ~mask) || fsync(c->fd) || rename(tmp, c->file)))
			ret = fail_because(errno, strerror(errno), NULL, "cannot write %s", c->file);
		if (ret)
			unlink(tmp);
	}
	close(c->fd);
	free(tmp);
	return ret;
}

int cmd_dma_read(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "from", 'a', "ADDR", 0, "where: l2, ddr, l2+16M, ddr+0x1000, 0x9000000", 0 },
		{ "size", 's', "N", 0, "how many bytes (suffix K, M, G)", 0 },
		{ "hex", 'x', NULL, 0, "print as hexadecimal dump; so does a terminal without FILE", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[FILE]",
		.doc = "Copy device memory into a file, or to standard output.",
		.children = global_child,
	};
	struct copy c = { .direction = AXL_FROM_DEVICE, .fd = STDOUT_FILENO };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	if (c.file && !strcmp(c.file, "-"))
		c.file = NULL;
	if (c.file && c.hex)
		return fail_because(0, "a dump goes to standard output", "leave FILE or --hex out", "%s", c.file);
	c.hex = c.hex || (!c.file && isatty(STDOUT_FILENO));
	ret = dev_open(&c.dev);
	if (ret)
		return ret;
	if (c.file) {
		ret = read_to_file(&c);
	} else {
		c.file = "standard output";
		ret = run_copy(&c);
	}
	dev_close(&c.dev);
	return ret;
}
