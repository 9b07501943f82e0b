/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random traffic through the demux and through the model of model.h: the same packets must make the
 * same flows and parts, with the same ends and clients.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "rig.h"
#include "support/quick.h"

#define SCENARIOS   200
#define MAX_CONNS   12
#define MAX_PACKETS 400

struct scenario {
	uint64_t random;
	struct conn conns[MAX_CONNS];
	uint32_t conn_count;
	struct model_packet packets[MAX_PACKETS];
	struct model model;
	struct rig_config config;
};

static uint32_t below(struct scenario *s, uint32_t n)
{
	return rig_random(&s->random, n);
}

static void make_conns(struct scenario *s)
{
	static const uint8_t families[] = {4, 6};

	s->conn_count = 1 + below(s, MAX_CONNS);
	for (uint32_t i = 0; i < s->conn_count; i++) {
		struct conn *c = &s->conns[i];

		*c = (struct conn){.family = families[below(s, 2)],
		    .host = {1 + below(s, 2), 1 + below(s, 2)},
		    .port = {(uint16_t)(1000 + i), below(s, 4) ? 2000 : (uint16_t)(1000 + i)}};
	}
}

/* Steps of time that lie on, just before and just after what the rules speak of. */
static int64_t time_step(struct scenario *s)
{
	int64_t idle = s->config.idle_ns, linger = s->config.linger_ns;
	int64_t edge = (int64_t)below(s, 3) - 1;

	switch (below(s, 24)) {
	case 0:
		return linger + edge;
	case 1:
		return idle + edge;
	case 2:
		return 2 * idle + edge;
	case 3:
		return idle * (1 + below(s, 40)) / 16;
	case 4:
		return idle * below(s, 9);
	case 5:
		return -(int64_t)below(s, 1000000);
	case 6:
		return below(s, 6) ? -idle - edge : -2 * idle - edge;
	case 7:
		return below(s, 10) ? 0 : -5 * idle;
	case 8:
		return idle / 2 + edge;
	default:
		return below(s, 4) ? (int64_t)below(s, 50000000) : 0;
	}
}

static uint8_t some_flags(struct scenario *s)
{
	static const uint8_t often[] = {
	    SYN, SYN, SYN | ACK, ACK, ACK, ACK, ACK | PSH, FIN | ACK, FIN | ACK, RST, RST | ACK};

	if (below(s, 20) == 0)
		return (uint8_t)below(s, 32); /* anything, as scanners send it */
	return often[below(s, sizeof(often))];
}

/* Who is connected to itself has one end only. */
static enum end some_end(struct scenario *s, const struct conn *c)
{
	enum end e = (enum end)below(s, 2);

	return c->host[A] == c->host[B] && c->port[A] == c->port[B] ? A : e;
}

static void make_packets(struct scenario *s)
{
	int64_t now = RIG_START_NS;
	uint32_t n = 1 + below(s, MAX_PACKETS);

	for (uint32_t i = 0; i < n; i++) {
		struct model_packet *p = &s->packets[i];

		now += time_step(s);
		p->ts_ns = now;
		p->conn = below(s, s->conn_count);
		p->from = some_end(s, &s->conns[p->conn]);
		p->flags = some_flags(s);
		p->seq = 100 * (1 + below(s, 3)) + (uint32_t)p->from;
	}
	s->model = (struct model){.idle_ns = s->config.idle_ns,
	    .linger_ns = s->config.linger_ns,
	    .conns = s->conns,
	    .packets = s->packets,
	    .packet_count = n};
}

static void choose_config(struct scenario *s)
{
	static const int64_t idles[] = {SEC(1), SEC(30), MS(1), SEC(7) + 3};

	s->config = rig_defaults;
	s->config.savers = 1 + (int)below(s, 3);
	s->config.idle_ns = idles[below(s, 4)];
	s->config.linger_ns = s->config.idle_ns * (1 + below(s, 60)) / 16;
	s->config.some_all_cut = true; /* two flows may begin with one tuple, time and number */
}

/* Every packet of a part is in one file, which has no others, and says what the part says. */
static void compare_part(const struct scenario *s, const struct rig *r, uint32_t number)
{
	const struct model_part *part = &s->model.parts[s->packets[number].part];
	const struct rig_file *f = rig_file(r, number);
	const char *reason = record_end_reason_name(f->record.end_reason);

	if (f->count != part->packets)
		ck_abort_msg("packet %u: flow %u part %u has %u packets, its file %u", number,
		    part->flow, part->number, part->packets, f->count);
	if (strcmp(reason, part->reason) != 0)
		ck_abort_msg(
		    "packet %u: ended by %s, its file says %s", number, part->reason, reason);
	if (rig_client(f, &s->conns[s->packets[number].conn]) != part->client)
		ck_abort_msg("packet %u: the client is %d", number, part->client);
}

static void compare(const struct scenario *s, const struct rig *r)
{
	const struct model *m = &s->model;
	uint32_t first[MAX_PACKETS];

	ck_assert_uint_eq(ledger_get(&r->ledger.flows), m->flow_count);
	ck_assert_uint_eq(r->file_count, m->part_count);
	memset(first, 0xff, sizeof(first));
	for (uint32_t i = 0; i < m->packet_count; i++) {
		uint32_t part = m->packets[i].part;

		compare_part(s, r, i);
		if (first[part] == MODEL_NONE)
			first[part] = i;
		else if (!rig_same(r, first[part], i))
			ck_abort_msg("packets %u and %u should be in one file", first[part], i);
		if (m->parts[part].number > rig_file(r, i)->record.part)
			ck_abort_msg("packet %u should be in part %u", i, m->parts[part].number);
	}
}

/* Parts of one flow have one name; the first packets of a flow's parts show it. */
static void compare_names(const struct scenario *s, const struct rig *r)
{
	const struct model *m = &s->model;

	for (uint32_t i = 0; i < m->packet_count; i++)
		for (uint32_t j = i + 1; j < m->packet_count; j++)
			if (m->parts[m->packets[i].part].flow == m->parts[m->packets[j].part].flow)
				rig_must(rig_same_flow(r, i, j));
}

START_TEST(the_demux_agrees_with_the_model)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct rig *r;

	ck_assert_ptr_nonnull(s);
	s->random = 1000 + (uint64_t)_i;
	choose_config(s);
	make_conns(s);
	make_packets(s);
	model_run(&s->model);
	r = rig_new(&s->config);
	for (uint32_t i = 0; i < s->model.packet_count; i++) {
		const struct model_packet *p = &s->packets[i];

		rig_at(r, p->ts_ns - RIG_START_NS);
		rig_tcp(r, &s->conns[p->conn], p->from, p->flags, p->seq);
	}
	rig_stop(r);
	compare(s, r);
	compare_names(s, r);
	rig_free(r);
	model_free(&s->model);
	free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demux model");
	TCase *t = tcase_create("model");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(
	    t, the_demux_agrees_with_the_model, 0, (int)quick_rounds_threads(SCENARIOS, 40));
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
