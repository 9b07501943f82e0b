/* SPDX-License-Identifier: BSD-2-Clause */
/* See ledger.h. */
#include "packet/ledger.h"

#define X(name, status, text) {#name, status, text},
static const struct ledger_reason skips[SKIPS] = {LEDGER_SKIPS(X)};
static const struct ledger_reason drops[DROPS] = {LEDGER_DROPS(X)};
#undef X

const struct ledger_reason *ledger_skip_reason(enum ledger_skip s)
{
	return &skips[s];
}

const struct ledger_reason *ledger_drop_reason(enum ledger_drop d)
{
	return &drops[d];
}

uint64_t ledger_skipped(const struct ledger *l)
{
	uint64_t sum = 0;

	for (int i = 0; i < SKIPS; i++)
		sum += ledger_get(&l->skipped[i]);
	return sum;
}

uint64_t ledger_dropped(const struct ledger *l)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROPS; i++)
		sum += ledger_get(&l->dropped[i]);
	return sum;
}

bool ledger_balanced(const struct ledger *l)
{
	return ledger_get(&l->packets_read) ==
	       ledger_get(&l->packets_archived) + ledger_skipped(l) + ledger_dropped(l);
}

int ledger_status(const struct ledger *l)
{
	for (int i = 0; i < SKIPS; i++)
		if (skips[i].status != 0 && ledger_get(&l->skipped[i]) != 0)
			return 1;
	return ledger_dropped(l) != 0;
}
