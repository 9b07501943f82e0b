/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of Crypto-PAn, against values that its authors and others published.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/cryptopan.h"
#include "support/quick.h"
#include "support/random.h"

struct vector {
	const char *from, *to;
};

/* The key of the sample program in the authors' distribution. */
static const uint8_t sample_key[CRYPTOPAN_KEY_BYTES] = {21, 34, 23, 141, 51, 164, 207, 128, 19, 10,
    91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34,
    2};

/* Its sample trace: the addresses of sample_trace_raw.dat and those of sample_trace_sanitized.dat.
 */
static const struct vector sample_trace[] = {
    {"128.11.68.132", "135.242.180.132"},
    {"129.118.74.4", "134.136.186.123"},
    {"130.132.252.244", "133.68.164.234"},
    {"141.223.7.43", "141.167.8.160"},
    {"141.233.145.108", "141.129.237.235"},
    {"152.163.225.39", "151.140.114.167"},
    {"156.29.3.236", "147.225.12.42"},
    {"165.247.96.84", "162.9.99.234"},
    {"166.107.77.190", "160.132.178.185"},
    {"192.102.249.13", "252.138.62.131"},
    {"192.215.32.125", "252.43.47.189"},
    {"192.233.80.103", "252.25.108.8"},
    {"192.41.57.43", "252.222.221.184"},
    {"193.150.244.223", "253.169.52.216"},
    {"195.205.63.100", "255.186.223.5"},
    {"198.200.171.101", "249.199.68.213"},
    {"198.26.132.101", "249.36.123.202"},
    {"198.36.213.5", "249.7.21.132"},
    {"198.51.77.238", "249.18.186.254"},
    {"199.217.79.101", "248.38.184.213"},
    {"202.49.198.20", "245.206.7.234"},
    {"203.12.160.252", "244.248.163.4"},
    {"204.184.162.189", "243.192.77.90"},
    {"204.202.136.230", "243.178.4.198"},
    {"204.29.20.4", "243.33.20.123"},
    {"205.178.38.67", "242.108.198.51"},
    {"205.188.147.153", "242.96.16.101"},
    {"205.188.248.25", "242.96.88.27"},
    {"205.245.121.43", "242.21.121.163"},
    {"207.105.49.5", "241.118.205.138"},
    {"207.135.65.238", "241.202.129.222"},
    {"207.155.9.214", "241.220.250.22"},
    {"207.188.7.45", "241.255.249.220"},
    {"207.25.71.27", "241.33.119.156"},
    {"207.33.151.131", "241.1.233.131"},
    {"208.147.89.59", "227.237.98.191"},
    {"208.234.120.210", "227.154.67.17"},
    {"208.28.185.184", "227.39.94.90"},
    {"208.52.56.122", "227.8.63.165"},
    {"209.12.231.7", "226.243.167.8"},
    {"209.238.72.3", "226.6.119.243"},
    {"209.246.74.109", "226.22.124.76"},
    {"209.68.60.238", "226.184.220.233"},
    {"209.85.249.6", "226.170.70.6"},
    {"212.120.124.31", "228.135.163.231"},
    {"212.146.8.236", "228.19.4.234"},
    {"212.186.227.154", "228.59.98.98"},
    {"212.204.172.118", "228.71.195.169"},
    {"212.206.130.201", "228.69.242.193"},
    {"216.148.237.145", "235.84.194.111"},
    {"216.157.30.252", "235.89.31.26"},
    {"216.184.159.48", "235.96.225.78"},
    {"216.227.10.221", "235.28.253.36"},
    {"216.254.18.172", "235.7.16.162"},
    {"216.32.132.250", "235.192.139.38"},
    {"216.35.217.178", "235.195.157.81"},
    {"24.0.250.221", "100.15.198.226"},
    {"24.13.62.231", "100.2.192.247"},
    {"24.14.213.138", "100.1.42.141"},
    {"24.5.0.80", "100.9.15.210"},
    {"24.7.198.88", "100.10.6.25"},
    {"24.94.26.44", "100.88.228.35"},
    {"38.15.67.68", "64.3.66.187"},
    {"4.3.88.225", "124.60.155.63"},
    {"63.14.55.111", "95.9.215.7"},
    {"63.195.241.44", "95.179.238.44"},
    {"63.97.7.140", "95.97.9.123"},
    {"64.14.118.196", "0.255.183.58"},
    {"64.34.154.117", "0.221.154.117"},
    {"64.39.15.238", "0.219.7.41"},
};

/* From the tests of the implementations for Go, Python and Node.js, which agree on them. */
static const struct vector other_addresses[] = {
    {"10.185.25.118", "117.161.29.118"},
    {"129.69.205.36", "134.182.53.212"},
    {"127.0.0.1", "33.0.243.129"},
    {"0.0.0.0", "120.255.240.1"},
    {"10.0.1.128", "117.15.1.129"},
    {"169.254.100.50", "169.251.68.45"},
    {"255.255.255.255", "206.120.97.255"},
    {"::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"},
    {"::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"},
    {"::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838"},
    {"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"},
    {"2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"},
};

