/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the one writer of an archive does before it writes anything: days that an earlier run left
 * unfinished are brought into order, and the flows that it was writing when it was killed are
 * published. Says what it did in the log.
 *
 * Threads:  main, before there are others.
 */
#ifndef CMD_RECOVERY_H
#define CMD_RECOVERY_H

#include "archive/archive.h"
#include "cmd/options.h"

/*
 * recovery_mend - bring the days in order that are listed as dirty; one that a tool has in hand is
 * left to it.
 *
 * Takes:    a, open for writing.
 * Returns:  0; -errno of archive_recover_day and mend_day: that day stays listed.
 */
int recovery_mend(struct archive *a);

/*
 * recovery_adopt - publish what lies in .staging, and index it; after recovery_mend.
 *
 * Takes:    o, of which store, sync and vlan_key count.
 * Returns:  as recovery_mend, and as adopt_staged.
 */
int recovery_adopt(struct archive *a, const struct options *o);

/*
 * recovery_tidy - remove what lies in .staging of flows that have been published since; at the end
 * of a run, when its days are in order. What else lies there stays, for recovery_adopt.
 */
void recovery_tidy(struct archive *a, const struct options *o);

#endif
