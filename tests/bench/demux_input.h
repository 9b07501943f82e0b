/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets for the demux that cost next to nothing to have: those of a capture file, held in memory,
 * and made ones, a burst at a time, as they would lie in a ring.
 */
#ifndef BENCH_DEMUX_INPUT_H
#define BENCH_DEMUX_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "support/random.h"

/* A capture file in memory. */
struct input_capture {
	struct packet *packets;
	uint8_t *bytes;
	size_t count;
	uint64_t total_bytes; /* of all frames, as captured */
	int64_t span_ns;      /* from the first packet to the last */
};

/* input_load - reads all of a file; ends the program where it cannot. input_free - the inverse. */
void input_load(const char *path, struct input_capture *ret_capture);
void input_free(struct input_capture *c);

#define INPUT_BURST       64
#define INPUT_FRAME_BYTES 80

/* Frames of one burst, in order. */
struct input_burst {
	struct packet packets[INPUT_BURST];
	uint8_t bytes[INPUT_BURST][INPUT_FRAME_BYTES];
	unsigned count;
};

enum input_kind {
	INPUT_SYN, /* 74 bytes: a SYN with the options of Linux */
	INPUT_ACK  /* 66 bytes: the headers of a segment with time stamps */
};

/* input_begin - an empty burst that is to have frames of one kind. */
void input_begin(struct input_burst *b, enum input_kind kind);

/* input_add - the next frame: of this flow, from its client or from its server, at this time. */
void input_add(struct input_burst *b, uint32_t flow, int from_server, int64_t ts_ns);

/* input_random - fill the burst with packets of flows below n, each step_ns after the one before.
 */
void input_random(
    struct input_burst *b, struct random *r, uint32_t n, int64_t *ts_ns, int64_t step_ns);

#endif
