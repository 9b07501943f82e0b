/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the capture reader share. See captest.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "captest.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "pcapfile/capreader.h"

void image_put(struct image *f, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	if (f->room - f->length < n) {
		f->room = (f->length + n) * 2;
		f->bytes = realloc(f->bytes, f->room);
		ck_assert_ptr_nonnull(f->bytes);
	}
	memcpy(f->bytes + f->length, bytes, n);
	f->length += n;
}

void image_put_zeros(struct image *f, size_t n)
{
	static const uint8_t zeros[4096];

	for (; n > sizeof(zeros); n -= sizeof(zeros))
		image_put(f, zeros, sizeof(zeros));
	image_put(f, zeros, n);
}

static void put_number(struct image *f, uint64_t v, unsigned int bytes)
{
	uint8_t b[8];

	for (unsigned int i = 0; i < bytes; i++)
		b[f->big_endian ? bytes - 1 - i : i] = (uint8_t)(v >> (8 * i));
	image_put(f, b, bytes);
}

void image_put16(struct image *f, uint16_t v)
{
	put_number(f, v, 2);
}

void image_put32(struct image *f, uint32_t v)
{
	put_number(f, v, 4);
}

void image_put64(struct image *f, uint64_t v)
{
	put_number(f, v, 8);
}

void image_set32(struct image *f, size_t at, uint32_t v)
{
	size_t length = f->length;

	ck_assert_uint_le(at + 4, length);
	f->length = at;
	image_put32(f, v);
	f->length = length;
}

void image_free(struct image *f)
{
	free(f->bytes);
	*f = (struct image){ 0 };
}

static uint8_t packet_byte(unsigned int n, size_t i)
{
	return (uint8_t)(n * 37 + i);
}

void image_put_packet(struct image *f, unsigned int n, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t b = packet_byte(n, i);

		image_put(f, &b, 1);
	}
}

void image_put_pcap_header(struct image *f, uint32_t magic, uint32_t linktype)
{
	image_put32(f, magic);
	image_put16(f, 2);
	image_put16(f, 4);
	image_put64(f, 0);
	image_put32(f, 65535);
	image_put32(f, linktype);
}

void image_put_record(struct image *f, uint32_t seconds, uint32_t fraction, uint32_t caplen,
		      uint32_t origlen)
{
	image_put32(f, seconds);
	image_put32(f, fraction);
	image_put32(f, caplen);
	image_put32(f, origlen);
}

size_t image_begin_block(struct image *f, uint32_t type)
{
	size_t begin = f->length;

	image_put32(f, type);
	image_put32(f, 0);
	return begin;
}

void image_end_block(struct image *f, size_t begin)
{
	image_put_zeros(f, -(f->length - begin) & 3);
	image_put32(f, 0);
	image_set32(f, begin + 4, (uint32_t)(f->length - begin));
	image_set32(f, f->length - 4, (uint32_t)(f->length - begin));
}

void image_put_section(struct image *f)
{
	size_t begin = image_begin_block(f, 0x0a0d0d0a);

	image_put32(f, 0x1a2b3c4d);
	image_put16(f, 1);
	image_put16(f, 0);
	image_put64(f, UINT64_MAX);
	image_end_block(f, begin);
}

void image_put_interface(struct image *f, uint16_t linktype, uint32_t snaplen, const void *options,
			 size_t options_bytes)
{
	size_t begin = image_begin_block(f, 1);

	image_put16(f, linktype);
	image_put16(f, 0);
	image_put32(f, snaplen);
	image_put(f, options, options_bytes);
	image_end_block(f, begin);
}

void image_put_enhanced(struct image *f, uint32_t interface, uint64_t units, unsigned int n,
			uint32_t caplen)
{
	size_t begin = image_begin_block(f, 6);

	image_put32(f, interface);
	image_put32(f, (uint32_t)(units >> 32));
	image_put32(f, (uint32_t)units);
	image_put32(f, caplen);
	image_put32(f, caplen);
	image_put_packet(f, n, caplen);
	image_end_block(f, begin);
}

void image_put_unknown(struct image *f, uint32_t type, size_t body)
{
	size_t begin = image_begin_block(f, type);

	image_put_zeros(f, body);
	image_end_block(f, begin);
}

void image_put_simple(struct image *f, unsigned int n, uint32_t origlen, uint32_t caplen)
{
	size_t begin = image_begin_block(f, 3);

	image_put32(f, origlen);
	image_put_packet(f, n, caplen);
	image_end_block(f, begin);
}

void image_put_old(struct image *f, uint16_t interface, uint64_t units, unsigned int n,
		    uint32_t caplen)
{
	size_t begin = image_begin_block(f, 2);

	image_put16(f, interface);
	image_put16(f, 3); /* drops */
	image_put32(f, (uint32_t)(units >> 32));
	image_put32(f, (uint32_t)units);
	image_put32(f, caplen);
	image_put32(f, caplen + 5);
	image_put_packet(f, n, caplen);
	image_end_block(f, begin);
}

