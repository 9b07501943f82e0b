/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command and kills it at a moment that can be repeated: just before or just after the N-th
 * of its system calls that change files. With --count it tells how many there are.
 *
 *     killat --count [-o FILE] -- COMMAND...
 *     killat --at N [--before|--after] [-o FILE] -- COMMAND...
 *
 * A seccomp filter stops the command at those calls alone, so that it runs nearly at full speed.
 * Threads and children are followed and die with it. Calls are counted when they begin, whether
 * they succeed or not. Writes to the descriptors 0 to 2, and to what is no file (pipes, sockets,
 * terminals), do not count.
 *
 * Exit status: that of the command (128 and the number of the signal that ended it), 137 where it
 * was killed here; 125 where something went wrong here.
 *
 * Source:  ptrace(2), seccomp(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "killat knows x86_64 and aarch64"
#endif

#define TROUBLE 125
#define KILLED  (128 + SIGKILL)

/* The flags by which open(2) changes files; O_DIRECTORY is in O_TMPFILE, and not one of them. */
#define CHANGING_FLAGS ((unsigned)(O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY)))

/* What makes a call count. Numbers of arguments begin at 0. */
enum test_kind { TEST_NONE, TEST_FILE, TEST_FLAGS };

struct call {
	const char *name;
	uint32_t number;
	enum test_kind test;
	unsigned arg; /* the descriptor that must be of a file, or the flags */
};

#define CALL(name, test, arg)                 \
	{                                     \
#name, __NR_##name, test, arg \
	}

static const struct call calls[] = {
    CALL(write, TEST_FILE, 0),
    CALL(pwrite64, TEST_FILE, 0),
    CALL(writev, TEST_FILE, 0),
    CALL(pwritev, TEST_FILE, 0),
    CALL(pwritev2, TEST_FILE, 0),
    CALL(copy_file_range, TEST_FILE, 2),
    CALL(sendfile, TEST_FILE, 0),
    CALL(ftruncate, TEST_NONE, 0),
    CALL(truncate, TEST_NONE, 0),
    CALL(fallocate, TEST_NONE, 0),
    CALL(fsync, TEST_NONE, 0),
    CALL(fdatasync, TEST_NONE, 0),
    CALL(syncfs, TEST_NONE, 0),
    CALL(sync_file_range, TEST_NONE, 0),
    CALL(openat, TEST_FLAGS, 2),
    CALL(linkat, TEST_NONE, 0),
    CALL(symlinkat, TEST_NONE, 0),
    CALL(unlinkat, TEST_NONE, 0),
    CALL(renameat2, TEST_NONE, 0),
    CALL(mkdirat, TEST_NONE, 0),
#ifdef __NR_renameat
    CALL(renameat, TEST_NONE, 0),
#endif
#ifdef __NR_open /* the older half, which later architectures lack */
    CALL(open, TEST_FLAGS, 1),
    CALL(creat, TEST_NONE, 0),
    CALL(link, TEST_NONE, 0),
    CALL(symlink, TEST_NONE, 0),
    CALL(unlink, TEST_NONE, 0),
    CALL(rename, TEST_NONE, 0),
    CALL(mkdir, TEST_NONE, 0),
    CALL(rmdir, TEST_NONE, 0),
#endif
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

enum when { BEFORE, AFTER };

static struct {
	bool count; /* and do not kill */
	uint64_t at;
	enum when when;
	const char *out_path;
} options;

static pid_t command;
static uint64_t counted;
static const struct call *target; /* the N-th */
static bool killing;

/* Every thread that is alive. */
static pid_t *threads;
static size_t thread_count;

static void die(const char *what)
{
	(void)fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	if (command > 0)
		(void)kill(command, SIGKILL);
	exit(TROUBLE);
}

static void usage(void)
{
	(void)fprintf(stderr, "usage: killat --count [-o FILE] -- COMMAND...\n"
			      "       killat --at N [--before|--after] [-o FILE] -- COMMAND...\n");
	exit(TROUBLE);
}

/* ---- the filter ---- */

#define FIELD(name)   (uint32_t) offsetof(struct seccomp_data, name)
#define LOAD(offset)  ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset))
#define RETURN(value) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value))
#define JUMP(how, value, yes, no) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (how) | BPF_K, value, yes, no))

/* Both machines are little-endian: the lower half of an argument comes first. */
static void install_filter(void)
{
	struct sock_filter f[5 + 5 * CALLS];
	struct sock_fprog program = {.filter = f};
	size_t n = 0;

	f[n++] = LOAD(FIELD(arch));
	f[n++] = JUMP(BPF_JEQ, OUR_ARCH, 1, 0);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	f[n++] = LOAD(FIELD(nr));
	for (uint32_t i = 0; i < CALLS; i++) {
		bool flags = calls[i].test == TEST_FLAGS;

		f[n++] = JUMP(BPF_JEQ, calls[i].number, 0, flags ? 4 : 1);
		if (flags) {
			f[n++] = LOAD(FIELD(args) + 8 * calls[i].arg);
			f[n++] = JUMP(BPF_JSET, CHANGING_FLAGS, 1, 0);
			f[n++] = RETURN(SECCOMP_RET_ALLOW);
		}
		f[n++] = RETURN(SECCOMP_RET_TRACE | i);
	}
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		die("seccomp");
}

/* ---- the command ---- */

static void forward(int signal_number)
{
	int saved = errno;

	(void)kill(command, signal_number);
	errno = saved;
}

static void forward_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
	struct sigaction sa = {.sa_handler = forward, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &sa, NULL) != 0)
			die("sigaction");
}

