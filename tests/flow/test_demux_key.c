/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what takes part in a flow and what is only counted: VLANs, protocols, frames that are no
 * flow's, and packets that were captured short.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static struct conn conn(uint8_t proto)
{
	return (struct conn){.family = 4, .proto = proto, .host = {1, 2}, .port = {5000, 80}};
}

/* ---- VLANs ----------------------------------------------------------------------------------- */

/* Untagged, VLAN 10, VLAN 11, 10 within 20, 20 alone: five that may be one. */
static const uint16_t vlans[5][2] = {{0, 0}, {10, 0}, {11, 0}, {20, 10}, {20, 0}};

static struct rig *send_over_vlans(enum vlan_key vlan_key, bool answers_untagged)
{
	struct rig_config config = rig_defaults;
	struct rig *r;

	config.vlan_key = vlan_key;
	r = rig_new(&config);
	for (int i = 0; i < 5; i++) {
		struct conn c = conn(6);

		memcpy(c.vlan, vlans[i], sizeof(c.vlan));
		rig_data(r, &c, A, 10);
		if (answers_untagged)
			memset(c.vlan, 0, sizeof(c.vlan));
		rig_data(r, &c, B, 10);
	}
	rig_stop(r);
	return r;
}

START_TEST(vlans_do_not_tell_flows_apart_by_default)
{
	struct rig *r = send_over_vlans(VLAN_KEY_NO, _i);

	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 10);
	ck_assert_uint_eq(r->files[0].record.key.vlan[0], 0);
	ck_assert_uint_eq(r->files[0].record.tally.vlan, 0); /* that of the first packet */
	rig_free(r);
}
END_TEST

START_TEST(vlans_tell_flows_apart_when_they_are_in_the_key)
{
	struct rig *r = send_over_vlans(VLAN_KEY_YES, false);

	ck_assert_uint_eq(r->flow_count, 5); /* with names of their own, though all else is equal */
	ck_assert_uint_eq(r->file_count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(r->files[i].count, 2);
		ck_assert_mem_eq(r->files[i].record.key.vlan, vlans[i], sizeof(vlans[i]));
		ck_assert_uint_eq(r->files[i].record.tally.vlan, vlans[i][0]);
	}
	rig_free(r);
}
END_TEST

START_TEST(fragments_stay_in_their_vlan)
{
	struct rig_config config = rig_defaults;
	struct conn c[2] = {conn(6), conn(6)};
	uint32_t n[4];
	struct rig *r;

	config.vlan_key = VLAN_KEY_YES;
	r = rig_new(&config);
	for (int i = 0; i < 2; i++) {
		c[i].vlan[0] = (uint16_t)(10 + i);
		n[i] = rig_send(r, &(struct frame){.conn = &c[i],
				       .tcp_flags = ACK,
				       .payload_bytes = 980,
				       .fragment_id = 7,
				       .more = true});
	}
	for (int i = 0; i < 2; i++)
		n[2 + i] = rig_send(r, &(struct frame){.conn = &c[i],
					   .payload_bytes = 100,
					   .fragment_id = 7,
					   .fragment_offset = 1000});
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[2]) && rig_same(r, n[1], n[3]) && !rig_same(r, n[0], n[1]));
	rig_free(r);
}
END_TEST

/* ---- protocols ------------------------------------------------------------------------------- */

static struct rig *all_protocols_rig(void)
{
	struct rig_config config = rig_defaults;

	config.all_protocols = true;
	return rig_new(&config);
}

static const uint8_t others[] = {17, 1, 132, 47, 50, 58};

START_TEST(tcp_alone_is_archived_by_default)
{
	struct rig *r = rig_new(&rig_defaults);
	struct conn tcp = conn(6);

	for (size_t i = 0; i < sizeof(others); i++) {
		struct conn c = conn(others[i]);

		rig_send(r, &(struct frame){.conn = &c, .payload_bytes = 40});
	}
	rig_data(r, &tcp, A, 1);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(rig_skipped(r, SKIP_not_tcp), sizeof(others));
	rig_free(r);
}
END_TEST

