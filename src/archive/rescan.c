/* SPDX-License-Identifier: BSD-2-Clause */
/* See rescan.h. */
#include "archive/rescan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/segment.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "packet/decode.h"
#include "pcapfile/capreader.h"
#include "pcapfile/gzmember.h"

/* The record member is the last thing in a file; it is far shorter than this. */
#define TAIL_BYTES 4096u

__attribute__((format(printf, 2, 3))) static int complain(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, RESCAN_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* Reads the record member at the end of the file. */
int rescan_record(
    const struct extent *e, struct record *ret_record, int *ret_has_client, char *ret_error)
{
	uint8_t tail[TAIL_BYTES];
	size_t want = e->length < TAIL_BYTES ? (size_t)e->length : TAIL_BYTES, len;
	ssize_t n = fileio_pread_extent(e, tail, want, e->length - want);
	const char *text;
	int rv;

	if (n < 0) {
		(void)complain(ret_error, "%s", strerror((int)-n));
		return (int)n;
	}
	text = gzmember_find_extra(RECORD_ID, tail, (size_t)n, &len);
	if (text == NULL)
		return complain(ret_error, "no record at its end");
	rv = record_parse(text, len, ret_record, ret_has_client);
	if (rv == -ENOTSUP)
		return complain(ret_error, "its record is of a later version");
	return rv == 0 ? 0 : complain(ret_error, "its record cannot be read");
}

int rescan_add(struct rescan_sums *s, const struct packet *p, char *ret_error)
{
	uint64_t number = s->tally.pkts[0] + s->tally.pkts[1] + 1;
	enum side sender;
	struct decoded d;
	struct flowkey k;

	switch (decode_packet(p, &d)) {
	case DECODE_OK:
		sender = flowkey_make(&d, p->linktype, VLAN_KEY_NO, &k);
		memcpy(k.vlan, s->key.vlan, sizeof(k.vlan));
		if (!flowkey_equal(&k, &s->key))
			return complain(
			    ret_error, "packet %" PRIu64 " belongs to another flow", number);
		tally_roles_add(&s->roles, &d, sender);
		break;
	case DECODE_FRAGMENT:
		sender = flowkey_fragment_sender(&s->key, &d);
		break;
	default:
		return complain(ret_error, "packet %" PRIu64 " does not decode", number);
	}
	tally_add(&s->tally, p, p->caplen, &d, sender);
	return 0;
}

/* One reading of all packets, or of as many as are needed. fn returns 1 to stop, or -errno. */
typedef int packet_fn(void *arg, const struct packet *p, char *error);

static int read_packets(const struct extent *e, packet_fn *fn, void *arg, char *error)
{
	struct capreader *reader = NULL;
	struct packet p;
	int rv = capreader_open_extent(e, &reader);

	if (rv == 0)
		rv = capreader_next(reader, &p);
	while (rv == 1) {
		int stop = fn(arg, &p, error);

		if (stop != 0) {
			rv = stop > 0 ? 0 : stop;
			break;
		}
		rv = capreader_next(reader, &p);
		if (rv < 0)
			break;
	}
	if (rv < 0 && reader == NULL)
		(void)complain(error, "%s", strerror(-rv));
	else if (rv < 0 && capreader_error(reader)[0] != '\0')
		(void)complain(error, "%s", capreader_error(reader));
	capreader_close(reader);
	/* A file of ours that is cut, or no capture at all, is damaged. */
	return rv == -ENODATA || rv == -ENOTSUP ? -EBADMSG : rv;
}

static int add_packet(void *sums, const struct packet *p, char *error)
{
	return rescan_add(sums, p, error);
}

int rescan_packets(
    const struct extent *e, const struct flowkey *k, struct tally *ret_tally, char *ret_error)
{
	struct rescan_sums s = {.key = *k};
	int rv = read_packets(e, add_packet, &s, ret_error);

	if (rv == 0)
		*ret_tally = s.tally;
	return rv;
}

/* The key of a flow, once it is found. */
struct key_search {
	struct flowkey key; /* with the VLAN ids that the record gives */
	bool found;
};

/* The key is that of the first packet with ports: fragments may come before it. */
static int find_key(void *search, const struct packet *p, char *error)
{
	struct key_search *s = search;
	struct decoded d;
	struct flowkey k;

	(void)error;
	if (decode_packet(p, &d) != DECODE_OK)
		return 0;
	(void)flowkey_make(&d, p->linktype, VLAN_KEY_NO, &k);
	memcpy(k.vlan, s->key.vlan, sizeof(k.vlan));
	s->key = k;
	s->found = true;
	return 1;
}

static int compare_sums(const struct record *r, const struct tally *t, char *error)
{
	const struct tally *said = &r->tally;
	const struct {
		const char *name;
		uint64_t said, found;
	} sums[] = {
	    {"packets", said->pkts[0] + said->pkts[1], t->pkts[0] + t->pkts[1]},
	    {"bytes", said->bytes[0] + said->bytes[1], t->bytes[0] + t->bytes[1]},
	    {"captured_bytes", said->captured_bytes, t->captured_bytes},
	    {"first_ns", (uint64_t)said->first_ns, (uint64_t)t->first_ns},
	    {"last_ns", (uint64_t)said->last_ns, (uint64_t)t->last_ns},
	};

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (sums[i].said != sums[i].found)
			return complain(error,
			    "its record says %s %" PRIu64 ", its packets %" PRIu64, sums[i].name,
			    sums[i].said, sums[i].found);
	return 0;
}

int rescan_extent(const struct extent *e, struct record *ret_record, char *ret_error)
{
	struct key_search search = {.found = false};
	struct rescan_sums s = {0};
	struct record r = {0};
	int has_client;
	int rv = rescan_record(e, &r, &has_client, ret_error);

	if (rv != 0)
		return rv;
	search.key = r.key;
	if ((rv = read_packets(e, find_key, &search, ret_error)) != 0)
		return rv;
	if (!search.found)
		return complain(ret_error, "it has no packet that tells the flow");
	s.key = search.key;
	if ((rv = read_packets(e, add_packet, &s, ret_error)) != 0)
		return rv;
	if ((rv = compare_sums(&r, &s.tally, ret_error)) != 0)
		return rv;
	r.key = s.key;
	r.tally = s.tally;
	if (!has_client)
		r.client = tally_client(&s.roles, &s.key);
	r.length = e->length;
	*ret_record = r;
	return 0;
}

int rescan_part(const struct extent *e, int32_t day, const struct rescan_name *name,
    struct record *ret_record, char *ret_error)
{
	struct record r = {0};
	int rv = rescan_extent(e, &r, ret_error);

	if (rv != 0)
		return rv;
	if (strcmp(name->uuid, r.uuid) != 0)
		return complain(ret_error, "its record names another flow");
	if (clk_day(r.tally.first_ns) != day)
		return complain(ret_error, "its first packet is not of that day");
	r.part = name->part;
	r.day = day;
	*ret_record = r;
	return 0;
}

int rescan_file(
    int dirfd, int32_t day, const char *name, struct record *ret_record, char *ret_error)
{
	struct rescan_name n;
	struct extent e;
	int fd, rv;

	if (!layout_parse_file_name(name, n.uuid, &n.part))
		return complain(ret_error, "not the name of a flow file");
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		rv = -errno;
		(void)complain(ret_error, "%s", strerror(-rv));
		return rv;
	}
	rv = fileio_extent(fd, &e);
	if (rv != 0)
		(void)complain(ret_error, "%s", strerror(-rv));
	else
		rv = rescan_part(&e, day, &n, ret_record, ret_error);
	fileio_close(fd);
	return rv;
}

