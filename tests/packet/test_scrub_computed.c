/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of checksums that are left to the network card: what stands in the field until then is
 * right by accident in some packets, and in which of them must not be seen in what is kept.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scrubrig.h"
#include "support/quick.h"

enum { IP_SUM_AT = 10, WINDOW_AT = 14, TCP_SUM_AT = 16, TCP_SIZE = 20, ALL_WINDOWS = 0x10000 };

static struct scrubrig rig; /* for its scrub alone */
static struct shaped m;     /* an ACK */
static struct scrub_flow flow;

static void open_rig(void)
{
	static const struct policy policy = {.payload = PAYLOAD_BYTES,
	    .addresses = ADDRESSES_NETBLOCK,
	    .v4_bits = 24,
	    .v6_bits = 48};

	scrubrig_open(&rig, &policy, NULL);
	scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 0, TCP_SIZE, 0, 0});
	scrubrig_sums(&m, DECODE_TCP);
	flow = (struct scrub_flow){0};
}

static void close_rig(void)
{
	scrubrig_close(&rig);
}

static uint16_t get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* The pseudo-header's sum, as drivers leave it for a segment of n bytes (0: for them to add). */
static uint16_t partial(uint32_t n)
{
	static const uint8_t nothing[1];
	uint32_t sum = scrubrig_segment_sum(m.f.bytes + m.net, DECODE_TCP, nothing, 0) + n;

	return (uint16_t)(sum + (sum > 0xffff));
}

static bool is_right(const uint8_t *frame)
{
	return scrubrig_segment_sum(frame + m.net, DECODE_TCP, frame + m.l4, TCP_SIZE) == 0xffff;
}

/* Scrubs the frame with this window and this in its checksum field. Returns: what is kept of it. */
static const uint8_t *keep(uint32_t window, uint16_t sum)
{
	static uint8_t kept[sizeof(m.f.bytes)];
	struct packet p = {
	    .caplen = m.f.size, .origlen = m.f.size, .linktype = ETHERNET, .data = m.f.bytes};
	struct scrubbed out;
	struct decoded d;

	ipframe_set16(&m.f, m.l4 + WINDOW_AT, window);
	ipframe_set16(&m.f, m.l4 + TCP_SUM_AT, sum);
	quick_assert(decode_packet(&p, &d) == DECODE_OK);
	scrub_packet(rig.scrub, &p, &d, &flow, &out);
	quick_assert(out.packet.caplen == m.end);
	memcpy(kept, out.packet.data, out.packet.caplen);
	return kept;
}

static uint16_t kept_sum(const uint8_t *kept)
{
	return get16(kept + m.l4 + TCP_SUM_AT);
}

/* The window with which this in the field is right. */
static uint32_t window_for(uint16_t sum)
{
	for (uint32_t window = 0; window < ALL_WINDOWS; window++) {
		ipframe_set16(&m.f, m.l4 + WINDOW_AT, window);
		ipframe_set16(&m.f, m.l4 + TCP_SUM_AT, sum);
		if (is_right(m.f.bytes))
			return window;
	}
	ck_abort_msg("no window makes %04x right", sum);
	return 0;
}

/* The sum that is right with a window. */
static uint16_t sum_for(uint32_t window)
{
	ipframe_set16(&m.f, m.l4 + WINDOW_AT, window);
	scrubrig_sums(&m, DECODE_TCP);
	return get16(m.f.bytes + m.l4 + TCP_SUM_AT);
}

START_TEST(a_sum_that_is_left_to_the_card_is_never_kept_though_it_be_right_by_accident)
{
	const uint16_t forms[] = {partial(TCP_SIZE), partial(0), 0};
	uint16_t form = forms[_i];
	unsigned right = 0;

	for (uint32_t window = 0; window < ALL_WINDOWS; window++) {
		const uint8_t *kept = keep(window, form);

		right += is_right(m.f.bytes);
		quick_assert(kept_sum(kept) == 0);
	}
	ck_assert_uint_ge(right, 1);
}
END_TEST

START_TEST(once_a_sender_is_known_to_compute_its_sums_all_that_are_right_stay_right)
{
	uint32_t odd = window_for(partial(TCP_SIZE));

	ck_assert_uint_eq(kept_sum(keep(odd, partial(TCP_SIZE))), 0); /* who knows */
	ck_assert(is_right(keep(odd + 1, sum_for(odd + 1))));
	for (uint32_t window = 0; window < ALL_WINDOWS; window++)
		quick_assert(is_right(keep(window, sum_for(window))));
}
END_TEST

START_TEST(a_wrong_sum_of_another_form_is_zeroed_and_tells_nothing_of_the_sender)
{
	uint32_t odd = window_for(partial(TCP_SIZE));

	ck_assert(is_right(keep(7, sum_for(7))));
	ck_assert_uint_eq(kept_sum(keep(8, sum_for(8) ^ 0x0100)), 0);
	ck_assert(is_right(keep(odd, partial(TCP_SIZE))));
}
END_TEST

