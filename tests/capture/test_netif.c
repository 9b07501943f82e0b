/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of live interfaces, over veth pairs in namespaces of their own: which frames the filter in
 * the kernel lets through and whether they arrive whole, what is said when links come and go, and
 * what is counted.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/libpcap.h"
#include "capture/netif.h"
#include "capture/netns.h"
#include "packet/decode.h"
#include "packet/ipframe.h"

#define WAIT_MS     5000
#define MIB         (UINT64_C(1) << 20)
#define SLL2_HEADER 20u /* linktypes.html, LINKTYPE_LINUX_SLL2 */

/* All our frames come from here; whatever else the kernel sends does not. */
#define ADDRESSES "\x02\0\0\0\0\x02\x02\0\0\0\0\x01"

/* What arrived of our frames */
struct seen {
	unsigned packets;
	unsigned decoded;         /* DECODE_OK, and the ends that ipframe gave them */
	uint32_t caplen, origlen; /* of the last */
	uint8_t bytes[2048];      /* of the last, up to there */
	int64_t first_ns, last_ns;
	unsigned odd_ns; /* times that are no whole microseconds */
};

static bool is_ours(const struct packet *p)
{
	if (p->linktype == 1)
		return p->caplen >= 12 && memcmp(p->data, ADDRESSES, 12) == 0;
	/* what came in: the copies that go out pass "any", too, see sll2_pkttype */
	return p->linktype == 276 && p->caplen >= SLL2_HEADER && p->data[10] != 4 &&
	       memcmp(p->data + 12, "\x02\0\0\0\0\x01", 6) == 0;
}

static void take(const struct packet *p, void *arg)
{
	struct seen *s = arg;
	struct decoded d;

	if (!is_ours(p))
		return;
	ck_assert_uint_eq(p->interface, 0);
	if (s->packets++ == 0)
		s->first_ns = p->ts_ns;
	s->last_ns = p->ts_ns;
	s->odd_ns += p->ts_ns % 1000 != 0;
	s->caplen = p->caplen;
	s->origlen = p->origlen;
	memcpy(s->bytes, p->data, p->caplen < sizeof(s->bytes) ? p->caplen : sizeof(s->bytes));
	s->decoded += decode_packet(p, &d) == DECODE_OK && d.proto == DECODE_TCP &&
		      d.sport == 40000 && d.dport == 443;
}

static struct netif *open_netif(const char *name, const char *filter)
{
	struct netif_config c = {
	    .name = name, .snaplen = 262144, .ring_bytes = 4 * MIB, .filter = filter};
	char error[NETIF_ERROR_SIZE] = "";
	struct netif *n = NULL;
	int rv = netif_open(&c, &n, error);

	ck_assert_msg(rv == 0, "%s: %s", name, error);
	return n;
}

static int open_error(const char *name, const char *filter, char *ret_error)
{
	struct netif_config c = {
	    .name = name, .snaplen = 262144, .ring_bytes = MIB, .filter = filter};
	struct netif *n = NULL;
	int rv;

	strcpy(ret_error, "nothing");
	rv = netif_open(&c, &n, ret_error);
	ck_assert_ptr_null(n);
	return rv;
}

static bool ready(const struct netif *n, int ms)
{
	struct pollfd pfd = {.fd = netif_fd(n), .events = POLLIN};

	return poll(&pfd, 1, ms) == 1;
}

/* Dispatches until so many of our packets are there, however long the machine takes. */
static void await(struct netif *n, struct seen *s, unsigned packets)
{
	while (s->packets < packets) {
		ck_assert_msg(ready(n, WAIT_MS), "%u of %u packets came", s->packets, packets);
		ck_assert_int_ge(netif_dispatch(n, take, s), 0);
	}
	ck_assert_uint_eq(s->packets, packets);
}

/* Dispatches until that is returned. */
static void await_result(struct netif *n, struct seen *s, int wanted)
{
	int rv;

	do {
		ck_assert_msg(ready(n, WAIT_MS), "nothing happens");
		rv = netif_dispatch(n, take, s);
	} while (rv >= 0 && rv != wanted);
	ck_assert_int_eq(rv, wanted);
}

