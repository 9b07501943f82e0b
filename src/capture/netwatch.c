/* SPDX-License-Identifier: BSD-2-Clause */
/* See netwatch.h. Only the kind of a message is looked at: whoever is told asks for the whole. */
#include "capture/netwatch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Messages taken in by one run: in a storm, others get their turn, too. */
#define RUN_MAX 256

struct netwatch {
	struct mnl_socket *socket;
	/* Messages are longer on hosts with many virtual functions; those that do not fit are taken
	 * for a change of everything. */
	char buffer[8192];
};

int netwatch_new(struct netwatch **ret_watch)
{
	struct netwatch *w = calloc(1, sizeof(*w));
	int rv;

	if (w == NULL)
		return -ENOMEM;
	w->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (w->socket == NULL ||
	    mnl_socket_bind(w->socket, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
		MNL_SOCKET_AUTOPID) < 0) {
		rv = -errno;
		netwatch_free(w);
		return rv;
	}
	*ret_watch = w;
	return 0;
}

int netwatch_fd(const struct netwatch *w)
{
	return mnl_socket_get_fd(w->socket);
}

static int changes_of(const struct netwatch *w, int bytes)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)w->buffer;
	int changes = 0;

	for (; mnl_nlmsg_ok(h, bytes); h = mnl_nlmsg_next(h, &bytes)) {
		switch (h->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
			changes |= NETWATCH_LINKS;
			break;
		case RTM_NEWADDR:
		case RTM_DELADDR:
			changes |= NETWATCH_ADDRESSES;
			break;
		}
	}
	return changes;
}

int netwatch_run(struct netwatch *w)
{
	int changes = 0;

	for (int i = 0; i < RUN_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(w->socket, w->buffer, sizeof(w->buffer));

		if (n >= 0)
			changes |= changes_of(w, (int)n);
		else if (errno == EAGAIN)
			break;
		else if (errno == ENOBUFS || errno == ENOSPC) /* lost by the kernel; cut by us */
			changes |= NETWATCH_LINKS | NETWATCH_ADDRESSES;
		else if (errno != EINTR)
			return -errno;
	}
	return changes;
}

void netwatch_free(struct netwatch *w)
{
	if (w == NULL)
		return;
	if (w->socket != NULL)
		(void)mnl_socket_close(w->socket); /* nothing was to be kept */
	free(w);
}
