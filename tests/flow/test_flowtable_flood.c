/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash flooding: whoever sends packets chooses the keys, but not the seed. Keys of every structure
 * that we could think of must not lie worse in the flow table than random ones do. What is counted
 * is slots that a look-up passes, never time, and all seeds are fixed: the outcome is always the
 * same.
 *
 * A look-up that finds nothing passes all slots from the key's home to the next empty one, which is
 * as far as any look-up of that hash goes. flowtable_next_ends counts just these.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flowtable.h"
#include "support/random.h"

/* The table is filled to its limit: three slots in four are taken. */
#define FLOWS 20000u

/* Chained tables (bindings, fragments) take the low bits of the same hash. */
#define BUCKETS 16384u

/* Keys that share their home are chosen among so many times as many. */
#define SHARED_BITS 4

#define PROTO_NONE 255 /* of no key */

static const struct hash_key seeds[] = {
    {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)},
    {UINT64_C(0x8c1f7a3be1d2460f), UINT64_C(0x51e09d3a77b4c682)}, {1, 0}};

static const struct hash_key no_seed = {0, 0};

/* What an attacker may have learnt: the seed of another process. */
static const struct hash_key other_seed = {
    UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)};

static struct flowkey new_key(void)
{
	struct flowkey k;

	memset(&k, 0, sizeof(k));
	k.family = 4;
	k.proto = 6;
	k.linktype = 1;
	return k;
}

static void put32(uint8_t *at, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(n >> (24 - 8 * i));
}

/* ---- kinds of keys: the n-th of each ---- */

static struct flowkey random_key(uint32_t n)
{
	struct random r = {UINT64_C(0x9e3779b97f4a7c15) * (n + 1)};
	struct flowkey k = new_key();

	put32(k.addr[0], (uint32_t)random_next(&r));
	put32(k.addr[1], (uint32_t)random_next(&r));
	k.port[0] = (uint16_t)random_next(&r);
	k.port[1] = (uint16_t)random_next(&r);
	return k;
}

static struct flowkey next_port(uint32_t n)
{
	struct flowkey k = new_key();

	put32(k.addr[0], 0x0a000001);
	put32(k.addr[1], 0xc0000201);
	k.port[0] = (uint16_t)n;
	k.port[1] = (uint16_t)(443 + (n >> 16));
	return k;
}

static struct flowkey next_address(uint32_t n)
{
	struct flowkey k = next_port(0);

	put32(k.addr[0], 0x0a000000 + n);
	return k;
}

/* An arithmetic sequence whose step leaves the low bits as they are. */
static struct flowkey same_low_bits(uint32_t n)
{
	struct flowkey k = next_port(0);

	put32(k.addr[0], n << 16);
	return k;
}

static struct flowkey same_high_bits(uint32_t n)
{
	struct flowkey k = new_key();

	k.family = 6;
	put32(k.addr[1] + 12, n);
	return k;
}

/* The step is what multiplicative hashes undo: 2^32 divided by the golden ratio. */
static struct flowkey golden_steps(uint32_t n)
{
	struct flowkey k = next_port(0);

	put32(k.addr[0], n * 2654435769u);
	return k;
}

/* All words change, and their exclusive-or never does. */
static struct flowkey same_xor(uint32_t n)
{
	struct flowkey k = new_key();

	k.family = 6;
	put32(k.addr[0], n);
	put32(k.addr[1], n);
	return k;
}

/* As above, of their sum. */
static struct flowkey same_sum(uint32_t n)
{
	struct flowkey k = new_key();
	uint64_t up = (uint64_t)n << 20, down = ~up;

	k.family = 6;
	memcpy(k.addr[0], &up, 8);
	memcpy(k.addr[1], &down, 8);
	return k;
}

/* Two bits of the addresses are set, all others are not. */
static struct flowkey two_bits(uint32_t n)
{
	struct flowkey k = new_key();
	uint32_t a = n % 256, b = n / 256 % 256;

	k.family = 6;
	k.addr[0][a / 16] |= (uint8_t)(1u << a % 8);
	k.addr[1][b / 16] |= (uint8_t)(1u << b % 8);
	k.port[0] = (uint16_t)(a / 8 % 2);
	k.port[1] = (uint16_t)(b / 8 % 2);
	return k;
}

/* Everything but the VLAN ids is the same: see --vlan-key. */
static struct flowkey next_vlan(uint32_t n)
{
	struct flowkey k = next_port(0);

	k.vlan[0] = n & 4095;
	k.vlan[1] = (uint16_t)(n >> 12);
	return k;
}

/*
 * The n-th of the keys whose homes lie in one sixteenth of the table under a known seed. Called
 * with n from 0 on.
 */
static struct flowkey aimed_at(const struct hash_key *seed, uint32_t n, uint32_t *candidate)
{
	struct flowkey k;

	if (n == 0)
		*candidate = 0;
	do
		k = random_key((*candidate)++);
	while ((uint32_t)flowkey_hash(seed, &k) >> (32 - SHARED_BITS) != 0);
	return k;
}

static struct flowkey aimed_without_seed(uint32_t n)
{
	static uint32_t candidate;

	return aimed_at(&no_seed, n, &candidate);
}

static struct flowkey aimed_with_other_seed(uint32_t n)
{
	static uint32_t candidate;

