/* SPDX-License-Identifier: BSD-2-Clause */
/* Random IP packets for the tests of packet/scrub_ip. */
#include "iprandom.h"

#include <string.h>

#include "support/quick.h"
#include "support/random.h"

enum { MOBILITY = 135, HIP = 139, SHIM6 = 140 };
enum { ROOM_LEFT = 300 }; /* for the last of the extensions, and what is behind */

static struct random rnd = {20260102};

uint32_t iprandom_below(uint32_t n)
{
	return (uint32_t)random_below(&rnd, n);
}

bool iprandom_one_in(uint32_t n)
{
	return iprandom_below(n) == 0;
}

static void put8(struct made *m, uint32_t byte)
{
	quick_assert(m->frame.size < sizeof(m->frame.bytes));
	m->frame.bytes[m->frame.size++] = (uint8_t)byte;
}

static void put_random(struct made *m, uint32_t n)
{
	while (n-- > 0)
		put8(m, iprandom_below(256));
}

/* New values for the bits that are to be hidden */
static void hide_new(struct made *m, const struct planted *p)
{
	for (uint32_t i = p->size - p->hidden; i < p->size; i++)
		m->frame.bytes[p->at + i] = (uint8_t)(1 + iprandom_below(255));
}

/* The address in the last `size` bytes of the frame */
static void plant(struct made *m, uint8_t size, uint8_t hidden)
{
	struct planted *p = &m->planted[m->n++];

	quick_assert(m->n < IPRANDOM_PLANTED_MAX);
	*p = (struct planted){(uint16_t)(m->frame.size - size), hidden, size};
	hide_new(m, p);
}

static void put_addr4(struct made *m)
{
	put8(m, 192);
	put_random(m, 3);
	plant(m, 4, 1);
}

static void put_addr6(struct made *m)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (iprandom_one_in(8)) {
		ipframe_put(&m->frame, mapped, sizeof(mapped));
		put8(m, 192);
		put_random(m, 3);
		plant(m, 16, 1);
		return;
	}
	put8(m, 0x2a);
	put_random(m, 15);
	plant(m, 16, 10);
}

/* An end of a packet, which may be one that stays */
static void put_end(struct made *m, bool v4, bool mapped)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	bool exempt = iprandom_one_in(8);

	if (mapped)
		ipframe_put(&m->frame, prefix, sizeof(prefix));
	put8(m, v4 || mapped ? (exempt ? 10 : 192) : exempt ? 0xfd : 0x2a);
	put_random(m, v4 || mapped ? 3 : 15);
	if (!exempt)
		plant(m, v4 ? 4 : 16, v4 || mapped ? 1 : 10);
}

/* n bytes that are made of addresses, but for a rest */
static void put_addrs4(struct made *m, uint32_t n)
{
	for (; n >= 4; n -= 4)
		put_addr4(m);
	put_random(m, n);
}

/* ---- IPv4 ------------------------------------------------------------------------------------ */

static void put_timestamp(struct made *m, uint32_t n)
{
	enum { ALONE, WITH_ADDRESS, UNKNOWN, PRESPECIFIED };
	uint32_t flag = iprandom_below(4);

	put8(m, 68);
	put8(m, n + 4);
	put8(m, iprandom_one_in(2) ? n + 5 : iprandom_below(n + 8));
	put8(m, iprandom_below(16) << 4 | flag);
	for (; n >= 8 && (flag == WITH_ADDRESS || flag == PRESPECIFIED); n -= 8) {
		put_addr4(m);
		put_random(m, 4);
	}
	if (flag == ALONE)
		put_random(m, n);
	else
		put_addrs4(m, n);
}

/* An option of n bytes at most, which are at least 1 */
static void put_option4(struct made *m, uint32_t n)
{
	static const uint8_t routes[] = {7, 131, 137};
	uint32_t size = n < 3 ? 0 : 3 + iprandom_below(n - 2);

	switch (size < 4 ? 0 : iprandom_below(8)) {
	case 0:
		put8(m, 1);
		break;
	case 1:
	case 2:
		put8(m, routes[iprandom_below(3)]);
		put8(m, size);
		put8(m, iprandom_one_in(2) ? size + 1 : iprandom_below(size + 4));
		put_addrs4(m, size - 3);
		break;
	case 3:
		put_timestamp(m, size - 4);
		break;
	case 4:
		PUT(&m->frame, "\x94\x04\x00\x00");
		break;
	case 5: /* end of options */
		put8(m, 0);
		put_addrs4(m, size - 1);
		break;
	case 6: /* contradicts itself */
		put8(m, 2 + iprandom_below(254));
		put8(m, iprandom_one_in(2) ? iprandom_below(2) : n + 1 + iprandom_below(200));
		put_addrs4(m, size - 2);
		break;
	default: /* unknown */
		put8(m, 0x9e);
		put8(m, size);
		put_addrs4(m, size - 2);
	}
}