START_TEST(a_sender_that_leaves_sums_to_the_card_again_is_trusted_no_more)
{
	uint32_t odd = window_for(partial(TCP_SIZE));

	ck_assert(is_right(keep(7, sum_for(7)))); /* such as a RST, which the kernel sums itself */
	ck_assert_uint_eq(kept_sum(keep(8, partial(TCP_SIZE))), 0);
	ck_assert_uint_eq(kept_sum(keep(odd, partial(TCP_SIZE))), 0);
	ck_assert(is_right(keep(7, sum_for(7))));
}
END_TEST

START_TEST(an_ipv4_header_without_a_sum_keeps_none_though_zero_be_right_by_accident)
{
	unsigned right = 0;

	for (uint32_t id = 0; id < 2 * ALL_WINDOWS; id++) {
		const uint8_t *kept;

		ipframe_set16(&m.f, m.net + 4, id & 0xffff);
		ipframe_set16(&m.f, m.net + 8, id >> 16 ? 0x3f06 : 0x4006); /* time to live */
		ipframe_set16(&m.f, m.net + IP_SUM_AT, 0);
		right += scrubrig_sum(0, m.f.bytes + m.net, 20) == 0xffff;
		kept = keep(7, 1);
		quick_assert(get16(kept + m.net + IP_SUM_AT) == 0);
	}
	ck_assert_uint_ge(right, 1);
}
END_TEST

/* A flow between a client at this port and the server. */
static struct flowkey key_of(uint16_t client_port)
{
	struct decoded d = {.family = 4, .proto = DECODE_TCP, .sport = client_port, .dport = 443};
	struct flowkey k;

	memcpy(d.src, m.f.bytes + m.net + 12, 4);
	memcpy(d.dst, m.f.bytes + m.net + 16, 4);
	(void)flowkey_make(&d, ETHERNET, VLAN_KEY_NO, &k);
	return k;
}

START_TEST(a_new_flow_takes_of_its_ends_what_was_seen_of_others_of_their_role)
{
	const unsigned all = SCRUB_IP_COMPUTED | SCRUB_L4_COMPUTED;
	struct flowkey k = key_of(50000);
	unsigned client = k.port[SIDE_LOW] == 50000 ? 0 : SCRUB_COMPUTED_BITS;
	unsigned server = SCRUB_COMPUTED_BITS - client;

	ck_assert_uint_eq(scrub_computed(rig.scrub, &k), all | all << SCRUB_COMPUTED_BITS);
	ipframe_set16(&m.f, m.l4, 443); /* the server leaves its sums to its card */
	ipframe_set16(&m.f, m.l4 + 2, 40000);
	flow.computed = all;
	ck_assert_uint_eq(kept_sum(keep(7, partial(TCP_SIZE))), 0);
	ck_assert_uint_eq(scrub_computed(rig.scrub, &k) >> client & all, all);
	ck_assert_uint_eq(scrub_computed(rig.scrub, &k) >> server & all, SCRUB_IP_COMPUTED);
	ipframe_set16(&m.f, m.l4, 40000); /* a right one of the client tells nothing of it */
	ipframe_set16(&m.f, m.l4 + 2, 443);
	flow.computed = all;
	ck_assert(is_right(keep(7, sum_for(7))));
	ck_assert_uint_eq(scrub_computed(rig.scrub, &k) >> server & all, SCRUB_IP_COMPUTED);
	/* What tells nothing leaves what was told. */
	flow.computed = 0;
	(void)keep(8, 0x1234);
	ck_assert_uint_eq(scrub_computed(rig.scrub, &k) >> client & all, all);
}
END_TEST

START_TEST(the_layers_are_known_apart)
{
	const uint8_t *kept;

	kept = keep(7, partial(TCP_SIZE));
	ck_assert_uint_eq(kept_sum(kept), 0);
	ck_assert_uint_eq(scrubrig_sum(0, kept + m.net, 20), 0xffff);
	ck_assert_uint_eq(flow.computed, SCRUB_IP_COMPUTED);
	ipframe_set16(&m.f, m.net + IP_SUM_AT, 0);
	kept = keep(8, sum_for(8));
	ck_assert_uint_eq(flow.computed & SCRUB_L4_COMPUTED, SCRUB_L4_COMPUTED);
	ck_assert(is_right(kept));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scrub: checksums of cards");
	TCase *t = tcase_create("computed");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, open_rig, close_rig);
	tcase_add_loop_test(
	    t, a_sum_that_is_left_to_the_card_is_never_kept_though_it_be_right_by_accident, 0, 3);
	tcase_add_test(t, once_a_sender_is_known_to_compute_its_sums_all_that_are_right_stay_right);
	tcase_add_test(t, a_wrong_sum_of_another_form_is_zeroed_and_tells_nothing_of_the_sender);
	tcase_add_test(t, a_sender_that_leaves_sums_to_the_card_again_is_trusted_no_more);
	tcase_add_test(t, an_ipv4_header_without_a_sum_keeps_none_though_zero_be_right_by_accident);
	tcase_add_test(t, the_layers_are_known_apart);
	tcase_add_test(t, a_new_flow_takes_of_its_ends_what_was_seen_of_others_of_their_role);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
