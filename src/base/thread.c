/* SPDX-License-Identifier: BSD-2-Clause */
/* See thread.h. */
#include "base/thread.h"

#include <sched.h>
#include <signal.h>

int thread_start(const char *name, void *(*fn)(void *), void *arg, pthread_t *ret_thread)
{
	static const int own[] = {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	sigset_t all, old;
	pthread_t t;
	int rv;

	(void)sigfillset(&all);
	/*
	 * A signal that the thread's own instruction raises comes also where it is blocked, and
	 * then kills without asking its handler (sigprocmask(2)). SIGSYS has one, see
	 * cmd/sandbox.h.
	 */
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void)sigdelset(&all, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* cannot fail with a known `how` */
	rv = pthread_create(&t, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rv != 0)
		return -rv;
	(void)pthread_setname_np(t, name); /* only for the eyes of ps */
	*ret_thread = t;
	return 0;
}

int thread_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}
