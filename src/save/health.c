/* SPDX-License-Identifier: BSD-2-Clause */
#include "save/health.h"

#include <errno.h>
#include <stdint.h>
#include <sys/statvfs.h>

/* A full disk is full until there is so much room again. */
#define ROOM_BYTES  (UINT64_C(1) << 20)
#define ROOM_INODES 64

/* A kind of write that is not tried any more must not be waited for. */
#define UNTRIED_NS (60 * CLK_SECOND_NS)

/*
 * On a disk that is nearly full a small write may succeed and the next one fail: it can be written
 * again when there is room for some.
 */
static bool has_room(const struct health *h)
{
	struct statvfs v;

	if (fstatvfs(h->dirfd, &v) != 0)
		return true;
	return (uint64_t)v.f_bavail * v.f_frsize >= ROOM_BYTES &&
	       (v.f_files == 0 || v.f_favail >= ROOM_INODES);
}

/* A write of this kind has succeeded: is the trouble over? Room is there for all kinds, or none. */
static bool is_over(struct health *h, enum health_write what, mono_t now)
{
	if (h->no_room)
		return has_room(h);
	h->failed &= ~(1u << what);
	for (int i = 0; i < HEALTH_WRITES; i++)
		if (now.ns - h->failed_at[i].ns >= UNTRIED_NS)
			h->failed &= ~(1u << i);
	return h->failed == 0;
}

bool health_note(struct health *h, enum health_write what, int rv, mono_t now)
{
	bool before = h->suspended;

	if (rv != 0) {
		h->failed |= 1u << what;
		h->failed_at[what] = now;
		h->no_room = rv == -ENOSPC || rv == -EDQUOT;
		h->suspended = true;
	} else if (before && is_over(h, what, now)) {
		h->failed = 0;
		h->suspended = false;
	}
	return h->suspended != before;
}
