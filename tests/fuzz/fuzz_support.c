/* SPDX-License-Identifier: BSD-2-Clause */
/* See fuzz_support.h. */
#include "fuzz/fuzz_support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int voice = -1; /* the standard error, while nobody may speak */

void fuzz_failed(const char *file, int line, const char *what)
{
	(void)dprintf(
	    voice < 0 ? STDERR_FILENO : voice, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* ---- the input ---- */

uint8_t fuzz_u8(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t high = fuzz_u16(in);

	return high << 16 | fuzz_u16(in);
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
	uint64_t high = fuzz_u32(in);

	return high << 32 | fuzz_u32(in);
}

const uint8_t *fuzz_take(struct fuzz_input *in, size_t n, size_t *ret_len)
{
	const uint8_t *bytes = in->at;

	*ret_len = n < in->left ? n : in->left;
	in->left -= *ret_len;
	if (*ret_len > 0) /* there may be no input at all, and then no place to point to */
		in->at += *ret_len;
	return bytes;
}

char *fuzz_text(struct fuzz_input *in, size_t n)
{
	size_t len;
	const uint8_t *bytes = fuzz_take(in, n, &len);
	const uint8_t *end = len > 0 ? memchr(bytes, '\0', len) : NULL;
	char *text;

	if (end != NULL)
		len = (size_t)(end - bytes);
	text = malloc(len + 1);
	fuzz_check(text != NULL);
	if (len > 0)
		memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

uint8_t *fuzz_copy(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	fuzz_check(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

int fuzz_printable(const char *text)
{
	if (*text == '\0')
		return 0;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return 0;
	return 1;
}

/* ---- bytes in the making ---- */

void fuzz_put(struct fuzz_bytes *b, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	if (b->room - b->len < len) {
		b->room = (b->len + len) * 2;
		b->bytes = realloc(b->bytes, b->room);
		fuzz_check(b->bytes != NULL);
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

void fuzz_put_zeros(struct fuzz_bytes *b, size_t len)
{
	static const uint8_t zeros[512];

	for (; len > sizeof(zeros); len -= sizeof(zeros))
		fuzz_put(b, zeros, sizeof(zeros));
	fuzz_put(b, zeros, len);
}

void fuzz_free(struct fuzz_bytes *b)
{
	free(b->bytes);
	*b = (struct fuzz_bytes){0};
}

/* ---- files ---- */

static void write_all(int fd, const void *bytes, size_t len)
{
	fuzz_check(ftruncate(fd, 0) == 0);
	fuzz_check(lseek(fd, 0, SEEK_SET) == 0);
	fuzz_check(fileio_write(fd, bytes, len) == 0);
}

struct extent fuzz_file(const void *bytes, size_t len)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_check(fd >= 0);
	write_all(fd, bytes, len);
	return (struct extent){.fd = fd, .offset = 0, .length = len};
}

static char directory[PATH_MAX];
static pid_t maker;

static const char *kept;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	if (at->level == 0)
		return 0;
	if (kept != NULL && strncmp(path + strlen(directory) + 1, kept, strlen(kept)) == 0)
		return 0;
	(void)remove(path); /* a directory that holds what is kept stays */
	return 0;
}

void fuzz_dir_clear(const char *keep)
{
	kept = keep;
	(void)nftw(fuzz_dir(), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_dir(void)
{
	if (getpid() != maker) /* a child's exit is not ours */
		return;
	fuzz_dir_clear(NULL);
	(void)rmdir(directory);
}

const char *fuzz_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (directory[0] != '\0')
		return directory;
	(void)snprintf(directory, sizeof(directory), "%s/flowkeep-fuzz-XXXXXX",
	    tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
	fuzz_check(mkdtemp(directory) != NULL);
	maker = getpid();
	(void)atexit(remove_dir);
	return directory;
}

void fuzz_write_at(const char *name, const void *bytes, size_t len)
{
	int dir = open(fuzz_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	const char *slash = strrchr(name, '/');
	char parent[PATH_MAX];

	fuzz_check(dir >= 0);
	if (slash != NULL) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - name), name);
		fuzz_check(fileio_mkdirs(dir, parent, 0750) == 0);
	}
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	fuzz_check(fd >= 0);
	write_all(fd, bytes, len);
	fileio_close(fd);
	fileio_close(dir);
}

/* ---- time ---- */

/*
 * In the place of nanosleep(3): readers look again a moment later where somebody may be at work,
 * and nobody ever is. (What waits for the file system's clock uses clock_nanosleep(2).)
 */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause;
	(void)left;
	return 0;
}

/* ---- silence ---- */

/* Of the sanitizers' run time, where there is one. */
__attribute__((weak)) void __sanitizer_set_report_fd(void *fd);

static int saved_out = -1, nowhere = -1;

void fuzz_hush(void)
{
	if (voice < 0) {
		voice = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		saved_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		fuzz_check(voice >= 0 && saved_out >= 0 && nowhere >= 0);
		if (__sanitizer_set_report_fd != NULL)
			__sanitizer_set_report_fd((void *)(intptr_t)voice);
	}
	(void)fflush(stdout);
	fuzz_check(dup2(nowhere, STDOUT_FILENO) >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
}

void fuzz_speak(void)
{
	(void)fflush(stdout);
	fuzz_check(dup2(saved_out, STDOUT_FILENO) >= 0 && dup2(voice, STDERR_FILENO) >= 0);
}
