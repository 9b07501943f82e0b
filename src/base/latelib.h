/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared libraries that are loaded when they are first used. What stands behind libpcap,
 * libmicrohttpd and libcrypto (TLS, D-Bus and more) takes two thirds of the time in which a process
 * of ours starts, and most of our commands need none of them.
 *
 * The functions of such a library stand in a table, from which they are called. A table is made
 * from a list of them, in one place for each library: capture/libpcap.h shows how.
 *
 * Source:   dlopen(3), dlsym(3).
 */
#ifndef BASE_LATELIB_H
#define BASE_LATELIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct latelib_symbol {
	const char *name;
	size_t at; /* offset of its pointer in the table */
};

struct latelib {
	/* set at start, then read-only */
	const char *soname; /* as dlopen(3) searches for it */
	const struct latelib_symbol *symbols;
	size_t count;
	void *table;

	/* guarded by lock */
	pthread_mutex_t lock;
	bool tried;
	const char *why_not;
};

/* LATELIB_POINTER - what stands in a table for a function. LATELIB_SYMBOL - its symbol. */
#define LATELIB_POINTER(name)       __typeof__(name) *name;
#define LATELIB_SYMBOL(table, name) {#name, offsetof(struct table, name)},

/* LATELIB_INIT - a library, of an array of symbols and the address of a table. */
#define LATELIB_INIT(soname, symbols, table)                                          \
	{                                                                             \
		(soname), (symbols), sizeof(symbols) / sizeof((symbols)[0]), (table), \
		    PTHREAD_MUTEX_INITIALIZER, false, NULL                            \
	}

/*
 * latelib_load - load it, if that has not been tried before, and fill in its table. It stays for
 * the life of the process.
 *
 * Returns:  the table; NULL: it cannot be used, and *ret_why says why, in words that name it, and
 *           stay.
 * Threads:  any.
 */
const void *latelib_load(struct latelib *l, const char **ret_why);

#endif
