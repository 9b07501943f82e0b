/* SPDX-License-Identifier: BSD-2-Clause */
/* See layout.h. */
#include "archive/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"

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

char *layout_file_name(const char *uuid, uint32_t part, char *buf)
{
	if (part == 0)
		(void)snprintf(buf, LAYOUT_NAME_SIZE, "%s" LAYOUT_SUFFIX, uuid);
	else
		(void)snprintf(buf, LAYOUT_NAME_SIZE, "%s~%u" LAYOUT_SUFFIX, uuid, part);
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
