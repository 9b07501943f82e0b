/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the listener on the event socket: servers that come late, go away and come back, what it
 * says of them, and the stop. tests/flow/test_eventclient_lines.c has what they write.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/log.h"
#include "flow/eventclient.h"
#include "flow/eventstage.h"
#include "support/quick.h"
#include "support/tempdir.h"

START_TEST(a_server_that_is_there_is_connected_at_once)
{
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));

	stage_listen(s, 1);
	stage_begin(s);
	ck_assert(eventclient_connected(s->client));
	ck_assert_uint_eq(stage_value(&s->stats->connects), 1);
	ck_assert_int_eq(stage_readable(s, 0), 0);
	eventclient_run(s->client); /* without cause: does nothing */
	stage_accept(s);
	stage_send(s, CLOSE_A);
	ck_assert_uint_eq(s->events, 0);
	stage_step(s);
	ck_assert_uint_eq(s->events, 1);
	ck_assert_str_eq(s->last, "a");
	ck_assert_int_eq(stage_readable(s, 0), 0);
	stage_free(s);
}
END_TEST

START_TEST(a_server_that_comes_later_is_found)
{
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));

	stage_begin(s);
	for (int i = 0; i < 3; i++)
		stage_step(s);
	ck_assert_uint_eq(stage_value(&s->stats->connects), 0);
	tempdir_write(s->path, "", 0); /* a file, but nobody listens */
	stage_step(s);
	ck_assert(!eventclient_connected(s->client));
	stage_listen(s, 1);
	stage_await(s);
	stage_send(s, CLOSE_A);
	stage_settle(s);
	ck_assert_uint_eq(s->events, 1);
	ck_assert_uint_eq(stage_value(&s->stats->connects), 1);
	ck_assert_uint_eq(stage_value(&s->stats->disconnects), 0);
	stage_free(s);
}
END_TEST

START_TEST(a_server_may_go_and_come_back)
{
	struct stage *s = stage_connected();
	int fd = eventclient_fd(s->client);

	for (uint64_t round = 1; round <= 5; round++) {
		stage_send(s, CLOSE_A CLOSE_A "\n{\"Event\":1,\"UUID\"");
		stage_go(s);
		while (eventclient_connected(s->client))
			stage_step(s);
		ck_assert_uint_eq(stage_value(&s->stats->disconnects), round);
		ck_assert_uint_eq(s->events, 2 * round);
		ck_assert_uint_eq(stage_value(&s->stats->malformed), round);
		ck_assert_uint_eq(stage_value(&s->stats->blank), round);
		stage_step(s); /* finds nobody */
		stage_listen(s, 1);
		stage_await(s);
		ck_assert_uint_eq(stage_value(&s->stats->connects), round + 1);
		ck_assert_int_eq(eventclient_fd(s->client), fd);
	}
	stage_send(s, CLOSE_A); /* a fresh line: nothing of the cut one is left */
	stage_settle(s);
	ck_assert_uint_eq(s->events, 11);
	stage_free(s);
}
END_TEST

START_TEST(what_came_before_a_hang_up_is_read)
{
	struct stage *s = stage_connected();

	for (int i = 0; i < 100; i++)
		stage_send(s, CLOSE_A);
	stage_hang_up(s);
	stage_settle(s);
	ck_assert_uint_eq(s->events, 100);
	ck_assert_uint_eq(stage_value(&s->stats->lines), 100);
	ck_assert_uint_eq(stage_value(&s->stats->disconnects), 1);
	stage_free(s);
}
END_TEST

START_TEST(a_full_backlog_is_waited_for)
{
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));
	struct sockaddr_un a = stage_address(s->path);
	int others[16], n = 0;

	stage_listen(s, 0);
	for (;; n++) {
		ck_assert_int_lt(n, 16);
		others[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ck_assert_int_ge(others[n], 0);
		if (connect(others[n], (const struct sockaddr *)&a, sizeof(a)) != 0)
			break;
	}
	ck_assert_int_eq(errno, EAGAIN);
	stage_begin(s);
	stage_step(s);
	stage_step(s);
	ck_assert(!eventclient_connected(s->client));
	for (int i = 0; i < n; i++)
		(void)close(accept(s->listener, NULL, NULL));
	stage_await(s);
	stage_send(s, CLOSE_A);
	stage_settle(s);
	ck_assert_uint_eq(s->events, 1);
	for (int i = 0; i <= n; i++)
		(void)close(others[i]);
	stage_free(s);
}
END_TEST

