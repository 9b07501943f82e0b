/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_link. What must hold of every frame, made here, changed at random or
 * captured: it decodes as before, only bytes that link_spans names differ, and where nothing
 * depends on a key the second time changes nothing.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/link.h"
#include "packet/link_frames.h"
#include "packet/scrub_private.h"
#include "pcapfile/capreader.h"
#include "support/quick.h"
#include "support/random.h"

/* Policies; what they do to addresses above the link layer is of no interest here. */
enum { KEEPS, PAYLOAD, NETBLOCK, CRYPTOPAN, MACS, BOTH, POLICIES };

static const struct policy policies[POLICIES] = {
    [PAYLOAD] = {.payload = PAYLOAD_BYTES},
    [NETBLOCK] = {.addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48},
    [CRYPTOPAN] = {.addresses = ADDRESSES_CRYPTOPAN},
    [MACS] = {.macs = true},
    [BOTH] = {.addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48, .macs = true},
};

static struct anonymizer *anonymizers[POLICIES];

static void set_up(void)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = {7, 1};

	for (int i = 0; i < POLICIES; i++) {
		struct anonymizer_config config = {.policy = policies[i], .key = key};

		ck_assert_int_eq(anonymizer_new(&config, &anonymizers[i]), 0);
	}
}

static void tear_down(void)
{
	for (int i = 0; i < POLICIES; i++)
		anonymizer_free(anonymizers[i]);
}

/* The first `keep` bytes of a frame, scrubbed; to be freed. */
static uint8_t *scrub_kept(int policy, const struct packet *p, uint32_t keep)
{
	struct scrubbing x = {.anonymizer = anonymizers[policy],
	    .policy = &policies[policy],
	    .packet = p,
	    .bytes = malloc(keep > 0 ? keep : 1),
	    .keep = keep};
	struct link link;

	ck_assert_ptr_nonnull(x.bytes);
	ck_assert_int_eq(link_decode(p, &link), LINK_IP);
	x.hides = x.policy->addresses != ADDRESSES_KEPT || x.policy->macs;
	memcpy(x.bytes, p->data, keep);
	scrub_link(&x, link.net_off);
	ck_assert_uint_eq(x.keep, keep);
	return x.bytes;
}

static uint8_t *scrub(int policy, const struct packet *p)
{
	return scrub_kept(policy, p, p->caplen);
}

static void assert_decodes_alike(const struct packet *p, const uint8_t *after)
{
	struct packet q = *p;
	struct link was = {0}, is = {0};

	q.data = after;
	ck_assert_int_eq(link_decode(p, &was), LINK_IP);
	ck_assert_int_eq(link_decode(&q, &is), LINK_IP);
	ck_assert_uint_eq(was.net_off, is.net_off);
	ck_assert_uint_eq(was.end_off, is.end_off);
	ck_assert_uint_eq(was.family, is.family);
	ck_assert_uint_eq(was.vlans, is.vlans);
	ck_assert_mem_eq(was.vlan, is.vlan, sizeof was.vlan);
}

/* What link_spans names, and nothing else, is as it should be. Returns how many spans there are. */
static unsigned int assert_only_spans_differ(
    int policy, const struct packet *p, const uint8_t *after)
{
	static const uint8_t zeros[PACKET_MAX_CAPLEN];
	struct link_span spans[LINK_MAX_SPANS];
	unsigned int n = link_spans(p, spans);
	bool hides = policy > PAYLOAD;
	uint32_t from = 0;

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *was = p->data + spans[i].off, *is = after + spans[i].off;

		ck_assert(memcmp(p->data + from, after + from, spans[i].off - from) == 0);
		from = spans[i].off + spans[i].len;
		if (!hides)
			ck_assert(memcmp(was, is, spans[i].len) == 0);
		else if (spans[i].kind == LINK_SPAN_OTHER)
			ck_assert(memcmp(is, zeros, spans[i].len) == 0);
		else if (spans[i].kind == LINK_SPAN_MAC_MSB)
			ck_assert_uint_eq(is[0] & 0x80, was[0] & 0x80);
		else
			ck_assert_uint_eq(is[0] & 0x01, was[0] & 0x01);
	}
	ck_assert(memcmp(p->data + from, after + from, p->caplen - from) == 0);
	return n;
}

/* Returns the number of spans. */
static unsigned int assert_holds(int policy, const struct packet *p)
{
	struct packet again = *p;
	uint8_t *once = scrub(policy, p), *twice;
	unsigned int n;

	assert_decodes_alike(p, once);
	n = assert_only_spans_differ(policy, p, once);
	if (!policies[policy].macs) {
		again.data = once;
		twice = scrub(policy, &again);
		ck_assert(memcmp(once, twice, p->caplen) == 0);
		free(twice);
	}
	free(once);
	return n;
}

