/* SPDX-License-Identifier: BSD-2-Clause */
/* See tracer.h. */
#include "tools/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "the tracer knows x86_64 and aarch64"
#endif

static const struct tracer *tracer;
static pid_t command;
static bool killing;

/* Every thread that is alive. */
static struct tracer_thread *threads;
static size_t thread_count;

void tracer_die(const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	if (command > 0)
		(void)kill(command, SIGKILL);
	exit(TRACER_TROUBLE);
}

FILE *tracer_open(const char *path)
{
	FILE *f = path != NULL ? fopen(path, "w") : stderr;

	if (f == NULL)
		tracer_die(path);
	return f;
}

void tracer_close(FILE *f, const char *path)
{
	if (f != stderr && fclose(f) != 0)
		tracer_die(path);
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
	struct sock_filter *f = malloc((5 + 5 * tracer->count) * sizeof(*f));
	struct sock_fprog program = {.filter = f};
	size_t n = 0;

	if (f == NULL)
		tracer_die("memory");
	f[n++] = LOAD(FIELD(arch));
	f[n++] = JUMP(BPF_JEQ, OUR_ARCH, 1, 0);
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	f[n++] = LOAD(FIELD(nr));
	for (uint32_t i = 0; i < tracer->count; i++) {
		const struct tracer_rule *r = &tracer->rules[i];

		f[n++] = JUMP(BPF_JEQ, r->number, 0, r->has_flags ? 4 : 1);
		if (r->has_flags) {
			f[n++] = LOAD(FIELD(args) + 8 * r->arg);
			f[n++] = JUMP(BPF_JSET, r->flags, 1, 0);
			f[n++] = RETURN(SECCOMP_RET_ALLOW);
		}
		f[n++] = RETURN(SECCOMP_RET_TRACE | i);
	}
	f[n++] = RETURN(SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		tracer_die("seccomp");
	free(f);
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
			tracer_die("sigaction");
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
		tracer_die("pipe2");
	command = fork();
	if (command < 0)
		tracer_die("fork");
	if (command == 0) {
		(void)close(gate[1]);
		if (read(gate[0], &byte, 1) != 1)
			_exit(TRACER_TROUBLE);
		install_filter();
		(void)execvp(argv[0], argv);
		(void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, argv[0],
		    strerror(errno));
		_exit(127);
	}
	forward_signals();
	if (ptrace(PTRACE_SEIZE, command, 0, follow) != 0)
		tracer_die("PTRACE_SEIZE");
	if (write(gate[1], "", 1) != 1)
		tracer_die("write");
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static struct tracer_thread *thread_of(pid_t tid)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	threads = realloc(threads, (thread_count + 1) * sizeof(*threads));
	if (threads == NULL)
		tracer_die("memory");
	threads[thread_count] = (struct tracer_thread){.tid = tid};
	return &threads[thread_count++];
}

static void remove_thread(pid_t tid)
{
	for (size_t i = 0; i < thread_count; i++)
		if (threads[i].tid == tid)
			threads[i--] = threads[--thread_count];
}

/* kill(2) takes the number of any thread for its whole process. */
void tracer_kill(void)
{
	killing = true;
	for (size_t i = 0; i < thread_count; i++)
		(void)kill(threads[i].tid, SIGKILL); /* one that is gone is what we want */
}

/* ---- its calls ---- */

static bool call_info(pid_t tid, struct __ptrace_syscall_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(*ret_info), ret_info) > 0;
}

/* The call that the thread is about to make. */
static void at_call(struct tracer_thread *t)
{
	struct __ptrace_syscall_info info;
	uint64_t args[6];

	if (!call_info(t->tid, &info) || info.op != PTRACE_SYSCALL_INFO_SECCOMP ||
	    info.seccomp.ret_data >= tracer->count)
		return;
	for (int i = 0; i < 6; i++)
		args[i] = info.seccomp.args[i];
	t->waiting = tracer->at_call(t, info.seccomp.ret_data, args);
}

static void at_return(struct tracer_thread *t)
{
	struct __ptrace_syscall_info info;

	if (!t->waiting || !call_info(t->tid, &info) || info.op != PTRACE_SYSCALL_INFO_EXIT)
		return;
	t->waiting = false;
	tracer->at_return(t);
}

static bool stops_a_process(int signal_number)
{
	return signal_number == SIGSTOP || signal_number == SIGTSTP || signal_number == SIGTTIN ||
	       signal_number == SIGTTOU;
}

static void go_on(struct tracer_thread *t, int status)
{
	int event = status >> 16, stopped_by = WSTOPSIG(status), deliver = 0;
	long how;

	if (killing)
		(void)kill(t->tid, SIGKILL); /* it came to be just then */
	else if (event == PTRACE_EVENT_SECCOMP)
		at_call(t);
	else if (event == 0 && stopped_by == (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD */
		at_return(t);
	if (event == 0 && stopped_by != (SIGTRAP | 0x80))
		deliver = stopped_by;
	if (event == PTRACE_EVENT_STOP && stops_a_process(stopped_by))
		how = PTRACE_LISTEN;
	else
		how = t->waiting && !killing ? PTRACE_SYSCALL : PTRACE_CONT;
	if (ptrace((enum __ptrace_request)how, t->tid, 0, (long)deliver) != 0 && errno != ESRCH)
		tracer_die("ptrace"); /* ESRCH: it was killed meanwhile */
}

int tracer_run(const struct tracer *t, char *const argv[])
{
	int status, command_status = 0;
	pid_t tid;

	tracer = t;
	start(argv);
	(void)thread_of(command);
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			go_on(thread_of(tid), status);
			continue;
		}
		remove_thread(tid);
		if (tid == command)
			command_status = status;
	}
	free(threads);
	return WIFSIGNALED(command_status) ? 128 + WTERMSIG(command_status)
					   : WEXITSTATUS(command_status);
}
