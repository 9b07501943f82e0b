/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words that stand for values: numbers, sizes, durations, codecs, policies, prefixes, and the names
 * of files, which in an archive may be anybody's.
 *
 * Input: kind (8 bits), then the word.
 *
 * Holds: a value that was read is within its bounds, and written again is read as the same; a name
 * that is taken for one of ours is, byte for byte, the one that is made of what it says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/layout.h"
#include "archive/runpolicy.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/parse.h"
#include "fuzz/fuzz_support.h"
#include "packet/ipaddr.h"
#include "packet/policy.h"
#include "packet/prefixset.h"
#include "pcapfile/gzmember.h"

static void try_number(const char *text)
{
	uint64_t v = 0;
	int rv = parse_number(text, 10, 1000, &v);

	fuzz_check(rv == 0 || rv == -EINVAL || rv == -ERANGE);
	fuzz_check(rv != 0 || (v >= 10 && v <= 1000));
	(void)parse_number(text, 0, UINT64_MAX, &v);
}

static void try_size(const char *text)
{
	char buf[PARSE_TEXT_SIZE];
	uint64_t v = 0, again = 0;
	int rv = parse_size(text, 0, UINT64_MAX, &v);

	fuzz_check(rv == 0 || rv == -EINVAL || rv == -ERANGE);
	if (rv != 0)
		return;
	fuzz_check(parse_size(parse_size_text(v, buf), v, v, &again) == 0 && again == v);
	if (v < UINT64_MAX)
		fuzz_check(parse_size(text, v + 1, UINT64_MAX, &again) == -ERANGE);
}

static void try_duration(const char *text)
{
	char buf[PARSE_TEXT_SIZE];
	int64_t v = 0, again = 0;
	int rv = parse_duration(text, 0, INT64_MAX, &v);

	fuzz_check(rv == 0 || rv == -EINVAL || rv == -ERANGE);
	if (rv != 0)
		return;
	fuzz_check(v >= 0);
	fuzz_check(parse_duration(parse_duration_text(v, buf), v, v, &again) == 0 && again == v);
}

static void try_codec(const char *text)
{
	char buf[CODEC_TEXT_SIZE];
	struct codec c, again;

	if (codec_parse(text, &c) != 0)
		return;
	fuzz_check(codec_parse(codec_text(c, buf), &again) == 0);
	fuzz_check(c.kind == again.kind && c.level == again.level);
}

static void try_policy(const char *text)
{
	struct policy p = {0}, again = {0};
	char buf[POLICY_TEXT_SIZE];

	if (policy_parse_payload(text, &p) == 0) {
		fuzz_check(policy_parse_payload(policy_payload_text(&p, buf), &again) == 0);
		fuzz_check(p.payload == again.payload && p.payload_bytes == again.payload_bytes);
	}
	if (policy_parse_addresses(text, &p) == 0) {
		fuzz_check(p.v4_bits <= 32 && p.v6_bits <= 128);
		fuzz_check(policy_parse_addresses(policy_addresses_text(&p, buf), &again) == 0);
		fuzz_check(p.addresses == again.addresses && p.v4_bits == again.v4_bits &&
			   p.v6_bits == again.v6_bits);
	}
}

static void try_prefixes(const char *text)
{
	static const uint8_t v4[16] = {192, 0, 2, 1}, v6[16] = {0x20, 0x01, 0x0d, 0xb8};
	struct prefixset *set, *twice;
	uint8_t addr[16];
	uint8_t family = ipaddr_parse(text, addr);
	int rv;

	fuzz_check(prefixset_new(&set) == 0 && prefixset_new(&twice) == 0);
	rv = prefixset_add_list(set, text);
	fuzz_check(rv == 0 || rv == -EINVAL);
	fuzz_check(prefixset_add_list(twice, text) == rv && prefixset_add_list(twice, text) == rv);
	fuzz_check(prefixset_has(set, 4, v4) == prefixset_has(twice, 4, v4));
	fuzz_check(prefixset_has(set, 6, v6) == prefixset_has(twice, 6, v6));
	if (family == 6 && ipaddr_is_mapped(addr)) {
		ipaddr_unmap(addr);
		family = 4;
	}
	fuzz_check(family == 0 || (rv == 0 && prefixset_has(set, family, addr)));
	prefixset_free(set);
	prefixset_free(twice);
}

static void try_file_name(const char *text)
{
	char uuid[LAYOUT_UUID_SIZE], name[LAYOUT_NAME_SIZE], segment[LAYOUT_SEGMENT_SIZE];
	uint32_t number = 0;

	if (layout_parse_file_name(text, uuid, &number)) {
		fuzz_check(layout_uuid_valid(uuid));
		fuzz_check(strcmp(layout_file_name(uuid, number, name), text) == 0);
	}
	if (layout_parse_segment_name(text, &number))
		fuzz_check(strcmp(layout_segment_name(number, segment), text) == 0);
}

static void try_staged_name(const char *text)
{
	char name[LAYOUT_STAGED_SIZE];
	struct layout_staged s;
	uint64_t serial;

	if (layout_parse_staged_name(text, &s))
		fuzz_check(strcmp(layout_staged_name(s.serial, s.uuid, s.part, name), text) == 0);
	fuzz_check(!runpolicy_name_valid(text, &serial) || !layout_parse_staged_name(text, &s));
}

static void try_day(const char *text)
{
	char path[LAYOUT_DAY_SIZE];
	int year, month, mday;
	int32_t day;

	if (!layout_parse_day_path(text, &day))
		return;
	fuzz_check(strcmp(layout_day_path(day, path), text) == 0);
	clk_day_date(day, &year, &month, &mday);
	fuzz_check(clk_date_day(year, month, mday) == day);
}

static void try_uuid(const char *text)
{
	bool valid = layout_uuid_valid(text);
	char part[LAYOUT_UUID_SIZE];
	uint8_t bytes[16];

	fuzz_check(valid || !layout_uuid_bytes(text, bytes));
	if (!valid)
		return;
	for (size_t n = 1; n <= strlen(text); n++) {
		(void)memcpy(part, text, n);
		part[n] = '\0';
		fuzz_check(layout_prefix_valid(part));
	}
}

static void try_printable(const char *text)
{
	size_t room = strlen(text) * 4 + 1;
	char *buf = malloc(room), *small = malloc(16);

	fuzz_check(buf != NULL && small != NULL);
	fuzz_check(log_printable(buf, room, text) == buf && strlen(buf) >= strlen(text));
	fuzz_check(text[0] == '\0' || fuzz_printable(buf));
	fuzz_check(strlen(log_printable(small, 16, text)) < 16);
	fuzz_check(strncmp(small, buf, strlen(small)) == 0);
	free(buf);
	free(small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *) = {try_number, try_size, try_duration, try_codec,
	    try_policy, try_prefixes, try_file_name, try_staged_name, try_day, try_uuid,
	    try_printable};
	struct fuzz_input in = {data, size};
	unsigned kind = fuzz_u8(&in) % (sizeof(kinds) / sizeof(kinds[0]));
	char *text = fuzz_text(&in, SIZE_MAX);

	kinds[kind](text);
	free(text);
	return 0;
}
