/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the commands that read an archive, as a shell sees them: exit status, standard output,
 * standard error. Each runs in a process of its own.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fetch/archive_builder.h"
#include "base/clk.h"
#include "base/log.h"
#include "cmd/commands.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0aaaaaaa-2222-5222-8222-222222222222"
#define UUID_M "host_1577836800_00000000000012AB"
#define FILE_A "2026/01/01/" UUID_A ".pcap.gz"

static struct builder *b;
static char out_path[PATH_MAX], err_path[PATH_MAX], pcap_path[PATH_MAX];
static char out[1 << 16], err[1 << 16];

static void set_up(void)
{
	b = builder_new();
	(void)snprintf(out_path, sizeof(out_path), "%s/stdout", builder_dir(b));
	(void)snprintf(err_path, sizeof(err_path), "%s/stderr", builder_dir(b));
	(void)snprintf(pcap_path, sizeof(pcap_path), "%s/out.pcap", builder_dir(b));
}

static void tear_down(void)
{
	builder_free(b);
}

static void read_text(const char *path, char *text)
{
	FILE *f = fopen(path, "rb");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(out) - 1, f)] = '\0';
	(void)fclose(f);
}

/* Runs a command with its standard output at out_fd. Returns the exit status. */
static int run_at(int (*command)(const struct options *), struct options *o, int out_fd)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_IGN); /* as main does */
		log_set_level(LOG_INFO);
		(void)dup2(out_fd, STDOUT_FILENO);
		(void)dup2(open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
		exit(command(o));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	read_text(err_path, err);
	return WEXITSTATUS(status);
}

/* The words after the options, and their number. */
#define WORDS(...)                \
	(char *[])                \
	{                         \
		__VA_ARGS__, NULL \
	}

static int run(int (*command)(const struct options *), struct options *o, char **words)
{
	int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), status;

	if (o->dir == NULL)
		o->dir = builder_dir(b);
	o->args = words;
	for (o->arg_count = 0; words != NULL && words[o->arg_count] != NULL;)
		o->arg_count++;
	status = run_at(command, o, fd);
	(void)close(fd);
	read_text(out_path, out);
	return status;
}

static int fetch(char **words)
{
	struct options o = {.write_path = pcap_path};

	return run(cmd_fetch, &o, words);
}

static int find(enum find_format format, char **words)
{
	struct options o = {.format = format};

	return run(cmd_find, &o, words);
}

static int verify(void)
{
	struct options o = {.dir = NULL};

	return run(cmd_verify, &o, NULL);
}

static size_t packets_of(const char *path)
{
	size_t n;

	free(builder_read_pcap(path, &n));
	return n;
}

static void add(const char *uuid)
{
	builder_add(b, &(struct built_part){.uuid = uuid}, INDEXED);
}

static void add_three(void)
{
	add(UUID_A);
	add(UUID_B);
	add(UUID_M);
	builder_end_writer(b, ENDS_CLEANLY);
}

static void check_no_pcap(void)
{
	ck_assert_int_eq(access(pcap_path, F_OK), -1);
	ck_assert_str_eq(out, "");
}

/* ---- fetch ---- */