START_TEST(every_kind_of_frame_decodes_as_before)
{
	uint8_t buf[LINK_FRAMES_MAX];
	struct packet p;

	for (size_t k = 0; k < link_frames_count; k++) {
		link_frames_make(&link_frames[k], buf, &p);
		for (int policy = 0; policy < POLICIES; policy++)
			ck_assert_uint_eq(
			    assert_holds(policy, &p), link_frames_spans(&link_frames[k]));
	}
}
END_TEST

START_TEST(frames_with_changed_bytes_decode_as_before)
{
	struct random r = {0x9e3779b97f4a7c15u};
	uint8_t buf[LINK_FRAMES_MAX];
	const unsigned rounds = quick_rounds(300, 10);
	struct packet p;
	struct link link;

	for (size_t k = 0; k < link_frames_count; k++)
		for (unsigned round = 0; round < rounds && link_frames[k].size > 0; round++) {
			link_frames_make(&link_frames[k], buf, &p);
			for (uint64_t flips = 1 + random_below(&r, 3); flips > 0; flips--)
				buf[random_below(&r, link_frames[k].size)] =
				    (uint8_t)random_next(&r);
			if (link_decode(&p, &link) == LINK_IP)
				for (int policy = NETBLOCK; policy < POLICIES; policy++)
					(void)assert_holds(policy, &p);
		}
}
END_TEST

/* Random addresses where they tell a control word from none, and look like EtherTypes at times */
static void randomize_inner_pair(struct random *r, uint8_t *pair)
{
	random_fill(r, pair, 12);
	pair[0] &= random_below(r, 4) == 0 ? 0xff : 0x0d;
	if (random_below(r, 2) == 0)
		memcpy(pair, "\x33\x33", 2);
	if (random_below(r, 2) == 0)
		memcpy(pair + 8, "\x08\x00", 2);
}

START_TEST(pseudo_wires_of_any_address_decode_as_before)
{
	struct random r = {0x2545f4914f6cdd1du};
	uint8_t buf[LINK_FRAMES_MAX];
	const unsigned int rounds = quick_rounds(3000, 100);
	struct packet p;
	struct link link;
	unsigned int decoded = 0;

	for (size_t k = 0; k < link_frames_count; k++) {
		const struct link_frame *f = &link_frames[k];

		for (unsigned int round = 0; round < rounds && strstr(f->name, "pseudo-wire");
		     round++) {
			link_frames_make(f, buf, &p);
			for (unsigned int i = 2; i < link_frames_spans(f); i += 2)
				randomize_inner_pair(&r, buf + f->spans[i].off);
			if (link_decode(&p, &link) != LINK_IP)
				continue;
			decoded++;
			for (int policy = NETBLOCK; policy < POLICIES; policy++)
				(void)assert_holds(policy, &p);
		}
	}
	ck_assert_uint_gt(decoded, rounds);
}
END_TEST

static const struct link_frame *find(const char *name)
{
	for (size_t k = 0; k < link_frames_count; k++)
		if (strcmp(link_frames[k].name, name) == 0)
			return &link_frames[k];
	ck_abort_msg("no frame '%s'", name);
	return NULL;
}

static uint8_t *scrub_frame(int policy, const char *name)
{
	uint8_t buf[LINK_FRAMES_MAX];
	struct packet p;

	link_frames_make(find(name), buf, &p);
	return scrub(policy, &p);
}

static void assert_link_is(int policy, const char *name, const char *bytes)
{
	uint8_t *after = scrub_frame(policy, name);

	ck_assert_mem_eq(after, bytes, find(name)->size);
	free(after);
}

START_TEST(ordinary_addresses_stay_if_only_ip_addresses_are_replaced)
{
	assert_link_is(NETBLOCK, "Ethernet", find("Ethernet")->bytes);
	assert_link_is(CRYPTOPAN, "FDDI", find("FDDI")->bytes);
	assert_link_is(CRYPTOPAN, "broadcast", find("broadcast")->bytes);
	assert_link_is(NETBLOCK, "pseudo-wire, none", find("pseudo-wire, none")->bytes);
}
END_TEST

START_TEST(group_addresses_lose_what_they_have_of_ip_addresses)
{
	for (int policy = NETBLOCK; policy <= CRYPTOPAN; policy++) {
		assert_link_is(policy, "IPv4 group",
		    "\x01\x00\x5e\x00\x00\x00\x00\x1b\x21\xb1\xb2\xb3\x08\x00");
		assert_link_is(policy, "IPv6 group",
		    "\x33\x33\x00\x00\x00\x00\x00\x1b\x21\xb1\xb2\xb3\x86\xdd");
	}
	assert_link_is(PAYLOAD, "IPv6 group", find("IPv6 group")->bytes);
}
END_TEST

