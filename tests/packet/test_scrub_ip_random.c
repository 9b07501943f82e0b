/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_ip with headers of all kinds, sound and not: no address that was planted
 * may be there afterwards, nor may anything else depend on the bits of them that are to be hidden.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iprandom.h"
#include "iprig.h"
#include "support/quick.h"
#include "support/random.h"

enum { ROUNDS = 100000, NET_OFF = IPRANDOM_NET_OFF };

/* Which headers may be looked at: those that scrub_ip was over, and that are kept. */
static uint32_t headers_end(const struct iprig *r)
{
	return r->rv == 0 && r->h.l4_off < r->x.keep ? r->h.l4_off : r->x.keep;
}

static void assert_nothing_planted_is_left(const struct iprig *r, const struct made *m)
{
	const struct planted *p;
	uint32_t end = headers_end(r);

	if (end <= NET_OFF)
		return;
	for (unsigned i = 0; i < m->n; i++) {
		p = &m->planted[i];
		if (p->at + p->size > end) /* behind the headers, if one of them lied */
			continue;
		if (memmem(r->x.bytes + NET_OFF, end - NET_OFF, r->packet.data + p->at, p->size) !=
		    NULL)
			ck_abort_msg("%u bytes from %u on are still there", p->size, p->at);
		if (p->hidden > 4 &&
		    memmem(r->x.bytes + NET_OFF, end - NET_OFF,
			r->packet.data + p->at + p->size - p->hidden, p->hidden) != NULL)
			ck_abort_msg("the end of an address at %u is still there", p->at);
	}
}

static void assert_only_headers_are_touched(const struct iprig *r)
{
	uint32_t end = headers_end(r);

	quick_assert(r->x.keep <= r->packet.caplen);
	quick_assert(memcmp(r->x.bytes, r->packet.data, NET_OFF < end ? NET_OFF : end) == 0);
	quick_assert(memcmp(r->x.bytes + end, r->packet.data + end, r->x.keep - end) == 0);
}

/* What netblock:24,48 makes of an end, reckoned here once more */
static void mask(uint8_t family, uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (addr[0] == (family == 4 ? 10 : 0xfd))
		return;
	if (family == 4)
		addr[3] = 0;
	else if (memcmp(addr, mapped, sizeof(mapped)) != 0)
		memset(addr + 6, 0, 10);
	else if (addr[12] != 10)
		addr[15] = 0;
}

static enum decode_result decode(
    const uint8_t *bytes, uint32_t n, uint32_t origlen, struct decoded *d)
{
	struct packet p = {.data = bytes, .caplen = n, .origlen = origlen, .linktype = ETHERNET};

	memset(d, 0, sizeof(*d));
	return decode_packet(&p, d);
}

/* Scrubs a packet of our own, and fails the test unless it decodes as it did before. */
static void assert_decodes_alike(
    struct iprig *r, const struct made *m, struct decoded *before, enum decode_result result)
{
	struct decoded after;

	quick_assert(decode(r->x.bytes, r->x.keep, m->frame.size, &after) == result);
	if (r->policy.addresses == ADDRESSES_NETBLOCK) {
		mask(before->family, before->src);
		mask(before->family, before->dst);
	}
	quick_assert(memcmp(&after, before, sizeof(after)) == 0);
	quick_assert(r->h.proto == before->proto);
	quick_assert(r->h.fragment == (result == DECODE_FRAGMENT || before->first_fragment));
	quick_assert((r->h.frag_off != 0) == (result == DECODE_FRAGMENT));
	if (result == DECODE_OK) {
		quick_assert(r->rv == 0);
		quick_assert(r->h.l4_off == before->l4_off);
	}
}

/* Fails the test unless b, in other memory, is as a. */
static void assert_equal(const struct iprig *a, const struct iprig *b)
{
	quick_assert(a->rv == b->rv);
	quick_assert(a->x.keep == b->x.keep);
	quick_assert(a->h.changed == b->h.changed);
	quick_assert(a->h.src_at == b->h.src_at);
	quick_assert(a->h.dst_at == b->h.dst_at);
	quick_assert(a->h.l4_off == b->h.l4_off);
	quick_assert(a->h.proto == b->h.proto);
	quick_assert(memcmp(a->x.bytes, b->x.bytes, headers_end(a)) == 0);
}

