/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what is told to the service manager, with a socket of our own in its place.
 */
#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"
#include "support/tempdir.h"

/* A manager that listens under this name and is announced in the environment. Returns: its socket.
 */
static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_le(len, sizeof(address.sun_path));
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	    0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void check_received(int fd, const char *want)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, want);
}

START_TEST(a_message_reaches_a_socket_in_the_file_system)
{
	int fd = listen_at(tempdir_path(tempdir_new(), "notify"));

	ck_assert_int_eq(notify_send("READY=1\nSTATUS=capturing"), 0);
	check_received(fd, "READY=1\nSTATUS=capturing");
	ck_assert_int_eq(notify_send("STOPPING=1"), 0);
	check_received(fd, "STOPPING=1");
	ck_assert_int_eq(recv(fd, &(char){0}, 1, 0), -1); /* one datagram per message */
	(void)close(fd);
}
END_TEST

START_TEST(a_message_reaches_an_abstract_socket)
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "@flowkeep-test-%d", (int)getpid());
	fd = listen_at(name);
	ck_assert_int_eq(notify_send("READY=1"), 0);
	check_received(fd, "READY=1");
	(void)close(fd);
}
END_TEST

START_TEST(a_name_of_the_greatest_length_is_used_and_a_longer_one_refused)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	int fd;

	memset(name, 'x', sizeof(name));
	(void)snprintf(name, sizeof(name), "@flowkeep-test-%d", (int)getpid());
	name[strlen(name)] = '-';
	name[sizeof(name) - 2] = '\0';
	fd = listen_at(name);
	ck_assert_int_eq(notify_send("READY=1"), 0);
	check_received(fd, "READY=1");
	name[sizeof(name) - 2] = 'x';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -ENAMETOOLONG);
	(void)close(fd);
}
END_TEST

START_TEST(without_a_manager_nothing_is_sent_and_nothing_fails)
{
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	ck_assert_int_eq(notify_send("READY=1"), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "", 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), 0);
}
END_TEST

START_TEST(a_manager_that_cannot_be_reached_is_told)
{
	const char *dir = tempdir_new();

	ck_assert_int_eq(setenv("NOTIFY_SOCKET", tempdir_path(dir, "absent"), 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -ENOENT);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -EAFNOSUPPORT);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "notify", 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -EAFNOSUPPORT);
}
END_TEST

START_TEST(a_manager_that_does_not_read_never_blocks_us)
{
	int fd = listen_at(tempdir_path(tempdir_new(), "notify"));
	int rv = 0, sent = 0;

	/* net.unix.max_dgram_qlen datagrams fit; it is at most some thousands anywhere. */
	while (rv == 0 && sent++ < 1000000)
		rv = notify_send("WATCHDOG=1");
	ck_assert_int_eq(rv, -EAGAIN);
	(void)close(fd);
}
END_TEST

START_TEST(no_descriptor_is_left_behind)
{
	int before = dup(0), fd, after;

	(void)close(before);
	fd = listen_at(tempdir_path(tempdir_new(), "notify"));
	for (int i = 0; i < 3; i++)
		(void)notify_send("WATCHDOG=1");
	(void)close(fd);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(notify_send("WATCHDOG=1"), -ECONNREFUSED);
	after = dup(0);
	ck_assert_int_eq(before, after);
	(void)close(after);
}
END_TEST

static void check_watchdog(const char *usec, const char *pid, int64_t want)
{
	ck_assert_int_eq(
	    usec != NULL ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC"), 0);
	ck_assert_int_eq(
	    pid != NULL ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"), 0);
	ck_assert_msg(notify_watchdog_ns() == want, "WATCHDOG_USEC %s, WATCHDOG_PID %s",
	    usec ? usec : "unset", pid ? pid : "unset");
}

START_TEST(the_watchdog_is_fed_at_half_its_time)
{
	check_watchdog("30000000", NULL, INT64_C(15000000000));
	check_watchdog("1", NULL, 500);
	check_watchdog("9223372036854775", NULL, INT64_C(9223372036854775000) / 2);
}
END_TEST

START_TEST(the_watchdog_of_another_process_is_not_ours_to_feed)
{
	char ours[16], other[16];

	(void)snprintf(ours, sizeof(ours), "%d", (int)getpid());
	(void)snprintf(other, sizeof(other), "%d", (int)getppid());
	check_watchdog("2000", ours, 1000000);
	check_watchdog("2000", other, 0);
	check_watchdog("2000", "", 0);
	check_watchdog("2000", "me", 0);
	check_watchdog("2000", "4294967297", 0);
}
END_TEST

START_TEST(a_watchdog_without_a_sane_time_is_none)
{
	static const char *const bad[] = {
	    NULL, "", "0", "-1", "1s", "9223372036854776", "18446744073709551615", "1e6", " 5"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_watchdog(bad[i], NULL, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("notify");
	TCase *send = tcase_create("send"), *watchdog = tcase_create("watchdog");

	tcase_add_unchecked_fixture(send, tempdir_setup, tempdir_teardown);
	tcase_add_test(send, a_message_reaches_a_socket_in_the_file_system);
	tcase_add_test(send, a_message_reaches_an_abstract_socket);
	tcase_add_test(send, a_name_of_the_greatest_length_is_used_and_a_longer_one_refused);
	tcase_add_test(send, without_a_manager_nothing_is_sent_and_nothing_fails);
	tcase_add_test(send, a_manager_that_cannot_be_reached_is_told);
	tcase_add_test(send, a_manager_that_does_not_read_never_blocks_us);
	tcase_add_test(send, no_descriptor_is_left_behind);
	suite_add_tcase(s, send);
	tcase_add_test(watchdog, the_watchdog_is_fed_at_half_its_time);
	tcase_add_test(watchdog, the_watchdog_of_another_process_is_not_ours_to_feed);
	tcase_add_test(watchdog, a_watchdog_without_a_sane_time_is_none);
	suite_add_tcase(s, watchdog);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
