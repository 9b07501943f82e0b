/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayrow.h. */
#include "archive/dayrow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "packet/ipaddr.h"

/* Binds values from left to right. */
struct binder {
	sqlite3_stmt *st;
	int at, rc;
};

static void bind_int(struct binder *b, uint64_t v)
{
	b->rc |= sqlite3_bind_int64(b->st, b->at++, (sqlite3_int64)v);
}

static void bind_blob(struct binder *b, const uint8_t bytes[16])
{
	b->rc |= sqlite3_bind_blob(b->st, b->at++, bytes, 16, SQLITE_TRANSIENT);
}

/* The text outlives the statement's step: it is the caller's, or a constant. "" is NULL. */
static void bind_text(struct binder *b, const char *text)
{
	b->rc |= text[0] ? sqlite3_bind_text(b->st, b->at, text, -1, SQLITE_STATIC)
			 : sqlite3_bind_null(b->st, b->at);
	b->at++;
}

static void bind_ends(struct binder *b, const struct record *r)
{
	enum side sides[2] = {r->client, !r->client};
	uint8_t bytes[16];

	for (int i = 0; i < 2; i++) {
		flowkey_addr_mapped(&r->key, sides[i], bytes);
		bind_blob(b, bytes);
		bind_int(b, r->key.port[sides[i]]);
	}
}

static void bind_uuid(struct binder *b, const char *text)
{
	uint8_t bytes[16];

	if (layout_uuid_bytes(text, bytes))
		bind_blob(b, bytes);
	else
		bind_text(b, text);
}

/* The only way for a bind to fail is to lack memory, as all places are there. */
static int bound(const struct binder *b)
{
	return b->rc == SQLITE_OK ? 0 : -ENOMEM;
}

int dayrow_bind_uuid(sqlite3_stmt *st, int place, const char *text)
{
	struct binder b = {st, place, SQLITE_OK};

	bind_uuid(&b, text);
	return bound(&b);
}

/* Where the flow file lies, and what is hidden in it. */
static void bind_place(struct binder *b, const struct record *r)
{
	char policy[RECORD_POLICY_SIZE];

	bind_int(b, r->length);
	if (r->segment != 0)
		bind_int(b, r->segment);
	else
		bind_text(b, "");
	bind_int(b, r->offset);
	if (record_policy_text(r, policy)[0] != '\0')
		b->rc |= sqlite3_bind_text(b->st, b->at++, policy, -1, SQLITE_TRANSIENT);
	else
		bind_text(b, "");
}

int dayrow_bind(sqlite3_stmt *st, const struct record *r)
{
	const struct tally *t = &r->tally;
	struct binder b = {st, 1, SQLITE_OK};
	enum side c = r->client, s = !c;

	bind_uuid(&b, r->uuid);
	bind_int(&b, r->part);
	bind_int(&b, r->key.proto);
	bind_int(&b, r->key.linktype);
	bind_int(&b, t->vlan);
	bind_ends(&b, r);
	bind_int(&b, (uint64_t)t->first_ns);
	bind_int(&b, (uint64_t)t->last_ns);
	bind_int(&b, t->pkts[c]);
	bind_int(&b, t->bytes[c]);
	bind_int(&b, t->pkts[s]);
	bind_int(&b, t->bytes[s]);
	bind_int(&b, t->captured_bytes);
	bind_int(&b, t->truncated_pkts);
	bind_int(&b, t->tcp_flags[c]);
	bind_int(&b, t->tcp_flags[s]);
	bind_text(&b, record_end_reason_name(r->end_reason));
	bind_text(&b, record_uuid_source_name(r->uuid_source));
	bind_text(&b, r->interface);
	bind_int(&b, r->snaplen);
	bind_int(&b, r->lost_pkts);
	bind_int(&b, r->cut_duration_pkts);
	bind_int(&b, r->cut_bytes_pkts);
	bind_int(&b, (uint64_t)r->key.vlan[0] << 12 | r->key.vlan[1]);
	bind_place(&b, r);
	return bound(&b);
}

/* Reads columns from left to right; whatever is not as we write it makes the row bad. */
struct reader {
	sqlite3_stmt *st;
	int at;
	bool bad;
};

static uint64_t read_int(struct reader *d, uint64_t max)
{
	int64_t v = sqlite3_column_int64(d->st, d->at++);

	if (v < 0 || (uint64_t)v > max)
		d->bad = true;
	return (uint64_t)v;
}

