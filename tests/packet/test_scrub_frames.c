/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold of every frame that can be decoded, see scrubrig.h, held against very many:
 * headers put together at random, with bytes changed and captured in part; and all frames of the
 * captures in the folder that FLOWKEEP_CAPTURES names.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/capreader.h"
#include "scrubrig.h"
#include "support/quick.h"
#include "support/random.h"

#define NETBLOCK     .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { POLICIES = 9 };

static const struct policy policies[POLICIES] = {
    {.payload = PAYLOAD_FULL, NETBLOCK},
    {.payload = PAYLOAD_BYTES, NETBLOCK},
    {.payload = PAYLOAD_BYTES, .payload_bytes = 8, NETBLOCK},
    {.payload = PAYLOAD_ZERO, NETBLOCK},
    {.payload = PAYLOAD_BYTES},
    {.payload = PAYLOAD_ZERO},
    {.macs = true},
    {.payload = PAYLOAD_BYTES, .macs = true, NETBLOCK},
    {.payload = PAYLOAD_BYTES, .payload_bytes = 8, .addresses = ADDRESSES_CRYPTOPAN},
};

static struct scrubrig rigs[POLICIES];

/* One address in four, whatever it is: also such that are made by replacing others. */
static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return ((family == 4 ? addr[0] ^ addr[1] : addr[1] ^ addr[4]) & 3) == 3;
}

static void open_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_open(&rigs[i], &policies[i], i % 2 ? is_exempt : NULL);
}

static void close_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_close(&rigs[i]);
}

/* The SCRUB_ bits of a packet, as the demux has them. */
static unsigned exempt_bits(const struct scrubrig *r, const struct decoded *d)
{
	struct flowkey k;
	enum side sender = flowkey_make(d, 0, VLAN_KEY_NO, &k);
	unsigned ends = scrub_exempt(r->scrub, &k);

	return (ends >> sender & 1 ? SCRUB_SRC_EXEMPT : 0) |
	       (ends >> !sender & 1 ? SCRUB_DST_EXEMPT : 0);
}

/* Under all policies. Returns: whether it could be decoded. */
static bool check_frame(const uint8_t *bytes, const struct packet *p)
{
	struct packet q = *p;
	struct decoded d;
	enum decode_result result;

	q.data = bytes;
	result = decode_packet(&q, &d);
	if (result != DECODE_OK && result != DECODE_FRAGMENT)
		return false;
	for (int i = 0; i < POLICIES; i++) {
		rigs[i].sport = (uint16_t)(p->caplen * 97);
		rigs[i].dport = p->caplen % 2 ? 4789 : 443;
		quick_assert(scrubrig_run(&rigs[i], bytes, p, exempt_bits(&rigs[i], &d)));
	}
	return true;
}

/* ---- frames made at random ------------------------------------------------------------------- */

static uint8_t any(struct random *r, const uint8_t *of, size_t n)
{
	return of[random_below(r, n)];
}

static void put_random(struct frame *f, struct random *r, uint32_t n)
{
	uint8_t bytes[64];

	random_fill(r, bytes, n);
	ipframe_put(f, bytes, n);
}

/* Options of TCP: known kinds with lengths that they have, and others. */
static void put_tcp(struct frame *f, struct random *r)
{
	static const uint8_t kinds[] = {0, 1, 1, 2, 3, 4, 5, 8, 19, 28, 30, 34, 253};
	static const uint8_t sizes[] = {2, 3, 4, 8, 10, 12, 16, 18, 20, 0, 1, 40};
	uint32_t at = f->size, words = 5 + (uint32_t)random_below(r, 11), end = at + words * 4;

	put_random(f, r, 20);
	f->bytes[at + 12] = (uint8_t)(words << 4);
	while (f->size < end) {
		uint8_t kind = any(r, kinds, COUNT(kinds)), size = any(r, sizes, COUNT(sizes));

		ipframe_put(f, &kind, 1);
		if (kind < 2)
			continue;
		ipframe_put(f, &size, 1);
		put_random(f, r, size > 2 ? size - 2u : 0);
	}
	f->size = end;
}

static void put_ip_options(struct frame *f, struct random *r, uint32_t n)
{
	static const uint8_t types[] = {0, 1, 1, 7, 25, 68, 130, 131, 136, 137, 148, 94};
	static const uint8_t sizes[] = {2, 3, 4, 7, 8, 11, 12, 20, 0, 1, 40};
	uint32_t end = f->size + n;

	while (f->size < end) {
		uint8_t type = any(r, types, COUNT(types)), size = any(r, sizes, COUNT(sizes));
		uint8_t pointer = (uint8_t)random_below(r, 24);

		ipframe_put(f, &type, 1);
		if (type < 2)
			continue;
		ipframe_put(f, &size, 1);
		if (size > 2)
			ipframe_put(f, &pointer, 1);
		put_random(f, r, size > 3 ? size - 3u : 0);
	}
	f->size = end;
}

static void put_transport(struct frame *f, struct random *r, uint8_t proto, int depth);

