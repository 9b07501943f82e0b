/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of finding and fetching share: makes small archives with the real modules, from
 * packets that tell which they are, and reads pcaps back.
 */
#ifndef TESTS_FETCH_ARCHIVE_BUILDER_H
#define TESTS_FETCH_ARCHIVE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

#define BUILDER_SECOND INT64_C(1000000000)
#define BUILDER_NOON                                                                              \
	(INT64_C(20454) * 86400 * BUILDER_SECOND + INT64_C(43200) * BUILDER_SECOND) /* 2026-01-01 \
										     */

/* A part to be made. Zero is a sensible value for all but uuid. */
struct built_part {
	const char *uuid;
	uint32_t number;
	int64_t first_ns;        /* 0: BUILDER_NOON */
	int64_t step_ns;         /* between packets; 0: one second */
	unsigned packets;        /* 0: 4 */
	unsigned payload_bytes;  /* 0: just enough to tell who it is */
	unsigned member_packets; /* packets per gzip member; 0: all in one */
	bool ipv6;
	bool raw_ip;          /* link type 101 instead of 1 */
	uint16_t client_port; /* 0: 50000 */
	uint8_t client_host;  /* last byte of its address; 0: 1 */
	uint64_t lost_pkts;
	const char *interface; /* NULL: unknown */
	enum end_reason end_reason;
};

struct builder;

/* A new archive in a directory of its own, held by a writer. */
struct builder *builder_new(void);

const char *builder_dir(const struct builder *b);

enum indexed { INDEXED, NOT_INDEXED };

/* Publishes a part, and indexes it or not. Returns its record, good until the next call. */
const struct record *builder_add(
    struct builder *b, const struct built_part *p, enum indexed indexed);

/* Puts a row into the index of its day: for a file that is not there, or of another content. */
void builder_add_row(struct builder *b, const struct record *r);

/* Makes the rows visible to others, as a writer does at the end of a group. */
void builder_commit(struct builder *b);

/* Puts a file into the staging area, as a flow that is not published yet. */
void builder_stage(struct builder *b, const char *uuid);

/* Ends the writer: days are struck from the dirty list, or stay as a kill leaves them. */
enum ending { ENDS_CLEANLY, IS_KILLED };
void builder_end_writer(struct builder *b, enum ending ending);

/* The archive as a reader opens it. builder_free closes it. */
struct archive *builder_reader(struct builder *b);

/* Changes to files behind the archive's back; path is from the archive on. */
void builder_flip_byte(const struct builder *b, const char *path, uint64_t offset);
void builder_wipe(const struct builder *b, const char *path, uint64_t offset, size_t n);
void builder_cut(const struct builder *b, const char *path, uint64_t bytes);
void builder_remove(const struct builder *b, const char *path);
void builder_write(const struct builder *b, const char *path, const void *bytes, size_t n);
/* The filter of an index, which is to have one of one block, says that there is no name at all. */
void builder_hide_names(const struct builder *b, const char *path);
uint64_t builder_size(const struct builder *b, const char *path);

/* Removes everything. */
void builder_free(struct builder *b);

/* A packet as it was read back: when, and the text that it carries. */
struct seen {
	int64_t ts_ns;
	uint32_t linktype;
	char text[160]; /* "UUID part packet" */
};

/* All packets of a pcap; the caller frees. Fails the test where the pcap is not sound. */
struct seen *builder_read_pcap(const char *path, size_t *ret_count);

/* The text that packet `packet` of a part carries. */
char *builder_packet_text(const struct built_part *p, unsigned packet, char *buf, size_t size);

/* Lines of complaints, joined; a query_bad_fn and partfile_bad_fn: arg is a struct complaints. */
struct complaints {
	unsigned count;
	char text[4096]; /* "path: reason\n" each */
};
void builder_complain(const char *path, const char *reason, void *complaints);

#endif
