/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A day of the daemon in the sandbox: captures, archive, metrics, events, threads and timers work
 * inside as they do outside, and not one call is refused.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <microhttpd.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/thread.h"
#include "cmd/privileges.h"
#include "cmd/sandboxed.h"
#include "support/saverig.h"
#include "support/tempdir.h"

static bool own_network; /* this process has one, with lo up and the right to capture there */

/* A network of our own, so that nobody is disturbed and nobody disturbs. */
static void make_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	(void)close(fd);
	own_network = true;
}

static void send_datagram(void)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	(void)close(fd);
}

static void count_packet(u_char *arg, const struct pcap_pkthdr *header, const u_char *bytes)
{
	(void)header;
	(void)bytes;
	++*(unsigned *)(void *)arg;
}

/* libpcap opens an interface with its ring, filters, waits in epoll, reads, counts, closes. */
static void capture(const char *interface)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(interface, error);
	int e = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	struct bpf_program program;
	struct pcap_stat stats;
	unsigned packets = 0;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(pcap_set_snaplen(p, 262144), 0);
	ck_assert_int_eq(pcap_set_promisc(p, strcmp(interface, "any") != 0), 0);
	ck_assert_int_eq(pcap_set_timeout(p, 10), 0);
	ck_assert_int_eq(pcap_set_buffer_size(p, 4 << 20), 0);
	ck_assert_int_eq(pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO), 0);
	ck_assert_msg(pcap_activate(p) >= 0, "%s: %s", interface, pcap_geterr(p));
	ck_assert_int_eq(pcap_setnonblock(p, 1, error), 0);
	ck_assert_int_eq(pcap_compile(p, &program, "udp port 9", 1, PCAP_NETMASK_UNKNOWN), 0);
	ck_assert_int_eq(pcap_setfilter(p, &program), 0);
	pcap_freecode(&program);
	ck_assert_int_eq(epoll_ctl(e, EPOLL_CTL_ADD, pcap_get_selectable_fd(p), &event), 0);
	send_datagram();
	while (packets == 0) {
		ck_assert_int_ge(epoll_wait(e, &event, 1, -1), 0);
		ck_assert_int_ge(pcap_dispatch(p, -1, count_packet, (u_char *)&packets), 0);
	}
	ck_assert_int_eq(pcap_stats(p, &stats), 0);
	(void)pcap_datalink(p);
	pcap_close(p);
	(void)close(e);
}

/* The addresses of this host, and word of their changes. */
static void watch_addresses(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct ifaddrs *list;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &(int){1}, sizeof(int)), 0);
	ck_assert_int_eq(getifaddrs(&list), 0);
	freeifaddrs(list);
	ck_assert_uint_ne(if_nametoindex("lo"), 0);
	(void)close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC); /* libnl's */
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

/* Savers, store, catalog, day index: a flow that is staged, and one written in one go. */
static void archive_flows(void)
{
	struct saverig rig;
	struct saverig_flow staged, whole;
	struct record row;

	saverig_start(&rig, NULL, 2, "zlib:1", SYNC_GROUP);
	saverig_flow_begin(&rig, &staged, 1, INT64_C(1767323045000000000));
	saverig_packets(&rig, &staged, 200, 1000);
	saverig_flush(&rig, &staged);
	saverig_packets(&rig, &staged, 200, 1000);
	saverig_end(&rig, &staged, END_FIN);
	saverig_flow_begin(&rig, &whole, 2, INT64_C(1767323046000000000));
	saverig_packets(&rig, &whole, 3, 10);
	saverig_end(&rig, &whole, END_FIN);
	saverig_stop(&rig);
	(void)saverig_check(&rig, &staged, &row);
	(void)saverig_check(&rig, &whole, &row);
	saverig_close(&rig);
	saverig_flow_free(&staged);
	saverig_flow_free(&whole);
}

static void handle_files(void)
{
	const char *dir = tempdir_new();
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int d = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC), fd;

	ck_assert_int_ge(d, 0);
	ck_assert_int_eq(fileio_mkdirs(d, "2026/01/02", 0750), 0);
	ck_assert_int_eq(fileio_replace(d, ".dirty", "2026/01/02\n", 0640), 0);
	fd = openat(d, "a", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536), 0);
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(syncfs(fd), 0);
	ck_assert_int_eq(renameat2(d, "a", d, "b", RENAME_NOREPLACE), 0);
	ck_assert_int_eq(linkat(d, "b", d, "c", 0), 0);
	ck_assert_int_eq(unlinkat(d, "b", 0), 0);
	ck_assert_uint_eq(tempdir_count(dir), 3);
	(void)close(fd);
	(void)close(d);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **state)
{
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(3, (void *)(uintptr_t) "ok\n", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rv = MHD_queue_response(c, MHD_HTTP_OK, r);

	(void)arg, (void)url, (void)method, (void)version, (void)data, (void)len, (void)state;
	MHD_destroy_response(r);
	return rv;
}

/* A server with a thread of its own answers a request. */
static void serve_metrics(unsigned flags)
{
	struct sockaddr_in here = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	struct MHD_Daemon *m =
	    MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | flags, 0, NULL, NULL, answer, NULL,
		MHD_OPTION_SOCK_ADDR, &here, MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
	const union MHD_DaemonInfo *info;
	char got[1024];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(m);
	ck_assert_int_ge(fd, 0);
	info = MHD_get_daemon_info(m, MHD_DAEMON_INFO_BIND_PORT);
	here.sin_port = htons(info->port);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	ck_assert_int_eq(fileio_write(fd, request, sizeof(request) - 1), 0);
	n = fileio_read(fd, got, sizeof(got) - 1);
	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	ck_assert_ptr_nonnull(strstr(got, " 200 OK"));
	ck_assert_ptr_nonnull(strstr(got, "ok\n"));
	(void)close(fd);
	MHD_stop_daemon(m);
}

/* The event server is looked for, and the manager told. */
static void talk_to_neighbours(void)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	const char *path = tempdir_path(tempdir_new(), "socket");
	int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), client;

	(void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&where, sizeof(where)), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), 0);
	(void)close(server);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(client, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&where, sizeof(where)), -1);
	ck_assert_int_ne(errno, EPERM); /* nobody listens, but we may ask */
	(void)close(client);
}