int rescan_open(int dirfd, const struct record *r, struct extent *ret_extent)
{
	struct extent e = {.offset = r->offset, .length = r->length};
	char name[LAYOUT_NAME_SIZE];

	if (r->segment != 0) {
		e.fd = segment_open(dirfd, r->segment);
	} else {
		e.fd = openat(dirfd, layout_file_name(r->uuid, r->part, name),
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		if (e.fd < 0)
			e.fd = -errno;
	}
	if (e.fd < 0)
		return e.fd;
	*ret_extent = e;
	return 0;
}

int rescan_day(const struct archive *a, int32_t day, rescan_fn *fn, void *arg)
{
	int fd = archive_open_day(a, day), rv = 0;
	char uuid[LAYOUT_UUID_SIZE];
	struct dirent *e;
	uint32_t part;
	DIR *d;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (d == NULL) {
		fileio_close(fd);
		return -ENOMEM;
	}
	while (rv >= 0 && (errno = 0, e = readdir(d)) != NULL)
		if (layout_parse_file_name(e->d_name, uuid, &part))
			rv = fn(fd, e->d_name, arg);
	if (rv >= 0 && errno != 0)
		rv = -errno; /* what was not listed is not gone */
	(void)closedir(d);   /* only read from */
	return rv < 0 ? rv : 0;
}
