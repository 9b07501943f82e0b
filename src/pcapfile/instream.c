/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window on an input. Bytes come in at its end and are taken from its start; only what is left
 * of a packet that crosses the end is ever moved.
 */
#include "pcapfile/instream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/gunzip.h"
#include "pcapfile/rawfile.h"

#define WINDOW_BYTES (1u << 20)

struct instream {
	struct rawfile *file;
	struct gunzip *gunzip;	/* NULL: the file is plain */

	uint8_t *window;
	size_t capacity;
	size_t start;		/* bytes before it are taken */
	size_t end;		/* bytes before it were read */
	uint64_t offset;	/* of the byte at start, in the inflated input */

	bool ended;
	int error;		/* why it ended */
	struct fault fault;	/* error in words, "" for a proper end */
};

static ssize_t read_some(struct instream *in, uint8_t *buffer, size_t capacity)
{
	ssize_t n;

	if (in->gunzip != NULL)
		return gunzip_read(in->gunzip, buffer, capacity, &in->fault);
	n = rawfile_read(in->file, buffer, capacity);
	if (n < 0)
		return fault_set(&in->fault, (int)n, "read: %s", strerror(-(int)n));
	return n;
}

/* Room for want bytes from start on: by moving what is left to the front, else by growing. */
static int make_room(struct instream *in, size_t want)
{
	uint8_t *bigger;

	if (in->capacity - in->start >= want)
		return 0;
	memmove(in->window, in->window + in->start, in->end - in->start);
	in->end -= in->start;
	in->start = 0;
	if (in->capacity >= want)
		return 0;
	want = (want + WINDOW_BYTES - 1) / WINDOW_BYTES * WINDOW_BYTES;
	bigger = realloc(in->window, want);
	if (bigger == NULL)
		return fault_set(&in->fault, -ENOMEM, "no memory");
	in->window = bigger;
	in->capacity = want;
	return 0;
}

static void end(struct instream *in, int error)
{
	in->ended = true;
	in->error = error;
}

/* Read until want bytes are there, and not longer: what a pipe has given must not wait. */
static void fill(struct instream *in, size_t want)
{
	ssize_t n;
	int error;

	if (in->start == in->end)
		in->start = in->end = 0;
	error = make_room(in, want);
	if (error < 0)
		end(in, error);
	while (in->end - in->start < want && !in->ended) {
		n = read_some(in, in->window + in->end, in->capacity - in->end);
		if (n <= 0)
			end(in, (int)n);
		else
			in->end += (size_t)n;
	}
}

/* A file that begins like a gzip member is one: no capture format begins so (RFC 1952, 2.3.1). */
static int unwrap_gzip(struct instream *in)
{
	uint8_t *inflated;
	const uint8_t *raw;
	int error;

	if (instream_peek(in, 2, &raw) < 2 || raw[0] != 0x1f || raw[1] != 0x8b)
		return 0;
	inflated = malloc(WINDOW_BYTES);
	if (inflated == NULL)
		return -ENOMEM;
	error = gunzip_new(in->file, in->window, in->capacity, in->end, &in->gunzip);
	if (error < 0) {
		free(inflated);
		return error;
	}
	in->window = inflated;
	in->capacity = WINDOW_BYTES;
	in->start = in->end = 0;
	return 0;
}

/* Makes a stream of an opened file, which it owns from now on; error tells whether it was opened. */
static int begin(struct rawfile *file, int error, struct fault *fault, struct instream **ret_in)
{
	struct instream *in = error == 0 ? calloc(1, sizeof(*in)) : NULL;

	if (in == NULL) {
		rawfile_close(error == 0 ? file : NULL);
		error = error == 0 ? -ENOMEM : error;
		return fault_set(fault, error, "%s", strerror(-error));
	}
	in->file = file;
	in->window = malloc(WINDOW_BYTES);
	in->capacity = WINDOW_BYTES;
	error = in->window != NULL ? unwrap_gzip(in) : -ENOMEM;
	if (error < 0) {
		instream_close(in);
		return fault_set(fault, error, "%s", strerror(-error));
	}
	*ret_in = in;
	return 0;
}

int instream_open(const char *path, struct fault *fault, struct instream **ret_in)
{
	struct rawfile *file = NULL;
	int error = rawfile_open(path, &file);

	return begin(file, error, fault, ret_in);
}

int instream_open_extent(
    const struct extent *e, struct fault *fault, struct instream **ret_in)
{
	struct rawfile *file = NULL;
	int error = rawfile_open_extent(e, &file);

	return begin(file, error, fault, ret_in);
}

size_t instream_peek(struct instream *in, size_t want, const uint8_t **ret_data)
{
	assert(want <= INSTREAM_MAX_PEEK);
	if (in->end - in->start < want && !in->ended)
		fill(in, want);
	*ret_data = in->window + in->start;
	return in->end - in->start;
}

size_t instream_held(const struct instream *in, const uint8_t **ret_data)
{
	*ret_data = in->window + in->start;
	return in->end - in->start;
}

void instream_take(struct instream *in, size_t n)
{
	assert(n <= in->end - in->start);
	in->start += n;
	in->offset += n;
}

uint64_t instream_skip(struct instream *in, uint64_t n)
{
	uint64_t left = n;
	const uint8_t *data;
	size_t step;

	while (left > 0) {
		step = instream_peek(in, 1, &data);
		if (step == 0)
			break;
		if (step > left)
			step = (size_t)left;
		instream_take(in, step);
		left -= step;
	}
	return n - left;
}

uint64_t instream_offset(const struct instream *in)
{
	return in->offset;
}

int instream_error(const struct instream *in)
{
	return in->error;
}

int instream_cut(const struct instream *in, struct fault *fault, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)fault_setv(fault, 0, format, ap); /* the error is chosen below */
	va_end(ap);
	if (in->error == 0)
		return -ENODATA;
	fault_append(fault, ": %s", in->fault.text);
	return in->error;
}

uint64_t instream_progress(const struct instream *in, uint64_t *ret_size_bytes)
{
	return rawfile_progress(in->file, ret_size_bytes);
}

void instream_close(struct instream *in)
{
	if (in == NULL)
		return;
	gunzip_free(in->gunzip);
	rawfile_close(in->file);
	free(in->window);
	free(in);
}