/* The child waits until it is traced: without a tracer the filter would refuse its calls. */
static void start(char *const argv[])
{
	const long follow = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			    PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
			    PTRACE_O_EXITKILL;
	int gate[2];
	char byte;

	if (pipe2(gate, O_CLOEXEC) != 0)
		die("pipe2");
	command = fork();
	if (command < 0)
		die("fork");
	if (command == 0) {
		(void)close(gate[1]);
		if (read(gate[0], &byte, 1) != 1)
			_exit(TROUBLE);
		install_filter();
		(void)execvp(argv[0], argv);
		(void)fprintf(stderr, "killat: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	forward_signals();
	if (ptrace(PTRACE_SEIZE, command, 0, follow) != 0)
		die("PTRACE_SEIZE");
	if (write(gate[1], "", 1) != 1)
		die("write");
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static void add_thread(pid_t tid)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i] == tid)
			return;
	threads = realloc(threads, (thread_count + 1) * sizeof(*threads));
	if (threads == NULL)
		die("memory");
	threads[thread_count++] = tid;
}

static void remove_thread(pid_t tid)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i] == tid)
			threads[i--] = threads[--thread_count];
}

/* kill(2) takes the number of any thread for its whole process. */
static void kill_all(void)
{
	FILE *f = options.out_path != NULL ? fopen(options.out_path, "w") : stderr;

	killing = true;
	for (size_t i = 0; i < thread_count; i++)
		(void)kill(threads[i], SIGKILL); /* one that is gone is what we want */
	if (f == NULL)
		die(options.out_path);
	(void)fprintf(f, "killat: killed %s call %" PRIu64 ", %s\n",
	    options.when == BEFORE ? "before" : "after", options.at, target->name);
	if (f != stderr)
		(void)fclose(f);
}

/* ---- its calls ---- */

static bool is_file(pid_t tid, uint64_t fd)
{
	char path[64];
	struct stat st;

	if ((unsigned)fd <= STDERR_FILENO)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)tid, (unsigned)fd);
	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool call_info(pid_t tid, struct __ptrace_syscall_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(*ret_info), ret_info) > 0;
}

/* The call that the thread is about to make. Returns how it goes on. */
static long at_call(pid_t tid)
{
	struct __ptrace_syscall_info info;
	const struct call *c;

	if (!call_info(tid, &info) || info.op != PTRACE_SYSCALL_INFO_SECCOMP ||
	    info.seccomp.ret_data >= CALLS)
		return PTRACE_CONT;
	c = &calls[info.seccomp.ret_data];
	if (c->test == TEST_FILE && !is_file(tid, info.seccomp.args[c->arg]))
		return PTRACE_CONT;
	if (++counted != options.at)
		return PTRACE_CONT;
	target = c;
	if (options.when == AFTER)
		return PTRACE_SYSCALL; /* it stops when the call returns */
	kill_all();
	return PTRACE_CONT;
}

/* Only the thread whose call was the N-th ever comes here. */
static long at_return(pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (!call_info(tid, &info) || info.op != PTRACE_SYSCALL_INFO_EXIT)
		return PTRACE_SYSCALL;
	kill_all();
	return PTRACE_CONT;
}

static bool stops_a_process(int signal_number)
{
	return signal_number == SIGSTOP || signal_number == SIGTSTP || signal_number == SIGTTIN ||
	       signal_number == SIGTTOU;
}

static void go_on(pid_t tid, int status)
{
	int event = status >> 16, stopped_by = WSTOPSIG(status), deliver = 0;
	long how = PTRACE_CONT;

	if (event == PTRACE_EVENT_SECCOMP && !killing)
		how = at_call(tid);
	else if (event == PTRACE_EVENT_STOP && stops_a_process(stopped_by))
		how = PTRACE_LISTEN;
	else if (event == 0 && stopped_by == (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD */
		how = killing ? PTRACE_CONT : at_return(tid);
	else if (event == 0)
		deliver = stopped_by;
	if (ptrace((enum __ptrace_request)how, tid, 0, (long)deliver) != 0 && errno != ESRCH)
		die("ptrace"); /* ESRCH: it was killed meanwhile */
}

/* Until all are gone. Returns the status of the command. */
static int follow_all(void)
{
	int status, command_status = 0;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			add_thread(tid);
			if (killing)
				(void)kill(tid, SIGKILL); /* it came to be just then */
			go_on(tid, status);
			continue;
		}
		remove_thread(tid);
		if (tid == command)
			command_status = status;
	}
	return command_status;
}

static void print_count(void)
{
	FILE *f = options.out_path != NULL ? fopen(options.out_path, "w") : stderr;

	if (f == NULL)
		die(options.out_path);
	(void)fprintf(f, "%" PRIu64 "\n", counted);
	if (f != stderr && fclose(f) != 0)
		die(options.out_path);
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {{"count", no_argument, NULL, 'c'},
	    {"at", required_argument, NULL, 'n'}, {"before", no_argument, NULL, 'b'},
	    {"after", no_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "+o:", names, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.count = true;
			break;
		case 'n':
			options.at = strtoull(optarg, &end, 10);
			if (*end != '\0')
				usage();
			break;
		case 'a':
		case 'b':
			options.when = c == 'a' ? AFTER : BEFORE;
			break;
		case 'o':
			options.out_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (options.count == (options.at > 0) || optind == argc)
		usage();
}

int main(int argc, char **argv)
{
	int status;

	parse(argc, argv);
	start(argv + optind);
	add_thread(command);
	status = follow_all();
	free(threads);
	if (killing)
		return KILLED;
	if (options.count)
		print_count();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
