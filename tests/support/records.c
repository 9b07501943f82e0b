/* SPDX-License-Identifier: BSD-2-Clause */
/* See records.h. */
#include "support/records.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "packet/decode.h"

static void make_key(uint64_t n, struct flowkey *k)
{
	k->family = n % 2 ? 6 : 4;
	k->addr[SIDE_LOW][0] = 10;
	k->addr[SIDE_HIGH][0] = 192;
	for (size_t i = 1; i < flowkey_addr_bytes(k) && i < 8; i++) {
		k->addr[SIDE_LOW][i] = (uint8_t)(n >> (8 * (i - 1)));
		k->addr[SIDE_HIGH][i] = (uint8_t)(i * 7);
	}
	k->port[SIDE_LOW] = (uint16_t)(1024 + n % 60000);
	k->port[SIDE_HIGH] = 443;
	k->linktype = 1;
	k->proto = DECODE_TCP;
}

void records_make(uint64_t n, struct record *ret_record)
{
	struct record *r = ret_record;
	struct tally *t = &r->tally;

	memset(r, 0, sizeof(*r));
	make_key(n, &r->key);
	r->client = n % 3 ? SIDE_LOW : SIDE_HIGH;
	r->end_reason = (enum end_reason)(n % END_REASONS);
	r->uuid_source = n % 5 ? UUID_GENERATED : UUID_EVENT;
	(void)snprintf(r->uuid, sizeof(r->uuid), "%08x-%04x-5%03x-8%03x-%012llx",
	    (unsigned)(n * 2654435761u), (unsigned)(n & 0xffff), (unsigned)(n % 4096),
	    (unsigned)(n / 7 % 4096), (unsigned long long)n);
	(void)snprintf(r->interface, sizeof(r->interface), "eth%u", (unsigned)(n % 4));
	r->snaplen = n % 7 ? PACKET_MAX_CAPLEN : 96;
	r->lost_pkts = n % 11 ? 0 : n + 1;
	r->cut_duration_pkts = n % 13 ? 0 : n + 2;
	r->cut_bytes_pkts = n % 17 ? 0 : n + 3;
	r->day = RECORDS_DAY;
	r->length = 1000 + n;
	t->first_ns = RECORDS_DAY_NS + (int64_t)n;
	t->last_ns = t->first_ns + (int64_t)(n * 1001);
	t->pkts[SIDE_LOW] = n + 10;
	t->pkts[SIDE_HIGH] = n + 20;
	t->bytes[SIDE_LOW] = n * 1000 + 640;
	t->bytes[SIDE_HIGH] = n * 100000 + 1300;
	t->captured_bytes = t->bytes[SIDE_LOW] + t->bytes[SIDE_HIGH] - n % 2;
	t->truncated_pkts = n % 2;
	t->vlan = (uint16_t)(n % 4095);
	t->tcp_flags[SIDE_LOW] = TCP_SYN | TCP_ACK | TCP_FIN;
	t->tcp_flags[SIDE_HIGH] = (uint8_t)(TCP_SYN | TCP_ACK | (n & 0xe8));
}

#define CHECK_FIELD(field)                                                            \
	ck_assert_msg(a->field == b->field, "%s: " #field " %jd is not %jd", a->uuid, \
	    (intmax_t)a->field, (intmax_t)b->field)

static void check_tally(const struct record *a, const struct record *b)
{
	CHECK_FIELD(tally.first_ns);
	CHECK_FIELD(tally.last_ns);
	for (int side = 0; side < 2; side++) {
		CHECK_FIELD(tally.pkts[side]);
		CHECK_FIELD(tally.bytes[side]);
		CHECK_FIELD(tally.tcp_flags[side]);
	}
	CHECK_FIELD(tally.captured_bytes);
	CHECK_FIELD(tally.truncated_pkts);
	CHECK_FIELD(tally.vlan);
}

void records_check_equal(const struct record *a, const struct record *b)
{
	ck_assert_str_eq(a->uuid, b->uuid);
	ck_assert_str_eq(a->interface, b->interface);
	ck_assert_msg(flowkey_equal(&a->key, &b->key), "%s: another key", a->uuid);
	check_tally(a, b);
	CHECK_FIELD(client);
	CHECK_FIELD(end_reason);
	CHECK_FIELD(uuid_source);
	CHECK_FIELD(part);
	CHECK_FIELD(snaplen);
	CHECK_FIELD(lost_pkts);
	CHECK_FIELD(cut_duration_pkts);
	CHECK_FIELD(cut_bytes_pkts);
	CHECK_FIELD(day);
	CHECK_FIELD(length);
}
