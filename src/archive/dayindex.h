/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of one day, DIR/YYYY/MM/DD/flows.sqlite: one row per part. flowkeep-archive(5) tells
 * the schema to those who read it with sqlite3.
 *
 * Life-cycle:  open, insert between begin and commit or select, close.
 * Threads:     a dayindex belongs to one thread.
 */
#ifndef ARCHIVE_DAYINDEX_H
#define ARCHIVE_DAYINDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

#define DAYINDEX_SCHEMA 2 /* PRAGMA user_version; 1 is read as it is, and made 2 by who writes */

struct dayindex;

enum dayindex_mode { DAYINDEX_READ, DAYINDEX_WRITE };

/*
 * Indexes on hosts, ports and time: at once, or when the writer closes the index, in bulk. Without
 * them every question is answered, only slower.
 */
enum dayindex_secondary { DAYINDEX_AT_ONCE, DAYINDEX_AT_CLOSE };

/*
 * dayindex_open - open a day's index; to write, it is made where it is missing.
 *
 * Returns:  0; -ENOENT no such index, or one that is just being made; -EBADMSG not an index of
 *           ours, or damaged; -ENOTSUP of a later schema; -EIO, -ENOSPC, -EACCES, -EBUSY, -ENOMEM
 *           as SQLite tells.
 */
int dayindex_open(
    struct archive *a, int32_t day, enum dayindex_mode mode, struct dayindex **ret_index);

/*
 * dayindex_secondary - when a writer makes the secondary indexes: after DAYINDEX_AT_CLOSE, where
 * there is no row yet, that of names too. To be called at once after dayindex_open; without it the
 * index of names is there from the start, the others are made at the close.
 */
int dayindex_secondary(struct dayindex *x, enum dayindex_secondary when);

/*
 * dayindex_begin, dayindex_commit, dayindex_rollback - a transaction. Returns: 0; -errno as above.
 *
 * dayindex_commit_durably - the same, and on disk when it returns. Where it fails, the changes may
 * have been made: then they are not known to be on disk.
 *
 * Rows come and go between begin and commit only. A commit that fails has undone all of them; so
 * has a disk that is full, and then nothing more can be changed until the next begin.
 */
int dayindex_begin(struct dayindex *x);
int dayindex_commit(struct dayindex *x);
int dayindex_commit_durably(struct dayindex *x);
void dayindex_rollback(struct dayindex *x);

/* dayindex_insert - add a part's row, or put it in place of the one of the same UUID and part. */
int dayindex_insert(struct dayindex *x, const struct record *r);

/* dayindex_delete_all - remove all rows, to build them anew. */
int dayindex_delete_all(struct dayindex *x);

/* dayindex_delete - remove a part's row. dayindex_delete_segment - those of a segment. */
int dayindex_delete(struct dayindex *x, const char *uuid, uint32_t part);
int dayindex_delete_segment(struct dayindex *x, uint32_t segment);

/* dayindex_find - one part's row. Returns: 1 and *ret_record; 0 there is none; -errno. */
int dayindex_find(struct dayindex *x, const char *uuid, uint32_t part, struct record *ret_record);

/* dayindex_segment_end - where the last indexed member of a segment ends; 0: none is indexed. */
int dayindex_segment_end(struct dayindex *x, uint32_t segment, uint64_t *ret_end);

/* What all rows of a day add up to, kept as they come and go. */
struct dayindex_summary {
	uint64_t parts;
	uint64_t packets;
	uint64_t bytes;         /* original frame lengths */
	uint64_t length;        /* of the flow files */
	uint64_t file_parts;    /* those that are files of their own */
	uint64_t file_bytes;    /* their lengths, each rounded up to 4,096 */
	uint64_t segment_parts; /* those in segments */
	int64_t start_ns;       /* no part begins before; INT64_MAX: there is none */
	int64_t end_ns;         /* no part ends after; INT64_MIN: there is none */
};

int dayindex_summary(struct dayindex *x, struct dayindex_summary *ret_summary);

/* dayindex_bytes - what its file comes to once it holds what the log holds. Returns: 0; -errno. */
int dayindex_bytes(struct dayindex *x, uint64_t *ret_bytes);

/*
 * dayindex_select - give the parts whose UUID is, or begins with, a text, ordered by UUID and part.
 *
 * Takes:    uuid, or NULL for all; whether it is a prefix; fn, called with a row that lives for the
 *           call; a negative result of fn ends the walk and is returned.
 * Returns:  0; -errno.
 */
enum dayindex_match { DAYINDEX_EXACT, DAYINDEX_PREFIX };

typedef int dayindex_fn(const struct record *r, void *arg);

int dayindex_select(
    struct dayindex *x, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg);

/*
 * A condition on rows: the text behind WHERE, with a `?` per value. Its columns are those of
 * flowkeep-archive(5). "" is true of every row.
 */
enum dayindex_value_kind { DAYINDEX_INT, DAYINDEX_TEXT, DAYINDEX_BYTES };

struct dayindex_value {
	enum dayindex_value_kind kind;
	int64_t number;
	char text[LAYOUT_UUID_SIZE + 1]; /* DAYINDEX_TEXT */
	uint8_t bytes[16];               /* DAYINDEX_BYTES: always 16 */
};

struct dayindex_where {
	const char *sql;
	const struct dayindex_value *values;
	size_t count;
};

/*
 * dayindex_select_where - give the parts of which a condition is true, in no particular order.
 *
 * Returns:  as dayindex_select; -EINVAL the condition is no SQL.
 */
int dayindex_select_where(
    struct dayindex *x, const struct dayindex_where *w, dayindex_fn *fn, void *arg);

/* dayindex_select_oldest - all parts, those first whose last packet is the oldest. */
int dayindex_select_oldest(struct dayindex *x, dayindex_fn *fn, void *arg);

/*
 * DAYINDEX_SUSPECT - the condition that is true of every part that may not be the only one of its
 * flow: it has a number, or it is TCP and shows no SYN. There is an index for it.
 */
#define DAYINDEX_SUSPECT "(part > 0 OR (proto = 6 AND ((client_flags | server_flags) & 2) = 0))"

/*
 * dayindex_close - takes NULL. A writer leaves the index as one file (no write-ahead log), so that
 * readers without write permission can open it, with all its secondary indexes.
 */
void dayindex_close(struct dayindex *x);

#endif
