/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See sandbox.h. The lists are names, not numbers: what an architecture lacks (aarch64 has openat,
 * but no open) or what libseccomp does not know yet is left out when the filter is made.
 *
 * Arguments are compared as 64 bits, as the kernel hands them to filters; a call whose upper half
 * says something else than its lower half, which the kernel would ignore, is not on the list.
 */
#include "cmd/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define REFUSE SCMP_ACT_TRAP
#else
#define REFUSE SCMP_ACT_ERRNO(EPERM)
#endif

/* si_code of a SIGSYS by a filter, include/uapi/asm-generic/siginfo.h; libc does not name it. */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

/* Linux 5.17, linux/prctl.h. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* New name spaces, clone(2): a thread that leaves ours is no thread of ours. */
#define NEW_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	    CLONE_NEWPID | CLONE_NEWNET)

/* Written by the handler of SIGSYS: lock-free, so a signal handler may. */
static _Atomic uint64_t denied;
static atomic_int first_denied = -1;
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "for a signal handler");

static const char *const allowed[] = {
    /* files: flow files, their staging, day indexes, /proc and /sys as libpcap reads them */
    "open", "openat", "creat", "close", "close_range", "read", "readv", "pread64", "preadv",
    "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "stat", "lstat",
    "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getcwd", "getdents64", "link", "linkat", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "truncate", "ftruncate",
    "fallocate", "fadvise64", "readahead", "fsync", "fdatasync", "sync_file_range", "syncfs",
    "flock", "fcntl", "dup", "dup2", "dup3", "utimensat", "fchmod", "fchown", "umask",
    "copy_file_range",
    /* memory; mmap and mprotect have arguments, see below */
    "brk", "munmap", "mremap", "madvise", "mincore", "msync", "membarrier",
    /* threads; clone has arguments, too */
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "getcpu", "exit", "exit_group", "restart_syscall",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
    "rt_sigsuspend", "sigaltstack", "signalfd4", "pause",
    /* waiting */
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe", "pipe2", "timerfd_create",
    "timerfd_settime", "timerfd_gettime", "nanosleep", "clock_nanosleep",
    /* the time, where the vDSO does not know it */
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times",
    /* sockets; socket, socketpair and setsockopt have arguments */
    "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname", "getpeername",
    "getsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "sendfile",
    /* who and where we are */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
    "getresgid", "getgroups", "capget", "getrandom", "getrusage", "uname", "sysinfo"};

/* None of these is ever a mistake, and each is a step out. */
static const char *const deadly[] = {
    /* other programs, other processes */
    "execve", "execveat", "uselib", "ptrace", "process_vm_readv", "process_vm_writev",
    "pidfd_getfd",
    /* what the file system is */
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr",
    "mount_setattr", "fsopen", "fsconfig", "fsmount", "fspick", "swapon", "swapoff", "quotactl",
    "quotactl_fd", "acct", "open_by_handle_at",
    /* the kernel */
    "bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module",
    "create_module", "kexec_load", "kexec_file_load", "reboot", "iopl", "ioperm", "modify_ldt",
    "lookup_dcookie",
    /* other name spaces, other people's keys */
    "unshare", "setns", "add_key", "request_key", "keyctl"};

/* What libpcap asks of interfaces, stdio of terminals, libmicrohttpd of sockets. */
static const unsigned long ioctls[] = {SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR,
    SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCETHTOOL,
    SIOCBONDINFOQUERY, FIONREAD, FIONBIO, TCGETS, TIOCGWINSZ};

static const int option_levels[] = {SOL_SOCKET, SOL_PACKET, SOL_NETLINK, IPPROTO_TCP, IPPROTO_IPV6};

/* PR_SET_VMA names memory, for the eyes of whoever reads our maps; newer libc's malloc does. */
static const int prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE};

/*
 * A refused call, on the thread that made it. The kernel has skipped it and left the registers as
 * they were: what the call returns is put where the thread will look for it. Errors of the kernel
 * are negative numbers there; libc makes errno of them.
 */
