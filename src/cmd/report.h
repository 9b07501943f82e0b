/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run came to, for people (a few lines) and for programs (one JSON object).
 *
 * Threads:  main, once all others have been joined; report_line at any time.
 */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/source_live.h"
#include "flow/demux.h"
#include "packet/ledger.h"

struct report {
	const struct ledger *ledger;
	const struct demux_stats *stats;
	const struct source_live *live; /* NULL: not a capture */
	int64_t elapsed_ns;
};

/* report_text - the summary, on the standard error. */
void report_text(const struct report *r);

/* report_json - the ledger as one object in one line, on the standard output. Returns: 0; -EIO. */
int report_json(const struct report *r);

/* report_balance - do the sums of the ledger agree? If not, that is said: it is a bug. */
bool report_balance(const struct ledger *l);

/* report_bytes - "3.1 MB". buf has REPORT_BYTES_SIZE bytes; returns buf. */
#define REPORT_BYTES_SIZE 16
char *report_bytes(uint64_t bytes, char *buf);

#endif