static void *post(void *arg)
{
	const struct timespec moment = {.tv_nsec = 1000};
	uint64_t one = 1;

	(void)nanosleep(&moment, NULL);
	(void)fileio_write(*(int *)arg, &one, sizeof(one));
	return NULL;
}

/* A thread, a wake-up, the ticker, signals by descriptor, and a signal to ourselves. */
static void run_loop(void)
{
	int wake = eventfd(0, EFD_CLOEXEC), tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec in = {.it_value.tv_nsec = 1000};
	struct signalfd_siginfo info;
	sigset_t set;
	pthread_t t;
	uint64_t n;
	int signals;

	ck_assert_int_eq(thread_start("fk-test", post, &wake, &t), 0);
	ck_assert_int_eq(fileio_read(wake, &n, sizeof(n)), sizeof(n));
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_eq(timerfd_settime(tick, 0, &in, NULL), 0);
	ck_assert_int_eq(fileio_read(tick, &n, sizeof(n)), sizeof(n));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	ck_assert_int_eq(raise(SIGUSR2), 0);
	ck_assert_int_eq(kill(getpid(), SIGUSR2), 0);
	ck_assert_int_eq(fileio_read(signals, &info, sizeof(info)), sizeof(info));
	(void)close(wake);
	(void)close(tick);
	(void)close(signals);
}

static void ask_around(void)
{
	struct rlimit limit;
	struct rusage usage;
	time_t now = time(NULL);
	struct tm tm;
	void *big = malloc(1 << 24); /* by mmap(2) */

	ck_assert_ptr_nonnull(big);
	big = realloc(big, 1 << 25);
	ck_assert_ptr_nonnull(big);
	free(big);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	ck_assert_ptr_nonnull(localtime_r(&now, &tm));
	ck_assert_int_gt(sysconf(_SC_NPROCESSORS_ONLN), 0);
	ck_assert_int_gt(thread_cores(), 0);
	(void)isatty(STDERR_FILENO);
	log_debug("test", "not shown");
}

/* All kinds of devices are looked for; a kind that we may not ask for is no failure. */
static void list_interfaces(void)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_if_t *list = NULL;

	ck_assert_msg(pcap_findalldevs(&list, error) == 0, "%s", error);
	ck_assert_ptr_nonnull(list);
	pcap_freealldevs(list);
}

static void live_a_day(void)
{
	if (own_network) {
		list_interfaces();
		capture("lo");
		capture("any");
		serve_metrics(MHD_USE_AUTO);
		serve_metrics(MHD_USE_POLL);
		serve_metrics(0); /* select(2) */
	}
	watch_addresses();
	archive_flows();
	handle_files();
	talk_to_neighbours();
	run_loop();
	ask_around();
}

START_TEST(a_day_of_the_daemon_goes_on_inside_and_no_call_is_refused)
{
	make_network();
	if (!own_network)
		puts("skipped in part: captures need root or a user namespace");
	live_a_day();
	if (own_network)
		ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), 0);
	sandboxed_enter();
	live_a_day();
	sandboxed_check_nothing_denied();
	sandboxed_leave();
}
END_TEST

START_TEST(a_day_that_begins_inside_goes_on_as_well)
{
	make_network(); /* no library was warmed up outside: nothing is loaded late */
	sandboxed_enter();
	live_a_day();
	sandboxed_check_nothing_denied();
	sandboxed_leave();
}
END_TEST

START_TEST(a_thread_gets_its_name_inside)
{
	char name[16] = "";
	int wake = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	pthread_t t;

	sandboxed_enter();
	ck_assert_int_eq(prctl(PR_SET_NAME, "fk-main"), 0);
	ck_assert_int_eq(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
	ck_assert_str_eq(name, "fk-main");
	ck_assert_int_eq(thread_start("fk-other", post, &wake, &t), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	sandboxed_check_nothing_denied();
	sandboxed_leave();
}
END_TEST

int main(void)
{
	Suite *s;
	TCase *c;

	if (SANDBOXED_SKIP) {
		puts("skipped: the runtime of a sanitizer makes calls that the sandbox refuses");
		return 77;
	}
	s = suite_create("sandbox_day");
	c = tcase_create("day");
	tcase_add_unchecked_fixture(c, tempdir_setup, tempdir_teardown);
	tcase_add_exit_test(
	    c, a_day_of_the_daemon_goes_on_inside_and_no_call_is_refused, SANDBOXED_END);
	tcase_add_exit_test(c, a_day_that_begins_inside_goes_on_as_well, SANDBOXED_END);
	tcase_add_exit_test(c, a_thread_gets_its_name_inside, SANDBOXED_END);
	suite_add_tcase(s, c);
	return sandboxed_run(s);
}
