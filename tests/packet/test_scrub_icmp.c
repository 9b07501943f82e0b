/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_icmp. Each message lies in memory of its exact size, and is scrubbed twice:
 * the second time nothing may change. Quoted packets are those of ipframe.h, whose addresses end in
 * bits that have to go.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ipframe.h"
#include "packet/checksum.h"
#include "packet/scrub_private.h"
#include "support/random.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

enum { LEAD = 4, CODE_AND_SUM = 4, ERROR_SIZE = 8 };

static const struct policy macs = {.macs = true};
static const struct policy netblock = {
    .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48};

#define A4     "\xc0\x00\x02\x01" /* 192.0.2.1, where ipframe's packets are from */
#define A4_NEW "\xc0\x00\x02\x00"
#define B4     "\xc6\x33\x64\x02" /* 198.51.100.2, where they go */
#define B4_NEW "\xc6\x33\x64\x00"
#define ZEROS8 "\0\0\0\0\0\0\0\0"
#define NET6   "\x20\x01\x0d\xb8\x00\x00\x00\x00" /* 2001:db8::/64 */
#define A6     NET6 "\0\0\0\0\0\0\0\x01"
#define B6     NET6 "\0\0\0\0\0\0\0\x02"
#define NEW6   NET6 ZEROS8
#define STAYS6 NET6 "\0\0\0\0\0\0\0\x09"

static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return family == 6 && memcmp(addr, STAYS6, 16) == 0;
}

/* What is left of a message, LEAD and all */
struct left {
	uint8_t bytes[1024];
	uint32_t keep;
	bool written;
};

/* The first n bytes of a packet whose ICMP message begins at LEAD. */
static void scrub_once(const struct policy *policy, uint8_t proto, const uint8_t *in, uint32_t n,
    struct left *ret_left)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = {1};
	struct anonymizer_config config = {.policy = *policy, .key = key, .exempt = is_exempt};
	struct packet packet = {.caplen = n, .origlen = n};
	struct scrubbing x = {.policy = policy, .packet = &packet, .keep = n, .hides = true};
	uint8_t *raw = malloc(n);

	x.bytes = malloc(n);
	ck_assert(n == 0 || (raw != NULL && x.bytes != NULL));
	ck_assert_int_eq(anonymizer_new(&config, &x.anonymizer), 0);
	memcpy(raw, in, n);
	memcpy(x.bytes, in, n);
	packet.data = raw;
	ret_left->written = scrub_icmp(&x, proto, LEAD);
	ck_assert_uint_le(x.keep, n);
	ret_left->keep = x.keep;
	memcpy(ret_left->bytes, x.bytes, x.keep);
	ck_assert_mem_eq(raw, in, n);
	if (!ret_left->written) {
		ck_assert_uint_eq(x.keep, n);
		ck_assert_mem_eq(x.bytes, in, n);
	}
	anonymizer_free(x.anonymizer);
	free(x.bytes);
	free(raw);
}

static struct left scrub_part(
    const struct policy *policy, uint8_t proto, const struct frame *f, uint32_t n)
{
	struct left left, again;

	scrub_once(policy, proto, f->bytes, n, &left);
	scrub_once(policy, proto, left.bytes, left.keep, &again);
	ck_assert_uint_eq(again.keep, left.keep);
	ck_assert_mem_eq(again.bytes, left.bytes, left.keep);
	ck_assert_mem_eq(left.bytes, f->bytes, n < LEAD + CODE_AND_SUM ? n : LEAD + CODE_AND_SUM);
	return left;
}

static struct left scrub(const struct policy *policy, uint8_t proto, const struct frame *f)
{
	return scrub_part(policy, proto, f, f->size);
}

/* Begins a message: its type, a code, a checksum. */
static void begin(struct frame *f, uint8_t type)
{
	f->size = 0;
	PUT(f, "LEAD\x00\x01\xab\xcd");
	f->bytes[LEAD] = type;
}

/* Begins an error; what it quotes comes next. */
static void begin_error(struct frame *f, uint8_t type)
{
	begin(f, type);
	PUT(f, "\x00\x00\x05\xdc");
}