START_TEST(fetch_gives_each_flow_once_however_often_it_is_named)
{
	add_three();
	ck_assert_int_eq(
	    fetch(WORDS((char *)UUID_A, (char *)UUID_M, (char *)UUID_A, (char *)"0aaaaaaa-1")), 0);
	ck_assert_uint_eq(packets_of(pcap_path), 8);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(fetch_writes_to_the_standard_output_unless_told_otherwise)
{
	struct options o = {.write_path = _i == 0 ? NULL : "-"};

	add_three();
	ck_assert_int_eq(run(cmd_fetch, &o, WORDS((char *)"host_")), 0);
	ck_assert_uint_eq(packets_of(out_path), 4);
}
END_TEST

START_TEST(fetch_refuses_a_terminal)
{
	struct options o = {.dir = builder_dir(b), .args = WORDS((char *)UUID_A), .arg_count = 1};
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	add_three();
	ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(run_at(cmd_fetch, &o, slave), 2);
	ck_assert_ptr_nonnull(strstr(err, "-w FILE"));
	o.write_path = pcap_path;
	ck_assert_int_eq(run_at(cmd_fetch, &o, slave), 0);
	(void)close(slave);
	(void)close(master);
}
END_TEST

START_TEST(fetch_names_what_is_not_found_and_gives_the_rest)
{
	add_three();
	ck_assert_int_eq(fetch(WORDS((char *)"nowhere", (char *)UUID_A, (char *)"nowhere")), 1);
	ck_assert_ptr_nonnull(strstr(err, "not found: 'nowhere'"));
	ck_assert_ptr_null(strstr(strstr(err, "not found") + 1, "not found")); /* once */
	ck_assert_ptr_null(strstr(strstr(err, "not found") + 1, "not found")); /* once */
	ck_assert_uint_eq(packets_of(pcap_path), 4);
}
END_TEST

START_TEST(fetch_of_nothing_makes_no_file)
{
	add_three();
	ck_assert_int_eq(fetch(WORDS((char *)"nowhere")), 1);
	check_no_pcap();
}
END_TEST

START_TEST(fetch_lists_at_most_ten_candidates_of_an_ambiguous_prefix)
{
	char uuid[LAYOUT_UUID_SIZE];
	unsigned n = 0;

	for (unsigned i = 0; i < 13; i++) {
		(void)snprintf(uuid, sizeof(uuid), "many-%02u", i);
		add(uuid);
	}
	add("many");
	builder_end_writer(b, ENDS_CLEANLY);
	ck_assert_int_eq(fetch(WORDS((char *)"man", (char *)"many-01")), 2);
	check_no_pcap();
	ck_assert_ptr_nonnull(strstr(err, "ambiguous: 'man'"));
	for (const char *p = err; (p = strstr(p, "error:   many")) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, 10);
	ck_assert_ptr_nonnull(strstr(err, "and 4 more"));
	/* what is a whole UUID is no prefix, also beside others that begin so */
	ck_assert_int_eq(fetch(WORDS((char *)"many-01", (char *)"many")), 0);
	ck_assert_uint_eq(packets_of(pcap_path), 8);
	ck_assert_int_eq(fetch(WORDS((char *)"many")), 0);
	ck_assert_uint_eq(packets_of(pcap_path), 4);
}
END_TEST

START_TEST(fetch_says_of_a_flow_that_it_is_still_open)
{
	add(UUID_A);
	builder_stage(b, UUID_B);
	builder_stage(b, UUID_A);
	(void)builder_reader(b); /* commits the index */
	ck_assert_int_eq(fetch(WORDS((char *)UUID_B)), 1);
	ck_assert_ptr_nonnull(strstr(err, "still open: '" UUID_B "'"));
	check_no_pcap();
	ck_assert_int_eq(fetch(WORDS((char *)"0aaaaaaa-1111")), 1);
	ck_assert_ptr_nonnull(strstr(err, "still open: '" UUID_A "'"));
	ck_assert_uint_eq(packets_of(pcap_path), 4);
	builder_end_writer(b, IS_KILLED);
	ck_assert_int_eq(fetch(WORDS((char *)"0aaaaaaa-2222")), 1);
	ck_assert_ptr_nonnull(strstr(err, "left unfinished: '0aaaaaaa-2222'"));
}
END_TEST

START_TEST(fetch_of_a_damaged_flow_writes_what_it_can_and_ends_with_3)
{
	add_three();
	builder_cut(b, FILE_A, 60);
	ck_assert_int_eq(fetch(WORDS((char *)UUID_A, (char *)UUID_B)), 3);
	ck_assert_ptr_nonnull(strstr(err, FILE_A "': "));
	ck_assert_uint_ge(packets_of(pcap_path), 4);
	builder_remove(b, FILE_A);
	ck_assert_int_eq(fetch(WORDS((char *)UUID_A, (char *)UUID_B)), 3);
	ck_assert_ptr_nonnull(strstr(err, FILE_A "': missing"));
	ck_assert_uint_eq(packets_of(pcap_path), 4);
}
END_TEST

START_TEST(fetch_refuses_two_link_types_and_names_them)
{
	add(UUID_A);
	builder_add(b, &(struct built_part){.uuid = UUID_B, .raw_ip = true}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	ck_assert_int_eq(fetch(WORDS((char *)UUID_A, (char *)UUID_B)), 2);
	ck_assert_ptr_nonnull(strstr(err, "1 ('" UUID_A "') and 101 ('" UUID_B "')"));
	check_no_pcap();
}
END_TEST

START_TEST(fetch_gives_all_flows_of_one_uuid)
{
	add(UUID_M);
	builder_add(
	    b, &(struct built_part){.uuid = UUID_M, .number = 1, .client_port = 50001}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	ck_assert_int_eq(fetch(WORDS((char *)UUID_M)), 0);
	ck_assert_ptr_nonnull(strstr(err, "names 2 flows"));
	ck_assert_uint_eq(packets_of(pcap_path), 8);
}
END_TEST

START_TEST(fetch_ends_quietly_when_nobody_reads)
{
	struct options o = {.dir = builder_dir(b), .args = WORDS((char *)UUID_A), .arg_count = 1};
	int fds[2];

	add_three();
	ck_assert_int_eq(pipe(fds), 0);
	(void)close(fds[0]);
	ck_assert_int_eq(run_at(cmd_fetch, &o, fds[1]), 0);
	ck_assert_str_eq(err, "");
	o.arg_count = 0;
	o.format = FORMAT_JSON;
	ck_assert_int_eq(run_at(cmd_find, &o, fds[1]), 0);
	ck_assert_str_eq(err, "");
	(void)close(fds[1]);
}
END_TEST

START_TEST(fetch_says_why_it_cannot_write)
{
	struct options o = {.write_path = "/nowhere/at/all"};

	add_three();
	ck_assert_int_eq(run(cmd_fetch, &o, WORDS((char *)UUID_A)), 3);
	ck_assert_ptr_nonnull(
	    strstr(err, "cannot write: '/nowhere/at/all': No such file or directory"));
}
END_TEST

START_TEST(bad_words_are_usage_errors)
{
	add_three();
	ck_assert_int_eq(fetch(WORDS((char *)"../x")), 2);
	ck_assert_int_eq(fetch(NULL), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"port", (char *)"http")), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"host", (char *)"192.0.2")), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"host")), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"uuid")), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"uuid", (char *)"a", (char *)"b")), 2);
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"uuid", (char *)"\033[2J")), 2);
	ck_assert_ptr_null(strchr(err, '\033'));
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(what_is_no_archive_ends_with_3)
{
	static int (*const commands[])(const struct options *) = {cmd_fetch, cmd_find, cmd_verify};
	char *words[] = {(char *)UUID_A, NULL};

	for (int i = 0; i < 3; i++) {
		struct options o = {.dir = "/nowhere/at/all", .write_path = pcap_path};

		ck_assert_int_eq(run(commands[i], &o, i == 0 ? words : NULL), 3);
		ck_assert_ptr_nonnull(
		    strstr(err, "'/nowhere/at/all': No such file or directory\n"));
		o.dir = "/proc/self/fdinfo";
		ck_assert_int_eq(run(commands[i], &o, i == 0 ? words : NULL), 3);
		ck_assert_ptr_nonnull(strstr(err, "no archive of flowkeep\n"));
		ck_assert_str_eq(out, "");
	}
}
END_TEST

