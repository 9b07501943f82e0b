/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the keeper: what open flows hold, who is flushed when it becomes too much, and how the
 * packets are divided into gzip members. The flows here are the test's own; the demux stands idle.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rig.h"

#define FLOWS_MAX 400

struct keeping {
	struct rig *rig;
	struct keeper *keeper;
	struct flow flows[FLOWS_MAX];
	uint32_t flow_count;
	uint64_t limit_bytes;
};

static struct conn conn(uint32_t n)
{
	return (struct conn){.family = 4, .host = {1, 2}, .port = {(uint16_t)(1000 + n), 80}};
}

static struct keeping *begin(int savers, uint32_t flow_count)
{
	struct keeping *x = calloc(1, sizeof(*x));
	struct rig_config config = rig_defaults;
	struct keeper_config k = {
	    .mode = KEEPER_WAIT, .max_memory_bytes = SLAB_MIN_BYTES, .snaplen = PACKET_MAX_CAPLEN};

	ck_assert_ptr_nonnull(x);
	config.savers = savers;
	config.max_memory_bytes = SLAB_MIN_BYTES;
	config.some_all_cut = true; /* flows are counted by the demux, which sees none */
	x->rig = rig_new(&config);
	x->rig->step_ns = 1000;
	k.slab = x->rig->slab;
	k.savers = x->rig->savers;
	k.ledger = &x->rig->ledger;
	ck_assert_int_eq(keeper_new(&k, &x->keeper), 0);
	x->limit_bytes = k.max_memory_bytes / 2;
	x->flow_count = flow_count;
	for (uint32_t i = 0; i < flow_count; i++) {
		x->flows[i].list = FLOW_OPEN;
		x->flows[i].number = i;
		x->flows[i].serial = i + 1;
		x->flows[i].hash = i * 2654435761u;
	}
	return x;
}

static uint64_t held(const struct flow *f)
{
	uint64_t bytes = 0;

	for (const struct chunk *c = f->head; c != NULL; c = c->next)
		bytes += chunk_bytes(c);
	return bytes;
}

static uint64_t held_by_all(const struct keeping *x)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < x->flow_count; i++)
		bytes += held(&x->flows[i]);
	return bytes;
}

/* What the demux does with a packet of flow n; the frame has total bytes. */
static void append(struct keeping *x, uint32_t n, uint32_t total)
{
	struct conn c = conn(n);
	struct frame frame = {.conn = &c,
	    .tcp_flags = ACK,
	    .payload_bytes = total - 54,
	    .length_unknown = total > 65535};
	struct flow *f = &x->flows[n];
	struct decoded d;
	struct packet p;
	enum side sender;

	rig_make(x->rig, &frame, FRAME_MAX_BYTES, &p);
	rig_must(decode_packet(&p, &d) == DECODE_OK);
	sender = flowkey_make(&d, p.linktype, VLAN_KEY_NO, &f->key);
	ledger_add(&x->rig->ledger.packets_read, 1);
	ledger_add(&x->rig->ledger.bytes_read, p.caplen);
	if (f->origin_ns == 0)
		f->origin_ns = p.ts_ns;
	flow_see(f, &d, sender);
	rig_must(keeper_append(x->keeper, f, &p, p.caplen) == 0);
	tally_add(&f->tally, &p, p.caplen, &d, sender);
}

static void finish(struct keeping *x)
{
	for (uint32_t i = 0; i < x->flow_count; i++)
		if (flow_pkts(&x->flows[i]) > 0)
			ck_assert_int_eq(keeper_close(x->keeper, &x->flows[i], END_EOF, ""), 0);
	ck_assert_uint_eq(held_by_all(x), 0);
	rig_stop(x->rig);
	keeper_free(x->keeper); /* until now the savers told it what half-open flows have left */
}

static void end(struct keeping *x)
{
	rig_free(x->rig);
	free(x);
}

START_TEST(a_lone_syn_costs_at_most_512_bytes)
{
	struct keeping *x = begin(1, 1);

	append(x, 0, 74); /* with the options that Linux sends */
	/* Chunk, flow, and 4/3 of a slot of 8 bytes. */
	ck_assert_uint_le(held(&x->flows[0]) + sizeof(struct flow) + 11, 512);
	finish(x);
	ck_assert_uint_eq(x->rig->file_count, 1);
	end(x);
}
END_TEST

