/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See netlist.h. Two dumps over one socket, links and then addresses. The kernel marks a dump
 * during which something changed (NLM_F_DUMP_INTR): then all is read again.
 */
#include "capture/netlist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

/* Dumps interrupted by changes before we give up. */
#define ATTEMPTS_MAX 10

/* What the kernel fills at most in one go: NLMSG_GOODSIZE and more, see netlink_dump() of Linux. */
#define BUFFER_BYTES 32768u

/* What is being read */
struct reading {
	struct netlist *list;
	struct mnl_socket *socket;
	unsigned sequence;
	char buffer[BUFFER_BYTES];
};

static int out_of_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

/*
 * Makes room in an array for one item more than its count, and zeroes that one. Returns: the array,
 * perhaps elsewhere; NULL, and the old one stays.
 */
static void *grow(void *array, size_t count, size_t item_bytes)
{
	if ((count & (count - 1)) == 0) /* full at powers of two */
		array = reallocarray(array, count == 0 ? 1 : count * 2, item_bytes);
	if (array != NULL)
		memset((char *)array + count * item_bytes, 0, item_bytes);
	return array;
}

static struct netlist_interface *new_interface(struct netlist *l)
{
	struct netlist_interface *grown = grow(l->interfaces, l->count, sizeof(*grown));

	if (grown == NULL)
		return NULL;
	l->interfaces = grown;
	return &grown[l->count++];
}

static struct netlist_address *new_address(struct netlist_interface *i)
{
	struct netlist_address *grown = grow(i->addresses, i->address_count, sizeof(*grown));

	if (grown == NULL)
		return NULL;
	i->addresses = grown;
	return &grown[i->address_count++];
}

static int take_link(const struct nlmsghdr *h, void *arg)
{
	struct reading *r = arg;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct netlist_interface *i;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(*info))
		return MNL_CB_OK;
	i = new_interface(r->list);
	if (i == NULL)
		return out_of_memory();
	i->index = info->ifi_index;
	i->up = (info->ifi_flags & IFF_UP) != 0;
	i->running = (info->ifi_flags & IFF_RUNNING) != 0;
	i->loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
	mnl_attr_for_each(a, h, sizeof(*info))
	{
		if (mnl_attr_get_type(a) == IFLA_IFNAME &&
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(i->name, sizeof(i->name), "%s", mnl_attr_get_str(a));
		if (mnl_attr_get_type(a) == IFLA_MASTER && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			i->has_master = mnl_attr_get_u32(a) != 0;
	}
	return MNL_CB_OK;
}

static int compare_index(const void *a, const void *b)
{
	const struct netlist_interface *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static struct netlist_interface *find_index(struct netlist *l, int index)
{
	struct netlist_interface wanted = {.index = index};

	return l->count == 0
		   ? NULL
		   : bsearch(&wanted, l->interfaces, l->count, sizeof(wanted), compare_index);
}

/* The interface's own address; where there is a peer, IFA_ADDRESS is the peer's: linux/if_addr.h.
 */
static const struct nlattr *own_address(const struct nlmsghdr *h)
{
	const struct nlattr *address = NULL, *local = NULL, *a;

	mnl_attr_for_each(a, h, sizeof(struct ifaddrmsg))
	{
		if (mnl_attr_get_type(a) == IFA_ADDRESS)
			address = a;
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			local = a;
	}
	return local != NULL ? local : address;
}

static int take_address(const struct nlmsghdr *h, void *arg)
{
	struct reading *r = arg;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(h);
	const struct nlattr *own;
	struct netlist_interface *i;
	struct netlist_address *to;
	uint16_t bytes;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(*info) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	own = own_address(h);
	bytes = info->ifa_family == AF_INET ? 4 : 16;
	i = find_index(r->list, (int)info->ifa_index);
	if (i == NULL || own == NULL || mnl_attr_get_payload_len(own) != bytes)
		return MNL_CB_OK; /* an interface newer than our list is in the next one */
	to = new_address(i);
	if (to == NULL)
		return out_of_memory();
	memcpy(to->addr, mnl_attr_get_payload(own), bytes);
	to->family = info->ifa_family == AF_INET ? 4 : 6;
	to->prefix_bits = info->ifa_prefixlen;
	return MNL_CB_OK;
}

/* Sends one request for all of something and has every answer taken. */
static int dump(struct reading *r, uint16_t type, mnl_cb_t take)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->buffer);
	struct ifinfomsg *info;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = ++r->sequence;
	/* long enough for an ifaddrmsg, too; all zeros: everything of every family */
	info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	if (type == RTM_GETLINK)
		mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (mnl_socket_sendto(r->socket, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(r->socket, r->buffer, sizeof(r->buffer));
		int rv;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		rv = mnl_cb_run(
		    r->buffer, (size_t)n, r->sequence, mnl_socket_get_portid(r->socket), take, r);
		if (rv < 0)
			return -errno; /* -EINTR: something changed */
		if (rv == MNL_CB_STOP)
			return 0;
	}
}

/* Reads all once, over a socket of its own: what an interrupted dump leaves unread goes with it. */
static int read_once(struct reading *r)
{
	int rv;

	r->list = calloc(1, sizeof(*r->list));
	if (r->list == NULL)
		return -ENOMEM;
	r->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->socket == NULL)
		return -errno;
	rv = mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (rv == 0)
		rv = dump(r, RTM_GETLINK, take_link);
	if (rv == 0 && r->list->count > 0)
		qsort(r->list->interfaces, r->list->count, sizeof(r->list->interfaces[0]),
		    compare_index);
	if (rv == 0)
		rv = dump(r, RTM_GETADDR, take_address);
	(void)mnl_socket_close(r->socket); /* nothing was to be kept */
	return rv;
}

