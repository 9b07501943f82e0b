/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages by key and offset. Noise is SplitMix64 in counter mode; text is a window on 256 KiB of
 * generated HTML, eight times the window of deflate, so it compresses by its words and tags only.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "flowgen_payload.h"
#include "flowgen_random.h"

#define POOL_BYTES (256u * 1024u)
#define WORDS      4096u
#define WORD_MAX   14u

static uint8_t pool[POOL_BYTES];

static void make_words(struct flowgen_random *r, char words[WORDS][WORD_MAX + 1])
{
	static const char consonants[] = "bcdfghklmnprstvw";
	static const char vowels[] = "aeiouaei";
	uint64_t letters;
	unsigned i, n, len;

	for (i = 0; i < WORDS; i++) {
		/* The first words are the ones used most, and as in any language they are short. */
		len = 2 + (unsigned)flowgen_random_below(r, i < 64 ? 3 : WORD_MAX - 2);
		letters = flowgen_random_next(r);
		for (n = 0; n < len; n++, letters >>= 4)
			words[i][n] = n % 2 ? vowels[letters & 7] : consonants[letters & 15];
		words[i][len] = '\0';
	}
}

void flowgen_payload_init(uint64_t seed)
{
	static char words[WORDS][WORD_MAX + 1];
	static const char *const tags[] = {"</p>\n<p>", "</p>\n<h2>", "</h2>\n<p>", "<b>", "</b>",
	    "</li>\n<li class=\"entry\">", "</a> ", "<a href=\"/pages/index.html\">"};
	struct flowgen_random r = {flowgen_mix(seed ^ 0x74657874)};
	const char *piece;
	uint64_t dice, limit;
	size_t at = 0, len;

	make_words(&r, words);
	while (at < POOL_BYTES) {
		dice = flowgen_random_below(&r, 12);
		/* Drawing below drawn limits favours the first words, somewhat as Zipf's law. */
		limit = 1 + flowgen_random_below(&r, WORDS);
		limit = 1 + flowgen_random_below(&r, limit);
		piece = words[flowgen_random_below(&r, limit)];
		if (dice == 0)
			piece = tags[flowgen_random_below(&r, 8)];
		len = strlen(piece);
		if (len > POOL_BYTES - at)
			len = POOL_BYTES - at;
		memcpy(pool + at, piece, len);
		at += len;
		if (at < POOL_BYTES)
			pool[at++] = ' ';
	}
}

static void put_le64(uint8_t *p, uint64_t x)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(x >> (8 * i)); /* compilers make one store of it */
}

static void fill_noise(uint64_t key, uint32_t offset, uint8_t *buf, size_t len)
{
	struct flowgen_random r;
	uint8_t block[8];
	size_t skip = offset % 8, n;

	r.state = key + (uint64_t)(offset / 8) * UINT64_C(0x9e3779b97f4a7c15);
	if (skip != 0) {
		put_le64(block, flowgen_random_next(&r));
		n = len < 8 - skip ? len : 8 - skip;
		memcpy(buf, block + skip, n);
		buf += n;
		len -= n;
	}
	for (; len >= 8; buf += 8, len -= 8)
		put_le64(buf, flowgen_random_next(&r));
	if (len != 0) {
		put_le64(block, flowgen_random_next(&r));
		memcpy(buf, block, len);
	}
}

static void fill_text(uint64_t key, uint32_t offset, uint8_t *buf, size_t len)
{
	size_t at = (size_t)((key + offset) % POOL_BYTES), n;

	for (; len != 0; buf += n, len -= n, at = 0) {
		n = len < POOL_BYTES - at ? len : POOL_BYTES - at;
		memcpy(buf, pool + at, n);
	}
}

/* Lays head (at the start of the message) over buf (at offset). */
static void overlay(const char *head, size_t head_len, uint32_t offset, uint8_t *buf, size_t len)
{
	size_t n;

	if (offset >= head_len)
		return;
	n = head_len - offset < len ? head_len - offset : len;
	memcpy(buf, head + offset, n);
}

static void fill_get(const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
	    "GET /pages/%08x.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: flowgen/1.0\r\n"
	    "Accept: text/html\r\nConnection: keep-alive\r\n\r\n",
	    (unsigned)(m->key >> 32));

	assert(n == (int)FLOWGEN_GET_BYTES);
	overlay(head, (size_t)n, offset, buf, len);
}

