/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many flows at once: when each begins, which speaks next, whose tuple is taken again.
 */
#ifndef TOOLS_FLOWGEN_SCHEDULE_H
#define TOOLS_FLOWGEN_SCHEDULE_H

#include <stdint.h>

#include "flowgen_options.h"
#include "flowgen_output.h"

/*
 * flowgen_schedule_run - write all flows that the options ask for.
 *
 * Takes:    out, open; its errors end the run early.
 * Returns:  0; -ENOMEM.
 */
int flowgen_schedule_run(const struct flowgen_options *o, struct flowgen_output *out);

#endif
