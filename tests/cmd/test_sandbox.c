/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the filter of system calls: what the daemon does not do is refused and counted, or
 * kills. What it does is in test_sandbox_day.c.
 *
 * What is forbidden gets arguments that the kernel would turn down anyway: were there no filter,
 * the test would fail and the machine stay as it is.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"
#include "cmd/sandboxed.h"

#define BAD ((long)1) /* a pointer to nowhere, EFAULT */

struct call {
	const char *what;
	long number, arg[6];
};

static const struct call refused[] = {{"chroot", SYS_chroot, {BAD}},
    {"settimeofday", SYS_settimeofday, {BAD, BAD}}, {"clock_settime", SYS_clock_settime, {0, BAD}},
    {"adjtimex", SYS_adjtimex, {BAD}}, {"sethostname", SYS_sethostname, {BAD, 5}},
    {"setdomainname", SYS_setdomainname, {BAD, 5}}, {"personality", SYS_personality, {0xffffffff}},
    {"setuid", SYS_setuid, {-1}}, {"setresuid", SYS_setresuid, {-1, -1, -1}},
    {"setgroups", SYS_setgroups, {1, BAD}}, {"capset", SYS_capset, {BAD, BAD}},
    {"syslog", SYS_syslog, {10}}, {"memfd_create", SYS_memfd_create, {BAD, 0}},
    {"io_uring_setup", SYS_io_uring_setup, {1, BAD}}, {"seccomp", SYS_seccomp, {99, 0, 0}},
    {"symlinkat", SYS_symlinkat, {BAD, AT_FDCWD, BAD}},
    {"mknodat", SYS_mknodat, {AT_FDCWD, BAD, S_IFCHR, 0}},
    {"fchownat", SYS_fchownat, {AT_FDCWD, BAD, 0, 0, 0}}, {"setxattr", SYS_setxattr, {BAD}},
    {"shmget", SYS_shmget, {0, 0, 0}}, {"inotify_init1", SYS_inotify_init1, {-1}},
    {"setpriority", SYS_setpriority, {-1, 0, 0}}, {"setsid", SYS_setsid, {0}},
    {"sched_setaffinity", SYS_sched_setaffinity, {0, 0, BAD}},
    {"fork", SYS_clone, {SIGCHLD | CLONE_NEWUSER | CLONE_FS}}, /* EINVAL, clone(2) */
    {"a thread in a name space of its own", SYS_clone,
	{CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID}},
    {"a signal to init", SYS_kill, {1, 0}}, {"a signal to all", SYS_kill, {-1, 0}},
    {"a signal to a thread of init", SYS_tgkill, {1, 1, 0}},
    {"vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}}, {"CAN", SYS_socket, {AF_CAN, SOCK_RAW, 0}},
    {"raw IP", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_TCP}},
    {"raw IP with flags", SYS_socket, {AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP}},
    {"netlink of the audit", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}},
    {"a family in the upper half", SYS_socket, {AF_UNIX | 1L << 32, SOCK_STREAM, 0}},
    {"ip options", SYS_setsockopt, {-1, IPPROTO_IP, 1, BAD, 4}},
    {"interface flags", SYS_ioctl, {-1, SIOCSIFFLAGS, BAD}},
    {"typing for others", SYS_ioctl, {-1, TIOCSTI, BAD}},
    {"memory to execute", SYS_mmap,
	{0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"memory made executable", SYS_mprotect, {0, 4096, PROT_EXEC}},
    {"memory under a key", SYS_pkey_mprotect, {0, 4096, PROT_EXEC, -1}},
    {"a limit", SYS_prlimit64, {0, RLIMIT_NOFILE, BAD, 0}},
    {"another filter", SYS_prctl, {PR_SET_SECCOMP, 0, 0}},
    {"to be dumpable", SYS_prctl, {PR_SET_DUMPABLE, 99}},
    {"a call that does not exist", 10000, {0}}};

static const struct call deadly[] = {
    {"execve", SYS_execve, {BAD, BAD, BAD}}, {"execveat", SYS_execveat, {-1, BAD, BAD, BAD}},
    {"ptrace", SYS_ptrace, {-1, 0}}, {"process_vm_readv", SYS_process_vm_readv, {-1}},
    {"process_vm_writev", SYS_process_vm_writev, {-1}}, {"mount", SYS_mount, {BAD, BAD, BAD}},
    {"umount2", SYS_umount2, {BAD}}, {"pivot_root", SYS_pivot_root, {BAD, BAD}},
    {"move_mount", SYS_move_mount, {-1, BAD, -1, BAD}}, {"open_tree", SYS_open_tree, {-1, BAD}},
    {"fsopen", SYS_fsopen, {BAD}}, {"fsconfig", SYS_fsconfig, {-1}}, {"fsmount", SYS_fsmount, {-1}},
    {"fspick", SYS_fspick, {-1, BAD}}, {"bpf", SYS_bpf, {-1, BAD, 0}},
    {"perf_event_open", SYS_perf_event_open, {BAD, 0, -1, -1}},
    {"userfaultfd", SYS_userfaultfd, {-1}}, {"init_module", SYS_init_module, {BAD, 1, BAD}},
    {"finit_module", SYS_finit_module, {-1, BAD, 0}},
    {"delete_module", SYS_delete_module, {BAD, 0}}, {"kexec_load", SYS_kexec_load, {0, -1, BAD}},
    {"reboot", SYS_reboot, {0, 0, 0, 0}}, {"unshare", SYS_unshare, {-1}},
    {"setns", SYS_setns, {-1, 0}}, {"add_key", SYS_add_key, {BAD, BAD}},
    {"request_key", SYS_request_key, {BAD, BAD}}, {"keyctl", SYS_keyctl, {-1}},
    {"swapon", SYS_swapon, {BAD}}, {"swapoff", SYS_swapoff, {BAD}}, {"acct", SYS_acct, {BAD}},
#ifdef __x86_64__
    {"iopl", SYS_iopl, {99}}, {"ioperm", SYS_ioperm, {-1, 0, 0}},
    {"a call of x32", 0x40000000 | SYS_getpid, {0}}, /* asm/unistd.h, __X32_SYSCALL_BIT */
#endif
};

