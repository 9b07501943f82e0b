/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the UUIDs that we make: against values computed elsewhere, and that each part of a
 * flow's identity counts. The values come from Python, with name as uuidgen.h lays it out:
 *
 *     h = bytearray(hashlib.sha1(namespace.bytes + name).digest()[:16])
 *     h[6], h[8] = h[6] & 0x0f | 0x50, h[8] & 0x3f | 0x80
 *     uuid.UUID(bytes=bytes(h))
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "save/uuidgen.h"

struct identity {
	uint32_t linktype;
	uint8_t proto;
	const char *low;
	uint16_t low_port;
	const char *high;
	uint16_t high_port;
	uint16_t vlan[2];
	int64_t first_ns;
	uint32_t first_seq;
};

static struct flowkey key_of(const struct identity *i)
{
	int family = strchr(i->low, ':') != NULL ? AF_INET6 : AF_INET;
	struct flowkey k = {.port = {i->low_port, i->high_port},
	    .vlan = {i->vlan[0], i->vlan[1]},
	    .linktype = i->linktype,
	    .family = family == AF_INET ? 4 : 6,
	    .proto = i->proto};

	ck_assert_int_eq(inet_pton(family, i->low, k.addr[SIDE_LOW]), 1);
	ck_assert_int_eq(inet_pton(family, i->high, k.addr[SIDE_HIGH]), 1);
	return k;
}

#define T0 INT64_C(1767323045123456789)

static const struct {
	struct identity identity;
	const char *uuid;
} known[] = {
    {{1, 6, "192.0.2.1", 443, "198.51.100.7", 50000, {0, 0}, T0, 0x12345678},
	"ceef606e-75a9-588c-9677-dc27ba0e03c2"},
    {{113, 17, "10.0.0.1", 53, "10.0.0.2", 40000, {0, 0}, 0, 0},
	"a8d0367c-2c5f-52eb-92b8-e7d0d027408b"},
    {{1, 6, "2001:db8::1", 443, "2001:db8::2", 50000, {0, 0}, T0, 0x12345678},
	"9ea2fef9-9e39-549c-a333-8ef13fc4f1e9"},
    {{1, 6, "192.0.2.1", 443, "198.51.100.7", 50000, {100, 0}, T0, 0x12345678},
	"2dd10fcf-5c79-5a03-a66a-f0a6dd0dbd1f"},
    {{1, 6, "192.0.2.1", 443, "198.51.100.7", 50000, {0, 100}, T0, 0x12345678},
	"48372395-e529-52eb-ad34-f0c31faa058e"},
    {{1, 6, "2001:db8::1", 443, "2001:db8::2", 50000, {4094, 1}, T0, 0x12345678},
	"c93bedb2-97bd-51b2-b2d9-eb8a9c1528f2"},
    {{UINT32_MAX, 132, "::", 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, {4095, 4095}, -1,
	 UINT32_MAX},
	"df6a3328-a3bf-55b3-8acb-05feff350a6a"},
};
#define KNOWN ((int)(sizeof(known) / sizeof(known[0])))

START_TEST(uuids_are_those_computed_elsewhere)
{
	const struct identity *i = &known[_i].identity;
	struct flowkey k = key_of(i);
	char buf[UUIDGEN_TEXT_SIZE + 1];

	memset(buf, 'x', sizeof(buf));
	ck_assert_ptr_eq(uuidgen_flow(&k, i->first_ns, i->first_seq, buf), buf);
	ck_assert_str_eq(buf, known[_i].uuid);
	ck_assert_int_eq(buf[UUIDGEN_TEXT_SIZE], 'x');
	ck_assert_int_eq(buf[14], '5');                 /* version, RFC 9562 section 4.2 */
	ck_assert_ptr_nonnull(strchr("89ab", buf[19])); /* variant, section 4.1 */
}
END_TEST

START_TEST(everything_that_makes_a_flow_changes_its_uuid)
{
	struct identity i = known[0].identity;
	struct flowkey base = key_of(&i);
	char uuids[12][UUIDGEN_TEXT_SIZE];
	int n = 0;

	(void)uuidgen_flow(&base, i.first_ns, i.first_seq, uuids[n++]);
	(void)uuidgen_flow(&base, i.first_ns + 1, i.first_seq, uuids[n++]);
	(void)uuidgen_flow(&base, i.first_ns, i.first_seq + 1, uuids[n++]);
	for (int change = 0; change < 9; change++) {
		struct flowkey k = base;

		switch (change) {
		case 0:
			k.linktype = 101;
			break;
		case 1:
			k.proto = 17;
			break;
		case 2:
			k.addr[0][3]++;
			break;
		case 3:
			k.addr[1][0]++;
			break;
		case 4:
			k.port[0]++;
			break;
		case 5:
			k.port[1]++;
			break;
		case 6:
			k.vlan[0] = 1;
			break;
		case 7:
			k.vlan[1] = 1;
			break;
		default:
			k.family = 6;
		}
		(void)uuidgen_flow(&k, i.first_ns, i.first_seq, uuids[n++]);
	}
	ck_assert_int_eq(n, 12);
	for (int a = 0; a < n; a++)
		for (int b = 0; b < a; b++)
			ck_assert_msg(strcmp(uuids[a], uuids[b]) != 0, "%d and %d are both %s", a,
			    b, uuids[a]);
}
END_TEST

static Suite *uuidgen_suite(void)
{
	Suite *s = suite_create("uuidgen");
	TCase *t = tcase_create("uuidgen");

	tcase_add_loop_test(t, uuids_are_those_computed_elsewhere, 0, KNOWN);
	tcase_add_test(t, everything_that_makes_a_flow_changes_its_uuid);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(uuidgen_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
