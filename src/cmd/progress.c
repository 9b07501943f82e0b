/* SPDX-License-Identifier: BSD-2-Clause */
/* See progress.h. */
#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/report.h"

#define BAR_CELLS 24

bool progress_wanted(const struct options *o)
{
	if (o->progress == PROGRESS_AUTO)
		return !o->quiet && isatty(STDERR_FILENO) == 1;
	return o->progress == PROGRESS_ALWAYS;
}

static void bar_text(double share, char *buf)
{
	int full = (int)(share * BAR_CELLS);

	for (int i = 0; i < BAR_CELLS; i++)
		buf[i] = i < full ? '#' : '.';
	buf[BAR_CELLS] = '\0';
}

void progress_show(uint64_t done_bytes, uint64_t total_bytes, uint64_t count, const char *things,
    int64_t elapsed_ns)
{
	char line[200], bar[BAR_CELLS + 1], done[REPORT_BYTES_SIZE], rate[REPORT_BYTES_SIZE];
	double seconds = (double)elapsed_ns / 1e9, share;
	uint64_t per_second = seconds > 0 ? (uint64_t)((double)done_bytes / seconds) : 0;

	(void)report_bytes(done_bytes, done);
	(void)report_bytes(per_second, rate);
	if (total_bytes == 0) {
		(void)snprintf(
		    line, sizeof(line), "%s read, %s/s, %" PRIu64 " %s", done, rate, count, things);
		log_status(line);
		return;
	}
	share = (double)done_bytes / (double)total_bytes;
	if (share > 1)
		share = 1;
	bar_text(share, bar);
	(void)snprintf(line, sizeof(line), "[%s] %3.0f%%  %s, %s/s, %" PRIu64 " %s, %.0f s left",
	    bar, share * 100, done, rate, count, things,
	    share > 0 ? seconds * (1 - share) / share : 0);
	log_status(line);
}

void progress_end(void)
{
	log_status("");
}