START_TEST(an_unreadable_day_ends_with_3_whatever_is_found)
{
	add(UUID_A);
	builder_add(b, &(struct built_part){.uuid = UUID_B, .first_ns = BUILDER_NOON + CLK_DAY_NS},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_remove(b, "2026/01/01/flows.sqlite");
	ck_assert_int_eq(find(FORMAT_UUID, NULL), 3);
	ck_assert_str_eq(out, UUID_B "\n");
	ck_assert_ptr_nonnull(strstr(err, "'2026/01/01/flows.sqlite': missing"));
	ck_assert_int_eq(fetch(WORDS((char *)UUID_B)), 3);
	ck_assert_uint_eq(packets_of(pcap_path), 4);
	ck_assert_int_eq(fetch(WORDS((char *)UUID_A)), 3);
	ck_assert_ptr_nonnull(strstr(err, "not found"));
}
END_TEST

/* ---- find ---- */

/* Two flows: one of two parts, over IPv6, with a name to escape; one of a lone packet before it. */
static void add_for_find(void)
{
	builder_add(b,
	    &(struct built_part){.uuid = UUID_A,
		.first_ns = BUILDER_NOON + 123456789,
		.ipv6 = true,
		.interface = "e\x1b[1m\"\xc3\xa4\xff,",
		.end_reason = END_IDLE},
	    INDEXED);
	builder_add(b,
	    &(struct built_part){.uuid = UUID_A,
		.number = 1,
		.packets = 2,
		.ipv6 = true,
		.first_ns = BUILDER_NOON + CLK_DAY_NS,
		.end_reason = END_RST},
	    INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_M, .packets = 1, .raw_ip = true}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
}

static const char *const keys[] = {"uuid", "proto", "client_ip", "client_port", "server_ip",
    "server_port", "start", "end", "packets", "bytes", "captured_bytes", "client_packets",
    "client_bytes", "server_packets", "server_bytes", "flags", "end_reason", "uuid_source", "vlan",
    "linktype", "interface", "lost_packets", "truncated", "parts", "path", "offset", "length",
    "state", "policy"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* The n-th line of the output, as JSON. */
static json_t *json_line(unsigned n)
{
	const char *p = out;
	json_t *o;

	for (; n > 0; n--)
		p = strchr(p, '\n') + 1;
	o = json_loadb(p, strcspn(p, "\n"), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(json_is_object(o), "no JSON object: %s", p);
	return o;
}

static void check_json_text(const json_t *o, const char *key, const char *want)
{
	ck_assert_str_eq(json_string_value(json_object_get(o, key)), want);
}

static void check_json_number(const json_t *o, const char *key, json_int_t want)
{
	ck_assert_msg(json_is_integer(json_object_get(o, key)), "%s is no number", key);
	ck_assert_int_eq(json_integer_value(json_object_get(o, key)), want);
}

START_TEST(find_prints_one_json_object_per_flow_with_all_keys_in_order)
{
	const char *p;
	json_t *o;

	add_for_find();
	ck_assert_int_eq(find(FORMAT_JSON, NULL), 0);
	p = out;
	for (size_t i = 0; i < KEYS; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "\"%s\":", keys[i]);
		p = strstr(p, key);
		ck_assert_msg(p != NULL, "%s is not where it should be", key);
	}
	o = json_line(0);
	ck_assert_uint_eq(json_object_size(o), KEYS);
	check_json_text(o, "uuid", UUID_M);
	check_json_text(o, "client_ip", "192.0.2.1");
	check_json_number(o, "linktype", 101);
	ck_assert(json_is_null(json_object_get(o, "vlan")));
	ck_assert(json_is_null(json_object_get(o, "interface")));
	check_json_text(o, "flags", "FS");
	check_json_text(o, "state", "closed");
	ck_assert(json_is_null(json_object_get(o, "policy")));
	json_decref(o);
}
END_TEST

START_TEST(find_adds_up_the_parts_of_a_flow)
{
	uint64_t length;
	json_t *o;

	add_for_find();
	length = builder_size(b, FILE_A);
	ck_assert_int_eq(find(FORMAT_JSON, WORDS((char *)"uuid", (char *)"0")), 0);
	o = json_line(0);
	check_json_text(o, "uuid", UUID_A);
	check_json_text(o, "proto", "tcp");
	check_json_text(o, "client_ip", "2001:db8::1");
	check_json_number(o, "client_port", 50000);
	check_json_text(o, "server_ip", "2001:db8::2");
	check_json_number(o, "server_port", 443);
	check_json_text(o, "start", "2026-01-01T12:00:00.123456789Z");
	check_json_text(o, "end", "2026-01-02T12:00:01.000000000Z");
	check_json_number(o, "packets", 6);
	check_json_number(o, "client_packets", 3);
	check_json_number(o, "server_packets", 3);
	check_json_number(o, "parts", 2);
	check_json_text(o, "flags", "FSPA");
	check_json_text(o, "end_reason", "rst");
	check_json_text(o, "uuid_source", "generated");
	check_json_text(o, "interface", "e\x1b[1m\"\xc3\xa4\xef\xbf\xbd,");
	check_json_text(o, "path", FILE_A);
	check_json_number(o, "offset", 0);
	check_json_number(o, "length", (json_int_t)length);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "bytes")),
	    json_integer_value(json_object_get(o, "client_bytes")) +
		json_integer_value(json_object_get(o, "server_bytes")));
	json_decref(o);
	for (const char *p = out; *p; p++)
		ck_assert_msg(
		    *p == '\n' || (*p >= 0x20 && *p < 0x7f), "byte %02x", (unsigned char)*p);
}
END_TEST

