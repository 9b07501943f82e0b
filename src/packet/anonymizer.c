/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See anonymizer.h.
 *
 * What Crypto-PAn makes of an address is remembered in two direct-mapped caches, of which each slot
 * always holds a true pair. Who aims addresses at one slot gains nothing over sending from random
 * ones: either way each costs what an address not seen before costs.
 */
#include "packet/anonymizer.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/aes128.h"
#include "packet/ipaddr.h"

#define CACHE_BITS  12
#define CACHE_SLOTS (1u << CACHE_BITS)
#define MAC_BYTES   6
#define MAC_LABEL   "flowkeep hardware addresses"

/* 128 bits in host order. */
struct bits {
	uint64_t high, low;
};

struct v4_pair {
	uint32_t from, to;
};

struct v6_pair {
	struct bits from, to;
};

struct cache {
	struct v4_pair v4[CACHE_SLOTS];
	struct v6_pair v6[CACHE_SLOTS];
};

/* IPv6 addresses that hold an IPv4 address, or what may be one: `width` bits from bit `at` on. */
struct embedding {
	struct bits prefix, mask;
	uint8_t at, width;
};

static const struct embedding embeddings[] = {
    /* IPv4-compatible, RFC 4291 section 2.5.5.1; not ::1 */
    {{0, 0}, {UINT64_MAX, UINT64_C(0xffffffff00000000)}, 96, 32},
    /* IPv4-translated, ::ffff:0:0:0/96, RFC 2765 section 2.1 */
    {{0, UINT64_C(0xffff000000000000)}, {UINT64_MAX, UINT64_C(0xffffffff00000000)}, 96, 32},
    /* NAT64, 64:ff9b::/96, RFC 6052 section 2.1 */
    {{UINT64_C(0x0064ff9b00000000), 0}, {UINT64_MAX, UINT64_C(0xffffffff00000000)}, 96, 32},
    /* NAT64 of a site, 64:ff9b:1::/48, RFC 8215: nobody outside knows which of the formats of RFC
     * 6052 section 2.2 it has; in none of them does the IPv4 address begin before bit 48 */
    {{UINT64_C(0x0064ff9b00010000), 0}, {UINT64_C(0xffffffffffff0000), 0}, 48, 80},
    /* Teredo, 2001::/32, RFC 4380 section 4: the server; the client, with all bits inverted */
    {{UINT64_C(0x2001000000000000), 0}, {UINT64_C(0xffffffff00000000), 0}, 32, 32},
    {{UINT64_C(0x2001000000000000), 0}, {UINT64_C(0xffffffff00000000), 0}, 96, 32},
    /* 6to4, 2002::/16, RFC 3056 section 2; many hosts repeat the IPv4 address at the end */
    {{UINT64_C(0x2002000000000000), 0}, {UINT64_C(0xffff000000000000), 0}, 16, 32},
    {{UINT64_C(0x2002000000000000), 0}, {UINT64_C(0xffff000000000000), 0}, 96, 32},
    /* ISATAP, an interface identifier under any prefix, RFC 5214 section 6.1 */
    {{0, UINT64_C(0x00005efe00000000)}, {0, UINT64_C(0xfdffffff00000000)}, 96, 32},
};

#define N_EMBEDDINGS (sizeof(embeddings) / sizeof(embeddings[0]))

struct anonymizer {
	struct policy policy;
	anonymizer_exempt_fn *exempt;
	void *exempt_arg;
	uint32_t v4_keeps; /* ADDRESSES_NETBLOCK: the bits that stay */
	struct bits v6_keeps;
	struct bits embedded_keeps[N_EMBEDDINGS];
	struct cryptopan *cryptopan; /* ADDRESSES_CRYPTOPAN, else NULL */
	struct cache *cache;
	struct aes128 *mac_aes; /* policy.macs, else NULL */
};

static struct bits bits_load(const uint8_t *bytes)
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	return (struct bits){be64toh(words[0]), be64toh(words[1])};
}

static void bits_store(struct bits b, uint8_t *bytes)
{
	const uint64_t words[2] = {htobe64(b.high), htobe64(b.low)};

	memcpy(bytes, words, sizeof(words));
}

static uint32_t v4_load(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return be32toh(word);
}

