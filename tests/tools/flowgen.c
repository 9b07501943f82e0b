/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowgen - make a capture of as many realistic flows as a test or a measurement needs, and the
 * list of what is in it, the same on every machine. `flowgen --help` tells all.
 *
 *     cc -std=gnu17 -O2 -o flowgen flowgen*.c
 *
 * flowgen_options   what the user wants
 * flowgen_schedule  when flows begin, who speaks next    (flowgen_heap)
 * flowgen_flow      what a flow says next                (flowgen_tcp, flowgen_plan)
 * flowgen_frame     the frame that says it               (flowgen_payload)
 * flowgen_output    the files
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowgen_options.h"
#include "flowgen_output.h"
#include "flowgen_schedule.h"

enum exit_code { EXIT_WRITTEN, EXIT_CANNOT, EXIT_USAGE };

static int complain(const char *path, int error)
{
	fprintf(stderr, "flowgen: %s: %s\n", path, strerror(-error));
	return EXIT_CANNOT;
}

static int generate(const struct flowgen_options *o, struct flowgen_output *out)
{
	const char *path = o->path;
	int error = flowgen_output_open(out, o, &path);

	if (error != 0)
		return complain(path, error);
	error = flowgen_schedule_run(o, out);
	if (error != 0)
		return complain("flows", error);
	error = flowgen_output_close(out, &path);
	if (error != 0)
		return complain(path, error);
	if (o->verbose)
		fprintf(stderr,
		    "flowgen: %" PRIu64 " flows, %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
		    " ms\n",
		    out->flows, out->packets, out->bytes, (out->last_ns - o->start_ns) / 1000000);
	return EXIT_WRITTEN;
}

int main(int argc, char **argv)
{
	struct flowgen_options options;
	struct flowgen_output *out;
	int code;

	switch (flowgen_options_parse(argc, argv, &options)) {
	case FLOWGEN_HELPED:
		return fflush(stdout) == 0 ? EXIT_WRITTEN : EXIT_CANNOT;
	case FLOWGEN_REFUSED:
		return EXIT_USAGE;
	case FLOWGEN_RUN:
		break;
	}
	out = malloc(sizeof(*out));
	if (out == NULL)
		return complain("buffers", -ENOMEM);
	code = generate(&options, out);
	free(out);
	return code;
}
