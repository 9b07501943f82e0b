/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the list of interfaces, in namespaces of their own: what ip(8) makes is what is listed.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "capture/netlist.h"
#include "capture/netns.h"

static struct netlist *list;

static void read_list(void)
{
	netlist_free(list);
	list = NULL;
	ck_assert_int_eq(netlist_read(&list), 0);
}

static void forget(void)
{
	netlist_free(list);
	list = NULL;
}

static const struct netlist_interface *get(const char *name)
{
	const struct netlist_interface *i = netlist_find(list, name);

	ck_assert_msg(i != NULL, "no %s", name);
	return i;
}

START_TEST(a_fresh_namespace_has_nothing_but_loopback_and_that_is_down)
{
	read_list();
	ck_assert_int_eq(get("lo")->index, 1);
	ck_assert(get("lo")->loopback);
	for (size_t i = 0; i < list->count; i++) {
		ck_assert(!list->interfaces[i].up);
		ck_assert_uint_eq(list->interfaces[i].address_count, 0);
		ck_assert(!netlist_default(&list->interfaces[i]));
	}
	ck_assert_ptr_null(netlist_find(list, "va"));
	ck_assert_ptr_null(netlist_find(list, ""));
}
END_TEST

START_TEST(up_and_running_are_told_apart)
{
	netns_ip("link add va type veth peer name vb");
	netns_ip("link set va up");
	read_list();
	ck_assert(get("va")->up);
	ck_assert(!get("va")->running);
	ck_assert(!get("vb")->up);
	netns_ip("link set vb up");
	netns_await_up("va");
	read_list();
	ck_assert(get("va")->up);
	ck_assert(get("va")->running);
	ck_assert(!get("va")->loopback);
}
END_TEST

START_TEST(the_default_is_what_is_up_without_loopback_and_without_ports_of_a_master)
{
	netns_veth("va", "vb");
	netns_ip("link add vc type veth peer name vd");
	netns_ip("link set lo up");
	netns_ip("link add br0 type bridge");
	netns_ip("link set vb master br0");
	netns_ip("link set br0 up");
	read_list();
	ck_assert(netlist_default(get("va")));
	ck_assert(get("vb")->has_master);
	ck_assert(!netlist_default(get("vb")));
	ck_assert(!get("br0")->has_master);
	ck_assert(netlist_default(get("br0")));
	ck_assert(!netlist_default(get("vc")));
	ck_assert(get("lo")->up);
	ck_assert(!netlist_default(get("lo")));
	netns_ip("link set vb nomaster");
	read_list();
	ck_assert(netlist_default(get("vb")));
}
END_TEST

START_TEST(addresses_are_the_own_ones_of_both_families)
{
	static const uint8_t v4[16] = {192, 0, 2, 1}, own[16] = {198, 51, 100, 7};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
	const struct netlist_interface *va;

	netns_veth("va", "vb");
	netns_ip("addr add 192.0.2.1/24 dev va");
	netns_ip("addr add 198.51.100.7 peer 198.51.100.8/32 dev va");
	netns_ip("addr add 2001:db8::9/64 dev va");
	read_list();
	va = get("va");
	ck_assert_uint_eq(va->address_count, 3);
	ck_assert_uint_eq(va->addresses[0].family, 4);
	ck_assert_uint_eq(va->addresses[0].prefix_bits, 24);
	ck_assert_mem_eq(va->addresses[0].addr, v4, 16);
	ck_assert_uint_eq(va->addresses[1].family, 4);
	ck_assert_mem_eq(va->addresses[1].addr, own, 16);
	ck_assert_uint_eq(va->addresses[2].family, 6);
	ck_assert_uint_eq(va->addresses[2].prefix_bits, 64);
	ck_assert_mem_eq(va->addresses[2].addr, v6, 16);
	ck_assert_uint_eq(get("vb")->address_count, 0);
}
END_TEST