static void tcp4(struct frame *f, const void *header, uint32_t n)
{
	uint32_t at;

	f->size = 0;
	PUT(f, ADDRESSES);
	ipframe_put(f, header, n);
	at = f->size;
	ipframe_put_ipv4(f, DECODE_TCP);
	ipframe_put_tcp(f);
	ipframe_finish(f, at);
}

static void plain(struct frame *f)
{
	tcp4(f, "\x08\x00", 2);
}

/* IPv6, two extension headers, TCP: what "ip6 and tcp" does not find */
static void extended(struct frame *f)
{
	uint32_t at;

	f->size = 0;
	PUT(f, ADDRESSES "\x86\xdd");
	at = f->size;
	ipframe_put_ipv6(f, HOP_BY_HOP);
	ipframe_put_extension(f, OPTIONS);
	ipframe_put_extension(f, DECODE_TCP);
	ipframe_put_tcp(f);
	ipframe_finish(f, at);
}

#define HEADER(literal) literal, sizeof(literal) - 1
#define PPP_LENGTH      "\x00\x32" /* of what follows in PPPoE: 2 of PPP, 20 of IPv4, 28 of TCP */

static const struct {
	const char *what, *header;
	uint32_t n;
} kinds[] = {
    {"plain", HEADER("\x08\x00")},
    {"802.1Q", HEADER("\x81\x00\x00\x0a\x08\x00")},
    {"802.1Q, highest priority and id", HEADER("\x81\x00\xef\xfe\x08\x00")},
    {"802.1Q, priority only", HEADER("\x81\x00\xe0\x00\x08\x00")},
    {"two tags, 802.1ad over 802.1Q", HEADER("\x88\xa8\x00\x0a\x81\x00\x00\x14\x08\x00")},
    {"two tags, both 802.1Q", HEADER("\x81\x00\x00\x0a\x81\x00\x00\x14\x08\x00")},
    {"two tags and a third", HEADER("\x88\xa8\x00\x0a\x81\x00\x00\x14\x81\x00\x00\x1e\x08\x00")},
    {"0x9100 over 802.1Q", HEADER("\x91\x00\x00\x0a\x81\x00\x00\x14\x08\x00")},
    {"0x9200 over 802.1Q", HEADER("\x92\x00\x00\x0a\x81\x00\x00\x14\x08\x00")},
    {"MPLS", HEADER("\x88\x47\x00\x01\x01\x40")},
    {"MPLS, two labels", HEADER("\x88\x47\x00\x01\x00\x40\x00\x02\x01\x40")},
    {"MPLS, upstream-assigned label", HEADER("\x88\x48\x00\x01\x01\x40")},
    {"MPLS in 802.1Q", HEADER("\x81\x00\x00\x0a\x88\x47\x00\x01\x01\x40")},
    {"PPPoE", HEADER("\x88\x64\x11\x00\x00\x01" PPP_LENGTH "\x00\x21")},
    {"PPPoE in 802.1Q", HEADER("\x81\x00\x00\x0a\x88\x64\x11\x00\x00\x01" PPP_LENGTH "\x00\x21")},
    {"PPPoE in two tags",
	HEADER("\x88\xa8\x00\x0a\x81\x00\x00\x14\x88\x64\x11\x00\x00\x01" PPP_LENGTH "\x00\x21")},
};

#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

START_TEST(a_frame_that_may_hold_ip_passes_the_default_filter_and_arrives_whole)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	ck_assert_uint_eq(netif_linktype(n), 1);
	if (_i < KINDS)
		tcp4(&f, kinds[_i].header, kinds[_i].n);
	else
		extended(&f);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 1);
	ck_assert_uint_eq(s.caplen, f.size);
	ck_assert_uint_eq(s.origlen, f.size);
	ck_assert_mem_eq(s.bytes, f.bytes, f.size);
	ck_assert_uint_eq(s.decoded, 1);
	netif_close(n);
}
END_TEST