/* What is left is exactly these bytes behind type, code and checksum. */
static void assert_left(const struct left *left, const void *expected, uint32_t size)
{
	ck_assert_uint_eq(left->keep, LEAD + CODE_AND_SUM + size);
	ck_assert_mem_eq(left->bytes + LEAD + CODE_AND_SUM, expected, size);
}

#define ASSERT_LEFT(left, literal) assert_left(left, literal, sizeof(literal) - 1)

/* ---- messages ---- */

/* Bytes that stay of a message of 100 that quotes no packet, RFC by RFC; 100 is all. */
static uint32_t expected_size(uint8_t proto, unsigned type)
{
	static const uint8_t of4[] = {[0] = 100,
	    [3] = 8,
	    [4] = 8,
	    [5] = 8,
	    [8] = 100,
	    [9] = 8,
	    [10] = 8,
	    [11] = 8,
	    [12] = 8,
	    [13] = 100,
	    [14] = 100,
	    [15] = 8,
	    [16] = 8,
	    [17] = 8,
	    [18] = 8};
	static const uint8_t of6[] = {[1] = 8,
	    [2] = 8,
	    [3] = 8,
	    [4] = 8,
	    [128] = 100,
	    [129] = 100,
	    [130] = 24,
	    [131] = 24,
	    [132] = 24,
	    [133] = 8,
	    [134] = 16,
	    [135] = 24,
	    [136] = 24,
	    [137] = 40};
	uint32_t size = 0;

	if (proto == DECODE_ICMP)
		size = type < COUNT(of4) ? of4[type] : 0;
	else
		size = type < COUNT(of6) ? of6[type] : 0;
	return size == 0 ? 4 : size;
}

static void keeps_what_is_known(uint8_t proto)
{
	struct frame f = {.size = 0};
	struct left left;

	for (unsigned type = 0; type < 256; type++) {
		begin(&f, (uint8_t)type);
		while (f.size < LEAD + 100)
			PUT(&f, "\x0f");
		left = scrub(&netblock, proto, &f);
		ck_assert_uint_eq(left.keep, LEAD + expected_size(proto, type));
		ck_assert(left.written == (expected_size(proto, type) != 100));
	}
}

START_TEST(of_each_type_as_much_is_kept_as_its_form_is_known)
{
	keeps_what_is_known(DECODE_ICMP);
	keeps_what_is_known(DECODE_ICMP6);
}
END_TEST

START_TEST(a_message_that_ends_where_it_would_be_cut_is_left_alone)
{
	struct frame f;

	for (unsigned type = 0; type < 256; type++) {
		begin(&f, (uint8_t)type);
		ck_assert(!scrub(&netblock, DECODE_ICMP, &f).written);
		ck_assert(!scrub(&netblock, DECODE_ICMP6, &f).written);
	}
	begin(&f, 133);
	PUT(&f, "\0\0\0\0");
	ck_assert(!scrub(&netblock, DECODE_ICMP6, &f).written);
	begin_error(&f, 3);
	ck_assert(!scrub(&netblock, DECODE_ICMP, &f).written);
	ck_assert(!scrub(&netblock, DECODE_ICMP6, &f).written);
}
END_TEST

START_TEST(multicast_listeners_groups_are_replaced)
{
	struct frame f;
	struct left left;

	for (uint8_t type = 130; type <= 132; type++) {
		begin(&f, type);
		PUT(&f, "\x27\x10\x00\x00" A6);
		left = scrub(&netblock, DECODE_ICMP6, &f);
		ASSERT_LEFT(&left, "\x27\x10\x00\x00" NEW6);
		ck_assert(left.written);
		PUT(&f, "\x02\x7d\x00\x01" B6); /* a source, in version 2 */
		left = scrub(&netblock, DECODE_ICMP6, &f);
		ASSERT_LEFT(&left, "\x27\x10\x00\x00" NEW6);
	}
}
END_TEST

