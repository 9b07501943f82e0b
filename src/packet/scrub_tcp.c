/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of a TCP header: which of them may stay, and which hold an address. Those that are
 * not listed here may: load balancers put the client's address into options of their own (kinds 28,
 * 200, 253, 254), Fast Open's cookie is made from it, and the digests of MD5 and AO let it be
 * guessed.
 *
 * Source:      IANA "TCP Parameters"; RFC 9293 section 3.2; RFC 2018, 5482, 7323; RFC 8684 section
 * 3, RFC 6824 section 3 (MPTCP, versions 1 and 0).
 */
#include "packet/scrub_private.h"

enum {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WINDOW_SCALE = 3,
	KIND_SACK_PERMITTED = 4,
	KIND_SACK = 5,
	KIND_TIMESTAMPS = 8,
	KIND_USER_TIMEOUT = 28,
	KIND_MPTCP = 30
};

enum {
	MP_CAPABLE,
	MP_JOIN,
	MP_DSS,
	MP_ADD_ADDR,
	MP_REMOVE_ADDR,
	MP_PRIO,
	MP_FAIL,
	MP_FASTCLOSE,
	MP_TCPRST,
	MP_COUNT
};

/* Lengths that an option may have, as a set: no TCP header has room for one of more than 40 */
#define L(n)    (UINT64_C(1) << (n))
#define LONGEST 40

/* Options that hold no address, if they have a length that their documents give them */
static const uint64_t innocent[] = {
    [KIND_MSS] = L(4),
    [KIND_WINDOW_SCALE] = L(3),
    [KIND_SACK_PERMITTED] = L(2),
    [KIND_SACK] = L(10) | L(18) | L(26) | L(34),
    [KIND_TIMESTAMPS] = L(10),
    [KIND_USER_TIMEOUT] = L(4),
};

/*
 * The same of MPTCP's subtypes. A DSS has 4 bytes, an acknowledgment of 0, 4 or 8, a mapping of 0,
 * 10 or 14, and with a mapping a checksum of 0 or 2. A REMOVE_ADDR has as many identifiers as there
 * is room for. The HMAC of MP_JOIN is over random numbers, not over addresses.
 */
static const uint64_t innocent_mptcp[MP_COUNT] = {
    [MP_CAPABLE] = L(4) | L(12) | L(20) | L(22) | L(24),
    [MP_JOIN] = L(12) | L(16) | L(24),
    [MP_DSS] = L(4) | L(8) | L(12) | L(14) | L(16) | L(18) | L(20) | L(22) | L(24) | L(26) | L(28),
    [MP_REMOVE_ADDR] = L(LONGEST + 1) - L(4),
    [MP_PRIO] = L(3) | L(4),
    [MP_FAIL] = L(12),
    [MP_FASTCLOSE] = L(12),
    [MP_TCPRST] = L(4),
};

/*
 * The family of the address in an ADD_ADDR of this length; 0: there is none for sure. `version` is
 * the low half of its third byte: the IP version in MPTCP 0, the echo flag in MPTCP 1.
 */
static uint8_t add_addr_family(uint32_t size, uint8_t version)
{
	uint8_t family;

	switch (size) {
	case 8:  /* identifier and address */
	case 10: /* and a port */
	case 16: /* and an HMAC, with or without the port */
	case 18:
		family = 4;
		break;
	case 20:
	case 22:
	case 28:
	case 30:
		family = 6;
		break;
	default:
		return 0;
	}
	return version <= 1 || version == family ? family : 0;
}

/* Bytes of the HMAC that such an option ends with: it is over the address, by keys seen in the
 * clear. */
static uint32_t add_addr_hmac(uint32_t size)
{
	return size == 16 || size == 18 || size == 28 || size == 30 ? 8 : 0;
}

static bool hide_add_addr(struct scrubbing *x, uint8_t family, uint32_t off, uint32_t size)
{
	uint32_t hmac = add_addr_hmac(size);
	bool replaced = scrub_address(x, family, off + 4);

	scrub_blank(x, off + size - hmac, hmac);
	return replaced || hmac > 0;
}

/* An option that is wholly there. Returns: whether it was written to. */
static bool hide_option(struct scrubbing *x, uint32_t off, uint32_t size)
{
	const uint8_t *option = x->bytes + off;
	uint64_t lengths = 0;
	uint8_t family, subtype;

	if (option[0] == KIND_MPTCP && size > 2) {
		subtype = option[2] >> 4;
		family = add_addr_family(size, option[2] & 0xf);
		if (subtype == MP_ADD_ADDR && family != 0)
			return hide_add_addr(x, family, off, size);
		if (subtype < MP_COUNT)
			lengths = innocent_mptcp[subtype];
	} else if (option[0] < sizeof innocent / sizeof innocent[0]) {
		lengths = innocent[option[0]];
	}
	if (size <= LONGEST && (lengths & L(size)) != 0)
		return false;
	scrub_blank(x, off + 2, size - 2);
	return size > 2;
}

/* What follows the end of the options, RFC 9293 section 3.1: zeros, or it is made so. */
static bool blank_padding(struct scrubbing *x, uint32_t off, uint32_t end)
{
	bool any = false;

	for (; off < end && off < x->keep; off++) {
		any |= x->bytes[off] != 0;
		x->bytes[off] = 0;
	}
	return any;
}

bool scrub_tcp_options(struct scrubbing *x, uint32_t off, uint32_t end)
{
	bool written = false;
	uint32_t size;

	while (off < end && off < x->keep) {
		if (x->bytes[off] == KIND_END)
			return blank_padding(x, off, end) || written;
		if (x->bytes[off] == KIND_NOP) {
			off++;
			continue;
		}
		/* What was captured in part is treated as what contradicts itself: a later reader
		 * of what is kept could not tell them apart either. */
		size = scrub_has(x, off, 2) ? x->bytes[off + 1] : 0;
		if (size < 2 || size > end - off || !scrub_has(x, off, size)) {
			scrub_cut(x, off);
			return true;
		}
		if (x->hides)
			written |= hide_option(x, off, size);
		off += size;
	}
	return written;
}
