/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same packets and options must give the same files, byte for byte, and the same rows, whatever
 * the number of savers, however their threads are scheduled, and however many packets come at a
 * time.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"
#include "support/quick.h"

/* What the traffic of a run is like. */
struct kind {
	const char *name;
	uint32_t conns, packets;
	uint32_t max_flows;
	uint32_t max_payload;
	uint64_t max_flow_bytes;
	int64_t max_duration_ns;
	uint32_t snaplen;
};

/* A sample has fewer flows of the kinds that make many files, with as many packets in each. */
#define FEWER(n) ((n) / QUICK_STRIDE_THREADS)

static const struct kind kinds[] = {
    {"few flows, long", 5, 5000, 1000, 1460, 0, 0, 262144},
    {"many flows, small", FEWER(2000), FEWER(6000), 100000, 100, 0, 0, 262144},
    {"more flows than room", FEWER(400), FEWER(5000), FEWER(60), 700, 0, 0, 262144},
    {"super-packets", 60, 900, 1000, 60000, 0, 0, 262144},
    {"caps and snap length", 200, 4000, 1000, 1460, 20000, SEC(20), 128},
};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

struct traffic {
	const struct kind *kind;
	uint64_t random;
	int64_t now;
	struct conn conn; /* of the present packet */
};

static uint32_t below(struct traffic *t, uint32_t n)
{
	return rig_random(&t->random, n);
}

/* Few tuples are busy, most are not. */
static void choose_conn(struct traffic *t)
{
	uint32_t n = below(t, t->kind->conns);

	if (below(t, 3) == 0)
		n = n % (t->kind->conns / 8 + 1);
	t->conn = (struct conn){.family = n % 5 == 0 ? 6 : 4,
	    .host = {1 + n % 7, 100 + n / 7},
	    .port = {(uint16_t)(1024 + n), n % 2 ? 443 : 80},
	    .vlan = {n % 11 == 0 ? 5 : 0, 0}};
}

static uint8_t choose_flags(struct traffic *t)
{
	static const uint8_t rare[] = {SYN, SYN | ACK, FIN | ACK, RST, RST | ACK, FIN | ACK | PSH};

	return below(t, 5) ? ACK : rare[below(t, sizeof(rare))];
}

static void pass_time(struct traffic *t)
{
	switch (below(t, 400)) {
	case 0:
		t->now += SEC(1) + below(t, 1000000000);
		break;
	case 1:
		t->now += (int64_t)below(t, 90) * SEC(1);
		break;
	case 2:
		t->now -= below(t, 1000000000);
		break;
	default:
		t->now += below(t, 3000000);
	}
}

static void send_one(struct traffic *t, struct rig *r)
{
	struct frame f = {.conn = &t->conn};
	uint32_t shape = below(t, 30);

	choose_conn(t);
	pass_time(t);
	rig_at(r, t->now);
	f.from = (enum end)below(t, 2);
	f.tcp_flags = choose_flags(t);
	f.seq = 1 + below(t, 3);
	f.payload_bytes = below(t, 3) ? below(t, t->kind->max_payload + 1) : 0;
	f.fragment_id = below(t, 50);
	if (shape == 0) {
		f.more = true;
	} else if (shape == 1) {
		f.fragment_offset = (uint16_t)(8 * (1 + below(t, 100)));
		f.more = below(t, 2);
	}
	rig_send(r, &f);
}

static char *run(const struct kind *k, uint64_t seed, int savers, unsigned burst)
{
	struct rig_config config = rig_defaults;
	struct traffic t = {.kind = k, .random = seed};
	struct rig *r;
	char *text;

	config.savers = savers;
	config.burst = burst;
	config.max_memory_bytes = SLAB_MIN_BYTES;
	config.max_flows = k->max_flows;
	config.max_flow_bytes = k->max_flow_bytes;
	config.max_duration_ns = k->max_duration_ns;
	config.snaplen = k->snaplen;
	config.held_fragments = true;
	config.some_all_cut = true;
	r = rig_new(&config);
	for (uint32_t i = 0; i < k->packets; i++)
		send_one(&t, r);
	rig_stop(r);
	ck_assert_uint_gt(r->file_count, 0);
	text = rig_text(r);
	rig_free(r);
	return text;
}

/* The first line in which two texts differ, for the message. */
static void compare(const char *a, const char *b, const struct kind *k, int savers)
{
	size_t at = 0;

	if (strcmp(a, b) == 0)
		return;
	while (a[at] == b[at])
		at++;
	while (at > 0 && a[at - 1] != '\n')
		at--;
	ck_abort_msg("%s, %d savers:\n%.*s\n%.*s", k->name, savers, (int)strcspn(a + at, "\n"),
	    a + at, (int)strcspn(b + at, "\n"), b + at);
}

START_TEST(files_and_rows_do_not_depend_on_threads)
{
	const struct kind *k = &kinds[_i % KINDS];
	uint64_t seed = 11 + (uint64_t)_i;
	char *first = run(k, seed, 1, 1);
	static const int savers[] = {1, 2, 5};
	static const unsigned bursts[] = {1, 7, DEMUX_BURST};

	for (int i = 0; i < 3; i++) {
		char *again = run(k, seed, savers[i], bursts[i]);

		compare(first, again, k, savers[i]);
		free(again);
	}
	free(first);
}
END_TEST

START_TEST(other_packets_give_other_files)
{
	char *a = run(&kinds[0], 1, 1, 1), *b = run(&kinds[0], 2, 1, 1);

	ck_assert_str_ne(a, b); /* so that the comparison above means something */
	free(a);
	free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("determinism");
	TCase *t = tcase_create("determinism");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, files_and_rows_do_not_depend_on_threads, 0, KINDS);
	tcase_add_test(t, other_packets_give_other_files);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