START_TEST(find_prints_csv_with_a_heading_and_quotes)
{
	char heading[512] = "";

	add_for_find();
	ck_assert_int_eq(find(FORMAT_CSV, NULL), 0);
	for (size_t i = 0; i < KEYS; i++)
		(void)snprintf(heading + strlen(heading), sizeof(heading) - strlen(heading), "%s%s",
		    i ? "," : "", keys[i]);
	ck_assert_int_eq(strncmp(out, heading, strlen(heading)), 0);
	ck_assert_int_eq(out[strlen(heading)], '\n');
	ck_assert_ptr_nonnull(strstr(out, ",\"e\\x1b[1m\"\"\\xc3\\xa4\\xff,\","));
	ck_assert_ptr_nonnull(
	    strstr(out, "\n" UUID_M ",tcp,192.0.2.1,50000,198.51.100.7,443,"
			"2026-01-01T12:00:00.000000000Z,2026-01-01T12:00:00.000000000Z,1,"));
	ck_assert_ptr_nonnull(strstr(out, ",FS,fin,generated,,101,,0,0,1,"));
}
END_TEST

START_TEST(find_prints_a_table_and_uuids)
{
	add_for_find();
	ck_assert_int_eq(find(FORMAT_TABLE, NULL), 0);
	ck_assert_str_eq(out, "START (UTC)              DURATION  PROTO  CLIENT               "
			      "SERVER             PACKETS  BYTES  END  UUID\n"
			      "2026-01-01 12:00:00.000    0.000s  tcp    192.0.2.1:50000      "
			      "198.51.100.7:443         1   77 B  fin  " UUID_M "\n"
			      "2026-01-01 12:00:00.123     1d00h  tcp    [2001:db8::1]:50000  "
			      "[2001:db8::2]:443        6  690 B  rst  " UUID_A "\n");
	ck_assert_int_eq(find(FORMAT_UUID, NULL), 0);
	ck_assert_str_eq(out, UUID_M "\n" UUID_A "\n");
}
END_TEST