	return aimed_at(&other_seed, n, &candidate);
}

typedef struct flowkey kind_fn(uint32_t n);

static const struct {
	const char *name;
	kind_fn *key;
} kinds[] = {{"next port", next_port}, {"next address", next_address},
    {"same low bits", same_low_bits}, {"same high bits", same_high_bits},
    {"golden steps", golden_steps}, {"same exclusive-or", same_xor}, {"same sum", same_sum},
    {"two bits", two_bits}, {"next VLAN", next_vlan}, {"aimed without a seed", aimed_without_seed},
    {"aimed with another seed", aimed_with_other_seed}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), SEEDS = sizeof(seeds) / sizeof(seeds[0]) };

/* ---- counting ---- */

struct probes {
	uint64_t sum, max;
};

static struct flowtable *fill(const struct hash_key *seed, kind_fn *key)
{
	struct flowtable *t;

	ck_assert_int_eq(flowtable_new(FLOWS, &t), 0);
	for (uint32_t n = 0; n < FLOWS; n++) {
		struct flowkey k = key(n);

		ck_assert_ptr_nonnull(flowtable_add(t, &k, (uint32_t)flowkey_hash(seed, &k)));
	}
	return t;
}

/* Slots that look-ups of these keys pass at most. */
static struct probes count_probes(const struct hash_key *seed, kind_fn *key)
{
	struct flowtable *t = fill(seed, key);
	struct probes p = {0, 0};

	for (uint32_t n = 0; n < FLOWS; n++) {
		struct flowkey k = key(n);
		uint32_t hash = (uint32_t)flowkey_hash(seed, &k);
		size_t slots = 0;

		k.proto = PROTO_NONE; /* nothing is found, and the way goes to its end */
		ck_assert_ptr_null(flowtable_next_ends(t, &k, hash, &slots));
		p.sum += slots;
		if (slots > p.max)
			p.max = slots;
	}
	flowtable_free(t);
	return p;
}

/* The longest chain, where the low bits of the hash choose it. */
static unsigned longest_chain(const struct hash_key *seed, kind_fn *key)
{
	unsigned *chains = calloc(BUCKETS, sizeof(*chains)), max = 0;

	ck_assert_ptr_nonnull(chains);
	for (uint32_t n = 0; n < FLOWS; n++) {
		struct flowkey k = key(n);
		unsigned length = ++chains[flowkey_hash(seed, &k) % BUCKETS];

		if (length > max)
			max = length;
	}
	free(chains);
	return max;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct flowkey));
}

/* ---- the tests ---- */

START_TEST(the_keys_of_a_kind_all_differ)
{
	struct flowkey *keys = calloc(FLOWS, sizeof(*keys));

	ck_assert_ptr_nonnull(keys);
	for (uint32_t n = 0; n < FLOWS; n++)
		keys[n] = kinds[_i].key(n);
	qsort(keys, FLOWS, sizeof(*keys), compare_keys);
	for (uint32_t n = 1; n < FLOWS; n++)
		if (flowkey_equal(&keys[n - 1], &keys[n]))
			ck_abort_msg("%s: a key comes twice", kinds[_i].name);
	free(keys);
}
END_TEST

START_TEST(chosen_keys_lie_no_worse_than_random_ones)
{
	const struct hash_key *seed = &seeds[_i / KINDS];
	struct probes random = count_probes(seed, random_key);
	struct probes chosen = count_probes(seed, kinds[_i % KINDS].key);

	/* Means of random sets lie within some per cent of each other, and maxima within a half. */
	if (chosen.sum > random.sum / 4 * 5 || chosen.max > 3 * random.max)
		ck_abort_msg("%s: %.1f slots on average, %llu at most; random keys: %.1f, %llu",
		    kinds[_i % KINDS].name, (double)chosen.sum / FLOWS,
		    (unsigned long long)chosen.max, (double)random.sum / FLOWS,
		    (unsigned long long)random.max);
}
END_TEST

START_TEST(chosen_keys_make_no_long_chain)
{
	/* About one key per chain: that 13 of random ones share one is less likely than 1 in
	 * 10,000. */
	unsigned longest = longest_chain(&seeds[_i / KINDS], kinds[_i % KINDS].key);

	if (longest > 12)
		ck_abort_msg("%s: %u keys in a chain", kinds[_i % KINDS].name, longest);
}
END_TEST

/* What all this is for, and that the counting would show it. */
START_TEST(who_knows_the_seed_makes_every_look_up_long)
{
	struct probes random = count_probes(&other_seed, random_key);
	struct probes aimed = count_probes(&other_seed, aimed_with_other_seed);

	ck_assert_uint_lt(random.sum / FLOWS, 20);
	ck_assert_uint_gt(aimed.sum, 500 * random.sum);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flowtable_flood");
	TCase *t = tcase_create("flowtable_flood");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_keys_of_a_kind_all_differ, 0, KINDS);
	tcase_add_loop_test(t, chosen_keys_lie_no_worse_than_random_ones, 0, KINDS * SEEDS);
	tcase_add_loop_test(t, chosen_keys_make_no_long_chain, 0, KINDS * SEEDS);
	tcase_add_test(t, who_knows_the_seed_makes_every_look_up_long);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
