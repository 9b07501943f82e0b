/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flowlist.h. JSON and CSV are made from one table of fields. Written by our own formatter:
 * an object of jansson per flow took six times as long.
 */
#include "cmd/flowlist.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clk.h"
#include "archive/record.h"
#include "base/log.h"
#include "cmd/report.h"
#include "fetch/flowsum.h"

#define ADDR_SIZE 46 /* INET6_ADDRSTRLEN */

/* A flow's fields, ready to print; the texts point into buf, or to constants. */
struct line {
	const char *uuid, *proto, *client_ip, *server_ip, *start, *end, *flags, *end_reason,
	    *uuid_source, *interface, *path, *state, *policy;
	uint64_t client_port, server_port, packets, bytes, captured_bytes, client_packets,
	    client_bytes, server_packets, server_bytes, vlan, linktype, lost_packets, truncated,
	    parts, offset, length;
	struct {
		char uuid[LAYOUT_UUID_SIZE], proto[8], client_ip[ADDR_SIZE], server_ip[ADDR_SIZE];
		char start[CLK_RFC3339_SIZE], end[CLK_RFC3339_SIZE], flags[FLOWSUM_FLAGS_SIZE];
		char path[PARTLIST_PATH_SIZE], policy[RECORD_POLICY_SIZE];
	} buf;
};

enum kind { TEXT, NUMBER, TEXT_OR_NULL, NUMBER_OR_NULL }; /* null where empty, or 0 */

struct field {
	enum kind kind;
	const char *name;
	size_t offset;
};

#define FIELD(name) #name, offsetof(struct line, name)

