/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flowfile.h. What a flowfile holds of its part is a run of inflated bytes, and where it
 * begins: so many bytes behind the start of a gzip member. From there it can be inflated again at
 * any time, so that what follows, and what was given back, is found in the same way.
 */
#include "fetch/flowfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fileio.h"
#include "fetch/inflater.h"
#include "pcapfile/fault.h"
#include "pcapfile/pcapfmt.h"

/* Small members are inflated together until there is this much of them. */
#define GATHER_BYTES 16384u

#define NOWHERE UINT32_MAX

struct flowfile_pool {
	struct partfile_places places;
	size_t held;       /* bytes of all flowfiles */
	size_t limit;      /* of each, when it is filled the next time */
	uint64_t inflated; /* so far */
	struct inflater *inflater;
};

/* A place in what is inflated: so many bytes from a member on. */
struct place {
	uint64_t member;
	uint32_t skip;
};

struct flowfile {
	struct flowfile_pool *pool;
	const struct part *part;
	struct part *moved;  /* where it lies now; NULL: where it was */
	struct fault *fault; /* NULL: none */
	uint8_t *bytes;      /* inflated; NULL: none, or given back */
	uint32_t end;        /* how many */
	uint32_t at;         /* where the next packet begins in them */
	uint32_t last;       /* and the one that was given last */
	struct place from;   /* where they begin */
	/*
	 * How far it was inflated, counted from from.member: the last member that gave anything,
	 * and all of them. NOWHERE while nothing is inflated.
	 */
	uint32_t last_at, total;
	uint64_t last_member, next_member;
	uint64_t size; /* of the part, since it was opened */
	uint64_t pkts; /* given */
	int answer;    /* 1 until all is inflated; what then follows the last packet */
	bool begun;    /* the file header was seen */
	bool ended;
};

int flowfile_pool_new(const struct partfile_places *places, struct flowfile_pool **ret_pool)
{
	struct flowfile_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return -ENOMEM;
	pool->places = *places;
	pool->limit = SIZE_MAX;
	if (inflater_new(&pool->inflater) != 0) {
		free(pool);
		return -ENOMEM;
	}
	*ret_pool = pool;
	return 0;
}

void flowfile_pool_free(struct flowfile_pool *pool)
{
	if (pool == NULL)
		return;
	inflater_free(pool->inflater);
	free(pool);
}

size_t flowfile_pool_held(const struct flowfile_pool *pool)
{
	return pool->held;
}

uint64_t flowfile_pool_inflated(const struct flowfile_pool *pool)
{
	return pool->inflated;
}

void flowfile_pool_limit(struct flowfile_pool *pool, size_t bytes)
{
	pool->limit = bytes;
}

int flowfile_open(struct flowfile_pool *pool, const struct part *p, struct flowfile **ret_file)
{
	struct flowfile *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -ENOMEM;
	f->pool = pool;
	f->part = p;
	f->last_at = f->total = NOWHERE;
	f->answer = 1;
	*ret_file = f;
	return 0;
}

/* As fault_set. Most parts have none, and there may be a million of them. */
__attribute__((format(printf, 3, 4))) static int fail(
    struct flowfile *f, int error, const char *format, ...)
{
	va_list ap;

	if (f->fault == NULL)
		f->fault = calloc(1, sizeof(*f->fault));
	if (f->fault == NULL)
		return error;
	va_start(ap, format);
	(void)fault_setv(f->fault, error, format, ap); /* it returns our own error */
	va_end(ap);
	return error;
}

/* ---- inflating ---- */

/* Returns 0 and *ret_extent, which is closed after use; -errno. */
static int open_part(struct flowfile *f, struct extent *ret_extent)
{
	struct fault fault = {""};
	int rv = partfile_open(&f->pool->places, f->part, &f->moved, ret_extent, &fault);

	if (rv != 0)
		return fail(f, rv, "%s", fault.text);
	f->size = ret_extent->length;
	return 0;
}

