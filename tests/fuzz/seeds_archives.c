/* SPDX-License-Identifier: BSD-2-Clause */
/* See seeds.h: records, flow files, segments, days. Recipes are told in fuzz_build.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/record.h"
#include "archive/tarfmt.h"
#include "fuzz/fuzz_build.h"
#include "fuzz/seeds.h"
#include "packet/decode.h"
#include "pcapfile/pcapfmt.h"
#include "support/flowfile.h"
#include "support/frames.h"
#include "support/records.h"

/* The packets of a connection, in three members; the last two make no whole one without them. */
static const struct frames_packet packets[] = {
    {0, TCP_SYN, 100, 0, RECORDS_DAY_NS + 1},
    {1, TCP_SYN | TCP_ACK, 900, 0, RECORDS_DAY_NS + 1002},
    {0, TCP_ACK | TCP_PSH, 101, 30, RECORDS_DAY_NS + 2003},
    {1, TCP_ACK | TCP_FIN, 901, 7, RECORDS_DAY_NS + 1000000001},
    {0, TCP_ACK | TCP_FIN, 131, 0, RECORDS_DAY_NS + 1000000002},
};

enum { PACKETS = sizeof(packets) / sizeof(packets[0]) };

static void put_packet_member(
    struct fuzz_bytes *b, struct record *r, const struct frames_talk *t, int from, int to)
{
	uint8_t frame[FRAMES_MAX], head[PCAPFMT_RECORD_HEADER_BYTES];
	struct fuzz_bytes member = {0};

	for (int i = from; i < to; i++) {
		struct packet p;

		frames_make(t, &packets[i], frame, &p);
		pcapfmt_record_header(&p, p.caplen, head);
		fuzz_put(&member, head, sizeof(head));
		fuzz_put(&member, p.data, p.caplen);
		flowfile_count(r, &packets[i], p.caplen);
	}
	seeds_u8(b, from == 0 ? FUZZ_MEMBER : FUZZ_DEFLATE);
	seeds_part(b, member.bytes, member.len);
	fuzz_free(&member);
}

/* The recipe of a flow file; of one that is not ended the record is missing. */
static void put_recipe(struct fuzz_bytes *b, const char *uuid, unsigned number, int ended)
{
	const struct frames_talk t = {
	    .family = number & 1 ? 6 : 4, .port = {443, 50000}, .number = (uint8_t)number};
	struct record r = {.snaplen = PACKET_MAX_CAPLEN, .end_reason = END_FIN, .client = SIDE_LOW};
	char json[RECORD_JSON_MAX];

	flowfile_key(&r.key, &t);
	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", uuid);
	seeds_u8(b, FUZZ_HEADER);
	seeds_u16(b, FRAMES_LINKTYPE);
	put_packet_member(b, &r, &t, 0, 2);
	put_packet_member(b, &r, &t, 2, PACKETS);
	if (!ended)
		return;
	seeds_u8(b, FUZZ_RECORD);
	seeds_part(b, json, record_format(&r, json));
}

/* ---- record ---- */