START_TEST(neighbours_are_replaced_and_their_hardware_addresses_cut)
{
	struct frame f;
	struct left left;

	for (uint8_t type = 135; type <= 136; type++) {
		begin(&f, type);
		PUT(&f, "\x60\x00\x00\x00" A6 "\x02\x01\x02\x00\x5e\x10\x00\x01");
		left = scrub(&netblock, DECODE_ICMP6, &f);
		ASSERT_LEFT(&left, "\x60\x00\x00\x00" NEW6);
		left = scrub(&macs, DECODE_ICMP6, &f);
		ASSERT_LEFT(&left, "\x60\x00\x00\x00" A6);
		ck_assert(left.written);
		f.size -= 8;
		ck_assert(!scrub(&macs, DECODE_ICMP6, &f).written);
	}
	begin(&f, 134);
	PUT(&f, "\x40\x00\x07\x08\0\0\0\0\0\0\0\0\x01\x01\x02\x00\x5e\x10\x00\x01");
	left = scrub(&netblock, DECODE_ICMP6, &f);
	ASSERT_LEFT(&left, "\x40\x00\x07\x08\0\0\0\0\0\0\0\0");
	begin(&f, 137);
	PUT(&f, "\0\0\0\0" A6 B6 "\x02\x01\x02\x00\x5e\x10\x00\x01");
	left = scrub(&netblock, DECODE_ICMP6, &f);
	ASSERT_LEFT(&left, "\0\0\0\0" NEW6 NEW6);
}
END_TEST

START_TEST(an_exempt_address_stays)
{
	struct frame f;
	struct left left;

	begin(&f, 137);
	PUT(&f, "\0\0\0\0" STAYS6 B6);
	left = scrub(&netblock, DECODE_ICMP6, &f);
	ASSERT_LEFT(&left, "\0\0\0\0" STAYS6 NEW6);
}
END_TEST

START_TEST(the_router_of_a_redirect_is_replaced)
{
	struct frame f;
	struct left left;

	begin(&f, 5);
	PUT(&f, B4);
	left = scrub(&netblock, DECODE_ICMP, &f);
	ASSERT_LEFT(&left, B4_NEW);
	ck_assert(left.written);
	left = scrub(&macs, DECODE_ICMP, &f);
	ASSERT_LEFT(&left, B4);
	ck_assert(!left.written);
	ipframe_put_ipv4(&f, DECODE_UDP);
	left = scrub(&netblock, DECODE_ICMP, &f);
	ck_assert_uint_eq(left.keep, LEAD + 28);
	ck_assert_mem_eq(left.bytes + LEAD + 4, B4_NEW, 4);
	ck_assert_mem_eq(left.bytes + LEAD + 20, A4_NEW B4_NEW, 8);
}
END_TEST

/* ---- quoted packets ---- */

#define UDP_HEAD "\x9c\x40\x00\x35\x00\x20"
#define TCP_HEAD "\x9c\x40\x01\xbb\x01\x02\x03\x04\x05\x06\x07\x08"
#define TOA      "\xfe\x06" A4

/* An error that quotes an IPv4 packet of this protocol with these bytes behind its header */
static void quote4(struct frame *f, uint8_t proto, const void *bytes, uint32_t size)
{
	begin_error(f, 3);
	ipframe_put_ipv4(f, proto);
	ipframe_put(f, bytes, size);
	ipframe_finish(f, LEAD + ERROR_SIZE);
}

/* Behind the quoted header of IPv4, whose addresses are replaced, exactly these bytes are left. */
static void assert_quote4(const struct frame *f, const void *expected, uint32_t size)
{
	struct left left = scrub(&netblock, DECODE_ICMP, f);
	const uint8_t *ip = left.bytes + LEAD + ERROR_SIZE;

	ck_assert_uint_eq(left.keep, LEAD + ERROR_SIZE + 20 + size);
	ck_assert_mem_eq(ip + 12, A4_NEW B4_NEW, 8);
	ck_assert_mem_eq(ip + 20, expected, size);
	ck_assert(left.written);
}