/* Length of the record at p. Returns 0 where it is not all there, or impossible. */
static size_t whole_record(const uint8_t *p, size_t have)
{
	uint32_t caplen;

	if (have < PCAPFMT_RECORD_HEADER_BYTES)
		return 0;
	caplen = pcapfmt_get_le32(p + 8);
	if (caplen > PACKET_MAX_CAPLEN || have - PCAPFMT_RECORD_HEADER_BYTES < caplen)
		return 0;
	return PCAPFMT_RECORD_HEADER_BYTES + caplen;
}

/* A header says what no record of ours has. */
static bool is_impossible(const uint8_t *p, size_t have)
{
	return have >= PCAPFMT_RECORD_HEADER_BYTES && pcapfmt_get_le32(p + 8) > PACKET_MAX_CAPLEN;
}

/* Where records begin in what is inflated. */
static size_t first_record(const struct flowfile *f)
{
	return f->from.skip + (f->begun ? 0 : PCAPFMT_FILE_HEADER_BYTES);
}

/* Is that worth a stop? A packet may lie in several members, where they were packed anew. */
static bool is_enough(const struct flowfile *f)
{
	size_t first = first_record(f), count, want = f->pool->limit;
	const uint8_t *bytes = inflater_bytes(f->pool->inflater, &count);
	size_t have = count > first ? count - first : 0;

	if (have < (want < GATHER_BYTES ? want : GATHER_BYTES))
		return false;
	return whole_record(bytes + first, have) > 0 || is_impossible(bytes + first, have);
}

/* Inflates the members from f->from on. What one that is cut gave up to there is kept. */
static int inflate_members(struct flowfile *f)
{
	struct inflater *n = f->pool->inflater;
	struct fault fault = {""};
	struct extent e = {.fd = -1};
	size_t before = 0, count;
	int rv = open_part(f, &e);

	inflater_begin(n, &e, f->from.member);
	if (rv != 0)
		return rv;
	for (rv = 1; rv == 1 && !is_enough(f); before = count) {
		uint64_t member = inflater_offset(n);

		rv = inflater_next(n, &fault);
		(void)inflater_bytes(n, &count);
		if (count > before) {
			f->last_member = member;
			f->last_at = (uint32_t)before; /* INFLATER_MAX_BYTES bounds it */
		}
	}
	fileio_close(e.fd);
	f->next_member = inflater_offset(n);
	f->total = (uint32_t)before;
	f->pool->inflated += before;
	return rv < 0 ? fail(f, rv, "%s", fault.text) : rv;
}

/* Where to stop keeping: behind as many whole packets as fit, and at least one. */
static size_t within_limit(const struct flowfile *f)
{
	size_t count, first = first_record(f), at = first, length;
	const uint8_t *bytes = inflater_bytes(f->pool->inflater, &count);

	if (count <= first || count - first <= f->pool->limit)
		return count;
	while ((length = whole_record(bytes + at, count - at)) > 0 &&
	       (at == first || at - first + length <= f->pool->limit))
		at += length;
	return at > first ? at : count;
}

/* Fills the buffer, which is empty. Its answer says how it goes on. */
static void load(struct flowfile *f)
{
	const uint8_t *bytes;
	size_t stop, count;

	f->answer = inflate_members(f);
	bytes = inflater_bytes(f->pool->inflater, &count);
	stop = within_limit(f);
	if (stop <= f->from.skip)
		return;
	if (stop < count)
		f->answer = 1; /* what comes behind is met again */
	f->end = (uint32_t)(stop - f->from.skip);
	f->bytes = malloc(f->end);
	if (f->bytes == NULL) {
		f->end = 0;
		f->answer = fail(f, -ENOMEM, "no memory");
		return;
	}
	memcpy(f->bytes, bytes + f->from.skip, f->end);
	f->pool->held += f->end;
}

static void drop(struct flowfile *f)
{
	f->pool->held -= f->end;
	free(f->bytes);
	f->bytes = NULL;
	f->at = f->end = 0;
}

/* Empties the buffer; it is to begin at what is now its byte `at`. */
static void move_to(struct flowfile *f, uint32_t at)
{
	uint32_t skip = f->from.skip + at;

	if (f->total != NOWHERE && f->answer == 1 && skip == f->total)
		f->from = (struct place){f->next_member, 0};
	else if (f->last_at != NOWHERE && skip >= f->last_at)
		f->from = (struct place){f->last_member, skip - f->last_at};
	else
		f->from.skip = skip;
	f->last_at = f->total = NOWHERE;
	f->answer = 1;
	drop(f);
}

