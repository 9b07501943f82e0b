/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunks of an SCTP packet: which of them hold no address. Those that set an association up,
 * test its paths, change or abort it list the addresses of its ends, in parameters, cookies or
 * causes.
 *
 * Source:      IANA "SCTP Parameters"; RFC 9260 section 3; RFC 3758 and RFC 8260 (partial
 * reliability, interleaving).
 */
#include "packet/scrub_private.h"

enum { CHUNK_HEADER = 4 };

/* A chunk that holds no address if its length lies between these; 0 for any other */
struct chunk {
	uint16_t least, most;
};

static struct chunk known_chunk(uint8_t type)
{
	switch (type) {
	case 0: /* DATA */
		return (struct chunk){16, UINT16_MAX};
	case 3: /* SACK */
		return (struct chunk){16, UINT16_MAX};
	case 7:  /* SHUTDOWN */
	case 12: /* ECNE */
	case 13: /* CWR */
		return (struct chunk){8, 8};
	case 8:  /* SHUTDOWN ACK */
	case 11: /* COOKIE ACK */
	case 14: /* SHUTDOWN COMPLETE */
		return (struct chunk){4, 4};
	case 64: /* I-DATA */
		return (struct chunk){20, UINT16_MAX};
	case 192: /* FORWARD TSN */
	case 194: /* I-FORWARD-TSN */
		return (struct chunk){8, UINT16_MAX};
	default:
		return (struct chunk){0, 0};
	}
}

/* Lengths are not held against the end of the packet: a chunk may be captured in part. */
bool scrub_sctp(struct scrubbing *x, uint32_t off)
{
	struct chunk known;
	uint16_t length;

	while (off < x->keep) {
		known = known_chunk(x->bytes[off]);
		if (known.most == 0)
			break;
		if (!scrub_has(x, off, CHUNK_HEADER))
			return false;
		length = scrub_be16(x, off + 2);
		if (length < known.least || length > known.most)
			break;
		off += (length + 3u) & ~3u;
	}
	if (off >= x->keep)
		return false;
	scrub_cut(x, off);
	return true;
}
