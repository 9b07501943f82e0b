/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network interfaces that there are right now, and their addresses, as the kernel tells them
 * for the network namespace that we run in.
 *
 * Life-cycle:  read, look, free; a list never changes.
 * Threads:     any; a list belongs to one.
 * Source:      rtnetlink(7). Not /sys, which may show another namespace.
 */
#ifndef CAPTURE_NETLIST_H
#define CAPTURE_NETLIST_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct netlist_address {
	uint8_t addr[16]; /* IPv4: 4 bytes, then zeros */
	uint8_t family;   /* 4 or 6 */
	uint8_t prefix_bits;
};

struct netlist_interface {
	char name[IF_NAMESIZE];
	int index;
	bool up;      /* by the administrator */
	bool running; /* and has a carrier */
	bool loopback;
	bool has_master; /* a port of a bridge, a slave of a bond, ... */
	size_t address_count;
	struct netlist_address *addresses;
};

struct netlist {
	size_t count;
	struct netlist_interface *interfaces; /* by index */
};

/*
 * netlist_read - ask the kernel.
 *
 * Returns:  0 and *ret_list, for netlist_free; -ENOMEM; -EAGAIN it kept changing while it was
 *           read; -errno of the netlink socket.
 */
int netlist_read(struct netlist **ret_list);

/* netlist_find - by name. Returns: the interface, which belongs to the list; NULL. */
const struct netlist_interface *netlist_find(const struct netlist *l, const char *name);

/*
 * netlist_default - is this one captured from when no interface is asked for? Those that are up,
 * except loopback, and those with a master, whose packets pass the master, too.
 */
bool netlist_default(const struct netlist_interface *i);

/* netlist_print - one line per interface, in columns: index, name, flags, addresses. */
void netlist_print(const struct netlist *l, FILE *out);

/* netlist_free - takes NULL. */
void netlist_free(struct netlist *l);

#endif
