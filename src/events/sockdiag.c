/* SPDX-License-Identifier: BSD-2-Clause */
/* See sockdiag.h. */
#include "events/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel fills dump messages up to the size that is read with, and no further than this. */
#define MESSAGE_BYTES 32768

/* Room for some 10,000 destroy messages of about 1.3 KiB each, as the kernel charges them. */
#define DESTROY_BUFFER_BYTES (16 << 20)

/* The bits are those of the states' numbers, which are part of the ABI (kernel net/tcp_states.h).
 */
#define DUMP_STATES                                                                               \
	(1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 | \
	    1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK | 1u << TCP_CLOSING)

struct sockdiag {
	struct mnl_socket *destroy;
	struct mnl_socket *dump; /* NULL: to be opened at the next dump */
	bool dumping;
	int subscribe_error;
	unsigned sequence;
	char message[MESSAGE_BYTES];
};

struct visit {
	sockdiag_fn fn;
	void *arg;
};

static int open_netlink(struct mnl_socket **ret_socket)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error;

	if (s == NULL)
		return -errno;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) != 0) {
		error = -errno;
		(void)mnl_socket_close(s); /* nothing was written */
		return error;
	}
	*ret_socket = s;
	return 0;
}

static int subscribe(struct mnl_socket *s)
{
	static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
	static const int bytes = DESTROY_BUFFER_BYTES;

	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
			return -errno;
	}
	/* Beyond net.core.rmem_max with CAP_NET_ADMIN, else up to it: a smaller buffer still works.
	 */
	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) !=
	    0)
		(void)setsockopt(
		    mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

int sockdiag_open(struct sockdiag **ret_diag)
{
	struct sockdiag *d = calloc(1, sizeof(*d));
	int rv;

	if (d == NULL)
		return -ENOMEM;
	rv = open_netlink(&d->destroy);
	if (rv != 0)
		goto fail;
	d->subscribe_error = subscribe(d->destroy);
	*ret_diag = d;
	return 0;
fail:
	sockdiag_close(d);
	return rv;
}

int sockdiag_subscribe_error(const struct sockdiag *d)
{
	return d->subscribe_error;
}

int sockdiag_destroy_fd(const struct sockdiag *d)
{
	return mnl_socket_get_fd(d->destroy);
}

static int visit_message(const struct nlmsghdr *h, void *arg)
{
	const struct visit *v = arg;
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct connection c = {0};
	size_t bytes;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return MNL_CB_OK;
	if (m->idiag_family != AF_INET && m->idiag_family != AF_INET6)
		return MNL_CB_OK;
	c.ipv6 = m->idiag_family == AF_INET6;
	bytes = c.ipv6 ? 16 : 4;
	memcpy(c.local, m->id.idiag_src, bytes);
	memcpy(c.remote, m->id.idiag_dst, bytes);
	c.local_port = ntohs(m->id.idiag_sport);
	c.remote_port = ntohs(m->id.idiag_dport);
	c.interface = m->id.idiag_if;
	c.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	v->fn(&c, v->arg);
	return MNL_CB_OK;
}

/* A dump cannot be called off, its rest would come with the answers to the next: a new socket. */
static int renew_dump_socket(struct sockdiag *d)
{
	int rv;

	if (d->dump != NULL)
		(void)mnl_socket_close(d->dump); /* nothing was written that matters */
	d->dump = NULL;
	rv = open_netlink(&d->dump);
	d->dumping = false;
	return rv;
}

int sockdiag_dump_begin(struct sockdiag *d)
{
	struct nlmsghdr *h;
	struct inet_diag_req *r;
	int rv;

	if (d->dump == NULL || d->dumping) {
		rv = renew_dump_socket(d);
		if (rv != 0)
			return rv;
	}
	h = mnl_nlmsg_put_header(d->message);
	h->nlmsg_type = TCPDIAG_GETSOCK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++d->sequence;
	r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	r->idiag_states = DUMP_STATES;
	if (mnl_socket_sendto(d->dump, h, h->nlmsg_len) < 0)
		return -errno;
	d->dumping = true;
	return 0;
}

/*
 * mnl_cb_run turns the kernel's error messages, an answer to another request (ESRCH, EPROTO) and a
 * dump that lost its place (NLM_F_DUMP_INTR: EINTR) into -1 and errno.
 */
int sockdiag_dump_step(struct sockdiag *d, sockdiag_fn fn, void *arg)
{
	struct visit v = {fn, arg};
	ssize_t n;
	int rv;

	if (!d->dumping)
		return -EINVAL;
	n = mnl_socket_recvfrom(d->dump, d->message, sizeof(d->message));
	if (n < 0)
		return -errno;
	rv = mnl_cb_run(
	    d->message, (size_t)n, d->sequence, mnl_socket_get_portid(d->dump), visit_message, &v);
	if (rv < 0)
		return -errno;
	if (rv == MNL_CB_STOP)
		d->dumping = false;
	return rv == MNL_CB_STOP ? 0 : 1;
}

/* Only the kernel can send to this socket: its protocol refuses what users send to users. */
int sockdiag_read_destroyed(struct sockdiag *d, sockdiag_fn fn, void *arg)
{
	struct visit v = {fn, arg};
	ssize_t n = mnl_socket_recvfrom(d->destroy, d->message, sizeof(d->message));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (mnl_cb_run(d->message, (size_t)n, 0, 0, visit_message, &v) < 0)
		return -errno;
	return 1;
}

void sockdiag_close(struct sockdiag *d)
{
	if (d == NULL)
		return;
	if (d->destroy != NULL)
		(void)mnl_socket_close(d->destroy); /* nothing was written */
	if (d->dump != NULL)
		(void)mnl_socket_close(d->dump); /* as above */
	free(d);
}
