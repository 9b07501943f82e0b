/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event as the line of JSON that goes over the socket, byte for byte as M-Lab's tcp-info writes
 * it: order and spelling of the keys, and time stamps whose decimals lose their trailing zeros.
 * What differs is said in flowkeep-events(1): Interface is in host order, and no IPv6 address is
 * taken for IPv4.
 */
#ifndef EVENTS_LINE_H
#define EVENTS_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "events/connection.h"

/* Longest prefix that leaves room for _ and 16 digits in a UUID of 128 characters. */
#define LINE_PREFIX_MAX 111
#define LINE_UUID_SIZE  (LINE_PREFIX_MAX + 1 + 16 + 1)

/* Longest line, with its line feed and a NUL: about 150 bytes of keys, UUID, 2 addresses, numbers.
 */
#define LINE_SIZE 512

/*
 * line_uuid - PREFIX_COOKIE, the cookie as 16 upper-case hexadecimal digits.
 *
 * Takes:    buf of LINE_UUID_SIZE bytes; prefix of at most LINE_PREFIX_MAX characters that need no
 *           escape in JSON.
 * Returns:  buf.
 * Threads:  any; pure. So are the others.
 */
char *line_uuid(char *buf, const char *prefix, uint64_t cookie);

/*
 * line_open - the event that names a connection.
 * line_close - the event that ends one.
 *
 * Takes:    buf of LINE_SIZE bytes; ns since 1970 UTC.
 * Returns:  length of the line, line feed included.
 */
size_t line_open(char *buf, const char *prefix, const struct connection *c, int64_t ns);
size_t line_close(char *buf, const char *prefix, uint64_t cookie, int64_t ns);

#endif