/* The client's timer: the one descriptor of this process that is one. */
static int timer_of_client(void)
{
	struct itimerspec left;
	int found = -1;

	for (int fd = 0; fd < 64; fd++) {
		if (timerfd_gettime(fd, &left) == 0) {
			ck_assert_int_eq(found, -1);
			found = fd;
		}
	}
	ck_assert_int_ge(found, 0);
	return found;
}

static int64_t timer_left_ns(int timer)
{
	struct itimerspec left;

	ck_assert_int_eq(timerfd_gettime(timer, &left), 0);
	ck_assert_int_eq(left.it_interval.tv_sec, 0);
	ck_assert_int_eq(left.it_interval.tv_nsec, 0);
	return left.it_value.tv_sec * CLK_SECOND_NS + left.it_value.tv_nsec;
}

/* The client waits for wait_ms, counted from since or later: neither more nor less. */
static void check_wait(struct stage *s, int64_t since_ns, int wait_ms)
{
	ck_assert_int_le(timer_left_ns(timer_of_client()), wait_ms * INT64_C(1000000));
	ck_assert(stage_readable(s, STAGE_DEADLINE_MS));
	ck_assert_int_ge(clk_mono().ns - since_ns, wait_ms * INT64_C(1000000));
}

START_TEST(attempts_are_made_at_growing_distances_up_to_a_second)
{
	static const int waits_ms[] = {10, 20, 40, 80, 160, 320, 640, 1000};
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));
	int64_t since_ns = clk_mono().ns;

	stage_begin(s);
	for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		check_wait(s, since_ns, waits_ms[i]);
		since_ns = clk_mono().ns;
		if (waits_ms[i] == 1000)
			stage_listen(s, 1);
		eventclient_run(s->client);
	}
	stage_accept(s);
	ck_assert_int_eq(timer_left_ns(timer_of_client()), 0); /* no attempt while connected */
	stage_send(s, CLOSE_A);
	since_ns = clk_mono().ns;
	stage_hang_up(s);
	stage_settle(s);
	check_wait(s, since_ns, 10); /* an event came: from the start */
	stage_free(s);
}
END_TEST

START_TEST(one_who_greets_and_hangs_up_is_asked_ever_more_rarely)
{
	struct stage *s = stage_connected();

	stage_send(s, CLOSE_A); /* what one connection brought does not count for the next */
	stage_hang_up(s);
	stage_settle(s);
	stage_await(s);
	for (int wait_ms = 20; wait_ms <= 160; wait_ms *= 2) {
		int64_t since_ns = clk_mono().ns;

		stage_send(s, "HTTP/1.1 400 Bad Request\r\n\r\n");
		stage_hang_up(s);
		stage_settle(s);
		check_wait(s, since_ns, wait_ms);
		stage_await(s);
	}
	ck_assert_uint_eq(stage_value(&s->stats->malformed), 4);
	ck_assert_uint_eq(stage_value(&s->stats->blank), 4);
	stage_free(s);
}
END_TEST

static void no_event(const struct event *e, void *arg)
{
	(void)arg;
	ck_abort_msg("an event out of nowhere: %s", e->uuid);
}

START_TEST(paths_have_a_legal_length)
{
	char name[256], *path;
	struct eventclient *c = NULL;
	struct stage *s;
	size_t room;

	ck_assert_int_eq(chdir(tempdir_new()), 0);
	memset(name, 'x', sizeof(name));
	name[108] = '\0';
	ck_assert_int_eq(eventclient_new(name, no_event, NULL, &c), -ENAMETOOLONG);
	ck_assert_int_eq(eventclient_new("", no_event, NULL, &c), -EINVAL);
	ck_assert_ptr_null(c);
	name[107] = '\0';
	s = stage_at(name);
	stage_listen(s, 1);
	stage_begin(s);
	ck_assert(eventclient_connected(s->client));
	stage_free(s);
	path = realpath(name, NULL);
	room = strlen(path);
	ck_assert_uint_gt(room, 107);
	ck_assert_int_eq(eventclient_new(path, no_event, NULL, &c), -ENAMETOOLONG);
	free(path);
	eventclient_free(NULL);
}
END_TEST

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(no_descriptor_is_left_behind_and_none_is_inherited)
{
	int before = descriptors(), first = dup(0);
	struct stage *s;

	(void)close(first); /* the lowest free one */
	s = stage_connected();
	for (int i = 0; i < 10; i++) {
		stage_send(s, CLOSE_A);
		stage_hang_up(s);
		stage_settle(s);
		stage_await(s);
	}
	ck_assert_int_eq(descriptors(), before + 5); /* ours: 2; epoll, timer, socket */
	for (int fd = first; fd < 256; fd++)
		if (fd != s->listener && fd != s->peer && fcntl(fd, F_GETFD) >= 0 && fd < first + 5)
			ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	stage_free(s);
	ck_assert_int_eq(descriptors(), before);
}
END_TEST

