/* SPDX-License-Identifier: BSD-2-Clause */
/* See prefix.h. */
#include "events/prefix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/parse.h"

#define BOOT_ID_SIZE 64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

struct prefix_places prefix_places(const char *file)
{
	return (struct prefix_places){file, "/var/local/uuid/prefix", "/run/flowkeep", "/proc/stat",
	    "/proc/sys/kernel/random/boot_id"};
}

/* The text of a small file without the white space at its end. -EBADMSG: longer than buf. */
static int read_text(int dirfd, const char *path, char *buf, size_t size)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fileio_read(fd, buf, size);
	fileio_close(fd);
	if (n < 0)
		return (int)n;
	while (n > 0 && strchr(" \t\r\n", buf[n - 1]) != NULL && buf[n - 1] != '\0')
		n--;
	if ((size_t)n == size)
		return -EBADMSG;
	buf[n] = '\0';
	return (int)n;
}

static int read_prefix(int dirfd, const char *path, char *text)
{
	/* Longer than the prefix, for the white space behind it. */
	char buf[PREFIX_SIZE + 64];
	int n = read_text(dirfd, path, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (n == 0 || n > LINE_PREFIX_MAX || buf[0] == '.' || strspn(buf, alphabet) != (size_t)n)
		return -EBADMSG;
	memcpy(text, buf, (size_t)n + 1);
	return 0;
}

char *prefix_compose(char *buf, const char *host, uint64_t btime)
{
	char name[HOST_NAME_MAX + 1];
	size_t n;

	(void)snprintf(name, sizeof(name), "%s", host[0] != '\0' ? host : "localhost");
	for (n = 0; name[n] != '\0'; n++)
		if (name[n] == '_' || strchr(alphabet, name[n]) == NULL)
			name[n] = '-';
	if (name[0] == '.')
		name[0] = '-';
	(void)snprintf(buf, PREFIX_SIZE, "%s_%" PRIu64, name, btime);
	return buf;
}

/* The line `btime SECONDS` of /proc/stat; those before it are as many as there are processors. */
static int read_btime(const char *path, uint64_t *ret_btime)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int rv = -EBADMSG;

	if (f == NULL)
		return -errno;
	while (rv != 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "btime ", 6) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		rv = parse_number(line + 6, 0, UINT64_MAX, ret_btime);
	}
	(void)fclose(f); /* it was only read */
	return rv;
}

static int compose(const struct prefix_places *p, struct prefix *pre)
{
	char host[HOST_NAME_MAX + 1] = "";
	uint64_t btime;
	int rv = read_btime(p->stat, &btime);

	if (rv != 0) {
		(void)snprintf(pre->path, sizeof(pre->path), "%s", p->stat);
		return rv;
	}
	(void)gethostname(host, sizeof(host) - 1); /* without a name: localhost */
	prefix_compose(pre->text, host, btime);
	return 0;
}

/*
 * Is the prefix in the directory of an earlier boot? One without boot_id beside it was put there by
 * hand and is taken as it is.
 */
static bool outdated(int dirfd, const char *boot_id)
{
	char now[BOOT_ID_SIZE], then[BOOT_ID_SIZE];

	if (read_text(AT_FDCWD, boot_id, now, sizeof(now)) <= 0)
		return false;
	if (read_text(dirfd, "boot_id", then, sizeof(then)) <= 0)
		return false;
	return strcmp(now, then) != 0;
}

/* Of two that make the prefix at the same time the first wins, and both use what it has made. */
static int put_prefix(int dirfd, const char *text)
{
	char temporary[32];
	int fd, rv;

	(void)snprintf(temporary, sizeof(temporary), ".prefix.%ld", (long)getpid());
	(void)unlinkat(dirfd, temporary, 0); /* left by a crash, if it is there at all */
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return -errno;
	rv = fileio_write(fd, text, strlen(text));
	if (rv == 0 && fchmod(fd, 0444) != 0) /* whatever the umask says */
		rv = -errno;
	if (rv == 0 && fsync(fd) != 0)
		rv = -errno;
	fileio_close(fd);
	if (rv == 0 && linkat(dirfd, temporary, dirfd, "prefix", 0) != 0 && errno != EEXIST)
		rv = -errno;
	(void)unlinkat(dirfd, temporary, 0); /* it has its name now, or is of no use */
	return rv;
}

/* boot_id goes first: a prefix without it would never be seen to be outdated. */
static int make_prefix(int dirfd, const char *boot_id, const char *text)
{
	char now[BOOT_ID_SIZE];
	int rv;

	if (unlinkat(dirfd, "prefix", 0) != 0 && errno != ENOENT)
		return -errno;
	if (read_text(AT_FDCWD, boot_id, now, sizeof(now)) > 0) {
		rv = fileio_replace(dirfd, "boot_id", now, 0444);
		if (rv != 0)
			return rv;
	}
	return put_prefix(dirfd, text);
}

static int load_own(const struct prefix_places *p, int dirfd, struct prefix *pre)
{
	bool old = outdated(dirfd, p->boot_id);
	int rv = old ? -ENOENT : read_prefix(dirfd, "prefix", pre->text);

	if (rv != -ENOENT)
		return rv;
	rv = compose(p, pre);
	if (rv != 0)
		return rv;
	pre->write_error = make_prefix(dirfd, p->boot_id, pre->text);
	return pre->write_error == 0 ? read_prefix(dirfd, "prefix", pre->text) : 0;
}

int prefix_load(const struct prefix_places *p, struct prefix *ret_prefix)
{
	const char *file = p->file != NULL ? p->file : p->mlab;
	int rv, dirfd;

	*ret_prefix = (struct prefix){0};
	(void)snprintf(ret_prefix->path, sizeof(ret_prefix->path), "%s", file);
	rv = read_prefix(AT_FDCWD, file, ret_prefix->text);
	if (p->file != NULL || rv != -ENOENT)
		return rv;

	(void)snprintf(ret_prefix->path, sizeof(ret_prefix->path), "%s/prefix", p->run_dir);
	if (mkdir(p->run_dir, 0755) != 0 && errno != EEXIST) {
		ret_prefix->write_error = -errno;
		return compose(p, ret_prefix);
	}
	dirfd = open(p->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		ret_prefix->write_error = -errno;
		return compose(p, ret_prefix);
	}
	rv = load_own(p, dirfd, ret_prefix);
	fileio_close(dirfd);
	return rv;
}