void image_put_gzip(struct image *f, const void *bytes, size_t length, int level, bool extra)
{
	size_t room = length + length / 100 + 1024;
	uint8_t *out = malloc(room);
	uint8_t field[] = { 'F', 'K', 2, 0, '{', '}' };
	gz_header header = { .os = 255, .extra = field, .extra_len = sizeof(field) };
	z_stream z = { 0 };

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (extra)
		ck_assert_int_eq(deflateSetHeader(&z, &header), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
	z.avail_in = (uInt)length;
	z.next_out = out;
	z.avail_out = (uInt)room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	image_put(f, out, z.total_out);
	ck_assert_int_eq(deflateEnd(&z), Z_OK);
	free(out);
}

const char *image_path(const struct image *f, size_t length)
{
	static char path[64];
	static int fd = -1;
	size_t done = 0;

	if (fd >= 0)
		(void)close(fd);
	fd = memfd_create("capture", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	while (done < length) {
		ssize_t n = write(fd, f->bytes + done, length - done);

		ck_assert_int_gt(n, 0);
		done += (size_t)n;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static void take_packet(struct reading *all, const struct packet *p)
{
	uint64_t n = all->packets++;
	uint32_t number = p->caplen > 0 ? (uint32_t)(p->data[0] * 173 % 256) : 0; /* 37 * 173 = 1 */

	ck_assert_uint_le(p->caplen, PACKET_MAX_CAPLEN);
	for (uint32_t i = 0; i < p->caplen; i++) {
		all->byte_sum += p->data[i];
		if (p->data[i] != packet_byte(number, i))
			number = UINT32_MAX;
	}
	if (n >= READ_MAX)
		return;
	all->packet[n].ts_ns = p->ts_ns;
	all->packet[n].caplen = p->caplen;
	all->packet[n].origlen = p->origlen;
	all->packet[n].linktype = p->linktype;
	all->packet[n].interface = p->interface;
	all->packet[n].number = number;
}

const struct reading *read_path(const char *path)
{
	static struct reading all;
	struct capreader *r;
	struct packet p;

	memset(&all, 0, sizeof(all));
	all.open_result = capreader_open(path, &r);
	ck_assert_ptr_nonnull(r);
	ck_assert((all.open_result == 0) == (capreader_error(r)[0] == '\0'));
	while ((all.result = capreader_next(r, &p)) == 1)
		take_packet(&all, &p);
	ck_assert_int_eq(capreader_next(r, &p), all.result);
	ck_assert((all.result == 0) == (capreader_error(r)[0] == '\0'));
	ck_assert_ptr_null(strchr(capreader_error(r), '\n'));
	if (all.open_result != 0)
		ck_assert_int_eq(all.result, all.open_result);
	all.skipped = capreader_skipped(r);
	ck_assert((all.skipped == 0) == (capreader_skipped_error(r)[0] == '\0'));
	(void)snprintf(all.error, sizeof(all.error), "%s", capreader_error(r));
	(void)snprintf(all.skipped_error, sizeof(all.skipped_error), "%s",
		       capreader_skipped_error(r));
	for (uint32_t n = 0; n < READ_MAX; n++) {
		const char *name = capreader_interface_name(r, n);

		(void)snprintf(all.name[n], sizeof(all.name[n]), "%s",
			       name != NULL ? name : "(none)");
	}
	capreader_close(r);
	return &all;
}

const struct reading *read_image(const struct image *f)
{
	return read_path(image_path(f, f->length));
}

const struct reading *read_image_cut(const struct image *f, size_t length)
{
	return read_path(image_path(f, length));
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * Both addresses are larger than any length of the images that are read, in either byte order, and
 * unlike any number that has a meaning: what differs is their bytes alone.
 */
unsigned int read_with_addresses_everywhere(const struct image *f)
{
	static const uint8_t addresses[2][4] = { { 203, 0, 113, 7 }, { 198, 51, 100, 9 } };
	static struct reading first;
	struct image bad = { 0 };
	unsigned int faults = 0;

	image_put(&bad, f->bytes, f->length);
	for (size_t at = 0; at + 4 <= f->length; at += 4) {
		const struct reading *second;

		memcpy(bad.bytes + at, addresses[0], 4);
		first = *read_image(&bad);
		memcpy(bad.bytes + at, addresses[1], 4);
		second = read_image(&bad);
		ck_assert_msg(strcmp(first.error, second->error) == 0, "byte %zu: %s, but: %s", at,
			      first.error, second->error);
		ck_assert_msg(strcmp(first.skipped_error, second->skipped_error) == 0,
			      "byte %zu: %s, but: %s", at, first.skipped_error,
			      second->skipped_error);
		faults += first.error[0] != '\0' || first.skipped_error[0] != '\0';
		memcpy(bad.bytes + at, f->bytes + at, 4);
	}
	image_free(&bad);
	return faults;
}

void read_with_random_flips(const struct image *f, unsigned int rounds, uint64_t seed)
{
	struct image bad = { 0 };

	for (unsigned int round = 0; round < rounds; round++) {
		unsigned int flips = 1 + (unsigned int)(next_random(&seed) % 4);
		const struct reading *all;

		bad.length = 0;
		image_put(&bad, f->bytes, f->length);
		while (flips-- > 0) {
			uint64_t bit = next_random(&seed) % (f->length * 8);

			bad.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
		all = read_image(&bad);
		ck_assert_msg(all->result == 0 || all->result == -ENODATA ||
			      all->result == -EBADMSG || all->open_result == -ENOTSUP,
			      "round %u: %d %s", round, all->result, all->error);
	}
	image_free(&bad);
}