START_TEST(the_same_frames_pass_on_their_way_out)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;

	netns_veth("va", "vb");
	n = open_netif("va", NULL);
	tcp4(&f, kinds[_i].header, kinds[_i].n);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 1);
	ck_assert_uint_eq(s.caplen, f.size);
	ck_assert_mem_eq(s.bytes, f.bytes, f.size);
	ck_assert_uint_eq(s.decoded, 1);
	netif_close(n);
}
END_TEST

START_TEST(on_any_the_same_frames_pass_and_can_be_decoded_but_for_two_tags)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;

	netns_veth("va", "vb");
	n = open_netif("any", NULL);
	ck_assert_uint_eq(netif_linktype(n), 276);
	ck_assert_int_eq(netif_index(n), 0);
	tcp4(&f, kinds[_i].header, kinds[_i].n);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 1);
	/* With two tags the kernel names what follows both, and strips one: see netif.h. */
	if (strstr(kinds[_i].what, "two tags") == NULL)
		ck_assert_uint_eq(s.decoded, 1);
	netif_close(n);
}
END_TEST

START_TEST(the_chatter_of_switches_stays_outside)
{
	static const char arp[] = ADDRESSES "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01";
	static const char lldp[] = ADDRESSES "\x88\xcc\x02\x07\x04";
	static const char stp[] = ADDRESSES "\x00\x26\x42\x42\x03\x00\x00\x00\x00\x00";
	static const char discovery[] = ADDRESSES "\x88\x63\x11\x09\x00\x00\x00\x00";
	uint64_t received, dropped;
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int fd;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	fd = netns_sender("va");
	netns_send(fd, arp, sizeof(arp) - 1);
	netns_send(fd, lldp, sizeof(lldp) - 1);
	netns_send(fd, stp, sizeof(stp) - 1);
	netns_send(fd, discovery, sizeof(discovery) - 1);
	plain(&f);
	netns_send(fd, f.bytes, f.size);
	await(n, &s, 1);
	/* and not by libpcap, either: they never took room in the ring */
	ck_assert_int_eq(netif_counts(n, &received, &dropped), 0);
	ck_assert_uint_eq(received, 1);
	netif_close(n);
}
END_TEST

START_TEST(a_users_filter_is_used_alone)
{
	static const char arp[] = ADDRESSES "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01";
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int fd;

	netns_veth("va", "vb");
	n = open_netif("vb", "arp or port 40000");
	ck_assert_str_eq(netif_filter_text(n), "arp or port 40000");
	fd = netns_sender("va");
	extended(&f); /* its port is behind headers that BPF does not look over */
	netns_send(fd, f.bytes, f.size);
	netns_send(fd, arp, sizeof(arp) - 1);
	plain(&f);
	netns_send(fd, f.bytes, f.size);
	await(n, &s, 2);
	ck_assert_uint_eq(s.decoded, 1);
	netif_close(n);
}
END_TEST

START_TEST(what_cannot_be_opened_is_said_in_words)
{
	char error[NETIF_ERROR_SIZE];

	netns_ip("link add va type veth peer name vb");
	ck_assert_int_eq(open_error("nosuch0", NULL, error), -ENODEV);
	ck_assert_str_eq(error, "no such interface");
	ck_assert_int_eq(open_error("a-name-longer-than-any-interface-has", NULL, error), -ENODEV);
	ck_assert_int_eq(open_error("", NULL, error), -ENODEV);
	ck_assert_int_eq(open_error("va", NULL, error), -ENETDOWN);
	ck_assert_str_eq(error, "the interface is down");
	netns_ip("link set va up");
	ck_assert_int_eq(open_error("va", "port http or", error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "syntax error"));
	ck_assert_int_eq(open_error("any", "vlan", error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "no VLAN support"));
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(open_error("va", NULL, error), -EPERM);
	ck_assert_str_eq(error, "no permission to capture");
}
END_TEST

START_TEST(a_link_that_goes_down_is_told_once_and_revives)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int fd;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	fd = netns_sender("va");
	plain(&f);
	for (int round = 0; round < 2; round++) {
		netns_ip("link set vb down");
		await_result(n, &s, -ENETDOWN);
		ck_assert(!ready(n, 0));
		ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
		ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
		netns_ip("link set vb up");
		netns_await_up("va");
		netns_send(fd, f.bytes, f.size);
		await(n, &s, (unsigned)round + 1);
		ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
	}
	netif_close(n);
}
END_TEST