static const struct field fields[] = {
    {TEXT, FIELD(uuid)},
    {TEXT, FIELD(proto)},
    {TEXT, FIELD(client_ip)},
    {NUMBER, FIELD(client_port)},
    {TEXT, FIELD(server_ip)},
    {NUMBER, FIELD(server_port)},
    {TEXT, FIELD(start)},
    {TEXT, FIELD(end)},
    {NUMBER, FIELD(packets)},
    {NUMBER, FIELD(bytes)},
    {NUMBER, FIELD(captured_bytes)},
    {NUMBER, FIELD(client_packets)},
    {NUMBER, FIELD(client_bytes)},
    {NUMBER, FIELD(server_packets)},
    {NUMBER, FIELD(server_bytes)},
    {TEXT, FIELD(flags)},
    {TEXT, FIELD(end_reason)},
    {TEXT, FIELD(uuid_source)},
    {NUMBER_OR_NULL, FIELD(vlan)},
    {NUMBER, FIELD(linktype)},
    {TEXT_OR_NULL, FIELD(interface)},
    {NUMBER, FIELD(lost_packets)},
    {NUMBER, FIELD(truncated)},
    {NUMBER, FIELD(parts)},
    {TEXT, FIELD(path)},
    {NUMBER, FIELD(offset)},
    {NUMBER, FIELD(length)},
    {TEXT, FIELD(state)},
    {TEXT_OR_NULL, FIELD(policy)},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* As the index has it. */
static const char *policy_text(const struct part *p, char *buf)
{
	const struct record r = {.policy = p->policy, .exempt = p->exempt};

	return record_policy_text(&r, buf);
}

static void fill_texts(const struct flowsum *s, struct line *l)
{
	const struct flowkey *k = &s->first->key;

	l->uuid = partlist_uuid(s->first, l->buf.uuid);
	l->proto = flowkey_proto_name(k->proto, l->buf.proto);
	l->client_ip = flowkey_addr_text(k, s->client, l->buf.client_ip);
	l->server_ip = flowkey_addr_text(k, !s->client, l->buf.server_ip);
	l->start = clk_rfc3339(s->start_ns, l->buf.start);
	l->end = clk_rfc3339(s->end_ns, l->buf.end);
	l->flags = flowsum_flags(s->tcp_flags, l->buf.flags);
	l->end_reason = record_end_reason_name((enum end_reason)s->last->end_reason);
	l->uuid_source = record_uuid_source_name((enum uuid_source)s->first->uuid_source);
	l->interface = s->first->interface;
	l->path = partlist_path(s->first, l->buf.path);
	l->state = s->open ? "open" : "closed";
	l->policy = policy_text(s->first, l->buf.policy);
}

static void fill(const struct query_flow *f, struct line *l)
{
	struct flowsum s;

	flowsum_make(f, &s);
	fill_texts(&s, l);
	l->client_port = s.first->key.port[s.client];
	l->server_port = s.first->key.port[!s.client];
	l->packets = s.client_pkts + s.server_pkts;
	l->bytes = s.client_bytes + s.server_bytes;
	l->captured_bytes = s.captured_bytes;
	l->client_packets = s.client_pkts;
	l->client_bytes = s.client_bytes;
	l->server_packets = s.server_pkts;
	l->server_bytes = s.server_bytes;
	l->vlan = s.first->tally.vlan;
	l->linktype = s.first->key.linktype;
	l->lost_packets = s.lost_pkts;
	l->truncated = s.truncated_pkts;
	l->parts = s.parts;
	l->offset = s.first->offset;
	l->length = s.first->length;
}

static const char *text_of(const struct line *l, const struct field *f)
{
	return *(const char *const *)((const char *)l + f->offset);
}

static uint64_t number_of(const struct line *l, const struct field *f)
{
	return *(const uint64_t *)((const char *)l + f->offset);
}

/* A line being made. The longest field is far below what is free for it. */
struct out {
	size_t n;
	char text[8192];
};

static void put(struct out *o, const char *text, size_t n)
{
	assert(n <= sizeof(o->text) - o->n);
	memcpy(o->text + o->n, text, n);
	o->n += n;
}

static void put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_number(struct out *o, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	put(o, p, (size_t)(digits + sizeof(digits) - p));
}

/* The length and the code point of the UTF-8 character at p, RFC 3629; U+FFFD where it is none. */
static size_t utf8_char(const unsigned char *p, uint32_t *ret_char)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80       ? 1
		   : p[0] >> 5 == 6  ? 2
		   : p[0] >> 4 == 14 ? 3
		   : p[0] >> 3 == 30 ? 4
				     : 0;
	uint32_t c = n <= 1 ? p[0] : p[0] & (0x7fu >> n);

	*ret_char = 0xfffd;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return i;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (n > 0 && c >= lowest[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff))
		*ret_char = c;
	return n > 0 ? n : 1;
}

static void put_escape(struct out *o, uint32_t unit)
{
	char escape[8];

	(void)snprintf(escape, sizeof(escape), "\\u%04" PRIx32, unit & 0xffff);
	put(o, escape, 6);
}

/* Plain ASCII only, RFC 8259 section 7: nothing in a name can drive a terminal. */
static void put_json_text(struct out *o, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	put(o, "\"", 1);
	while (*p != '\0') {
		uint32_t c;

		p += utf8_char(p, &c);
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			put(o, (const char *)p - 1, 1);
		} else if (c >= 0x10000) {
			put_escape(o, 0xd800 + ((c - 0x10000) >> 10));
			put_escape(o, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_escape(o, c);
		}
	}
	put(o, "\"", 1);
}

static void put_json(struct out *o, const struct line *l)
{
	for (int i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];
		bool number = f->kind == NUMBER || f->kind == NUMBER_OR_NULL;

		put(o, i == 0 ? "{\"" : ",\"", 2);
		put_text(o, f->name);
		put(o, "\":", 2);
		if ((f->kind == NUMBER_OR_NULL && number_of(l, f) == 0) ||
		    (f->kind == TEXT_OR_NULL && text_of(l, f)[0] == '\0'))
			put(o, "null", 4);
		else if (number)
			put_number(o, number_of(l, f));
		else
			put_json_text(o, text_of(l, f));
	}
	put(o, "}\n", 2);
}

/* RFC 4180: quoted where it must be, quotes doubled. What is not plain ASCII is escaped as in logs.
 */
