/* SPDX-License-Identifier: BSD-2-Clause */
/* See flowfile.h. */
#include "fetch/flowfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fileio.h"
#include "pcapfile/fault.h"
#include "pcapfile/pcapfmt.h"

/* Small members are inflated together until there is this much of them. */
#define GATHER_BYTES 16384u

#define IN_BYTES 32768u

/*
 * The writer puts 64 KiB into a member, or one larger packet. A file that was packed anew by hand
 * may have a single one, which is taken too, up to a bound.
 */
#define OUT_MIN_BYTES (128u << 10)
#define OUT_MAX_BYTES (64u << 20)

struct inflater {
	z_stream z;
	uint8_t *out;
	size_t out_bytes, out_room;
	uint8_t in[IN_BYTES];
};

struct flowfile {
	const struct archive *archive;
	const struct part *part;
	struct inflater *inflater;
	uint64_t offset; /* of the member to inflate next */
	uint64_t size;   /* of the file, once it was opened */
	uint8_t *bytes;  /* inflated, */
	size_t at, end;  /* and not given yet: from at to end */
	uint64_t pkts;   /* given */
	bool begun;      /* the file header was seen */
	int answer;      /* 1 until all is inflated; what then follows the last packet */
	struct fault fault;
};

int flowfile_inflater_new(struct inflater **ret_inflater)
{
	struct inflater *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	n->out = malloc(OUT_MIN_BYTES);
	n->out_room = OUT_MIN_BYTES;
	/* 15: the largest window; +16: gzip frames only (zlib.h, inflateInit2). */
	if (n->out == NULL || inflateInit2(&n->z, 15 + 16) != Z_OK) {
		free(n->out);
		free(n);
		return -ENOMEM;
	}
	*ret_inflater = n;
	return 0;
}

void flowfile_inflater_free(struct inflater *n)
{
	if (n == NULL)
		return;
	(void)inflateEnd(&n->z); /* fails only for a stream that was never set up */
	free(n->out);
	free(n);
}

int flowfile_open(
    const struct archive *a, const struct part *p, struct inflater *z, struct flowfile **ret_file)
{
	struct flowfile *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -ENOMEM;
	f->archive = a;
	f->part = p;
	f->inflater = z;
	f->answer = 1;
	*ret_file = f;
	return 0;
}

/* More room for what is inflated, within bounds. */
static int make_room(struct flowfile *f)
{
	struct inflater *n = f->inflater;
	uint8_t *more;

	if (n->out_bytes < n->out_room)
		return 0;
	if (n->out_room >= OUT_MAX_BYTES)
		return fault_set(
		    &f->fault, -EBADMSG, "not a flow file: its gzip members are too large");
	more = realloc(n->out, n->out_room * 2);
	if (more == NULL)
		return fault_set(&f->fault, -ENOMEM, "no memory");
	n->out = more;
	n->out_room *= 2;
	return 0;
}

/* More of the file. Returns 1; 0 there is no more; -errno. */
static int refill(struct flowfile *f, int fd)
{
	z_stream *z = &f->inflater->z;
	ssize_t n = fileio_pread(fd, f->inflater->in, IN_BYTES, f->offset + z->total_in);

	if (n < 0)
		return fault_set(&f->fault, (int)n, "%s", strerror((int)-n));
	z->next_in = f->inflater->in;
	z->avail_in = (uInt)n;
	return n > 0;
}

/* What a member gave that fails its checksum is not given on: every packet is what it was, or none.
 */
static int damaged_member(struct flowfile *f, size_t out_before, const char *what)
{
	f->inflater->out_bytes = out_before;
	return fault_set(&f->fault, -EBADMSG,
	    "gzip: %s, in the member at byte %" PRIu64
	    " of the file; from there on its packets are left out",
	    what, f->offset);
}

/* Inflates the member at f->offset. Returns 1; 0 the file ends properly; -errno. */
static int take_member(struct flowfile *f, int fd)
{
	struct inflater *n = f->inflater;
	size_t out_before = n->out_bytes;
	z_stream *z = &n->z;
	int rv;

	(void)inflateReset(z); /* fails only for a stream that was never set up */
	for (;;) {
		if ((rv = make_room(f)) != 0)
			return rv;
		if (z->avail_in == 0 && (rv = refill(f, fd)) <= 0)
			return rv < 0 || z->total_in == 0
				   ? rv
				   : fault_set(&f->fault, -EBADMSG,
					 "cut: it ends inside a gzip member, at byte %" PRIu64,
					 f->offset + z->total_in);
		z->next_out = n->out + n->out_bytes;
		z->avail_out = (uInt)(n->out_room - n->out_bytes);
		rv = inflate(z, Z_NO_FLUSH);
		n->out_bytes = n->out_room - z->avail_out;
		if (rv == Z_STREAM_END) {
			f->offset += z->total_in;
			return 1;
		}
		if (rv == Z_MEM_ERROR)
			return fault_set(&f->fault, -ENOMEM, "no memory");
		if (rv != Z_OK && rv != Z_BUF_ERROR)
			return damaged_member(f, out_before, z->msg != NULL ? z->msg : "damaged");
	}
}

/* Returns a descriptor; -errno. Later opens look for what has become of the file since the first.
 */
