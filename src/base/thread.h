/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads with a name, that leave every signal sent to the process to main. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/*
 * thread_start - run fn(arg) in a new thread with all signals blocked but those that the thread
 *                raises itself (SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL).
 *
 * Takes:    name, at most 15 bytes, as ps and top show it.
 * Returns:  0; -EAGAIN, as pthread_create(3).
 * Owner:    the caller joins with pthread_join.
 */
int thread_start(const char *name, void *(*fn)(void *), void *arg, pthread_t *ret_thread);

/* thread_cores - processors that this process may run on, at least 1. */
int thread_cores(void);

#endif
