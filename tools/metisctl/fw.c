// SPDX-License-Identifier: GPL-2.0
/* metisctl fw load. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "info.h"
#include "options.h"
#include "out.h"
#include "parse.h"
#include "xfer.h"

struct load {
	const char *file;
	bool have_opcode;
	bool no_start;
	u32 opcode;
	u64 timeout_ns;
	u8 msg[AXL_MAILBOX_MSG_MAX];
	u32 msg_size;
};

static void parse_message(const char *hex, struct load *l, struct argp_state *state)
{
	size_t len = strlen(hex);
	unsigned int byte;

	if (!len || len % 2 || strspn(hex, "0123456789abcdefABCDEF") != len)
		argp_error(state, "'%s' is no message: pairs of hexadecimal digits, e.g. 01a0ff", hex);
	if (len / 2 > sizeof(l->msg))
		argp_error(state, "a message has at most %zu bytes, this one %zu", sizeof(l->msg), len / 2);
	for (size_t i = 0; i < len / 2; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		l->msg[i] = (u8)byte;
	}
	l->msg_size = (u32)(len / 2);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct load *l = state->input;

	switch (key) {
	case 'o':
		l->opcode = parse_u32(arg, "opcode", state);
		l->have_opcode = true;
		return 0;
	case 'm':
		parse_message(arg, l, state);
		return 0;
	case 'n':
		l->no_start = true;
		return 0;
	case 't':
		l->timeout_ns = parse_seconds(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (l->file)
			return ARGP_ERR_UNKNOWN;
		l->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!l->file)
			argp_error(state, "FILE is missing");
		if (l->no_start && (l->have_opcode || l->msg_size))
			argp_error(state, "--no-start sends no start message: leave --opcode and --message out");
		if (!l->no_start && !l->have_opcode)
			argp_error(state, "--opcode is missing: mailbox opcodes belong to the firmware, see "
				   "its documentation; or load without starting: --no-start");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int read_image(const struct load *l, const struct dev *d, u8 **image, size_t *size)
{
	char a[24], b[24];
	struct stat st;
	size_t done = 0;
	ssize_t n = 0;
	int fd, ret;

	fd = open(l->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_because(errno, strerror(errno), NULL, "cannot open %s", l->file);
	*image = NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
		ret = fail_because(0, "not a file with content", "give the firmware's ELF image",
				   "cannot load %s", l->file);
	} else if ((u64)st.st_size > d->q.max_image) {
		char *cause = str("%s is more than an image can have, %s",
				  human_size((u64)st.st_size, a), human_size(d->q.max_image, b));

		ret = fail_because(EFBIG, cause, "is this the right file?", "cannot load %s", l->file);
		free(cause);
	} else {
		*size = (size_t)st.st_size;
		*image = malloc(*size);
		while (*image && done < *size) {
			n = read(fd, *image + done, *size - done);
			if (n <= 0 && !(n < 0 && errno == EINTR))
				break;
			done += n > 0 ? (size_t)n : 0;
		}
		ret = 0;
		if (!*image || n < 0)
			ret = fail_because(errno, strerror(errno), NULL, "cannot read %s", l->file);
		else if (done < *size)
			ret = fail_because(0, "it became shorter meanwhile", "run the command again",
					   "cannot read %s", l->file);
	}
	close(fd);
	if (ret) {
		free(*image);
		*image = NULL;
	}
	return ret;
}

struct watch {
	const struct dev *dev;
	u64 start;
	atomic_bool stop;
};

/* Runs beside the load and shows where it stands. */
static void *watch_load(void *arg)
{
	static const char *const text[] = {
		[AXL_FW_PHASE_UPLOAD] = "uploading",
		[AXL_FW_PHASE_START] = "start message sent, waiting for the link to go down",
		[AXL_FW_PHASE_LINK] = "link is down, waiting for it to come back",
		[AXL_FW_PHASE_AREAS] = "link is up, waiting for firmware to publish its areas",
	};
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct watch *w = arg;
	struct axl_ioc_query q;
	u32 last = AXL_FW_PHASE_IDLE;
	char line[128];

	for (; !atomic_load(&w->stop); nanosleep(&pause, NULL)) {
		if (dev_ioctl(w->dev, AXL_IOC_QUERY, &q) || q.fw_phase >= ARRAY_SIZE(text) ||
		    !text[q.fw_phase])
			continue;
		if (progress_shown()) {
			snprintf(line, sizeof(line), "%s, %.1f s", text[q.fw_phase], seconds_since(w->start));
			if (q.fw_phase == AXL_FW_PHASE_UPLOAD)
				progress("uploading", q.fw_done, q.fw_total);
			else
				progress(line, 0, 0);
		} else if (!opt.quiet && q.fw_phase != last) {
			fprintf(stderr, "%6.2f s  %s\n", seconds_since(w->start), text[q.fw_phase]);
		}
		last = q.fw_phase;
	}
	progress_clear();
	return NULL;
}

