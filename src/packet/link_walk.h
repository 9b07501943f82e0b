/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the link_*.c modules share: one frame on its way from its first byte to its IP header. Each
 * layer checks that its header is there, steps over it, and calls the layer that its header names.
 *
 * Private to link.c and the link_*.c files.
 */
#ifndef PACKET_LINK_WALK_H
#define PACKET_LINK_WALK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/link.h"
#include "packet/packet.h"

/* Addresses that were met, for link_spans */
struct link_walk_notes {
	struct link_span *spans; /* borrowed: LINK_MAX_SPANS of them */
	unsigned int count;
};

struct link_walk {
	const uint8_t *data;	/* borrowed: the frame */
	uint32_t caplen;	/* bytes at data */
	uint32_t end;		/* where the layer being read ends, by the lengths seen so far;
				 * may lie beyond caplen */
	uint32_t off;		/* the header being read; never beyond caplen nor beyond end */
	unsigned int nested;	/* headers that sent us on to another header */
	struct link link;	/* what was found */
	struct link_walk_notes *notes; /* NULL: nobody asks where addresses stand */
};

/* One layer: reads the header at off, and whatever follows it. */
typedef enum link_result link_walk_fn(struct link_walk *w);

/*
 * link_walk_type - read what is at w->off as a frame of another link type.
 *
 * Takes:    w; a link type.
 * Returns:  as link_decode.
 */
enum link_result link_walk_type(struct link_walk *w, uint32_t linktype);

/* Are n bytes there to be read? */
static inline bool link_walk_has(const struct link_walk *w, uint32_t n)
{
	return n <= w->end - w->off && n <= w->caplen - w->off;
}

/* They are not: did the capture cut them off, or were they never there? */
static inline enum link_result link_walk_short(const struct link_walk *w, uint32_t n)
{
	return n <= w->end - w->off ? LINK_TRUNCATED : LINK_MALFORMED;
}

/* A header says that n bytes follow at w->off; what comes later is padding or a trailer. */
static inline void link_walk_bound(struct link_walk *w, uint32_t n)
{
	if (n < w->end - w->off)
		w->end = w->off + n;
}

/* Goes one header deeper. False beyond LINK_MAX_TAGS: what bounds all recursion between layers. */
static inline bool link_walk_nest(struct link_walk *w)
{
	return ++w->nested <= LINK_MAX_TAGS;
}

/*
 * Notes n bytes at `at` behind w->off, which are there. LINK_MAX_SPANS always suffices, whatever
 * the frame: at most 9 are noted before the first link_walk_nest (PPI and such not counted: cooked
 * capture 2, radiotap 1, 802.11 with an aggregate 6), and at most 3 between one and the next (NSH
 * or TRILL 1, the frame in it 2).
 */
static inline void link_walk_note(
    struct link_walk *w, uint32_t at, uint32_t n, enum link_span_kind kind)
{
	if (w->notes == NULL || n == 0)
		return;
	assert(w->notes->count < LINK_MAX_SPANS);
	w->notes->spans[w->notes->count++] =
	    (struct link_span){.off = w->off + at, .len = n, .kind = kind};
}

/* Notes two addresses of 6 bytes, one after the other. */
static inline void link_walk_note_pair(struct link_walk *w, uint32_t at, enum link_span_kind kind)
{
	link_walk_note(w, at, 6, kind);
	link_walk_note(w, at + 6, 6, kind);
}

/* IP begins at w->off; family is 4 or 6 as the header before it says, 0 if it does not say. */
static inline enum link_result link_walk_ip(struct link_walk *w, uint8_t family)
{
	w->link.family = family;
	return LINK_IP;
}

static inline uint16_t link_walk_be16(const struct link_walk *w, uint32_t at)
{
	return (uint16_t)(w->data[w->off + at] << 8 | w->data[w->off + at + 1]);
}

static inline uint16_t link_walk_le16(const struct link_walk *w, uint32_t at)
{
	return (uint16_t)(w->data[w->off + at] | w->data[w->off + at + 1] << 8);
}

static inline uint32_t link_walk_be32(const struct link_walk *w, uint32_t at)
{
	return (uint32_t)link_walk_be16(w, at) << 16 | link_walk_be16(w, at + 2);
}

static inline uint32_t link_walk_le32(const struct link_walk *w, uint32_t at)
{
	return (uint32_t)link_walk_le16(w, at + 2) << 16 | link_walk_le16(w, at);
}

#endif
