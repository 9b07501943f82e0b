/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What went wrong with an input, in one line of words. A reader of files returns an errno, which
 * says how to go on; the fault beside it says to people what and where.
 *
 * What a text about a capture may tell: offsets, our own limits, how many bytes there were, and at
 * most one value of the input, checked to be below 65536. Nothing else of the input: where that is
 * damaged, or no capture, any four bytes of it may be an address; texts go to the log, and what is
 * to be hidden in the archive must not stand there either. (Files of an archive hold what may be
 * told.)
 */
#ifndef PCAPFILE_FAULT_H
#define PCAPFILE_FAULT_H

#include <stdarg.h>

struct fault {
	char text[200];		/* "" while nothing is wrong */
};

/*
 * fault_set - write down what is wrong, unless something is written already: the first fault is
 * the cause, what comes after it mostly follows from it.
 *
 * Takes:    f; error, a negative errno; a printf format and what belongs to it. Long texts are cut.
 * Returns:  error, so that a reader can end with `return fault_set(...)`.
 */
int fault_set(struct fault *f, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* fault_setv - the same, with the arguments of a variadic caller. */
int fault_setv(struct fault *f, int error, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* fault_append, fault_appendv - add words to a fault that was set. */
void fault_append(struct fault *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fault_appendv(struct fault *f, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