static int load_watched(const struct dev *d, struct axl_ioc_fw_load *fw)
{
	struct watch w = { .dev = d, .start = now_ns() };
	sigset_t all, old;
	pthread_t thread;
	bool watching;
	int ret;

	/* Signals are for the thread that sits in the load, to end it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	watching = !pthread_create(&thread, NULL, watch_load, &w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	do {
		ret = interrupted ? -EINTR : dev_ioctl(d, AXL_IOC_FW_LOAD, fw);
	} while (ret == -EINTR && !interrupted);
	atomic_store(&w.stop, true);
	if (watching)
		pthread_join(thread, NULL);
	return ret;
}

static int load_fail(const struct load *l, const struct dev *d, int err, const struct axl_ioc_fw_load *fw)
{
	static const struct why whys[] = {
		{ ENOEXEC, "not an executable RISC-V ELF image",
		  "readelf -h FILE must show Type EXEC and Machine RISC-V" },
		{ EINVAL, "the ELF image is malformed", "check the file against its origin (checksum); readelf -l FILE" },
		{ ERANGE, "a segment lies outside L2 and DDR, or inside memory that firmware or the engine use",
		  "compare readelf -l FILE with metisctl info; is the image made for this card?" },
		{ E2BIG, "the image is too large or has too many segments", "is this the right file?" },
		{ EBUSY, "another load is under way", "wait until it has ended; metisctl info shows the state" },
		{ ETIMEDOUT, "firmware did not answer, or did not publish its areas in time",
		  "try a longer --timeout; see dmesg | grep axl; then metisctl reset and load again" },
		{ EIO, "the upload failed, or the link did not come back",
		  "see dmesg for lines of axl and of the SMMU; power-cycle the card if the link stays down" },
		{ EACCES, "the kernel does not allow it", "run as root" },
		{ EPERM, "the kernel does not allow it", "run as root" },
		{ 0, NULL, NULL }
	};
	char *cause;

	if (err == EINTR && interrupted) {
		fail_because(err, "stopped", "the device takes another load: metisctl fw load",
			     "%s: %s was not started", d->path, l->file);
		return EXIT_INTERRUPTED;
	}
	if (err == EREMOTEIO) {
		cause = str("firmware answered the start message with opcode word 0x%x and did not restart",
			    fw->reply_opcode);
		fail_because(err, cause, "it refused image, opcode or message: check --opcode and --message",
			     "%s: cannot start %s", d->path, l->file);
		free(cause);
		return EXIT_FAILED;
	}
	return fail(err, whys, "%s: cannot load %s", d->path, l->file);
}

static void print_result(const struct load *l, const struct dev *d, const struct axl_ioc_fw_load *fw,
			 double seconds)
{
	struct json_object *o;
	struct axl_ioc_query q;
	bool known = !dev_ioctl(d, AXL_IOC_QUERY, &q);
	char size[24];

	if (opt.json) {
		o = json_object_new_object();
		json_str(o, "device", d->path);
		json_str(o, "file", l->file);
		json_num(o, "bytes", fw->image_size);
		json_hex(o, "entry", fw->entry);
		json_object_object_add(o, "started", json_object_new_boolean(!l->no_start));
		json_num(o, "generation", fw->generation);
		json_hex(o, "reply_opcode", fw->reply_opcode);
		if (known)
			json_str(o, "firmware", fw_state_name(q.fw_state));
		json_real(o, "seconds", seconds);
		json_end(o, true);
	} else if (!opt.quiet) {
		printf("%s: %s (%s) %s: entry 0x%llx, generation %llu, %.2f s\n", d->path, l->file,
		       human_size(fw->image_size, size), l->no_start ? "loaded, not started" : "runs",
		       fw->entry, fw->generation, seconds);
	}
}

int cmd_fw_load(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "opcode", 'o', "N", 0, "mailbox opcode that starts the image; not public, hence yours to know", 0 },
		{ "message", 'm', "HEX", 0, "message that goes with it, at most 256 bytes", 0 },
		{ "no-start", 'n', NULL, 0, "write the segments and the entry point, start nothing", 0 },
		{ "timeout", 't', "S", 0, "seconds from the start message to running firmware (driver's default: 15)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE",
		.doc = "Load a firmware image (RISC-V ELF) and start it. Transfers of all programs end "
		       "first. A load that fails or is interrupted leaves the device ready for another.",
		.children = global_child,
	};
	struct load l = { 0 };
	struct axl_ioc_fw_load fw;
	u8 *image = NULL;
	size_t size = 0;
	struct dev d;
	u64 start;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &l);
	ret = dev_open(&d);
	if (ret)
		return ret;
	ret = read_image(&l, &d, &image, &size);
	if (!ret) {
		catch_interrupt();
		fw = (struct axl_ioc_fw_load){
			.flags = l.no_start ? AXL_FW_LOAD_NO_START : 0,
			.start_opcode = l.opcode,
			.image = (uintptr_t)image,
			.image_size = size,
			.msg = l.msg_size ? (uintptr_t)l.msg : 0,
			.msg_size = l.msg_size,
			.timeout_ns = l.timeout_ns,
		};
		start = now_ns();
		ret = load_watched(&d, &fw);
		if (ret)
			ret = load_fail(&l, &d, -ret, &fw);
		else
			print_result(&l, &d, &fw, seconds_since(start));
	}
	free(image);
	dev_close(&d);
	return ret;
}
