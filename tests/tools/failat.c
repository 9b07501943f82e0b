/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command and has one of its system calls fail, as it would on a full or broken disk: the
 * N-th of a kind, or that one and all that follow. With --count it tells how many there are.
 *
 *     failat --count [--under DIR] [-o FILE] -- COMMAND...
 *     failat --call KIND --at N [--torn] [--on] --error NAME [--under DIR] [-o FILE] -- COMMAND...
 *
 *     --call    a kind of call as --count lists them: open, write, sync, ...
 *     --at      the N-th of them fails
 *     --torn    it does half of its work, and the one after it fails: so a disk runs full
 *     --on      and all after it
 *     --error   what errno says: ENOSPC, EIO, ...; or `short`: write, read and copy do half
 *     --under   only calls count that name, or are made on, a file below DIR; calls that are on no
 *               file at all (thread, event) always count
 *     -o        where it goes how many there are, or what failed; else to the standard error
 *
 * A call that fails is not made at all, but close, which closes all the same, as Linux does. The
 * kernel's own reasons to fail stay what they are. A seccomp filter stops the command at those
 * calls alone, whoever makes them: the program, its libraries, the C library. Threads and children
 * are followed. Writes to the descriptors 0 to 2, and to what is no file, do not count.
 *
 * Exit status: that of the command (128 and the number of the signal that ended it); 125 where
 * something went wrong here.
 *
 * See killat, which kills at the same places, and failmem for want of memory.
 *
 * Source:  ptrace(2), seccomp(2), close(2) under "Dealing with error returns from close()".
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "tools/tracer.h"

enum kind {
	KIND_OPEN,
	KIND_READ,
	KIND_WRITE,
	KIND_COPY,
	KIND_SYNC,
	KIND_TRUNCATE,
	KIND_ALLOCATE,
	KIND_LINK,
	KIND_RENAME,
	KIND_UNLINK,
	KIND_MKDIR,
	KIND_LIST,
	KIND_STAT,
	KIND_STATFS,
	KIND_MODE,
	KIND_LOCK,
	KIND_MAP,
	KIND_CLOSE,
	KIND_THREAD,
	KIND_EVENT,
	KINDS
};

static const char *const kind_names[KINDS] = {
    [KIND_OPEN] = "open",
    [KIND_READ] = "read",
    [KIND_WRITE] = "write",
    [KIND_COPY] = "copy",
    [KIND_SYNC] = "sync",
    [KIND_TRUNCATE] = "truncate",
    [KIND_ALLOCATE] = "allocate",
    [KIND_LINK] = "link",
    [KIND_RENAME] = "rename",
    [KIND_UNLINK] = "unlink",
    [KIND_MKDIR] = "mkdir",
    [KIND_LIST] = "list",
    [KIND_STAT] = "stat",
    [KIND_STATFS] = "statfs",
    [KIND_MODE] = "mode",
    [KIND_LOCK] = "lock",
    [KIND_MAP] = "map",
    [KIND_CLOSE] = "close",
    [KIND_THREAD] = "thread",
    [KIND_EVENT] = "event",
};

/* How a call tells which file it is about. Numbers of arguments begin at 0. */
enum whose {
	WHOSE_FD,   /* the descriptor `arg` */
	WHOSE_AT,   /* the path `arg + 1` below the directory `arg` */
	WHOSE_PATH, /* the path `arg` */
	WHOSE_NONE,
};

struct call {
	const char *name;
	uint32_t number;
	enum kind kind;
	enum whose whose;
	unsigned arg;
	int length_arg; /* which `short` makes half; -1: it has none */
};

#define CALL(name, kind, whose, arg, length_arg)                                \
	{                                                                       \
#name, __NR_##name, KIND_##kind, WHOSE_##whose, arg, length_arg \
	}