static void v4_store(uint32_t v4, uint8_t *bytes)
{
	v4 = htobe32(v4);
	memcpy(bytes, &v4, sizeof(v4));
}

static struct bits bits_and(struct bits a, struct bits b)
{
	return (struct bits){a.high & b.high, a.low & b.low};
}

static bool bits_equal(struct bits a, struct bits b)
{
	return a.high == b.high && a.low == b.low;
}

/* The first n of 64 bits. */
static uint64_t leading(unsigned n)
{
	return n == 0 ? 0 : UINT64_MAX << (64 - n);
}

/* The first n of 128 bits. */
static struct bits bits_leading(unsigned n)
{
	return (struct bits){leading(n < 64 ? n : 64), leading(n < 64 ? 0 : n - 64)};
}

/* All but `width` bits from `at` on, of which the first n stay too. */
static struct bits bits_but(unsigned at, unsigned width, unsigned n)
{
	struct bits kept = bits_leading(at + n), field = bits_leading(at + width);

	return (struct bits){kept.high | ~field.high, kept.low | ~field.low};
}

/* ---- netblock ---- */

static void netblock_prepare(struct anonymizer *a)
{
	const struct policy *p = &a->policy;

	a->v4_keeps = (uint32_t)(leading(p->v4_bits) >> 32);
	a->v6_keeps = bits_leading(p->v6_bits);
	for (size_t i = 0; i < N_EMBEDDINGS; i++)
		a->embedded_keeps[i] = bits_but(embeddings[i].at, embeddings[i].width, p->v4_bits);
}

static void netblock_v6(const struct anonymizer *a, uint8_t *addr)
{
	struct bits b = bits_load(addr), keeps = a->v6_keeps;

	for (size_t i = 0; i < N_EMBEDDINGS; i++)
		if (bits_equal(bits_and(b, embeddings[i].mask), embeddings[i].prefix))
			keeps = bits_and(keeps, a->embedded_keeps[i]);
	if (b.high == 0 && b.low == 1) /* loopback holds no address of anybody */
		keeps = a->v6_keeps;
	bits_store(bits_and(b, keeps), addr);
}

/* ---- cryptopan ---- */

/* The slot of 64 bits: the top of a product hangs on all of them. The factor is 2^64 over the
 * golden ratio, made odd (Knuth, The Art of Computer Programming 3, section 6.4). */
static unsigned slot_of(uint64_t x)
{
	return (unsigned)(x * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CACHE_BITS));
}

static uint32_t cryptopan_v4(struct anonymizer *a, uint32_t v4)
{
	struct v4_pair *pair = &a->cache->v4[slot_of(v4)];
	uint8_t bytes[4];

	if (pair->from != v4) {
		v4_store(v4, bytes);
		cryptopan_map(a->cryptopan, bytes, sizeof(bytes), bytes);
		*pair = (struct v4_pair){v4, v4_load(bytes)};
	}
	return pair->to;
}

static struct bits cryptopan_v6(struct anonymizer *a, struct bits v6)
{
	/* Rotated, lest equal halves cancel. */
	struct v6_pair *pair = &a->cache->v6[slot_of(v6.high ^ (v6.low << 29 | v6.low >> 35))];
	uint8_t bytes[16];

	if (!bits_equal(pair->from, v6)) {
		bits_store(v6, bytes);
		cryptopan_map(a->cryptopan, bytes, sizeof(bytes), bytes);
		*pair = (struct v6_pair){v6, bits_load(bytes)};
	}
	return pair->to;
}

/* Makes the caches true: each slot holds what 0 becomes. */
static void cache_fill(struct anonymizer *a)
{
	uint8_t v4[4] = {0}, v6[16] = {0};

	cryptopan_map(a->cryptopan, v4, sizeof(v4), v4);
	cryptopan_map(a->cryptopan, v6, sizeof(v6), v6);
	for (unsigned i = 0; i < CACHE_SLOTS; i++) {
		a->cache->v4[i] = (struct v4_pair){0, v4_load(v4)};
		a->cache->v6[i] = (struct v6_pair){{0, 0}, bits_load(v6)};
	}
}

