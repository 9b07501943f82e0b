/* SPDX-License-Identifier: BSD-2-Clause */
/* See local.h. The prefixes that are ours, in a set that is made anew when they change. */
#include "capture/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/netlist.h"
#include "packet/prefixset.h"

struct local {
	bool follows, any;
	struct prefixset *set;
};

/*
 * Every address of a host is its own; and every address that a prefix on a loopback interface spans
 * is, too: the kernel answers to all of 127.0.0.0/8. (fib_add_ifaddr() of Linux; not so for IPv6.)
 */
static int add_host(struct prefixset *set, const struct netlist *list)
{
	int rv = 0;

	for (size_t i = 0; i < list->count && rv == 0; i++) {
		const struct netlist_interface *n = &list->interfaces[i];

		for (size_t j = 0; j < n->address_count && rv == 0; j++) {
			const struct netlist_address *a = &n->addresses[j];
			unsigned full = a->family == 4 ? 32 : 128;
			bool spans = n->loopback && a->family == 4 && a->prefix_bits < full;

			rv = prefixset_add(set, a->family, a->addr, spans ? a->prefix_bits : full);
		}
	}
	return rv;
}

int local_refresh(struct local *l)
{
	struct prefixset *fresh = NULL;
	struct netlist *list = NULL;
	int rv;

	if (!l->follows)
		return 0;
	rv = prefixset_new(&fresh);
	if (rv == 0)
		rv = netlist_read(&list);
	if (rv == 0)
		rv = add_host(fresh, list);
	netlist_free(list);
	if (rv != 0) {
		prefixset_free(fresh);
		return rv;
	}
	prefixset_free(l->set);
	l->set = fresh;
	return 0;
}

int local_new(const char *text, struct local **ret_local)
{
	struct local *l = calloc(1, sizeof(*l));
	int rv;

	if (l == NULL)
		return -ENOMEM;
	l->follows = strcmp(text, "auto") == 0;
	l->any = strcmp(text, "none") == 0;
	rv = prefixset_new(&l->set);
	if (rv == 0 && l->follows)
		rv = local_refresh(l);
	else if (rv == 0 && !l->any)
		rv = prefixset_add_list(l->set, text);
	if (rv != 0) {
		local_free(l);
		return rv;
	}
	*ret_local = l;
	return 0;
}

bool local_follows(const struct local *l)
{
	return l->follows;
}

bool local_any(const struct local *l)
{
	return l->any;
}

bool local_has(const struct local *l, uint8_t family, const uint8_t addr[16])
{
	return l->any || prefixset_has(l->set, family, addr);
}

void local_free(struct local *l)
{
	if (l == NULL)
		return;
	prefixset_free(l->set);
	free(l);
}