typedef void run_fn(struct iprig *r, const struct frame *f, uint32_t net_off, uint32_t n);

static void assert_fixed(const struct iprig *r, struct iprig *again, run_fn *run)
{
	struct frame f = {.size = r->packet.origlen};

	memcpy(f.bytes, r->x.bytes, r->x.keep);
	run(again, &f, NET_OFF, r->x.keep);
	quick_assert(again->rv == r->rv);
	quick_assert(again->x.keep == r->x.keep);
	quick_assert(memcmp(again->x.bytes, r->x.bytes, r->x.keep) == 0);
	quick_assert(again->h.src_at == r->h.src_at);
	quick_assert(again->h.dst_at == r->h.dst_at);
}

/* What becomes of m, cut to n bytes, in rigs of one policy. Returns whether it was fit for that. */
static bool check(struct iprig rigs[2], struct made *m, run_fn *run, uint32_t n)
{
	struct iprig *a = &rigs[0], *b = &rigs[1];
	struct decoded before;
	enum decode_result result = decode(m->frame.bytes, n, m->frame.size, &before);

	if (run == iprig_own && result != DECODE_OK && result != DECODE_FRAGMENT)
		return false;
	run(a, &m->frame, NET_OFF, n);
	assert_only_headers_are_touched(a);
	if (run == iprig_own)
		assert_decodes_alike(a, m, &before, result);
	assert_fixed(a, b, run);
	if (a->policy.addresses == ADDRESSES_NETBLOCK) {
		assert_nothing_planted_is_left(a, m);
		iprandom_vary(m);
		run(b, &m->frame, NET_OFF, n);
		assert_equal(a, b);
	}
	return true;
}

/* So many packets that are fit for it */
static void check_many(run_fn *run, uint32_t rounds)
{
	const struct policy *const policies[] = {&iprig_netblock, &iprig_macs, &iprig_kept};
	struct iprig rigs[3][2];
	struct made m;
	uint32_t n;

	for (int i = 0; i < 6; i++)
		iprig_open(&rigs[i / 2][i % 2], policies[i / 2]);
	while (rounds > 0) {
		iprandom_make(&m);
		n = iprandom_one_in(3) ? iprandom_below(m.frame.size + 1) : m.frame.size;
		rounds -= check(rigs[iprandom_one_in(3) ? 1 + iprandom_below(2) : 0], &m, run, n);
	}
	for (int i = 0; i < 6; i++)
		iprig_close(&rigs[i / 2][i % 2]);
}

START_TEST(packets_decode_alike_and_keep_no_address)
{
	check_many(iprig_own, ROUNDS);
}
END_TEST

START_TEST(quoted_packets_keep_no_address)
{
	check_many(iprig_quoted, ROUNDS);
}
END_TEST

START_TEST(bytes_without_any_sense_do_no_harm)
{
	struct random bytes = {1};
	struct iprig r;
	struct frame f;

	iprig_open(&r, &iprig_netblock);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		random_fill(&bytes, f.bytes, 200);
		f.size = iprandom_below(200);
		f.bytes[NET_OFF] = (uint8_t)(iprandom_one_in(2) ? 0x60 : 0x40 | iprandom_below(16));
		f.bytes[NET_OFF + 6] = iprandom_extension();
		iprig_quoted(&r, &f, NET_OFF, f.size);
		assert_only_headers_are_touched(&r);
	}
	iprig_close(&r);
}
END_TEST

static Suite *scrub_ip_random_suite(void)
{
	Suite *s = suite_create("packet/scrub_ip, random headers");
	TCase *t = tcase_create("random");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, packets_decode_alike_and_keep_no_address);
	tcase_add_test(t, quoted_packets_keep_no_address);
	tcase_add_test(t, bytes_without_any_sense_do_no_harm);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(scrub_ip_random_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