static void put_ipv4(struct made *m, uint8_t proto)
{
	uint32_t size = iprandom_one_in(2) ? 20 : 20 + 4 * iprandom_below(11);

	put8(m, 0x40 | size / 4);
	put_random(m, 7); /* length comes later */
	put8(m, 64);
	put8(m, proto);
	put_random(m, 2);
	ipframe_set16(&m->frame, IPRANDOM_NET_OFF + 6,
	    iprandom_one_in(5) ? iprandom_below(65536) : iprandom_below(2) << 14);
	put_end(m, true, false);
	put_end(m, true, false);
	while (m->frame.size < IPRANDOM_NET_OFF + size)
		put_option4(m, IPRANDOM_NET_OFF + size - m->frame.size);
}

/* ---- IPv6 ------------------------------------------------------------------------------------ */

static void put_option6(struct made *m)
{
	uint32_t n = iprandom_below(12);

	switch (iprandom_below(10)) {
	case 0:
		put8(m, 0);
		break;
	case 1: /* padding */
		put8(m, 1);
		put8(m, n);
		put_addrs4(m, n);
		break;
	case 2:
		PUT(&m->frame, "\x05\x02\x00\x00");
		break;
	case 3: /* in vain, unless it is the first of a jumbogram */
		PUT(&m->frame, "\xc2\x04\x00\x00\x01\x00");
		break;
	case 4:
		put8(m, 7);
		put8(m, n);
		put_random(m, n);
		break;
	case 5:
	case 6: /* home address */
		PUT(&m->frame, "\xc9\x10");
		put_addr6(m);
		break;
	case 7: /* has a length that it must not have */
		put8(m, iprandom_one_in(2) ? 0xc2 : 0xc9);
		put8(m, n == 4 ? 5 : n);
		put_addrs4(m, n == 4 ? 5 : n);
		break;
	default: /* unknown */
		put8(m, 0x1e);
		put8(m, n);
		put_addrs4(m, n);
	}
}

/* What fills a header of options up to a multiple of 8 bytes */
static void put_end_of_options(struct made *m, uint32_t start)
{
	uint32_t n = (8 - (m->frame.size - start) % 8) % 8;

	if (n >= 2 && iprandom_one_in(3)) {
		put8(m, 1);
		put8(m, n - 2);
		put_addrs4(m, n - 2);
	} else if (n > 0 && iprandom_one_in(3)) { /* contradicts itself, or lacks its length */
		put8(m, 0xc9);
		for (n--; n > 0; n--)
			put8(m, 200);
	} else {
		for (; n > 0; n--)
			put8(m, 0);
	}
}

static void put_routing(struct made *m)
{
	static const uint8_t types[] = {0, 2, 3, 4, 4, 253};
	uint8_t type = types[iprandom_below(sizeof(types))];
	uint32_t n = type == 2 && iprandom_one_in(2) ? 1 : iprandom_below(4);

	put8(m, type);
	put8(m, iprandom_below(n + 2));
	if (type == 4) {
		put8(m, n > 0 && !iprandom_one_in(4)
			    ? n - 1 - (iprandom_one_in(4) ? iprandom_below(n) : 0)
			    : n);
		put_random(m, 3);
	} else if (type == 3 || type == 253) {
		put_addr4(m);
	} else {
		put_random(m, 4);
	}
	for (; n > 0; n--)
		put_addr6(m);
	if (iprandom_one_in(3))
		put_addrs4(m, 8);
}

uint8_t iprandom_extension(void)
{
	static const uint8_t types[] = {
	    HOP_BY_HOP, ROUTING, ROUTING, FRAGMENT, AH, OPTIONS, OPTIONS, MOBILITY, HIP, SHIM6};

	return types[iprandom_below(sizeof(types))];
}

