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
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/tracer.h"

#define KILLED (128 + SIGKILL)

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

static uint64_t counted;
static const struct call *target; /* the N-th */

static void usage(void)
{
	(void)fprintf(stderr, "usage: killat --count [-o FILE] -- COMMAND...\n"
			      "       killat --at N [--before|--after] [-o FILE] -- COMMAND...\n");
	exit(TRACER_TROUBLE);
}

static void end_it(void)
{
	FILE *f;

	tracer_kill();
	f = tracer_open(options.out_path);
	(void)fprintf(f, "killat: killed %s call %" PRIu64 ", %s\n",
	    options.when == BEFORE ? "before" : "after", options.at, target->name);
	tracer_close(f, options.out_path);
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

static bool at_call(struct tracer_thread *t, unsigned rule, const uint64_t args[6])
{
	const struct call *c = &calls[rule];

	if ((c->test == TEST_FILE && !is_file(t->tid, args[c->arg])) || ++counted != options.at)
		return false;
	target = c;
	if (options.when == BEFORE)
		end_it();
	return options.when == AFTER;
}

/* Only the thread whose call was the N-th ever comes here. */
static void at_return(struct tracer_thread *t)
{
	(void)t;
	end_it();
}

static void print_count(void)
{
	FILE *f = tracer_open(options.out_path);

	(void)fprintf(f, "%" PRIu64 "\n", counted);
	tracer_close(f, options.out_path);
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
	struct tracer_rule rules[CALLS];
	const struct tracer tracer = {rules, CALLS, at_call, at_return};
	int status;

	parse(argc, argv);
	for (unsigned i = 0; i < CALLS; i++)
		rules[i] = (struct tracer_rule){.number = calls[i].number,
		    .has_flags = calls[i].test == TEST_FLAGS,
		    .arg = calls[i].arg,
		    .flags = CHANGING_FLAGS};
	status = tracer_run(&tracer, argv + optind);
	if (target != NULL)
		return KILLED;
	if (options.count)
		print_count();
	return status;
}
