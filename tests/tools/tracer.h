/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command and is asked at some of its system calls: what killat and failat share. A seccomp
 * filter stops the command at those calls alone, so that it runs nearly at full speed. Threads and
 * children are followed.
 *
 * Life-cycle:  one tracer_run per process.
 * Threads:     one.
 * Source:      ptrace(2), seccomp(2).
 */
#ifndef TOOLS_TRACER_H
#define TOOLS_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define TRACER_TROUBLE 125 /* exit status where something went wrong here */

/* A call that stops the command. */
struct tracer_rule {
	uint32_t number; /* __NR_... */
	bool has_flags;  /* only where the lower half of argument `arg` has one of `flags` */
	unsigned arg;    /* from 0 */
	uint32_t flags;
};

/* A thread of the command. The rest is the asked one's. */
struct tracer_thread {
	pid_t tid;
	bool waiting;     /* private to tracer.c */
	const void *call; /* NULL at first */
	uint64_t length;
};

struct tracer {
	const struct tracer_rule *rules;
	unsigned count;
	/*
	 * at_call - a thread is about to make the call of rules[rule]. Returns: whether at_return
	 * is to be called when it has been made.
	 */
	bool (*at_call)(struct tracer_thread *t, unsigned rule, const uint64_t args[6]);
	void (*at_return)(struct tracer_thread *t);
};

/* tracer_run - until all threads are gone. Returns: the command's status; 128 and the number of the
 * signal that ended it. */
int tracer_run(const struct tracer *tracer, char *const argv[]);

/* tracer_kill - kill all of it, also what is yet to come. Nothing is asked any more. */
void tracer_kill(void);

/* tracer_open, tracer_close - where it is told what happened: a file, or NULL the standard error.
 */
FILE *tracer_open(const char *path);
void tracer_close(FILE *f, const char *path);

/* tracer_die - says what went wrong, and errno; kills the command and ends this. */
__attribute__((noreturn)) void tracer_die(const char *what);

#endif
