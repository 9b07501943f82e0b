/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the server of lines, with real sockets and a source of our own: slots that live or do
 * not. The server does something only when its functions are called, so nothing is left to chance.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "events/line.h"
#include "events/server.h"
#include "support/tempdir.h"

#define SLOTS_MAX 20000

static bool lives[SLOTS_MAX];
static uint32_t slot_count;
static struct server *server;
static char path[100]; /* of the 108 of sun_path, unix(7) */

static uint32_t slots(void *arg)
{
	ck_assert_ptr_eq(arg, lives);
	return slot_count;
}

/* 100 bytes each, so that many do not fit into what a socket takes. */
static size_t open_line(void *arg, uint32_t slot, char *buf)
{
	ck_assert_ptr_eq(arg, lives);
	return lives[slot] ? (size_t)snprintf(buf, LINE_SIZE, "+%098u\n", slot) : 0;
}

static void begin(void)
{
	struct server_source source = {slots, open_line, lives};

	(void)snprintf(path, sizeof(path), "%s/s", tempdir_new());
	ck_assert_int_eq(server_open(path, &source, &server), 0);
}

static int connect_to(const char *where)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", where);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void open_slot(uint32_t slot)
{
	char line[LINE_SIZE];

	lives[slot] = true;
	if (slot >= slot_count)
		slot_count = slot + 1;
	server_tell_open(server, slot, line, open_line(lives, slot, line));
}

static void close_slot(uint32_t slot)
{
	char line[LINE_SIZE];

	server_tell_close(server, slot, line, (size_t)snprintf(line, sizeof(line), "-%u\n", slot));
	lives[slot] = false;
}

/* What comes without waiting; the server gets its turns. Returns: bytes; ends with a NUL. */
static size_t take(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		server_flush(server);
		server_run(server);
		n = recv(fd, buf + len, size - 1 - len, MSG_DONTWAIT);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	buf[len] = '\0';
	return len;
}

static void check_take(int fd, const char *want)
{
	char buf[4096];

	(void)take(fd, buf, sizeof(buf));
	ck_assert_str_eq(buf, want);
}

static bool ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

#define LINE(n) "+" ZEROS_90 n "\n"
#define ZEROS_90                                                                                   \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"00"

START_TEST(everybody_is_told_live_events)
{
	int a, b;

	begin();
	a = connect_to(path);
	b = connect_to(path);
	server_run(server);
	open_slot(0);
	close_slot(0);
	check_take(a, LINE("00000000") "-0\n");
	check_take(b, LINE("00000000") "-0\n");
	server_close(server);
	ck_assert(ended(a));
}
END_TEST

START_TEST(a_late_client_is_told_what_lives)
{
	int fd;

	begin();
	for (uint32_t i = 0; i < 3; i++)
		open_slot(i);
	close_slot(1);
	fd = connect_to(path);
	check_take(fd, LINE("00000000") LINE("00000002"));
	close_slot(0);
	open_slot(1);
	check_take(fd, "-0\n" LINE("00000001"));
	server_close(server);
}
END_TEST

START_TEST(who_connected_before_a_close_is_told_it)
{
	int fd;

	begin();
	open_slot(0);
	fd = connect_to(path);
	server_accept(server);
	close_slot(0);
	check_take(fd, LINE("00000000") "-0\n");
	server_close(server);
}
END_TEST

/* The client reads nothing at first, so the replay stands still in the middle of the slots. */
START_TEST(during_a_replay_nothing_is_missed_and_no_close_comes_first)
{
	static char buf[SLOTS_MAX * 110];
	static int state[SLOTS_MAX]; /* as the client knows it: 0, 1 open, 2 closed */
	char *line, *rest = buf;
	int fd;

	begin();
	for (uint32_t i = 0; i < 15000; i++)
		open_slot(i);
	fd = connect_to(path);
	server_run(server);
	close_slot(1);     /* was told */
	close_slot(14000); /* was not yet: open and close */
	close_slot(14001);
	open_slot(14001); /* again, in its turn */
	open_slot(15000); /* new, beyond the end */
	open_slot(15001);
	close_slot(15001); /* short */
	open_slot(1);      /* new, in a slot that was told */
	(void)take(fd, buf, sizeof(buf));
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		unsigned slot = (unsigned)strtoul(line + 1, NULL, 10);

		ck_assert_uint_lt(slot, SLOTS_MAX);
		if (line[0] == '+')
			ck_assert_int_ne(state[slot], 1);
		else
			ck_assert_int_eq(state[slot], 1);
		state[slot] = line[0] == '+' ? 1 : 2;
	}
	for (uint32_t i = 0; i <= 15001; i++)
		ck_assert_int_eq(state[i], lives[i] ? 1 : 2);
	server_close(server);
}
END_TEST

