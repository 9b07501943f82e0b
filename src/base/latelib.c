/* SPDX-License-Identifier: BSD-2-Clause */
/* See latelib.h. */
#include "base/latelib.h"

#include <dlfcn.h>
#include <string.h>

/* dlerror(3) keeps its words until the next call of this thread; these are kept for good. */
static const char *reason(void)
{
	const char *words = dlerror();
	const char *copy = words != NULL ? strdup(words) : NULL;

	return copy != NULL ? copy : "out of memory";
}

static const char *fill(const struct latelib *l)
{
	/* All of it now: what is missing is not to be found out in the midst of a capture. */
	void *library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return reason();
	for (size_t i = 0; i < l->count; i++) {
		void *function = dlsym(library, l->symbols[i].name);

		if (function == NULL)
			return reason();
		/* POSIX has a function's address in such a pointer; ISO C has no cast for it. */
		memcpy((char *)l->table + l->symbols[i].at, &function, sizeof(function));
	}
	return NULL;
}

const void *latelib_load(struct latelib *l, const char **ret_why)
{
	const char *why_not;

	(void)pthread_mutex_lock(&l->lock);
	if (!l->tried)
		l->why_not = fill(l);
	l->tried = true;
	why_not = l->why_not;
	(void)pthread_mutex_unlock(&l->lock);
	if (why_not == NULL)
		return l->table;
	*ret_why = why_not;
	return NULL;
}
