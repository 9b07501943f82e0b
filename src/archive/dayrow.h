/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record as a row of the table `flow`, and back; and what the rows of a day add up to, as the
 * only row of the table `day`. UUIDs in the usual notation are stored as 16
 * bytes, other names as text; addresses as 16 bytes, IPv4 ones mapped (::ffff:a.b.c.d), so that
 * they sort by prefix.
 *
 * Threads:  any; each statement belongs to one.
 */
#ifndef ARCHIVE_DAYROW_H
#define ARCHIVE_DAYROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/dayindex.h"
#include "archive/record.h"

/*
 * The statement that makes the table. The order of columns is that of DAYROW_COLUMNS. Rows lie in
 * the order of their coming, and so fill their pages. `state` takes no room and cannot contradict
 * `end_reason`. Who opens an index compares the text: another one is another DAYINDEX_SCHEMA.
 */
#define DAYROW_SCHEMA                                                           \
	"CREATE TABLE flow ("                                                   \
	" uuid NOT NULL, part INTEGER NOT NULL, proto INTEGER NOT NULL,"        \
	" linktype INTEGER NOT NULL, vlan INTEGER NOT NULL,"                    \
	" client_ip BLOB NOT NULL, client_port INTEGER NOT NULL,"               \
	" server_ip BLOB NOT NULL, server_port INTEGER NOT NULL,"               \
	" start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"                  \
	" client_packets INTEGER NOT NULL, client_bytes INTEGER NOT NULL,"      \
	" server_packets INTEGER NOT NULL, server_bytes INTEGER NOT NULL,"      \
	" captured_bytes INTEGER NOT NULL, truncated INTEGER NOT NULL,"         \
	" client_flags INTEGER NOT NULL, server_flags INTEGER NOT NULL,"        \
	" end_reason TEXT NOT NULL, uuid_source TEXT NOT NULL, interface TEXT," \
	" snaplen INTEGER NOT NULL, lost_packets INTEGER NOT NULL,"             \
	" cut_duration INTEGER NOT NULL, cut_bytes INTEGER NOT NULL,"           \
	" vlan_key INTEGER NOT NULL, length INTEGER NOT NULL,"                  \
	" segment INTEGER, offset INTEGER NOT NULL, policy TEXT,"               \
	" state TEXT AS (" DAYROW_STATE ") VIRTUAL)"

#define DAYROW_STATE "CASE end_reason WHEN 'continued' THEN 'open' ELSE 'closed' END"

/* All columns that are stored, and as many places for values. */
#define DAYROW_COLUMNS                                                                       \
	"uuid, part, proto, linktype, vlan, client_ip, client_port, server_ip, server_port," \
	" start_ns, end_ns, client_packets, client_bytes, server_packets, server_bytes,"     \
	" captured_bytes, truncated, client_flags, server_flags, end_reason, uuid_source,"   \
	" interface, snaplen, lost_packets, cut_duration, cut_bytes, vlan_key, length,"      \
	" segment, offset, policy"
#define DAYROW_PLACES "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"

/* The summary's table: what struct dayindex_summary has; times are NULL where there is no part. */
#define DAYROW_DAY_SCHEMA                                                                     \
	"CREATE TABLE day ("                                                                  \
	" parts INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,"          \
	" length INTEGER NOT NULL, file_parts INTEGER NOT NULL, file_bytes INTEGER NOT NULL," \
	" segment_parts INTEGER NOT NULL, start_ns INTEGER, end_ns INTEGER)"

#define DAYROW_SUMMARY_COLUMNS \
	"parts, packets, bytes, length, file_parts, file_bytes, segment_parts, start_ns, end_ns"
#define DAYROW_SUMMARY_PLACES "?,?,?,?,?,?,?,?,?"

/*
 * The same columns, added up from rows. total() counts in floating point: exact up to 2^53, and
 * no row can make it fail.
 */
#define DAYROW_SUMS                                                                             \
	"count(*), CAST(total(client_packets + server_packets) AS INTEGER),"                    \
	" CAST(total(client_bytes + server_bytes) AS INTEGER), CAST(total(length) AS INTEGER)," \
	" CAST(total(segment IS NULL) AS INTEGER),"                                             \
	" CAST(total((segment IS NULL) * ((length + 4095) / 4096 * 4096)) AS INTEGER),"         \
	" count(segment), min(start_ns), max(end_ns)"

/* dayrow_column_uuid - the name in a column. Takes: LAYOUT_UUID_SIZE bytes. Returns: 0; -EBADMSG.
 */
int dayrow_column_uuid(sqlite3_stmt *st, int column, char *ret_uuid);

/* dayrow_bind_uuid - bind a UUID as rows have it. Takes: text, which lives as for dayrow_bind. */
int dayrow_bind_uuid(sqlite3_stmt *st, int place, const char *text);

/*
 * dayrow_bind - bind a record to the places of a statement, from the first on.
 *
 * Takes:    r, which lives until the statement is reset.
 * Returns:  0; -ENOMEM.
 */
int dayrow_bind(sqlite3_stmt *st, const struct record *r);

/*
 * dayrow_read - the record of the present row of a statement that selects DAYROW_COLUMNS.
 *
 * Returns:  0; -EBADMSG the row is not as we write it. The day is not set.
 */
int dayrow_read(sqlite3_stmt *st, struct record *r);

/* dayrow_summary_add - count one more part in. Nothing grows beyond INT64_MAX. */
void dayrow_summary_add(struct dayindex_summary *s, const struct record *r);

/* dayrow_summary_subtract - count out what rows add up to; the times are bounds, and stay. */
void dayrow_summary_subtract(struct dayindex_summary *s, const struct dayindex_summary *gone);

/* dayrow_summary_bind - bind it to the places of a statement. Returns: 0; -ENOMEM. */
int dayrow_summary_bind(sqlite3_stmt *st, const struct dayindex_summary *s);

/* dayrow_summary_read - Takes: a statement at a row of such columns. Returns: 0; -EBADMSG. */
int dayrow_summary_read(sqlite3_stmt *st, struct dayindex_summary *s);

#endif
