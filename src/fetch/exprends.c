/* SPDX-License-Identifier: BSD-2-Clause */
/* See exprends.h. */
#include "fetch/exprends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "packet/ipaddr.h"

#define LEGAL_PORTS "0 to 65535"

/* ---- addresses ---- */

/* The first and the last address that share their first bits with one. */
static void set_range(struct expr_addresses *a, const uint8_t addr[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned mine = bits >= i * 8 + 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
		uint8_t rest = (uint8_t)(0xffu >> mine);

		a->low[i] = addr[i] & (uint8_t)~rest;
		a->high[i] = addr[i] | rest;
	}
	a->bits = (uint8_t)bits;
}

/* Returns how many bits of the 16 bytes stand before those of its own family: 96 or 0; or < 0. */
static int parse_address(const char *text, uint8_t ret_addr[16])
{
	uint8_t addr[16];

	switch (ipaddr_parse(text, addr)) {
	case 4:
		ipaddr_map(addr, ret_addr);
		return 96;
	case 6:
		memcpy(ret_addr, addr, sizeof(addr));
		return 0;
	}
	return -EINVAL;
}

static int host_word(
    struct exprparser *p, const struct exprparser_word *w, const char *legal, struct expr_node *n)
{
	uint8_t addr[16];

	if (parse_address(w->text, addr) < 0)
		return exprparser_bad_word(p, w, "no address", legal);
	n->kind = EXPR_ADDRESS;
	set_range(&n->addresses, addr, 128);
	return 0;
}

int exprends_host(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	struct exprparser_word w;

	(void)k; /* says it all */
	if (exprparser_word(p, "an address", &w) != 0)
		return -EINVAL;
	return host_word(p, &w, NULL, n);
}

/* "192.0.2.0/24": what the prefix would be without the bits that are too many. */
static int bad_bits(struct exprparser *p, const struct exprparser_word *w,
    const struct expr_addresses *a, unsigned before)
{
	char addr[INET6_ADDRSTRLEN], legal[INET6_ADDRSTRLEN + 8];

	/* Cannot fail: the buffer is as long as any address. */
	(void)inet_ntop(before == 96 ? AF_INET : AF_INET6, a->low + before / 8, addr, sizeof(addr));
	(void)snprintf(legal, sizeof(legal), "%s/%u", addr, a->bits - before);
	return exprparser_bad_word(p, w, "address has bits beyond its length", legal);
}

int exprends_net(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	static const uint8_t first_ipv4[16] = {[10] = 0xff, [11] = 0xff};
	struct expr_addresses *a = &n->addresses;
	struct exprparser_word w;
	uint8_t addr[16];
	uint64_t bits;
	int before;
	char *slash;

	(void)k; /* says it all */
	if (exprparser_word(p, "a network", &w) != 0)
		return -EINVAL;
	slash = strchr(w.text, '/');
	if (slash == NULL)
		return exprparser_bad_word(p, &w, "no network", "ADDRESS/LENGTH");
	*slash = '\0';
	before = parse_address(w.text, addr);
	if (before < 0)
		return exprparser_bad(p, w.at, (size_t)(slash - w.text), "no address", NULL);
	if (parse_number(slash + 1, 0, 128 - (unsigned)before, &bits) != 0)
		return exprparser_bad(p, w.at + (size_t)(slash + 1 - w.text),
		    w.length - (size_t)(slash + 1 - w.text), "no length of a prefix",
		    before == 0 ? "0 to 128" : "0 to 32");
	n->kind = EXPR_ADDRESS;
	set_range(a, addr, (unsigned)bits + (unsigned)before);
	if (memcmp(a->low, addr, sizeof(addr)) != 0)
		return bad_bits(p, &w, a, (unsigned)before);
	a->without_ipv4 = a->bits < 96 && memcmp(a->low, first_ipv4, 16) <= 0 &&
			  memcmp(a->high, first_ipv4, 16) >= 0;
	return 0;
}

/* ---- ports ---- */

int exprends_port(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	struct exprparser_word w;
	uint64_t port;

	(void)k; /* says it all */
	if (exprparser_word(p, "a port", &w) != 0)
		return -EINVAL;
	if (parse_number(w.text, 0, UINT16_MAX, &port) != 0)
		return exprparser_bad_word(p, &w, "no port", LEGAL_PORTS);
	n->kind = EXPR_PORT;
	n->ports = (struct expr_ports){(uint32_t)port, (uint32_t)port};
	return 0;
}

int exprends_portrange(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	struct exprparser_word w;
	uint64_t low, high;
	char *hyphen;

	(void)k; /* says it all */
	if (exprparser_word(p, "a range of ports", &w) != 0)
		return -EINVAL;
	hyphen = strchr(w.text, '-');
	if (hyphen != NULL)
		*hyphen = '\0';
	if (hyphen == NULL || parse_number(w.text, 0, UINT16_MAX, &low) != 0 ||
	    parse_number(hyphen + 1, 0, UINT16_MAX, &high) != 0 || low > high)
		return exprparser_bad_word(
		    p, &w, "no range of ports", "FIRST-LAST, both " LEGAL_PORTS);
	n->kind = EXPR_PORT;
	n->ports = (struct expr_ports){(uint32_t)low, (uint32_t)high};
	return 0;
}

/* ---- one end ---- */

/* `src port 80`, and `src 192.0.2.1`, which is `src host 192.0.2.1`. */
int exprends_one(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n)
{
	static const struct exprterm_keyword of_ends[] = {{.name = "host", .parse = exprends_host},
	    {.name = "net", .parse = exprends_net}, {.name = "port", .parse = exprends_port},
	    {.name = "portrange", .parse = exprends_portrange}};
	struct exprparser_word w;

	n->ends = (enum expr_ends)k->what;
	for (size_t i = 0; i < sizeof(of_ends) / sizeof(of_ends[0]); i++) {
		if (exprparser_at_word(p, of_ends[i].name)) {
			exprparser_advance(p);
			return of_ends[i].parse(p, &of_ends[i], n);
		}
	}
	if (exprparser_word(p, "an address, host, net, port or portrange", &w) != 0)
		return -EINVAL;
	return host_word(p, &w, "an address, host, net, port, portrange", n);
}