/* More than fits into one message of the kernel, of both kinds */
START_TEST(hundreds_of_interfaces_and_addresses_are_all_there)
{
	FILE *batch = popen("ip -batch -", "w");
	unsigned found = 0, addresses = 0;

	ck_assert_ptr_nonnull(batch);
	for (int i = 0; i < 150; i++)
		fprintf(batch, "link add a%d type veth peer name b%d\n", i, i);
	for (int i = 0; i < 1000; i++)
		fprintf(batch, "addr add 10.1.%d.%d/32 dev a%d\n", i / 200, i % 200, i % 150);
	ck_assert_int_eq(pclose(batch), 0);
	read_list();
	for (size_t i = 0; i < list->count; i++) {
		const struct netlist_interface *n = &list->interfaces[i];

		ck_assert(i == 0 || list->interfaces[i - 1].index < n->index);
		found += n->name[0] == 'a' || n->name[0] == 'b';
		addresses += (unsigned)n->address_count;
	}
	ck_assert_uint_eq(found, 300);
	ck_assert_uint_eq(addresses, 1000);
}
END_TEST

START_TEST(the_listing_has_a_line_per_interface_in_columns)
{
	static const char lo[] = "  1  lo             up,running,loopback  127.0.0.1/8 ::1/128\n";
	char *text = NULL, expected[256];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	netns_veth("va", "a-longer-name");
	netns_ip("link add br0 type bridge");
	netns_ip("link set va master br0");
	netns_ip("addr add 192.0.2.1/24 dev a-longer-name");
	netns_ip("addr add 2001:db8::9/64 dev a-longer-name nodad");
	netns_ip("link set lo up");
	read_list();
	netlist_print(list, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(strncmp(text, lo, sizeof(lo) - 1) == 0, "%s", text);
	(void)snprintf(expected, sizeof(expected), "\n%3d  va             up,running,master\n",
	    get("va")->index);
	ck_assert_ptr_nonnull(strstr(text, expected));
	(void)snprintf(expected, sizeof(expected),
	    "\n%3d  a-longer-name  up,running,default   192.0.2.1/24 2001:db8::9/64\n",
	    get("a-longer-name")->index);
	ck_assert_ptr_nonnull(strstr(text, expected));
	(void)snprintf(
	    expected, sizeof(expected), "\n%3d  br0            down\n", get("br0")->index);
	ck_assert_ptr_nonnull(strstr(text, expected));
	free(text);
}
END_TEST

START_TEST(a_name_that_could_drive_a_terminal_is_escaped)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	netns_ip("link add \"$(printf 'a\\033[31m')\" type veth peer name vb");
	read_list();
	netlist_print(list, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "[31m"));
	free(text);
}
END_TEST

START_TEST(without_descriptors_the_failure_is_told)
{
	struct rlimit none = {0, 0}, before;
	struct netlist *l = NULL;
	int rv;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &none); /* and assert nothing: Check keeps notes in a file */
	rv = netlist_read(&l);
	(void)setrlimit(RLIMIT_NOFILE, &before);
	ck_assert_int_eq(rv, -EMFILE);
	ck_assert_ptr_null(l);
}
END_TEST

static Suite *netlist_suite(void)
{
	Suite *s = suite_create("netlist");
	TCase *t = tcase_create("netlist");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, netns_setup, forget);
	tcase_add_test(t, a_fresh_namespace_has_nothing_but_loopback_and_that_is_down);
	tcase_add_test(t, up_and_running_are_told_apart);
	tcase_add_test(t, the_default_is_what_is_up_without_loopback_and_without_ports_of_a_master);
	tcase_add_test(t, addresses_are_the_own_ones_of_both_families);
	tcase_add_test(t, hundreds_of_interfaces_and_addresses_are_all_there);
	tcase_add_test(t, the_listing_has_a_line_per_interface_in_columns);
	tcase_add_test(t, a_name_that_could_drive_a_terminal_is_escaped);
	tcase_add_test(t, without_descriptors_the_failure_is_told);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr;
	int failed;

	if (!netns_possible())
		return NETNS_SKIPPED;
	sr = srunner_create(netlist_suite());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
