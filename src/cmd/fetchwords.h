/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the words of `flowkeep fetch` mean: each is the UUID of a flow, or how just one begins. Says
 * which are not found, ambiguous, or still open.
 *
 * Life-cycle:  new, search, choose, free.
 * Threads:     main.
 */
#ifndef CMD_FETCHWORDS_H
#define CMD_FETCHWORDS_H

#include <stdbool.h>

#include "cmd/reading.h"
#include "fetch/query.h"

struct fetchwords;

/*
 * fetchwords_new - Takes the words, borrowed.
 * Returns:  0; -ENOMEM; -EINVAL after saying which word is no UUID.
 */
int fetchwords_new(char *const *args, unsigned count, struct fetchwords **ret_words);

/* fetchwords_search - look for the flows, and group them. Returns: 0; -errno of the query. */
int fetchwords_search(struct fetchwords *w, struct query *q);

/*
 * fetchwords_choose - which of the query's flows are meant.
 *
 * Takes:    a and q, as searched; faults, for what cannot be read; ret_chosen, one per flow, false:
 *           set to true for those that are meant.
 * Returns:  0; 1 not all is there: a word has no flow, or a flow is still open, and that was said;
 *           -ENOMEM; -ENOTUNIQ after saying which words are ambiguous.
 */
int fetchwords_choose(const struct fetchwords *w, const struct archive *a, const struct query *q,
    struct reading_faults *faults, bool *ret_chosen);

/* fetchwords_say_open - say of a flow that more of it is to come. */
void fetchwords_say_open(const struct archive *a, const char *uuid);

/* fetchwords_free - takes NULL. */
void fetchwords_free(struct fetchwords *w);

#endif
