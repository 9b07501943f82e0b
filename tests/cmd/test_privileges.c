/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of giving up privileges. What is left is asked of system calls, not of /proc, which the
 * code under test asks; and of what works and what does not: packet sockets, files, ids.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"
#include "cmd/privileges.h"
#include "support/quick.h"
#include "support/tempdir.h"

/* Ids that no system gives to anybody. */
#define STRANGER      54321
#define STRANGER_TEXT "54321:54322"

struct held {
	uint64_t effective, permitted, inheritable;
	bool bounding, ambient; /* anything in them? */
};

static struct held held(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	struct held h = {0};

	if (syscall(SYS_capget, &header, data) != 0)
		abort(); /* no ck_assert: this is also asked before the tests run */
	h.effective = data[0].effective | (uint64_t)data[1].effective << 32;
	h.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	h.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	for (unsigned c = 0; c < 64; c++) {
		h.bounding |= prctl(PR_CAPBSET_READ, c, 0, 0, 0) > 0;
		h.ambient |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) > 0;
	}
	return h;
}

static void check_held(uint64_t want)
{
	struct held h = held();

	ck_assert_uint_eq(h.effective, want);
	ck_assert_uint_eq(h.permitted, want);
	ck_assert_uint_eq(h.inheritable, 0);
	ck_assert(!h.bounding);
	ck_assert(!h.ambient);
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
}

static void check_ids(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	ck_assert_int_eq(getresuid(&r, &e, &s), 0);
	ck_assert_int_eq(getresgid(&rg, &eg, &sg), 0);
	ck_assert(r == uid && e == uid && s == uid);
	ck_assert(rg == gid && eg == gid && sg == gid);
}

static struct privileges_user find(const char *name)
{
	struct privileges_user u;

	ck_assert_int_eq(privileges_find_user(name, &u), 0);
	return u;
}

/* A ring on lo as libpcap makes it, and promiscuous mode. Returns: 0; -errno of the first that
 * failed. */
static int open_ring(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), rv = 0;
	int version = TPACKET_V3;
	struct tpacket_req3 req = {.tp_block_size = 1 << 16,
	    .tp_block_nr = 4,
	    .tp_frame_size = 1 << 11,
	    .tp_frame_nr = 128,
	    .tp_retire_blk_tov = 10};
	struct packet_mreq promiscuous = {
	    .mr_ifindex = (int)if_nametoindex("lo"), .mr_type = PACKET_MR_PROMISC};
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = promiscuous.mr_ifindex};
	void *ring;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) != 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)))
		rv = -errno;
	ring = mmap(NULL, 4 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rv == 0 && ring == MAP_FAILED)
		rv = -errno;
	if (ring != MAP_FAILED)
		(void)munmap(ring, 4 << 16);
	(void)close(fd);
	return rv;
}

/* Make a file in a directory. Returns: 0; -errno. */
static int make_file(const char *dir)
{
	int fd = open(tempdir_path(dir, "file"), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

/* ---- looking up ------------------------------------------------------------------------------ */

START_TEST(a_user_is_found_by_name_and_by_number)
{
	struct privileges_user u = find("root");

	ck_assert_uint_eq(u.uid, 0);
	ck_assert_uint_eq(u.gid, 0);
	ck_assert_str_eq(u.name, "root");
	u = find("0");
	ck_assert_uint_eq(u.uid, 0);
	ck_assert_str_eq(u.name, "root");
}
END_TEST

START_TEST(a_pair_of_numbers_needs_no_name)
{
	struct privileges_user u = find(STRANGER_TEXT);

	ck_assert_uint_eq(u.uid, STRANGER);
	ck_assert_uint_eq(u.gid, STRANGER + 1);
	ck_assert_str_eq(u.name, "");
	u = find("4294967294:0");
	ck_assert_uint_eq(u.uid, UINT32_MAX - 1);
}
END_TEST

START_TEST(what_is_no_user_is_not_found)
{
	/* 4294967295 is (uid_t)-1: "leave it as it is" to the kernel. */
	static const char *const bad[] = {"", "no-such-user-here", "54321", "4294967295",
	    "4294967295:1", "1:4294967295", "4294967296:1", "-1", "-1:-1", "1:", ":1", ":", "1:2:3",
	    "0x1:1", " 1:1", "root:root", "00000000000000000000000000000001:1"};
	struct privileges_user u;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(privileges_find_user(bad[i], &u) == -ENOENT, "'%s'", bad[i]);
}
END_TEST

START_TEST(whoever_is_not_root_finds_nothing_foreign)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
	ck_assert(!privileges_foreign("/"));
	ck_assert(!privileges_foreign("."));
}
END_TEST

/* ---- as root --------------------------------------------------------------------------------- */

START_TEST(another_user_is_left_with_packet_sockets_alone)
{
	struct privileges_user u = find(STRANGER_TEXT);

	ck_assert_int_eq(setgroups(2, (gid_t[]){4, 27}), 0);
	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NET_RAW), 0);
	check_ids(STRANGER, STRANGER + 1);
	ck_assert_int_eq(getgroups(0, NULL), 0);
	check_held(UINT64_C(1) << CAP_NET_RAW);
	ck_assert_int_eq(open_ring(), 0);
	ck_assert_int_eq(setresuid(0, 0, 0), -1);
	ck_assert_int_eq(setgroups(0, NULL), -1);
}
END_TEST