static void refused(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	int none = -1;

	(void)signal_number;
	if (info->si_code != SYS_SECCOMP)
		return; /* sent by a process: no call is waiting for its result */
#if defined(__x86_64__)
	c->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	c->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#else
	(void)c;
#endif
	/* Relaxed: numbers for the eyes of the operator, which order nothing else. */
	atomic_fetch_add_explicit(&denied, 1, memory_order_relaxed);
	(void)atomic_compare_exchange_strong_explicit(&first_denied, &none, info->si_syscall,
	    memory_order_relaxed, memory_order_relaxed); /* fails for all but the first */
}

static int take_sigsys(void)
{
	struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};
	sigset_t set;

	(void)sigfillset(&action.sa_mask); /* the handler is short: let nothing come between */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) != 0)
		return -errno;
	return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Returns: the call's number here; -1 where this architecture or this libseccomp lacks it. */
static int number_of(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number >= 0 ? number : -1; /* others that are negative: known elsewhere */
}

/* One rule; comparisons of arguments all have to hold. */
static int add(scmp_filter_ctx f, uint32_t action, const char *name, unsigned count,
    const struct scmp_arg_cmp *compare)
{
	int number = number_of(name);

	return number < 0 ? 0 : seccomp_rule_add_array(f, action, number, count, compare);
}

static int add_names(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t count)
{
	int rv = 0;

	for (size_t i = 0; i < count && rv == 0; i++)
		rv = add(f, action, names[i], 0, NULL);
	return rv;
}

/* Allow a call where one argument is this value. */
static int allow_value(scmp_filter_ctx f, const char *name, unsigned arg, uint64_t value)
{
	return add(f, SCMP_ACT_ALLOW, name, 1, &SCMP_CMP(arg, SCMP_CMP_EQ, value, 0));
}

/* Allow a call where these bits of one argument are as in `value`. */
static int allow_bits(
    scmp_filter_ctx f, const char *name, unsigned arg, uint64_t bits, uint64_t value)
{
	return add(f, SCMP_ACT_ALLOW, name, 1, &SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bits, value));
}

/* Sockets for events and the manager (unix), the metrics (inet), and libpcap (all of them). */
static int allow_sockets(scmp_filter_ctx f)
{
	static const int inet[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
	static const int netlink[] = {NETLINK_ROUTE, NETLINK_GENERIC};
	const uint64_t type_bits = ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK); /* socket(2) */
	int rv = allow_value(f, "socket", 0, AF_UNIX);

	if (rv == 0)
		rv = allow_value(f, "socketpair", 0, AF_UNIX);
	if (rv == 0)
		rv = allow_value(f, "socket", 0, AF_PACKET);
	for (unsigned i = 0; i < 2 && rv == 0; i++)
		rv = add(f, SCMP_ACT_ALLOW, "socket", 2,
		    (struct scmp_arg_cmp[]){SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
			SCMP_A2(SCMP_CMP_EQ, (unsigned)netlink[i], 0)});
	/* Not SOCK_RAW: with CAP_NET_RAW it would send packets in anybody's name. */
	for (unsigned i = 0; i < 4 && rv == 0; i++)
		rv = add(f, SCMP_ACT_ALLOW, "socket", 2,
		    (struct scmp_arg_cmp[]){SCMP_A0(SCMP_CMP_EQ, (unsigned)inet[i / 2], 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, type_bits, (unsigned)types[i % 2])});
	for (size_t i = 0; i < sizeof(option_levels) / sizeof(option_levels[0]) && rv == 0; i++)
		rv = allow_value(f, "setsockopt", 1, (uint64_t)option_levels[i]);
	return rv;
}

/*
 * pcap_findalldevs(3) asks for adapters and queues of kinds that we never capture from. It takes
 * EPERM for a failure, but these errors for a kernel without them; and they are not counted.
 */
