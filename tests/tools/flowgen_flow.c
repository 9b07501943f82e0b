/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What TCP and UDP flows have in common, and the UDP flow itself: small ones are DNS, larger ones a
 * stream from the server with a report by the client now and then.
 */
#include <string.h>

#include "flowgen_flow.h"
#include "flowgen_tcp.h"

#define GOLDEN       UINT64_C(0x9e3779b97f4a7c15)
#define EPHEMERAL    32768u /* ip_local_port_range of Linux: 32768..60999 */
#define EPHEMERALS   28232u
#define SMALL_BYTES  900 /* below this a flow's budget is counted in packets */
#define SMALL_PACKET 82  /* a frame without payload and its record */
#define MEDIA_MIN    40
#define SMALL_MIN    112u /* segments of at least 100 bytes, beside timestamps */
#define SMALL_SPAN   500u
#define MEDIA_PERIOD 32u /* datagrams from one report to the next */

struct traits {
	bool v6, udp, text, small;
	uint16_t vlan;
	uint64_t bits; /* for the server's address and port */
};

/* All that is one tuple's own: a connection that takes it again must find it as it was. */
static struct traits tuple_traits(const struct flowgen_options *o, uint32_t tuple)
{
	static const uint16_t vlans[] = {10, 20, 30, 100};
	struct flowgen_random r = {flowgen_mix(flowgen_mix(o->seed + GOLDEN) + tuple * GOLDEN)};
	struct traits t;
	uint64_t which;

	t.v6 = flowgen_random_chance(&r, o->v6_ppm);
	t.udp = flowgen_random_chance(&r, o->udp_ppm);
	t.text = flowgen_random_chance(&r, o->text_ppm);
	which = flowgen_random_below(&r, 4);
	t.vlan = flowgen_random_chance(&r, o->vlan_ppm) ? vlans[which] : 0;
	t.bits = flowgen_random_next(&r);
	t.small = flowgen_random_chance(&r, o->small_segment_ppm);
	return t;
}

/* 16 flows of a client in the mean; their ports differ, so no two tuples are equal. */
static uint32_t client_count(const struct flowgen_options *o)
{
	return o->flows < 320 ? 20 : (uint32_t)(o->flows / 16);
}