START_TEST(a_link_that_is_up_again_before_anybody_looked_is_told_all_the_same)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	plain(&f);
	netns_ip("link set vb down");
	netns_ip("link set vb up");
	netns_await_up("va");
	await_result(n, &s, -ENETDOWN);
	ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 1);
	netif_close(n);
}
END_TEST

START_TEST(an_interface_that_is_removed_gives_what_it_had_and_is_gone)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int fd;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	fd = netns_sender("va");
	plain(&f);
	for (int i = 0; i < 5; i++)
		netns_send(fd, f.bytes, f.size);
	netns_ip("link del vb");
	while (netif_dispatch(n, take, &s) != -ENODEV)
		ck_assert_uint_le(s.packets, 5);
	ck_assert_uint_eq(s.packets, 5);
	/* one of the same name is another one */
	netns_veth("va", "vb");
	netns_send(netns_sender("va"), f.bytes, f.size);
	ck_assert_int_eq(netif_dispatch(n, take, &s), -ENODEV);
	ck_assert_uint_eq(s.packets, 5);
	netif_close(n);
	n = open_netif("vb", NULL);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 6);
	netif_close(n);
}
END_TEST

START_TEST(an_interface_that_was_removed_while_down_is_found_gone_when_asked)
{
	struct seen s = {0};
	struct netif *n;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	netns_ip("link set vb down");
	await_result(n, &s, -ENETDOWN);
	netns_ip("link del vb");
	ck_assert(!ready(n, 0)); /* which is why it has to be asked */
	ck_assert_int_eq(netif_dispatch(n, take, &s), -ENODEV);
	netif_close(n);
}
END_TEST

START_TEST(any_goes_on_while_interfaces_come_and_go)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n = open_netif("any", NULL);

	plain(&f);
	for (unsigned i = 1; i <= 2; i++) {
		netns_veth("va", "vb");
		netns_send(netns_sender("va"), f.bytes, f.size);
		await(n, &s, i);
		netns_ip("link del va");
		ck_assert_int_ge(netif_dispatch(n, take, &s), 0);
	}
	netif_close(n);
}
END_TEST

START_TEST(packets_of_64_kib_as_offloading_makes_them_arrive_whole)
{
	static uint8_t big[65535]; /* GSO_LEGACY_MAX_SIZE of linux/netdevice.h, less one */
	struct netif_config c = {.name = "vb", .snaplen = 262144, .ring_bytes = 64 * MIB};
	char error[NETIF_ERROR_SIZE] = "";
	uint64_t received, dropped;
	struct netif *n = NULL;
	struct seen s = {0};
	struct frame f;
	int fd;

	netns_veth("va", "vb");
	ck_assert_msg(netif_open(&c, &n, error) == 0, "%s", error);
	plain(&f);
	ipframe_set16(&f, 14 + 2, sizeof(big) - 14); /* total length */
	memcpy(big, f.bytes, 14 + 20 + 20);
	big[14 + 20 + 12] = 5 << 4; /* a TCP header without options */
	fd = netns_sender("va");
	for (unsigned i = 1; i <= 200; i++) {
		netns_send_offloaded(fd, big, sizeof(big));
		await(n, &s, i);
		ck_assert_uint_eq(s.caplen, sizeof(big));
		ck_assert_uint_eq(s.origlen, sizeof(big));
	}
	ck_assert_uint_eq(s.decoded, 200);
	ck_assert_int_eq(netif_counts(n, &received, &dropped), 0);
	ck_assert_uint_eq(received, 200);
	ck_assert_uint_eq(dropped, 0);
	netif_close(n);
}
END_TEST

