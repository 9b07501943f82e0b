/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the server of metrics, over real sockets: what it answers, and that no client, slow,
 * silent, many or broken, keeps it from answering others.
 */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fileio.h"
#include "cmd/exposition.h"
#include "cmd/metricsrig.h"
#include "cmd/sandboxed.h"
#include "support/tempdir.h"

#define REPLY_SIZE   (256 * 1024)
#define PER_ADDRESS  16 /* connections that one address may have */
#define GET_METRICS  "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
#define TEXT_HEADER  "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
#define FIRST_SERIES "# HELP flowkeep_build_info "

static struct metricsrig rig;
static struct metrics *server;
static char reply[REPLY_SIZE];

static void start_at(const char *address)
{
	char error[METRICS_ERROR_SIZE] = "";
	int rv = metrics_start(address, &rig.src, &server, error);

	ck_assert_msg(rv == 0, "%s", error);
	ck_assert_uint_ne(metrics_port(server), 0);
}

static void start(void)
{
	metricsrig_start(&rig);
	start_at("127.0.0.1:0");
}

static void stop(void)
{
	metrics_stop(server);
	metricsrig_stop(&rig);
}

/* A connection from 127.0.0.`from`. */
static int connect_from(unsigned from)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
			       .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from)},
			   there = {.sin_family = AF_INET,
			       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			       .sin_port = htons(metrics_port(server))};
	const struct timeval deadline = {.tv_sec = 7};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	/* Sooner than idle clients are cut off, so that nobody is seen to wait for that. */
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&there, sizeof(there)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	/* A server that hangs up early is no fault of ours. */
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Reads one reply into `reply`. Returns: its status; 0: hung up without one. */
static int read_reply(int fd, bool has_body)
{
	size_t len = 0, want = REPLY_SIZE - 1;
	char *end = NULL;
	const char *length;
	ssize_t n = 1;

	while (len < want && n > 0) {
		n = recv(fd, reply + len, want - len, 0);
		len += n > 0 ? (size_t)n : 0;
		reply[len] = '\0';
		if (end != NULL || (end = strstr(reply, "\r\n\r\n")) == NULL)
			continue;
		length = strcasestr(reply, "\r\nContent-Length: ");
		want = (size_t)(end + 4 - reply);
		if (has_body && length != NULL && length < end)
			want += strtoul(length + 18, NULL, 10);
	}
	if (len == 0)
		return 0;
	ck_assert_ptr_nonnull(end);
	ck_assert_uint_eq(len, want);
	ck_assert_int_eq(strncmp(reply, "HTTP/1.", 7), 0);
	return atoi(reply + 9);
}

static const char *body_of_reply(void)
{
	return strstr(reply, "\r\n\r\n") + 4;
}

/* One request over a connection of its own. Returns: the status of the reply. */
static int ask(const char *request)
{
	int fd = connect_from(1), status;

	send_text(fd, request);
	status = read_reply(fd, strncmp(request, "HEAD", 4) != 0);
	(void)close(fd);
	return status;
}

static void check_metrics(void)
{
	exposition_check(body_of_reply());
	ck_assert_ptr_nonnull(strcasestr(reply, TEXT_HEADER));
	ck_assert_int_eq(strncmp(body_of_reply(), FIRST_SERIES, strlen(FIRST_SERIES)), 0);
}

static void check_alive(void)
{
	ck_assert_int_eq(ask(GET_METRICS), 200);
	check_metrics();
}

/* ---- addresses ------------------------------------------------------------------------------- */

