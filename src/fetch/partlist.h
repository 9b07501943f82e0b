/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of flows as the index tells of them, kept small: a search may come to a million of them.
 * A list only grows; it also keeps the texts that its parts refer to.
 *
 * Threads:  a list belongs to one thread.
 */
#ifndef FETCH_PARTLIST_H
#define FETCH_PARTLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/record.h"

/* One part: what the flow's line in a listing and the way to its file need of a record. */
struct part {
	struct flowkey key;
	struct tally tally;
	union {
		uint8_t bytes[16]; /* a UUID in the usual notation */
		const char *text;  /* any other name */
	} uuid;
	const char *interface; /* "" unknown */
	uint64_t offset;       /* where it begins in its segment */
	uint64_t length;       /* bytes of its file */
	uint64_t lost_pkts;
	uint32_t segment; /* 0: a file of its own */
	uint32_t number;  /* of the part within its flow */
	struct policy policy;
	int32_t day;
	uint8_t client;      /* enum side */
	uint8_t end_reason;  /* enum end_reason */
	uint8_t uuid_source; /* enum uuid_source */
	uint8_t uuid_is_text;
	uint8_t exempt;
	uint8_t pinned; /* it lies below DIR/pinned */
};

struct partlist;

/* partlist_new - an empty list. Returns: 0; -ENOMEM. */
int partlist_new(struct partlist **ret_list);

/* partlist_add - append a part. Returns: 0; -ENOMEM. */
int partlist_add(struct partlist *l, const struct record *r);

/* partlist_set_pinned - what is added from now on lies below DIR/pinned, or does not (at first). */
void partlist_set_pinned(struct partlist *l, bool pinned);

/* partlist_count - how many there are. partlist_at - one of them, at one place until the end. */
size_t partlist_count(const struct partlist *l);
const struct part *partlist_at(const struct partlist *l, size_t i);

/* partlist_free - takes NULL. */
void partlist_free(struct partlist *l);

/* partlist_name - a part that has just a name, to compare with. It borrows uuid. */
struct part partlist_name(const char *uuid, int32_t day, uint32_t number);

/* partlist_uuid - a part's UUID. buf has LAYOUT_UUID_SIZE bytes; returns buf. */
char *partlist_uuid(const struct part *p, char *buf);

#define PARTLIST_PATH_SIZE (LAYOUT_DAY_SIZE + LAYOUT_NAME_SIZE + 8)

/* partlist_path - its file or segment, from the archive on. buf has PARTLIST_PATH_SIZE bytes;
 * returns buf. */
char *partlist_path(const struct part *p, char *buf);

/*
 * Orders, as qsort(3) wants them, of the parts themselves:
 *
 * partlist_by_uuid - as the text of the UUIDs sorts.
 * partlist_by_name - UUID, day, number: 0 for one part and itself.
 * partlist_by_flow - UUID, protocol, both ends: 0 for parts of one flow.
 * partlist_by_time - first packet, day, number.
 */
int partlist_by_uuid(const struct part *a, const struct part *b);
int partlist_by_name(const struct part *a, const struct part *b);
int partlist_by_flow(const struct part *a, const struct part *b);
int partlist_by_time(const struct part *a, const struct part *b);

#endif