static void put_be32(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

/* RFC 5737 as long as it lasts, then RFC 2544, then RFC 1918. */
static uint32_t client_ipv4(uint32_t client, uint32_t clients)
{
	if (clients <= 254)
		return 0xc6336401 + client; /* 198.51.100.1 */
	if (clients <= 508)
		return client < 254 ? 0xc6336401 + client : 0xcb007101 + (client - 254);
	if (clients <= 131070)
		return 0xc6120001 + client; /* 198.18.0.1 */
	return 0x0a000001 + client;
}

static uint16_t server_port(const struct traits *t, uint8_t traits)
{
	static const uint16_t tls[] = {443, 443, 443, 443, 443, 443, 993, 8443};

	if (t->udp)
		return traits & FLOWGEN_DNS ? 53 : 16384; /* where many media servers begin */
	return t->text ? 80 : tls[t->bits >> 32 & 7];
}

void flowgen_flow_tuple(
    const struct flowgen_options *o, const struct flowgen_flow *f, struct flowgen_tuple *ret_tuple)
{
	struct flowgen_tuple *tuple = ret_tuple;
	struct traits t = tuple_traits(o, f->tuple);
	uint32_t clients = client_count(o);
	uint32_t servers = 1 + (uint32_t)(o->flows / 1000 < 199 ? o->flows / 1000 : 199);
	uint32_t client = f->tuple % clients;
	uint32_t server = (uint32_t)t.bits % servers;
	uint64_t host = flowgen_mix(o->seed + client * GOLDEN);

	memset(tuple, 0, sizeof(*tuple));
	tuple->v6 = t.v6;
	tuple->udp = t.udp;
	tuple->vlan = t.vlan;
	tuple->port[FLOWGEN_CLIENT] =
	    (uint16_t)(EPHEMERAL + (f->tuple / clients + (host & 0xffff)) % EPHEMERALS);
	tuple->port[FLOWGEN_SERVER] = server_port(&t, f->traits);
	if (!t.v6) {
		put_be32(tuple->address[FLOWGEN_CLIENT], client_ipv4(client, clients));
		put_be32(tuple->address[FLOWGEN_SERVER], 0xc0000201 + server); /* 192.0.2.1 */
		return;
	}
	/* RFC 3849: a network of its own for each client, servers all in 2001:db8:ffff::/64 */
	put_be32(tuple->address[FLOWGEN_CLIENT], 0x20010db8);
	put_be32(tuple->address[FLOWGEN_CLIENT] + 4, client);
	put_be32(tuple->address[FLOWGEN_CLIENT] + 8, (uint32_t)(host >> 32));
	put_be32(tuple->address[FLOWGEN_CLIENT] + 12, (uint32_t)(host >> 16));
	put_be32(tuple->address[FLOWGEN_SERVER], 0x20010db8);
	put_be32(tuple->address[FLOWGEN_SERVER] + 4, 0xffff0000);
	put_be32(tuple->address[FLOWGEN_SERVER] + 12, server + 1);
}

static void choose_budget(const struct flowgen_options *o, uint64_t bytes, struct flowgen_flow *f)
{
	uint64_t range = o->packets_max - o->packets_min + 1;

	f->left = (int64_t)bytes;
	if (o->packets_max != 0) {
		f->traits |= FLOWGEN_COUNTS;
		f->left = (int64_t)(o->packets_min + flowgen_random_below(&f->random, range));
	} else if (bytes < SMALL_BYTES) {
		f->traits |= FLOWGEN_COUNTS;
		f->left = bytes < SMALL_PACKET ? 1 : (int64_t)(bytes / SMALL_PACKET);
	}
}

/* The size of the next datagram, settled before its fragments use up what it depends on. */
static void choose_media_len(struct flowgen_flow *f)
{
	bool counts = f->traits & FLOWGEN_COUNTS;
	int64_t most = counts ? FLOWGEN_PAYLOAD_MAX : f->left - f->overhead - 8;
	int64_t len = 172 + (int64_t)flowgen_random_below(&f->random, 1000);

	if (f->said % MEDIA_PERIOD == 0)
		len = MEDIA_MIN;
	else if (f->traits & FLOWGEN_FRAGMENTS && (!counts || f->left >= 4))
		len = 4000; /* four fragments of the least MTU */
	if (len > most)
		len = most < MEDIA_MIN ? MEDIA_MIN : most;
	f->lead_len = (uint16_t)len;
}

static void start_udp(struct flowgen_flow *f)
{
	f->state = FLOWGEN_DATAGRAM;
	f->end = FLOWGEN_END_NONE;
	if (f->left <= 4 || (!(f->traits & FLOWGEN_COUNTS) && f->left < 1200))
		f->traits |= FLOWGEN_DNS;
	choose_media_len(f);
}

void flowgen_flow_start(
    const struct flowgen_options *o, const struct flowgen_birth *birth, struct flowgen_flow *f)
{
	struct traits t = tuple_traits(o, birth->tuple);

	memset(f, 0, sizeof(*f));
	f->random.state = flowgen_mix(flowgen_mix(o->seed) + birth->index * GOLDEN);
	f->key = flowgen_random_next(&f->random);
	f->ip_id = (uint16_t)flowgen_random_next(&f->random);
	f->tuple = birth->tuple;
	f->end_ns = birth->now_ns + birth->life_ns;
	f->record = o->format == FLOWGEN_PCAPNG ? 34 : 16; /* the padding to 32 bits is averaged */
	f->overhead = (uint16_t)(f->record + 14 + (t.vlan != 0 ? 4 : 0) + (t.v6 ? 40 : 20));
	f->mss_said = t.v6 ? 1440 : 1460;
	f->mss = f->mss_said;
	if (t.text)
		f->traits |= FLOWGEN_TEXT;
	if (flowgen_random_chance(&f->random, o->fragment_ppm))
		f->traits |= FLOWGEN_FRAGMENTS;
	choose_budget(o, birth->budget_bytes, f);
	/* Plans that count packets or fragments rely on full segments. */
	if (t.small && !(f->traits & (FLOWGEN_COUNTS | FLOWGEN_FRAGMENTS)))
		f->mss = (uint16_t)(SMALL_MIN + flowgen_random_below(&f->random, SMALL_SPAN));
	if (t.udp)
		start_udp(f);
	else
		flowgen_tcp_start(o, birth, f);
}

static void next_dns(const struct flowgen_flow *f, struct flowgen_packet *p)
{
	bool answer = f->said % 2 == 1;

	p->side = answer ? FLOWGEN_SERVER : FLOWGEN_CLIENT;
	p->message.kind = answer ? FLOWGEN_ANSWER : FLOWGEN_QUERY;
	p->message.key = flowgen_mix(f->key + f->said / 2);
	p->len = answer ? FLOWGEN_ANSWER_BYTES : FLOWGEN_QUERY_BYTES;
}

static void next_media(const struct flowgen_flow *f, struct flowgen_packet *p)
{
	p->side = f->said % MEDIA_PERIOD == 0 ? FLOWGEN_CLIENT : FLOWGEN_SERVER;
	p->message.kind = FLOWGEN_MEDIA;
	p->message.key = flowgen_mix(f->key + f->said);
	p->len = f->lead_len;
}

void flowgen_flow_next(const struct flowgen_flow *f, struct flowgen_packet *ret_p)
{
	struct flowgen_packet *p = ret_p;

	memset(p, 0, sizeof(*p));
	p->unit = f->traits & FLOWGEN_FRAGMENTS ? FLOWGEN_FRAGMENT_MTU : 0;
	p->ip_id = (uint32_t)(f->key & 0xffff) << 16 | f->ip_id; /* IPv4 takes the lower half */
	if (f->state != FLOWGEN_DATAGRAM) {
		flowgen_tcp_next(f, p);
		return;
	}
	if (f->traits & FLOWGEN_DNS)
		next_dns(f, p);
	else
		next_media(f, p);
	p->message.total = p->len;
}

void flowgen_flow_charge(struct flowgen_flow *f, uint64_t ns, uint32_t caplen, uint32_t len)
{
	if (f->packets == 0)
		f->first_ns = ns;
	f->last_ns = ns;
	f->packets++;
	f->captured_bytes += caplen;
	f->original_bytes += len;
	f->left -= f->traits & FLOWGEN_COUNTS ? 1 : (int64_t)len + f->record;
}

static uint64_t advance_udp(struct flowgen_flow *f, const struct flowgen_packet *p, uint64_t now)
{
	bool counts = f->traits & FLOWGEN_COUNTS;
	int64_t used = counts ? 1 : (int64_t)p->len + f->overhead + 8;
	int64_t least = counts ? 1 : f->overhead + 8 + 60;
	uint64_t rest = f->end_ns > now ? f->end_ns - now : 0;
	uint64_t share;
	int64_t next;

	f->said++;
	choose_media_len(f);
	next = counts ? 1 : (int64_t)f->lead_len + f->overhead + 8;
	if (f->left < least) {
		f->state = FLOWGEN_DONE;
		return 0;
	}
	if (p->message.kind == FLOWGEN_QUERY)
		return 100 * FLOWGEN_US + flowgen_random_below(&f->random, 5 * FLOWGEN_MS);
	/* Evenly over what is left of its life, give or take a half; the last ones mark its end. */
	if (f->left <= (counts ? 2 : 3) * used || f->left - next < least)
		return rest + FLOWGEN_MS;
	share = (uint64_t)used * 1024 / (uint64_t)(f->left + used);
	rest = rest / 1024 * (share < 1024 ? share : 1024);
	return 10 * FLOWGEN_US + rest / 2 + flowgen_random_below(&f->random, rest);
}

uint64_t flowgen_flow_advance(const struct flowgen_options *o, struct flowgen_flow *f,
    const struct flowgen_packet *p, uint64_t now_ns)
{
	f->piece = 0;
	f->ip_id++;
	if (f->state == FLOWGEN_DATAGRAM)
		return advance_udp(f, p, now_ns);
	return flowgen_tcp_advance(o, f, p, now_ns);
}
