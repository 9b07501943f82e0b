/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the watch on interfaces and addresses, in namespaces of their own. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/netns.h"
#include "capture/netwatch.h"

#define BOTH (NETWATCH_LINKS | NETWATCH_ADDRESSES)

static struct netwatch *watch;

static void setup(void)
{
	netns_setup();
	watch = NULL;
	ck_assert_int_eq(netwatch_new(&watch), 0);
}

static void teardown(void)
{
	netwatch_free(watch);
	watch = NULL;
}

/* Waits until one of these changes is told. Returns: all that was. */
static int await(int wanted)
{
	struct pollfd pfd = {.fd = netwatch_fd(watch), .events = POLLIN};
	int told = 0;

	while ((told & wanted) == 0) {
		int rv;

		ck_assert_msg(poll(&pfd, 1, 5000) == 1, "nothing is told");
		rv = netwatch_run(watch);
		ck_assert_int_ge(rv, 0);
		told |= rv;
	}
	return told;
}

START_TEST(while_nothing_changes_nothing_is_told)
{
	struct pollfd pfd = {.fd = netwatch_fd(watch), .events = POLLIN};

	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	ck_assert_int_eq(netwatch_run(watch), 0);
	ck_assert_int_eq(netwatch_run(watch), 0);
}
END_TEST

START_TEST(links_that_come_change_and_go_are_told)
{
	/* one end is never up, so that none of them has a consequence that comes later */
	static const char *const changes[] = {"link add va type veth peer name vb",
	    "link set va addrgenmode none up", "link set va down", "link set va name vc",
	    "link del vc"};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		netns_ip("%s", changes[i]);
		ck_assert_int_eq(await(NETWATCH_LINKS), NETWATCH_LINKS);
		ck_assert_int_eq(netwatch_run(watch), 0);
	}
}
END_TEST

START_TEST(addresses_of_both_families_that_come_and_go_are_told)
{
	static const char *const changes[] = {"addr add 192.0.2.1/24 dev va",
	    "addr add 2001:db8::1/64 dev va nodad", "addr del 192.0.2.1/24 dev va",
	    "addr del 2001:db8::1/64 dev va"};

	netns_veth("va", "vb");
	(void)netwatch_run(watch);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		netns_ip("%s", changes[i]);
		(void)await(NETWATCH_ADDRESSES);
	}
}
END_TEST

START_TEST(what_the_socket_could_not_hold_may_be_anything)
{
	FILE *batch = popen("ip -batch -", "w");
	int changes = 0, rv;

	ck_assert_ptr_nonnull(batch);
	/* links alone, and more of them than a socket holds (net.core.rmem_default) */
	fprintf(batch, "link add va type veth peer name vb\n");
	for (int i = 0; i < 4000; i++)
		fprintf(batch, "link set va mtu %d\n", 1400 + i % 2);
	ck_assert_int_eq(pclose(batch), 0);
	do
		changes |= rv = netwatch_run(watch);
	while (rv > 0);
	ck_assert_int_eq(rv, 0);
	ck_assert_int_eq(changes, BOTH);
	/* and it goes on */
	netns_ip("link del va");
	ck_assert_int_eq(await(NETWATCH_LINKS), NETWATCH_LINKS);
}
END_TEST

static Suite *netwatch_suite(void)
{
	Suite *s = suite_create("netwatch");
	TCase *t = tcase_create("netwatch");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, while_nothing_changes_nothing_is_told);
	tcase_add_test(t, links_that_come_change_and_go_are_told);
	tcase_add_test(t, addresses_of_both_families_that_come_and_go_are_told);
	tcase_add_test(t, what_the_socket_could_not_hold_may_be_anything);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr;
	int failed;

	if (!netns_possible())
		return NETNS_SKIPPED;
	sr = srunner_create(netwatch_suite());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