START_TEST(find_stops_at_its_limit)
{
	struct options o = {.format = FORMAT_UUID, .limit = 1};

	add_for_find();
	ck_assert_int_eq(run(cmd_find, &o, NULL), 0);
	ck_assert_str_eq(out, UUID_M "\n");
}
END_TEST

START_TEST(find_takes_an_expression_in_one_word_or_several)
{
	add_for_find();
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"host", (char *)"2001:db8::1",
					       (char *)"and", (char *)"parts=2")),
	    0);
	ck_assert_str_eq(out, UUID_A "\n");
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"not (duration > 1h or ip6)")), 0);
	ck_assert_str_eq(out, UUID_M "\n");
	ck_assert_int_eq(find(FORMAT_UUID, WORDS((char *)"before 2026-01-01")), 1);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(find_counts_what_it_found)
{
	struct options o = {.format = FORMAT_JSON, .count = true, .limit = 1};

	add_for_find();
	ck_assert_int_eq(run(cmd_find, &o, NULL), 0);
	ck_assert_str_eq(out, "2\n");
	ck_assert_int_eq(run(cmd_find, &o, WORDS((char *)"udp")), 1);
	ck_assert_str_eq(out, "0\n");
	ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(find_sorts_as_it_is_told)
{
	struct options o = {.format = FORMAT_UUID, .order = QUERY_BY_PACKETS, .descending = true};

	add_for_find();
	ck_assert_int_eq(run(cmd_find, &o, NULL), 0);
	ck_assert_str_eq(out, UUID_A "\n" UUID_M "\n");
	o.descending = false;
	ck_assert_int_eq(run(cmd_find, &o, NULL), 0);
	ck_assert_str_eq(out, UUID_M "\n" UUID_A "\n");
}
END_TEST

START_TEST(find_of_nothing_ends_with_1)
{
	add_for_find();
	for (int f = FORMAT_TABLE; f <= FORMAT_UUID; f++) {
		ck_assert_int_eq(find((enum find_format)f, WORDS((char *)"uuid", (char *)"x")), 1);
		if (f == FORMAT_CSV)
			ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
		else
			ck_assert_str_eq(out, "");
	}
}
END_TEST

/* ---- verify ---- */

START_TEST(verify_tells_a_sound_archive_from_a_damaged_one)
{
	struct options o = {.quiet = true};

	add_three();
	ck_assert_int_eq(verify(), 0);
	ck_assert_str_eq(out, "");
	ck_assert_ptr_nonnull(strstr(err, "1 day, 3 files, 3 rows"));
	ck_assert_ptr_nonnull(strstr(err, "sound"));
	builder_remove(b, FILE_A);
	ck_assert_int_eq(verify(), 1);
	ck_assert_str_eq(out, FILE_A ": in the index, but the file is missing\n");
	ck_assert_ptr_nonnull(strstr(err, "1 damaged"));
	ck_assert_int_eq(run(cmd_verify, &o, NULL), 1);
	ck_assert_str_eq(err, "");
	ck_assert_int_eq(run(cmd_verify, &o, WORDS((char *)"x")), 2);
}
END_TEST

START_TEST(verify_escapes_strange_names)
{
	add_three();
	builder_write(b, "2026/01/01/a\033b", "", 0);
	ck_assert_int_eq(verify(), 0);
	ck_assert_ptr_nonnull(strstr(err, "'2026/01/01/a\\x1bb'"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd/reading");
	TCase *f = tcase_create("fetch"), *l = tcase_create("find"), *v = tcase_create("verify");
	SRunner *runner;
	int failed;

	tcase_set_timeout(f, 60);
	tcase_add_checked_fixture(f, set_up, tear_down);
	tcase_add_test(f, fetch_gives_each_flow_once_however_often_it_is_named);
	tcase_add_loop_test(f, fetch_writes_to_the_standard_output_unless_told_otherwise, 0, 2);
	tcase_add_test(f, fetch_refuses_a_terminal);
	tcase_add_test(f, fetch_names_what_is_not_found_and_gives_the_rest);
	tcase_add_test(f, fetch_of_nothing_makes_no_file);
	tcase_add_test(f, fetch_lists_at_most_ten_candidates_of_an_ambiguous_prefix);
	tcase_add_test(f, fetch_says_of_a_flow_that_it_is_still_open);
	tcase_add_test(f, fetch_of_a_damaged_flow_writes_what_it_can_and_ends_with_3);
	tcase_add_test(f, fetch_refuses_two_link_types_and_names_them);
	tcase_add_test(f, fetch_gives_all_flows_of_one_uuid);
	tcase_add_test(f, fetch_ends_quietly_when_nobody_reads);
	tcase_add_test(f, fetch_says_why_it_cannot_write);
	tcase_add_test(f, bad_words_are_usage_errors);
	tcase_add_test(f, what_is_no_archive_ends_with_3);
	tcase_add_test(f, an_unreadable_day_ends_with_3_whatever_is_found);
	suite_add_tcase(suite, f);
	tcase_add_checked_fixture(l, set_up, tear_down);
	tcase_add_test(l, find_prints_one_json_object_per_flow_with_all_keys_in_order);
	tcase_add_test(l, find_adds_up_the_parts_of_a_flow);
	tcase_add_test(l, find_prints_csv_with_a_heading_and_quotes);
	tcase_add_test(l, find_prints_a_table_and_uuids);
	tcase_add_test(l, find_stops_at_its_limit);
	tcase_add_test(l, find_takes_an_expression_in_one_word_or_several);
	tcase_add_test(l, find_counts_what_it_found);
	tcase_add_test(l, find_sorts_as_it_is_told);
	tcase_add_test(l, find_of_nothing_ends_with_1);
	suite_add_tcase(suite, l);
	tcase_add_checked_fixture(v, set_up, tear_down);
	tcase_add_test(v, verify_tells_a_sound_archive_from_a_damaged_one);
	tcase_add_test(v, verify_escapes_strange_names);
	suite_add_tcase(suite, v);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