static const char *read_text(struct reader *d)
{
	const char *t = (const char *)sqlite3_column_text(d->st, d->at++);

	return t != NULL ? t : "";
}

static void read_uuid(struct reader *d, char *ret_uuid)
{
	if (sqlite3_column_type(d->st, d->at) == SQLITE_BLOB &&
	    sqlite3_column_bytes(d->st, d->at) == 16) {
		(void)layout_uuid_text(sqlite3_column_blob(d->st, d->at++), ret_uuid);
		return;
	}
	(void)snprintf(ret_uuid, LAYOUT_UUID_SIZE, "%s", read_text(d));
	if (!layout_uuid_valid(ret_uuid))
		d->bad = true;
}

struct end {
	uint8_t addr[16]; /* as it stands in the row */
	uint16_t port;
};

static void read_end(struct reader *d, struct end *ret_end)
{
	const uint8_t *blob = sqlite3_column_blob(d->st, d->at);
	int len = sqlite3_column_bytes(d->st, d->at++);

	memset(ret_end, 0, sizeof(*ret_end));
	if (len == 16)
		memcpy(ret_end->addr, blob, 16);
	else
		d->bad = true;
	ret_end->port = (uint16_t)read_int(d, UINT16_MAX);
}

/*
 * Puts client and server back to the low and the high side of a key. As in decode_packet, a flow is
 * IPv4 where both ends are mapped; with one such end it is IPv6.
 */
static void read_ends(struct reader *d, struct record *r)
{
	struct end client, server;

	read_end(d, &client);
	read_end(d, &server);
	r->key.family = ipaddr_is_mapped(client.addr) && ipaddr_is_mapped(server.addr) ? 4 : 6;
	if (r->key.family == 4) {
		ipaddr_unmap(client.addr);
		ipaddr_unmap(server.addr);
	}
	r->client = flowkey_sender(client.addr, server.addr, client.port, server.port);
	memcpy(r->key.addr[r->client], client.addr, sizeof(client.addr));
	memcpy(r->key.addr[!r->client], server.addr, sizeof(server.addr));
	r->key.port[r->client] = client.port;
	r->key.port[!r->client] = server.port;
}

static void read_counts(struct reader *d, struct record *r)
{
	struct tally *t = &r->tally;
	enum side c = r->client, s = !c;

	t->first_ns = sqlite3_column_int64(d->st, d->at++);
	t->last_ns = sqlite3_column_int64(d->st, d->at++);
	t->pkts[c] = read_int(d, INT64_MAX);
	t->bytes[c] = read_int(d, INT64_MAX);
	t->pkts[s] = read_int(d, INT64_MAX);
	t->bytes[s] = read_int(d, INT64_MAX);
	t->captured_bytes = read_int(d, INT64_MAX);
	t->truncated_pkts = read_int(d, INT64_MAX);
	t->tcp_flags[c] = (uint8_t)read_int(d, UINT8_MAX);
	t->tcp_flags[s] = (uint8_t)read_int(d, UINT8_MAX);
}

/* NULL, or a number that is in bounds and not 0. */
static uint32_t read_segment(struct reader *d)
{
	bool none = sqlite3_column_type(d->st, d->at) == SQLITE_NULL;
	uint32_t number = (uint32_t)read_int(d, UINT32_MAX);

	if (!none && number == 0)
		d->bad = true;
	return number;
}

static void read_place(struct reader *d, struct record *r)
{
	r->length = read_int(d, INT64_MAX);
	r->segment = read_segment(d);
	r->offset = read_int(d, INT64_MAX);
	/* In a segment a header comes first; a file has nothing in front. */
	if ((r->segment == 0) != (r->offset == 0) || r->length > INT64_MAX - r->offset)
		d->bad = true;
}

static void read_policy(struct reader *d, struct record *r)
{
	bool none = sqlite3_column_type(d->st, d->at) == SQLITE_NULL;
	const char *text = read_text(d);

	/* Nothing is hidden: that is NULL, and nothing else. */
	if (none != (text[0] == '\0') || record_parse_policy_text(text, r) != 0)
		d->bad = true;
}

int dayrow_column_uuid(sqlite3_stmt *st, int column, char *ret_uuid)
{
	struct reader d = {st, column, false};

	read_uuid(&d, ret_uuid);
	return d.bad ? -EBADMSG : 0;
}