static int decline_sockets(scmp_filter_ctx f)
{
	int rv = add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1,
	    &SCMP_CMP(0, SCMP_CMP_EQ, AF_BLUETOOTH, 0));

	if (rv != 0)
		return rv;
	return add(f, SCMP_ACT_ERRNO(EPROTONOSUPPORT), "socket", 2,
	    (struct scmp_arg_cmp[]){
		SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0), SCMP_A2(SCMP_CMP_EQ, NETLINK_NETFILTER, 0)});
}

/* Threads share everything with us and come by clone(2) with CLONE_THREAD; fork(2) lacks it. */
static int allow_threads(scmp_filter_ctx f)
{
	int rv = allow_bits(f, "clone", 0, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD);

	/*
	 * Its flags are in memory, where no filter can look. libc takes ENOSYS for an old kernel
	 * and goes on with clone; this is how it always is, so it is not counted.
	 */
	return rv == 0 ? add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL) : rv;
}

static int allow_memory(scmp_filter_ctx f)
{
	int rv = allow_bits(f, "mmap", 2, PROT_EXEC, 0);

	return rv == 0 ? allow_bits(f, "mprotect", 2, PROT_EXEC, 0) : rv;
}

static int allow_others(scmp_filter_ctx f)
{
	uint64_t self = (uint64_t)getpid();
	int rv = 0;

	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && rv == 0; i++)
		rv = allow_value(f, "ioctl", 1, ioctls[i]);
	for (size_t i = 0; i < sizeof(prctls) / sizeof(prctls[0]) && rv == 0; i++)
		rv = allow_value(f, "prctl", 0, (uint64_t)prctls[i]);
	if (rv == 0) /* a new limit is NULL: getrlimit(3) */
		rv = allow_value(f, "prlimit64", 2, 0);
	if (rv == 0)
		rv = add(f, SCMP_ACT_ALLOW, "getrlimit", 0, NULL);
	if (rv == 0)
		rv = allow_value(f, "kill", 0, self);
	return rv == 0 ? allow_value(f, "tgkill", 0, self) : rv;
}

static int set_attributes(scmp_filter_ctx f)
{
	/* int 0x80 and x32 on x86: the same calls under other numbers. */
	int rv = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* A binary search over the numbers, not one comparison per line of the list. */
	if (rv == 0)
		rv = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* The kernel's own errors instead of one for all, seccomp_attr_set(3). */
	return rv == 0 ? seccomp_attr_set(f, SCMP_FLTATR_API_SYSRAWRC, 1) : rv;
}

static int fill(scmp_filter_ctx f)
{
	int rv = set_attributes(f);

	if (rv == 0)
		rv = add_names(f, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (rv == 0)
		rv =
		    add_names(f, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(deadly[0]));
	if (rv == 0)
		rv = allow_sockets(f);
	if (rv == 0)
		rv = decline_sockets(f);
	if (rv == 0)
		rv = allow_threads(f);
	if (rv == 0)
		rv = allow_memory(f);
	return rv == 0 ? allow_others(f) : rv;
}

int sandbox_enter(void)
{
	static bool entered;
	scmp_filter_ctx f = seccomp_init(REFUSE);
	int rv;

	assert(!entered);
	if (f == NULL)
		return -ENOMEM;
	rv = fill(f);
	if (rv == 0)
		rv = take_sigsys();
	if (rv == 0)
		rv = seccomp_load(f);
	seccomp_release(f);
	entered = rv == 0;
	return rv;
}

uint64_t sandbox_denied(void)
{
	return atomic_load_explicit(&denied, memory_order_relaxed);
}

int sandbox_first_denied(void)
{
	return atomic_load_explicit(&first_denied, memory_order_relaxed);
}

char *sandbox_call_name(int number, char *buf, unsigned long size)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	if (name != NULL)
		(void)snprintf(buf, size, "%s", name); /* a long name is cut: it is for reading */
	else
		(void)snprintf(buf, size, "call %d", number);
	free(name);
	return buf;
}
