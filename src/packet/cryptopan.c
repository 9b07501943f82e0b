/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See cryptopan.h. Bit n of an address is flipped or not by the first bit of AES over a block that
 * has the address's first n bits and then those of the pad. No block depends on what another one
 * became, so an address is one call.
 */
#include "packet/cryptopan.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/aes128.h"

/* 128 bits, or an address in the first of them; host order. */
struct bits {
	uint64_t high, low;
};

struct cryptopan {
	struct aes128 *aes;
	struct bits pad;
	/* Scratch, here so that it is wiped: one block for each bit of an address. */
	uint64_t plain[128][2];
	uint8_t sealed[128][AES128_BLOCK_BYTES];
};

static struct bits bits_load(const uint8_t *bytes)
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	return (struct bits){be64toh(words[0]), be64toh(words[1])};
}

int cryptopan_new(const uint8_t key[CRYPTOPAN_KEY_BYTES], struct cryptopan **ret_cryptopan)
{
	struct cryptopan *c = calloc(1, sizeof(*c));
	int rv;

	if (c == NULL)
		return -ENOMEM;
	rv = aes128_new(key, &c->aes);
	if (rv != 0) {
		cryptopan_free(c);
		return rv;
	}
	aes128_encrypt(c->aes, key + AES128_KEY_BYTES, AES128_BLOCK_BYTES, c->sealed[0]);
	c->pad = bits_load(c->sealed[0]);
	*ret_cryptopan = c;
	return 0;
}

/* The blocks of the first n bits, for n from `from` to below `to`, which lie in one half. */
static void fill_blocks(struct cryptopan *c, struct bits addr, unsigned from, unsigned to)
{
	for (unsigned n = from; n < to; n++) {
		uint64_t of_pad = UINT64_MAX >> n % 64;
		struct bits b = c->pad;

		if (n < 64) {
			b.high = (addr.high & ~of_pad) | (b.high & of_pad);
		} else {
			b.high = addr.high;
			b.low = (addr.low & ~of_pad) | (b.low & of_pad);
		}
		c->plain[n][0] = htobe64(b.high);
		c->plain[n][1] = htobe64(b.low);
	}
}

/* The first bits of 64 blocks or fewer, the first block's on top. */
static uint64_t first_bits(const uint8_t blocks[][AES128_BLOCK_BYTES], unsigned n)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < n; i++)
		bits |= (uint64_t)(blocks[i][0] >> 7) << (63 - i);
	return bits;
}

void cryptopan_map(struct cryptopan *c, const uint8_t *addr, size_t bytes, uint8_t *ret_addr)
{
	const unsigned n_bits = (unsigned)bytes * 8;
	uint8_t whole[AES128_BLOCK_BYTES] = {0};
	uint64_t words[2];
	struct bits b;

	assert(bytes == 4 || bytes == 16);
	memcpy(whole, addr, bytes);
	b = bits_load(whole);
	fill_blocks(c, b, 0, n_bits < 64 ? n_bits : 64);
	if (n_bits > 64)
		fill_blocks(c, b, 64, n_bits);
	aes128_encrypt(c->aes, c->plain, n_bits * AES128_BLOCK_BYTES, c->sealed[0]);
	b.high ^= first_bits(c->sealed, n_bits < 64 ? n_bits : 64);
	if (n_bits > 64)
		b.low ^= first_bits(c->sealed + 64, n_bits - 64);
	words[0] = htobe64(b.high);
	words[1] = htobe64(b.low);
	memcpy(ret_addr, words, bytes);
}

void cryptopan_free(struct cryptopan *c)
{
	if (c == NULL)
		return;
	aes128_free(c->aes);
	explicit_bzero(c, sizeof(*c));
	free(c);
}
