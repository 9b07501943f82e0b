/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of link_spans: where addresses stand in each kind of frame, and what must hold of the
 * answer for any bytes. Frames lie in memory of their exact size.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "packet/link.h"
#include "packet/link_frames.h"
#include "support/random.h"

enum { TYPES = 300 };

static unsigned int spans_of(
    uint32_t linktype, const uint8_t *frame, uint32_t n, uint32_t origlen, struct link_span *spans)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct packet p = {.caplen = n, .origlen = origlen, .linktype = linktype, .data = copy};
	struct link link = {0};
	unsigned int count;
	uint32_t before = 0;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, frame, n);
	count = link_spans(&p, spans);
	ck_assert_uint_le(count, LINK_MAX_SPANS);
	if (link_decode(&p, &link) != LINK_IP)
		ck_assert_uint_eq(count, 0);
	for (unsigned int i = 0; i < count; i++) {
		ck_assert_uint_gt(spans[i].len, 0);
		ck_assert(spans[i].kind == LINK_SPAN_OTHER || spans[i].len == 6);
		ck_assert_uint_ge(spans[i].off, before);
		before = spans[i].off + spans[i].len;
	}
	ck_assert_uint_le(before, link.net_off);
	free(copy);
	return count;
}

START_TEST(the_addresses_of_each_known_header_are_found)
{
	struct link_span spans[LINK_MAX_SPANS];
	uint8_t buf[LINK_FRAMES_MAX];
	struct packet p;
	unsigned int n;

	for (size_t k = 0; k < link_frames_count; k++) {
		const struct link_frame *f = &link_frames[k];
		struct link link;

		link_frames_make(f, buf, &p);
		ck_assert_msg(
		    link_decode(&p, &link) == LINK_IP && link.net_off == f->size, "%s", f->name);
		n = spans_of(p.linktype, buf, p.caplen, p.origlen, spans);
		ck_assert_msg(n == link_frames_spans(f), "%s: %u spans", f->name, n);
		for (unsigned int i = 0; i < n; i++)
			ck_assert_msg(spans[i].off == f->spans[i].off &&
					  spans[i].len == f->spans[i].len &&
					  spans[i].kind == f->spans[i].kind,
			    "%s: %u bytes of kind %d at %u", f->name, spans[i].len,
			    (int)spans[i].kind, spans[i].off);
	}
}
END_TEST

/* What never holds IP says so of an empty frame already. */
START_TEST(each_link_type_that_may_hold_ip_was_looked_at)
{
	struct packet p = {.origlen = 60};
	struct link link;
	size_t k;

	for (p.linktype = 0; p.linktype < TYPES; p.linktype++) {
		if (link_decode(&p, &link) == LINK_NOT_IP || !link_known(p.linktype))
			continue;
		for (k = 0; k < link_frames_count && link_frames[k].linktype != p.linktype; k++)
			;
		ck_assert_msg(k < link_frames_count, "link type %u", p.linktype);
	}
}
END_TEST

START_TEST(a_frame_that_is_cut_in_its_header_has_none)
{
	struct link_span spans[LINK_MAX_SPANS];
	uint8_t buf[LINK_FRAMES_MAX];
	struct packet p;

	for (size_t k = 0; k < link_frames_count; k++) {
		link_frames_make(&link_frames[k], buf, &p);
		for (uint32_t n = 0; n < p.caplen; n++) {
			unsigned int count = spans_of(p.linktype, buf, n, p.origlen, spans);

			ck_assert(n >= link_frames[k].size || count == 0);
		}
	}
}
END_TEST

START_TEST(what_holds_no_ip_has_none)
{
	static const uint8_t arp[60] = "\x00\x1b\x21\xa1\xa2\xa3\x00\x1b\x21\xb1\xb2\xb3\x08\x06";
	struct link_span spans[LINK_MAX_SPANS];

	ck_assert_uint_eq(spans_of(1, arp, sizeof arp, sizeof arp, spans), 0);
	ck_assert_uint_eq(spans_of(147, arp, sizeof arp, sizeof arp, spans), 0);
	ck_assert_uint_eq(spans_of(189, arp, sizeof arp, sizeof arp, spans), 0);
}
END_TEST

START_TEST(headers_with_changed_bytes_have_their_spans_before_ip)
{
	struct link_span spans[LINK_MAX_SPANS];
	uint8_t buf[LINK_FRAMES_MAX];
	struct random r = {0x9e3779b97f4a7c15u};
	struct packet p;

	for (size_t k = 0; k < link_frames_count; k++) {
		if (link_frames[k].size == 0)
			continue;
		for (int round = 0; round < 1000; round++) {
			link_frames_make(&link_frames[k], buf, &p);
			for (uint64_t flips = 1 + random_below(&r, 3); flips > 0; flips--)
				buf[random_below(&r, link_frames[k].size)] =
				    (uint8_t)random_next(&r);
			(void)spans_of(p.linktype, buf, p.caplen, p.origlen, spans);
		}
	}
}
END_TEST

