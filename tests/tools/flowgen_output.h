/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowgen's two products: the capture file and the list of what is in it.
 */
#ifndef TOOLS_FLOWGEN_OUTPUT_H
#define TOOLS_FLOWGEN_OUTPUT_H

#include <stdint.h>
#include <stdio.h>

#include "flowgen_flow.h"
#include "flowgen_options.h"

struct flowgen_output {
	const struct flowgen_options *options;
	FILE *list; /* NULL: not wanted */
	int fd;
	int error;          /* the first errno of a write; all later ones are skipped */
	const char *failed; /* the file that it hit */
	size_t used;
	uint64_t packets, bytes, flows; /* written */
	uint64_t last_ns;
	uint8_t buf[1 << 18];
};

/*
 * flowgen_output_open - create capture and list, write the capture's head.
 *
 * Returns:  0; -errno, and *ret_path names the file that could not be made.
 */
int flowgen_output_open(
    struct flowgen_output *out, const struct flowgen_options *o, const char **ret_path);

/*
 * flowgen_output_packet - append a frame.
 *
 * Takes:    ns since 1970, rounded as the format wants (flowgen_output_time); len on the wire.
 */
void flowgen_output_packet(
    struct flowgen_output *out, uint64_t ns, const uint8_t *data, uint32_t len);

/* flowgen_output_time - what the format keeps of a time. */
uint64_t flowgen_output_time(const struct flowgen_output *out, uint64_t ns);

/* flowgen_output_caplen - what is kept of a frame of len bytes. */
uint32_t flowgen_output_caplen(const struct flowgen_output *out, uint32_t len);

/* flowgen_output_flow - add a flow that has ended to the list. */
void flowgen_output_flow(struct flowgen_output *out, const struct flowgen_flow *f);

/*
 * flowgen_output_close - write what is left.
 *
 * Returns:  0; -errno of the first failure of all, and *ret_path names the file.
 */
int flowgen_output_close(struct flowgen_output *out, const char **ret_path);

#endif
