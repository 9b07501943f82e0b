/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the capture reader share: makes capture files in memory, field by field and
 * without any of the code under test, and reads them through capreader.
 */
#ifndef TESTS_PCAPFILE_CAPTEST_H
#define TESTS_PCAPFILE_CAPTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file being made. Zero it to start; numbers go in by its byte order. */
struct image {
	uint8_t *bytes;
	size_t length;
	size_t room;
	bool big_endian;
};

void image_put(struct image *f, const void *bytes, size_t n);
void image_put_zeros(struct image *f, size_t n);
void image_put16(struct image *f, uint16_t v);
void image_put32(struct image *f, uint32_t v);
void image_put64(struct image *f, uint64_t v);
void image_set32(struct image *f, size_t at, uint32_t v);
void image_free(struct image *f);

/* Packet n's bytes: byte i is n * 37 + i. */
void image_put_packet(struct image *f, unsigned int n, size_t length);

/* A pcap file header, version 2.4. */
void image_put_pcap_header(struct image *f, uint32_t magic, uint32_t linktype);

/* A pcap record header of 16 bytes. */
void image_put_record(struct image *f, uint32_t seconds, uint32_t fraction, uint32_t caplen,
		      uint32_t origlen);

/* A pcapng block: begin gives the offset that end wants; end pads, and writes both lengths. */
size_t image_begin_block(struct image *f, uint32_t type);
void image_end_block(struct image *f, size_t begin);

void image_put_section(struct image *f);

/* An interface block; the options are ready-made bytes. */
void image_put_interface(struct image *f, uint16_t linktype, uint32_t snaplen, const void *options,
			 size_t options_bytes);

/* An enhanced packet block: packet n of caplen bytes, original length the same. */
void image_put_enhanced(struct image *f, uint32_t interface, uint64_t units, unsigned int n,
			uint32_t caplen);

/* A block of zeros, with no meaning unless its type gives it one. */
void image_put_unknown(struct image *f, uint32_t type, size_t body);

/* A simple packet block with caplen bytes of packet n. */
void image_put_simple(struct image *f, unsigned int n, uint32_t origlen, uint32_t caplen);

/* An obsolete packet block: original length caplen + 5. */
void image_put_old(struct image *f, uint16_t interface, uint64_t units, unsigned int n,
		   uint32_t caplen);

/* One gzip member of length bytes; level as of zlib; an empty extra field if wanted. */
void image_put_gzip(struct image *f, const void *bytes, size_t length, int level, bool extra);

/*
 * A path under which the first length bytes of the image can be opened, from their start and as
 * often as wanted, until the next call.
 */
const char *image_path(const struct image *f, size_t length);

/* Everything that reading a capture gave. */
#define READ_MAX 64
struct reading {
	int open_result;
	int result;		/* of the capreader_next that was not 1 */
	uint64_t packets;	/* of which the first READ_MAX are below */
	struct {
		int64_t ts_ns;
		uint32_t caplen, origlen, linktype, interface;
		uint32_t number;	/* n, if the bytes are packet n's; else UINT32_MAX */
	} packet[READ_MAX];
	uint64_t byte_sum;	/* of all bytes of all packets, so that all are looked at */
	uint64_t skipped;
	char error[256];
	char skipped_error[256];
	char name[READ_MAX][300];	/* of interface n, or "(none)" */
};

/* Read all of it into a static reading, which the next call overwrites. */
const struct reading *read_path(const char *path);
const struct reading *read_image(const struct image *f);
const struct reading *read_image_cut(const struct image *f, size_t length);

/* The next of a sequence of pseudo-random numbers: xorshift64. The seed is not 0. */
uint64_t next_random(uint64_t *state);

/*
 * Write one address, then another, over four bytes of an image at a time, at every multiple of 4,
 * where its numbers must stand, and read it: the texts must be the same, so that they tell nothing
 * of what stands there.
 *
 * Returns:  how many times something was wrong with it.
 */
unsigned int read_with_addresses_everywhere(const struct image *f);

/*
 * Flip bits of an image at random, `rounds` times, 1 to 4 bits each, and read it. Whatever comes
 * out, it must end, in one of the ways that capreader.h names.
 */
void read_with_random_flips(const struct image *f, unsigned int rounds, uint64_t seed);

#endif
