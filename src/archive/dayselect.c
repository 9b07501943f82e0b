/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayselect.h. */
#include "archive/dayselect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "archive/dayrow.h"
#include "archive/dayschema.h"

#define SELECT "SELECT " DAYROW_COLUMNS " FROM flow"
#define ORDER  " ORDER BY uuid, part"

/* Prepares a statement, unless that was done before. */
static int prepared(struct dayselect *s, const char *sql, sqlite3_stmt **st)
{
	if (*st != NULL)
		return 0;
	return dayschema_errno(
	    sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL));
}

static int walk(struct dayselect *s, sqlite3_stmt *st, dayindex_fn *fn, void *arg)
{
	struct record r;
	int rc, rv = 0;

	while (rv >= 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rv = dayrow_read(st, &r);
		r.day = s->day;
		if (rv == 0)
			rv = fn(&r, arg);
	}
	return rv < 0 ? rv : dayschema_errno(rc);
}

int dayselect_find(struct dayselect *s, const char *uuid, uint32_t part, struct record *ret_record)
{
	int rv = prepared(s, SELECT " WHERE uuid = ?1 AND part = ?2", &s->find), rc = SQLITE_OK;
	sqlite3_stmt *st = s->find;
	struct record r;

	if (rv == 0)
		rv = dayrow_bind_uuid(st, 1, uuid);
	if (rv == 0)
		rc = sqlite3_bind_int64(st, 2, part);
	if (rv == 0 && rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && (rv = dayrow_read(st, &r)) == 0) {
		r.day = s->day;
		*ret_record = r;
		rv = 1;
	}
	(void)sqlite3_reset(st); /* takes NULL; repeats the error of step */
	return rv != 0 ? rv : dayschema_errno(rc);
}

/*
 * The range of 16-byte UUIDs that begin with a text such as "3f2a-": the text's digits, then all
 * zeros and all ones. Returns false where no UUID can begin so.
 */
static bool uuid_range(const char *prefix, uint8_t low[16], uint8_t high[16])
{
	static const char lowest[] = "00000000-0000-0000-0000-000000000000";
	static const char highest[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
	char text[UUID_STR_LEN];
	size_t n = strlen(prefix);

	if (n > UUID_STR_LEN - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lowest[i] == '-' ? prefix[i] != '-'
				     : strchr("0123456789abcdef", prefix[i]) == NULL)
			return false;
	(void)snprintf(text, sizeof(text), "%s%s", prefix, lowest + n);
	if (uuid_parse(text, low) != 0)
		return false;
	(void)snprintf(text, sizeof(text), "%s%s", prefix, highest + n);
	return uuid_parse(text, high) == 0;
}

/* One statement for bytes and one for text: SQLite keeps the two apart, and so does the index. */
static int select_range(struct dayselect *s, const char *uuid, enum dayindex_match match,
    bool as_bytes, sqlite3_stmt **ret_st)
{
	bool exact = match == DAYINDEX_EXACT;
	uint8_t low[16], high[16];
	char last[LAYOUT_UUID_SIZE + 1];
	sqlite3_stmt *st;
	int rc, rv;

	if (as_bytes && !(exact ? layout_uuid_bytes(uuid, low) : uuid_range(uuid, low, high)))
		return -ENODATA;
	rv = exact ? prepared(s, SELECT " WHERE uuid = ?1" ORDER, &s->exact)
		   : prepared(s, SELECT " WHERE uuid >= ?1 AND uuid <= ?2" ORDER, &s->prefix);
	if (rv != 0)
		return rv;
	st = exact ? s->exact : s->prefix;
	/* '~' sorts behind every character that a UUID may have. */
	(void)snprintf(last, sizeof(last), "%s~", uuid);
	rc = as_bytes ? sqlite3_bind_blob(st, 1, low, 16, SQLITE_TRANSIENT)
		      : sqlite3_bind_text(st, 1, uuid, -1, SQLITE_TRANSIENT);
	if (!exact)
		rc |= as_bytes ? sqlite3_bind_blob(st, 2, high, 16, SQLITE_TRANSIENT)
			       : sqlite3_bind_text(st, 2, last, -1, SQLITE_TRANSIENT);
	*ret_st = st;
	return dayschema_errno(rc);
}

/* Walks over what a statement gives that is prepared for this once. */
static int walk_once(struct dayselect *s, const char *sql, dayindex_fn *fn, void *arg)
{
	sqlite3_stmt *st;
	int rv = dayschema_errno(sqlite3_prepare_v2(s->db, sql, -1, &st, NULL));

	if (rv == 0) {
		rv = walk(s, st, fn, arg);
		(void)sqlite3_finalize(st); /* repeats the error of step */
	}
	return rv;
}

int dayselect_uuid(
    struct dayselect *s, const char *uuid, enum dayindex_match match, dayindex_fn *fn, void *arg)
{
	uint8_t bytes[16];
	/* A name in the notation of UUIDs is stored as bytes alone. */
	bool no_text = uuid != NULL && match == DAYINDEX_EXACT && layout_uuid_bytes(uuid, bytes);
	int rv = 0;

	if (uuid == NULL)
		return walk_once(s, SELECT ORDER, fn, arg);
	for (int as_bytes = no_text; as_bytes < 2 && rv >= 0; as_bytes++) {
		sqlite3_stmt *st = NULL;

		rv = select_range(s, uuid, match, as_bytes, &st);
		if (rv == -ENODATA) {
			rv = 0;
			continue;
		}
		if (rv == 0)
			rv = walk(s, st, fn, arg);
		(void)sqlite3_reset(st); /* takes NULL; ends the read; repeats the error of step */
	}
	return rv;
}

int dayselect_oldest(struct dayselect *s, dayindex_fn *fn, void *arg)
{
	return walk_once(s, SELECT " ORDER BY end_ns", fn, arg);
}

static int bind_value(sqlite3_stmt *st, int place, const struct dayindex_value *v)
{
	switch (v->kind) {
	case DAYINDEX_TEXT:
		return sqlite3_bind_text(st, place, v->text, -1, SQLITE_STATIC);
	case DAYINDEX_BYTES:
		return sqlite3_bind_blob(st, place, v->bytes, sizeof(v->bytes), SQLITE_STATIC);
	default:
		return sqlite3_bind_int64(st, place, v->number);
	}
}

int dayselect_where(struct dayselect *s, const struct dayindex_where *w, dayindex_fn *fn, void *arg)
{
	sqlite3_stmt *st = NULL;
	char *sql = sqlite3_mprintf("%s%s%s", SELECT, w->sql[0] ? " WHERE " : "", w->sql);
	int rc, rv;

	if (sql == NULL)
		return -ENOMEM;
	rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	sqlite3_free(sql);
	for (size_t i = 0; rc == SQLITE_OK && i < w->count; i++)
		rc = bind_value(st, (int)i + 1, &w->values[i]);
	if (rc == SQLITE_ERROR || rc == SQLITE_RANGE)
		rv = -EINVAL;
	else
		rv = rc == SQLITE_OK ? walk(s, st, fn, arg) : dayschema_errno(rc);
	(void)sqlite3_finalize(st); /* takes NULL; repeats the error of step */
	return rv;
}

void dayselect_finish(struct dayselect *s)
{
	(void)sqlite3_finalize(s->find); /* take NULL; repeat errors */
	(void)sqlite3_finalize(s->exact);
	(void)sqlite3_finalize(s->prefix);
}