static void put_csv_text(struct out *o, const char *text)
{
	char plain[RECORD_INTERFACE_SIZE * 4 + PARTLIST_PATH_SIZE];

	(void)log_printable(plain, sizeof(plain), text);
	if (plain[strcspn(plain, "\",")] == '\0') {
		put_text(o, plain);
		return;
	}
	put(o, "\"", 1);
	for (const char *p = plain; *p; p++)
		put(o, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
	put(o, "\"", 1);
}

static void put_csv(struct out *o, const struct line *l)
{
	for (int i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];

		if (i > 0)
			put(o, ",", 1);
		if (f->kind == NUMBER || (f->kind == NUMBER_OR_NULL && number_of(l, f) != 0))
			put_number(o, number_of(l, f));
		else if (f->kind == TEXT || f->kind == TEXT_OR_NULL)
			put_csv_text(o, text_of(l, f));
	}
	put(o, "\n", 1);
}

static void put_csv_heading(struct out *o)
{
	for (int i = 0; i < FIELDS; i++) {
		if (i > 0)
			put(o, ",", 1);
		put_text(o, fields[i].name);
	}
	put(o, "\n", 1);
}

/* ---- the table ---- */

enum { START, DURATION, PROTO, CLIENT, SERVER, PACKETS, BYTES, END, UUID, CELLS };

static const struct {
	const char *heading;
	bool right;
} columns[CELLS] = {{"START (UTC)", false}, {"DURATION", true}, {"PROTO", false}, {"CLIENT", false},
    {"SERVER", false}, {"PACKETS", true}, {"BYTES", true}, {"END", false}, {"UUID", false}};

struct row {
	char cell[CELLS][LAYOUT_UUID_SIZE];
};