int netlist_read(struct netlist **ret_list)
{
	struct reading *r = calloc(1, sizeof(*r));
	int rv = -EINTR;

	if (r == NULL)
		return -ENOMEM;
	for (int i = 0; i < ATTEMPTS_MAX && rv == -EINTR; i++) {
		netlist_free(r->list);
		r->list = NULL;
		rv = read_once(r);
	}
	if (rv == 0)
		*ret_list = r->list;
	else
		netlist_free(r->list);
	free(r);
	return rv == -EINTR ? -EAGAIN : rv;
}

const struct netlist_interface *netlist_find(const struct netlist *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->interfaces[i].name, name) == 0)
			return &l->interfaces[i];
	return NULL;
}

bool netlist_default(const struct netlist_interface *i)
{
	return i->up && !i->loopback && !i->has_master;
}

#define FLAGS_SIZE 64

static const char *flags_text(const struct netlist_interface *i, char *buf)
{
	(void)snprintf(buf, FLAGS_SIZE, "%s%s%s%s%s", i->up ? "up" : "down",
	    i->running ? ",running" : "", i->loopback ? ",loopback" : "",
	    i->has_master ? ",master" : "", netlist_default(i) ? ",default" : "");
	return buf;
}

/* A name may hold anything but blanks, '/' and ':', see dev_valid_name() of Linux. */
#define NAME_TEXT_SIZE (4 * IF_NAMESIZE)

static void print_addresses(const struct netlist_interface *i, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t n = 0; n < i->address_count; n++) {
		const struct netlist_address *a = &i->addresses[n];
		int family = a->family == 4 ? AF_INET : AF_INET6;

		/* cannot fail: the family is one of two, the room is enough for both */
		(void)inet_ntop(family, a->addr, text, sizeof(text));
		fprintf(out, "%s%s/%u", n == 0 ? "" : " ", text, a->prefix_bits);
	}
}

void netlist_print(const struct netlist *l, FILE *out)
{
	char name[NAME_TEXT_SIZE], flags[FLAGS_SIZE];
	int name_width = 0, flags_width = 0;

	for (size_t n = 0; n < l->count; n++) {
		const struct netlist_interface *i = &l->interfaces[n];
		int name_bytes = (int)strlen(log_printable(name, sizeof(name), i->name));
		int flags_bytes = (int)strlen(flags_text(i, flags));

		name_width = name_bytes > name_width ? name_bytes : name_width;
		flags_width = flags_bytes > flags_width ? flags_bytes : flags_width;
	}
	for (size_t n = 0; n < l->count; n++) {
		const struct netlist_interface *i = &l->interfaces[n];

		(void)log_printable(name, sizeof(name), i->name);
		(void)flags_text(i, flags);
		fprintf(out, "%3d  %-*s  ", i->index, name_width, name);
		if (i->address_count == 0) /* no blanks at the end of a line */
			fprintf(out, "%s", flags);
		else
			fprintf(out, "%-*s  ", flags_width, flags);
		print_addresses(i, out);
		fputc('\n', out);
	}
}

void netlist_free(struct netlist *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		free(l->interfaces[i].addresses);
	free(l->interfaces);
	free(l);
}