START_TEST(its_descriptor_works_inside_another_epoll)
{
	struct stage *s = stage_at(tempdir_path(tempdir_new(), "events"));
	struct epoll_event e = {.events = EPOLLIN};
	int outer = epoll_create1(0);

	stage_begin(s);
	ck_assert_int_eq(epoll_ctl(outer, EPOLL_CTL_ADD, eventclient_fd(s->client), &e), 0);
	ck_assert_int_eq(epoll_wait(outer, &e, 1, STAGE_DEADLINE_MS), 1); /* the timer */
	stage_listen(s, 1);
	eventclient_run(s->client);
	stage_accept(s);
	ck_assert_int_eq(epoll_wait(outer, &e, 1, 0), 0);
	stage_send(s, CLOSE_A CLOSE_A);
	ck_assert_int_eq(epoll_wait(outer, &e, 1, 0), 1);
	eventclient_run(s->client);
	ck_assert_uint_eq(s->events, 2);
	ck_assert_int_eq(epoll_wait(outer, &e, 1, 0), 0);
	stage_hang_up(s);
	ck_assert_int_eq(epoll_wait(outer, &e, 1, 0), 1);
	(void)close(outer);
	stage_free(s);
}
END_TEST

/* ---- the stop ---- */

START_TEST(a_drain_reads_all_that_has_arrived_and_waits_for_nothing)
{
	struct stage *s = stage_connected();
	uint64_t sent = 0;

	eventclient_drain(s->client); /* nothing there */
	while (send(s->peer, CLOSE_A, strlen(CLOSE_A), 0) > 0)
		sent++;
	eventclient_drain(s->client);
	stage_check_sum(s);
	ck_assert_uint_eq(s->events, sent);
	stage_send(s, CLOSE_A "{\"Event\":1");
	eventclient_drain(s->client);
	ck_assert_uint_eq(s->events, sent + 1);
	ck_assert_uint_eq(
	    stage_value(&s->stats->lines), sent + 1); /* the other has not ended yet */
	stage_send(s, ",\"UUID\":\"b\"}\n{");
	stage_hang_up(s);
	eventclient_drain(s->client);
	stage_check_sum(s);
	ck_assert_str_eq(s->last, "b");
	ck_assert_uint_eq(stage_value(&s->stats->malformed), 1);
	ck_assert(!eventclient_connected(s->client));
	eventclient_drain(s->client); /* nobody there */
	stage_free(s);
}
END_TEST

START_TEST(a_drain_ends_although_the_server_does_not)
{
	struct stage *s = stage_connected();

	for (int i = 0; i < 20; i++) /* these fit, so that the client does not run yet */
		quick_assert(send(s->peer, CLOSE_A, strlen(CLOSE_A), 0) > 0);
	s->answers = 1000000; /* each event makes the server write one more */
	eventclient_drain(s->client);
	ck_assert_uint_gt(s->answers, 0);
	ck_assert(stage_readable(s, 0));
	ck_assert_uint_ge(s->events * strlen(CLOSE_A), 4u << 20);
	ck_assert_uint_le(s->events * strlen(CLOSE_A), (4u << 20) + 2 * EVENTCLIENT_MAX_LINE_BYTES);
	stage_free(s);
}
END_TEST

START_TEST(a_client_may_be_freed_at_any_moment)
{
	struct stage *s = stage_connected();

	stage_send(s, "{\"Event\":1");
	stage_settle(s);
	stage_send(s, CLOSE_A);
	stage_free(s); /* in the middle of a line, another unread */
	s = stage_connected();
	stage_go(s);
	stage_settle(s);
	stage_free(s); /* during an outage */
}
END_TEST

/* ---- talk ---- */