/* Returns: where its length is to be set. */
static uint32_t put_ipv4(struct frame *f, struct random *r, uint8_t proto)
{
	uint32_t at = f->size, n = random_below(r, 3) ? 0 : 4 * (uint32_t)random_below(r, 11);

	ipframe_put_ipv4(f, proto);
	f->bytes[at] = (uint8_t)(0x40 | (20 + n) / 4);
	random_fill(r, f->bytes + at + 12, 8);
	if (random_below(r, 6) == 0)
		ipframe_set16(f, at + 6, (uint32_t)(random_below(r, 4) << 13 | random_below(r, 9)));
	put_ip_options(f, r, n);
	return at;
}

static void put_options_header(struct frame *f, struct random *r, uint8_t next)
{
	static const uint8_t types[] = {0, 0, 1, 4, 5, 0xc2, 0xc9, 0x3e};
	static const uint8_t sizes[] = {0, 1, 2, 4, 6, 16, 30};
	uint32_t at = f->size, end = at + 8 * (1 + (uint32_t)random_below(r, 6));
	uint8_t head[2] = {next, (uint8_t)((end - at) / 8 - 1)};

	ipframe_put(f, head, 2);
	while (f->size < end) {
		uint8_t type = any(r, types, COUNT(types)), size = any(r, sizes, COUNT(sizes));

		ipframe_put(f, &type, 1);
		if (type == 0)
			continue;
		ipframe_put(f, &size, 1);
		put_random(f, r, size);
	}
	f->size = end;
}

static void put_routing(struct frame *f, struct random *r, uint8_t next)
{
	static const uint8_t types[] = {0, 2, 3, 4, 4};
	uint8_t n = (uint8_t)random_below(r, 4);
	uint8_t head[8] = {next, (uint8_t)(2 * n), any(r, types, COUNT(types)),
	    (uint8_t)random_below(r, 3), (uint8_t)random_below(r, 4)};

	ipframe_put(f, head, 8);
	for (; n > 0; n--)
		put_random(f, r, 16);
}

