/* SPDX-License-Identifier: BSD-2-Clause */
/* See limits.h. */
#include "cmd/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "archive/prune_check.h"
#include "base/log.h"

static bool is_given(const struct share *s)
{
	return s->amount > 0 || s->percent > 0;
}

bool limits_given(const struct options *o)
{
	return o->max_disk_bytes > 0 || o->max_age_ns > 0 || is_given(&o->min_free) ||
	       is_given(&o->min_inodes);
}

/* The smallest share that is asked for is one: 0 would be no limit. */
static uint64_t share_of(const struct share *s, uint64_t total)
{
	uint64_t v = (uint64_t)((double)total * s->percent / 100);

	if (s->percent <= 0)
		return s->amount;
	return v > 0 ? v : 1;
}

int limits_from_options(
    const struct options *o, const struct archive *a, struct prune_limits *ret_limits)
{
	struct statvfs v;

	if (fstatvfs(archive_root(a), &v) != 0)
		return -errno;
	*ret_limits = (struct prune_limits){.max_disk_bytes = o->max_disk_bytes,
	    .min_free_bytes = share_of(&o->min_free, (uint64_t)v.f_blocks * v.f_frsize),
	    .min_free_inodes = share_of(&o->min_inodes, v.f_files),
	    .max_age_ns = o->max_age_ns};
	return 0;
}

int limits_take(const char *component, const struct options *o, struct archive *a,
    struct prune_limits *ret_limits)
{
	char error[256];
	int rv = limits_from_options(o, a, ret_limits);

	if (rv == 0)
		rv = prune_check(a, ret_limits, error);
	if (rv == 0)
		return EXIT_OK;
	if (rv == -ERANGE) {
		log_error("options", "%s: a limit that cannot be met: --%s", component, error);
		return EXIT_USAGE;
	}
	log_error(component, "cannot ask how full '%s' is: %s", archive_path(a), strerror(-rv));
	return EXIT_NOTHING;
}
