/* SPDX-License-Identifier: BSD-2-Clause */
/* What archive.c and archive_days.c share, and nobody else sees. */
#ifndef ARCHIVE_ARCHIVE_PRIVATE_H
#define ARCHIVE_ARCHIVE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "archive/archive.h"
#include "archive/dirtylist.h"

struct hold; /* see archive_days.c */

struct open_segment {
	int32_t day;
	uint32_t number;
	struct open_segment *next;
};

struct archive {
	/* set at start, then read-only */
	enum archive_mode mode;
	char *path;
	int root;
	int staging;
	int lock_fd;

	_Atomic uint64_t next_serial;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t unlocked;
	struct dirtylist dirty; /* as it was when we read or wrote it last */
	struct hold *holds;
	struct open_segment *segments;
};

/* archive_private_read_list - at open, with the lock file open. Returns: 0; -errno. */
int archive_private_read_list(struct archive *a);

/* archive_private_forget_days - at close. */
void archive_private_forget_days(struct archive *a);

#endif
