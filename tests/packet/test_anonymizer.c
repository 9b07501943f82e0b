/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what becomes of addresses under each policy.
 */
#include <arpa/inet.h>
#include <check.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "packet/anonymizer.h"
#include "support/quick.h"
#include "support/random.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* That of Crypto-PAn's sample program. */
static const uint8_t key[CRYPTOPAN_KEY_BYTES] = {21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22,
    73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2};

static struct anonymizer *make(const char *addresses, bool macs)
{
	struct anonymizer_config config = {.policy.macs = macs};
	struct anonymizer *a;

	ck_assert_int_eq(policy_parse_addresses(addresses, &config.policy), 0);
	if (policy_needs_key(&config.policy))
		config.key = key;
	ck_assert_int_eq(anonymizer_new(&config, &a), 0);
	return a;
}

static uint8_t parse(const char *text, uint8_t addr[16])
{
	const uint8_t family = strchr(text, ':') == NULL ? 4 : 6;

	memset(addr, 0, 16);
	ck_assert_int_eq(inet_pton(family == 4 ? AF_INET : AF_INET6, text, addr), 1);
	return family;
}

/* What `from` becomes under --anonymize `addresses`. */
static void assert_becomes(const char *addresses, const char *from, const char *to)
{
	struct anonymizer *a = make(addresses, false);
	uint8_t addr[16], wanted[16];
	char text[INET6_ADDRSTRLEN];
	uint8_t family = parse(from, addr);

	ck_assert_uint_eq(parse(to, wanted), family);
	anonymizer_map(a, family, addr);
	(void)inet_ntop(family == 4 ? AF_INET : AF_INET6, addr, text, sizeof(text));
	ck_assert_msg(memcmp(addr, wanted, sizeof(addr)) == 0, "%s: %s became %s, not %s",
	    addresses, from, text, to);
	anonymizer_free(a);
}

struct example {
	const char *addresses, *from, *to;
};

static void assert_examples(const struct example *examples, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_becomes(examples[i].addresses, examples[i].from, examples[i].to);
}