START_TEST(addresses_are_told_from_what_is_none)
{
	static const char *const good[] = {"127.0.0.1:9990", "localhost:9990", "0.0.0.0:1",
	    "[::1]:9990", "[::]:9990", "[2001:db8::1]:65535", ":9990", ":0", "127.0.0.1:0"};
	static const char *const bad[] = {"", ":", "9990", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
	    "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1: 1", "127.0.0.1:1 ", "127.0.0:1",
	    "127.0.0.256:1", "nowhere", "nowhere:80", "::1:9990", "[::1]", "[::1]9990", "[]:1",
	    "[127.0.0.1]:1", "[::1:1", "::1]:1", "[::g]:1", " :1", "127.0.0.1:1:1",
	    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(metrics_check(good[i]) == 0, "'%s'", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(metrics_check(bad[i]) == -EINVAL, "'%s'", bad[i]);
}
END_TEST

START_TEST(a_port_that_is_taken_is_refused_with_a_message)
{
	char address[32], error[METRICS_ERROR_SIZE];
	struct metrics *second = NULL;

	start();
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)metrics_port(server));
	ck_assert_int_eq(metrics_start(address, &rig.src, &second, error), -EADDRINUSE);
	ck_assert_ptr_null(second);
	ck_assert_str_eq(error, strerror(EADDRINUSE));
	ck_assert_int_eq(metrics_start("192.0.2.1:0", &rig.src, &second, error), -EADDRNOTAVAIL);
	ck_assert_int_eq(metrics_start("nowhere", &rig.src, &second, error), -EINVAL);
	check_alive();
	stop();
}
END_TEST

static bool connects(int family)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(metrics_port(server))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	    .sin6_port = htons(metrics_port(server))};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes =
	    fd >= 0 && (family == AF_INET ? connect(fd, (struct sockaddr *)&in, sizeof(in))
					  : connect(fd, (struct sockaddr *)&in6, sizeof(in6))) == 0;

	if (yes) {
		send_text(fd, GET_METRICS);
		ck_assert_int_eq(read_reply(fd, true), 200);
	}
	if (fd >= 0)
		(void)close(fd);
	return yes;
}

START_TEST(both_families_are_served_where_no_address_is_given)
{
	char error[METRICS_ERROR_SIZE];

	metricsrig_start(&rig);
	start_at(":0");
	ck_assert(connects(AF_INET));
	metrics_stop(server);
	if (metrics_start("[::1]:0", &rig.src, &server, error) == 0) { /* else: no IPv6 here */
		ck_assert(connects(AF_INET6));
		ck_assert(!connects(AF_INET));
		metrics_stop(server);
		start_at(":0");
		ck_assert(connects(AF_INET6));
		metrics_stop(server);
	}
	start_at("localhost:0");
	ck_assert(connects(AF_INET));
	ck_assert(!connects(AF_INET6));
	stop();
}
END_TEST

/* ---- answers --------------------------------------------------------------------------------- */

