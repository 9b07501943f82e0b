/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many parts in one file, see segment.h. Each store has a segment of its own per day. Small parts
 * are gathered in memory and written together; a part that was staged and is large becomes a
 * segment of its own: it is staged with room for the header in front, so that it is not written
 * twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "archive/store_private.h"
#include "archive/tarfmt.h"
#include "base/clk.h"

/* ---- the segment of a day ---- */

void store_segments_close(struct store *s, struct store_day *d)
{
	int rv;

	if (d->segment_fd < 0)
		return;
	rv = segment_end(d->segment_fd, d->segment_size);
	if (rv == 0)
		rv = store_sync(s, d->segment_fd);
	if (rv != 0 && s->config.catalog != NULL) /* mending ends it as well */
		catalog_damage(s->config.catalog, d->day, rv);
	fileio_close(d->segment_fd);
	(void)archive_mark_segment(s->config.archive, d->day, d->segment, false);
	d->segment_fd = -1;
}

static int open_segment(struct store *s, struct store_day *d)
{
	uint32_t number = d->next_segment;
	int fd = segment_create(d->fd, &number), rv;

	if (fd < 0)
		return fd;
	rv = archive_mark_segment(s->config.archive, d->day, number, true);
	if (rv == 0 && s->config.sync == SYNC_EACH && fsync(d->fd) != 0) {
		rv = -errno;
		(void)archive_mark_segment(s->config.archive, d->day, number, false);
	}
	if (rv != 0) {
		char name[LAYOUT_SEGMENT_SIZE];

		fileio_close(fd);
		(void)unlinkat(d->fd, layout_segment_name(number, name), 0); /* it is empty */
		return rv;
	}
	d->segment_fd = fd;
	d->segment = number;
	d->next_segment = number + 1;
	d->segment_size = 0;
	d->segment_born_ns = clk_mono().ns;
	return 0;
}

/* Makes sure that a segment is open which may take more. */
static int have_segment(struct store *s, struct store_day *d)
{
	if (d->segment_fd >= 0 &&
	    (d->segment_size >= s->config.segment_bytes ||
		clk_mono().ns - d->segment_born_ns >= s->config.segment_age_ns))
		store_segments_close(s, d);
	return d->segment_fd >= 0 ? 0 : open_segment(s, d);
}

/* Appends what was written behind segment_size, or takes it back. */
static int settle(struct store *s, struct store_day *d, uint64_t added, int rv)
{
	if (rv == 0)
		rv = store_sync(s, d->segment_fd);
	if (rv != 0) {
		/* What stays torn is cut off by recovery; readers never look behind whole members.
		 */
		(void)ftruncate(d->segment_fd, (off_t)d->segment_size);
		(void)lseek(d->segment_fd, (off_t)d->segment_size, SEEK_SET);
		return rv;
	}
	d->segment_size += added;
	d->used_ns = clk_mono().ns;
	return 0;
}

/* ---- names ---- */

/* Are the bytes of a published part those of the source? Returns 1, 0; -errno. */
static int same_as_record(struct store *s, const struct store_day *d, const struct record *r,
    const struct store_source *src)
{
	struct extent e;
	int rv;

	if (rescan_open(d->fd, r, &e) != 0)
		return 0; /* it cannot be looked at: not known to be the same */
	rv = store_same_bytes(s, &e, src);
	fileio_close(e.fd);
	return rv;
}

int store_segments_taken(struct store *s, struct store_part *part, const struct store_source *src)
{
	struct store_day *d;
	struct record r;
	int rv = store_day(s, part->day, &d);

	if (rv != 0)
		return rv;
	rv = names_claim(s->config.names, s->config.number, part->day, part->uuid, part->part, &r);
	if (rv == NAMES_FREE)
		return 0;
	if (rv == NAMES_GATHERED)
		return -EAGAIN;
	if (rv < 0)
		return rv;
	if (r.uuid[0] == '\0' || same_as_record(s, d, &r, src) != 1)
		return 1;
	part->segment = r.segment;
	part->offset = r.offset;
	part->length = r.length;
	return -EALREADY;
}

/* Takes the first free number of the name. Returns 0, and *ret_result; -EAGAIN; -errno. */
static int take_name(struct store *s, struct store_part *part, const struct store_source *src,
    enum store_result *ret_result)
{
	*ret_result = STORE_PUBLISHED;
	for (; part->part < STORE_PART_MAX; part->part++) {
		int rv = store_segments_taken(s, part, src);

		if (rv == -EALREADY) {
			*ret_result = STORE_DUPLICATE;
			return 0;
		}
		if (rv != 1)
			return rv;
	}
	return -EMLINK;
}

/* ---- members ---- */

static size_t make_header(const struct store_part *part, uint64_t size, uint8_t *out)
{
	char name[LAYOUT_NAME_SIZE];

	return tarfmt_header(layout_file_name(part->uuid, part->part, name), size,
	    part->mtime_ns / CLK_SECOND_NS, out);
}

static size_t member_bytes(const struct store_part *part, uint64_t size)
{
	char name[LAYOUT_NAME_SIZE];

	/* The longest number that it may get in the end. */
	return tarfmt_header_bytes(layout_file_name(part->uuid, STORE_PART_MAX, name)) +
	       (size_t)size + tarfmt_padding(size);
}

static void gather(
    struct store *s, struct store_day *d, struct store_part *part, const struct store_source *src)
{
	uint8_t *to = s->gather + s->gather_len;
	size_t header = make_header(part, src->tail_len, to), pad = tarfmt_padding(src->tail_len);

