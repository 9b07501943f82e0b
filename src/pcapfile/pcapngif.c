/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a pcapng file: reads their descriptions, and their clocks.
 */
#include "pcapfile/pcapngif.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Option codes, draft-ietf-opsawg-pcapng sections 3.5 and 4.2. */
enum option { OPT_END = 0, IF_NAME = 2, IF_TSRESOL = 9, IF_TSOFFSET = 14 };

#define NS_PER_S 1000000000u

/* 10^exponent units per second. */
static void set_decimal(struct pcapngif *i, unsigned int exponent)
{
	i->multiplier = 1;
	i->divisor = 1;
	i->shift = 0;
	for (; exponent < 9; exponent++)
		i->multiplier *= 10;
	for (; exponent > 9 && i->divisor != 0; exponent--) {
		/* Beyond 10^19 the divisor exceeds any number of units: the time is 0. */
		if (i->divisor > UINT64_MAX / 10)
			i->divisor = 0;
		else
			i->divisor *= 10;
	}
}

/* The byte says: 10^-n, or, with its highest bit set, 2^-n seconds. */
static void set_resolution(struct pcapngif *i, uint8_t tsresol)
{
	if ((tsresol & 0x80) == 0) {
		set_decimal(i, tsresol);
		return;
	}
	i->multiplier = NS_PER_S;
	i->divisor = 1;
	i->shift = tsresol & 0x7f;
}

static int set_name(struct pcapngif *i, const uint8_t *text, size_t length)
{
	if (length > PCAPNGIF_NAME_MAX)
		length = PCAPNGIF_NAME_MAX;
	if (i->name != NULL || length == 0 || text[0] == '\0')
		return 0;
	i->name = strndup((const char *)text, length);
	return i->name == NULL ? -ENOMEM : 0;
}

/* Where an option comes twice, the first counts, as with Wireshark. */
struct seen {
	bool resolution;
	bool offset;
};

static int read_option(struct pcapngif *i, struct seen *seen, uint16_t code, const uint8_t *value,
		       size_t length, enum byteorder order)
{
	switch (code) {
	case IF_NAME:
		return set_name(i, value, length);
	case IF_TSRESOL:
		if (length != 1)
			return -EBADMSG;
		if (!seen->resolution)
			set_resolution(i, value[0]);
		seen->resolution = true;
		return 0;
	case IF_TSOFFSET:
		if (length != 8)
			return -EBADMSG;
		if (!seen->offset)
			i->offset_s = (int64_t)byteorder_get64(order, value);
		seen->offset = true;
		return 0;
	default:
		return 0;
	}
}

static int read_options(struct pcapngif *i, const uint8_t *p, size_t left, enum byteorder order)
{
	struct seen seen = { false, false };
	int damage = 0;
	int error;

	while (left > 0) {
		uint16_t code = byteorder_get16(order, p);
		size_t length = byteorder_get16(order, p + 2);
		size_t padded = (length + 3) & ~(size_t)3;

		if (code == OPT_END)
			return damage;
		p += 4;
		left -= 4;
		if (length > left)
			return -EBADMSG;
		error = read_option(i, &seen, code, p, length, order);
		if (error == -ENOMEM)
			return error;
		if (error < 0)
			damage = error; /* of this one: the others may be sound */
		p += padded; /* not beyond the end: left is a multiple of 4, too */
		left -= padded;
	}
	return damage;
}

static int make_room(struct pcapngif_table *t)
{
	size_t room = t->room == 0 ? 8 : t->room * 2;
	struct pcapngif *bigger;

	if (t->count < t->room)
		return 0;
	bigger = reallocarray(t->interfaces, room, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	t->interfaces = bigger;
	t->room = room;
	return 0;
}

int pcapngif_add(struct pcapngif_table *t, const uint8_t *body, size_t length,
		 enum byteorder order)
{
	struct pcapngif *i;
	int error;

	assert(length >= PCAPNGIF_BODY_MIN && length % 4 == 0);
	if (t->count >= PCAPNGIF_MAX)
		return -EOVERFLOW;
	error = make_room(t);
	if (error < 0)
		return error;
	i = &t->interfaces[t->count++];
	memset(i, 0, sizeof(*i));
	i->linktype = byteorder_get16(order, body);
	i->snaplen = byteorder_get32(order, body + 4);
	set_decimal(i, 6); /* microseconds unless if_tsresol says otherwise */
	return read_options(i, body + PCAPNGIF_BODY_MIN, length - PCAPNGIF_BODY_MIN, order);
}

bool pcapngif_time(const struct pcapngif *i, uint64_t units, int64_t *ret_ns)
{
	/* Neither product comes near 2^127: 2^64 * 10^9 < 2^94, and so is the offset's. */
	__int128 ns = (__int128)units * (__int128)i->multiplier >> i->shift;

	if (i->divisor != 1) /* 128-bit divisions are slow, and most clocks need none */
		ns = i->divisor == 0 ? 0 : ns / (__int128)i->divisor;
	ns += (__int128)i->offset_s * NS_PER_S;
	if (ns < INT64_MIN || ns > INT64_MAX)
		return false;
	*ret_ns = (int64_t)ns;
	return true;
}

void pcapngif_free_all(struct pcapngif_table *t)
{
	for (size_t n = 0; n < t->count; n++)
		free(t->interfaces[n].name);
	free(t->interfaces);
	*t = (struct pcapngif_table){ NULL, 0, 0 };
}