/* The rest of an extension whose next header and length have been put */
static void put_extension(struct made *m, uint8_t type, uint32_t start)
{
	switch (type) {
	case HOP_BY_HOP:
	case OPTIONS:
		for (uint32_t n = iprandom_below(4); n > 0; n--)
			put_option6(m);
		put_end_of_options(m, start);
		break;
	case ROUTING:
		put_routing(m);
		break;
	case FRAGMENT:
		put_random(m, 6);
		ipframe_set16(&m->frame, start + 2,
		    iprandom_one_in(4) ? iprandom_below(65536)
				       : iprandom_below(2) * 0x0006 + iprandom_below(2));
		break;
	case AH:
		put_random(m, 10);
		put_addrs4(m, 4 * iprandom_below(6));
		break;
	default:
		put8(m, iprandom_below(8));
		if (type == MOBILITY)
			put_random(m, 1);
		else
			m->frame.bytes[m->frame.size - 1] = 0; /* is blanked, and no address */
		put_addrs4(m, 4 + 8 * iprandom_below(4));
		while ((m->frame.size - start) % 8 != 0)
			put8(m, 0);
	}
}

/* One extension; one in 60 claims to be longer than all of the frame. */
static void put_whole_extension(struct made *m, uint8_t type, uint8_t next)
{
	uint32_t start = m->frame.size, size;

	put8(m, next);
	put8(m, 0);
	put_extension(m, type, start);
	size = m->frame.size - start;
	if (type != FRAGMENT)
		m->frame.bytes[start + 1] = (uint8_t)(type == AH ? size / 4 - 2 : size / 8 - 1);
	if (iprandom_one_in(60) && type != AH && type != FRAGMENT)
		m->frame.bytes[start + 1] = (uint8_t)(200 + iprandom_below(56));
}

static void put_extensions(struct made *m, uint8_t first, uint8_t last)
{
	uint8_t next;

	for (uint8_t type = first; type != last; type = next) {
		next = iprandom_one_in(3) || m->frame.size > sizeof(m->frame.bytes) - ROOM_LEFT
			   ? last
			   : iprandom_extension();
		put_whole_extension(m, type, next);
	}
}

static void put_ipv6(struct made *m, uint8_t proto)
{
	bool src_mapped = iprandom_one_in(8),
	     dst_mapped = iprandom_one_in(2) ? src_mapped : iprandom_one_in(8);
	uint8_t first = iprandom_one_in(4)   ? proto
			: iprandom_one_in(3) ? HOP_BY_HOP
					     : iprandom_extension();

	put8(m, 0x60);
	put_random(m, 5); /* length comes later */
	put8(m, first);
	put8(m, 64);
	put_end(m, false, src_mapped);
	put_end(m, false, dst_mapped);
	put_extensions(m, first, proto);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Sets the checksum right, or as wrong as it was. */
static void finish4(struct made *m)
{
	if (m->frame.bytes[IPRANDOM_NET_OFF] >> 4 != 4)
		return;
	iprig_mend4(&m->frame, IPRANDOM_NET_OFF);
	if (!m->right)
		m->frame.bytes[IPRANDOM_NET_OFF + 10] ^= 0x55;
}

static void set_jumbo(struct made *m)
{
	uint8_t *ip = m->frame.bytes + IPRANDOM_NET_OFF;

	if (ip[0] >> 4 != 6 || ip[6] != HOP_BY_HOP || ip[42] != 0xc2 || ip[43] != 4)
		return;
	ipframe_set16(&m->frame, IPRANDOM_NET_OFF + 46, m->frame.size - IPRANDOM_NET_OFF - 40);
	ipframe_set16(&m->frame, IPRANDOM_NET_OFF + 44, 0);
	ipframe_set16(&m->frame, IPRANDOM_NET_OFF + 4, 0);
}

void iprandom_make(struct made *m)
{
	static const uint8_t protos[] = {DECODE_TCP, DECODE_TCP, DECODE_UDP, DECODE_SCTP,
	    DECODE_ICMP, DECODE_ICMP6, NOTHING, ESP};
	uint8_t proto = protos[iprandom_below(sizeof(protos))];

	memset(m, 0, sizeof(*m));
	m->right = iprandom_one_in(2);
	if (iprandom_one_in(2)) {
		PUT(&m->frame, "\1\2\3\4\5\6\1\2\3\4\5\7\x08\x00");
		put_ipv4(m, iprandom_one_in(8) ? AH : proto);
		if (m->frame.bytes[IPRANDOM_NET_OFF + 9] == AH)
			put_extensions(m, AH, proto);
	} else {
		PUT(&m->frame, "\1\2\3\4\5\6\1\2\3\4\5\7\x86\xdd");
		put_ipv6(m, proto);
	}
	put_random(m, 20 + iprandom_below(20));
	ipframe_finish(&m->frame, IPRANDOM_NET_OFF);
	set_jumbo(m);
	finish4(m);
}

void iprandom_vary(struct made *m)
{
	for (unsigned i = 0; i < m->n; i++)
		hide_new(m, &m->planted[i]);
	finish4(m);
}
