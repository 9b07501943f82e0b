/* SPDX-License-Identifier: BSD-2-Clause */
/* See event.h. */
#include "flow/event.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "base/clk.h"
#include "packet/ipaddr.h"

/* How an address was written; that tells which IP the packets are. */
enum form { FORM_DOTTED, FORM_MAPPED, FORM_IPV6 };

/* The last member of that name that is not null, in any case; NULL where there is none. */
static json_t *member(json_t *object, const char *name)
{
	json_t *v, *found = NULL;
	const char *key;

	json_object_foreach(object, key, v) if (strcasecmp(key, name) == 0 && !json_is_null(v))
	    found = v;
	return found;
}

/* A number, 0 where it is missing. 443.0 is 443 in JSON, and all are read as reals: see parse. */
static enum event_fault get_number(json_t *object, const char *name, double *ret_number)
{
	const json_t *v = member(object, name);

	if (v != NULL && !json_is_number(v))
		return EVENT_MALFORMED;
	*ret_number = json_number_value(v); /* 0 of NULL */
	return EVENT_FINE;
}

/* A text, "" where it is missing. It lives as long as the object. */
static enum event_fault get_text(json_t *object, const char *name, const char **ret_text)
{
	const json_t *v = member(object, name);

	if (v != NULL && !json_is_string(v))
		return EVENT_MALFORMED;
	*ret_text = v == NULL ? "" : json_string_value(v);
	return EVENT_FINE;
}

static enum event_fault get_port(json_t *id, const char *name, uint16_t *ret_port)
{
	enum event_fault fault;
	double number;

	fault = get_number(id, name, &number);
	if (fault != EVENT_FINE)
		return fault;
	if (!(number >= 0 && number <= UINT16_MAX) || (uint16_t)number != number)
		return EVENT_MALFORMED;
	*ret_port = (uint16_t)number;
	return EVENT_FINE;
}

/* An address as struct decoded has it before folding: dotted ones as 4 bytes, then zeros. */
static enum event_fault get_address(
    json_t *id, const char *name, uint8_t *ret_address, enum form *ret_form)
{
	enum event_fault fault;
	const char *text;

	fault = get_text(id, name, &text);
	if (fault != EVENT_FINE)
		return fault;
	if (text[0] == '\0')
		return EVENT_NO_TUPLE;
	switch (ipaddr_parse(text, ret_address)) {
	case 4:
		*ret_form = FORM_DOTTED;
		return EVENT_FINE;
	case 6:
		*ret_form = ipaddr_is_mapped(ret_address) ? FORM_MAPPED : FORM_IPV6;
		return EVENT_FINE;
	default:
		return EVENT_MALFORMED;
	}
}

/*
 * The family of a pair of addresses, folded as decode_packet does it. A dotted address beside one
 * that is truly IPv6 cannot be IPv4, for no connection has two families: it is an IPv6 address
 * whose last 12 bytes are zero, which tcp-info misprints. Its 16 bytes stand there as they are.
 */
static uint8_t fold(struct decoded *d, enum form src, enum form dst)
{
	if (src == FORM_IPV6 || dst == FORM_IPV6)
		return 6;
	if (src == FORM_MAPPED)
		ipaddr_unmap(d->src);
	if (dst == FORM_MAPPED)
		ipaddr_unmap(d->dst);
	return 4;
}

static enum event_fault get_key(json_t *event, struct flowkey *ret_key)
{
	struct decoded d = {.proto = DECODE_TCP};
	json_t *id = member(event, "ID");
	enum event_fault fault;
	enum form src, dst;

	if (id == NULL)
		return EVENT_NO_TUPLE;
	if (!json_is_object(id))
		return EVENT_MALFORMED;
	if ((fault = get_port(id, "SPort", &d.sport)) != EVENT_FINE ||
	    (fault = get_port(id, "DPort", &d.dport)) != EVENT_FINE ||
	    (fault = get_address(id, "SrcIP", d.src, &src)) != EVENT_FINE ||
	    (fault = get_address(id, "DstIP", d.dst, &dst)) != EVENT_FINE)
		return fault;
	d.family = fold(&d, src, dst);
	(void)flowkey_make(&d, 0, VLAN_KEY_NO, ret_key); /* who is the source says nothing */
	return EVENT_FINE;
}

