/* SPDX-License-Identifier: BSD-2-Clause */
/* See fuzz_listing.h. */
#include "fuzz/fuzz_listing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flowlist.h"
#include "fuzz/fuzz_support.h"

#define FLOWS_MAX 16u /* that are listed */
#define NOW_NS    INT64_C(1767323045000000000)

static void check_json(const char *line, size_t len)
{
	/* Sums of what rows claim may be beyond int64_t. */
	json_t *object = json_loadb(line, len, JSON_DECODE_INT_AS_REAL, NULL);

	fuzz_check(json_is_object(object));
	json_decref(object);
}

/* Returns: how many lines there are. */
static size_t check_lines(const char *text, size_t len, enum find_format format)
{
	const char *end = text + len, *feed;
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		fuzz_check(text[i] == '\n' || ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f));
	for (; (feed = memchr(text, '\n', (size_t)(end - text))) != NULL; text = feed + 1) {
		if (format == FORMAT_JSON)
			check_json(text, (size_t)(feed - text));
		lines++;
	}
	fuzz_check(text == end);
	return lines;
}

static void list(const struct query_flow *flows, size_t count, const struct flowlist_style *style)
{
	size_t headings = style->format == FORMAT_TABLE || style->format == FORMAT_CSV ? 1 : 0;
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	fuzz_check(to != NULL);
	fuzz_check(flowlist_print(to, style, flows, count) == 0);
	fuzz_check(fclose(to) == 0);
	fuzz_check(check_lines(text, len, style->format) <= count + headings);
	free(text);
}

void fuzz_listing(struct query *q)
{
	static const enum query_order orders[] = {
	    QUERY_BY_START, QUERY_BY_END, QUERY_BY_DURATION, QUERY_BY_PACKETS, QUERY_BY_BYTES};
	static const struct flowlist_style styles[] = {{FORMAT_TABLE, false, NOW_NS},
	    {FORMAT_TABLE, true, NOW_NS}, {FORMAT_JSON, false, NOW_NS}, {FORMAT_CSV, false, NOW_NS},
	    {FORMAT_UUID, false, NOW_NS}};
	const struct query_flow *flows;
	size_t count;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		query_sort(q, orders[i], i & 1);
	flows = query_flows(q, &count);
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		list(flows, count < FLOWS_MAX ? count : FLOWS_MAX, &styles[i]);
}