START_TEST(another_user_may_be_left_with_nothing)
{
	struct privileges_user u = find(STRANGER_TEXT);

	ck_assert_int_eq(open_ring(), 0);
	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NOTHING), 0);
	check_ids(STRANGER, STRANGER + 1);
	check_held(0);
	ck_assert_int_eq(open_ring(), -EPERM);
}
END_TEST

START_TEST(a_user_with_a_name_has_the_groups_of_that_user)
{
	struct privileges_user u;
	gid_t groups[64], want[64];
	int n, n_want = 64;

	if (privileges_find_user("nobody", &u) != 0)
		return;
	ck_assert_int_ge(getgrouplist(u.name, u.gid, want, &n_want), 0);
	ck_assert_int_eq(setgroups(2, (gid_t[]){4, 27}), 0);
	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NET_RAW), 0);
	check_ids(u.uid, u.gid);
	n = getgroups(64, groups);
	ck_assert_int_eq(n, n_want);
	for (int i = 0; i < n; i++)
		ck_assert_uint_eq(groups[i], want[i]);
	ck_assert_int_eq(open_ring(), 0);
}
END_TEST

START_TEST(the_ring_that_was_open_before_stays)
{
	struct privileges_user u = find(STRANGER_TEXT);
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NOTHING), 0);
	ck_assert_int_eq(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len), 0);
	(void)close(fd);
}
END_TEST

START_TEST(root_that_stays_root_keeps_packet_sockets_alone)
{
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), 0);
	check_ids(0, 0);
	check_held(UINT64_C(1) << CAP_NET_RAW);
	ck_assert_int_eq(open_ring(), 0);
	/* Past libc, which would want each thread of a sanitizer to fail alike. */
	ck_assert_int_eq(syscall(SYS_setresuid, 1, 1, 1), -1);
}
END_TEST

START_TEST(root_by_name_is_root_that_stays_root)
{
	struct privileges_user u = find("root");

	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NOTHING), 0);
	check_ids(0, 0);
	check_held(0);
	ck_assert_int_eq(open_ring(), -EPERM);
}
END_TEST

START_TEST(root_needs_no_capability_for_an_archive_of_its_own)
{
	const char *dir = tempdir_new();

	ck_assert_int_eq(chmod(dir, 0750), 0);
	ck_assert(!privileges_foreign(dir));
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NOTHING), 0);
	ck_assert_int_eq(make_file(dir), 0);
}
END_TEST

/* A directory that nobody but the stranger may enter. */
static const char *foreign_dir(void)
{
	const char *dir = tempdir_new();

	ck_assert_int_eq(chmod(dir, 0750), 0);
	ck_assert_int_eq(chown(dir, STRANGER, STRANGER), 0);
	return dir;
}

START_TEST(root_writes_into_the_archive_of_another_user_only_where_that_is_kept)
{
	const char *dir = foreign_dir();

	ck_assert(privileges_foreign(dir));
	ck_assert(privileges_foreign(tempdir_path(dir, "not/there/yet")));
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW | PRIVILEGES_KEEP_FILES), 0);
	check_held(UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_DAC_OVERRIDE);
	ck_assert_int_eq(make_file(dir), 0);
}
END_TEST

START_TEST(root_without_it_does_not)
{
	const char *dir = foreign_dir();

	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), 0);
	ck_assert_int_eq(make_file(dir), -EACCES);
}
END_TEST

START_TEST(another_user_never_keeps_the_files_of_others)
{
	struct privileges_user u = find(STRANGER_TEXT);
	const char *dir = tempdir_new();

	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NET_RAW | PRIVILEGES_KEEP_FILES), 0);
	check_held(UINT64_C(1) << CAP_NET_RAW);
	ck_assert_int_eq(make_file(dir), -EACCES);
}
END_TEST

START_TEST(a_second_drop_takes_what_the_first_one_left)
{
	struct privileges_user u = find(STRANGER_TEXT);

	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NET_RAW), 0);
	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NET_RAW), 0); /* we are that user */
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NOTHING), 0);
	check_held(0);
	/* What is gone does not come back, nor does it pass for kept. */
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), -EPERM);
}
END_TEST

START_TEST(a_process_without_the_right_cannot_become_another_user)
{
	struct privileges_user u = find(STRANGER_TEXT), v = find("54323:54323");

	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NOTHING), 0);
	ck_assert_int_eq(privileges_drop(&v, PRIVILEGES_KEEP_NOTHING), -EPERM);
}
END_TEST

START_TEST(a_way_back_to_another_user_is_not_accepted)
{
	ck_assert_int_eq(setresuid(STRANGER, 0, 0), 0); /* as a set-user-ID program starts */
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), -EPERM);
	ck_assert_int_eq(setresuid(0, 0, 0), 0); /* or a leak checker could not attach at exit */
}
END_TEST