static void assert_group_becomes(uint32_t linktype, const char *header, const char *expected)
{
	uint8_t frame[80] = {0}, *after;
	struct packet p = {.caplen = 80, .origlen = 80, .linktype = linktype, .data = frame};

	memcpy(frame, header, 21);
	frame[21] = 0x45;
	after = scrub(NETBLOCK, &p);
	ck_assert_mem_eq(after, expected, 22);
	free(after);
}

#define AFTER "\x00\x1b\x21\xb1\xb2\xb3\xaa\xaa\x03\x00\x00\x00\x08\x00"

START_TEST(groups_are_known_in_either_order_of_bits_and_others_are_left_alone)
{
	assert_group_becomes(
	    10, "\x57\x80\x00\x7a\xfe\x12\x34" AFTER, "\x57\x80\x00\x7a\x00\x00\x00" AFTER "\x45");
	assert_group_becomes(
	    10, "\x57\xcc\xcc\xff\x12\x34\x56" AFTER, "\x57\xcc\xcc\x00\x00\x00\x00" AFTER "\x45");
	assert_group_becomes(
	    10, "\x57\x33\x33\xff\x12\x34\x56" AFTER, "\x57\x33\x33\x00\x00\x00\x00" AFTER "\x45");
	/* RFC 5332: the upper half of 01:00:5e is a label of MPLS */
	assert_group_becomes(
	    10, "\x57\x01\x00\x5e\x80\x12\x34" AFTER, "\x57\x01\x00\x5e\x80\x12\x34" AFTER "\x45");
	assert_group_becomes(
	    10, "\x57\x80\x00\x7a\x01\x12\x34" AFTER, "\x57\x80\x00\x7a\x01\x12\x34" AFTER "\x45");
}
END_TEST

START_TEST(hardware_addresses_are_replaced_and_the_same_become_the_same)
{
	uint8_t *one = scrub_frame(MACS, "Ethernet"), *tagged = scrub_frame(BOTH, "802.1ah");
	const uint8_t *was = (const uint8_t *)find("Ethernet")->bytes;

	ck_assert_mem_ne(one, was, 6);
	ck_assert_mem_ne(one + 6, was + 6, 6);
	ck_assert_mem_ne(one, one + 6, 6);
	ck_assert_mem_eq(one, tagged, 12);
	ck_assert_mem_eq(one, tagged + 18 + 6, 6); /* MAC_A again, as the customer's source */
	free(one);
	free(tagged);
}
END_TEST

START_TEST(groups_stay_groups_and_broadcast_stays_broadcast)
{
	uint8_t *group = scrub_frame(MACS, "IPv6 group"), *all = scrub_frame(MACS, "broadcast");

	ck_assert_mem_ne(group, "\x33\x33\xff\x0b\x0c\x0d", 6);
	ck_assert_uint_eq(group[0] & 0x01, 1);
	ck_assert_mem_eq(all, "\xff\xff\xff\xff\xff\xff", 6);
	free(group);
	free(all);
}
END_TEST

START_TEST(a_token_ring_source_keeps_its_route)
{
	const struct link_frame *f = find("Token Ring, routed");
	uint8_t *after = scrub_frame(MACS, f->name);

	ck_assert_uint_eq(after[8] & 0x80, 0x80);
	ck_assert_mem_ne(after + 9, f->bytes + 9, 5);
	ck_assert_mem_eq(after + 14, f->bytes + 14, f->size - 14);
	free(after);
}
END_TEST

