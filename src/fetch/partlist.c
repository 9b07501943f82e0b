/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See partlist.h. Parts and texts lie in blocks that never move; names of interfaces, which repeat,
 * are kept once each.
 */
#include "fetch/partlist.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/pin.h"

#define BLOCK_PARTS 1024u
#define BLOCK_BYTES 65536u

struct block {
	struct block *next;
	size_t used;
	char text[];
};

struct partlist {
	struct part **parts; /* blocks of BLOCK_PARTS */
	size_t count, room;  /* of parts */
	struct block *texts;
	void *interfaces;           /* tree of tsearch(3), its nodes are texts of ours */
	const char *last_interface; /* the next is mostly the same */
	bool pinned;                /* what is added now */
};

int partlist_new(struct partlist **ret_list)
{
	struct partlist *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->last_interface = "";
	*ret_list = l;
	return 0;
}

/* A copy that stays where it is. The texts of a record are far shorter than a block. */
static const char *keep_text(struct partlist *l, const char *text)
{
	size_t n = strlen(text) + 1;
	struct block *b = l->texts;

	if (b == NULL || BLOCK_BYTES - b->used < n) {
		b = malloc(sizeof(*b) + BLOCK_BYTES);
		if (b == NULL)
			return NULL;
		b->next = l->texts;
		b->used = 0;
		l->texts = b;
	}
	b->used += n;
	return memcpy(b->text + b->used - n, text, n);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static const char *keep_interface(struct partlist *l, const char *name)
{
	const char *kept;
	void *found;

	if (strcmp(name, l->last_interface) == 0)
		return l->last_interface;
	found = tfind(name, &l->interfaces, compare_texts);
	if (found == NULL) {
		kept = name[0] != '\0' ? keep_text(l, name) : "";
		found = kept != NULL ? tsearch(kept, &l->interfaces, compare_texts) : NULL;
	}
	if (found == NULL)
		return NULL;
	l->last_interface = *(const char **)found;
	return l->last_interface;
}

static int set_texts(struct partlist *l, const struct record *r, struct part *p)
{
	p->interface = keep_interface(l, r->interface);
	p->uuid_is_text = !layout_uuid_bytes(r->uuid, p->uuid.bytes);
	if (p->uuid_is_text)
		p->uuid.text = keep_text(l, r->uuid);
	return p->interface == NULL || (p->uuid_is_text && p->uuid.text == NULL) ? -ENOMEM : 0;
}

static int add_block(struct partlist *l)
{
	size_t n = l->room / BLOCK_PARTS;
	struct part **blocks = realloc(l->parts, (n + 1) * sizeof(*blocks));

	if (blocks == NULL)
		return -ENOMEM;
	l->parts = blocks;
	blocks[n] = malloc(BLOCK_PARTS * sizeof(*blocks[n]));
	if (blocks[n] == NULL)
		return -ENOMEM;
	l->room += BLOCK_PARTS;
	return 0;
}

int partlist_add(struct partlist *l, const struct record *r)
{
	struct part p = {.key = r->key,
	    .tally = r->tally,
	    .offset = r->offset,
	    .length = r->length,
	    .lost_pkts = r->lost_pkts,
	    .segment = r->segment,
	    .number = r->part,
	    .policy = r->policy,
	    .day = r->day,
	    .client = (uint8_t)r->client,
	    .end_reason = (uint8_t)r->end_reason,
	    .uuid_source = (uint8_t)r->uuid_source,
	    .exempt = r->exempt,
	    .pinned = l->pinned};
	int rv = set_texts(l, r, &p);

	if (rv != 0)
		return rv;
	if (l->count == l->room)
		rv = add_block(l);
	if (rv != 0)
		return rv;
	l->parts[l->count / BLOCK_PARTS][l->count % BLOCK_PARTS] = p;
	l->count++;
	return 0;
}

void partlist_set_pinned(struct partlist *l, bool pinned)
{
	l->pinned = pinned;
}

size_t partlist_count(const struct partlist *l)
{
	return l->count;
}

const struct part *partlist_at(const struct partlist *l, size_t i)
{
	return &l->parts[i / BLOCK_PARTS][i % BLOCK_PARTS];
}

static void leave_text(void *text)
{
	(void)text; /* goes with its block */
}

void partlist_free(struct partlist *l)
{
	if (l == NULL)
		return;
	tdestroy(l->interfaces, leave_text);
	while (l->texts != NULL) {
		struct block *b = l->texts;

		l->texts = b->next;
		free(b);
	}
	for (size_t i = 0; i < l->room / BLOCK_PARTS; i++)
		free(l->parts[i]);
	free(l->parts);
	free(l);
}

struct part partlist_name(const char *uuid, int32_t day, uint32_t number)
{
	struct part p = {.number = number, .day = day};

	p.uuid_is_text = !layout_uuid_bytes(uuid, p.uuid.bytes);
	if (p.uuid_is_text)
		p.uuid.text = uuid;
	return p;
}

char *partlist_uuid(const struct part *p, char *buf)
{
	if (p->uuid_is_text)
		(void)snprintf(buf, LAYOUT_UUID_SIZE, "%s", p->uuid.text);
	else
		(void)layout_uuid_text(p->uuid.bytes, buf);
	return buf;
}

char *partlist_path(const struct part *p, char *buf)
{
	char uuid[LAYOUT_UUID_SIZE], day[LAYOUT_DAY_SIZE], name[LAYOUT_NAME_SIZE];

	if (p->segment != 0)
		(void)layout_segment_name(p->segment, name);
	else
		(void)layout_file_name(partlist_uuid(p, uuid), p->number, name);
	(void)snprintf(buf, PARTLIST_PATH_SIZE, "%s%s/%s", p->pinned ? PIN_DIRECTORY "/" : "",
	    layout_day_path(p->day, day), name);
	return buf;
}

/* The bytes of a UUID sort as its text does: digits before letters, hyphens in the same places. */
int partlist_by_uuid(const struct part *a, const struct part *b)
{
	char x[LAYOUT_UUID_SIZE], y[LAYOUT_UUID_SIZE];

	if (!a->uuid_is_text && !b->uuid_is_text)
		return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(a->uuid.bytes));
	return strcmp(a->uuid_is_text ? a->uuid.text : partlist_uuid(a, x),
	    b->uuid_is_text ? b->uuid.text : partlist_uuid(b, y));
}

static int by_place(const struct part *a, const struct part *b)
{
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

int partlist_by_name(const struct part *a, const struct part *b)
{
	int order = partlist_by_uuid(a, b);

	return order != 0 ? order : by_place(a, b);
}

int partlist_by_flow(const struct part *a, const struct part *b)
{
	int order = partlist_by_uuid(a, b);

	if (order == 0)
		order = (int)a->key.proto - (int)b->key.proto;
	if (order == 0)
		order = (int)a->key.family - (int)b->key.family;
	if (order == 0)
		order = memcmp(a->key.addr, b->key.addr, sizeof(a->key.addr));
	if (order == 0)
		order = memcmp(a->key.port, b->key.port, sizeof(a->key.port));
	return order;
}

int partlist_by_time(const struct part *a, const struct part *b)
{
	if (a->tally.first_ns != b->tally.first_ns)
		return a->tally.first_ns < b->tally.first_ns ? -1 : 1;
	return by_place(a, b);
}
