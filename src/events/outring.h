/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that wait for a reader: a ring that grows up to a limit, and gives its memory back when it
 * runs empty.
 *
 * Threads:  one.
 */
#ifndef EVENTS_OUTRING_H
#define EVENTS_OUTRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outring {
	char *bytes;
	uint32_t room;  /* 0 or a power of two */
	uint32_t start; /* index of the first byte */
	uint32_t len;
};

/*
 * outring_put - add bytes, all or none.
 *
 * Takes:    max, a power of two.
 * Returns:  0; -ENOBUFS more than max; -ENOMEM.
 */
int outring_put(struct outring *r, const char *bytes, size_t len, uint32_t max);

/*
 * outring_send - send(2) as much as goes without waiting.
 *
 * Returns:  0, and r->len tells what is left; -errno the reader is gone.
 */
int outring_send(struct outring *r, int fd);

/* outring_clear - throw everything away. */
void outring_clear(struct outring *r);

#endif