START_TEST(the_snap_length_cuts_what_is_kept_and_not_what_is_told)
{
	struct netif_config c = {.name = "vb", .snaplen = 40, .ring_bytes = MIB};
	char error[NETIF_ERROR_SIZE] = "";
	struct netif *n = NULL;
	struct seen s = {0};
	struct frame f;

	netns_veth("va", "vb");
	ck_assert_msg(netif_open(&c, &n, error) == 0, "%s", error);
	tcp4(&f, kinds[1].header, kinds[1].n);
	netns_send(netns_sender("va"), f.bytes, f.size);
	await(n, &s, 1);
	ck_assert_uint_eq(s.caplen, 40);
	ck_assert_uint_eq(s.origlen, f.size);
	ck_assert_mem_eq(s.bytes, f.bytes, 40);
	netif_close(n);
}
END_TEST

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* the clock that the kernel stamps packets by */
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

START_TEST(times_are_of_the_wall_clock_in_nanoseconds)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int64_t before;
	int fd;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	fd = netns_sender("va");
	plain(&f);
	before = now_ns();
	for (int i = 0; i < 64; i++)
		netns_send(fd, f.bytes, f.size);
	await(n, &s, 64);
	ck_assert_int_ge(s.first_ns, before);
	ck_assert_int_le(s.last_ns, now_ns());
	ck_assert_uint_gt(s.odd_ns, 0); /* all of 64 by chance: once in 10^192 */
	netif_close(n);
}
END_TEST

START_TEST(one_dispatch_is_bounded_and_the_rest_stays_ready)
{
	struct seen s = {0};
	struct frame f;
	struct netif *n;
	int fd, rv;

	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	fd = netns_sender("va");
	plain(&f);
	for (int i = 0; i < 3000; i++)
		netns_send(fd, f.bytes, f.size);
	ck_assert(ready(n, WAIT_MS));
	rv = netif_dispatch(n, take, &s);
	ck_assert_int_gt(rv, 0);
	ck_assert_int_le(rv, 1500);
	ck_assert(ready(n, WAIT_MS));
	await(n, &s, 3000);
	ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
	netif_close(n);
}
END_TEST

START_TEST(every_packet_is_given_or_counted_as_lost)
{
	struct netif_config c = {.name = "vb", .snaplen = 262144, .ring_bytes = MIB};
	char error[NETIF_ERROR_SIZE] = "";
	uint64_t received, dropped, again;
	struct netif *n = NULL;
	struct seen s = {0};
	struct frame f;
	int fd;

	netns_veth("va", "vb");
	ck_assert_msg(netif_open(&c, &n, error) == 0, "%s", error);
	fd = netns_sender("va");
	plain(&f);
	for (int i = 0; i < 20000; i++)
		netns_send(fd, f.bytes, f.size);
	ck_assert_int_eq(netif_counts(n, &received, &dropped), 0);
	ck_assert_uint_eq(received, 20000);
	ck_assert_uint_gt(dropped, 0);
	ck_assert_uint_lt(dropped, 20000);
	await(n, &s, (unsigned)(received - dropped));
	ck_assert_int_eq(netif_dispatch(n, take, &s), 0);
	/* the interface may go: what was counted stays */
	netns_ip("link del vb");
	ck_assert_int_eq(netif_dispatch(n, take, &s), -ENODEV);
	ck_assert_int_eq(netif_counts(n, &received, &again), 0);
	ck_assert_uint_eq(received, 20000);
	ck_assert_uint_eq(again, dropped);
	netif_close(n);
}
END_TEST

/* Stands in for libpcap's function, so that it can have seen four thousand million packets. */
static struct pcap_stat told;

static int tell(pcap_t *pcap, struct pcap_stat *ret_stat)
{
	(void)pcap;
	*ret_stat = told;
	return 0;
}

START_TEST(counts_go_on_where_those_of_libpcap_begin_anew)
{
	static const struct {
		u_int recv, drop;
		uint64_t received, dropped;
	} steps[] = {{4294967295, 7, 4294967295, 7}, {4, 7, 4294967300, 7},
	    {3000000000, 4294967295, 7294967296, 4294967295}, {0, 0, 8589934592, 4294967296}};
	const char *why;
	struct libpcap *lib = (struct libpcap *)(uintptr_t)libpcap_load(&why);
	struct libpcap real;
	struct netif *n;

	ck_assert_ptr_nonnull(lib);
	real = *lib;
	netns_veth("va", "vb");
	n = open_netif("vb", NULL);
	lib->pcap_stats = tell;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t received = 0, dropped = 0;

		told = (struct pcap_stat){.ps_recv = steps[i].recv, .ps_drop = steps[i].drop};
		ck_assert_int_eq(netif_counts(n, &received, &dropped), 0);
		ck_assert_uint_eq(received, steps[i].received);
		ck_assert_uint_eq(dropped, steps[i].dropped);
	}
	*lib = real;
	netif_close(n);
}
END_TEST