/* Does text begin in this shape? '0' stands for any digit, letters for either case. */
static bool has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; shape++, text++) {
		bool fits = *text == *shape;

		if (*shape == '0')
			fits = *text >= '0' && *text <= '9';
		else if (*shape >= 'A' && *shape <= 'Z')
			fits = *text == *shape || *text == *shape + ('a' - 'A');
		if (!fits)
			return false;
	}
	return true;
}

/* The number that these n digits make. */
static int number_of(const char *digits, int n)
{
	int number = 0;

	for (; n > 0; n--)
		number = number * 10 + (*digits++ - '0');
	return number;
}

/* Decimals of a second after its dot, at most 9 of them, else -1. Moves *at behind them. */
static int64_t parse_fraction(const char **at)
{
	int64_t ns = 0, unit = CLK_SECOND_NS;

	for (; has_shape(*at, "0"); ++*at) {
		if (unit == 1)
			return -1;
		unit /= 10;
		ns += unit * (**at - '0');
	}
	return unit == CLK_SECOND_NS ? -1 : ns;
}

/* "Z" or "+hh:mm", to its end, as seconds east of Greenwich. */
static bool parse_offset(const char *text, int *ret_s)
{
	int hours, minutes;

	if (has_shape(text, "Z")) {
		*ret_s = 0;
		return text[1] == '\0';
	}
	if ((text[0] != '+' && text[0] != '-') || !has_shape(text + 1, "00:00") || text[6] != '\0')
		return false;
	hours = number_of(text + 1, 2);
	minutes = number_of(text + 4, 2);
	*ret_s = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return hours <= 23 && minutes <= 59;
}

/*
 * RFC 3339 section 5.6 to ns since 1970; 0 for anything else, and for what lies outside of int64_t.
 * No second 60: Linux has none, clock_gettime(2) repeats the one before.
 */
static int64_t parse_time(const char *text)
{
	int64_t ns = 0, s;
	int32_t day;
	int hour, minute, second, offset;

	if (!has_shape(text, "0000-00-00T00:00:00"))
		return 0;
	day = clk_date_day(number_of(text, 4), number_of(text + 5, 2), number_of(text + 8, 2));
	hour = number_of(text + 11, 2);
	minute = number_of(text + 14, 2);
	second = number_of(text + 17, 2);
	if (day == INT32_MIN || hour > 23 || minute > 59 || second > 59)
		return 0;
	text += 19;
	if (*text == '.') {
		text++;
		ns = parse_fraction(&text);
	}
	if (ns < 0 || !parse_offset(text, &offset))
		return 0;
	s = INT64_C(86400) * day + hour * 3600 + minute * 60 + second - offset;
	return s < 0 || s >= INT64_MAX / CLK_SECOND_NS ? 0 : s * CLK_SECOND_NS + ns;
}

static int64_t get_time(json_t *event)
{
	const json_t *v = member(event, "Timestamp");

	return json_is_string(v) ? parse_time(json_string_value(v)) : 0;
}

static enum event_fault get_event(json_t *object, struct event *e)
{
	enum event_fault fault;
	const char *uuid;
	double kind;

	if ((fault = get_number(object, "Event", &kind)) != EVENT_FINE)
		return fault;
	if (kind != 0 && kind != 1)
		return EVENT_UNKNOWN;
	if ((fault = get_text(object, "UUID", &uuid)) != EVENT_FINE)
		return fault;
	if (!layout_uuid_valid(uuid))
		return EVENT_BAD_UUID;
	memcpy(e->uuid, uuid, strlen(uuid) + 1);
	e->kind = kind == 0 ? EVENT_OPEN : EVENT_CLOSE;
	e->ts_ns = get_time(object);
	return e->kind == EVENT_OPEN ? get_key(object, &e->key) : EVENT_FINE;
}

/* RFC 8259 section 2 */
static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n')
			return false;
	return true;
}

enum event_fault event_parse(const char *line, size_t len, struct event *ret_event)
{
	struct event e = {0};
	enum event_fault fault = EVENT_MALFORMED;
	json_t *object;

	if (is_blank(line, len))
		return EVENT_BLANK;
	/*
	 * As an integer, a cookie of 2^63 or more would spoil the whole line. What we need of the
	 * numbers are small ones, which a double holds exactly.
	 */
	object = json_loadb(line, len, JSON_DECODE_INT_AS_REAL, NULL);
	if (json_is_object(object))
		fault = get_event(object, &e);
	json_decref(object);
	if (fault == EVENT_FINE)
		*ret_event = e;
	return fault;
}
