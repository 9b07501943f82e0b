/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first part of every UUID: what makes a socket's cookie, which is unique from boot to boot of
 * one kernel, unique in the world. It is a line of text in a file, so that programs which want to
 * know the UUIDs of their own sockets read the same:
 *
 *   --prefix-file FILE          if given; else
 *   /var/local/uuid/prefix      of M-Lab's uuid, if it is there; else
 *   /run/flowkeep/prefix        ours: HOST_BTIME, the host's name and the time of its boot in
 * seconds since 1970 (btime of /proc/stat), made once per boot.
 *
 * Once per boot, because btime moves when the clock is set. Beside ours stands `boot_id`, the
 * kernel's name for this boot: where /run outlives a boot, as in some containers, the old prefix is
 * replaced. Where it cannot be written, HOST_BTIME is used all the same.
 *
 * Source:   proc(5), /proc/stat and /proc/sys/kernel/random/boot_id; hostname(7).
 */
#ifndef EVENTS_PREFIX_H
#define EVENTS_PREFIX_H

#include <stdint.h>

#include "events/line.h"

#define PREFIX_SIZE (LINE_PREFIX_MAX + 1)

struct prefix_places {
	const char *file;    /* NULL: look at the others */
	const char *mlab;    /* a file */
	const char *run_dir; /* a directory, made if it is missing */
	const char *stat;    /* /proc/stat */
	const char *boot_id; /* /proc/sys/kernel/random/boot_id */
};

/* prefix_places - those of the table above. file NULL: none was given. */
struct prefix_places prefix_places(const char *file);

struct prefix {
	char text[PREFIX_SIZE];
	char path[256];  /* the file that it is from, or that stands in the way */
	int write_error; /* -errno: the prefix could not be put into the file path, and is in memory
			    only */
};

/*
 * prefix_load - find the prefix or make it.
 *
 * Returns:  0; -EBADMSG what is in ret_prefix->path makes no UUID: 1 to LINE_PREFIX_MAX characters
 *           of [A-Za-z0-9._-], the first not a dot; other -errno: cannot read ret_prefix->path.
 */
int prefix_load(const struct prefix_places *p, struct prefix *ret_prefix);

/*
 * prefix_compose - HOST_BTIME.
 *
 * Takes:    buf of PREFIX_SIZE bytes; host of any characters, those that a UUID cannot have become
 *           `-`, as do `_` and a dot at the beginning.
 * Returns:  buf.
 */
char *prefix_compose(char *buf, const char *host, uint64_t btime);

#endif