#define QUOTE4(f, proto, literal) quote4(f, proto, literal, sizeof(literal) - 1)
#define ASSERT_QUOTE4(f, literal) assert_quote4(f, literal, sizeof(literal) - 1)
#define ASSERT_QUOTED(proto, from, to)         \
	do {                                   \
		struct frame quoting;          \
		QUOTE4(&quoting, proto, from); \
		ASSERT_QUOTE4(&quoting, to);   \
	} while (0)

START_TEST(of_a_quoted_tcp_segment_the_header_stays_without_its_checksum)
{
	ASSERT_QUOTED(DECODE_TCP, TCP_HEAD "\x50\x18\x04\x00\xab\xcd\x00\x00" A4,
	    TCP_HEAD "\x50\x18\x04\x00\0\0\x00\x00");
	ASSERT_QUOTED(DECODE_TCP,
	    TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00" TOA "\x02\x04\x05\xb4\x01\x01" A4,
	    TCP_HEAD "\x80\x18\x04\x00\0\0\x00\x00"
		     "\xfe\x06\0\0\0\0\x02\x04\x05\xb4\x01\x01");
	/* An option in part; no room for a header; a header of no sense */
	ASSERT_QUOTED(DECODE_TCP, TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00\x01\x01\xfe\x06\xc0",
	    TCP_HEAD "\x80\x18\x04\x00\0\0\x00\x00\x01\x01");
	ASSERT_QUOTED(DECODE_TCP, TCP_HEAD "\x50\x18\x04\x00\xab", TCP_HEAD "\x50\x18\x04\x00\0");
	ASSERT_QUOTED(
	    DECODE_TCP, "\x9c\x40\x01\xbb\x01\x02\x03\x04", "\x9c\x40\x01\xbb\x01\x02\x03\x04");
	ASSERT_QUOTED(DECODE_TCP, TCP_HEAD "\x40\x18\x04\x00\xab\xcd\x00\x00" TOA,
	    TCP_HEAD "\x40\x18\x04\x00\0\0\x00\x00");
}
END_TEST

START_TEST(of_other_quoted_packets_as_much_stays_as_is_known)
{
	ASSERT_QUOTED(DECODE_UDP, UDP_HEAD "\xab\xcd" A4, UDP_HEAD "\0\0");
	ASSERT_QUOTED(DECODE_UDP, UDP_HEAD "\xab", UDP_HEAD "\0");
	ASSERT_QUOTED(
	    DECODE_ICMP, "\x08\x00\xab\xcd\x00\x07\x00\x01" A4, "\x08\x00\0\0\x00\x07\x00\x01");
	ASSERT_QUOTED(
	    DECODE_ICMP, "\x0d\x00\xab\xcd\x00\x07\x00\x01" A4, "\x0d\x00\0\0\x00\x07\x00\x01");
	ASSERT_QUOTED(DECODE_ICMP, "\x05\x00\xab\xcd" A4, "");
	ASSERT_QUOTED(DECODE_ICMP, "\x80\x00\xab\xcd\x00\x07\x00\x01", "");
	ASSERT_QUOTED(
	    DECODE_ICMP6, "\x81\x00\xab\xcd\x00\x07\x00\x01" A4, "\x81\x00\0\0\x00\x07\x00\x01");
	ASSERT_QUOTED(DECODE_ICMP6, "\x08\x00\xab\xcd\x00\x07\x00\x01", "");
	ASSERT_QUOTED(DECODE_SCTP, UDP_HEAD A4, "");
	ASSERT_QUOTED(4, "\x45\x00\x00\x14\x00\x00\x00\x00\x40\x01\x00\x00" A4 B4, "");
	ASSERT_QUOTED(253, A4 B4, "");
}
END_TEST

START_TEST(a_quoted_fragment_has_a_transport_header_if_it_is_the_first)
{
	struct frame f;

	QUOTE4(&f, DECODE_UDP, UDP_HEAD "\xab\xcd" A4);
	ipframe_set16(&f, LEAD + ERROR_SIZE + 6, 0x2000);
	ASSERT_QUOTE4(&f, UDP_HEAD "\0\0");
	ipframe_set16(&f, LEAD + ERROR_SIZE + 6, 0x2001);
	ASSERT_QUOTE4(&f, "");
}
END_TEST