static void put_records(void)
{
	static const char *const texts[] = {"{}", "{\"v\":2}", "[]", "{\"v\":1,\"uuid\":\"a\"}"};
	static const char *const words[] = {"payload=headers", "payload=zero", "payload=128",
	    "anonymize=netblock:24,48", "payload=headers anonymize=cryptopan mac exempt=both",
	    "mac exempt=low", "exempt=high", ""};

	for (unsigned n = 0; n < 6; n++) {
		struct fuzz_bytes b = {0};
		char json[RECORD_JSON_MAX];
		struct record r;

		records_make(n, &r);
		r.policy.payload = (enum policy_payload)(n % 3);
		r.policy.payload_bytes = r.policy.payload == PAYLOAD_BYTES ? 10 * n : 0;
		r.policy.macs = n & 1;
		r.exempt = n & 3;
		seeds_u8(&b, 0);
		fuzz_put(&b, json, record_format(&r, json));
		seeds_write("record", "record", &b);
		seeds_u8(&b, 1);
		fuzz_put(&b, json, record_format_policy(&r, json));
		seeds_write("record", "policy", &b);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		seeds_word("record", 0, texts[i]);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		seeds_word("record", 2, words[i]);
}

static void put_tail(void)
{
	struct fuzz_bytes recipe = {0}, file = {0}, b = {0};
	struct fuzz_input in;

	put_recipe(&recipe, "abc", 1, 1);
	in = (struct fuzz_input){recipe.bytes, recipe.len};
	fuzz_build_flowfile(&in, &file);
	seeds_u8(&b, 3);
	fuzz_put(&b, file.bytes, file.len);
	seeds_write("record", "tail", &b);
	seeds_u8(&b, 0);
	fuzz_put(&b, file.bytes, file.len);
	seeds_write("flowfile", "raw", &b);
	seeds_u8(&b, 0);
	fuzz_put(&b, file.bytes, file.len / 2);
	seeds_write("flowfile", "torn", &b);
	fuzz_free(&file);
	fuzz_free(&recipe);
}

/* ---- flowfile ---- */

static void put_flowfiles(void)
{
	struct fuzz_bytes b = {0};

	for (unsigned n = 0; n < 4; n++) {
		seeds_u8(&b, n & 1 ? 3 : 1);
		put_recipe(&b, n & 2 ? "host_1_0A" : "3f2a0000-0000-4000-8000-000000000001", n, 1);
		seeds_write("flowfile", "whole", &b);
	}
	seeds_u8(&b, 1);
	put_recipe(&b, "a", 1, 0);
	seeds_write("flowfile", "unfinished", &b);
	seeds_u8(&b, 1);
	put_recipe(&b, "a", 1, 0);
	seeds_u8(&b, FUZZ_RAW);
	seeds_part(&b, "\x1f\x8b\x08\x00torn", 8);
	seeds_write("flowfile", "torn-member", &b);
}

/* ---- segment ---- */

static void put_member(struct fuzz_bytes *b, const char *name, const char *uuid, unsigned n)
{
	struct fuzz_bytes recipe = {0};

	put_recipe(&recipe, uuid, n, 1);
	seeds_u8(b, FUZZ_SEGMENT_MEMBER);
	seeds_text8(b, name);
	seeds_part(b, recipe.bytes, recipe.len);
	fuzz_free(&recipe);
}

static void put_segment_recipe(struct fuzz_bytes *b, int closed)
{
	char name[LAYOUT_NAME_SIZE], uuid[LAYOUT_UUID_SIZE];

	put_member(b, "host_1.pcap.gz", "host_1", 1);
	put_member(b, "host_1~1.pcap.gz", "host_1", 2);
	(void)memset(uuid, 'u', LAYOUT_UUID_MAX);
	uuid[LAYOUT_UUID_MAX] = '\0';
	put_member(b, layout_file_name(uuid, 0, name), uuid, 3);
	if (closed)
		seeds_u8(b, FUZZ_SEGMENT_END);
}

static void begin_segment(struct fuzz_bytes *b)
{
	seeds_u8(b, 1);
	seeds_u64(b, 512);
}

static void put_segments(void)
{
	struct fuzz_bytes b = {0}, file = {0};
	struct fuzz_input in;

	for (int closed = 0; closed < 2; closed++) {
		begin_segment(&b);
		put_segment_recipe(&b, closed);
		seeds_write("segment", closed ? "closed" : "open", &b);
	}
	begin_segment(&b);
	put_member(&b, "a.pcap.gz", "a", 1);
	seeds_u8(&b, FUZZ_SEGMENT_ZEROS);
	seeds_u8(&b, 8);
	seeds_u8(&b, FUZZ_SEGMENT_RAW);
	seeds_part(&b, "junk", 4);
	seeds_u8(&b, FUZZ_SEGMENT_ZEROS);
	seeds_u8(&b, 7);
	put_member(&b, "b.pcap.gz", "b", 2);
	seeds_u8(&b, FUZZ_SEGMENT_HEADER);
	seeds_text8(&b, "c.pcap.gz");
	seeds_u32(&b, 100000);
	seeds_write("segment", "gaps", &b);
	put_segment_recipe(&b, 1);
	in = (struct fuzz_input){b.bytes, b.len};
	fuzz_build_segment(&in, &file);
	fuzz_free(&b);
	seeds_u8(&b, 0);
	seeds_u64(&b, 0);
	fuzz_put(&b, file.bytes, file.len);
	seeds_write("segment", "raw", &b);
	fuzz_free(&file);
}

/* ---- day ---- */

enum {
	MENDED = 1,
	REPAIRED = 2,
	ADOPTED = 4,
	IN_SEGMENTS = 8,
	BY_NAME = 16,
	BY_EXPR = 32,
	EVICTING = 64,
	FETCHED = 128
};
enum { FLOWFILE, SEGMENT, STAGED, PINNED, OTHER, ODD, DIRTY, INDEX };

static void put_entry(
    struct fuzz_bytes *b, int kind, const char *name, const struct fuzz_bytes *piece)
{
	seeds_u8(b, (unsigned)kind);
	seeds_text8(b, name);
	seeds_part(b, piece->bytes, piece->len);
}

static void put_file(struct fuzz_bytes *b, int kind, const char *name, const char *uuid, unsigned n)
{
	struct fuzz_bytes recipe = {0};

	put_recipe(&recipe, uuid, n, kind != STAGED);
	put_entry(b, kind, name, &recipe);
	fuzz_free(&recipe);
}

static void put_text(struct fuzz_bytes *b, int kind, const char *name, const char *text)
{
	struct fuzz_bytes piece = {0};

	fuzz_put(&piece, text, strlen(text));
	put_entry(b, kind, name, &piece);
	fuzz_free(&piece);
}

/* A bit of everything. */
static void put_contents(struct fuzz_bytes *b)
{
	struct fuzz_bytes segment = {0};

	put_segment_recipe(&segment, 0);
	put_file(b, FLOWFILE, "3f2a0000-0000-4000-8000-000000000001.pcap.gz",
	    "3f2a0000-0000-4000-8000-000000000001", 0);
	put_file(b, FLOWFILE, "x~2.pcap.gz", "x", 1);
	put_entry(b, SEGMENT, "flows-3.tar", &segment);
	fuzz_free(&segment);
}

/* What a run that was killed had not published, and its note. */
static void put_staged(struct fuzz_bytes *b)
{
	const struct record r = {.snaplen = PACKET_MAX_CAPLEN};
	struct fuzz_bytes note = {0};
	char json[RECORD_JSON_MAX];

	fuzz_put(&note, json, record_format_policy(&r, json));
	put_entry(b, STAGED, "0000000000000001~policy", &note);
	fuzz_free(&note);
	put_file(b, STAGED, "0000000000000002.a", "", 0);
	put_file(b, STAGED, "0000000000000003.b", "", 5);
	put_file(b, STAGED, "0000000000000004.-", "", 6);
}

static void put_days(void)
{
	static const unsigned done[] = {0, MENDED, REPAIRED, ADOPTED, ADOPTED | IN_SEGMENTS,
	    MENDED | BY_NAME, MENDED | BY_EXPR, MENDED | BY_EXPR | BY_NAME,
	    MENDED | REPAIRED | ADOPTED | IN_SEGMENTS};
	struct fuzz_bytes b = {0};

	for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++) {
		seeds_u8(&b, done[i]);
		put_contents(&b);
		seeds_u8(&b, INDEX);
		put_file(&b, FLOWFILE, "y.pcap.gz", "another", 2);
		put_file(&b, FLOWFILE, "x~2.pcap.gz", "x", 4);
		put_file(&b, STAGED, "0000000000000003.staged", "", 5);
		put_file(&b, STAGED, "0000000000000004.-", "", 6);
		put_text(&b, DIRTY, "dirty", "2026/01/02\n");
		seeds_write("day", "changed", &b);
		seeds_u8(&b, done[i] | EVICTING | FETCHED);
		put_staged(&b);
		put_file(&b, FLOWFILE, "a.pcap.gz", "a", 0);
		put_file(&b, FLOWFILE, "a~1.pcap.gz", "a", 2);
		put_file(&b, FLOWFILE, "a~2.pcap.gz", "a", 2);
		seeds_u8(&b, INDEX);
		seeds_write("day", "parts", &b);
		seeds_u8(&b, done[i]);
		put_file(&b, PINNED, "p.pcap.gz", "p", 1);
		put_text(&b, OTHER, "flows-9.tar", "no segment");
		put_text(&b, OTHER, "flows.sqlite", "no index");
		put_text(&b, OTHER, "flows.sqlite-wal", "no log");
		put_text(&b, ODD, "link.pcap.gz", "");
		put_text(&b, ODD, "pipe.pcap.gz", "1");
		put_text(&b, ODD, "directory.pcap.gz", "22");
		put_text(&b, ODD, "flows-4.tar", "");
		put_text(&b, DIRTY, "dirty", "2026/01/02\n2026/01/03 tool\n");
		seeds_write("day", "odd", &b);
	}
}

void seeds_archives(void)
{
	put_records();
	put_tail();
	put_flowfiles();
	put_segments();
	put_days();
}