static long make(const struct call *c)
{
	return syscall(c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

START_TEST(a_call_that_the_daemon_never_makes_is_refused_and_counted)
{
	const struct call *c = &refused[_i];

	sandboxed_enter();
	ck_assert_msg(make(c) == -1 && errno == EPERM, "%s: %s", c->what, strerror(errno));
	ck_assert_msg(sandbox_denied() == 1, "%s", c->what);
	ck_assert_int_eq(sandbox_first_denied(), c->number);
	(void)make(c);
	ck_assert_uint_eq(sandbox_denied(), 2);
	sandboxed_leave();
}
END_TEST

START_TEST(a_call_that_leads_out_kills)
{
	const struct call *c = &deadly[_i];

	sandboxed_enter();
	(void)make(c);
	ck_abort_msg("%s is survived", c->what);
}
END_TEST

START_TEST(a_program_cannot_be_started_in_any_way)
{
	sandboxed_enter();
	(void)system("true"); /* libc blocks all signals and makes a process */
	ck_abort_msg("system(3) is survived");
}
END_TEST

START_TEST(the_first_refused_call_is_remembered_by_number_and_name)
{
	char name[32], little[4];

	sandboxed_enter();
	ck_assert_int_eq(syscall(SYS_sethostname, BAD, 1), -1);
	ck_assert_int_eq(syscall(SYS_chroot, BAD), -1);
	ck_assert_uint_eq(sandbox_denied(), 2);
	ck_assert_int_eq(sandbox_first_denied(), SYS_sethostname);
	ck_assert_str_eq(sandbox_call_name(SYS_sethostname, name, sizeof(name)), "sethostname");
	ck_assert_str_eq(sandbox_call_name(10000, name, sizeof(name)), "call 10000");
	ck_assert_str_eq(sandbox_call_name(SYS_sethostname, little, sizeof(little)), "set");
	sandboxed_leave();
}
END_TEST

enum { THREADS = 4, CALLS = 2000 };

static void *insist(void *arg)
{
	atomic_uint *wrong = arg;

	for (int i = 0; i < CALLS; i++)
		if (syscall(SYS_chroot, BAD) != -1 || errno != EPERM)
			atomic_fetch_add(wrong, 1);
	return NULL;
}

START_TEST(threads_that_start_inside_are_refused_too_and_none_is_miscounted)
{
	pthread_t t[THREADS];
	atomic_uint wrong = 0;

	sandboxed_enter();
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(thread_start("fk-insist", insist, &wrong, &t[i]), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(sandbox_denied(), THREADS * CALLS);
	sandboxed_leave();
}
END_TEST

START_TEST(whoever_has_all_signals_blocked_is_refused_not_killed)
{
	sigset_t all;

	(void)sigfillset(&all); /* as a main that reads its signals from a descriptor */
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
	sandboxed_enter();
	ck_assert_int_eq(syscall(SYS_chroot, BAD), -1);
	ck_assert_uint_eq(sandbox_denied(), 1);
	sandboxed_leave();
}
END_TEST

START_TEST(the_signal_of_a_process_counts_as_nothing)
{
	sandboxed_enter();
	ck_assert_int_eq(raise(SIGSYS), 0);
	ck_assert_int_eq(kill(getpid(), SIGSYS), 0);
	sandboxed_check_nothing_denied();
	sandboxed_leave();
}
END_TEST

static void add_tests(TCase *c)
{
	tcase_add_loop_exit_test(c, a_call_that_the_daemon_never_makes_is_refused_and_counted,
	    SANDBOXED_END, 0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_loop_test_raise_signal(
	    c, a_call_that_leads_out_kills, SIGSYS, 0, (int)(sizeof(deadly) / sizeof(deadly[0])));
	tcase_add_test_raise_signal(c, a_program_cannot_be_started_in_any_way, SIGSYS);
	tcase_add_exit_test(
	    c, the_first_refused_call_is_remembered_by_number_and_name, SANDBOXED_END);
	tcase_add_exit_test(
	    c, threads_that_start_inside_are_refused_too_and_none_is_miscounted, SANDBOXED_END);
	tcase_add_exit_test(
	    c, whoever_has_all_signals_blocked_is_refused_not_killed, SANDBOXED_END);
	tcase_add_exit_test(c, the_signal_of_a_process_counts_as_nothing, SANDBOXED_END);
}

int main(void)
{
	Suite *s;
	TCase *c;

	if (SANDBOXED_SKIP) {
		puts("skipped: the runtime of a sanitizer makes calls that the sandbox refuses");
		return 77;
	}
	s = suite_create("sandbox");
	c = tcase_create("refused");
	add_tests(c);
	suite_add_tcase(s, c);
	return sandboxed_run(s);
}