START_TEST(nothing_stays_behind_the_end_of_a_quoted_packet)
{
	struct frame f;
	struct left left;

	/* An interface's address, RFC 5837: behind 128 bytes of the quote, and right behind it */
	QUOTE4(&f, DECODE_UDP, UDP_HEAD "\xab\xcd");
	while (f.size < LEAD + ERROR_SIZE + 128)
		PUT(&f, "\0");
	PUT(&f, "\x20\x00\x00\x00\x00\x0c\x02\x04\x00\x01\x00\x00" A4);
	ASSERT_QUOTE4(&f, UDP_HEAD "\0\0");
	QUOTE4(&f, DECODE_TCP, TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00");
	PUT(&f, "\x08\x0a" A4 B4 "\x01\x01");
	ASSERT_QUOTE4(&f, TCP_HEAD "\x80\x18\x04\x00\0\0\x00\x00");
	/* Nor if the packet claims to end within its header, or not at all. */
	ipframe_set16(&f, LEAD + ERROR_SIZE + 2, 19);
	ASSERT_QUOTE4(&f, "");
	ipframe_set16(&f, LEAD + ERROR_SIZE + 2, 0);
	left = scrub(&netblock, DECODE_ICMP, &f);
	ck_assert_uint_eq(left.keep, LEAD + ERROR_SIZE + 20 + 32);
}
END_TEST

START_TEST(a_quoted_packet_of_ipv6_ends_by_its_payload_length)
{
	const uint32_t ip = LEAD + ERROR_SIZE;
	struct frame f;

	begin_error(&f, 1);
	ipframe_put_ipv6(&f, DECODE_TCP);
	PUT(&f, TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00\x08\x0a" A4 B4 "\x01\x01");
	ipframe_set16(&f, ip + 4, 20);
	ck_assert_uint_eq(scrub(&netblock, DECODE_ICMP6, &f).keep, ip + 40 + 20);
	ipframe_set16(&f, ip + 4, 8);
	ck_assert_uint_eq(scrub(&netblock, DECODE_ICMP6, &f).keep, ip + 40 + 8);
	ipframe_set16(&f, ip + 4, 32);
	ck_assert_uint_eq(scrub(&netblock, DECODE_ICMP6, &f).keep, ip + 40 + 32);
	ipframe_set16(&f, ip + 4, 0); /* a jumbogram: nobody knows */
	ck_assert_uint_eq(scrub(&netblock, DECODE_ICMP6, &f).keep, ip + 40 + 32);
}
END_TEST

START_TEST(what_is_quoted_and_is_no_packet_is_cut)
{
	struct frame f;
	struct left left;

	begin_error(&f, 11);
	PUT(&f, "\x15" A4 B4 A4 B4 A4 B4 A4);
	left = scrub(&netblock, DECODE_ICMP, &f);
	ASSERT_LEFT(&left, "\x00\x00\x05\xdc");
	left = scrub(&netblock, DECODE_ICMP6, &f); /* 11 is no error there */
	ASSERT_LEFT(&left, "");
}
END_TEST

START_TEST(packets_of_ipv6_are_quoted_by_their_headers_too)
{
	static const uint8_t protos[] = {DECODE_TCP, DECODE_UDP, DECODE_ICMP6, ESP};
	static const uint8_t size[] = {20, 8, 8, 0}, sum[] = {16, 6, 2, 0};
	struct frame f;
	struct left left;

	for (size_t i = 0; i < COUNT(protos); i++)
		for (uint8_t type = 1; type <= 4; type++) {
			begin_error(&f, type);
			ipframe_put_ipv6(&f, OPTIONS);
			ipframe_put_extension(&f, protos[i]);
			PUT(&f, "\x80\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x50\x0d\x0e\x0f");
			PUT(&f, "\x11\x12\x13\x14" A6);
			left = scrub(&netblock, DECODE_ICMP6, &f);
			ck_assert_uint_eq(left.keep, LEAD + ERROR_SIZE + 48u + size[i]);
			ck_assert_mem_eq(left.bytes + LEAD + ERROR_SIZE + 8, NEW6 NEW6, 32);
			if (size[i] > 0)
				ck_assert_mem_eq(
				    left.bytes + LEAD + ERROR_SIZE + 48 + sum[i], "\0", 2);
		}
}
END_TEST

/* ---- every message at every length ---- */

static void make_message(unsigned n, struct frame *f, uint8_t *ret_proto)
{
	*ret_proto = n < 3 ? DECODE_ICMP : DECODE_ICMP6;
	switch (n) {
	case 0:
		QUOTE4(f, DECODE_TCP,
		    TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00" TOA "\x02\x04\x05\xb4\x01\x01" A4);
		f->bytes[LEAD] = 5;
		memcpy(f->bytes + LEAD + 4, B4, 4);
		break;
	case 1:
		QUOTE4(f, DECODE_UDP, UDP_HEAD "\xab\xcd" A4 B4);
		break;
	case 2: /* router advertisement, with routers */
		begin(f, 9);
		PUT(f, "\x02\x02\x07\x08" A4 "\0\0\0\0" B4 "\0\0\0\0");
		break;
	case 3: /* with a route, RFC 8754 */
		begin_error(f, 3);
		ipframe_put_ipv6(f, ROUTING);
		PUT(f, "\x06\x04\x04\x01\x01\x00\x00\x00" A6 B6);
		PUT(f, TCP_HEAD "\x80\x18\x04\x00\xab\xcd\x00\x00\x1e\x14\x36\x01");
		break;
	case 4:
		begin(f, 137);
		PUT(f, "\0\0\0\0" A6 B6 "\x02\x01\x02\x00\x5e\x10\x00\x01");
		break;
	default:
		begin(f, (uint8_t)(130 + n - 5));
		PUT(f, "\0\0\0\0" A6 "\x02\x01\x02\x00\x5e\x10\x00\x01" B6);
	}
}

enum { MESSAGES = 11 };

START_TEST(no_address_is_left_of_a_message_cut_anywhere)
{
	static const char *const hidden[] = {A4, B4, A6, B6};
	struct frame f;
	struct left left;
	uint8_t proto;

	make_message((unsigned)_i, &f, &proto);
	for (uint32_t n = 0; n <= f.size; n++) {
		left = scrub_part(&netblock, proto, &f, n);
		for (size_t i = 0; i < COUNT(hidden); i++)
			ck_assert_ptr_null(
			    memmem(left.bytes, left.keep, hidden[i], i < 2 ? 4 : 16));
		(void)scrub_part(&macs, proto, &f, n);
	}
}
END_TEST

START_TEST(an_address_of_which_a_part_was_captured_is_cut)
{
	struct frame f;

	begin(&f, 137);
	PUT(&f, "\0\0\0\0" A6 B6);
	for (uint32_t n = LEAD + 9; n < LEAD + 24; n++)
		ck_assert_uint_eq(scrub_part(&netblock, DECODE_ICMP6, &f, n).keep, LEAD + 8);
	for (uint32_t n = LEAD + 25; n < LEAD + 40; n++)
		ck_assert_uint_eq(scrub_part(&netblock, DECODE_ICMP6, &f, n).keep, LEAD + 24);
	begin(&f, 5);
	PUT(&f, B4);
	for (uint32_t n = LEAD + 5; n < LEAD + 8; n++)
		ck_assert_uint_eq(scrub_part(&netblock, DECODE_ICMP, &f, n).keep, LEAD + 4);
}
END_TEST

/* Makes the checksum of the IPv4 header at off right. */
static void seal(struct frame *f, uint32_t off)
{
	uint16_t sum;

	ipframe_set16(f, off + 10, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(0, f->bytes + off, 20));
	memcpy(f->bytes + off + 10, &sum, sizeof sum);
}

START_TEST(the_masked_octet_decides_nothing)
{
	struct frame f;
	struct left left, first;
	const uint32_t ip = LEAD + ERROR_SIZE;

	for (unsigned octet = 0; octet < 256; octet++) {
		make_message(0, &f, &(uint8_t){0});
		f.bytes[LEAD + 7] = f.bytes[ip + 15] = (uint8_t)octet;
		ipframe_set16(&f, ip + 20 + 16, octet * 255); /* TCP's checksum */
		if (_i == 0)
			seal(&f, ip);
		else
			ipframe_set16(&f, ip + 10, 0xf000 + octet);
		left = scrub(&netblock, DECODE_ICMP, &f);
		if (octet == 0)
			first = left;
		ck_assert(left.written);
		ck_assert_uint_eq(left.keep, first.keep);
		ck_assert_mem_eq(left.bytes, first.bytes, left.keep);
	}
	ck_assert_uint_eq(first.keep, ip + 20 + 32);
}
END_TEST

START_TEST(random_messages_are_scrubbed_once_and_for_all)
{
	static const uint8_t types[] = {0, 1, 2, 3, 3, 4, 5, 8, 11, 12, 13, 18, 130, 135, 137};
	static const uint8_t protos[] = {DECODE_TCP, DECODE_UDP, DECODE_ICMP, DECODE_ICMP6, OPTIONS,
	    ROUTING, FRAGMENT, AH, HOP_BY_HOP};
	struct random r = {.state = 5};
	struct frame f;

	for (int round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)random_below(&r, LEAD + 180);

		f.size = LEAD + 180;
		random_fill(&r, f.bytes, f.size);
		f.bytes[LEAD] = types[random_below(&r, sizeof types)];
		f.bytes[LEAD + 8] =
		    random_below(&r, 2) ? 0x60 : 0x40 | (uint8_t)random_below(&r, 8);
		f.bytes[LEAD + 8 + (f.bytes[LEAD + 8] == 0x60 ? 6 : 9)] =
		    protos[random_below(&r, sizeof protos)];
		if (f.bytes[LEAD + 8] == 0x60 && random_below(&r, 2)) /* a short extension */
			memset(f.bytes + LEAD + 8 + 40, (int)random_below(&r, 2), 4);
		(void)scrub_part(&netblock, round % 2 ? DECODE_ICMP : DECODE_ICMP6, &f, n);
	}
}
END_TEST

static Suite *scrub_icmp_suite(void)
{
	Suite *s = suite_create("scrub_icmp");
	TCase *t = tcase_create("scrub_icmp");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, of_each_type_as_much_is_kept_as_its_form_is_known);
	tcase_add_test(t, a_message_that_ends_where_it_would_be_cut_is_left_alone);
	tcase_add_test(t, multicast_listeners_groups_are_replaced);
	tcase_add_test(t, neighbours_are_replaced_and_their_hardware_addresses_cut);
	tcase_add_test(t, an_exempt_address_stays);
	tcase_add_test(t, the_router_of_a_redirect_is_replaced);
	tcase_add_test(t, of_a_quoted_tcp_segment_the_header_stays_without_its_checksum);
	tcase_add_test(t, of_other_quoted_packets_as_much_stays_as_is_known);
	tcase_add_test(t, a_quoted_fragment_has_a_transport_header_if_it_is_the_first);
	tcase_add_test(t, nothing_stays_behind_the_end_of_a_quoted_packet);
	tcase_add_test(t, a_quoted_packet_of_ipv6_ends_by_its_payload_length);
	tcase_add_test(t, what_is_quoted_and_is_no_packet_is_cut);
	tcase_add_test(t, packets_of_ipv6_are_quoted_by_their_headers_too);
	tcase_add_loop_test(t, no_address_is_left_of_a_message_cut_anywhere, 0, MESSAGES);
	tcase_add_test(t, an_address_of_which_a_part_was_captured_is_cut);
	tcase_add_loop_test(t, the_masked_octet_decides_nothing, 0, 2);
	tcase_add_test(t, random_messages_are_scrubbed_once_and_for_all);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(scrub_icmp_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