START_TEST(each_protocol_has_flows_of_its_own)
{
	struct rig *r = all_protocols_rig();

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(others); i++) {
			struct conn c = conn(others[i]);

			rig_send(
			    r, &(struct frame){
				   .conn = &c, .from = (enum end)(round & 1), .payload_bytes = 40});
		}
	}
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, sizeof(others));
	for (uint32_t i = 0; i < r->file_count; i++) {
		const struct rig_file *f = &r->files[i];
		bool ports = others[i] == 17 || others[i] == 132,
		     echo = others[i] == 1 || others[i] == 58;

		ck_assert_uint_eq(f->count, 3);
		ck_assert_uint_eq(f->record.key.proto, others[i]);
		ck_assert_uint_eq(f->record.key.port[0], ports || echo ? 5000 : 0);
		ck_assert_uint_eq(f->record.key.port[1], ports ? 80 : echo ? 5000 : 0);
		rig_end(r, f->numbers[0], "eof");
	}
	rig_free(r);
}
END_TEST

START_TEST(echoes_are_told_apart_by_their_identifier)
{
	struct conn one = conn(1), two = conn(1);
	struct rig *r = all_protocols_rig();
	uint32_t n[4];

	two.port[A]++;
	n[0] = rig_send(r, &(struct frame){.conn = &one, .icmp_type = 8});
	n[1] = rig_send(r, &(struct frame){.conn = &two, .icmp_type = 8});
	n[2] = rig_send(r, &(struct frame){.conn = &one, .from = B, .icmp_type = 8, .seq = 1});
	n[3] = rig_send(
	    r, &(struct frame){.conn = &one, .icmp_type = 3}); /* unreachable: no identifier */
	rig_stop(r);
	ck_assert_uint_eq(r->flow_count, 3);
	ck_assert(rig_same(r, n[0], n[2]));
	ck_assert(!rig_same(r, n[0], n[1]) && !rig_same(r, n[0], n[3]));
	rig_free(r);
}
END_TEST

START_TEST(flows_without_connections_end_idle_and_know_no_reuse)
{
	struct conn udp = conn(17);
	struct rig *r = all_protocols_rig();
	uint32_t n[3];

	/* Payload whose bytes would be a SYN, a RST and a FIN in TCP must not matter. */
	n[0] = rig_send(r, &(struct frame){.conn = &udp, .payload_bytes = 40, .seq = 1});
	n[1] = rig_send(r, &(struct frame){.conn = &udp, .payload_bytes = 400, .seq = 2});
	rig_at(r, SEC(61));
	n[2] = rig_send(r, &(struct frame){.conn = &udp, .payload_bytes = 40});
	rig_stop(r);
	ck_assert(rig_same(r, n[0], n[1]));
	ck_assert(!rig_same_flow(r, n[0], n[2]));
	rig_end(r, n[0], "idle");
	rig_free(r);
}
END_TEST

START_TEST(the_higher_port_is_the_client_of_udp_too)
{
	struct conn udp = conn(17), icmp = conn(1);
	struct rig *r = all_protocols_rig();
	uint32_t n[2];

	n[0] = rig_send(r, &(struct frame){.conn = &udp, .from = B});
	n[1] = rig_send(r, &(struct frame){.conn = &icmp, .from = B});
	rig_stop(r);
	ck_assert_int_eq(rig_client(rig_file(r, n[0]), &udp), A);
	icmp.port[B] = icmp.port[A];                                    /* equal: who spoke first */
	ck_assert_uint_eq(rig_file(r, n[1])->record.client, SIDE_HIGH); /* 10.0.0.2 */
	rig_free(r);
}
END_TEST

/* ---- frames that are no flow's --------------------------------------------------------------- */

static uint8_t odd_frames[][60] = {
    {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x08, 0x06},       /* ARP */
    {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x08, 0x00, 0x41}, /* a header of 4 bytes */
    {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x86, 0xdd, 0x45}, /* IPv4 in place of IPv6 */
    {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x08, 0x00, 0x45}, /* TCP cut before its ports */
};

static void send_odd(struct rig *r, int i, uint32_t caplen, uint32_t linktype)
{
	struct packet p = {.ts_ns = r->now_ns,
	    .caplen = caplen,
	    .origlen = 60,
	    .linktype = linktype,
	    .data = odd_frames[i]};

	demux_packet(r->demux, &p);
}

