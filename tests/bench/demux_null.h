/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A null store behind the demux: savers that give the chunks of a batch back and forget the rest.
 * They stand in the place of save/saver.c, whose savers_put they define: a program that links this
 * must not link that.
 *
 * In place, the demux thread itself does it, after it has copied the batch as a queue would. Behind
 * a queue, one other thread does it, so that what handing over costs is there as it is.
 *
 * Life-cycle:  start; batches; stop, which drains.
 * Threads:     put: the demux.
 */
#ifndef BENCH_DEMUX_NULL_H
#define BENCH_DEMUX_NULL_H

#include <stdint.h>

#include "base/slab.h"
#include "packet/ledger.h"
#include "save/saver.h"

enum null_place { NULL_IN_PLACE, NULL_BEHIND_QUEUE };

/* null_start - Returns: the savers; ends the program where it cannot. */
struct savers *null_start(enum null_place place, struct slab *slab, struct ledger *ledger);

/* null_batches, null_parts - batches put, and those of them that close a part. Threads: the demux.
 */
uint64_t null_batches(const struct savers *s);
uint64_t null_parts(const struct savers *s);

/* null_stop - takes back all that was put. s is gone afterwards. */
void null_stop(struct savers *s);

#endif