static const uint8_t second_key[CRYPTOPAN_KEY_BYTES] = {0x80, 0x09, 0xab, 0x3a, 0x60, 0x54, 0x35,
    0xbe, 0xa0, 0xc3, 0x85, 0xbe, 0xa1, 0x84, 0x85, 0xd8, 0xb0, 0xa1, 0x10, 0x3d, 0x65, 0x90, 0xbd,
    0xf4, 0x8c, 0x96, 0x8b, 0xe5, 0xde, 0x53, 0x83, 0x6e};

static const struct vector second_vectors[] = {
    {"123.123.123.123", "117.8.135.123"},
    {"131.159.1.42", "162.112.255.43"},
    {"8.8.8.8", "55.21.62.136"},
    {"255.8.1.100", "240.232.0.156"},
    {"0.0.0.0", "56.131.176.115"},
    {"255.255.255.255", "240.15.248.0"},
    {"2a02:0db8:85a3:0000:0000:8a2e:0370:7344", "1482:f447:75b3:f1f9:fbdf:622e:34f:ff7b"},
    {"2a02:0db8:85a3:08d3:1319:8a2e:0370:7344", "1482:f447:75b3:f904:c1d9:ba2e:489:1346"},
    {"2001:b8:a3:00:00:2e:70:44", "1f18:b37b:1cc3:8118:41f:9fd1:f875:fab8"},
    {"fc00::", "f33c:8ca3:ef0f:e019:e7ff:f1e3:f91f:f800"},
};

static const struct vector counting_vectors[] = {
    {"192.0.2.1", "2.90.93.17"},
    {"0.0.0.0", "254.152.65.220"},
    {"10.0.1.128", "246.35.190.47"},
    {"127.0.0.1", "168.227.160.61"},
    {"165.254.100.50", "90.1.157.13"},
    {"255.255.255.255", "56.0.15.254"},
    {"148.88.132.153", "106.38.130.153"},
    {"148.88.132.64", "106.38.130.64"},
    {"148.88.133.200", "106.38.131.223"},
    {"2001:db8::1", "dd92:2c44:3fc0:ff1e:7ff9:c7f0:8180:7e00"},
};

static struct cryptopan *make(const uint8_t *key)
{
	struct cryptopan *c;

	ck_assert_int_eq(cryptopan_new(key, &c), 0);
	return c;
}

static void assert_vectors(const uint8_t *key, const struct vector *vectors, size_t n)
{
	struct cryptopan *c = make(key);

	for (size_t i = 0; i < n; i++) {
		const int family = strchr(vectors[i].from, ':') == NULL ? AF_INET : AF_INET6;
		const size_t bytes = family == AF_INET ? 4 : 16;
		uint8_t from[16], to[16], mapped[16];

		ck_assert_int_eq(inet_pton(family, vectors[i].from, from), 1);
		ck_assert_int_eq(inet_pton(family, vectors[i].to, to), 1);
		cryptopan_map(c, from, bytes, mapped);
		ck_assert_msg(memcmp(mapped, to, bytes) == 0, "%s does not become %s",
		    vectors[i].from, vectors[i].to);
		cryptopan_map(c, from, bytes, from); /* in place */
		ck_assert_mem_eq(from, to, bytes);
	}
	cryptopan_free(c);
}

#define ASSERT_VECTORS(key, vectors) \
	assert_vectors(key, vectors, sizeof(vectors) / sizeof((vectors)[0]))

START_TEST(the_sample_trace_becomes_what_its_authors_published)
{
	ASSERT_VECTORS(sample_key, sample_trace);
}
END_TEST

START_TEST(addresses_become_what_other_implementations_make_of_them)
{
	uint8_t counting[CRYPTOPAN_KEY_BYTES];

	for (uint8_t i = 0; i < CRYPTOPAN_KEY_BYTES; i++)
		counting[i] = i;
	ASSERT_VECTORS(sample_key, other_addresses);
	ASSERT_VECTORS(second_key, second_vectors);
	ASSERT_VECTORS(counting, counting_vectors);
}
END_TEST

/* How many of their first bits two addresses share. */
static unsigned shared_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned n = 0; n < bits; n++)
		if ((a[n / 8] ^ b[n / 8]) >> (7 - n % 8) & 1)
			return n;
	return bits;
}

/* Two random addresses that share their first n bits and no more. */
static void make_pair(struct random *r, uint8_t pair[2][16], unsigned n, unsigned bits)
{
	random_fill(r, pair[0], 16);
	random_fill(r, pair[1], 16);
	for (unsigned i = 0; i < n && i < bits; i++) {
		const uint8_t bit = (uint8_t)(0x80 >> i % 8);

		pair[1][i / 8] = (uint8_t)((pair[1][i / 8] & ~bit) | (pair[0][i / 8] & bit));
	}
	if (n < bits) {
		const uint8_t bit = (uint8_t)(0x80 >> n % 8);

		pair[1][n / 8] = (uint8_t)((pair[1][n / 8] & ~bit) | (~pair[0][n / 8] & bit));
	}
}

