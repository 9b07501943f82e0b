/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends TCP SYNs from random IPv4 addresses, the same ones for the same seed, at a steady rate:
 *
 *     synflood --interface IF --target ADDRESS --port PORT --mac MAC [--count N] [--rate N] [--seed
 * N]
 *
 * Frames are written to a packet socket (packet(7)), 64 per call of sendmmsg(2), so that a million
 * takes seconds. Only for an interface of the test's own: it refuses to run where there is more
 * than that one and the loopback.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/flowgen_random.h"

#define BATCH       64u
#define IP_AT       14u           /* after the Ethernet header */
#define TCP_AT      (IP_AT + 20)  /* RFC 791: a header without options */
#define FRAME_BYTES (TCP_AT + 24) /* RFC 9293: a header with the option MSS */

struct synflood {
	struct sockaddr_ll where;
	unsigned char frames[BATCH][FRAME_BYTES];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	struct flowgen_random random;
	struct in_addr target;
	struct ether_addr mac;
	const char *interface;
	uint64_t count, rate;
	uint16_t port;
	int fd;
};

static void die(const char *what)
{
	(void)fprintf(stderr, "synflood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0') {
		errno = EINVAL;
		die(text);
	}
	return n;
}

static void put16(unsigned char *at, uint32_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static void put32(unsigned char *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* The Internet checksum (RFC 1071) over an even number of bytes, from sum on. */
static uint32_t checksum(const unsigned char *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* An address that may be somebody's: not 0/8, 10/8 (ours), 127/8, nor 224/3. */
static uint32_t source_address(struct flowgen_random *r)
{
	uint32_t address, net;

	do {
		address = (uint32_t)flowgen_random_next(r);
		net = address >> 24;
	} while (net == 0 || net == 10 || net == 127 || net >= 224);
	return address;
}

/* What is the same in all frames. */
static void prepare_frame(const struct synflood *s, unsigned char *f, const unsigned char *own_mac)
{
	unsigned char *ip = f + IP_AT, *tcp = f + TCP_AT;

	memcpy(f, &s->mac, ETH_ALEN);
	memcpy(f + ETH_ALEN, own_mac, ETH_ALEN);
	put16(f + 12, ETHERTYPE_IP);
	ip[0] = 0x45;
	put16(ip + 2, FRAME_BYTES - IP_AT);
	ip[8] = 64; /* time to live */
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 16, &s->target, 4);
	put16(tcp + 2, s->port);
	tcp[12] = 6 << 4; /* header length in words */
	tcp[13] = 0x02;   /* SYN */
	put16(tcp + 14, 65535);
	put32(tcp + 20, 0x020405b4); /* MSS 1460 */
}

/* What differs: where it comes from, and what hangs on that. */
static void vary_frame(struct synflood *s, unsigned char *f)
{
	unsigned char *ip = f + IP_AT, *tcp = f + TCP_AT;
	uint64_t dice = flowgen_random_next(&s->random);

	put32(ip + 12, source_address(&s->random));
	put16(ip + 10, 0);
	put16(ip + 10, checksum(ip, 20, 0));
	put16(tcp, 1024 + (uint32_t)(dice >> 48) % (65536 - 1024));
	put32(tcp + 4, (uint32_t)dice);
	put16(tcp + 16, 0);
	/* The pseudo header: both addresses, the protocol, the length of the segment. */
	put16(tcp + 16, checksum(ip + 12, 8 + 24, IPPROTO_TCP + 24));
}

/* The only interface here besides the loopback: a flood must not get out of the test. */
static void insist_on_own_namespace(const char *interface)
{
	struct if_nameindex *all = if_nameindex();

	if (all == NULL)
		die("interfaces");
	for (struct if_nameindex *i = all; i->if_index != 0; i++) {
		if (strcmp(i->if_name, "lo") != 0 && strcmp(i->if_name, interface) != 0) {
			errno = EPERM;
			die("there are other interfaces here");
		}
	}
	if_freenameindex(all);
}

static void prepare(struct synflood *s)
{
	struct ifreq request = {0};
	int bytes = 4 << 20;

	insist_on_own_namespace(s->interface);
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("packet socket");
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* only for speed */
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", s->interface);
	if (ioctl(s->fd, SIOCGIFHWADDR, &request) != 0)
		die(s->interface);
	s->where.sll_family = AF_PACKET;
	s->where.sll_ifindex = (int)if_nametoindex(s->interface);
	s->where.sll_halen = ETH_ALEN;
	memcpy(s->where.sll_addr, &s->mac, ETH_ALEN);
	for (size_t i = 0; i < BATCH; i++) {
		prepare_frame(s, s->frames[i], (unsigned char *)request.ifr_hwaddr.sa_data);
		s->parts[i] = (struct iovec){s->frames[i], FRAME_BYTES};
		s->messages[i].msg_hdr = (struct msghdr){.msg_name = &s->where,
		    .msg_namelen = sizeof(s->where),
		    .msg_iov = &s->parts[i],
		    .msg_iovlen = 1};
	}
}

/* Sends a batch, however often the kernel must be asked. */
static void send_batch(struct synflood *s, unsigned int n)
{
	static const struct timespec pause = {0, 100000};
	unsigned int done = 0;

	while (done < n) {
		int sent = sendmmsg(s->fd, s->messages + done, n - done, 0);

		if (sent > 0)
			done += (unsigned int)sent;
		else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR)
			(void)nanosleep(&pause, NULL); /* cut short is as good */
		else
			die("send");
	}
}

/* Sleeps until it is time for frame number sent. */
static void keep_pace(const struct synflood *s, const struct timespec *start, uint64_t sent)
{
	struct timespec due = *start;

	if (s->rate == 0)
		return;
	due.tv_sec += (time_t)(sent / s->rate);
	due.tv_nsec += (long)(sent % s->rate * 1000000000u / s->rate);
	if (due.tv_nsec >= 1000000000) {
		due.tv_sec++;
		due.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static void flood(struct synflood *s)
{
	struct timespec start, end;
	uint64_t sent = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (sent < s->count) {
		unsigned int n = s->count - sent < BATCH ? (unsigned int)(s->count - sent) : BATCH;

		for (unsigned int i = 0; i < n; i++)
			vary_frame(s, s->frames[i]);
		send_batch(s, n);
		sent += n;
		keep_pace(s, &start, sent);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%llu SYNs in %.1f s\n", (unsigned long long)sent,
	    (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"interface", required_argument, NULL, 'i'},
	    {"target", required_argument, NULL, 't'}, {"port", required_argument, NULL, 'p'},
	    {"mac", required_argument, NULL, 'm'}, {"count", required_argument, NULL, 'c'},
	    {"rate", required_argument, NULL, 'r'}, {"seed", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0}};
	static struct synflood s = {.count = 1000000, .interface = ""};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			s.interface = optarg;
			break;
		case 't':
			if (inet_pton(AF_INET, optarg, &s.target) != 1)
				die(optarg);
			break;
		case 'p':
			s.port = (uint16_t)number(optarg);
			break;
		case 'm':
			if (ether_aton_r(optarg, &s.mac) == NULL)
				die(optarg);
			break;
		case 'c':
			s.count = number(optarg);
			break;
		case 'r':
			s.rate = number(optarg);
			break;
		case 's':
			s.random.state = number(optarg);
			break;
		default:
			return 2;
		}
	}
	prepare(&s);
	flood(&s);
	(void)close(s.fd); /* all was sent */
	return 0;
}
