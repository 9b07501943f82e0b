/* SPDX-License-Identifier: BSD-2-Clause */
/* See prune_check.h. */
#include "archive/prune_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "archive/usage.h"
#include "base/parse.h"

/* An archive needs so much for its indexes and what is being written. */
#define MAX_DISK_LEAST (UINT64_C(16) << 20)

static int refuse(char *error, const char *what, uint64_t value, const char *why)
{
	char text[PARSE_TEXT_SIZE];

	(void)snprintf(error, 256, "%s %s: %s", what, parse_size_text(value, text), why);
	return -ERANGE;
}

static int check_disk(const struct prune_limits *l, const struct statvfs *v,
    const struct usage_sums *sums, char *error)
{
	uint64_t total = (uint64_t)v->f_blocks * v->f_frsize;
	uint64_t kept = sums->pinned_bytes + sums->damaged_bytes;
	char why[160], text[PARSE_TEXT_SIZE];

	if (l->max_disk_bytes == 0)
		return 0;
	if (l->max_disk_bytes < MAX_DISK_LEAST)
		return refuse(error, "max-disk", l->max_disk_bytes, "an archive needs 16MiB");
	if (l->max_disk_bytes > total) {
		(void)snprintf(why, sizeof(why), "the file system has %s in all",
		    parse_size_text(total, text));
		return refuse(error, "max-disk", l->max_disk_bytes, why);
	}
	if (kept > l->max_disk_bytes) {
		(void)snprintf(why, sizeof(why), "what is pinned and damaged takes %s alone",
		    parse_size_text(kept, text));
		return refuse(error, "max-disk", l->max_disk_bytes, why);
	}
	return 0;
}

static int check_free(const struct prune_limits *l, const struct statvfs *v, char *error)
{
	uint64_t total = (uint64_t)v->f_blocks * v->f_frsize;
	char why[160], text[PARSE_TEXT_SIZE];

	if (l->min_free_bytes >= total && l->min_free_bytes > 0) {
		(void)snprintf(why, sizeof(why), "the file system has %s in all",
		    parse_size_text(total, text));
		return refuse(error, "min-free", l->min_free_bytes, why);
	}
	if (l->min_free_inodes > 0 && v->f_files == 0) {
		(void)snprintf(error, 256, "min-inodes %" PRIu64 ": the file system counts none",
		    l->min_free_inodes);
		return -ERANGE;
	}
	if (l->min_free_inodes > 0 && l->min_free_inodes >= v->f_files) {
		(void)snprintf(error, 256,
		    "min-inodes %" PRIu64 ": the file system has %" PRIu64 " in all",
		    l->min_free_inodes, (uint64_t)v->f_files);
		return -ERANGE;
	}
	return 0;
}

int prune_check(struct archive *a, const struct prune_limits *limits, char *ret_error)
{
	struct usage_sums sums = {0};
	struct usage *usage;
	struct statvfs v;
	int rv;

	if (fstatvfs(archive_root(a), &v) != 0)
		return -errno;
	rv = check_free(limits, &v, ret_error);
	if (rv != 0 || limits->max_disk_bytes == 0)
		return rv;
	rv = usage_new(a, &usage);
	if (rv != 0)
		return rv;
	rv = usage_look(usage, USAGE_ALL, &sums);
	usage_free(usage);
	return rv == 0 ? check_disk(limits, &v, &sums, ret_error) : rv;
}
