/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See packetout.h. All interfaces of the pcapng are described in front of the first packet: which
 * there are is known from the parts.
 */
#include "fetch/packetout.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/pcapfmt.h"
#include "pcapfile/pcapngfmt.h"

#define COMMENT_SIZE (LAYOUT_UUID_SIZE + 64)

/* A pair of link type and name of an interface. */
struct interface {
	struct interface *next; /* in the order of their numbers */
	const char *name;       /* of a part */
	uint32_t linktype;
	uint32_t number;
};

struct packetout {
	struct packetout_config config;
	uint64_t bytes;
	void *tree; /* of tsearch(3): interfaces */
	struct interface *first, **end;
	uint32_t interfaces;
	uint8_t *block; /* pcapng: where a packet's block is made, */
	size_t room;    /* and its size */
};

static int compare(const void *x, const void *y)
{
	const struct interface *a = x, *b = y;

	if (a->linktype != b->linktype)
		return a->linktype < b->linktype ? -1 : 1;
	return a->name == b->name ? 0 : strcmp(a->name, b->name);
}

static struct interface *find(const struct packetout *o, const struct part *p)
{
	struct interface sought = {.name = p->interface, .linktype = p->key.linktype};
	void *found = tfind(&sought, &o->tree, compare);

	return found != NULL ? *(struct interface **)found : NULL;
}

/* Returns 0; -ENOMEM; -ENOTSUP. */
static int add_interface(struct packetout *o, const struct part *p)
{
	struct interface *i;

	if (find(o, p) != NULL)
		return 0;
	if (!pcapngfmt_linktype_fits(p->key.linktype))
		return -ENOTSUP;
	i = malloc(sizeof(*i));
	if (i == NULL)
		return -ENOMEM;
	*i = (struct interface){NULL, p->interface, p->key.linktype, o->interfaces};
	if (tsearch(i, &o->tree, compare) == NULL) {
		free(i);
		return -ENOMEM;
	}
	*o->end = i;
	o->end = &i->next;
	o->interfaces++;
	return 0;
}

int packetout_new(const struct packetout_config *config, struct packetout **ret_out)
{
	struct packetout *o = calloc(1, sizeof(*o));
	int rv = 0;

	if (o == NULL)
		return -ENOMEM;
	o->config = *config;
	o->end = &o->first;
	if (config->form == PACKETOUT_PCAPNG) {
		o->room = pcapngfmt_packet_bytes(PACKET_MAX_CAPLEN, NULL, 0) +
			  2 * (PCAPNGFMT_TEXT_MAX + 8);
		o->block = malloc(o->room);
		rv = o->block != NULL ? 0 : -ENOMEM;
		for (size_t i = 0; i < config->count && rv == 0; i++)
			rv = add_interface(o, config->parts[i]);
	}
	if (rv != 0) {
		packetout_free(o);
		return rv;
	}
	*ret_out = o;
	return 0;
}

uint32_t packetout_interface(const struct packetout *o, const struct part *p)
{
	const struct interface *i = find(o, p);

	return i != NULL ? i->number : 0;
}

static int put(struct packetout *o, const void *bytes, size_t n)
{
	o->bytes += n;
	return outfile_write(o->config.out, bytes, n);
}

static int begin_pcap(struct packetout *o)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	pcapfmt_file_header(o->config.parts[0]->key.linktype, header);
	return put(o, header, sizeof(header));
}

/* What the whole file is: one part's record, or how many flows or parts there are. */
static const char *describe(const struct packetout *o, const char *record, char *buf)
{
	char uuid[LAYOUT_UUID_SIZE];

	if (o->config.count == 1 && record[0] != '\0')
		return record;
	if (o->config.flows == 1)
		(void)snprintf(buf, COMMENT_SIZE, "flow %s, %zu part%s",
		    partlist_uuid(o->config.parts[0], uuid), o->config.count,
		    o->config.count == 1 ? "" : "s");
	else
		(void)snprintf(buf, COMMENT_SIZE, "%zu flows", o->config.flows);
	return buf;
}

static int begin_pcapng(struct packetout *o, const char *record)
{
	uint8_t block[PCAPNGFMT_SECTION_MAX];
	char comment[COMMENT_SIZE];
	int rv = put(o, block, pcapngfmt_section("flowkeep", describe(o, record, comment), block));

	_Static_assert(PCAPNGFMT_SECTION_MAX >= PCAPNGFMT_INTERFACE_MAX, "one buffer for both");
	for (const struct interface *i = o->first; i != NULL && rv == 0; i = i->next)
		rv = put(o, block, pcapngfmt_interface(i->linktype, i->name, block));
	return rv;
}

/* From a record of a pcap, which is what a part holds. */
static int put_block(struct packetout *o, const struct packetout_packet *p)
{
	const uint8_t *r = p->packet->bytes;
	struct packet packet = {.ts_ns = p->packet->ts_ns,
	    .caplen = pcapfmt_get_le32(r + 8),
	    .origlen = pcapfmt_get_le32(r + 12),
	    .interface = p->interface,
	    .data = r + PCAPFMT_RECORD_HEADER_BYTES};
	char uuid[LAYOUT_UUID_SIZE], flow[COMMENT_SIZE];
	const char *comments[2] = {flow, p->record};

	(void)snprintf(flow, sizeof(flow), "flow %s", partlist_uuid(p->part, uuid));
	return put(o, o->block,
	    pcapngfmt_packet(&packet, comments, p->record[0] != '\0' ? 2 : 1, o->block));
}

int packetout_write(struct packetout *o, const struct packetout_packet *p)
{
	bool pcapng = o->config.form == PACKETOUT_PCAPNG;
	int rv = 0;

	if (o->bytes == 0)
		rv = pcapng ? begin_pcapng(o, p->record) : begin_pcap(o);
	if (rv != 0)
		return rv;
	return pcapng ? put_block(o, p) : put(o, p->packet->bytes, p->packet->length);
}

uint64_t packetout_bytes(const struct packetout *o)
{
	return o->bytes;
}

static void leave(void *interface)
{
	(void)interface; /* the list has it too */
}

void packetout_free(struct packetout *o)
{
	if (o == NULL)
		return;
	tdestroy(o->tree, leave);
	while (o->first != NULL) {
		struct interface *i = o->first;

		o->first = i->next;
		free(i);
	}
	free(o->block);
	free(o);
}