/* ---- packets ---- */

/* The part begins as every flow file of that link type does. */
static int take_file_header(struct flowfile *f)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	pcapfmt_file_header(f->part->key.linktype, header);
	if (f->end < sizeof(header) && f->answer < 0)
		return f->answer;
	if (f->end == 0)
		return fail(f, -EBADMSG, "empty");
	if (f->end < sizeof(header) || memcmp(f->bytes, header, sizeof(header)) != 0)
		return fail(f, -EBADMSG,
		    "its pcap header is not that of a flow of link type %" PRIu32,
		    f->part->key.linktype);
	f->at = sizeof(header);
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
		return fail(f, -EBADMSG, "cut: it ends inside packet %" PRIu64, f->pkts + 1);
	if (f->size != f->part->length)
		return fail(f, -EBADMSG,
		    "has %" PRIu64 " bytes and %" PRIu64 " packets, but the index says %" PRIu64
		    " and %" PRIu64,
		    f->size, f->pkts, f->part->length, want);
	if (f->pkts != want)
		return fail(f, -EBADMSG, "has %" PRIu64 " packets, but the index says %" PRIu64,
		    f->pkts, want);
	return 0;
}

/* The whole record at f->at. Returns 1; 0 it is not all there; -EBADMSG. */
static int take_record(struct flowfile *f, struct flowfile_packet *ret_packet)
{
	const uint8_t *p = f->bytes + f->at;
	size_t have = f->end - f->at, length = whole_record(p, have);

	if (is_impossible(p, have))
		return fail(
		    f, -EBADMSG, "packet %" PRIu64 " has an impossible length", f->pkts + 1);
	if (length == 0)
		return 0;
	ret_packet->bytes = p;
	ret_packet->length = (uint32_t)length;
	ret_packet->ts_ns = (int64_t)pcapfmt_get_le32(p) * 1000000000 + pcapfmt_get_le32(p + 4);
	f->last = f->at;
	f->at += ret_packet->length;
	f->pkts++;
	return 1;
}

static int end_here(struct flowfile *f, int answer)
{
	drop(f);
	f->answer = answer;
	f->ended = true;
	return answer;
}

int flowfile_next(struct flowfile *f, struct flowfile_packet *ret_packet)
{
	int rv;

	if (f->ended)
		return f->answer;
	while ((rv = f->bytes != NULL ? take_record(f, ret_packet) : 0) == 0) {
		if (f->answer != 1)
			return end_here(f, check_end(f));
		move_to(f, f->at);
		load(f);
		if (!f->begun && (rv = take_file_header(f)) != 0)
			break;
	}
	return rv == 1 ? 1 : end_here(f, rv);
}

int flowfile_again(struct flowfile *f, struct flowfile_packet *ret_packet)
{
	if (f->bytes != NULL) {
		f->at = f->last;
		f->pkts--;
	}
	return flowfile_next(f, ret_packet);
}

void flowfile_evict(struct flowfile *f)
{
	if (f->bytes == NULL)
		return;
	f->pkts--;
	move_to(f, f->last);
}

size_t flowfile_held(const struct flowfile *f)
{
	return f->end;
}

uint64_t flowfile_number(const struct flowfile *f)
{
	return f->pkts;
}

const char *flowfile_record(struct flowfile *f, char *buf)
{
	struct fault fault = {""};
	struct extent e;

	buf[0] = '\0';
	if (partfile_open(&f->pool->places, f->part, &f->moved, &e, &fault) != 0)
		return buf; /* whoever reads on is told */
	(void)partfile_record(&e, buf);
	fileio_close(e.fd);
	return buf;
}

const char *flowfile_error(const struct flowfile *f)
{
	return f->fault != NULL ? f->fault->text : "";
}

const struct part *flowfile_part(const struct flowfile *f)
{
	return f->moved != NULL ? f->moved : f->part;
}

void flowfile_close(struct flowfile *f)
{
	if (f == NULL)
		return;
	drop(f);
	free(f->fault);
	free(f->moved);
	free(f);
}
