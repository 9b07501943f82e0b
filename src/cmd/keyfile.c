/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See keyfile.h. A new key is written under a name of its own and then linked to the one asked for:
 * link(2) never replaces, so of several that do this at once one wins, and all read what it wrote.
 */
#include "cmd/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"

#define DIGITS (2 * KEYFILE_BYTES)

/* The longest file that is a key: the digits, carriage return, line feed. */
#define FILE_MAX (DIGITS + 2)

#define TEMPORARY_SUFFIX ".XXXXXX"

static int digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int decode_digits(const uint8_t *text, uint8_t key[KEYFILE_BYTES])
{
	for (size_t i = 0; i < KEYFILE_BYTES; i++) {
		int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* The key that a file's bytes spell. A file of 32 bytes is raw, whatever they look like. */
static int decode(const uint8_t *bytes, size_t len, uint8_t key[KEYFILE_BYTES])
{
	if (len > FILE_MAX)
		return -EFBIG;
	if (len == KEYFILE_BYTES) {
		memcpy(key, bytes, KEYFILE_BYTES);
		return 0;
	}
	if (len > 0 && bytes[len - 1] == '\n') {
		len--;
		if (len > 0 && bytes[len - 1] == '\r')
			len--;
	}
	return len == DIGITS ? decode_digits(bytes, key) : -EBADMSG;
}

static int read_open(int fd, uint8_t key[KEYFILE_BYTES], enum keyfile_state *state)
{
	uint8_t bytes[FILE_MAX + 1]; /* one more, to see that there is more */
	struct stat st;
	ssize_t n;
	int rv;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	n = fileio_read(fd, bytes, sizeof(bytes));
	rv = n < 0 ? (int)n : decode(bytes, (size_t)n, key);
	explicit_bzero(bytes, sizeof(bytes));
	*state = (st.st_mode & (S_IRGRP | S_IROTH)) != 0 ? KEYFILE_OPEN : KEYFILE_READ;
	return rv;
}

static int read_key(const char *path, uint8_t key[KEYFILE_BYTES], enum keyfile_state *state)
{
	/* O_NONBLOCK: a FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rv;

	if (fd < 0 && errno == ENOENT && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return -ENOLINK; /* a key made there would not be where its owner keeps keys */
	if (fd < 0)
		return -errno;
	rv = read_open(fd, key, state);
	fileio_close(fd);
	return rv;
}

/* Up to 256 bytes are never given short, but a signal may come before there is any: getrandom(2) */
static int fill_random(uint8_t key[KEYFILE_BYTES])
{
	ssize_t n;

	do
		n = getrandom(key, KEYFILE_BYTES, 0);
	while (n < 0 && errno == EINTR);
	return n == KEYFILE_BYTES ? 0 : -errno;
}

/* By hand: what printf(3) leaves behind on the stack nobody wipes. */
static void encode(const uint8_t key[KEYFILE_BYTES], char text[DIGITS + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < KEYFILE_BYTES; i++) {
		text[2 * i] = digits[key[i] >> 4];
		text[2 * i + 1] = digits[key[i] & 0xf];
	}
	text[DIGITS] = '\n';
}

/* Writes a new key to an empty file and to the disk. */
static int write_key(int fd)
{
	uint8_t key[KEYFILE_BYTES];
	char text[DIGITS + 1];
	int rv = fill_random(key);

	if (rv == 0) {
		encode(key, text);
		rv = fchmod(fd, 0600) == 0 ? 0 : -errno; /* whatever the umask says */
	}
	if (rv == 0)
		rv = fileio_write(fd, text, sizeof(text));
	if (rv == 0 && fsync(fd) != 0)
		rv = -errno;
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	return rv;
}

/* Has the names in the file's directory reach the disk. EINVAL: not to be had there, fsync(2). */
static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, rv;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rv = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
	fileio_close(fd);
	return rv;
}

/* Makes a key file. Returns: 0; -EEXIST somebody else has just done so; -errno. */
static int make_key(const char *path)
{
	char temporary[PATH_MAX + sizeof(TEMPORARY_SUFFIX)];
	int fd, rv;

	if (snprintf(temporary, sizeof(temporary), "%s" TEMPORARY_SUFFIX, path) >=
	    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rv = write_key(fd);
	fileio_close(fd);
	if (rv == 0 && link(temporary, path) != 0)
		rv = -errno;
	(void)unlink(temporary); /* it has its name now, or is of no use */
	return rv;
}

int keyfile_load(const char *path, enum keyfile_missing missing, uint8_t ret_key[KEYFILE_BYTES],
    enum keyfile_state *ret_state)
{
	uint8_t key[KEYFILE_BYTES];
	enum keyfile_state state;
	int rv = read_key(path, key, &state);

	if (rv == -ENOENT && missing == KEYFILE_MAKE) {
		int made = make_key(path);

		if (made != 0 && made != -EEXIST)
			return made;
		/* the loser, too: who knows how far the winner has come */
		rv = sync_directory(path);
		if (rv == 0)
			rv = read_key(path, key, &state);
		if (rv == 0 && made == 0)
			state = KEYFILE_MADE;
	}
	if (rv == 0) {
		memcpy(ret_key, key, sizeof(key));
		*ret_state = state;
	}
	explicit_bzero(key, sizeof(key));
	return rv;
}