/* As a service manager starts us, systemd.exec(5): another user with one ambient capability. */
static void start_as_a_service(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const uint32_t bit = 1u << CAP_NET_RAW;
	struct __user_cap_data_struct data[2] = {
	    {.effective = bit, .permitted = bit, .inheritable = bit}};

	for (int c = 0; c < 64; c++)
		if (c != CAP_NET_RAW)
			(void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* not all of them exist */
	ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(STRANGER, STRANGER, STRANGER), 0);
	ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
	ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), 0);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
	ck_assert_int_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), 0);
}

START_TEST(a_service_keeps_its_capability_and_passes_it_on_to_nobody)
{
	struct held h;

	start_as_a_service();
	ck_assert(held().ambient);
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NET_RAW), 0);
	h = held();
	ck_assert_uint_eq(h.effective, UINT64_C(1) << CAP_NET_RAW);
	ck_assert_uint_eq(h.permitted, UINT64_C(1) << CAP_NET_RAW);
	ck_assert_uint_eq(h.inheritable, 0);
	ck_assert(!h.ambient);
	ck_assert(h.bounding); /* to clear it takes CAP_SETPCAP */
	ck_assert_int_eq(open_ring(), 0);
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NOTHING), 0);
	ck_assert_int_eq(open_ring(), -EPERM);
}
END_TEST

START_TEST(our_own_proc_stays_readable)
{
	struct privileges_user u = find(STRANGER_TEXT);
	int fd, linked;

	ck_assert_int_eq(privileges_drop(&u, PRIVILEGES_KEEP_NOTHING), 0);
	fd = open(
	    "/proc/thread-self/comm", O_RDWR | O_CLOEXEC); /* the names of threads are set there */
	ck_assert_int_ge(fd, 0);
	linked = faccessat(AT_FDCWD, "/proc/self/fd", X_OK, 0); /* and linkat(2) goes through */
	ck_assert_int_eq(linked, 0);
	(void)close(fd);
}
END_TEST

#if !QUICK_TSAN /* which has a thread of its own */
static void *wait_for_release(void *arg)
{
	(void)pthread_barrier_wait(arg);
	return NULL;
}

START_TEST(it_is_refused_once_threads_run)
{
	pthread_barrier_t release;
	pthread_t t;

	ck_assert_int_eq(pthread_barrier_init(&release, NULL, 2), 0);
	ck_assert_int_eq(thread_start("waits", wait_for_release, &release, &t), 0);
	ck_assert_int_eq(privileges_drop(NULL, PRIVILEGES_KEEP_NOTHING), -EBUSY);
	ck_assert_uint_ne(held().effective, 0); /* and nothing has changed */
	ck_assert(held().bounding);
	(void)pthread_barrier_wait(&release);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
}
END_TEST
#endif

static bool can_drop(void)
{
	struct held h = held();
	const uint64_t need = UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_SETUID |
			      UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_SETPCAP |
			      UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE;

	return geteuid() == 0 && (h.effective & need) == need;
}

static TCase *dropping(void)
{
	TCase *c = tcase_create("drop");

	tcase_add_unchecked_fixture(c, tempdir_setup, tempdir_teardown);
	tcase_add_test(c, another_user_is_left_with_packet_sockets_alone);
	tcase_add_test(c, another_user_may_be_left_with_nothing);
	tcase_add_test(c, a_user_with_a_name_has_the_groups_of_that_user);
	tcase_add_test(c, the_ring_that_was_open_before_stays);
	tcase_add_test(c, root_that_stays_root_keeps_packet_sockets_alone);
	tcase_add_test(c, root_by_name_is_root_that_stays_root);
	tcase_add_test(c, root_needs_no_capability_for_an_archive_of_its_own);
	tcase_add_test(c, root_writes_into_the_archive_of_another_user_only_where_that_is_kept);
	tcase_add_test(c, root_without_it_does_not);
	tcase_add_test(c, another_user_never_keeps_the_files_of_others);
	tcase_add_test(c, a_second_drop_takes_what_the_first_one_left);
	tcase_add_test(c, a_process_without_the_right_cannot_become_another_user);
	tcase_add_test(c, a_way_back_to_another_user_is_not_accepted);
	tcase_add_test(c, a_service_keeps_its_capability_and_passes_it_on_to_nobody);
	tcase_add_test(c, our_own_proc_stays_readable);
#if !QUICK_TSAN
	tcase_add_test(c, it_is_refused_once_threads_run);
#endif
	return c;
}

int main(void)
{
	Suite *s = suite_create("privileges");
	TCase *c = tcase_create("find");
	SRunner *r;
	int failed;

	tcase_add_test(c, a_user_is_found_by_name_and_by_number);
	tcase_add_test(c, a_pair_of_numbers_needs_no_name);
	tcase_add_test(c, what_is_no_user_is_not_found);
	tcase_add_test(c, whoever_is_not_root_finds_nothing_foreign);
	suite_add_tcase(s, c);
	if (can_drop())
		suite_add_tcase(s, dropping());
	else
		puts("skipped: dropping privileges needs root with its capabilities");
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