/* What goes to the standard error until the next call, which gives it as text. */
static char *capture_talk(const char *path)
{
	static int saved = -1;
	size_t len;
	int fd;

	if (saved < 0) {
		saved = dup(STDERR_FILENO);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		quick_assert(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
		(void)close(fd);
		return NULL;
	}
	quick_assert(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	saved = -1;
	return (char *)tempdir_read(path, &len);
}

static int occurrences(const char *text, const char *words)
{
	int n = 0;

	for (; (text = strstr(text, words)) != NULL; text += strlen(words))
		n++;
	return n;
}

START_TEST(an_outage_is_told_of_once_and_names_are_made_harmless)
{
	const char *dir = tempdir_new();
	const char *path = tempdir_path(dir, "a\033[31m\nb"), *log = tempdir_path(dir, "log");
	struct stage *s = stage_at(path);
	char *text;

	log_set_level(LOG_INFO);
	(void)capture_talk(log);
	stage_begin(s);
	for (int i = 0; i < 4; i++)
		stage_step(s);
	for (int round = 0; round < 3; round++) {
		stage_listen(s, 1);
		stage_await(s);
		stage_send(s, CLOSE_A "x\n\n");
		stage_go(s);
		stage_settle(s);
		stage_step(s);
		stage_step(s);
	}
	text = capture_talk(log);
	ck_assert_int_eq(occurrences(text, "\n"), 7);
	ck_assert_int_eq(occurrences(text, "does not answer"), 1);
	ck_assert_int_eq(occurrences(text, "No such file or directory"), 1);
	ck_assert_int_eq(occurrences(text, "events: event server connected: '"), 3);
	ck_assert_int_eq(occurrences(text, "a\\x1b[31m\\x0ab' is gone; reconnecting; continuing "
					   "without new names\n"),
	    3);
	ck_assert_int_eq(occurrences(text, "warning: "), 4);
	ck_assert_int_eq(occurrences(text, "\033"), 0);
	free(text);
	stage_free(s);
}
END_TEST

START_TEST(a_server_that_comes_and_goes_does_not_fill_the_log)
{
	const char *log = tempdir_path(tempdir_new(), "log");
	struct stage *s = stage_connected();
	int64_t since_ns, lines;
	char *text;

	log_set_level(LOG_INFO);
	(void)capture_talk(log);
	since_ns = clk_mono().ns;
	for (int i = 0; i < 60; i++) {
		stage_send(s, CLOSE_A);
		stage_hang_up(s);
		stage_settle(s);
		stage_await(s);
	}
	text = capture_talk(log);
	lines = occurrences(text, "\n");
	ck_assert_int_ge(lines, 18);
	ck_assert_int_le(lines, 20 + (clk_mono().ns - since_ns) / (10 * CLK_SECOND_NS) + 1);
	ck_assert_uint_eq(stage_value(&s->stats->disconnects), 60); /* counted all the same */
	free(text);
	stage_free(s);
}
END_TEST

/* ---- threads ---- */

struct reader {
	const struct eventclient *client;
	atomic_bool stop;
	uint64_t seen;
};

static void *read_statistics(void *arg)
{
	struct reader *r = arg;
	const struct eventclient_stats *t = eventclient_stats(r->client);

	while (!atomic_load(&r->stop)) {
		uint64_t lines = stage_value(&t->lines);

		quick_assert(lines >= r->seen); /* never backwards */
		r->seen = lines;
		(void)eventclient_connected(r->client);
	}
	r->seen = stage_value(&t->lines);
	return NULL;
}

START_TEST(other_threads_may_read_the_statistics)
{
	struct stage *s = stage_connected();
	struct reader r = {.client = s->client};
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, read_statistics, &r), 0);
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 50; j++)
			stage_send(s, CLOSE_A "\nx\n");
		stage_hang_up(s);
		stage_settle(s);
		stage_await(s);
	}
	atomic_store(&r.stop, true);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_uint_eq(r.seen, 3000);
	stage_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("eventclient");
	TCase *t = tcase_create("eventclient");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, a_server_that_is_there_is_connected_at_once);
	tcase_add_test(t, a_server_that_comes_later_is_found);
	tcase_add_test(t, a_server_may_go_and_come_back);
	tcase_add_test(t, what_came_before_a_hang_up_is_read);
	tcase_add_test(t, a_full_backlog_is_waited_for);
	tcase_add_test(t, attempts_are_made_at_growing_distances_up_to_a_second);
	tcase_add_test(t, one_who_greets_and_hangs_up_is_asked_ever_more_rarely);
	tcase_add_test(t, paths_have_a_legal_length);
	tcase_add_test(t, no_descriptor_is_left_behind_and_none_is_inherited);
	tcase_add_test(t, its_descriptor_works_inside_another_epoll);
	tcase_add_test(t, a_drain_reads_all_that_has_arrived_and_waits_for_nothing);
	tcase_add_test(t, a_drain_ends_although_the_server_does_not);
	tcase_add_test(t, a_client_may_be_freed_at_any_moment);
	tcase_add_test(t, an_outage_is_told_of_once_and_names_are_made_harmless);
	tcase_add_test(t, a_server_that_comes_and_goes_does_not_fill_the_log);
	tcase_add_test(t, other_threads_may_read_the_statistics);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
