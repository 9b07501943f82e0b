/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in an archive, and nothing but names:
 *
 *     YYYY/MM/DD/UUID.pcap.gz      the first part of a flow, in the UTC day of its first packet
 *     YYYY/MM/DD/UUID~N.pcap.gz    its N-th further part, N from 1
 *     YYYY/MM/DD/flows-N.tar       a segment: many parts in one file, N from 1
 *     YYYY/MM/DD/flows.sqlite      the index of that day
 *     .staging/SEQ.UUID            a part that is not published yet; SEQ.UUID~N a further one;
 *     .staging/SEQ.-               one of a flow without a name
 *
 * Threads:  any; pure.
 */
#ifndef ARCHIVE_LAYOUT_H
#define ARCHIVE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_UUID_MAX     128
#define LAYOUT_UUID_SIZE    (LAYOUT_UUID_MAX + 1)
#define LAYOUT_NAME_SIZE    (LAYOUT_UUID_SIZE + 24)
#define LAYOUT_DAY_SIZE     16
#define LAYOUT_INDEX        "flows.sqlite"
#define LAYOUT_BLOCK_BYTES  4096u
#define LAYOUT_SUFFIX       ".pcap.gz"
#define LAYOUT_STAGED_SIZE  (LAYOUT_UUID_SIZE + 32)
#define LAYOUT_SEGMENT_SIZE 24

/* What stands in the name of a staged file for the UUID of a flow that has none yet. */
#define LAYOUT_UNNAMED "-"

/* layout_uuid_valid - 1..128 characters of [A-Za-z0-9._-], the first of them not '.'. */
bool layout_uuid_valid(const char *text);

/*
 * layout_uuid_bytes - the 16 bytes of a UUID in lower case notation, from which the same text can
 * be made again. (uuid_parse(3) takes others too, and is slow where it is done for every flow.)
 *
 * Returns:  false: it is none.
 */
bool layout_uuid_bytes(const char *text, uint8_t ret_bytes[16]);

/* layout_uuid_text - the inverse. It fills 37 bytes of buf; returns buf. */
char *layout_uuid_text(const uint8_t bytes[16], char *buf);

/* layout_prefix_valid - could a UUID begin like this? The same, but also empty is refused. */
bool layout_prefix_valid(const char *text);

/* layout_file_name - the name of a part's file. buf has LAYOUT_NAME_SIZE bytes; returns buf. */
char *layout_file_name(const char *uuid, uint32_t part, char *buf);

/*
 * layout_parse_file_name - the inverse.
 *
 * Takes:    name of any content; ret_uuid with LAYOUT_UUID_SIZE bytes.
 * Returns:  true, if it is the name that layout_file_name makes of what it returns.
 */
bool layout_parse_file_name(const char *name, char *ret_uuid, uint32_t *ret_part);

/* layout_segment_name - "flows-7.tar". buf has LAYOUT_SEGMENT_SIZE bytes; returns buf. */
char *layout_segment_name(uint32_t number, char *buf);

/* layout_parse_segment_name - the inverse, in the one spelling that we write. */
bool layout_parse_segment_name(const char *name, uint32_t *ret_number);

/*
 * layout_staged_name - the name of a staged file. buf has LAYOUT_STAGED_SIZE bytes; returns buf.
 *
 * Takes:    serial; uuid, LAYOUT_UNNAMED where there is none; part, the number it will try first:
 *           without a name it counts nothing, as numbers belong to names.
 */
char *layout_staged_name(uint64_t serial, const char *uuid, uint32_t part, char *buf);

/* What the name of a staged file says. */
struct layout_staged {
	uint64_t serial;
	char uuid[LAYOUT_UUID_SIZE]; /* LAYOUT_UNNAMED where it has none */
	uint32_t part;
};

/* layout_parse_staged_name - the inverse, in the one spelling that we write. */
bool layout_parse_staged_name(const char *name, struct layout_staged *ret_staged);

/*
 * layout_parse_serial - the 16 hexadecimal digits in lower case that names in .staging begin with.
 *
 * Returns:  what follows them; NULL where they are not there.
 */
const char *layout_parse_serial(const char *name, uint64_t *ret_serial);

/* layout_disk_bytes - what a file of so many bytes takes on usual file systems. */
static inline uint64_t layout_disk_bytes(uint64_t length)
{
	return (length + LAYOUT_BLOCK_BYTES - 1) / LAYOUT_BLOCK_BYTES * LAYOUT_BLOCK_BYTES;
}

/* layout_day_path - "2026/01/02". buf has LAYOUT_DAY_SIZE bytes; returns buf. */
char *layout_day_path(int32_t day, char *buf);

/* layout_parse_day_path - the inverse. Returns: true if it is such a path of a day that exists. */
bool layout_parse_day_path(const char *path, int32_t *ret_day);

#endif