START_TEST(a_closed_flow_is_ready_for_its_next_part)
{
	struct keeping *x = begin(1, 1);
	struct flow *f = &x->flows[0];

	for (uint32_t part = 0; part < 4; part++) {
		ck_assert_uint_eq(f->part, part);
		append(x, 0, 1000);
		if (part & 1)
			ck_assert_int_eq(keeper_flush(x->keeper, f), 0);
		ck_assert_int_eq(f->staged, part & 1);
		append(x, 0, 500);
		if (part & 2)
			ck_assert_int_eq(keeper_flush(x->keeper, f), 0);
		f->cut_bytes_pkts = f->cut_duration_pkts = 5;
		ck_assert_int_eq(keeper_close(x->keeper, f, END_FIN, "eth0"), 0);
		ck_assert(f->head == NULL && f->tail == NULL && !f->staged);
		ck_assert_uint_eq(flow_pkts(f), 0);
		ck_assert_uint_eq(f->cut_bytes_pkts + f->cut_duration_pkts + f->held_bytes, 0);
	}
	finish(x);
	ck_assert_uint_eq(x->rig->file_count, 4);
	ck_assert_uint_eq(x->rig->flow_count, 1);
	ck_assert_str_eq(x->rig->files[3].record.interface, "eth0");
	ck_assert_uint_eq(x->rig->files[3].record.cut_bytes_pkts, 5);
	end(x);
}
END_TEST

START_TEST(flushing_a_flow_that_holds_nothing_does_nothing)
{
	struct keeping *x = begin(1, 1);

	ck_assert_int_eq(keeper_flush(x->keeper, &x->flows[0]), 0);
	ck_assert(!x->flows[0].staged);
	append(x, 0, 100);
	ck_assert_int_eq(keeper_flush(x->keeper, &x->flows[0]), 0);
	ck_assert_int_eq(keeper_flush(x->keeper, &x->flows[0]), 0);
	finish(x);
	ck_assert_uint_eq(x->rig->file_count, 1);
	end(x);
}
END_TEST

START_TEST(open_flows_hold_at_most_half_of_the_memory)
{
	uint64_t random = 20 + (uint64_t)_i, most = 0;
	struct keeping *x = begin(1 + _i % 3, FLOWS_MAX);
	uint32_t sizes[] = {60, 60, 200, 1514, 1514, 9000, 60000, 200000};

	for (int i = 0; i < 6000; i++) {
		uint64_t now;

		append(
		    x, rig_random(&random, FLOWS_MAX), sizes[rig_random(&random, _i == 0 ? 4 : 8)]);
		now = held_by_all(x);
		rig_must(now <= x->limit_bytes);
		most = now > most ? now : most;
	}
	/* And they make use of it: less a chunk of the largest kind. */
	ck_assert_uint_ge(most, x->limit_bytes - slab_cost_bytes(CHUNK_MAX_DATA_BYTES));
	finish(x);
	end(x);
}
END_TEST

/* A packet that takes a chunk of 64 KiB, and leaves room in it. */
#define LARGE 40000

/* Flows 0 to 2 hold such a chunk; others follow until half of the memory is held. */
static void fill(struct keeping *x)
{
	for (uint32_t i = 4; held_by_all(x) + slab_cost_bytes(LARGE) <= x->limit_bytes; i++)
		append(x, i, LARGE);
}

/* One more chunk is wanted: which of flows 0 to 2 makes room? */
static uint32_t first_flushed(struct keeping *x)
{
	uint32_t flushed = FLOWS_MAX;

	fill(x);
	append(x, 3, LARGE);
	for (uint32_t i = 0; i < x->flow_count; i++) {
		if (i == 3 || flow_pkts(&x->flows[i]) == 0 || x->flows[i].head != NULL)
			continue;
		ck_assert_uint_eq(flushed, FLOWS_MAX); /* no more than needed */
		flushed = i;
	}
	return flushed;
}

