/* SPDX-License-Identifier: BSD-2-Clause */
/* See layout.h. */
#include "archive/layout.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/clk.h"

#define SERIAL_DIGITS 16u

static const char uuid_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool layout_uuid_valid(const char *text)
{
	size_t n = strlen(text);

	return n >= 1 && n <= LAYOUT_UUID_MAX && text[0] != '.' && strspn(text, uuid_chars) == n;
}

bool layout_prefix_valid(const char *text)
{
	return layout_uuid_valid(text);
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool layout_uuid_bytes(const char *text, uint8_t ret_bytes[16])
{
	size_t n = 0;

	for (size_t i = 0; i < UUID_STR_LEN - 1; i++) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		high = nibble(text[i]);
		low = high >= 0 ? nibble(text[++i]) : -1;
		if (low < 0)
			return false;
		ret_bytes[n++] = (uint8_t)(high << 4 | low);
	}
	return text[UUID_STR_LEN - 1] == '\0';
}

char *layout_uuid_text(const uint8_t bytes[16], char *buf)
{
	static const char hex[] = "0123456789abcdef";
	char *at = buf;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[bytes[i] >> 4];
		*at++ = hex[bytes[i] & 15];
	}
	*at = '\0';
	return buf;
}

char *layout_file_name(const char *uuid, uint32_t part, char *buf)
{
	size_t n = strlen(uuid);

	assert(n < LAYOUT_UUID_SIZE);
	memcpy(buf, uuid, n);
	if (part > 0)
		n += (size_t)snprintf(buf + n, LAYOUT_NAME_SIZE - n, "~%u", part);
	memcpy(buf + n, LAYOUT_SUFFIX, sizeof(LAYOUT_SUFFIX));
	return buf;
}

bool layout_parse_file_name(const char *name, char *ret_uuid, uint32_t *ret_part)
{
	char uuid[LAYOUT_UUID_SIZE], again[LAYOUT_NAME_SIZE];
	size_t n = strcspn(name, "~");
	uint32_t part = 0;

	if (name[n] == '~')
		part = (uint32_t)strtoul(name + n + 1, NULL, 10);
	else if (n > strlen(LAYOUT_SUFFIX))
		n -= strlen(LAYOUT_SUFFIX);
	if (n > LAYOUT_UUID_MAX)
		return false;
	memcpy(uuid, name, n);
	uuid[n] = '\0';
	/* One spelling only: what we would write ourselves. */
	if (!layout_uuid_valid(uuid) || strcmp(layout_file_name(uuid, part, again), name) != 0)
		return false;
	memcpy(ret_uuid, uuid, n + 1);
	*ret_part = part;
	return true;
}

char *layout_segment_name(uint32_t number, char *buf)
{
	(void)snprintf(buf, LAYOUT_SEGMENT_SIZE, "flows-%u.tar", number);
	return buf;
}

bool layout_parse_segment_name(const char *name, uint32_t *ret_number)
{
	char again[LAYOUT_SEGMENT_SIZE];
	uint32_t number;

	if (strncmp(name, "flows-", 6) != 0)
		return false;
	number = (uint32_t)strtoul(name + 6, NULL, 10);
	if (number == 0 || strcmp(layout_segment_name(number, again), name) != 0)
		return false;
	*ret_number = number;
	return true;
}

char *layout_staged_name(uint64_t serial, const char *uuid, uint32_t part, char *buf)
{
	int n = snprintf(buf, LAYOUT_STAGED_SIZE, "%016" PRIx64 ".%s", serial, uuid);

	if (part > 0 && strcmp(uuid, LAYOUT_UNNAMED) != 0)
		(void)snprintf(buf + n, LAYOUT_STAGED_SIZE - (size_t)n, "~%u", part);
	return buf;
}

const char *layout_parse_serial(const char *name, uint64_t *ret_serial)
{
	if (strspn(name, "0123456789abcdef") != SERIAL_DIGITS)
		return NULL;
	*ret_serial = strtoull(name, NULL, 16);
	return name + SERIAL_DIGITS;
}

bool layout_parse_staged_name(const char *name, struct layout_staged *ret_staged)
{
	struct layout_staged s = {.part = 0};
	const char *rest = layout_parse_serial(name, &s.serial);
	char again[LAYOUT_STAGED_SIZE];
	size_t n;

	if (rest == NULL || *rest++ != '.')
		return false;
	n = strcspn(rest, "~");
	if (n > LAYOUT_UUID_MAX)
		return false;
	memcpy(s.uuid, rest, n);
	s.uuid[n] = '\0';
	if (rest[n] == '~')
		s.part = (uint32_t)strtoul(rest + n + 1, NULL, 10);
	if (!layout_uuid_valid(s.uuid) ||
	    strcmp(layout_staged_name(s.serial, s.uuid, s.part, again), name) != 0)
		return false;
	*ret_staged = s;
	return true;
}

char *layout_day_path(int32_t day, char *buf)
{
	int y, m, d;

	clk_day_date(day, &y, &m, &d);
	(void)snprintf(buf, LAYOUT_DAY_SIZE, "%04d/%02d/%02d", y, m, d);
	return buf;
}

bool layout_parse_day_path(const char *path, int32_t *ret_day)
{
	char again[LAYOUT_DAY_SIZE];
	int32_t day;

	if (strlen(path) != 10 || strspn(path, "0123456789/") != 10)
		return false;
	day = clk_date_day(atoi(path), atoi(path + 5), atoi(path + 8)); /* digits, checked below */
	if (day == INT32_MIN || strcmp(layout_day_path(day, again), path) != 0)
		return false;
	*ret_day = day;
	return true;
}