int dayrow_read(sqlite3_stmt *st, struct record *r)
{
	struct reader d = {st, 0, false};
	uint64_t vlan_key;

	memset(r, 0, sizeof(*r));
	read_uuid(&d, r->uuid);
	r->part = (uint32_t)read_int(&d, UINT32_MAX);
	r->key.proto = (uint8_t)read_int(&d, UINT8_MAX);
	r->key.linktype = (uint32_t)read_int(&d, UINT32_MAX);
	r->tally.vlan = (uint16_t)read_int(&d, 4095);
	read_ends(&d, r);
	read_counts(&d, r);
	if (record_end_reason(read_text(&d), &r->end_reason) != 0)
		d.bad = true;
	if (record_uuid_source(read_text(&d), &r->uuid_source) != 0)
		d.bad = true;
	(void)snprintf(r->interface, sizeof(r->interface), "%s", read_text(&d));
	r->snaplen = (uint32_t)read_int(&d, PACKET_MAX_CAPLEN);
	r->lost_pkts = read_int(&d, INT64_MAX);
	r->cut_duration_pkts = read_int(&d, INT64_MAX);
	r->cut_bytes_pkts = read_int(&d, INT64_MAX);
	vlan_key = read_int(&d, 0xffffff);
	r->key.vlan[0] = (uint16_t)(vlan_key >> 12);
	r->key.vlan[1] = (uint16_t)(vlan_key & 0xfff);
	read_place(&d, r);
	read_policy(&d, r);
	return d.bad ? -EBADMSG : 0;
}

/* ---- the summary ------------------------------------------------------------------------------
 */

static const struct dayindex_summary nothing = {.start_ns = INT64_MAX, .end_ns = INT64_MIN};

static void add(uint64_t *sum, uint64_t n)
{
	*sum = n > INT64_MAX - *sum ? INT64_MAX : *sum + n;
}

static void subtract(uint64_t *sum, uint64_t n)
{
	*sum -= n < *sum ? n : *sum;
}

void dayrow_summary_add(struct dayindex_summary *s, const struct record *r)
{
	const struct tally *t = &r->tally;

	add(&s->parts, 1);
	for (int side = 0; side < 2; side++) {
		add(&s->packets, t->pkts[side]);
		add(&s->bytes, t->bytes[side]);
	}
	add(&s->length, r->length);
	if (r->segment != 0) {
		add(&s->segment_parts, 1);
	} else {
		add(&s->file_parts, 1);
		add(&s->file_bytes, layout_disk_bytes(r->length));
	}
	if (t->first_ns < s->start_ns)
		s->start_ns = t->first_ns;
	if (t->last_ns > s->end_ns)
		s->end_ns = t->last_ns;
}

void dayrow_summary_subtract(struct dayindex_summary *s, const struct dayindex_summary *gone)
{
	subtract(&s->parts, gone->parts);
	subtract(&s->packets, gone->packets);
	subtract(&s->bytes, gone->bytes);
	subtract(&s->length, gone->length);
	subtract(&s->file_parts, gone->file_parts);
	subtract(&s->file_bytes, gone->file_bytes);
	subtract(&s->segment_parts, gone->segment_parts);
	if (s->parts == 0)
		*s = nothing;
}

int dayrow_summary_bind(sqlite3_stmt *st, const struct dayindex_summary *s)
{
	struct binder b = {st, 1, SQLITE_OK};

	bind_int(&b, s->parts);
	bind_int(&b, s->packets);
	bind_int(&b, s->bytes);
	bind_int(&b, s->length);
	bind_int(&b, s->file_parts);
	bind_int(&b, s->file_bytes);
	bind_int(&b, s->segment_parts);
	if (s->parts > 0) {
		bind_int(&b, (uint64_t)s->start_ns);
		bind_int(&b, (uint64_t)s->end_ns);
	} else {
		bind_text(&b, "");
		bind_text(&b, "");
	}
	return bound(&b);
}

int dayrow_summary_read(sqlite3_stmt *st, struct dayindex_summary *s)
{
	struct reader d = {st, 0, false};

	*s = nothing;
	s->parts = read_int(&d, INT64_MAX);
	s->packets = read_int(&d, INT64_MAX);
	s->bytes = read_int(&d, INT64_MAX);
	s->length = read_int(&d, INT64_MAX);
	s->file_parts = read_int(&d, INT64_MAX);
	s->file_bytes = read_int(&d, INT64_MAX);
	s->segment_parts = read_int(&d, INT64_MAX);
	if (s->parts > 0) {
		s->start_ns = sqlite3_column_int64(st, d.at++);
		s->end_ns = sqlite3_column_int64(st, d.at);
	}
	return d.bad ? -EBADMSG : 0;
}