START_TEST(half_open_flows_are_flushed_first_then_ended_then_open_ones)
{
	/* which list each of the three is in, and which goes first */
	static const struct {
		uint8_t list[3];
		uint32_t first;
	} cases[] = {
	    {{FLOW_OPEN, FLOW_ENDED, FLOW_HALF_OPEN}, 2},
	    {{FLOW_OPEN, FLOW_HALF_OPEN, FLOW_ENDED}, 1},
	    {{FLOW_OPEN, FLOW_ENDED, FLOW_OPEN}, 1},
	    {{FLOW_OPEN, FLOW_OPEN, FLOW_OPEN}, 0},
	    {{FLOW_ENDED, FLOW_ENDED, FLOW_HALF_OPEN}, 2},
	};
	struct keeping *x = begin(1, 100);

	for (uint32_t i = 0; i < 3; i++) {
		x->flows[i].list = cases[_i].list[i];
		append(x, i, LARGE);
	}
	ck_assert_uint_eq(first_flushed(x), cases[_i].first);
	finish(x);
	end(x);
}
END_TEST

START_TEST(a_flow_that_changes_its_list_is_flushed_with_the_others_of_that)
{
	struct keeping *x = begin(1, 100);

	for (uint32_t i = 0; i < 3; i++)
		append(x, i, LARGE);
	x->flows[1].list = FLOW_ENDED;
	keeper_moved(x->keeper, &x->flows[1]);
	ck_assert_uint_eq(first_flushed(x), 1);
	finish(x);
	end(x);
}
END_TEST

START_TEST(who_has_held_for_longest_is_flushed_first_busy_or_not)
{
	struct keeping *x = begin(1, 100);

	for (uint32_t i = 0; i < 3; i++)
		append(x, i, LARGE);
	append(x, 0, 60);
	append(x, 2, 60);
	ck_assert_uint_eq(first_flushed(x), 0);
	finish(x);
	end(x);
}
END_TEST

START_TEST(who_holds_much_is_flushed_before_who_has_held_little_for_longer)
{
	/* bytes of the packets of flows 0 to 2, in their order; 0: none */
	static const struct {
		uint32_t first[3], then[3];
		uint32_t flushed;
	} cases[] = {
	    {{60, 60, LARGE}, {0}, 2},
	    {{60, LARGE, LARGE}, {0}, 1},
	    {{60, 3000, LARGE}, {0}, 2},
	    {{60, LARGE, LARGE}, {LARGE, 0, 0}, 1}, /* grown: it stands behind those by then */
	    {{60, 3000, 9000}, {LARGE, 0, 0}, 0},
	};
	struct keeping *x = begin(1, 100);

	for (uint32_t i = 0; i < 3; i++)
		append(x, i, cases[_i].first[i]);
	for (uint32_t i = 0; i < 3; i++)
		if (cases[_i].then[i] > 0)
			append(x, i, cases[_i].then[i]);
	ck_assert_uint_eq(first_flushed(x), cases[_i].flushed);
	finish(x);
	end(x);
}
END_TEST

START_TEST(half_open_flows_are_flushed_by_age_whatever_they_hold)
{
	struct keeping *x = begin(1, 100);

	for (uint32_t i = 0; i < 3; i++) {
		x->flows[i].half_open = true;
		append(x, i, i == 0 ? 60 : LARGE);
	}
	ck_assert_uint_eq(first_flushed(x), 0);
	finish(x);
	end(x);
}
END_TEST

/* ---- members --------------------------------------------------------------------------------- */

static uint8_t *read_whole(const struct rig *r, const struct rig_file *f, size_t *ret_bytes)
{
	char path[160];
	FILE *file;
	uint8_t *bytes = malloc(f->record.length);

	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, f->path);
	file = fopen(path, "rb");
	ck_assert(file != NULL && bytes != NULL);
	*ret_bytes = fread(bytes, 1, f->record.length, file);
	ck_assert_uint_eq(*ret_bytes, f->record.length);
	(void)fclose(file);
	return bytes;
}

/* Inflates one member into out. Returns: what it took of in; *ret_out what it gave. */
static size_t inflate_member(const uint8_t *in, size_t n, uint8_t *out, size_t *ret_out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
	    .avail_in = (uInt)n,
	    .next_out = out,
	    .avail_out = 600000};

	ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_out = z.total_out;
	ck_assert_int_eq(inflateEnd(&z), Z_OK);
	return z.total_in;
}