static int cryptopan_prepare(struct anonymizer *a, const uint8_t *key)
{
	int rc = cryptopan_new(key, &a->cryptopan);

	if (rc != 0)
		return rc;
	a->cache = malloc(sizeof(*a->cache));
	if (a->cache == NULL)
		return -ENOMEM;
	cache_fill(a);
	return 0;
}

/* ---- hardware addresses ---- */

/* A key of their own: what is known of one mapping tells nothing of the other. */
static int macs_prepare(struct anonymizer *a, const uint8_t *key)
{
	uint8_t derived[AES128_KEY_BYTES];
	int rv = aes128_derive_key(key, CRYPTOPAN_KEY_BYTES, MAC_LABEL, derived);

	if (rv == 0)
		rv = aes128_new(derived, &a->mac_aes);
	explicit_bzero(derived, sizeof(derived));
	return rv;
}

void anonymizer_map_mac(struct anonymizer *a, uint8_t mac[6], uint8_t stays_mask)
{
	static const uint8_t broadcast[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t none[MAC_BYTES] = {0};
	/* IEEE 802: the second bit on the wire. Token Ring sends a byte's high bit first. */
	const uint8_t local = (stays_mask & 0x81) == 0x80 ? 0x40 : 0x02;
	uint8_t block[AES128_BLOCK_BYTES] = {0};

	if (a->mac_aes == NULL || memcmp(mac, broadcast, MAC_BYTES) == 0 ||
	    memcmp(mac, none, MAC_BYTES) == 0)
		return;
	memcpy(block, mac, MAC_BYTES);
	aes128_encrypt(a->mac_aes, block, sizeof(block), block);
	block[0] = (uint8_t)(((block[0] | local) & ~stays_mask) | (mac[0] & stays_mask));
	memcpy(mac, block, MAC_BYTES);
}

/* ---- the whole ---- */

int anonymizer_new(const struct anonymizer_config *config, struct anonymizer **ret_anonymizer)
{
	const struct policy *p = &config->policy;
	struct anonymizer *a = calloc(1, sizeof(*a));
	int rc = 0;

	assert(config->key != NULL || !policy_needs_key(p));
	assert(p->v4_bits <= 32 && p->v6_bits <= 128);
	if (a == NULL)
		return -ENOMEM;
	a->policy = *p;
	a->exempt = config->exempt;
	a->exempt_arg = config->exempt_arg;
	if (p->addresses == ADDRESSES_NETBLOCK)
		netblock_prepare(a);
	if (p->addresses == ADDRESSES_CRYPTOPAN)
		rc = cryptopan_prepare(a, config->key);
	if (rc == 0 && p->macs)
		rc = macs_prepare(a, config->key);
	if (rc != 0) {
		anonymizer_free(a);
		return rc;
	}
	*ret_anonymizer = a;
	return 0;
}

bool anonymizer_is_exempt(const struct anonymizer *a, uint8_t family, const uint8_t *addr)
{
	uint8_t as_decoded[16] = {0};

	if (a->exempt == NULL)
		return false;
	if (family == 6 && !ipaddr_is_mapped(addr))
		return a->exempt(6, addr, a->exempt_arg);
	memcpy(as_decoded, family == 6 ? addr + IPADDR_MAPPED_BYTES : addr, 4);
	return a->exempt(4, as_decoded, a->exempt_arg);
}

static void map_v4(struct anonymizer *a, uint8_t *addr)
{
	uint32_t v4 = v4_load(addr);

	v4_store(a->cryptopan != NULL ? cryptopan_v4(a, v4) : v4 & a->v4_keeps, addr);
}

void anonymizer_map(struct anonymizer *a, uint8_t family, uint8_t *addr)
{
	if (a->policy.addresses == ADDRESSES_KEPT)
		return;
	if (family == 4)
		map_v4(a, addr);
	else if (ipaddr_is_mapped(addr))
		map_v4(a, addr + IPADDR_MAPPED_BYTES);
	else if (a->cryptopan != NULL)
		bits_store(cryptopan_v6(a, bits_load(addr)), addr);
	else
		netblock_v6(a, addr);
}

void anonymizer_free(struct anonymizer *a)
{
	if (a == NULL)
		return;
	cryptopan_free(a->cryptopan);
	aes128_free(a->mac_aes);
	if (a->cache != NULL)
		explicit_bzero(a->cache, sizeof(*a->cache));
	free(a->cache);
	free(a);
}
