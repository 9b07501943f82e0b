/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads every real capture of the folder that FLOWKEEP_CAPTURES names, plain and cut, and compares
 * the number of packets with its MANIFEST.tsv, which tshark has counted.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captest.h"

/* Where we differ from the manifest on purpose: packets that we read, or -1 where we refuse. */
static const struct exception {
	const char *file;
	int64_t packets;
	const char *reason;
} exceptions[] = {
	{ "container/dnscap__dns.pcap.lz4", -1, "lz4" },
	{ "container/libtrace__100_packets.erf", -1, "ERF" },
	{ "container/pcapplusplus__solaris.snoop", -1, "snoop" },
	{ "container/libpcap__pcap-invalid-version-1.pcap", -1, "version 1.4" },
	{ "container/libpcap__pcapng-invalid-vers-1.pcapng", -1, "version 0.1" },
	{ "container/libpcap__pcapng-invalid-vers-2.pcapng", -1, "version 1.1" },
	{ "container/pcapplusplus__cf-minimized-FuzzTarget-5685520970809344.pcap", -1,
	  "reserved bits in the link type field" },
	{ "container/ngtest__be_basic_test017.pcapng", 0, "tshark counts 4 custom blocks" },
	{ "container/ngtest__le_basic_test017.pcapng", 0, "tshark counts 4 custom blocks" },
	{ "container/ngtest__be_difficult_test202.pcapng", 8, "tshark counts 3 custom blocks" },
	{ "container/libpcap__brcm-tag.pcap", 15, "tshark refuses link type 281" },
	{ "container/tcpdump__brcm-tag.pcap", 23, "tshark refuses link type 281" },
	{ "container/tcpdump__brcm-tag-prepend.pcap", 15, "tshark refuses link type 282" },
	{ "container/tcpdump__dsa-high-vid.pcap", 4, "tshark refuses link type 284" },
	{ "container/tcpdump__edsa.pcap", 10, "tshark refuses link type 285" },
	{ "container/pfring__vtp_asan-2.pcap", 1, "tshark refuses link type 182" },
	{ "container/tcpdump__vtp_asan-2.pcap", 1, "tshark refuses link type 182" },
	{ "container/tcpdump__frf16_magic_ie-oobr.pcap", 1, "tshark refuses link type 182" },
	{ "container/tcpdump__juniper_monitor_invalid_cookie_length.pcap", 1,
	  "tshark refuses link type 164" },
	{ "container/pfring__hoobr_juniper3.pcap", 1, "tshark refuses link type 132" },
	{ "container/tcpdump__hoobr_juniper3.pcap", 1, "tshark refuses link type 132" },
	{ "container/pcapplusplus__cf-minimized-FuzzTarget-5766899836387328.pcap", 1,
	  "one whole packet, whose fraction of 2^29 us makes tshark guess longer headers" },
};
#define EXCEPTIONS (sizeof(exceptions) / sizeof(exceptions[0]))

struct row {
	char path[512];
	char file[256];
	int64_t packets;
	bool incomplete;
};

static const char *captures(void)
{
	return getenv("FLOWKEEP_CAPTURES");
}

/* Field n of a tab-separated line, as long as it is. */
static const char *field(const char *line, int n, int *ret_length)
{
	while (n-- > 0) {
		line = strchr(line, '\t');
		ck_assert_ptr_nonnull(line);
		line++;
	}
	*ret_length = (int)strcspn(line, "\t\n");
	return line;
}

static int find_column(const char *header, const char *name)
{
	for (int n = 0;; n++) {
		int length;
		const char *found = field(header, n, &length);

		if ((size_t)length == strlen(name) && strncmp(found, name, strlen(name)) == 0)
			return n;
	}
}

/* Call what for each row of the manifest; how many there were. */
static unsigned int each_capture(void (*what)(const struct row *))
{
	static char header[8192], line[8192];
	struct row row;
	unsigned int rows = 0;
	FILE *manifest;
	int length;

	(void)snprintf(row.path, sizeof(row.path), "%s/MANIFEST.tsv", captures());
	manifest = fopen(row.path, "r");
	ck_assert_ptr_nonnull(manifest);
	ck_assert_ptr_nonnull(fgets(header, sizeof(header), manifest));
	for (; fgets(line, sizeof(line), manifest) != NULL; rows++) {
		const char *file = field(line, find_column(header, "file"), &length);

		(void)snprintf(row.file, sizeof(row.file), "%.*s", length, file);
		(void)snprintf(row.path, sizeof(row.path), "%s/%s", captures(), row.file);
		row.packets = atoll(field(line, find_column(header, "packets"), &length));
		(void)field(line, find_column(header, "incomplete"), &length);
		row.incomplete = length > 0;
		what(&row);
	}
	(void)fclose(manifest);
	return rows;
}

