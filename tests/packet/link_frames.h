/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of packet/link_spans and packet/scrub_link share: a link header for each link type
 * and tag that leads to IP, and where addresses stand in it, counted by hand from the standards.
 */
#ifndef TESTS_PACKET_LINK_FRAMES_H
#define TESTS_PACKET_LINK_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "packet/link.h"
#include "packet/packet.h"

#define LINK_FRAMES_SPANS 9
#define LINK_FRAMES_IP    40u /* bytes of IP that are put behind a header */
#define LINK_FRAMES_MAX   600u

struct link_frame {
	const char *name;
	uint32_t linktype;
	const char *bytes; /* the link header */
	uint32_t size;
	struct link_span spans[LINK_FRAMES_SPANS]; /* then one of no bytes, if there is room */
};

extern const struct link_frame link_frames[];
extern const size_t link_frames_count;

/* link_frames_spans - how many spans f has. */
unsigned int link_frames_spans(const struct link_frame *f);

/* link_frames_make - the header and an IPv4 or IPv6 header behind it, into LINK_FRAMES_MAX bytes.
 */
void link_frames_make(const struct link_frame *f, uint8_t *buf, struct packet *ret_packet);

#endif
