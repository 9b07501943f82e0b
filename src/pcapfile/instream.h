/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input as a stream of bytes that is looked at through a window: a reader asks to see so many
 * bytes in one piece, then takes them. Inflates by itself when the file is gzip'd, never seeks, and
 * holds the same memory whatever the size of the input.
 *
 * Life-cycle:  open, peek and take, close.
 * Threads:     one at a time, but for instream_progress.
 */
#ifndef PCAPFILE_INSTREAM_H
#define PCAPFILE_INSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/fileio.h"
#include "pcapfile/fault.h"

/* The most that can be seen in one piece. The window starts smaller and grows when it must. */
#define INSTREAM_MAX_PEEK (16u << 20)

struct instream;

/*
 * instream_open - open an input and find out whether it is gzip'd.
 *
 * Takes:    path, or "-" for the standard input; where to write what is wrong.
 * Returns:  0 and *ret_in; -errno of open(2), fstat(2) or read(2); -EISDIR; -ENOMEM.
 */
int instream_open(const char *path, struct fault *fault, struct instream **ret_in);

/* instream_open_extent - the same of a range of an open file, see rawfile_open_extent. */
int instream_open_extent(
    const struct extent *e, struct fault *fault, struct instream **ret_in);

/*
 * instream_peek - see the next bytes without taking them.
 *
 * Takes:    in; want, at most INSTREAM_MAX_PEEK.
 * Returns:  how many bytes lie at *ret_data, at least want unless the input ends before, and then
 *           instream_error tells why. They are borrowed until the next instream_peek or
 *           instream_skip.
 */
size_t instream_peek(struct instream *in, size_t want, const uint8_t **ret_data);

/*
 * instream_held - see what is there already: nothing is read, and nothing that was lent moves.
 *
 * Returns:  how many bytes lie at *ret_data.
 */
size_t instream_held(const struct instream *in, const uint8_t **ret_data);

/* instream_take - go on by n bytes, which the last peek has shown. What it lent stays lent. */
void instream_take(struct instream *in, size_t n);

/*
 * instream_skip - go on by n bytes unseen, as many as they are.
 *
 * Returns:  how many bytes were passed over: less than n only where the input ends.
 */
uint64_t instream_skip(struct instream *in, uint64_t n);

/* instream_offset - how many (inflated) bytes were taken and skipped: where the next peek looks. */
uint64_t instream_offset(const struct instream *in);

/*
 * instream_error - why there are no more bytes.
 *
 * Returns:  0 the input is at its proper end, or has not ended; -ENODATA its gzip stream is cut;
 *           -EBADMSG that is damaged; -ENOMEM; -errno of read(2).
 */
int instream_error(const struct instream *in);

/*
 * instream_cut - complain that the input ends in the middle of something.
 *
 * Takes:    in, which has ended; the fault to write; a printf format and what belongs to it. The
 *           reason why the input ended is added when there is one.
 * Returns:  instream_error where the input itself is at fault, else -ENODATA.
 */
int instream_cut(const struct instream *in, struct fault *fault, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* instream_progress - bytes of the file read so far, and its size (0: none). Threads: any. */
uint64_t instream_progress(const struct instream *in, uint64_t *ret_size_bytes);

/* instream_close - give everything back. Takes NULL. */
void instream_close(struct instream *in);

#endif
