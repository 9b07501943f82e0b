/* SPDX-License-Identifier: BSD-2-Clause */
/* See netns.h. */
#include "capture/netns.h"

#include <check.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int netns_possible(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (unshare(CLONE_NEWNET) != 0)
			_exit(1);
		_exit(
		    system("ip link add fk0 type veth peer name fk1 >/dev/null 2>&1") == 0 ? 0 : 2);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = -1;
	if (status == 0)
		return 1;
	printf("skipped: %s\n", WIFEXITED(status) && WEXITSTATUS(status) == 2
				    ? "no ip(8), or no veth in this kernel"
				    : "no permission for network namespaces");
	return 0;
}

void netns_setup(void)
{
	ck_assert_msg(unshare(CLONE_NEWNET) == 0, "unshare: %s", strerror(errno));
}

static int run(const char *fmt, va_list ap)
{
	char command[512] = "ip ";
	int status;

	(void)vsnprintf(command + 3, sizeof(command) - 3, fmt, ap);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void netns_ip(const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = run(fmt, ap);
	va_end(ap);
	ck_assert_msg(status == 0, "ip %s: exit status %d", fmt, status);
}

int netns_try_ip(const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = run(fmt, ap);
	va_end(ap);
	return status;
}

void netns_veth(const char *one, const char *other)
{
	/* no link-local addresses: the kernel would talk by itself */
	netns_ip("link add %s type veth peer name %s", one, other);
	netns_ip("link set %s addrgenmode none up", one);
	netns_ip("link set %s addrgenmode none up", other);
	netns_await_up(one);
	netns_await_up(other);
}

void netns_await_up(const char *name)
{
	/* The queue is put in place together with this state, but later than the link is set up:
	 * linkwatch_do_dev() of Linux. A thousand times ip(8) are some seconds. */
	for (int i = 0; i < 1000; i++)
		if (netns_try_ip("link show dev %s | grep -q 'state UP'", name) == 0)
			return;
	ck_abort_msg("%s does not come up", name);
}

int netns_sender(const char *name)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int one = 1;

	ck_assert_int_ge(fd, 0);
	addr.sll_ifindex = (int)if_nametoindex(name);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void send_as(int fd, const struct virtio_net_hdr *how, const void *frame, size_t len)
{
	struct iovec iov[2] = {{(void *)how, sizeof(*how)}, {(void *)frame, len}};
	ssize_t sent = writev(fd, iov, 2);

	ck_assert_msg(sent == (ssize_t)(sizeof(*how) + len), "send: %s", strerror(errno));
}

void netns_send(int fd, const void *frame, size_t len)
{
	static const struct virtio_net_hdr plain;

	send_as(fd, &plain, frame, len);
}

void netns_send_offloaded(int fd, const void *frame, size_t len)
{
	static const struct virtio_net_hdr segmented = {
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	    .hdr_len = 14 + 20 + 20,
	    .gso_size = 1448,
	    .csum_start = 14 + 20,
	    .csum_offset = 16, /* of the checksum within TCP, RFC 9293 section 3.1 */
	};

	send_as(fd, &segmented, frame, len);
}
