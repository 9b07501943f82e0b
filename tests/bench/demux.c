/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the demux alone can do: packets per second, memory per flow, stalls, and what a million
 * flows cost a packet. Real demux, keeper, table and slab; no store, no disk. See README.
 *
 *     demux [-r ROUNDS] [-n FLOWS] [-m MIB] [-o ROWS] [CAPTURE]
 *
 * Times are CPU times of the thread, best of all rounds: other processes on the machine count for
 * little, but for what they take of caches.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demux_rows.h"

static unsigned missed;

void rows_figure(
    const char *what, double value, const char *unit, enum rows_bound bound, double target)
{
	bool met = bound == ROWS_AT_LEAST ? value >= target : value <= target;

	printf("%-50s %9.2f %-6s  at %s %g: %s\n", what, value, unit,
	    bound == ROWS_AT_LEAST ? "least" : "most", target, met ? "met" : "NOT met");
	missed += !met;
	(void)fflush(stdout); /* a line as soon as it is known */
}

void rows_detail(const char *what, double value, const char *unit)
{
	printf("    %-46s %9.*f %s\n", what, value < 1 ? 4 : 2, value, unit);
}

static void usage(void)
{
	(void)fputs("usage: demux [-r ROUNDS] [-n FLOWS] [-m MIB] [-o ROWS] [CAPTURE]\n"
		    "  -r  rounds, of which the best counts (default 7)\n"
		    "  -n  flows where there are many (default 1000000)\n"
		    "  -m  the memory of the demux, --max-memory (default 1024)\n"
		    "  -o  only rate, memory, stall or growth; rate needs CAPTURE\n",
	    stderr);
	exit(2);
}

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n < least || n > most)
		errx(2, "'%s' is not a number from %u to %u", text, least, most);
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	struct rows_options o = {.rounds = 7, .flows = 1000000, .max_memory_bytes = 1 << 30};
	const char *only = NULL;
	static const struct {
		const char *name;
		void (*run)(const struct rows_options *);
	} rows[] = {{"rate", rows_rate}, {"memory", rows_memory}, {"stall", rows_stall},
	    {"growth", rows_growth}};
	int c;

	while ((c = getopt(argc, argv, "r:n:m:o:")) != -1) {
		if (c == 'r')
			o.rounds = number(optarg, 1, 1000);
		else if (c == 'n')
			o.flows = number(optarg, 20000, 10000000);
		else if (c == 'm')
			o.max_memory_bytes = (uint64_t)number(optarg, 64, 65536) << 20;
		else if (c == 'o')
			only = optarg;
		else
			usage();
	}
	o.capture = argv[optind];
	if (argc > optind + 1 || (only != NULL && strcmp(only, "rate") == 0 && o.capture == NULL))
		usage();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((only == NULL && (rows[i].run != rows_rate || o.capture != NULL)) ||
		    (only != NULL && strcmp(only, rows[i].name) == 0))
			rows[i].run(&o);
	if (missed != 0)
		printf("%u figures are not met\n", missed);
	return 0;
}