static const struct call calls[] = {
    CALL(openat, OPEN, AT, 0, -1),
    CALL(read, READ, FD, 0, 2),
    CALL(pread64, READ, FD, 0, 2),
    CALL(readv, READ, FD, 0, 2),
    CALL(preadv, READ, FD, 0, 2),
    CALL(write, WRITE, FD, 0, 2),
    CALL(pwrite64, WRITE, FD, 0, 2),
    CALL(writev, WRITE, FD, 0, 2),
    CALL(pwritev, WRITE, FD, 0, 2),
    CALL(pwritev2, WRITE, FD, 0, 2),
    CALL(copy_file_range, COPY, FD, 2, 4),
    CALL(sendfile, COPY, FD, 0, 3),
    CALL(fsync, SYNC, FD, 0, -1),
    CALL(fdatasync, SYNC, FD, 0, -1),
    CALL(syncfs, SYNC, FD, 0, -1),
    CALL(sync_file_range, SYNC, FD, 0, -1),
    CALL(ftruncate, TRUNCATE, FD, 0, -1),
    CALL(truncate, TRUNCATE, PATH, 0, -1),
    CALL(fallocate, ALLOCATE, FD, 0, -1),
    CALL(linkat, LINK, AT, 2, -1), /* the new name: the old one may be in /proc */
    CALL(symlinkat, LINK, AT, 1, -1),
    CALL(renameat2, RENAME, AT, 2, -1),
    CALL(unlinkat, UNLINK, AT, 0, -1),
    CALL(mkdirat, MKDIR, AT, 0, -1),
    CALL(getdents64, LIST, FD, 0, -1),
    CALL(newfstatat, STAT, AT, 0, -1),
    CALL(fstat, STAT, FD, 0, -1),
    CALL(statx, STAT, AT, 0, -1),
    CALL(faccessat, STAT, AT, 0, -1),
    CALL(statfs, STATFS, PATH, 0, -1),
    CALL(fstatfs, STATFS, FD, 0, -1),
    CALL(fchmod, MODE, FD, 0, -1),
    CALL(fchmodat, MODE, AT, 0, -1),
    CALL(fchown, MODE, FD, 0, -1),
    CALL(fchownat, MODE, AT, 0, -1),
    CALL(utimensat, MODE, AT, 0, -1),
    CALL(fcntl, LOCK, FD, 0, -1), /* of its commands those that take a lock */
    CALL(flock, LOCK, FD, 0, -1),
    CALL(mmap, MAP, FD, 4, -1), /* of files */
    CALL(close, CLOSE, FD, 0, -1),
    CALL(clone, THREAD, NONE, 0, -1),
    CALL(eventfd2, EVENT, NONE, 0, -1),
    CALL(signalfd4, EVENT, NONE, 0, -1),
    CALL(epoll_create1, EVENT, NONE, 0, -1),
    CALL(timerfd_create, EVENT, NONE, 0, -1),
    CALL(pipe2, EVENT, NONE, 0, -1),
#ifdef __NR_clone3
    CALL(clone3, THREAD, NONE, 0, -1),
#endif
#ifdef __NR_renameat
    CALL(renameat, RENAME, AT, 2, -1),
#endif
#ifdef __NR_faccessat2
    CALL(faccessat2, STAT, AT, 0, -1),
#endif
#ifdef __NR_open /* the older half, which later architectures lack */
    CALL(open, OPEN, PATH, 0, -1),
    CALL(creat, OPEN, PATH, 0, -1),
    CALL(link, LINK, PATH, 1, -1),
    CALL(symlink, LINK, PATH, 1, -1),
    CALL(rename, RENAME, PATH, 1, -1),
    CALL(unlink, UNLINK, PATH, 0, -1),
    CALL(rmdir, UNLINK, PATH, 0, -1),
    CALL(mkdir, MKDIR, PATH, 0, -1),
    CALL(stat, STAT, PATH, 0, -1),
    CALL(lstat, STAT, PATH, 0, -1),
    CALL(access, STAT, PATH, 0, -1),
    CALL(chmod, MODE, PATH, 0, -1),
    CALL(chown, MODE, PATH, 0, -1),
#endif
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static const struct {
	const char *name;
	int number;
} errors[] = {
    {"E2BIG", E2BIG},
    {"EACCES", EACCES},
    {"EAGAIN", EAGAIN},
    {"EBADF", EBADF},
    {"EBUSY", EBUSY},
    {"EDQUOT", EDQUOT},
    {"EEXIST", EEXIST},
    {"EFBIG", EFBIG},
    {"EINTR", EINTR},
    {"EINVAL", EINVAL},
    {"EIO", EIO},
    {"EMFILE", EMFILE},
    {"EMLINK", EMLINK},
    {"ENFILE", ENFILE},
    {"ENODEV", ENODEV},
    {"ENOENT", ENOENT},
    {"ENOLCK", ENOLCK},
    {"ENOMEM", ENOMEM},
    {"ENOSPC", ENOSPC},
    {"ENOSYS", ENOSYS},
    {"EOPNOTSUPP", EOPNOTSUPP},
    {"EPERM", EPERM},
    {"EROFS", EROFS},
    {"ESTALE", ESTALE},
    {"EXDEV", EXDEV},
};

static struct {
	bool count; /* and let nothing fail */
	enum kind kind;
	uint64_t at;
	bool on; /* and all after it */
	int error;
	bool half; /* none fails, but the N-th does half */
	bool torn;
	char under[PATH_MAX]; /* "": everywhere */
	const char *out_path;
} options = {.kind = KINDS};

static uint64_t counted[KINDS];
static uint64_t failed;
static char first[PATH_MAX + 64]; /* what failed first */

static void usage(void)
{
	(void)fprintf(stderr,
	    "usage: failat --count [--under DIR] [-o FILE] -- COMMAND...\n"
	    "       failat --call KIND --at N [--torn] [--on] --error NAME [--under DIR] [-o FILE] "
	    "-- COMMAND...\n");
	exit(TRACER_TROUBLE);
}

/* ---- registers ---- */

#if defined(__x86_64__)
typedef struct user_regs_struct registers;

static uint64_t *argument(registers *r, int arg)
{
	unsigned long long *const places[] = {&r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9};

	return (uint64_t *)places[arg];
}

static void set_result(registers *r, int64_t result)
{
	r->rax = (unsigned long long)result;
}

static void skip_call(pid_t tid, registers *r)
{
	(void)tid;
	r->orig_rax = (unsigned long long)-1;
}
#else
typedef struct user_regs_struct registers;

static uint64_t *argument(registers *r, int arg)
{
	return (uint64_t *)&r->regs[arg];
}

static void set_result(registers *r, int64_t result)
{
	r->regs[0] = (uint64_t)result;
}

static void skip_call(pid_t tid, registers *r)
{
	int none = -1;
	struct iovec v = {&none, sizeof(none)};

	(void)r;
	if (ptrace(PTRACE_SETREGSET, tid, (void *)NT_ARM_SYSTEM_CALL, &v) != 0)
		tracer_die("PTRACE_SETREGSET");
}
#endif

static bool get_registers(pid_t tid, registers *r)
{
	struct iovec v = {r, sizeof(*r)};

	return ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &v) == 0;
}

