/* SPDX-License-Identifier: BSD-2-Clause */
/* See seeds.h: indexes of days, and filters of names. */
#include <string.h>

#include "fuzz/seeds.h"

enum { RAW, PATCHED, VALUES, SQL, WRITTEN = 8 };
enum { INTEGER, REAL, NOTHING, TEXT, BYTES };

static void put_sql(void)
{
	static const char *const statements[] = {"DELETE FROM flow", "DELETE FROM flow_uuid",
	    "UPDATE flow SET uuid = 'x', part = 0", "DROP TABLE day",
	    "DROP TABLE flow; CREATE TABLE flow (uuid)",
	    "DROP TABLE flow; CREATE VIEW flow AS SELECT 1 AS uuid",
	    "DROP INDEX flow_uuid; INSERT INTO flow SELECT * FROM flow",
	    "DROP INDEX flow_uuid; CREATE UNIQUE INDEX flow_uuid ON flow (rowid)",
	    "CREATE TRIGGER t AFTER INSERT ON flow BEGIN DELETE FROM flow; END",
	    "PRAGMA user_version = 3", "PRAGMA user_version = 0", "PRAGMA application_id = 1",
	    "PRAGMA journal_mode = WAL", "PRAGMA page_size = 512; VACUUM",
	    "PRAGMA auto_vacuum = 1; VACUUM", "PRAGMA encoding = 'UTF-16'; VACUUM",
	    "ALTER TABLE flow ADD COLUMN more AS (replace(hex(zeroblob(1000)), '0', uuid))",
	    "ALTER TABLE flow RENAME TO other; CREATE TABLE flow AS SELECT * FROM other",
	    "CREATE TABLE old AS SELECT uuid, part, proto, linktype, vlan, client_ip, client_port,"
	    " server_ip, server_port, start_ns, end_ns, client_packets, client_bytes,"
	    " server_packets, server_bytes, captured_bytes, truncated, client_flags, server_flags,"
	    " end_reason, uuid_source, interface, snaplen, lost_packets, cut_duration, cut_bytes,"
	    " vlan_key, length FROM flow; DROP TABLE flow; DROP TABLE day;"
	    " ALTER TABLE old RENAME TO flow; PRAGMA user_version = 1",
	    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 2",
	    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET type = 'view' WHERE name = 'day'",
	    "UPDATE day SET parts = -1; UPDATE flow SET length = 9223372036854775807",
	    "UPDATE flow SET segment = 7, offset = 9223372036854775807 - length",
	    "CREATE TABLE many AS WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c"
	    " WHERE x < 300) SELECT x FROM c; INSERT INTO flow (uuid, part, proto, linktype, vlan,"
	    " client_ip, client_port, server_ip, server_port, start_ns, end_ns, client_packets,"
	    " client_bytes, server_packets, server_bytes, captured_bytes, truncated, client_flags,"
	    " server_flags, end_reason, uuid_source, snaplen, lost_packets, cut_duration,"
	    " cut_bytes, vlan_key, length, offset) SELECT uuid, x, proto, linktype, vlan,"
	    " client_ip, client_port, server_ip, server_port, start_ns, end_ns, client_packets,"
	    " client_bytes, server_packets, server_bytes, captured_bytes, truncated, client_flags,"
	    " server_flags, end_reason, uuid_source, snaplen, lost_packets, cut_duration,"
	    " cut_bytes, vlan_key, length, 0 FROM flow, many"};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		seeds_word("index", SQL | (i % 3 == 0 ? 0 : WRITTEN), statements[i]);
}

/* One value of every kind into every column. */
static void put_values(void)
{
	static const char *const texts[] = {"", "x", "fin", "eth0", "..", "payload=zero"};

	for (unsigned column = 0; column < 31; column++) {
		struct fuzz_bytes b = {0};

		seeds_u8(&b, VALUES | (column & 1 ? WRITTEN : 0));
		for (unsigned type = INTEGER; type <= BYTES; type++) {
			seeds_u8(&b, column);
			seeds_u8(&b, type);
			seeds_u8(&b, type);
			if (type == INTEGER || type == REAL)
				seeds_u64(&b, column % 2 ? UINT64_MAX : INT64_MAX);
			else if (type != NOTHING)
				seeds_text8(&b, texts[column % 6]);
		}
		seeds_u8(&b, column); /* and into the sums */
		seeds_u8(&b, 255);
		seeds_u8(&b, INTEGER);
		seeds_u64(&b, UINT64_MAX >> column);
		seeds_write("index", "values", &b);
	}
}

static void put_patches(void)
{
	static const unsigned places[] = {0, 16, 18, 24, 28, 40, 44, 60, 68, 100, 103, 108, 4096};
	struct fuzz_bytes b = {0};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		seeds_u8(&b, PATCHED | (i & 1 ? WRITTEN : 0));
		seeds_u16(&b, places[i]);
		seeds_text8(&b, "\x7f\xff\x01");
		seeds_write("index", "patched", &b);
	}
	seeds_u8(&b, RAW | WRITTEN);
	fuzz_put(&b, "SQLite format 3", 16);
	fuzz_put_zeros(&b, 600);
	seeds_write("index", "raw", &b);
	seeds_u8(&b, RAW | WRITTEN);
	seeds_write("index", "empty", &b);
}

static void put_filters(void)
{
	struct fuzz_bytes b = {0};

	for (unsigned blocks = 0; blocks < 3; blocks++) {
		seeds_u8(&b, 1);
		fuzz_put_zeros(&b, 24);
		seeds_u32(&b, blocks << 24); /* little-endian in the file */
		fuzz_put_zeros(&b, 36 + 64 * blocks);
		seeds_write("dayfilter", "filter", &b);
	}
	seeds_u8(&b, 1);
	fuzz_put_zeros(&b, 24);
	seeds_u32(&b, UINT32_MAX);
	fuzz_put_zeros(&b, 36 + 64);
	seeds_write("dayfilter", "many", &b);
	seeds_word("dayfilter", 0, "FKNAMES1");
}

void seeds_indexes(void)
{
	put_sql();
	put_values();
	put_patches();
	put_filters();
}