START_TEST(promiscuous_mode_is_off_unless_asked_for_and_ends_with_the_capture)
{
	struct netif_config c = {.name = "vb", .snaplen = 262144, .ring_bytes = MIB};
	static const char query[] = "-d link show vb | grep -q 'promiscuity 1'";
	char error[NETIF_ERROR_SIZE] = "";
	struct netif *n = NULL;

	netns_veth("va", "vb");
	ck_assert_msg(netif_open(&c, &n, error) == 0, "%s", error);
	ck_assert_int_ne(netns_try_ip("%s", query), 0);
	netif_close(n);
	c.promiscuous = true;
	ck_assert_msg(netif_open(&c, &n, error) == 0, "%s", error);
	ck_assert_int_eq(netns_try_ip("%s", query), 0);
	netif_close(n);
	ck_assert_int_ne(netns_try_ip("%s", query), 0);
}
END_TEST

START_TEST(an_interface_without_link_headers_has_the_link_type_of_files)
{
	struct netif *n;

	if (netns_try_ip("tuntap add tun0 mode tun 2>/dev/null") != 0) {
		printf("left out: no tun interfaces in this kernel\n");
		return;
	}
	netns_ip("link set tun0 up");
	n = open_netif("tun0", NULL);
	ck_assert_uint_eq(netif_linktype(n), 101); /* DLT_RAW is 12 */
	ck_assert_str_eq(netif_filter_text(n), "");
	netif_close(n);
}
END_TEST

static Suite *netif_suite(void)
{
	Suite *s = suite_create("netif");
	TCase *t = tcase_create("netif");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, netns_setup, NULL);
	tcase_add_loop_test(
	    t, a_frame_that_may_hold_ip_passes_the_default_filter_and_arrives_whole, 0, KINDS + 1);
	tcase_add_loop_test(t, the_same_frames_pass_on_their_way_out, 0, KINDS);
	tcase_add_loop_test(
	    t, on_any_the_same_frames_pass_and_can_be_decoded_but_for_two_tags, 0, KINDS);
	tcase_add_test(t, the_chatter_of_switches_stays_outside);
	tcase_add_test(t, a_users_filter_is_used_alone);
	tcase_add_test(t, what_cannot_be_opened_is_said_in_words);
	tcase_add_test(t, a_link_that_goes_down_is_told_once_and_revives);
	tcase_add_test(t, a_link_that_is_up_again_before_anybody_looked_is_told_all_the_same);
	tcase_add_test(t, an_interface_that_is_removed_gives_what_it_had_and_is_gone);
	tcase_add_test(t, an_interface_that_was_removed_while_down_is_found_gone_when_asked);
	tcase_add_test(t, any_goes_on_while_interfaces_come_and_go);
	tcase_add_test(t, packets_of_64_kib_as_offloading_makes_them_arrive_whole);
	tcase_add_test(t, the_snap_length_cuts_what_is_kept_and_not_what_is_told);
	tcase_add_test(t, times_are_of_the_wall_clock_in_nanoseconds);
	tcase_add_test(t, one_dispatch_is_bounded_and_the_rest_stays_ready);
	tcase_add_test(t, every_packet_is_given_or_counted_as_lost);
	tcase_add_test(t, counts_go_on_where_those_of_libpcap_begin_anew);
	tcase_add_test(t, promiscuous_mode_is_off_unless_asked_for_and_ends_with_the_capture);
	tcase_add_test(t, an_interface_without_link_headers_has_the_link_type_of_files);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr;
	int failed;

	if (!netns_possible())
		return NETNS_SKIPPED;
	sr = srunner_create(netif_suite());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