static void duration_text(int64_t ns, char *buf, size_t size)
{
	int64_t s = ns / CLK_SECOND_NS;

	if (s < 60)
		(void)snprintf(buf, size, "%.3fs", (double)ns / 1e9);
	else if (s < 3600)
		(void)snprintf(buf, size, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(buf, size, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
	else
		(void)snprintf(buf, size, "%" PRId64 "d%02" PRId64 "h", s / 86400, s / 3600 % 24);
}

static void end_text(const struct flowkey *k, enum side side, char *buf, size_t size)
{
	char addr[ADDR_SIZE];

	(void)flowkey_addr_text(k, side, addr);
	(void)snprintf(buf, size, k->family == 4 ? "%s:%u" : "[%s]:%u", addr, k->port[side]);
}

/* "3m ago": the largest unit of which it is at least one. */
static void ago_text(int64_t ns, char *buf, size_t size)
{
	static const struct {
		int64_t seconds;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t s = (ns < 0 ? -(ns + 1) : ns) / CLK_SECOND_NS;
	size_t i = 0;

	while (i < 3 && s < units[i].seconds)
		i++;
	(void)snprintf(buf, size, ns < 0 ? "in %" PRId64 "%c" : "%" PRId64 "%c ago",
	    s / units[i].seconds, units[i].letter);
}

static void start_text(const struct flowlist_style *style, int64_t ns, char *buf, size_t size)
{
	char text[CLK_RFC3339_SIZE];
	int64_t ago;

	if (!style->relative) {
		(void)clk_rfc3339(ns, text);
		(void)snprintf(buf, size, "%.10s %.12s", text, text + 11);
		return;
	}
	if (__builtin_sub_overflow(style->now_ns, ns, &ago))
		ago = ns < 0 ? INT64_MAX : INT64_MIN;
	ago_text(ago, buf, size);
}

static void fill_row(const struct flowlist_style *style, const struct query_flow *f, struct row *r)
{
	char bytes[REPORT_BYTES_SIZE], proto[8];
	const struct flowkey *k = &f->parts[0]->key;
	const size_t size = sizeof(r->cell[0]);
	struct flowsum s;

	flowsum_make(f, &s);
	start_text(style, s.start_ns, r->cell[START], size);
	duration_text(flowsum_duration_ns(&s), r->cell[DURATION], size);
	(void)snprintf(r->cell[PROTO], size, "%s", flowkey_proto_name(k->proto, proto));
	end_text(k, s.client, r->cell[CLIENT], size);
	end_text(k, !s.client, r->cell[SERVER], size);
	(void)snprintf(r->cell[PACKETS], size, "%" PRIu64, s.client_pkts + s.server_pkts);
	(void)snprintf(
	    r->cell[BYTES], size, "%s", report_bytes(s.client_bytes + s.server_bytes, bytes));
	(void)snprintf(r->cell[END], size, "%s",
	    s.open ? "open" : record_end_reason_name((enum end_reason)s.last->end_reason));
	(void)partlist_uuid(s.first, r->cell[UUID]);
}

static void put_row(
    struct out *o, const struct flowlist_style *style, const struct row *r, const int *widths)
{
	char cell[LAYOUT_UUID_SIZE + 2];

	for (int i = 0; i < UUID; i++) {
		bool right = columns[i].right || (i == START && style->relative);

		(void)snprintf(
		    cell, sizeof(cell), right ? "%*s  " : "%-*s  ", widths[i], r->cell[i]);
		put_text(o, cell);
	}
	put_text(o, r->cell[UUID]);
	put(o, "\n", 1);
}

static void widen(const struct row *r, int *widths)
{
	for (int i = 0; i < CELLS; i++) {
		int n = (int)strlen(r->cell[i]);

		if (n > widths[i])
			widths[i] = n;
	}
}

/* ---- all of it ---- */

static int write_out(FILE *to, struct out *o)
{
	size_t n = o->n;

	o->n = 0;
	errno = 0;
	if (fwrite(o->text, 1, n, to) == n)
		return 0;
	return errno != 0 ? -errno : -EIO;
}

/* Everything is made twice, for the widths and to be written: no line is kept. */
static int print_table(
    FILE *to, const struct flowlist_style *style, const struct query_flow *flows, size_t count)
{
	struct row r, heading;
	int widths[CELLS] = {0}, rv;
	struct out o = {.n = 0};

	if (count == 0)
		return 0;
	for (int i = 0; i < CELLS; i++)
		(void)snprintf(heading.cell[i], sizeof(heading.cell[i]), "%s", columns[i].heading);
	if (style->relative)
		(void)snprintf(heading.cell[START], sizeof(heading.cell[START]), "START");
	widen(&heading, widths);
	for (size_t i = 0; i < count; i++) {
		fill_row(style, &flows[i], &r);
		widen(&r, widths);
	}
	put_row(&o, style, &heading, widths);
	rv = write_out(to, &o);
	for (size_t i = 0; i < count && rv == 0; i++) {
		fill_row(style, &flows[i], &r);
		put_row(&o, style, &r, widths);
		rv = write_out(to, &o);
	}
	return rv;
}

static void put_line(struct out *o, enum find_format format, const struct query_flow *f)
{
	struct line l;

	fill(f, &l);
	if (format == FORMAT_JSON) {
		put_json(o, &l);
	} else if (format == FORMAT_CSV) {
		put_csv(o, &l);
	} else {
		put_text(o, l.uuid);
		put(o, "\n", 1);
	}
}

int flowlist_print(
    FILE *to, const struct flowlist_style *style, const struct query_flow *flows, size_t count)
{
	struct out o = {.n = 0};
	int rv = 0;

	if (style->format == FORMAT_TABLE) {
		rv = print_table(to, style, flows, count);
	} else {
		if (style->format == FORMAT_CSV)
			put_csv_heading(&o);
		for (size_t i = 0; i < count && rv == 0; i++) {
			put_line(&o, style->format, &flows[i]);
			rv = write_out(to, &o);
		}
		if (rv == 0)
			rv = write_out(to, &o); /* the heading of no lines */
	}
	errno = 0;
	if (rv == 0 && fflush(to) != 0)
		rv = errno != 0 ? -errno : -EIO;
	return rv;
}