START_TEST(addresses_of_other_forms_are_blanked)
{
	for (int policy = NETBLOCK; policy < POLICIES; policy++) {
		assert_link_is(policy, "cooked, tunnel",
		    "\x00\x00\x03\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00");
		assert_link_is(policy, "SLIP",
		    "\x00\x45\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
		assert_link_is(policy, "ARCNET, RFC 1051", "\x00\x00\xf0");
	}
	assert_link_is(PAYLOAD, "cooked, tunnel", find("cooked, tunnel")->bytes);
	assert_link_is(KEEPS, "SLIP", find("SLIP")->bytes);
}
END_TEST

START_TEST(addresses_of_a_pseudo_wire_are_replaced_though_they_steer)
{
	const struct link_frame *f = find("pseudo-wire, none");
	uint8_t *after = scrub_frame(MACS, f->name);

	ck_assert_uint_eq(after[18] & 0xf3, 0x00);
	ck_assert_mem_ne(after + 19, f->bytes + 19, 5);
	ck_assert_mem_ne(after + 19, "\x00\x00\x00\x00\x00", 5);
	ck_assert_mem_ne(after + 25, f->bytes + 25, 5);
	free(after);
}
END_TEST

START_TEST(where_a_replaced_address_would_mislead_all_are_zeros)
{
	const struct link_frame *f = find("pseudo-wire, LLC, ambiguous");
	uint8_t *after = scrub_frame(NETBLOCK, f->name);
	static const uint8_t zeros[6];

	ck_assert_mem_eq(after, zeros, 6);
	ck_assert_mem_eq(after + 22, "\x01\x00\x00\x00\x00\x00", 6);
	ck_assert_mem_eq(after + 28, zeros, 6);
	free(after);
}
END_TEST

START_TEST(what_is_not_kept_is_neither_read_nor_written)
{
	uint8_t buf[LINK_FRAMES_MAX], *after;
	struct packet p;

	for (size_t k = 0; k < link_frames_count; k++) {
		link_frames_make(&link_frames[k], buf, &p);
		for (int policy = 0; policy < POLICIES; policy++)
			for (uint32_t keep = 0; keep <= p.caplen; keep += keep < 40 ? 1 : 13) {
				after = scrub_kept(policy, &p, keep);
				free(after);
			}
	}
}
END_TEST

/* ---- real captures --------------------------------------------------------------------------- */

static const char *captures(void)
{
	const char *path = getenv("FLOWKEEP_CAPTURES");

	return path != NULL && path[0] != '\0' ? path : NULL;
}

/* Of every capture the first frame, and what the build's sample takes of the others. Returns those
 * that led to IP and had addresses. */
static unsigned long check_capture(const char *path)
{
	struct capreader *reader = NULL;
	struct packet p;
	struct link link;
	unsigned long with_spans = 0, n = 0;

	if (capreader_open(path, &reader) == 0)
		while (capreader_next(reader, &p) == 1)
			if (n++ % QUICK_STRIDE == 0 && link_decode(&p, &link) == LINK_IP)
				for (int policy = NETBLOCK; policy < POLICIES; policy++)
					with_spans += assert_holds(policy, &p) > 0;
	capreader_close(reader);
	return with_spans;
}

START_TEST(every_captured_frame_decodes_as_before)
{
	char line[8192], path[1024];
	unsigned long with_spans = 0;
	FILE *manifest;

	(void)snprintf(path, sizeof path, "%s/MANIFEST.tsv", captures());
	manifest = fopen(path, "r");
	ck_assert_ptr_nonnull(manifest);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, manifest)); /* its first column: file */
	ck_assert(strncmp(line, "file\t", 5) == 0);
	while (fgets(line, sizeof line, manifest) != NULL) {
		(void)snprintf(
		    path, sizeof path, "%s/%.*s", captures(), (int)strcspn(line, "\t\n"), line);
		with_spans += check_capture(path);
	}
	(void)fclose(manifest);
	ck_assert_uint_gt(with_spans, 100000 / QUICK_STRIDE);
}
END_TEST

static Suite *scrub_link_suite(void)
{
	Suite *s = suite_create("packet/scrub_link");
	TCase *t = tcase_create("scrub_link");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, every_kind_of_frame_decodes_as_before);
	tcase_add_test(t, frames_with_changed_bytes_decode_as_before);
	tcase_add_test(t, pseudo_wires_of_any_address_decode_as_before);
	tcase_add_test(t, ordinary_addresses_stay_if_only_ip_addresses_are_replaced);
	tcase_add_test(t, group_addresses_lose_what_they_have_of_ip_addresses);
	tcase_add_test(t, groups_are_known_in_either_order_of_bits_and_others_are_left_alone);
	tcase_add_test(t, hardware_addresses_are_replaced_and_the_same_become_the_same);
	tcase_add_test(t, groups_stay_groups_and_broadcast_stays_broadcast);
	tcase_add_test(t, a_token_ring_source_keeps_its_route);
	tcase_add_test(t, addresses_of_other_forms_are_blanked);
	tcase_add_test(t, addresses_of_a_pseudo_wire_are_replaced_though_they_steer);
	tcase_add_test(t, where_a_replaced_address_would_mislead_all_are_zeros);
	tcase_add_test(t, what_is_not_kept_is_neither_read_nor_written);
	if (captures() != NULL)
		tcase_add_test(t, every_captured_frame_decodes_as_before);
	else
		printf("SKIP: FLOWKEEP_CAPTURES is not set: real captures are not read\n");
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(scrub_link_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