static uint32_t put_ipv6(struct frame *f, struct random *r, uint8_t proto)
{
	static const uint8_t kinds[] = {HOP_BY_HOP, OPTIONS, ROUTING, FRAGMENT, AH, 135, 139, 140};
	uint32_t at = f->size, count = random_below(r, 2) ? 0 : (uint32_t)random_below(r, 4);
	uint8_t chain[4] = {0};

	for (uint32_t i = 0; i < count; i++)
		chain[i] = any(r, kinds, COUNT(kinds));
	chain[count] = proto;
	ipframe_put_ipv6(f, chain[0]);
	random_fill(r, f->bytes + at + 8, 32);
	if (random_below(r, 8) == 0) { /* IPv4-mapped, both or one */
		memcpy(f->bytes + at + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		if (random_below(r, 4) > 0)
			memcpy(f->bytes + at + 24, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	}
	for (uint32_t i = 0; i < count; i++)
		switch (chain[i]) {
		case FRAGMENT:
			ipframe_put_fragment(f, chain[i + 1], (uint16_t)(random_below(r, 12)));
			break;
		case AH:
			ipframe_put_ah(f, chain[i + 1]);
			break;
		case ROUTING:
			put_routing(f, r, chain[i + 1]);
			break;
		default:
			put_options_header(f, r, chain[i + 1]);
		}
	return at;
}

static void put_packet(struct frame *f, struct random *r, uint8_t version, int depth)
{
	static const uint8_t protos[] = {DECODE_TCP, DECODE_TCP, DECODE_TCP, DECODE_UDP, DECODE_UDP,
	    DECODE_ICMP, DECODE_ICMP6, DECODE_SCTP, DECODE_DCCP, DECODE_UDPLITE, 4, 41, 47, ESP,
	    NOTHING, AH};
	uint8_t proto = any(r, protos, COUNT(protos));
	uint32_t at = version == 4 ? put_ipv4(f, r, proto) : put_ipv6(f, r, proto);

	put_transport(f, r, proto, depth);
	put_random(f, r, (uint32_t)random_below(r, 40));
	if (random_below(r, 10) > 0)
		ipframe_finish(f, at);
}

static void put_icmp(struct frame *f, struct random *r, uint8_t proto, int depth)
{
	static const uint8_t types4[] = {0, 3, 5, 8, 9, 10, 11, 12, 13, 17, 40};
	static const uint8_t types6[] = {1, 2, 3, 128, 130, 133, 134, 135, 136, 137, 143};
	uint32_t at = f->size;

	put_random(f, r, 8);
	f->bytes[at] =
	    proto == DECODE_ICMP ? any(r, types4, COUNT(types4)) : any(r, types6, COUNT(types6));
	if (depth == 0 && random_below(r, 4) > 0)
		put_packet(f, r, proto == DECODE_ICMP ? 4 : 6, 1);
}

static void put_transport(struct frame *f, struct random *r, uint8_t proto, int depth)
{
	static const uint16_t ports[] = {53, 443, 4789, 67, 2152};
	static const uint8_t chunks[] = {0, 1, 3, 4, 6, 7, 8, 11, 64, 192};
	uint32_t at = f->size;

	switch (proto) {
	case DECODE_TCP:
		put_tcp(f, r);
		break;
	case DECODE_UDP:
		put_random(f, r, 8);
		ipframe_set16(f, at, ports[random_below(r, COUNT(ports))]);
		ipframe_set16(f, at + 4, (uint32_t)random_below(r, 48));
		break;
	case DECODE_ICMP:
	case DECODE_ICMP6:
		put_icmp(f, r, proto, depth);
		break;
	case DECODE_SCTP:
		put_random(f, r, 16);
		f->bytes[at + 12] = any(r, chunks, COUNT(chunks));
		ipframe_set16(f, at + 14, (uint32_t)random_below(r, 40));
		break;
	case AH:
		ipframe_put_ah(f, random_below(r, 2) ? DECODE_TCP : DECODE_UDP);
		put_tcp(f, r);
		break;
	default:
		put_random(f, r, 20);
		f->bytes[at + 4] = (uint8_t)random_below(r, 12); /* DCCP's length */
	}
}

/* Returns: the link type. */
static uint32_t put_frame(struct frame *f, struct random *r)
{
	uint8_t version = random_below(r, 2) ? 4 : 6;
	uint32_t linktype = random_below(r, 3) ? ETHERNET : RAW;

	f->size = 0;
	if (linktype == ETHERNET) {
		put_random(f, r, 12);
		if (random_below(r, 5) == 0)
			PUT(f, "\x81\x00\x20\x05");
		ipframe_put(f, version == 4 ? "\x08\x00" : "\x86\xdd", 2);
	}
	put_packet(f, r, version, 0);
	if (random_below(r, 3) == 0)
		put_random(f, r, (uint32_t)random_below(r, 24)); /* padding */
	return linktype;
}

/* Changes a few bytes anywhere, and ends the capture anywhere. */
static uint32_t spoil(struct frame *f, struct random *r)
{
	for (uint64_t n = random_below(r, 6); n > 2; n--)
		f->bytes[random_below(r, f->size)] = (uint8_t)random_next(r);
	return random_below(r, 3) ? f->size : (uint32_t)random_below(r, f->size + 1);
}

/* shorter: the capture says of one in two that the frame had fewer bytes than are there. */
static void check_random(uint64_t seed, int wanted, bool shorter)
{
	struct random r = {seed};
	int decoded = 0;

	for (int n = 0; n < wanted; n++) {
		static struct frame f;
		struct packet p = {.linktype = put_frame(&f, &r)};

		p.origlen = f.size;
		p.caplen = spoil(&f, &r);
		if (shorter && n % 2)
			p.origlen = (uint32_t)random_below(&r, f.size);
		decoded += check_frame(f.bytes, &p);
	}
	ck_assert_int_gt(decoded, wanted / 2); /* else little was shown */
}

START_TEST(random_frames_are_scrubbed_once_and_for_all)
{
	check_random(20260401u + (unsigned)_i, (int)quick_rounds(25000, 1000), false);
}
END_TEST

START_TEST(frames_that_say_they_are_shorter_than_what_was_captured_are_scrubbed_like_any)
{
	check_random(20260501, (int)quick_rounds(10000, 1000), true);
}
END_TEST

/* ---- frames of real captures ----------------------------------------------------------------- */

static const char *captures(void)
{
	const char *path = getenv("FLOWKEEP_CAPTURES");

	return path != NULL && path[0] != '\0' ? path : NULL;
}

/*
 * Of every capture the first frame, and what the build's sample takes of the others. Returns:
 * frames that could be decoded. What is no capture, or broken, ends where it does.
 */
static unsigned long check_capture(const char *path)
{
	struct capreader *reader = NULL;
	bool open = capreader_open(path, &reader) == 0;
	unsigned long decoded = 0, n = 0;
	struct packet p;

	while (open && capreader_next(reader, &p) == 1)
		if (n++ % QUICK_STRIDE == 0)
			decoded += check_frame(p.data, &p);
	capreader_close(reader);
	return decoded;
}

static unsigned long check_folder(const char *folder)
{
	unsigned long decoded = 0;
	const struct dirent *e;
	DIR *d = opendir(folder);

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		char path[1024];

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_type == DT_DIR)
			decoded += check_folder(path);
		else
			decoded += check_capture(path);
	}
	(void)closedir(d); /* only read */
	return decoded;
}

START_TEST(frames_of_captures_are_scrubbed_once_and_for_all)
{
	unsigned long decoded = check_folder(captures());

	ck_assert_uint_gt(decoded, 1000 / QUICK_STRIDE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scrub: any frame");
	TCase *t = tcase_create("frames");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, open_all, close_all);
	tcase_add_loop_test(t, random_frames_are_scrubbed_once_and_for_all, 0, 4);
	tcase_add_test(
	    t, frames_that_say_they_are_shorter_than_what_was_captured_are_scrubbed_like_any);
	if (captures() != NULL)
		tcase_add_test(t, frames_of_captures_are_scrubbed_once_and_for_all);
	else
		printf("FLOWKEEP_CAPTURES is not set: real captures are not read\n");
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