static void assert_prefixes_preserved(size_t bytes, uint64_t seed)
{
	const unsigned bits = (unsigned)bytes * 8;
	struct random r = {seed};
	uint8_t key[CRYPTOPAN_KEY_BYTES], pair[2][16], mapped[2][16];
	struct cryptopan *c;

	random_fill(&r, key, sizeof(key));
	c = make(key);
	for (unsigned i = 0; i < 100000; i++) {
		const unsigned n = i % (bits + 1);

		make_pair(&r, pair, n, bits);
		quick_assert(shared_bits(pair[0], pair[1], bits) == n);
		cryptopan_map(c, pair[0], bytes, mapped[0]);
		cryptopan_map(c, pair[1], bytes, mapped[1]);
		quick_assert(shared_bits(mapped[0], mapped[1], bits) == n);
	}
	cryptopan_free(c);
}

START_TEST(ipv4_addresses_share_as_much_afterwards_as_before)
{
	assert_prefixes_preserved(4, 4);
}
END_TEST

START_TEST(ipv6_addresses_share_as_much_afterwards_as_before)
{
	assert_prefixes_preserved(16, 6);
}
END_TEST

/* Random addresses, mapped: as many bytes as the array has. */
static void map_many(const uint8_t *key, uint8_t ret_mapped[64][16])
{
	struct cryptopan *c = make(key);
	struct random r = {17};

	random_fill(&r, ret_mapped[0], 64 * 16);
	for (size_t i = 0; i < 64; i++)
		cryptopan_map(c, ret_mapped[i], i % 2 == 0 ? 4 : 16, ret_mapped[i]);
	cryptopan_free(c);
}

START_TEST(the_same_key_maps_the_same_way_and_every_bit_of_it_counts)
{
	static uint8_t before[64][16], after[64][16];
	uint8_t key[CRYPTOPAN_KEY_BYTES];

	memcpy(key, sample_key, sizeof(key));
	map_many(key, before);
	map_many(key, after);
	ck_assert_mem_eq(before, after, sizeof(before));
	for (unsigned bit = 0; bit < sizeof(key) * 8; bit++) {
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		map_many(key, after);
		/* Half of all bits change; ipv4 and ipv6 each. */
		ck_assert_mem_ne(before[0], after[0], 4);
		ck_assert_mem_ne(before[1], after[1], 16);
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(an_address_becomes_the_same_whatever_came_before_it)
{
	struct cryptopan *c = make(sample_key);
	uint8_t first[16], again[16], other[16];
	struct random r = {23};

	for (int i = 0; i < 1000; i++) {
		uint8_t addr[16];
		size_t bytes = i % 2 == 0 ? 4 : 16;

		random_fill(&r, addr, sizeof(addr));
		cryptopan_map(c, addr, bytes, first);
		random_fill(&r, other, sizeof(other));
		cryptopan_map(c, other, i % 4 < 2 ? 16 : 4, other);
		cryptopan_map(c, addr, bytes, again);
		quick_assert(memcmp(first, again, bytes) == 0);
	}
	cryptopan_free(c);
}
END_TEST

START_TEST(no_two_addresses_of_a_network_become_the_same)
{
	static uint8_t taken[65536];
	struct cryptopan *c = make(sample_key);
	uint8_t network[2] = {0};

	for (unsigned host = 0; host < 65536; host++) {
		uint8_t addr[4] = {198, 18, (uint8_t)(host >> 8), (uint8_t)host};

		cryptopan_map(c, addr, sizeof(addr), addr);
		if (host == 0)
			memcpy(network, addr, sizeof(network));
		quick_assert(memcmp(addr, network, sizeof(network)) == 0);
		quick_assert(taken[addr[2] << 8 | addr[3]]++ == 0);
	}
	cryptopan_free(c);
}
END_TEST

START_TEST(nothing_is_written_behind_an_address)
{
	struct cryptopan *c = make(sample_key);
	uint8_t addr[6] = {10, 1, 2, 3, 0xee, 0xee};

	cryptopan_map(c, addr, 4, addr);
	ck_assert_uint_eq(addr[4], 0xee);
	ck_assert_uint_eq(addr[5], 0xee);
	cryptopan_free(c);
	cryptopan_free(NULL);
}
END_TEST

static Suite *cryptopan_suite(void)
{
	Suite *s = suite_create("cryptopan");
	TCase *t = tcase_create("cryptopan");

	tcase_set_timeout(t, 120); /* for sanitizers and busy machines */
	tcase_add_test(t, the_sample_trace_becomes_what_its_authors_published);
	tcase_add_test(t, addresses_become_what_other_implementations_make_of_them);
	tcase_add_test(t, ipv4_addresses_share_as_much_afterwards_as_before);
	tcase_add_test(t, ipv6_addresses_share_as_much_afterwards_as_before);
	tcase_add_test(t, the_same_key_maps_the_same_way_and_every_bit_of_it_counts);
	tcase_add_test(t, an_address_becomes_the_same_whatever_came_before_it);
	tcase_add_test(t, no_two_addresses_of_a_network_become_the_same);
	tcase_add_test(t, nothing_is_written_behind_an_address);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(cryptopan_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