static void fill_post(const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
	    "POST /upload/%08x HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: flowgen/1.0\r\n"
	    "Content-Type: text/plain\r\nContent-Length: %010u\r\n\r\n",
	    (unsigned)(m->key >> 32), (unsigned)m->total);

	assert(n == (int)FLOWGEN_POST_BYTES);
	overlay(head, (size_t)n, offset, buf, len);
}

static void fill_reply(const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len)
{
	char head[256];
	int n;

	fill_text(m->key, offset, buf, len);
	if (offset >= FLOWGEN_HEAD_BYTES)
		return;
	assert(m->total >= FLOWGEN_HEAD_BYTES);
	n = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nServer: flowgen/1.0\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n"
	    "Content-Type: text/html; charset=utf-8\r\nContent-Length: %010u\r\nETag: \"%08x\"\r\n"
	    "Connection: keep-alive\r\n\r\n",
	    (unsigned)(m->total - FLOWGEN_HEAD_BYTES), (unsigned)(m->key >> 32));
	assert(n == (int)FLOWGEN_HEAD_BYTES);
	overlay(head, (size_t)n, offset, buf, len);
}

static void fill_records(const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len)
{
	/* Application data (23), version 1.2 on the wire (RFC 8446, 5.2). */
	uint8_t head[5] = {23, 3, 3};
	uint32_t start = offset - offset % FLOWGEN_RECORD_BYTES;
	uint32_t body, skip;
	size_t n;

	fill_noise(m->key, offset, buf, len);
	for (; start < offset + len; start += FLOWGEN_RECORD_BYTES) {
		if (offset >= start + sizeof(head))
			continue;
		body = m->total - start - (uint32_t)sizeof(head);
		if (body > FLOWGEN_RECORD_BYTES - sizeof(head))
			body = FLOWGEN_RECORD_BYTES - sizeof(head);
		head[3] = (uint8_t)(body >> 8);
		head[4] = (uint8_t)body;
		skip = offset > start ? offset - start : 0;
		n = offset + len - (start + skip);
		if (n > sizeof(head) - skip)
			n = sizeof(head) - skip;
		memcpy(buf + (start + skip - offset), head + skip, n);
	}
}

/* RFC 1035, 4.1: one question for an A record, and its answer. */
static void fill_dns(const struct flowgen_message *m, uint8_t *buf, size_t len)
{
	static const uint8_t suffix[] = "\7example\3com\0\0\1\0\1"; /* type A, class IN */
	uint8_t dns[FLOWGEN_ANSWER_BYTES] = {0};
	char label[12];

	assert(len <= sizeof(dns));
	dns[0] = (uint8_t)(m->key >> 8);
	dns[1] = (uint8_t)m->key;
	dns[2] = 1; /* recursion desired */
	dns[5] = 1; /* one question */
	dns[12] = 10;
	(void)snprintf(label, sizeof(label), "w-%08x", (unsigned)(m->key >> 32)); /* always fits */
	memcpy(dns + 13, label, 10);
	memcpy(dns + 23, suffix, 17);
	if (m->kind == FLOWGEN_ANSWER) {
		static const uint8_t record[] = {
		    0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2};

		dns[2] = 0x81; /* response */
		dns[3] = 0x80; /* recursion available */
		dns[7] = 1;    /* one answer */
		memcpy(dns + FLOWGEN_QUERY_BYTES, record, sizeof(record));
		dns[55] = (uint8_t)(m->key >> 16);
	}
	memcpy(buf, dns, len);
}

void flowgen_payload_fill(
    const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len)
{
	switch (m->kind) {
	case FLOWGEN_GET:
		fill_get(m, offset, buf, len);
		break;
	case FLOWGEN_POST:
		fill_post(m, offset, buf, len);
		break;
	case FLOWGEN_BODY:
		fill_text(m->key, offset, buf, len);
		break;
	case FLOWGEN_REPLY:
		fill_reply(m, offset, buf, len);
		break;
	case FLOWGEN_RECORDS:
		fill_records(m, offset, buf, len);
		break;
	case FLOWGEN_MEDIA:
		fill_noise(m->key, offset, buf, len);
		overlay("flow", 4, offset, buf, len); /* else it may look like some protocol */
		break;
	case FLOWGEN_QUERY:
	case FLOWGEN_ANSWER:
		fill_dns(m, buf, len);
		break;
	}
}
