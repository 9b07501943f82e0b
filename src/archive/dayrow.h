/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record as a row of the table `flow`, and back. UUIDs in the usual notation are stored as 16
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

#include "archive/record.h"

/* The statement that makes the table. The order of columns is that of DAYROW_COLUMNS. */
#define DAYROW_SCHEMA                                                                          \
	"CREATE TABLE IF NOT EXISTS flow ("                                                    \
	" uuid NOT NULL, part INTEGER NOT NULL, proto INTEGER NOT NULL, linktype INTEGER NOT " \
	"NULL,"                                                                                \
	" vlan INTEGER NOT NULL, client_ip BLOB NOT NULL, client_port INTEGER NOT NULL,"       \
	" server_ip BLOB NOT NULL, server_port INTEGER NOT NULL,"                              \
	" start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"                                 \
	" client_packets INTEGER NOT NULL, client_bytes INTEGER NOT NULL,"                     \
	" server_packets INTEGER NOT NULL, server_bytes INTEGER NOT NULL,"                     \
	" captured_bytes INTEGER NOT NULL, truncated INTEGER NOT NULL,"                        \
	" client_flags INTEGER NOT NULL, server_flags INTEGER NOT NULL,"                       \
	" end_reason TEXT NOT NULL, uuid_source TEXT NOT NULL, interface TEXT,"                \
	" snaplen INTEGER NOT NULL, lost_packets INTEGER NOT NULL,"                            \
	" cut_duration INTEGER NOT NULL, cut_bytes INTEGER NOT NULL,"                          \
	" vlan_key INTEGER NOT NULL, length INTEGER NOT NULL,"                                 \
	" PRIMARY KEY (uuid, part)) WITHOUT ROWID"

/* All columns, and as many places for values. */
#define DAYROW_COLUMNS                                                                         \
	"uuid, part, proto, linktype, vlan, client_ip, client_port, server_ip, server_port, "  \
	"start_ns,"                                                                            \
	" end_ns, client_packets, client_bytes, server_packets, server_bytes, captured_bytes," \
	" truncated, client_flags, server_flags, end_reason, uuid_source, interface, snaplen," \
	" lost_packets, cut_duration, cut_bytes, vlan_key, length"
#define DAYROW_PLACES "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"

/* dayrow_uuid_bytes - the 16 bytes of a UUID in lower case notation. Returns: false: it is none. */
bool dayrow_uuid_bytes(const char *text, uint8_t bytes[16]);

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

#endif