static int open_file(struct flowfile *f)
{
	char path[PARTLIST_PATH_SIZE];
	int fd = openat(archive_root(f->archive), partlist_path(f->part, path),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rv;

	if (fd < 0) {
		rv = -errno;
		return fault_set(&f->fault, rv, "%s", rv == -ENOENT ? "missing" : strerror(-rv));
	}
	rv = fileio_size(fd, &f->size);
	if (rv != 0) {
		fileio_close(fd);
		return fault_set(&f->fault, rv, "%s", strerror(-rv));
	}
	return fd;
}

/* Moves what was inflated behind what is left of the bytes before it. */
static int keep_inflated(struct flowfile *f)
{
	struct inflater *n = f->inflater;
	size_t left = f->end - f->at;
	uint8_t *bytes;

	if (n->out_bytes == 0)
		return 0;
	bytes = malloc(left + n->out_bytes);
	if (bytes == NULL)
		return fault_set(&f->fault, -ENOMEM, "no memory");
	if (left > 0)
		memcpy(bytes, f->bytes + f->at, left);
	memcpy(bytes + left, n->out, n->out_bytes);
	free(f->bytes);
	f->bytes = bytes;
	f->at = 0;
	f->end = left + n->out_bytes;
	return 0;
}

/* Inflates the next members. What one that is cut gave up to there is kept. */
static void load(struct flowfile *f)
{
	struct inflater *n = f->inflater;
	int fd = open_file(f), rv = 1;

	n->out_bytes = 0;
	n->z.avail_in = 0;
	if (fd < 0)
		rv = fd;
	while (rv == 1 && n->out_bytes < GATHER_BYTES)
		rv = take_member(f, fd);
	fileio_close(fd);
	f->answer = rv;
	rv = keep_inflated(f);
	if (rv != 0)
		f->answer = rv;
}

/* The file begins as every flow file of that link type does. */
static int take_file_header(struct flowfile *f)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];
	size_t have = f->end - f->at;

	pcapfmt_file_header(f->part->key.linktype, header);
	if (have < sizeof(header) && f->answer < 0)
		return f->answer;
	if (have == 0)
		return fault_set(&f->fault, -EBADMSG, "empty");
	if (have < sizeof(header) || memcmp(f->bytes + f->at, header, sizeof(header)) != 0)
		return fault_set(&f->fault, -EBADMSG,
		    "its pcap header is not that of a flow of link type %" PRIu32,
		    f->part->key.linktype);
	f->at += sizeof(header);
	f->begun = true;
	return 0;
}

/* All packets were given: is that what there should be? */
static int check_end(struct flowfile *f)
{
	uint64_t want = f->part->tally.pkts[0] + f->part->tally.pkts[1];

	if (f->answer < 0)
		return f->answer;
	if (f->at < f->end)
		return fault_set(
		    &f->fault, -EBADMSG, "cut: it ends inside packet %" PRIu64, f->pkts + 1);
	if (f->size != f->part->length)
		return fault_set(&f->fault, -EBADMSG,
		    "has %" PRIu64 " bytes and %" PRIu64 " packets, but the index says %" PRIu64
		    " and %" PRIu64,
		    f->size, f->pkts, f->part->length, want);
	if (f->pkts != want)
		return fault_set(&f->fault, -EBADMSG,
		    "has %" PRIu64 " packets, but the index says %" PRIu64, f->pkts, want);
	return 0;
}

/* The whole record at f->at. Returns 1; 0 it is not all there; -EBADMSG. */
static int take_record(struct flowfile *f, struct flowfile_packet *ret_packet)
{
	const uint8_t *p = f->bytes + f->at;
	size_t have = f->end - f->at;
	uint32_t caplen;

	if (have < PCAPFMT_RECORD_HEADER_BYTES)
		return 0;
	caplen = pcapfmt_get_le32(p + 8);
	if (caplen > PACKET_MAX_CAPLEN)
		return fault_set(&f->fault, -EBADMSG, "packet %" PRIu64 " has an impossible length",
		    f->pkts + 1);
	if (have < PCAPFMT_RECORD_HEADER_BYTES + caplen)
		return 0;
	ret_packet->bytes = p;
	ret_packet->length = PCAPFMT_RECORD_HEADER_BYTES + caplen;
	ret_packet->ts_ns = (int64_t)pcapfmt_get_le32(p) * 1000000000 + pcapfmt_get_le32(p + 4);
	f->at += ret_packet->length;
	f->pkts++;
	return 1;
}

static int end_here(struct flowfile *f, int answer)
{
	free(f->bytes);
	f->bytes = NULL;
	f->at = f->end = 0;
	f->answer = answer;
	return answer;
}

int flowfile_next(struct flowfile *f, struct flowfile_packet *ret_packet)
{
	int rv;

	if (!f->begun) {
		if (f->answer != 1)
			return f->answer;
		load(f);
		rv = take_file_header(f);
		if (rv != 0)
			return end_here(f, rv);
	}
	while ((rv = f->bytes != NULL ? take_record(f, ret_packet) : 0) == 0) {
		if (f->answer != 1)
			return end_here(f, check_end(f));
		load(f);
	}
	return rv == 1 ? 1 : end_here(f, rv);
}

const char *flowfile_error(const struct flowfile *f)
{
	return f->fault.text;
}

void flowfile_close(struct flowfile *f)
{
	if (f == NULL)
		return;
	free(f->bytes);
	free(f);
}
