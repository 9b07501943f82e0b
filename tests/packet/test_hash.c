/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the keyed hash, against a plain SipHash-c-d that works byte by byte as the paper says.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/hash.h"
#include "support/random.h"

struct reference {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t x, unsigned n)
{
	return (x << n) | (x >> (64 - n));
}

/* SipRound, section 2.2 of the paper. */
static void round_of(struct reference *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13);
	v[3] = rotate(v[3], 16);
	v[1] ^= v[0];
	v[3] ^= v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17);
	v[3] = rotate(v[3], 21);
	v[1] ^= v[2];
	v[3] ^= v[0];
	v[2] = rotate(v[2], 32);
}

/* SipHash-c-d of len bytes: words of 8 bytes, little-endian, the last one ends with the length. */
static uint64_t siphash(int c, int d, const uint8_t key[16], const uint8_t *bytes, size_t len)
{
	static const char init[] = "somepseudorandomlygeneratedbytes";
	struct reference s = {{0}};

	for (int i = 0; i < 32; i++)
		s.v[i / 8] = s.v[i / 8] << 8 | (uint8_t)init[i];
	for (int i = 0; i < 4; i++)
		for (int b = 0; b < 8; b++)
			s.v[i] ^= (uint64_t)key[i % 2 * 8 + b] << (8 * b);
	for (size_t at = 0; at <= len; at += 8) {
		uint64_t m = 0;

		for (size_t b = 0; b < 8 && at + b < len; b++)
			m |= (uint64_t)bytes[at + b] << (8 * b);
		if (at + 8 > len)
			m |= (uint64_t)(len & 0xff) << 56;
		s.v[3] ^= m;
		for (int i = 0; i < c; i++)
			round_of(&s);
		s.v[0] ^= m;
	}
	s.v[2] ^= 0xff;
	for (int i = 0; i < d; i++)
		round_of(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

START_TEST(the_reference_gives_the_value_that_the_paper_states)
{
	uint8_t key[16], message[15];

	/* Appendix A: key 00..0f, message 00..0e, SipHash-2-4. */
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	memcpy(message, key, sizeof(message));
	ck_assert_uint_eq(
	    siphash(2, 4, key, message, sizeof(message)), UINT64_C(0xa129ca6149be45e5));
}
END_TEST

START_TEST(words_hash_as_siphash_1_3_of_their_little_endian_bytes)
{
	struct random r = {13};

	for (size_t n = 0; n <= 33; n++) {
		struct hash_key key = {random_next(&r), random_next(&r)};
		uint8_t key_bytes[16], bytes[33 * 8];
		uint64_t words[33];

		for (size_t i = 0; i < n; i++)
			words[i] = random_next(&r);
		for (size_t i = 0; i < n * 8; i++)
			bytes[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
		for (size_t i = 0; i < 16; i++)
			key_bytes[i] = (uint8_t)((i < 8 ? key.k0 : key.k1) >> (i % 8 * 8));
		ck_assert_uint_eq(
		    hash_words(&key, words, n), siphash(1, 3, key_bytes, bytes, n * 8));
	}
}
END_TEST

START_TEST(every_bit_of_words_and_key_counts)
{
	struct hash_key key = {1, 2};
	uint64_t words[6] = {3, 4, 5, 6, 7, 8};
	uint64_t plain = hash_words(&key, words, 6);

	for (int bit = 0; bit < 6 * 64; bit++) {
		words[bit / 64] ^= UINT64_C(1) << bit % 64;
		ck_assert_uint_ne(hash_words(&key, words, 6), plain);
		words[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
	for (int bit = 0; bit < 128; bit++) {
		uint64_t *half = bit < 64 ? &key.k0 : &key.k1;

		*half ^= UINT64_C(1) << bit % 64;
		ck_assert_uint_ne(hash_words(&key, words, 6), plain);
		*half ^= UINT64_C(1) << bit % 64;
	}
	ck_assert_uint_eq(hash_words(&key, words, 6), plain);
}
END_TEST

START_TEST(random_keys_differ)
{
	struct hash_key a = {0, 0}, b = {0, 0};

	ck_assert_int_eq(hash_key_random(&a), 0);
	ck_assert_int_eq(hash_key_random(&b), 0);
	ck_assert(a.k0 != b.k0 && a.k1 != b.k1 && a.k0 != a.k1);
}
END_TEST

static Suite *hash_suite(void)
{
	Suite *s = suite_create("hash");
	TCase *t = tcase_create("hash");

	tcase_add_test(t, the_reference_gives_the_value_that_the_paper_states);
	tcase_add_test(t, words_hash_as_siphash_1_3_of_their_little_endian_bytes);
	tcase_add_test(t, every_bit_of_words_and_key_counts);
	tcase_add_test(t, random_keys_differ);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(hash_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
