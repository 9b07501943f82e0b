/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See prefixset.h. All prefixes lie in one hash table, an address being a prefix of full length; to
 * look an address up is to look for it, cut to each length that occurs, and few lengths do.
 */
#include "packet/prefixset.h"

#include <arpa/inet.h> /* INET6_ADDRSTRLEN */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "packet/ipaddr.h"

#define SLOTS_MIN 16u /* a power of two, as all sizes of the table */

/* The longest item: an IPv6 address, a slash, three digits. */
#define ITEM_SIZE (INET6_ADDRSTRLEN + 4)

/* A prefix, its bits beyond the length being 0; as a slot of the table: kind 0 for an empty one */
struct prefix {
	uint64_t words[2]; /* the address, big-endian, in host order */
	uint32_t kind;     /* family and length in one: see kind_of() */
};

struct prefixset {
	struct prefix *slots;
	uint32_t size, used;     /* used is at most half of size */
	uint8_t lengths[2][129]; /* those that occur, longest first; of IPv4, of IPv6 */
	unsigned length_count[2];
};

static uint32_t kind_of(uint8_t family, unsigned bits)
{
	return (uint32_t)family << 8 | bits;
}

static uint64_t word_of(const uint8_t *bytes)
{
	uint64_t w;

	memcpy(&w, bytes, sizeof(w));
	return be64toh(w);
}

/* The upper bits of a word, none to all of them; a shift by 64 would be undefined. */
static uint64_t upper(uint64_t word, unsigned bits)
{
	return bits == 0 ? 0 : word & UINT64_MAX << (64 - (bits < 64 ? bits : 64));
}

static struct prefix prefix_of(uint8_t family, const uint64_t words[2], unsigned bits)
{
	return (struct prefix){
	    .words = {upper(words[0], bits), upper(words[1], bits < 64 ? 0 : bits - 64)},
	    .kind = kind_of(family, bits),
	};
}

/*
 * Where to look first. No key is needed against aimed collisions: what strangers choose is looked
 * up, and only what we put in makes a look-up long.
 */
static uint32_t slot_of(const struct prefixset *set, const struct prefix *p)
{
	/* odd constants without a pattern: the fractions of the golden ratio and of the roots of 2
	 * and 3 */
	uint64_t h = p->words[0] * UINT64_C(0x9e3779b97f4a7c15) ^
		     p->words[1] * UINT64_C(0x6a09e667f3bcc909) ^
		     p->kind * UINT64_C(0xbb67ae8584caa73b);

	return (uint32_t)((h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (set->size - 1);
}

/* The prefix's slot, or the empty one where it would be. There is one: half of them are empty. */
static struct prefix *find(const struct prefixset *set, const struct prefix *p)
{
	for (uint32_t i = slot_of(set, p);; i = (i + 1) & (set->size - 1)) {
		struct prefix *s = &set->slots[i];

		if (s->kind == 0 || (s->kind == p->kind && s->words[0] == p->words[0] &&
					s->words[1] == p->words[1]))
			return s;
	}
}

static int enlarge(struct prefixset *set)
{
	struct prefixset larger = {.size = set->size == 0 ? SLOTS_MIN : set->size * 2};

	larger.slots = calloc(larger.size, sizeof(larger.slots[0]));
	if (larger.slots == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->size; i++)
		if (set->slots[i].kind != 0)
			*find(&larger, &set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = larger.slots;
	set->size = larger.size;
	return 0;
}

static void note_length(struct prefixset *set, uint8_t family, unsigned bits)
{
	unsigned f = family == 6;
	unsigned at = 0, count = set->length_count[f];

	while (at < count && set->lengths[f][at] > bits)
		at++;
	if (at < count && set->lengths[f][at] == bits)
		return;
	memmove(&set->lengths[f][at + 1], &set->lengths[f][at], count - at);
	set->lengths[f][at] = (uint8_t)bits;
	set->length_count[f]++;
}

int prefixset_new(struct prefixset **ret_set)
{
	struct prefixset *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return -ENOMEM;
	*ret_set = set;
	return 0;
}

int prefixset_add(struct prefixset *set, uint8_t family, const uint8_t addr[16], unsigned bits)
{
	uint8_t folded[16];
	uint64_t words[2];
	struct prefix p, *s;

	assert((family == 4 && bits <= 32) || (family == 6 && bits <= 128));
	if (family == 6 && bits >= 96 && ipaddr_is_mapped(addr)) { /* as decoding folds them */
		memcpy(folded, addr, sizeof(folded));
		ipaddr_unmap(folded);
		addr = folded;
		family = 4;
		bits -= 96;
	}
	if (set->used * 2 >= set->size && enlarge(set) != 0)
		return -ENOMEM;
	words[0] = word_of(addr);
	words[1] = word_of(addr + 8);
	p = prefix_of(family, words, bits);
	s = find(set, &p);
	if (s->kind == 0)
		set->used++;
	*s = p;
	note_length(set, family, bits);
	return 0;
}

/* Adds "192.0.2.1" or "2001:db8::/32". */
static int add_item(struct prefixset *set, const char *text, size_t len)
{
	char item[ITEM_SIZE], *slash;
	uint8_t addr[16], family;
	uint64_t bits;

	if (len >= sizeof(item))
		return -EINVAL;
	memcpy(item, text, len);
	item[len] = '\0';
	slash = strchr(item, '/');
	if (slash != NULL)
		*slash = '\0';
	family = ipaddr_parse(item, addr);
	if (family == 0)
		return -EINVAL;
	bits = family == 4 ? 32 : 128;
	if (slash != NULL && parse_number(slash + 1, 0, bits, &bits) != 0)
		return -EINVAL;
	return prefixset_add(set, family, addr, (unsigned)bits);
}

int prefixset_add_list(struct prefixset *set, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int rv = add_item(set, text, len);

		if (rv != 0 || text[len] == '\0')
			return rv;
		text += len + 1;
	}
}

bool prefixset_has(const struct prefixset *set, uint8_t family, const uint8_t addr[16])
{
	const uint64_t words[2] = {word_of(addr), word_of(addr + 8)};
	unsigned f = family == 6;

	assert(family == 4 || family == 6);
	for (unsigned i = 0; i < set->length_count[f]; i++) {
		struct prefix p = prefix_of(family, words, set->lengths[f][i]);

		if (find(set, &p)->kind != 0)
			return true;
	}
	return false;
}

void prefixset_free(struct prefixset *set)
{
	if (set == NULL)
		return;
	free(set->slots);
	free(set);
}