static const struct exception *find_exception(const char *file)
{
	for (size_t i = 0; i < EXCEPTIONS; i++) {
		if (strcmp(exceptions[i].file, file) == 0)
			return &exceptions[i];
	}
	return NULL;
}

static unsigned int exceptions_met;

static void check_count(const struct row *row)
{
	const struct exception *e = find_exception(row->file);
	const struct reading *all = read_path(row->path);
	int64_t packets = e != NULL ? e->packets : row->packets;

	exceptions_met += e != NULL;
	if (packets < 0) {
		ck_assert_msg(all->open_result == -ENOTSUP, "%s: %s", row->file, all->error);
		return;
	}
	ck_assert_msg(all->open_result == 0, "%s: %s", row->file, all->error);
	ck_assert_msg((int64_t)all->packets == packets, "%s: %lld packets, not %lld", row->file,
		      (long long)all->packets, (long long)packets);
	ck_assert_msg((all->result != 0) == row->incomplete, "%s: ends with %d %s", row->file,
		      all->result, all->error);
	ck_assert_msg(all->skipped == 0, "%s: %s", row->file, all->skipped_error);
}

START_TEST(every_capture_has_the_packets_that_its_manifest_counts)
{
	ck_assert_uint_gt(each_capture(check_count), 0);
	ck_assert_uint_eq(exceptions_met, EXCEPTIONS);
}
END_TEST

static void put_whole_file(struct image *f, const char *path)
{
	static uint8_t buffer[1 << 16];
	FILE *file = fopen(path, "rb");
	size_t n;

	ck_assert_ptr_nonnull(file);
	while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
		image_put(f, buffer, n);
	(void)fclose(file);
}

/* The longer a piece of a capture is, the more packets it has, and never more than the whole. */
static void check_cuts(const struct row *row)
{
	struct image f = { 0 };
	uint64_t seed = 0x2545f4914f6cdd1du;
	uint64_t whole;

	put_whole_file(&f, row->path);
	whole = read_image(&f)->packets;
	for (size_t end = f.length, round = 0; round < 6 && end > 0; round++) {
		const struct reading *all = read_image_cut(&f, end);

		ck_assert_msg(all->packets <= whole, "%s cut at %zu", row->file, end);
		ck_assert_msg(all->result == 0 || all->result == -ENODATA ||
			      all->result == -EBADMSG || all->open_result == -ENOTSUP,
			      "%s cut at %zu: %d", row->file, end, all->result);
		whole = all->packets;
		end = next_random(&seed) % end;
	}
	if (f.length < 100000)
		read_with_random_flips(&f, 5, seed);
	image_free(&f);
}

START_TEST(captures_that_are_cut_or_flipped_never_crash_the_reader)
{
	ck_assert_uint_gt(each_capture(check_cuts), 0);
}
END_TEST

/* Each capture again, gzip'd into members of 3,000 bytes. */
static void check_gzipped(const struct row *row)
{
	struct image f = { 0 };
	struct image gz = { 0 };
	const struct reading *all;
	uint64_t packets, byte_sum;
	int result;

	put_whole_file(&f, row->path);
	if (f.length > 300000) {
		image_free(&f);
		return;
	}
	all = read_image(&f);
	packets = all->packets;
	byte_sum = all->byte_sum;
	result = all->result;
	for (size_t at = 0; at < f.length; at += 3000)
		image_put_gzip(&gz, f.bytes + at, f.length - at < 3000 ? f.length - at : 3000, 1,
			       at % 2000 == 0);
	all = read_image(&gz);
	ck_assert_msg(all->packets == packets, "%s", row->file);
	ck_assert_msg(all->byte_sum == byte_sum, "%s", row->file);
	ck_assert_msg(all->result == result, "%s", row->file);
	image_free(&f);
	image_free(&gz);
}

START_TEST(gzipped_captures_have_the_same_packets)
{
	ck_assert_uint_gt(each_capture(check_gzipped), 0);
}
END_TEST

int main(void)
{
	Suite *suite;
	TCase *set;
	SRunner *runner;
	int failed;

	if (captures() == NULL || captures()[0] == '\0') {
		printf("SKIP: FLOWKEEP_CAPTURES is not set: real captures are not read\n");
		return 77; /* what automake's test driver takes for "skipped" */
	}
	suite = suite_create("pcapfile/capreader on real captures");
	set = tcase_create("captures");
	tcase_set_timeout(set, 300);
	tcase_add_test(set, every_capture_has_the_packets_that_its_manifest_counts);
	tcase_add_test(set, captures_that_are_cut_or_flipped_never_crash_the_reader);
	tcase_add_test(set, gzipped_captures_have_the_same_packets);
	suite_add_tcase(suite, set);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
