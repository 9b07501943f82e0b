/* SPDX-License-Identifier: BSD-2-Clause */
/* See tempdir.h. */
#include "support/tempdir.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/quick.h"

static char base[PATH_MAX / 2];

void tempdir_setup(void)
{
	const char *dir = getenv("TMPDIR");

	(void)umask(0);
	(void)snprintf(
	    base, sizeof(base), "%s/fktest.XXXXXX", dir != NULL && dir[0] ? dir : "/tmp");
	if (mkdtemp(base) == NULL) {
		perror(base);
		abort();
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void tempdir_teardown(void)
{
	if (nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		perror(base);
}

const char *tempdir_new(void)
{
	static char paths[64][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 64];

	(void)snprintf(path, PATH_MAX, "%s/t.XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

const char *tempdir_path(const char *dir, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", dir, name), PATH_MAX);
	return path;
}

void tempdir_write(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_msg(f != NULL, "cannot make %s", path);
	if (len > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

uint8_t *tempdir_read(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;

	ck_assert_msg(f != NULL, "cannot open %s", path);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	bytes = calloc(1, (size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, (size_t)st.st_size, f), st.st_size);
	(void)fclose(f); /* only read from */
	*ret_len = (size_t)st.st_size;
	return bytes;
}

size_t tempdir_count(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	ck_assert_msg(d != NULL, "cannot open %s", path);
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d); /* only read from */
	return n;
}

int tempdir_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

mode_t tempdir_mode(const char *path)
{
	struct stat st;

	ck_assert_msg(lstat(path, &st) == 0, "%s is not there", path);
	return st.st_mode & 07777;
}

void tempdir_limit(uint64_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN); /* so that write(2) fails instead, setrlimit(2) */
	quick_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = bytes == UINT64_MAX ? limit.rlim_max : (rlim_t)bytes;
	quick_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}