START_TEST(netblock_keeps_the_first_bits_and_zeros_the_others)
{
	static const struct example examples[] = {
	    {"netblock", "198.51.100.213", "198.51.100.0"},
	    {"netblock:32,128", "198.51.100.213", "198.51.100.213"},
	    {"netblock:25,48", "198.51.100.213", "198.51.100.128"},
	    {"netblock:9,48", "198.255.100.213", "198.128.0.0"},
	    {"netblock:0,48", "198.51.100.213", "0.0.0.0"},
	    {"netblock", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
	    {"netblock:24,128", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
	    {"netblock:24,64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
	    {"netblock:24,65", "2001:db8:1:2:ffff:4:5:6", "2001:db8:1:2:8000::"},
	    {"netblock:24,1", "ffff:db8:1:2:3:4:5:6", "8000::"},
	    {"netblock:24,0", "2001:db8:1:2:3:4:5:6", "::"},
	    {"netblock:24,128", "::1", "::1"},
	    {"netblock", "::1", "::"},
	};

	assert_examples(examples, N(examples));
}
END_TEST

START_TEST(mapped_addresses_become_what_the_ipv4_address_becomes)
{
	static const struct example examples[] = {
	    {"netblock", "::ffff:198.51.100.213", "::ffff:198.51.100.0"},
	    {"netblock:8,0", "::ffff:198.51.100.213", "::ffff:198.0.0.0"},
	    {"netblock:32,0", "::ffff:198.51.100.213", "::ffff:198.51.100.213"},
	    {"netblock:0,128", "::ffff:198.51.100.213", "::ffff:0.0.0.0"},
	    {"none", "::ffff:198.51.100.213", "::ffff:198.51.100.213"},
	    {"cryptopan", "128.11.68.132", "135.242.180.132"},
	    {"cryptopan", "::ffff:128.11.68.132", "::ffff:135.242.180.132"},
	    {"cryptopan", "::ffff:0.0.0.0", "::ffff:120.255.240.1"},
	};

	assert_examples(examples, N(examples));
}
END_TEST

/* 203.0.113.77 is cb00:714d, its inverse 34ff:8eb2. */
START_TEST(netblock_leaves_no_more_of_an_embedded_ipv4_address_than_of_a_plain_one)
{
	static const struct example examples[] = {
	    /* 6to4 */
	    {"netblock", "2002:cb00:714d:1:2:3:4:5", "2002:cb00:7100::"},
	    {"netblock:8,48", "2002:cb00:714d:1:2:3:4:5", "2002:cb00::"},
	    {"netblock:24,128", "2002:cb00:714d:1:2:3:4:5", "2002:cb00:7100:1:2:3:4::"},
	    {"netblock:24,128", "2002:cb00:714d::cb00:714d", "2002:cb00:7100::cb00:7100"},
	    {"netblock:32,128", "2002:cb00:714d::cb00:714d", "2002:cb00:714d::cb00:714d"},
	    {"netblock:24,32", "2002:cb00:714d:1:2:3:4:5", "2002:cb00::"},
	    {"netblock:0,128", "2002:cb00:714d:1::", "2002:0:0:1::"},
	    /* NAT64 */
	    {"netblock", "64:ff9b::203.0.113.77", "64:ff9b::"},
	    {"netblock:24,128", "64:ff9b::203.0.113.77", "64:ff9b::203.0.113.0"},
	    {"netblock:24,104", "64:ff9b::203.0.113.77", "64:ff9b::203.0.0.0"},
	    {"netblock:32,128", "64:ff9b::203.0.113.77", "64:ff9b::203.0.113.77"},
	    {"netblock:24,128", "64:ff9b:1:cb00:71:4d00::", "64:ff9b:1:cb00::"},
	    {"netblock:24,128", "64:ff9b:1::203.0.113.77", "64:ff9b:1::"},
	    /* Teredo */
	    {"netblock:24,128", "2001:0:cb00:714d:8000:1234:34ff:8eb2",
		"2001:0:cb00:7100:8000:1234:34ff:8e00"},
	    {"netblock:8,64", "2001:0:cb00:714d:8000:1234:34ff:8eb2", "2001:0:cb00::"},
	    {"netblock:24,128", "2001:1:cb00:714d:8000:1234:34ff:8eb2",
		"2001:1:cb00:714d:8000:1234:34ff:8eb2"},
	    /* ISATAP */
	    {"netblock:24,128", "2001:db8::5efe:203.0.113.77", "2001:db8::5efe:203.0.113.0"},
	    {"netblock:24,128", "2001:db8::200:5efe:203.0.113.77",
		"2001:db8::200:5efe:203.0.113.0"},
	    {"netblock:24,128", "2001:db8::100:5efe:203.0.113.77",
		"2001:db8::100:5efe:203.0.113.77"},
	    /* IPv4-compatible, IPv4-translated */
	    {"netblock:24,128", "::203.0.113.77", "::203.0.113.0"},
	    {"netblock:24,128", "::ffff:0:203.0.113.77", "::ffff:0:203.0.113.0"},
	    /* Neighbours of them all */
	    {"netblock:24,128", "2003:cb00:714d::cb00:714d", "2003:cb00:714d::cb00:714d"},
	    {"netblock:24,128", "64:ff9c::cb00:714d", "64:ff9c::cb00:714d"},
	    {"netblock:24,128", "64:ff9b:2::cb00:714d", "64:ff9b:2::cb00:714d"},
	    {"netblock:24,128", "::1:0:cb00:714d", "::1:0:cb00:714d"},
	};

	assert_examples(examples, N(examples));
}
END_TEST

/* An address of any of the forms that are treated apart. */
static void random_v6(struct random *r, uint8_t addr[16])
{
	static const char *const forms[] = {"::", "::ffff:0.0.0.0", "::ffff:0:0.0.0.0",
	    "64:ff9b::", "64:ff9b:1::", "2001::", "2002::", "::5efe:0:0", "fe80::200:5efe:0:0",
	    "2001:db8::"};
	/* Where each begins to be free. */
	static const uint8_t free_from[] = {12, 12, 12, 12, 6, 4, 2, 12, 12, 4};
	const size_t form = random_below(r, N(forms) + 1);

	random_fill(r, addr, 16);
	if (form < N(forms)) {
		uint8_t fixed[16];

		(void)parse(forms[form], fixed);
		memcpy(addr, fixed, free_from[form]);
	}
	if (random_below(r, 8) == 0) /* any prefix may have an interface identifier of ISATAP */
		memcpy(addr + 8, "\x02\x00\x5e\xfe", 4);
}

static bool bit(const uint8_t *addr, unsigned at)
{
	return addr[at / 8] >> (7 - at % 8) & 1;
}

START_TEST(what_netblock_made_stays_and_hides_no_fewer_bits_than_asked)
{
	struct random r = {2002};

	for (unsigned v6_bits = 0; v6_bits <= 128; v6_bits++) {
		struct anonymizer_config config = {.policy.addresses = ADDRESSES_NETBLOCK,
		    .policy.v4_bits = (uint8_t)random_below(&r, 33),
		    .policy.v6_bits = (uint8_t)v6_bits};
		struct anonymizer *a;

		ck_assert_int_eq(anonymizer_new(&config, &a), 0);
		for (int i = 0; i < 2000; i++) {
			uint8_t addr[16], once[16], twice[16];

			random_v6(&r, addr);
			memcpy(once, addr, sizeof(once));
			anonymizer_map(a, 6, once);
			memcpy(twice, once, sizeof(twice));
			anonymizer_map(a, 6, twice);
			quick_assert(memcmp(once, twice, sizeof(once)) == 0);
			for (unsigned at = 0; at < 128; at++) /* bits go, none comes */
				quick_assert(bit(addr, at) || !bit(once, at));
			if (memcmp(addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0)
				continue;
			for (unsigned at = v6_bits; at < 128; at++)
				quick_assert(!bit(once, at));
		}
		anonymizer_free(a);
	}
}
END_TEST

START_TEST(netblock_does_the_same_with_every_value_of_the_bits_that_go)
{
	struct anonymizer *a = make("netblock:24,120", false);
	uint8_t v4[4], v6[16], was[16];

	for (unsigned value = 0; value < 256; value++) {
		uint8_t plain[4] = {192, 0, 2, (uint8_t)value};
		const uint8_t kept[4] = {192, 0, 2, 0};

		memcpy(v4, plain, sizeof(v4));
		anonymizer_map(a, 4, v4);
		ck_assert_mem_eq(v4, kept, sizeof(v4));
		(void)parse("2002:c000:2ff::", v6);
		(void)parse("2002:c000:200::", was);
		v6[5] = (uint8_t)value;
		v6[15] = (uint8_t)~value;
		anonymizer_map(a, 6, v6);
		ck_assert_mem_eq(v6, was, sizeof(v6));
	}
	anonymizer_free(a);
}
END_TEST

START_TEST(cryptopan_remembers_rightly)
{
	struct anonymizer *a = make("cryptopan", false);
	struct cryptopan *plain;
	struct random r = {4096};
	static uint8_t pool[10000][16];

	ck_assert_int_eq(cryptopan_new(key, &plain), 0);
	/* Of the pool are 0.0.0.0 and ::, and many that differ in one half alone. */
	random_fill(&r, pool[1], sizeof(pool) - sizeof(pool[0]));
	for (size_t i = 4; i < N(pool); i++)
		if (i % 3 != 0)
			memcpy(pool[i] + i % 3 * 8 - 8, pool[1], 8);
	for (int i = 0; i < 200000; i++) {
		/* Some again and again, some now and then and pushed out in between. */
		const size_t n = random_below(&r, random_below(&r, 2) == 0 ? 64 : N(pool));
		const size_t bytes = random_below(&r, 2) == 0 ? 4 : 16;
		uint8_t wanted[16], got[16];

		memcpy(got, pool[n], sizeof(got));
		anonymizer_map(a, bytes == 4 ? 4 : 6, got);
		cryptopan_map(plain, pool[n], bytes, wanted);
		quick_assert(memcmp(got, wanted, bytes) == 0);
		quick_assert(memcmp(got + bytes, pool[n] + bytes, 16 - bytes) == 0);
	}
	cryptopan_free(plain);
	anonymizer_free(a);
}
END_TEST

START_TEST(where_addresses_are_kept_nothing_is_done)
{
	struct anonymizer *a = make("none", false);
	uint8_t addr[16], was[16];
	struct random r = {5};

	random_fill(&r, was, sizeof(was));
	memcpy(addr, was, sizeof(addr));
	anonymizer_map(a, 4, addr);
	anonymizer_map(a, 6, addr);
	anonymizer_map_mac(a, addr, 0x01);
	ck_assert_mem_eq(addr, was, sizeof(addr));
	ck_assert(!anonymizer_is_exempt(a, 4, addr));
	ck_assert(!anonymizer_is_exempt(a, 6, addr));
	anonymizer_free(a);
	anonymizer_free(NULL);
}
END_TEST

/* What an exemption was asked about last. */
struct asked {
	uint8_t family, addr[16];
	bool answer;
};

static bool note(uint8_t family, const uint8_t addr[16], void *arg)
{
	struct asked *asked = arg;

	asked->family = family;
	memcpy(asked->addr, addr, sizeof(asked->addr));
	return asked->answer;
}

START_TEST(exemptions_are_asked_of_mapped_addresses_as_of_ipv4_ones)
{
	static const struct {
		const char *addr, *asked;
	} cases[] = {
	    {"192.0.2.7", "192.0.2.7"},
	    {"::ffff:192.0.2.7", "192.0.2.7"},
	    {"::fffe:192.0.2.7", "::fffe:192.0.2.7"},
	    {"2001:db8::7", "2001:db8::7"},
	};
	struct asked asked;
	struct anonymizer_config config = {.exempt = note, .exempt_arg = &asked};
	struct anonymizer *a;

	ck_assert_int_eq(anonymizer_new(&config, &a), 0);
	for (size_t i = 0; i < N(cases); i++) {
		uint8_t addr[16], wanted[16];
		uint8_t family = parse(cases[i].addr, addr), wanted_family;

		wanted_family = parse(cases[i].asked, wanted);
		if (family == 4)
			memset(addr + 4, 0xee, 12); /* what follows an address in a packet */
		asked.answer = i % 2 == 0;
		ck_assert(anonymizer_is_exempt(a, family, addr) == asked.answer);
		asked.answer = !asked.answer;
		ck_assert(anonymizer_is_exempt(a, family, addr) == asked.answer);
		ck_assert_uint_eq(asked.family, wanted_family);
		ck_assert_mem_eq(asked.addr, wanted, sizeof(wanted));
	}
	anonymizer_free(a);
}
END_TEST

START_TEST(hardware_addresses_become_the_ones_that_hmac_and_aes_give)
{
	/* Computed apart: AES-128 under the first 16 bytes of HMAC-SHA-256(key, "flowkeep hardware
	 * addresses"), of the address and 10 zeros; then the group and local bits. */
	static const struct {
		uint8_t from[6], mask, to[6];
	} cases[] = {
	    {{0x00, 0x1b, 0x21, 0x3c, 0x4d, 0x5e}, 0x01, {0x26, 0x99, 0x07, 0x06, 0x93, 0x81}},
	    {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}, 0x01, {0x67, 0xdf, 0x9d, 0x01, 0xa1, 0x3e}},
	    {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}, 0x00, {0x66, 0xdf, 0x9d, 0x01, 0xa1, 0x3e}},
	    {{0x80, 0xc0, 0xff, 0xee, 0x00, 0x01}, 0x80, {0xde, 0x6f, 0x96, 0x99, 0xc7, 0x66}},
	};
	struct anonymizer *a = make("none", true);

	for (size_t i = 0; i < N(cases); i++) {
		uint8_t mac[6];

		memcpy(mac, cases[i].from, sizeof(mac));
		anonymizer_map_mac(a, mac, cases[i].mask);
		ck_assert_mem_eq(mac, cases[i].to, sizeof(mac));
	}
	anonymizer_free(a);
}
END_TEST

START_TEST(bits_that_must_stay_do_and_the_local_bit_is_set)
{
	static const struct {
		uint8_t mask, local;
	} cases[] = {
	    {0x01, 0x02}, {0x00, 0x02}, {0x80, 0x40}, {0x03, 0x00}, {0xf3, 0x00}, {0xff, 0x00}};
	struct anonymizer *a = make("none", true);
	struct random r = {802};

	for (size_t i = 0; i < N(cases); i++)
		for (int n = 0; n < 1000; n++) {
			uint8_t mac[6], was[6];

			random_fill(&r, was, sizeof(was));
			memcpy(mac, was, sizeof(mac));
			anonymizer_map_mac(a, mac, cases[i].mask);
			quick_assert(((mac[0] ^ was[0]) & cases[i].mask) == 0);
			quick_assert((mac[0] & cases[i].local) == cases[i].local);
			quick_assert(memcmp(mac + 1, was + 1, 5) != 0);
		}
	anonymizer_free(a);
}
END_TEST

START_TEST(broadcast_and_no_hardware_address_stay)
{
	struct anonymizer *a = make("none", true);
	const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, none[6] = {0};
	uint8_t mac[6];

	memcpy(mac, broadcast, sizeof(mac));
	anonymizer_map_mac(a, mac, 0x01);
	ck_assert_mem_eq(mac, broadcast, sizeof(mac));
	memcpy(mac, none, sizeof(mac));
	anonymizer_map_mac(a, mac, 0x01);
	ck_assert_mem_eq(mac, none, sizeof(mac));
	/* One bit off. */
	memcpy(mac, broadcast, sizeof(mac));
	mac[5] = 0xfe;
	anonymizer_map_mac(a, mac, 0x01);
	ck_assert_mem_ne(mac, broadcast, 5);
	memcpy(mac, none, sizeof(mac));
	mac[5] = 0x01;
	anonymizer_map_mac(a, mac, 0x01);
	ck_assert_mem_ne(mac, none, 5);
	anonymizer_free(a);
}
END_TEST

START_TEST(hardware_addresses_are_replaced_alike_beside_any_treatment_of_ip_addresses)
{
	static const char *const addresses[] = {"none", "netblock", "cryptopan"};
	const uint8_t from[6] = {0x00, 0x1b, 0x21, 0x3c, 0x4d, 0x5e};
	uint8_t macs[N(addresses)][6];

	for (size_t i = 0; i < N(addresses); i++) {
		struct anonymizer *a = make(addresses[i], true);

		memcpy(macs[i], from, sizeof(from));
		anonymizer_map_mac(a, macs[i], 0x01);
		ck_assert_mem_eq(macs[i], macs[0], sizeof(from));
		anonymizer_free(a);
		if (strcmp(addresses[i], "cryptopan") == 0) {
			uint8_t mac[6];

			a = make(addresses[i], false);
			memcpy(mac, from, sizeof(mac));
			anonymizer_map_mac(a, mac, 0x01);
			ck_assert_mem_eq(mac, from, sizeof(mac));
			anonymizer_free(a);
		}
	}
}
END_TEST

START_TEST(every_bit_of_the_key_counts_for_hardware_addresses)
{
	uint8_t changed[CRYPTOPAN_KEY_BYTES], with[6], without[6] = {2, 3, 5, 7, 11, 13};
	struct anonymizer_config config = {.policy.macs = true, .key = changed};
	struct anonymizer *a = make("none", true);

	anonymizer_map_mac(a, without, 0x01);
	anonymizer_free(a);
	memcpy(changed, key, sizeof(changed));
	for (unsigned bit = 0; bit < sizeof(changed) * 8; bit++) {
		const uint8_t from[6] = {2, 3, 5, 7, 11, 13};

		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(anonymizer_new(&config, &a), 0);
		memcpy(with, from, sizeof(with));
		anonymizer_map_mac(a, with, 0x01);
		ck_assert_mem_ne(with, without, sizeof(with));
		anonymizer_free(a);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(the_key_is_not_read_after_it_was_given)
{
	uint8_t given[CRYPTOPAN_KEY_BYTES];
	struct anonymizer_config config = {
	    .policy = {.addresses = ADDRESSES_CRYPTOPAN, .macs = true}, .key = given};
	const uint8_t wanted[4] = {135, 242, 180, 132};
	uint8_t addr[4] = {128, 11, 68, 132};
	struct anonymizer *a;

	memcpy(given, key, sizeof(given));
	ck_assert_int_eq(anonymizer_new(&config, &a), 0);
	memset(given, 0, sizeof(given));
	anonymizer_map(a, 4, addr);
	ck_assert_mem_eq(addr, wanted, sizeof(addr));
	anonymizer_free(a);
}
END_TEST

/* Maps one address of each kind where no system call but write and exit is left; seccomp(2). */
static void map_confined(struct anonymizer *a)
{
	uint8_t v4[4] = {192, 0, 2, 1}, v6[16] = {0x20, 0x01, 0x0d, 0xb8}, mac[6] = {2};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(EXIT_FAILURE);
	anonymizer_map(a, 4, v4);
	anonymizer_map(a, 6, v6);
	anonymizer_map_mac(a, mac, 0x01);
	(void)syscall(SYS_exit, EXIT_SUCCESS); /* _exit(2) is exit_group, which is not left */
}

START_TEST(once_made_it_needs_no_system_call)
{
	struct anonymizer *a = make("cryptopan", true);
	int status;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0)
		map_confined(a);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	anonymizer_free(a);
}
END_TEST

static Suite *anonymizer_suite(void)
{
	Suite *s = suite_create("anonymizer");
	TCase *t = tcase_create("anonymizer");

	tcase_set_timeout(t, 60); /* for sanitizers and busy machines */
	tcase_add_test(t, netblock_keeps_the_first_bits_and_zeros_the_others);
	tcase_add_test(t, mapped_addresses_become_what_the_ipv4_address_becomes);
	tcase_add_test(t, netblock_leaves_no_more_of_an_embedded_ipv4_address_than_of_a_plain_one);
	tcase_add_test(t, what_netblock_made_stays_and_hides_no_fewer_bits_than_asked);
	tcase_add_test(t, netblock_does_the_same_with_every_value_of_the_bits_that_go);
	tcase_add_test(t, cryptopan_remembers_rightly);
	tcase_add_test(t, where_addresses_are_kept_nothing_is_done);
	tcase_add_test(t, exemptions_are_asked_of_mapped_addresses_as_of_ipv4_ones);
	tcase_add_test(t, hardware_addresses_become_the_ones_that_hmac_and_aes_give);
	tcase_add_test(t, bits_that_must_stay_do_and_the_local_bit_is_set);
	tcase_add_test(t, broadcast_and_no_hardware_address_stay);
	tcase_add_test(
	    t, hardware_addresses_are_replaced_alike_beside_any_treatment_of_ip_addresses);
	tcase_add_test(t, every_bit_of_the_key_counts_for_hardware_addresses);
	tcase_add_test(t, the_key_is_not_read_after_it_was_given);
	if (!QUICK_SANITIZED) /* which makes system calls of its own */
		tcase_add_test(t, once_made_it_needs_no_system_call);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(anonymizer_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
