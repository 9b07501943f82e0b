/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What flowgen's flows say: HTTP with pages of words, TLS records of noise, DNS. A message's bytes
 * depend only on its key and the offset in it, so a segment sent twice, or before its predecessor,
 * or built again for its next fragment, carries the same bytes.
 */
#ifndef TOOLS_FLOWGEN_PAYLOAD_H
#define TOOLS_FLOWGEN_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

enum flowgen_message_kind {
	FLOWGEN_GET,     /* HTTP request */
	FLOWGEN_POST,    /* head of an HTTP request whose body of total bytes comes next */
	FLOWGEN_BODY,    /* that body */
	FLOWGEN_REPLY,   /* HTTP reply, head and page */
	FLOWGEN_RECORDS, /* TLS application data */
	FLOWGEN_MEDIA,   /* noise */
	FLOWGEN_QUERY,   /* DNS */
	FLOWGEN_ANSWER,  /* DNS: the answer to the query with the same key */
};

struct flowgen_message {
	uint64_t key;
	uint32_t total; /* bytes; FLOWGEN_POST: those of the body */
	enum flowgen_message_kind kind;
};

#define FLOWGEN_GET_BYTES    128u
#define FLOWGEN_POST_BYTES   136u
#define FLOWGEN_HEAD_BYTES   187u /* of a reply */
#define FLOWGEN_QUERY_BYTES  40u
#define FLOWGEN_ANSWER_BYTES 56u

/* A TLS record carries at most 2^14 bytes (RFC 8446, 5.1) behind a head of 5. */
#define FLOWGEN_RECORD_BYTES (5u + 16384u)

/* flowgen_payload_init - write the text that all pages quote. To be called once, first. */
void flowgen_payload_init(uint64_t seed);

/*
 * flowgen_payload_fill - the bytes offset..offset+len of a message.
 *
 * Takes:    m; offset + len within the message; buf of len bytes.
 */
void flowgen_payload_fill(
    const struct flowgen_message *m, uint32_t offset, uint8_t *buf, size_t len);

#endif
