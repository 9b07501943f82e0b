/* SPDX-License-Identifier: BSD-2-Clause */
/* See partcheck.h. */
#include "fetch/partcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"

int partcheck_member(int fd, int32_t day, uint32_t segment, const struct segment_member *m,
    struct record *ret_record, char *ret_error)
{
	const struct extent e = {.fd = fd, .offset = m->offset, .length = m->length};
	struct rescan_name name = {.part = m->part};
	struct record r;
	int rv;

	memcpy(name.uuid, m->uuid, sizeof(name.uuid));
	rv = rescan_part(&e, day, &name, &r, ret_error);
	if (rv != 0)
		return rv;
	r.segment = segment;
	r.offset = m->offset;
	*ret_record = r;
	return 0;
}

bool partcheck_same_place(const struct record *a, const struct record *b)
{
	return a->segment == b->segment && a->offset == b->offset;
}

/* The member that a row points at, by its header. */
static bool find_member(int fd, const struct record *row, struct segment_member *ret_member)
{
	char name[LAYOUT_NAME_SIZE];
	struct segment_scan s;
	uint64_t header;

	header = tarfmt_header_bytes(layout_file_name(row->uuid, row->part, name));
	if (row->offset < header ||
	    segment_scan_begin(&s, fd, row->offset - (uint64_t)header) != 0 ||
	    segment_scan_next(&s, ret_member) != 1)
		return false;
	return ret_member->offset == row->offset && ret_member->length == row->length &&
	       ret_member->part == row->part && strcmp(ret_member->uuid, row->uuid) == 0;
}

bool partcheck_is_there(int dirfd, const struct record *row)
{
	char name[LAYOUT_NAME_SIZE];
	struct segment_member m;
	bool there;
	int fd;

	if (row->segment == 0) {
		(void)layout_file_name(row->uuid, row->part, name);
		return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	fd = segment_open(dirfd, row->segment);
	there = fd >= 0 && find_member(fd, row, &m);
	fileio_close(fd);
	return there;
}

int partcheck_read(int dirfd, const struct record *row, struct record *ret_record, char *ret_error)
{
	char name[LAYOUT_NAME_SIZE];
	struct segment_member m;
	int fd, rv;

	if (row->segment == 0)
		return rescan_file(dirfd, row->day, layout_file_name(row->uuid, row->part, name),
		    ret_record, ret_error);
	fd = segment_open(dirfd, row->segment);
	if (fd < 0) {
		(void)snprintf(ret_error, RESCAN_ERROR_SIZE, "%s", strerror(-fd));
		return fd;
	}
	rv = -ENOENT;
	if (find_member(fd, row, &m))
		rv = partcheck_member(fd, row->day, row->segment, &m, ret_record, ret_error);
	else
		(void)snprintf(ret_error, RESCAN_ERROR_SIZE, "no such member");
	fileio_close(fd);
	return rv;
}

bool partcheck_same_extents(const struct extent *a, const struct extent *b)
{
	return a->length == b->length && fileio_same_extents(a, b) == 1;
}

bool partcheck_same_bytes(int dirfd, const struct record *a, const struct record *b)
{
	struct extent of_a, of_b = {.fd = -1};
	bool same;

	if (a->length != b->length || rescan_open(dirfd, a, &of_a) != 0)
		return false;
	same = rescan_open(dirfd, b, &of_b) == 0 && partcheck_same_extents(&of_a, &of_b);
	fileio_close(of_a.fd);
	fileio_close(of_b.fd);
	return same;
}

/*
 * What is hidden in a part stands in its row since the second schema: where a row says nothing, it
 * may be older than that.
 */
static bool other_policy(const struct record *row, const struct record *file)
{
	char a[RECORD_POLICY_SIZE], b[RECORD_POLICY_SIZE];

	return record_policy_text(row, a)[0] != '\0' && strcmp(a, record_policy_text(file, b)) != 0;
}

static const char *other_words(const struct record *row, const struct record *file)
{
	if (row->key.proto != file->key.proto)
		return "another protocol";
	if (row->key.linktype != file->key.linktype)
		return "another link type";
	if (memcmp(row->key.vlan, file->key.vlan, sizeof(row->key.vlan)) != 0)
		return "another VLAN key";
	if (!flowkey_equal(&row->key, &file->key))
		return "other ends"; /* the rest of the key */
	if (row->client != file->client)
		return "another client and server";
	if (row->end_reason != file->end_reason)
		return "another end_reason";
	if (row->uuid_source != file->uuid_source)
		return "another uuid_source";
	if (strcmp(row->interface, file->interface) != 0)
		return "another interface";
	return other_policy(row, file) ? "another policy" : NULL;
}

bool partcheck_difference(
    const struct record *row, const struct record *file, char *buf, size_t size)
{
	const struct tally *r = &row->tally, *f = &file->tally;
	enum side c = file->client, s = !c;
	const struct {
		const char *name;
		uint64_t row, file;
	} numbers[] = {
	    {"length", row->length, file->length},
	    {"start_ns", (uint64_t)r->first_ns, (uint64_t)f->first_ns},
	    {"end_ns", (uint64_t)r->last_ns, (uint64_t)f->last_ns},
	    {"client_packets", r->pkts[c], f->pkts[c]},
	    {"client_bytes", r->bytes[c], f->bytes[c]},
	    {"server_packets", r->pkts[s], f->pkts[s]},
	    {"server_bytes", r->bytes[s], f->bytes[s]},
	    {"captured_bytes", r->captured_bytes, f->captured_bytes},
	    {"truncated", r->truncated_pkts, f->truncated_pkts},
	    {"client_flags", r->tcp_flags[c], f->tcp_flags[c]},
	    {"server_flags", r->tcp_flags[s], f->tcp_flags[s]},
	    {"vlan", r->vlan, f->vlan},
	    {"snaplen", row->snaplen, file->snaplen},
	    {"lost_packets", row->lost_pkts, file->lost_pkts},
	    {"cut_duration", row->cut_duration_pkts, file->cut_duration_pkts},
	    {"cut_bytes", row->cut_bytes_pkts, file->cut_bytes_pkts},
	};
	const char *words = other_words(row, file);

	if (words != NULL) {
		(void)snprintf(buf, size, "the index tells of %s than the file", words);
		return true;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].row == numbers[i].file)
			continue;
		(void)snprintf(buf, size, "the index says %s %" PRIu64 ", the file %" PRIu64,
		    numbers[i].name, numbers[i].row, numbers[i].file);
		return true;
	}
	return false;
}
