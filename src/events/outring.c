/* SPDX-License-Identifier: BSD-2-Clause */
/* See outring.h. */
#include "events/outring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_ROOM 16384u

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int grow(struct outring *r, uint32_t room)
{
	uint32_t first = smaller(r->len, r->room - r->start);
	char *bytes = malloc(room);

	if (bytes == NULL)
		return -ENOMEM;
	if (r->len > 0) {
		memcpy(bytes, r->bytes + r->start, first);
		memcpy(bytes + first, r->bytes, r->len - first);
	}
	free(r->bytes);
	r->bytes = bytes;
	r->room = room;
	r->start = 0;
	return 0;
}

int outring_put(struct outring *r, const char *bytes, size_t len, uint32_t max)
{
	uint32_t room = r->room > 0 ? r->room : smaller(FIRST_ROOM, max), end, first;

	if (len > max - r->len)
		return -ENOBUFS;
	while (room - r->len < len)
		room *= 2; /* ends: max is a power of two and has the place */
	if (room != r->room && grow(r, room) != 0)
		return -ENOMEM;
	end = (r->start + r->len) & (r->room - 1);
	first = smaller((uint32_t)len, r->room - end);
	memcpy(r->bytes + end, bytes, first);
	memcpy(r->bytes, bytes + first, len - first);
	r->len += (uint32_t)len;
	return 0;
}

int outring_send(struct outring *r, int fd)
{
	while (r->len > 0) {
		ssize_t n = send(fd, r->bytes + r->start, smaller(r->len, r->room - r->start),
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		r->start = (r->start + (uint32_t)n) & (r->room - 1);
		r->len -= (uint32_t)n;
	}
	outring_clear(r);
	return 0;
}

void outring_clear(struct outring *r)
{
	free(r->bytes);
	*r = (struct outring){0};
}
