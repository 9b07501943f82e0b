/* SPDX-License-Identifier: BSD-2-Clause */
/* See model.h. */
#include "model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool ended(const struct model_flow *f)
{
	return f->rst || (f->fin[A] && f->fin[B]);
}

static enum end client_of(const struct model *m, const struct model_flow *f)
{
	const struct conn *c = &m->conns[f->conn];

	if (c->host[A] == c->host[B] && c->port[A] == c->port[B])
		return A; /* there is one end only */
	if (f->syn_from >= 0)
		return (enum end)f->syn_from;
	if (f->synack_to >= 0)
		return (enum end)f->synack_to;
	if (c->port[A] != c->port[B])
		return c->port[A] > c->port[B] ? A : B;
	return (enum end)f->first_from;
}

static void close_part(struct model *m, struct model_flow *f, const char *why)
{
	struct model_part *part;

	if (f->part == MODEL_NONE)
		return;
	part = &m->parts[f->part];
	part->reason = why;
	if (ended(f) && strcmp(why, "reused") != 0)
		part->reason = f->fin[A] && f->fin[B] ? "fin" : "rst";
	part->client = client_of(m, f);
	f->part = MODEL_NONE;
}

static void close_flow(struct model *m, struct model_flow *f, const char *why)
{
	close_part(m, f, why);
	f->alive = false;
}

static void one_tick(struct model *m)
{
	m->tick_start_ns += m->idle_ns;
	for (uint32_t i = 0; i < m->flow_count; i++)
		if (m->flows[i].alive && ++m->flows[i].ticks == 2)
			close_flow(m, &m->flows[i], "idle");
}

static void clock_to(struct model *m, int64_t ts_ns, bool first)
{
	if (first || ts_ns < m->now_ns - 2 * m->idle_ns) {
		for (uint32_t i = 0; i < m->flow_count; i++)
			if (m->flows[i].alive && ended(&m->flows[i]))
				close_part(m, &m->flows[i], "");
		m->now_ns = m->tick_start_ns = ts_ns;
		return;
	}
	if (ts_ns > m->now_ns)
		m->now_ns = ts_ns;
	while (m->now_ns - m->tick_start_ns >= m->idle_ns)
		one_tick(m);
}

static void linger(struct model *m)
{
	for (uint32_t i = 0; i < m->flow_count; i++) {
		struct model_flow *f = &m->flows[i];

		if (f->alive && ended(f) && m->now_ns - f->last_ns > m->linger_ns)
			close_part(m, f, "");
	}
}

static struct model_flow *alive_on(struct model *m, uint32_t conn)
{
	for (uint32_t i = 0; i < m->flow_count; i++)
		if (m->flows[i].alive && m->flows[i].conn == conn)
			return &m->flows[i];
	return NULL;
}

static bool is_syn(const struct model_packet *p)
{
	return (p->flags & SYN) != 0 && (p->flags & ACK) == 0;
}

static bool is_new_connection(const struct model_flow *f, const struct model_packet *p)
{
	if (!is_syn(p))
		return false;
	if (f->isn_known[p->from] && f->isn[p->from] != p->seq)
		return true;
	return ended(f) && f->synack_to >= 0;
}

static struct model_flow *new_flow(struct model *m, uint32_t conn)
{
	struct model_flow *f = &m->flows[m->flow_count++];

	memset(f, 0, sizeof(*f));
	f->alive = true;
	f->conn = conn;
	f->syn_from = f->synack_to = f->first_from = -1;
	f->part = MODEL_NONE;
	return f;
}

static void see(struct model *m, struct model_flow *f, const struct model_packet *p)
{
	f->last_ns = m->now_ns;
	f->ticks = 0;
	if (!f->isn_known[p->from]) {
		f->isn_known[p->from] = true;
		f->isn[p->from] = p->seq;
	}
	if (is_syn(p) && ended(f))
		f->rst = f->fin[A] = f->fin[B] = false;
	if (f->first_from < 0)
		f->first_from = p->from;
	if (is_syn(p) && f->syn_from < 0)
		f->syn_from = p->from;
	if ((p->flags & SYN) != 0 && (p->flags & ACK) != 0 && f->synack_to < 0)
		f->synack_to = !p->from;
	if (p->flags & FIN)
		f->fin[p->from] = true;
	if (p->flags & RST)
		f->rst = true;
}

static void keep(struct model *m, struct model_flow *f, struct model_packet *p)
{
	if (f->part == MODEL_NONE) {
		f->part = m->part_count++;
		m->parts[f->part] =
		    (struct model_part){.flow = (uint32_t)(f - m->flows), .number = f->parts++};
	}
	p->part = f->part;
	m->parts[f->part].packets++;
}

/* Two ticks or more ahead (1), or more than two back (-1). */
static int leap(const struct model *m, int64_t ts_ns)
{
	if (ts_ns < m->now_ns - 2 * m->idle_ns)
		return -1;
	return (ts_ns - m->tick_start_ns) / m->idle_ns >= 2 ? 1 : 0;
}

/* Is the clock to follow this packet? */
static bool is_believed(const struct model *m, uint32_t i)
{
	int far = leap(m, m->packets[i].ts_ns);

	if (i == 0 || i + 1 == m->packet_count || far == 0)
		return true;
	return leap(m, m->packets[i + 1].ts_ns) == far;
}

void model_run(struct model *m)
{
	m->flows = calloc(m->packet_count + 1, sizeof(*m->flows));
	m->parts = calloc(m->packet_count + 1, sizeof(*m->parts));
	assert(m->flows != NULL && m->parts != NULL);
	for (uint32_t i = 0; i < m->packet_count; i++) {
		struct model_packet *p = &m->packets[i];
		struct model_flow *f;

		if (is_believed(m, i))
			clock_to(m, p->ts_ns, i == 0);
		linger(m);
		f = alive_on(m, p->conn);
		if (f != NULL && is_new_connection(f, p)) {
			close_flow(m, f, "reused");
			f = NULL;
		}
		if (f == NULL)
			f = new_flow(m, p->conn);
		see(m, f, p);
		keep(m, f, p);
	}
	for (uint32_t i = 0; i < m->flow_count; i++)
		close_flow(m, &m->flows[i], "eof");
}

void model_free(struct model *m)
{
	free(m->flows);
	free(m->parts);
}