static uint32_t whole_records(const uint8_t *p, size_t n)
{
	uint32_t records = 0;
	size_t at = 0;

	while (at < n) {
		rig_must(n - at >= 16);
		at += 16 + (p[at + 8] | p[at + 9] << 8 | (size_t)p[at + 10] << 16);
		rig_must(at <= n);
		records++;
	}
	return records;
}

START_TEST(a_member_holds_whole_records_of_at_most_64_kib_or_one_larger)
{
	static const uint32_t sizes[] = {60, 590, 1514, 9014, 65504, 65505, 262144};
	uint64_t random = 60 + (uint64_t)_i;
	struct keeping *x = begin(1, 1);
	uint8_t *bytes, *out = malloc(600000);
	size_t n, at = 0, got = 0, members = 0;
	uint32_t records = 0;

	for (int i = 0; i < 400; i++)
		append(x, 0, sizes[rig_random(&random, (uint32_t)_i)]);
	finish(x);
	ck_assert_uint_eq(x->rig->file_count, 1);
	bytes = read_whole(x->rig, &x->rig->files[0], &n);
	at = inflate_member(bytes, n, out, &got);
	ck_assert_uint_eq(got, 24);
	while (at < n) {
		uint32_t here;

		at += inflate_member(bytes + at, n - at, out, &got);
		here = whole_records(out, got);
		records += here;
		members++;
		ck_assert(got <= 65536 || here == 1);
		ck_assert(got > 0 || at == n); /* the record's member, and nothing behind */
	}
	ck_assert_uint_eq(got, 0);
	ck_assert_uint_eq(records, 400);
	/* Each but the last is as full as the largest packet lets it be. */
	if (_i <= 4)
		ck_assert_uint_le(
		    members, 2 + x->rig->files[0].record.tally.captured_bytes / (65536 - 9100));
	free(bytes);
	free(out);
	end(x);
}
END_TEST

/* Who is flushed, and when, as a hash over the whole history. */
static uint64_t history(int savers, uint64_t seed)
{
	struct keeping *x = begin(savers, FLOWS_MAX);
	uint64_t hash = 1;

	for (int i = 0; i < 4000; i++) {
		append(x, rig_random(&seed, FLOWS_MAX), 60 + rig_random(&seed, 20000));
		for (uint32_t n = 0; n < FLOWS_MAX; n += 7)
			hash = (hash ^ (held(&x->flows[n]) * 2 + x->flows[n].staged)) *
			       UINT64_C(0x100000001b3);
	}
	finish(x);
	end(x);
	return hash;
}

START_TEST(who_is_flushed_does_not_depend_on_the_savers)
{
	uint64_t first = history(1, 5);

	ck_assert_uint_eq(history(5, 5), first);
	ck_assert_uint_eq(history(2, 5), first);
	ck_assert_uint_ne(history(1, 6), first);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keeper");
	TCase *t = tcase_create("keeper");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_lone_syn_costs_at_most_512_bytes);
	tcase_add_test(t, a_closed_flow_is_ready_for_its_next_part);
	tcase_add_test(t, flushing_a_flow_that_holds_nothing_does_nothing);
	tcase_add_loop_test(t, open_flows_hold_at_most_half_of_the_memory, 0, 4);
	tcase_add_loop_test(t, half_open_flows_are_flushed_first_then_ended_then_open_ones, 0, 5);
	tcase_add_test(t, a_flow_that_changes_its_list_is_flushed_with_the_others_of_that);
	tcase_add_test(t, who_has_held_for_longest_is_flushed_first_busy_or_not);
	tcase_add_loop_test(
	    t, who_holds_much_is_flushed_before_who_has_held_little_for_longer, 0, 5);
	tcase_add_test(t, half_open_flows_are_flushed_by_age_whatever_they_hold);
	tcase_add_loop_test(t, a_member_holds_whole_records_of_at_most_64_kib_or_one_larger, 1, 8);
	tcase_add_test(t, who_is_flushed_does_not_depend_on_the_savers);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