START_TEST(random_bytes_have_their_spans_before_ip)
{
	struct link_span spans[LINK_MAX_SPANS];
	struct random r = {0x2545f4914f6cdd1du};
	uint8_t frame[200];

	for (uint32_t type = 0; type < TYPES; type++)
		for (int round = 0; round < 300 && link_known(type); round++) {
			uint32_t n = (uint32_t)random_below(&r, sizeof frame);

			random_fill(&r, frame, n);
			(void)spans_of(type, frame, n, n, spans);
		}
}
END_TEST

struct image {
	uint8_t bytes[4096];
	uint32_t n;
};

static void put(struct image *m, const char *bytes, size_t n)
{
	ck_assert_uint_le(m->n + n, sizeof m->bytes);
	memcpy(m->bytes + m->n, bytes, n);
	m->n += (uint32_t)n;
}

#define PUT(m, bytes) put(m, bytes, sizeof(bytes) - 1)
#define MACS          "\x00\x1b\x21\xa1\xa2\xa3\x00\x1b\x21\xb1\xb2\xb3"

/* Of all that nests, an NSH or TRILL header with a frame in it has the most addresses. */
START_TEST(the_deepest_frame_with_the_most_addresses_has_room)
{
	struct link_span spans[LINK_MAX_SPANS];
	struct image m = {.n = 0};

	PUT(&m, "\x00\x00\x03\x23\x00\x06\x00\x1b\x21\xe1\xe2\xe3\xf1\xf2\x00\x04"); /* cooked */
	PUT(&m, "\x00\x00\x0c\x00\x00\x00\x00\x40\xf1\xf2\xf3\xf4");                 /* radiotap */
	PUT(&m, "\x88\x03\x00\x00" MACS "\x00\x1b\x21\xc1\xc2\xc3\x00\x00\x00\x1b\x21\xd1\xd2\xd3");
	PUT(&m, "\x80\x00" MACS "\x05\x00\xaa\xaa\x03\x00\x00\x00\x22\xf3");
	for (int i = 0; i < LINK_MAX_TAGS; i++) {
		PUT(&m, "\x00\x01\x12\x34\x56\x78" MACS);
		if (i < LINK_MAX_TAGS - 1)
			PUT(&m, "\x22\xf3");
	}
	PUT(&m, "\x08\x00\x45");
	ck_assert_uint_eq(spans_of(113, m.bytes, m.n, m.n, spans), 9 + 3 * LINK_MAX_TAGS);
	m.n -= 3;
	PUT(&m, "\x22\xf3\x00\x01\x12\x34\x56\x78" MACS "\x08\x00\x45");
	ck_assert_uint_eq(spans_of(113, m.bytes, m.n, m.n, spans), 0);
}
END_TEST

/* So many that no kernel and no card makes them: such a frame is malformed, and not archived. */
START_TEST(attributes_and_extensions_that_may_hold_addresses_are_bounded)
{
	struct link_span spans[LINK_MAX_SPANS];
	struct packet p = {.linktype = 239};
	struct link link;

	for (int extra = 0; extra < 2; extra++) {
		struct image nflog = {.n = 0}, erf = {.n = 0};

		PUT(&nflog, "\x02\x00\x00\x05");
		PUT(&erf, "\x01\x02\x03\x04\x05\x06\x07\x08\x96\x00\x00\x00\x00\x00\x00\x00");
		for (int i = 0; i < LINK_MAX_TAGS + extra; i++) {
			PUT(&nflog,
			    "\x10\x00\x08\x00\x00\x06\x00\x00\x00\x1b\x21\xa1\xa2\xa3\xf1\xf2");
			PUT(&erf, "\x90\x01\xf1\xf2\xf3\xf4\xf5\xf6");
		}
		erf.bytes[erf.n - 8] = 0x10;
		PUT(&erf, "\x45");
		PUT(&nflog, "\x05\x00\x09\x00\x45");
		ck_assert_uint_eq(spans_of(239, nflog.bytes, nflog.n, nflog.n, spans),
		    extra ? 0 : 2 * LINK_MAX_TAGS);
		ck_assert_uint_eq(
		    spans_of(197, erf.bytes, erf.n, erf.n, spans), extra ? 0 : LINK_MAX_TAGS);
		p.data = nflog.bytes;
		p.caplen = p.origlen = nflog.n;
		ck_assert_int_eq(link_decode(&p, &link), extra ? LINK_MALFORMED : LINK_IP);
	}
}
END_TEST

static Suite *spans_suite(void)
{
	Suite *s = suite_create("packet/link_spans");
	TCase *t = tcase_create("spans");

	tcase_add_test(t, the_addresses_of_each_known_header_are_found);
	tcase_add_test(t, each_link_type_that_may_hold_ip_was_looked_at);
	tcase_add_test(t, a_frame_that_is_cut_in_its_header_has_none);
	tcase_add_test(t, what_holds_no_ip_has_none);
	tcase_add_test(t, headers_with_changed_bytes_have_their_spans_before_ip);
	tcase_add_test(t, random_bytes_have_their_spans_before_ip);
	tcase_add_test(t, the_deepest_frame_with_the_most_addresses_has_room);
	tcase_add_test(t, attributes_and_extensions_that_may_hold_addresses_are_bounded);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(spans_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