START_TEST(who_does_not_read_is_dropped_alone)
{
	static char buf[SERVER_BUFFER_BYTES];
	struct server_counts n = {0};
	int reader, sleeper;
	uint64_t bytes = 0, taken = 0;

	begin();
	reader = connect_to(path);
	sleeper = connect_to(path);
	server_run(server);
	while (n.dropped == 0) {
		for (uint32_t i = 0; i < 1000; i++)
			open_slot(i);
		bytes += 100000;
		taken += take(reader, buf, sizeof(buf));
		ck_assert_uint_eq(taken, bytes);
		ck_assert_uint_lt(bytes, 3 * SERVER_BUFFER_BYTES);
		server_counts(server, &n);
	}
	ck_assert_uint_gt(bytes, SERVER_BUFFER_BYTES);
	ck_assert_uint_eq(n.clients, 1);
	while (take(sleeper, buf, sizeof(buf)) > 0)
		;
	ck_assert(ended(sleeper));
	ck_assert(!ended(reader));
	server_close(server);
}
END_TEST

START_TEST(a_client_that_leaves_is_forgotten)
{
	struct server_counts n;
	int fd;

	begin();
	fd = connect_to(path);
	server_run(server);
	(void)close(fd);
	server_run(server);
	server_counts(server, &n);
	ck_assert_uint_eq(n.clients, 0);
	ck_assert_uint_eq(n.accepted, 1);
	ck_assert_uint_eq(n.dropped, 0);
	server_close(server);
}
END_TEST

START_TEST(a_client_that_only_shuts_its_writing_half_is_told)
{
	struct pollfd p = {.events = POLLIN};
	int fd;

	begin();
	fd = connect_to(path);
	server_run(server);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	server_run(server);
	p.fd = server_fd(server);
	ck_assert_int_eq(poll(&p, 1, 0), 0); /* and it does not keep the server awake */
	open_slot(5);
	check_take(fd, LINE("00000005"));
	server_close(server);
}
END_TEST

START_TEST(one_client_too_many_is_turned_away)
{
	struct server_counts n;
	int fds[SERVER_CLIENTS_MAX + 1];

	begin();
	for (int i = 0; i <= SERVER_CLIENTS_MAX; i++) {
		fds[i] = connect_to(path);
		server_run(server);
	}
	ck_assert(ended(fds[SERVER_CLIENTS_MAX]));
	server_counts(server, &n);
	ck_assert_uint_eq(n.refused, 1);
	ck_assert_uint_eq(n.clients, SERVER_CLIENTS_MAX);
	(void)close(fds[3]);
	server_run(server);
	fds[3] = connect_to(path);
	server_run(server);
	open_slot(0);
	check_take(fds[3], LINE("00000000"));
	server_close(server);
}
END_TEST

START_TEST(a_socket_is_replaced_only_if_nobody_listens)
{
	struct server_source source = {slots, open_line, lives};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct server *second;
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);

	begin();
	ck_assert_uint_eq(tempdir_mode(path), 0660);
	ck_assert_int_eq(server_open(path, &source, &second), -EADDRINUSE);
	(void)close(connect_to(path)); /* it is still there */
	server_close(server);
	ck_assert(!tempdir_exists(path));

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ck_assert_int_eq(bind(dead, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)close(dead);
	ck_assert_int_eq(server_open(path, &source, &second), 0);
	/* A file that took the place of ours is not ours to remove. */
	ck_assert_int_eq(unlink(path), 0);
	tempdir_write(path, "x", 1);
	server_close(second);
	ck_assert(tempdir_exists(path));
	ck_assert_int_eq(server_open(path, &source, &second), -ENOTSOCK);
	ck_assert(tempdir_exists(path));
}
END_TEST

START_TEST(a_path_that_cannot_be_is_an_error)
{
	struct server_source source = {slots, open_line, lives};
	struct server *s;
	char longer[200];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(server_open(longer, &source, &s), -ENAMETOOLONG);
	ck_assert_int_eq(server_open("", &source, &s), -ENOENT);
	ck_assert_int_eq(
	    server_open(tempdir_path(tempdir_new(), "missing/s"), &source, &s), -ENOENT);
	server_close(NULL);
}
END_TEST

static Suite *server_suite(void)
{
	Suite *s = suite_create("server");
	TCase *t = tcase_create("server");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, everybody_is_told_live_events);
	tcase_add_test(t, a_late_client_is_told_what_lives);
	tcase_add_test(t, who_connected_before_a_close_is_told_it);
	tcase_add_test(t, during_a_replay_nothing_is_missed_and_no_close_comes_first);
	tcase_add_test(t, who_does_not_read_is_dropped_alone);
	tcase_add_test(t, a_client_that_leaves_is_forgotten);
	tcase_add_test(t, a_client_that_only_shuts_its_writing_half_is_told);
	tcase_add_test(t, one_client_too_many_is_turned_away);
	tcase_add_test(t, a_socket_is_replaced_only_if_nobody_listens);
	tcase_add_test(t, a_path_that_cannot_be_is_an_error);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(server_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
