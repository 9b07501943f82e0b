/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sub-commands, one per file. Each takes parsed options and returns the exit status.
 *
 * Threads:  main.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/options.h"

int cmd_split(const struct options *o);
int cmd_capture(const struct options *o);
int cmd_fetch(const struct options *o);
int cmd_find(const struct options *o);
int cmd_verify(const struct options *o);
int cmd_reindex(const struct options *o);
int cmd_events(const struct options *o);
int cmd_prune(const struct options *o);
int cmd_pack(const struct options *o);
int cmd_pin(const struct options *o);
int cmd_du(const struct options *o);

#endif
