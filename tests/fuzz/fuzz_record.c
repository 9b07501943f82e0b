/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in the last member of a flow file, read as archive/record reads it.
 *
 * Input: kind (8 bits), then the text. RECORD: the JSON of a record. POLICY: that of a run's
 * policy. WORDS: a policy as the words of a row. TAIL: the last bytes of a file, where a record's
 * member is looked for.
 *
 * Holds: what was read, written again, is read as the same; it fits its buffer; and what the index
 * and the demux take for granted of a policy is so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/record.h"
#include "fuzz/fuzz_support.h"
#include "pcapfile/gzmember.h"

enum { RECORD, POLICY, WORDS, TAIL, KINDS };

static void check_policy(const struct record *r)
{
	fuzz_check(r->policy.payload <= PAYLOAD_ZERO && r->policy.addresses <= ADDRESSES_CRYPTOPAN);
	fuzz_check(r->policy.v4_bits <= 32 && r->policy.v6_bits <= 128);
	fuzz_check(r->exempt <= 3);
}

/* The words of a record's policy say all of it. */
static void check_words(const struct record *r)
{
	struct record again = {0};
	char words[RECORD_POLICY_SIZE], words_again[RECORD_POLICY_SIZE];

	(void)record_policy_text(r, words);
	fuzz_check(strlen(words) < sizeof(words));
	if (words[0] == '\0')
		return;
	fuzz_check(record_parse_policy_text(words, &again) == 0);
	fuzz_check(strcmp(record_policy_text(&again, words_again), words) == 0);
}

static void try_record(const char *text, size_t len)
{
	struct record r = {0}, again = {0};
	char json[RECORD_JSON_MAX], json_again[RECORD_JSON_MAX];
	int has_client = 0, has_client_again = 0, rv = record_parse(text, len, &r, &has_client);
	size_t n;

	fuzz_check(rv == 0 || rv == -EBADMSG || rv == -ENOTSUP);
	if (rv != 0)
		return;
	fuzz_check(layout_uuid_valid(r.uuid));
	fuzz_check(r.end_reason < END_REASONS && r.uuid_source <= UUID_EVENT);
	fuzz_check(memchr(r.interface, '\0', sizeof(r.interface)) != NULL);
	check_policy(&r);
	check_words(&r);
	n = record_format(&r, json);
	fuzz_check(n > 0 && n <= sizeof(json));
	fuzz_check(record_parse(json, n, &again, &has_client_again) == 0);
	fuzz_check(strcmp(r.uuid, again.uuid) == 0 && r.end_reason == again.end_reason);
	fuzz_check(strcmp(r.interface, again.interface) == 0 && r.snaplen == again.snaplen);
	fuzz_check(r.tally.first_ns == again.tally.first_ns);
	fuzz_check(r.tally.last_ns == again.tally.last_ns && r.lost_pkts == again.lost_pkts);
	fuzz_check(r.tally.pkts[0] == again.tally.pkts[0]);
	fuzz_check(r.tally.bytes[0] == again.tally.bytes[0]);
	fuzz_check(record_format(&again, json_again) == n && memcmp(json, json_again, n) == 0);
}

static void try_policy(const char *text, size_t len)
{
	struct record r = {0}, again = {0};
	char json[RECORD_JSON_MAX];
	int rv = record_parse_policy(text, len, &r);
	size_t n;

	fuzz_check(rv == 0 || rv == -EBADMSG || rv == -ENOTSUP);
	if (rv != 0)
		return;
	check_policy(&r);
	n = record_format_policy(&r, json);
	fuzz_check(n > 0 && n <= sizeof(json));
	fuzz_check(record_parse_policy(json, n, &again) == 0);
	fuzz_check(r.snaplen == again.snaplen && r.policy.payload == again.policy.payload);
	fuzz_check(r.policy.addresses == again.policy.addresses);
	fuzz_check(r.policy.macs == again.policy.macs && r.uuid_source == again.uuid_source);
}

static void try_words(struct fuzz_input *in)
{
	struct record r = {0};
	char *text = fuzz_text(in, SIZE_MAX), words[RECORD_POLICY_SIZE];
	int rv = record_parse_policy_text(text, &r);

	fuzz_check(rv == 0 || rv == -EBADMSG);
	if (rv == 0) { /* there is one spelling */
		check_policy(&r);
		fuzz_check(strcmp(record_policy_text(&r, words), text) == 0);
	}
	free(text);
}

static void try_tail(const uint8_t *bytes, size_t len)
{
	size_t n = 0;
	const char *text = gzmember_find_extra(RECORD_ID, bytes, len, &n);
	uint8_t *again;

	if (text == NULL)
		return;
	fuzz_check((const uint8_t *)text >= bytes && n <= len);
	fuzz_check((size_t)((const uint8_t *)text - bytes) <= len - n);
	fuzz_check(n + GZMEMBER_EXTRA_OVERHEAD <= len && n <= GZMEMBER_MAX_EXTRA);
	again = malloc(n + GZMEMBER_EXTRA_OVERHEAD);
	fuzz_check(again != NULL);
	fuzz_check(gzmember_write_extra(RECORD_ID, text, n, again) == n + GZMEMBER_EXTRA_OVERHEAD);
	text = gzmember_find_extra(RECORD_ID, again, n + GZMEMBER_EXTRA_OVERHEAD, &n);
	fuzz_check(text != NULL);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned kind = fuzz_u8(&in) % KINDS;
	uint8_t *text;

	if (kind == WORDS) {
		try_words(&in);
		return 0;
	}
	text = fuzz_copy(in.at, in.left);
	if (kind == RECORD)
		try_record((const char *)text, in.left);
	else if (kind == POLICY)
		try_policy((const char *)text, in.left);
	else
		try_tail(text, in.left);
	free(text);
	return 0;
}