START_TEST(frames_that_are_no_flows_are_counted_by_reason)
{
	static const struct {
		uint32_t caplen, linktype;
		enum ledger_skip reason;
	} cases[] = {{60, 1, SKIP_not_ip}, {60, 1, SKIP_malformed}, {60, 1, SKIP_malformed},
	    {34, 1, SKIP_truncated}, {60, 147, SKIP_linktype}, {10, 1, SKIP_truncated},
	    {0, 1, SKIP_truncated}};
	struct rig *r = rig_new(&rig_defaults);

	odd_frames[3][17] = 40;
	odd_frames[3][23] = 6;
	send_odd(r, _i < 4 ? _i : 0, cases[_i].caplen, cases[_i].linktype);
	ck_assert_uint_eq(rig_skipped(r, cases[_i].reason), 1);
	ck_assert_uint_eq(ledger_skipped(&r->ledger), 1);
	ck_assert_uint_eq(ledger_get(&r->ledger.bytes_read), cases[_i].caplen);
	demux_skip(r->demux, &(struct packet){.caplen = 7, .origlen = 9}, SKIP_filtered);
	ck_assert_uint_eq(rig_skipped(r, SKIP_filtered), 1);
	ck_assert_uint_eq(ledger_get(&r->ledger.packets_read), 2);
	ck_assert_uint_eq(ledger_get(&r->ledger.bytes_read), cases[_i].caplen + 7);
	/* They were not sent by the rig: it would miss them. */
	atomic_store(&r->ledger.packets_read, 0);
	atomic_store(&r->ledger.bytes_read, 0);
	atomic_store(&r->ledger.skipped[cases[_i].reason], 0);
	atomic_store(&r->ledger.skipped[SKIP_filtered], 0);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 0);
	rig_free(r);
}
END_TEST

/* ---- captured short -------------------------------------------------------------------------- */

START_TEST(packets_captured_short_are_kept_as_they_are)
{
	struct conn c = conn(6);
	struct rig *r = rig_new(&rig_defaults);

	rig_tcp(r, &c, A, SYN, 1);
	for (uint32_t caplen = 54; caplen < 120; caplen += 11)
		rig_send_cut(r,
		    &(struct frame){.conn = &c, .tcp_flags = ACK, .payload_bytes = 1000}, caplen);
	/* Ports, but no flags: of the flow, but neither SYN nor FIN nor RST. */
	rig_send_cut(r, &(struct frame){.conn = &c, .tcp_flags = RST, .payload_bytes = 1000}, 40);
	rig_send_cut(r, &(struct frame){.conn = &c, .tcp_flags = SYN, .seq = 77}, 47);
	rig_stop(r);
	ck_assert_uint_eq(r->file_count, 1);
	ck_assert_uint_eq(r->files[0].count, 9);
	rig_end(r, 0, "eof");
	rig_free(r);
}
END_TEST

START_TEST(a_snap_length_cuts_what_is_kept)
{
	static const uint32_t snaplens[] = {80, 96, 200, 1000};
	struct rig_config config = rig_defaults;
	struct conn four = conn(6), six = conn(6);
	struct rig *r;

	six.family = 6;
	config.snaplen = snaplens[_i];
	r = rig_new(&config);
	for (uint32_t n = 0; n < 1400; n += 13) {
		rig_data(r, &four, A, n);
		rig_data(r, &six, B, n);
	}
	rig_stop(r); /* asserts lengths and bytes */
	ck_assert_uint_eq(r->file_count, 2);
	ck_assert_uint_eq(r->files[0].record.snaplen, snaplens[_i]);
	ck_assert_uint_gt(r->files[0].record.tally.truncated_pkts, 0);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux key");
	TCase *t = tcase_create("key");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, vlans_do_not_tell_flows_apart_by_default, 0, 2);
	tcase_add_test(t, vlans_tell_flows_apart_when_they_are_in_the_key);
	tcase_add_test(t, fragments_stay_in_their_vlan);
	tcase_add_test(t, tcp_alone_is_archived_by_default);
	tcase_add_test(t, each_protocol_has_flows_of_its_own);
	tcase_add_test(t, echoes_are_told_apart_by_their_identifier);
	tcase_add_test(t, flows_without_connections_end_idle_and_know_no_reuse);
	tcase_add_test(t, the_higher_port_is_the_client_of_udp_too);
	tcase_add_loop_test(t, frames_that_are_no_flows_are_counted_by_reason, 0, 7);
	tcase_add_test(t, packets_captured_short_are_kept_as_they_are);
	tcase_add_loop_test(t, a_snap_length_cuts_what_is_kept, 0, 4);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