START_TEST(metrics_are_served)
{
	start();
	check_alive();
	ck_assert_int_eq(ask("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	check_metrics();
	ck_assert_int_eq(ask("GET /metrics HTTP/1.0\r\n\r\n"), 200);
	check_metrics();
	stop();
}
END_TEST

START_TEST(numbers_are_those_of_the_moment)
{
	start();
	check_alive();
	ck_assert_double_eq(
	    exposition_number(body_of_reply(), "flowkeep_event_stream_configured"), 0);
	rig.live.has_events = true; /* read by nobody between the answers */
	ledger_add(&rig.savers.ledger.packets_read, 5);
	ledger_add(&rig.savers.ledger.packets_archived, 5);
	check_alive();
	ck_assert_double_eq(
	    exposition_number(body_of_reply(), "flowkeep_event_stream_configured"), 1);
	ck_assert_double_eq(exposition_number(body_of_reply(), "flowkeep_packets_read_total"), 5);
	stop();
}
END_TEST

START_TEST(head_gives_the_headers_alone)
{
	int fd;

	start();
	fd = connect_from(1);
	send_text(fd, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(read_reply(fd, false), 200);
	ck_assert_ptr_nonnull(strcasestr(reply, TEXT_HEADER));
	ck_assert_ptr_nonnull(strcasestr(reply, "\r\nContent-Length: "));
	send_text(fd, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	ck_assert_int_eq(read_reply(fd, false), 404); /* nothing stands in between */
	ck_assert_int_eq(recv(fd, reply, 1, 0), 0);
	(void)close(fd);
	stop();
}
END_TEST

START_TEST(other_paths_and_methods_are_refused)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"};
	char request[128];

	start();
	ck_assert_int_eq(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	ck_assert_ptr_nonnull(strstr(body_of_reply(), "/metrics"));
	ck_assert_int_eq(ask("GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	ck_assert_int_eq(ask("GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	ck_assert_int_eq(ask("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		(void)snprintf(request, sizeof(request), "%s /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
		    methods[i]);
		ck_assert_msg(ask(request) == 405, "%s: %s", methods[i], reply);
		ck_assert_ptr_nonnull(strcasestr(reply, "\r\nAllow: GET, HEAD\r\n"));
	}
	ck_assert_int_eq(
	    ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), 405);
	ck_assert_int_eq(
	    ask("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), 0);
	stop();
}
END_TEST

START_TEST(a_connection_serves_one_request_after_the_other)
{
	int fd;

	start();
	fd = connect_from(1);
	for (int i = 0; i < 5; i++) {
		send_text(fd, GET_METRICS);
		ck_assert_int_eq(read_reply(fd, true), 200);
		check_metrics();
	}
	(void)close(fd);
	stop();
}
END_TEST

START_TEST(bad_requests_end_their_own_connection_alone)
{
	static const char *const bad[] = {"GET\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n",
	    "GET /metrics HTTP/9.9\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost x\r\n\r\n",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};

	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_from(1);

		send_text(fd, bad[i]);
		(void)shutdown(fd, SHUT_WR);
		while (recv(fd, reply, sizeof(reply), 0) > 0)
			; /* whatever it says, it ends */
		(void)close(fd);
		check_alive();
	}
	stop();
}
END_TEST

START_TEST(a_request_without_end_is_cut_off)
{
	static const char *const begin[] = {"GET /", "GET /metrics HTTP/1.1\r\nX: ",
	    "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"};
	char junk[4096];

	memset(junk, 'a', sizeof(junk));
	start();
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
		int fd = connect_from(1);
		ssize_t n = 1;

		send_text(fd, begin[i]);
		for (unsigned sent = 0; n > 0; sent++) {
			n = send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
			ck_assert_uint_lt(sent, 16384); /* 64 MiB: more than buffers can hold */
		}
		(void)close(fd);
		check_alive();
	}
	stop();
}
END_TEST

/* ---- clients beside each other --------------------------------------------------------------- */

START_TEST(many_at_once_are_all_answered)
{
	int fds[PER_ADDRESS];

	start();
	for (int i = 0; i < PER_ADDRESS; i++)
		fds[i] = connect_from(1);
	for (int i = 0; i < PER_ADDRESS; i++)
		send_text(fds[i], GET_METRICS);
	for (int i = PER_ADDRESS - 1; i >= 0; i--) {
		ck_assert_int_eq(read_reply(fds[i], true), 200);
		check_metrics();
		(void)close(fds[i]);
	}
	stop();
}
END_TEST

START_TEST(who_is_silent_or_does_not_read_disturbs_nobody)
{
	int silent, half, deaf;

	start();
	silent = connect_from(1);
	half = connect_from(1);
	send_text(half, "GET /metrics HTTP/1.1\r\nHo");
	deaf = connect_from(1);
	for (int i = 0; i < 200; i++) /* answers of which are more than a socket holds */
		send_text(deaf, GET_METRICS);
	for (int i = 0; i < 20; i++)
		check_alive();
	send_text(half, "st: x\r\n\r\n");
	ck_assert_int_eq(read_reply(half, true), 200);
	check_metrics();
	send_text(silent, GET_METRICS);
	ck_assert_int_eq(read_reply(silent, true), 200);
	(void)close(silent);
	(void)close(half);
	(void)close(deaf);
	check_alive();
	stop();
}
END_TEST

START_TEST(one_address_cannot_take_all_connections)
{
	int fds[3 * PER_ADDRESS], other;

	start();
	for (int i = 0; i < 3 * PER_ADDRESS; i++)
		fds[i] = connect_from(1);
	other = connect_from(2);
	send_text(other, GET_METRICS);
	ck_assert_int_eq(read_reply(other, true), 200);
	check_metrics();
	(void)close(other);
	for (int i = 0; i < 3 * PER_ADDRESS; i++)
		(void)close(fds[i]);
	stop();
}
END_TEST

/* Who is silent is closed after 10 s; nothing may wait for that. */
#define PROMPT_NS (5 * CLK_SECOND_NS)

START_TEST(a_stop_is_prompt_when_all_places_are_taken)
{
	int fds[2 * PER_ADDRESS], other;
	mono_t began;

	start();
	for (int i = 0; i < 2 * PER_ADDRESS; i++)
		fds[i] = connect_from(1 + i % 2);
	other = connect_from(3); /* it comes last: when it has its answer, all have come */
	send_text(other, GET_METRICS);
	ck_assert_int_eq(read_reply(other, true), 200);
	began = clk_mono();
	stop();
	ck_assert_int_lt(clk_mono().ns - began.ns, PROMPT_NS);
	(void)close(other);
	for (int i = 0; i < 2 * PER_ADDRESS; i++)
		(void)close(fds[i]);
}
END_TEST

START_TEST(who_asks_half_and_goes_leaves_the_place_to_others)
{
	mono_t began;

	start();
	began = clk_mono();
	for (int i = 0; i < 200; i++) {
		int fd = connect_from(1);

		send_text(fd, "GET /met");
		(void)close(fd);
	}
	check_alive();
	ck_assert_int_lt(clk_mono().ns - began.ns, PROMPT_NS);
	stop();
}
END_TEST

/* Two addresses take all places there are, and do not let go. */
START_TEST(who_comes_last_is_answered)
{
	int fds[6 * PER_ADDRESS];
	mono_t began;

	start();
	began = clk_mono();
	for (int i = 0; i < 6 * PER_ADDRESS; i++) {
		fds[i] = connect_from(1 + i % 2);
		send_text(fds[i], "GET /met");
		if (i % PER_ADDRESS == 0)
			check_alive();
	}
	for (int i = 0; i < 20; i++)
		check_alive();
	ck_assert_int_lt(clk_mono().ns - began.ns, PROMPT_NS);
	for (int i = 0; i < 6 * PER_ADDRESS; i++)
		(void)close(fds[i]);
	stop();
}
END_TEST

START_TEST(a_client_that_is_gone_before_its_answer_does_no_harm)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	start();
	for (int i = 0; i < 50; i++) {
		int fd = connect_from(2); /* which may have used up what it may have */

		send_text(fd, GET_METRICS GET_METRICS);
		if (i % 2 == 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		(void)close(fd);
	}
	check_alive();
	stop();
}
END_TEST

static void *stop_server(void *arg)
{
	metrics_stop(arg);
	return NULL;
}

START_TEST(a_stop_waits_for_no_client)
{
	pthread_t t;
	int silent, deaf;

	start();
	silent = connect_from(1);
	deaf = connect_from(1);
	for (int i = 0; i < 200; i++)
		send_text(deaf, GET_METRICS);
	check_alive();
	ck_assert_int_eq(pthread_create(&t, NULL, stop_server, server), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0); /* or Check ends the test */
	(void)close(silent);
	(void)close(deaf);
	metrics_stop(NULL);
	metricsrig_stop(&rig);
}
END_TEST

/* ---- the process ----------------------------------------------------------------------------- */

/* SigBlk of /proc/self/task/TID/status of the thread that is not in `known`. */
static uint64_t blocked_in_new_thread(const char *known)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	uint64_t blocked = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		char path[300], text[4096], word[300];
		const char *line;
		size_t len;
		FILE *f;

		(void)snprintf(word, sizeof(word), " %s ", e->d_name);
		if (e->d_name[0] == '.' || strstr(known, word) != NULL)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "r");
		ck_assert_ptr_nonnull(f);
		len = fread(text, 1, sizeof(text) - 1, f);
		text[len] = '\0';
		(void)fclose(f);
		line = strstr(text, "\nSigBlk:");
		ck_assert_ptr_nonnull(line);
		ck_assert_uint_eq(blocked, 0); /* there is one new thread */
		blocked = strtoull(line + 8, NULL, 16);
	}
	(void)closedir(d);
	return blocked;
}

static void list_threads(char *known, size_t size)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	size_t len = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		len += (size_t)snprintf(known + len, size - len, " %s ", e->d_name);
	(void)closedir(d);
}

START_TEST(signals_are_left_to_main)
{
	char known[4096];
	sigset_t before, after;
	uint64_t blocked;

	metricsrig_start(&rig);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	list_threads(known, sizeof(known));
	start_at("127.0.0.1:0");
	check_alive();
	blocked = blocked_in_new_thread(known);
#define BIT(signal_number) (UINT64_C(1) << ((signal_number)-1))
	ck_assert(blocked & BIT(SIGTERM));
	ck_assert(blocked & BIT(SIGINT));
	ck_assert(blocked & BIT(SIGHUP));
	ck_assert(blocked & BIT(SIGUSR1));
	ck_assert(blocked & BIT(SIGUSR2));
	ck_assert(blocked & BIT(SIGPIPE));
	ck_assert(!(blocked & BIT(SIGSYS))); /* the sandbox counts by it */
	ck_assert(!(blocked & BIT(SIGSEGV)));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		ck_assert_int_eq(sigismember(&before, i), sigismember(&after, i));
	stop();
}
END_TEST

START_TEST(no_descriptor_is_left_behind)
{
	size_t before;
	char error[METRICS_ERROR_SIZE];

	metricsrig_start(&rig);
	before = tempdir_count("/proc/self/fd");
	for (int i = 0; i < 3; i++) {
		int silent;

		start_at("127.0.0.1:0");
		silent = connect_from(1);
		check_alive();
		ck_assert_int_eq(
		    metrics_start("192.0.2.1:0", &rig.src, &server, error), -EADDRNOTAVAIL);
		metrics_stop(server);
		(void)close(silent);
	}
	ck_assert_uint_eq(tempdir_count("/proc/self/fd"), before);
	metricsrig_stop(&rig);
}
END_TEST

START_TEST(it_runs_in_the_sandbox_and_no_call_is_refused)
{
	char error[METRICS_ERROR_SIZE];

	metricsrig_start(&rig);
	ck_assert_int_eq(metrics_load(error), 0);
	sandboxed_enter();
	start_at("127.0.0.1:0");
	check_alive();
	ck_assert_double_eq(
	    exposition_number(body_of_reply(), "flowkeep_refused_system_calls_total"), 0);
	ck_assert_double_gt(exposition_number(body_of_reply(), "process_resident_memory_bytes"), 0);
	ck_assert_double_gt(
	    exposition_number(body_of_reply(), "flowkeep_archive_filesystem_size_bytes"), 0);
	metrics_stop(server);
	start_at(":0");
	check_alive();
	free(metricsrig_lines(&rig));
	sandboxed_check_nothing_denied();
	ck_assert_int_eq(chroot("/"), -1); /* on no list */
	check_alive();
	ck_assert_double_eq(
	    exposition_number(body_of_reply(), "flowkeep_refused_system_calls_total"), 1);
	metrics_stop(server);
	sandboxed_leave();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("metrics_http");
	TCase *c = tcase_create("http");

	tcase_add_unchecked_fixture(c, tempdir_setup, tempdir_teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, addresses_are_told_from_what_is_none);
	tcase_add_test(c, a_port_that_is_taken_is_refused_with_a_message);
	tcase_add_test(c, both_families_are_served_where_no_address_is_given);
	tcase_add_test(c, metrics_are_served);
	tcase_add_test(c, numbers_are_those_of_the_moment);
	tcase_add_test(c, head_gives_the_headers_alone);
	tcase_add_test(c, other_paths_and_methods_are_refused);
	tcase_add_test(c, a_connection_serves_one_request_after_the_other);
	tcase_add_test(c, bad_requests_end_their_own_connection_alone);
	tcase_add_test(c, a_request_without_end_is_cut_off);
	tcase_add_test(c, many_at_once_are_all_answered);
	tcase_add_test(c, who_is_silent_or_does_not_read_disturbs_nobody);
	tcase_add_test(c, one_address_cannot_take_all_connections);
	tcase_add_test(c, a_stop_is_prompt_when_all_places_are_taken);
	tcase_add_test(c, who_asks_half_and_goes_leaves_the_place_to_others);
	tcase_add_test(c, who_comes_last_is_answered);
	tcase_add_test(c, a_client_that_is_gone_before_its_answer_does_no_harm);
	tcase_add_test(c, a_stop_waits_for_no_client);
	tcase_add_test(c, signals_are_left_to_main);
	tcase_add_test(c, no_descriptor_is_left_behind);
	if (!SANDBOXED_SKIP) /* the runtime of a sanitizer makes calls that it refuses */
		tcase_add_exit_test(
		    c, it_runs_in_the_sandbox_and_no_call_is_refused, SANDBOXED_END);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return sandboxed_run(suite());
}
