/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow files to test with, put together as flowkeep-archive(5) says, and the record that belongs to
 * each. Sums are made here packet by packet, not by the code under test.
 */
#ifndef SUPPORT_FLOWFILE_H
#define SUPPORT_FLOWFILE_H

#include <stddef.h>
#include <stdint.h>

#include "archive/record.h"
#include "support/frames.h"

#define FLOWFILE_MAX 65536u

struct flowfile {
	uint8_t bytes[FLOWFILE_MAX];
	size_t len;
	size_t member[64]; /* where each member begins; the last is the record's */
	size_t members;
	struct record record; /* as the index should hold it, once `day` and `part` are right */
};

/* flowfile_key - the key of a conversation. */
void flowfile_key(struct flowkey *ret_key, const struct frames_talk *t);

/* flowfile_count - add a packet of so many bytes to a record's sums. */
void flowfile_count(struct record *r, const struct frames_packet *p, uint32_t bytes);

/* flowfile_begin - an empty file, with the header member, and its record so far. */
void flowfile_begin(struct flowfile *f, const struct frames_talk *t, const char *uuid);

/* flowfile_add - one member of these packets, added up in the record. */
void flowfile_add(
    struct flowfile *f, const struct frames_talk *t, const struct frames_packet *p, size_t count);

/* flowfile_add_raw - a member of any bytes: nothing is added up. */
void flowfile_add_raw(struct flowfile *f, const void *bytes, size_t len);

/* flowfile_end - the record member, made from f->record. flowfile_end_text - from any text. */
void flowfile_end(struct flowfile *f);
void flowfile_end_text(struct flowfile *f, const char *text, size_t len);

/* flowfile_ordinary - a TCP connection of eight packets in three members, client on the low side.
 */
void flowfile_ordinary(
    struct flowfile *f, const struct frames_talk *t, const char *uuid, int64_t first_ns);

#endif
