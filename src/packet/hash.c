/* SPDX-License-Identifier: BSD-2-Clause */
/* See hash.h. */
#include "packet/hash.h"

#include <errno.h>
#include <sys/random.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t w)
{
	s->v3 ^= w;
	sip_round(s);
	s->v0 ^= w;
}

int hash_key_random(struct hash_key *ret_key)
{
	ssize_t n = getrandom(ret_key, sizeof(*ret_key), 0);

	/* Up to 256 bytes are never given short, getrandom(2). */
	return n == (ssize_t)sizeof(*ret_key) ? 0 : -errno;
}

uint64_t hash_words(const struct hash_key *key, const uint64_t *words, size_t n)
{
	/* The four constants spell "somepseudorandomlygeneratedbytes" in the paper. */
	struct sip s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
	    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};

	for (size_t i = 0; i < n; i++)
		sip_word(&s, words[i]);
	sip_word(&s, (uint64_t)(n * 8) << 56);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