static bool set_registers(pid_t tid, registers *r)
{
	struct iovec v = {r, sizeof(*r)};

	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &v) == 0;
}

/* ---- which file a call is about ---- */

/* A string of the command; cut at the end of what can be read. */
static void read_string(pid_t tid, uint64_t address, char *out, size_t room)
{
	size_t got = 0;

	out[0] = '\0';
	while (got < room - 1 && memchr(out, '\0', got) == NULL) {
		uint64_t from = address + got;
		size_t want =
		    4096 - from % 4096; /* not into the next page, which may not be there */
		struct iovec to, of;
		ssize_t n;

		if (want > room - 1 - got)
			want = room - 1 - got;
		to = (struct iovec){out + got, want};
		of = (struct iovec){(void *)(uintptr_t)from, want};
		n = process_vm_readv(tid, &to, 1, &of, 1, 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	out[got] = '\0';
}

/* What a descriptor is open on; the working directory for AT_FDCWD. */
static void descriptor_path(pid_t tid, uint64_t fd, char *out, size_t room)
{
	char link[64];
	ssize_t n;

	if ((int)fd == AT_FDCWD)
		(void)snprintf(link, sizeof(link), "/proc/%d/cwd", (int)tid);
	else
		(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)tid, (int)fd);
	n = readlink(link, out, room - 1);
	out[n > 0 ? n : 0] = '\0';
}

static void path_at(pid_t tid, uint64_t dirfd, uint64_t address, char *out, size_t room)
{
	char path[PATH_MAX];
	size_t n;

	read_string(tid, address, path, sizeof(path));
	out[0] = '\0';
	if (path[0] != '/')
		descriptor_path(tid, dirfd, out, room);
	n = strlen(out);
	if (path[0] != '\0') /* AT_EMPTY_PATH: it is the descriptor itself */
		(void)snprintf(out + n, room - n, "%s%s", path[0] == '/' ? "" : "/", path);
}

static void path_of(const struct call *c, pid_t tid, const uint64_t *args, char *out, size_t room)
{
	out[0] = '\0';
	if (c->whose == WHOSE_FD)
		descriptor_path(tid, args[c->arg], out, room);
	else if (c->whose == WHOSE_AT)
		path_at(tid, args[c->arg], args[c->arg + 1], out, room);
	else if (c->whose == WHOSE_PATH)
		path_at(tid, (uint64_t)AT_FDCWD, args[c->arg], out, room);
}

static bool is_under(const char *path)
{
	size_t n = strlen(options.under);

	return n == 0 ||
	       (strncmp(path, options.under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* Does it take a lock? To give one back does not fail. */
static bool locks(pid_t tid, uint64_t command_number, uint64_t address)
{
	struct flock fl = {.l_type = F_UNLCK};
	struct iovec to = {&fl, sizeof(fl)}, of = {(void *)(uintptr_t)address, sizeof(fl)};

	if (command_number != F_SETLK && command_number != F_SETLKW &&
	    command_number != F_OFD_SETLK && command_number != F_OFD_SETLKW)
		return false;
	return process_vm_readv(tid, &to, 1, &of, 1, 0) == (ssize_t)sizeof(fl) &&
	       fl.l_type != F_UNLCK;
}

/* Does it count? Standard streams and what is no file never do. */
static bool is_ours(const struct call *c, pid_t tid, const uint64_t *args, char *ret_path)
{
	ret_path[0] = '\0';
	if (c->number == __NR_fcntl && !locks(tid, args[1], args[2]))
		return false;
	if (c->number == __NR_mmap && (args[3] & MAP_ANONYMOUS) != 0)
		return false;
	if (c->whose == WHOSE_NONE)
		return true;
	if (c->whose == WHOSE_FD && args[c->arg] <= STDERR_FILENO)
		return false;
	path_of(c, tid, args, ret_path, PATH_MAX);
	return ret_path[0] == '/' && is_under(ret_path);
}

/* ---- its calls ---- */

/* Half of it. What cannot be halved is made as it is. */
static bool halve(struct tracer_thread *t, const struct call *c, registers *r)
{
	uint64_t *length;

	if (c->length_arg < 0)
		return false;
	length = argument(r, c->length_arg);
	if (*length < 2)
		return false;
	t->length = *length;
	t->call = c;
	*length /= 2;
	if (!set_registers(t->tid, r))
		tracer_die("registers");
	return true; /* the caller relies on its registers: see at_return */
}

static bool fail_call(struct tracer_thread *t, const struct call *c, const char *path, bool half)
{
	registers r;

	if (failed++ == 0)
		(void)snprintf(first, sizeof(first), "%s %s", c->name, path);
	if (!get_registers(t->tid, &r))
		tracer_die("registers");
	if (half)
		return halve(t, c, &r);
	if (c->kind == KIND_CLOSE) {
		t->call = c;
		return true;
	}
	skip_call(t->tid, &r);
	set_result(&r, -options.error);
	if (!set_registers(t->tid, &r))
		tracer_die("registers");
	return false;
}

/* The calls of the rules. */
static const struct call *ruled[CALLS];

static bool at_call(struct tracer_thread *t, unsigned rule, const uint64_t args[6])
{
	const struct call *c = ruled[rule];
	char path[PATH_MAX];
	uint64_t number;

	if (!is_ours(c, t->tid, args, path))
		return false;
	number = ++counted[c->kind];
	if (options.count || number < options.at ||
	    (number > options.at + options.torn && !options.on))
		return false;
	return fail_call(t, c, path, options.half || (options.torn && number == options.at));
}

/* A call that was made came back: halved, or to be told as a failure. */
static void at_return(struct tracer_thread *t)
{
	const struct call *c = t->call;
	registers r;

	if (!get_registers(t->tid, &r))
		tracer_die("registers");
	if (c->length_arg >= 0)
		*argument(&r, c->length_arg) = t->length;
	else
		set_result(&r, -options.error);
	if (!set_registers(t->tid, &r))
		tracer_die("registers");
}

/* ---- what it came to ---- */

static void report(void)
{
	FILE *f = tracer_open(options.out_path);

	for (int i = 0; options.count && i < KINDS; i++)
		if (counted[i] > 0)
			(void)fprintf(f, "%s %" PRIu64 "\n", kind_names[i], counted[i]);
	if (!options.count && failed > 0)
		(void)fprintf(f, "failed %" PRIu64 ", first %s\n", failed, first);
	tracer_close(f, options.out_path);
}

static void parse_error(const char *name)
{
	options.half = strcmp(name, "short") == 0;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(name, errors[i].name) == 0)
			options.error = errors[i].number;
	if (!options.half && options.error == 0)
		usage();
}

static void parse_kind(const char *name)
{
	for (int i = 0; i < KINDS; i++)
		if (strcmp(name, kind_names[i]) == 0)
			options.kind = (enum kind)i;
	if (options.kind == KINDS)
		usage();
}

/* It may not be there yet: its directory must be, for the kernel tells paths without links. */
static void parse_under(const char *path)
{
	char copy[PATH_MAX], *slash;
	char dir[PATH_MAX];

	if (realpath(path, options.under) != NULL)
		return;
	if (snprintf(copy, sizeof(copy), "%s%s", path[0] == '/' ? "" : "./", path) >=
	    (int)sizeof(copy))
		usage();
	slash = strrchr(copy, '/');
	*slash = '\0';
	if (realpath(copy[0] != '\0' ? copy : "/", dir) == NULL)
		tracer_die(path);
	if (snprintf(options.under, sizeof(options.under), "%s/%s", dir, slash + 1) >=
	    (int)sizeof(options.under))
		usage();
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {{"count", no_argument, NULL, 'c'},
	    {"call", required_argument, NULL, 'k'}, {"at", required_argument, NULL, 'n'},
	    {"on", no_argument, NULL, 'a'}, {"torn", no_argument, NULL, 't'},
	    {"error", required_argument, NULL, 'e'}, {"under", required_argument, NULL, 'u'},
	    {NULL, 0, NULL, 0}};
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "+o:", names, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.count = true;
			break;
		case 'k':
			parse_kind(optarg);
			break;
		case 'n':
			options.at = strtoull(optarg, &end, 10);
			if (*end != '\0')
				usage();
			break;
		case 'a':
			options.on = true;
			break;
		case 't':
			options.torn = true;
			break;
		case 'e':
			parse_error(optarg);
			break;
		case 'u':
			parse_under(optarg);
			break;
		case 'o':
			options.out_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind == argc || options.count == (options.at > 0) ||
	    (!options.count && (options.kind == KINDS || (!options.half && options.error == 0))))
		usage();
}

int main(int argc, char **argv)
{
	struct tracer_rule rules[CALLS];
	struct tracer tracer = {rules, 0, at_call, at_return};
	int status;

	parse(argc, argv);
	for (unsigned i = 0; i < CALLS; i++) {
		if (!options.count && calls[i].kind != options.kind)
			continue;
		ruled[tracer.count] = &calls[i];
		rules[tracer.count++] = (struct tracer_rule){.number = calls[i].number};
	}
	status = tracer_run(&tracer, argv + optind);
	report();
	return status;
}