	memcpy(to + header, src->tail, src->tail_len);
	memset(to + header + src->tail_len, 0, pad);
	part->segment = d->segment;
	part->offset = d->segment_size + s->gather_len + header;
	part->length = src->tail_len;
	s->gather_len += header + src->tail_len + pad;
	s->gather_parts++;
	s->gather_day = d;
}

int store_flush(struct store *s)
{
	struct store_day *d = s->gather_day;
	int rv;

	if (s->gather_parts == 0)
		return 0;
	rv = settle(s, d, s->gather_len, fileio_write(d->segment_fd, s->gather, s->gather_len));
	s->gather_parts = 0;
	s->gather_len = 0;
	s->gather_day = NULL;
	return rv;
}

unsigned store_gathered(const struct store *s)
{
	return s->gather_parts;
}

/* Writes a member that is too large to be gathered. */
static int write_member(
    struct store *s, struct store_day *d, struct store_part *part, const struct store_source *src)
{
	uint64_t size = store_source_bytes(src);
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	static const uint8_t zeros[TARFMT_BLOCK_BYTES];
	size_t n = make_header(part, size, header);
	int rv = fileio_write(d->segment_fd, header, n);

	part->segment = d->segment;
	part->offset = d->segment_size + n;
	part->length = size;
	if (rv == 0)
		rv = store_write_source(s, d->segment_fd, src);
	if (rv == 0)
		rv = fileio_write(d->segment_fd, zeros, tarfmt_padding(size));
	return settle(s, d, n + size + tarfmt_padding(size), rv);
}

int store_segments_publish(struct store *s, struct store_part *part, const struct store_source *src,
    enum store_result *ret_result)
{
	uint64_t size = store_source_bytes(src);
	size_t need = member_bytes(part, size);
	bool small = src->head.length == 0 && need <= STORE_GATHER_BYTES;
	struct store_day *d;
	int rv = store_day(s, part->day, &d);

	if (rv != 0)
		return rv;
	if (size > TARFMT_SIZE_MAX) /* no tar header can tell it: a file of its own */
		return s->gather_parts > 0 ? -EAGAIN
					   : store_files_publish(s, part, src, ret_result);
	store_told(s);
	if (s->gather_parts > 0 &&
	    (!small || s->gather_day != d || need > STORE_GATHER_BYTES - s->gather_len ||
		s->gather_parts == STORE_GATHER_PARTS ||
		d->segment_size + s->gather_len >= s->config.segment_bytes))
		return -EAGAIN;
	rv = take_name(s, part, src, ret_result);
	if (rv == 0 && *ret_result == STORE_PUBLISHED && s->gather_parts == 0)
		rv = have_segment(s, d); /* not before: a duplicate needs none */
	if (rv != 0 || *ret_result == STORE_DUPLICATE)
		return rv;
	if (!small)
		return write_member(s, d, part, src);
	gather(s, d, part, src);
	*ret_result = STORE_GATHERED;
	return 0;
}

/* ---- a segment of its own ---- */

/* Its header goes in front, the end behind; then it is renamed into its day. */
static int become_segment(
    struct store *s, struct store_part *part, const char *name, const struct store_source *src)
{
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	uint64_t size = store_source_bytes(src);
	int staging = archive_staging(s->config.archive), fd = src->head.fd, rv;
	char to[LAYOUT_SEGMENT_SIZE];
	struct store_day *d;

	(void)make_header(part, size, header);
	/* With O_APPEND pwrite(2) would append, see its BUGS. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_APPEND) != 0)
		return -errno;
	rv = fileio_pwrite(fd, header, TARFMT_BLOCK_BYTES, 0);
	if (rv == 0)
		rv = segment_end(fd, TARFMT_BLOCK_BYTES + size + tarfmt_padding(size));
	if (rv == 0)
		rv = store_sync(s, fd);
	if (rv == 0)
		rv = store_day(s, part->day, &d);
	if (rv != 0)
		return rv;
	while ((rv = fileio_rename_new(
		    staging, name, d->fd, layout_segment_name(d->next_segment, to))) == -EEXIST)
		d->next_segment++;
	if (rv != 0)
		return rv;
	part->segment = d->next_segment++;
	part->offset = TARFMT_BLOCK_BYTES;
	part->length = size;
	d->used_ns = clk_mono().ns;
	store_sync_name(s, d);
	return 0;
}

int store_segments_publish_staged(struct store *s, struct store_part *part, const char *name,
    int fd, enum store_result *ret_result)
{
	struct store_source src = {.tail = NULL};
	char member[LAYOUT_NAME_SIZE];
	bool own;
	int rv = store_staged_extent(fd, &src.head);

	if (rv != 0)
		return rv;
	store_told(s);
	own = src.head.offset == TARFMT_BLOCK_BYTES && src.head.length >= STORE_OWN_SEGMENT_BYTES &&
	      src.head.length <= TARFMT_SIZE_MAX &&
	      tarfmt_header_bytes(layout_file_name(part->uuid, STORE_PART_MAX, member)) ==
		  TARFMT_BLOCK_BYTES;
	if (own) {
		rv = take_name(s, part, &src, ret_result);
		return rv == 0 && *ret_result == STORE_PUBLISHED
			   ? become_segment(s, part, name, &src)
			   : rv;
	}
	rv = store_segments_publish(s, part, &src, ret_result);
	if (rv == 0 && *ret_result == STORE_PUBLISHED)
		(void)unlinkat(
		    archive_staging(s->config.archive), name, 0); /* a leftover is a duplicate */
	return rv;
}
