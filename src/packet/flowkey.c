/* SPDX-License-Identifier: BSD-2-Clause */
/* See flowkey.h. */
#include "packet/flowkey.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "packet/ipaddr.h"

enum side flowkey_sender(
    const uint8_t src[16], const uint8_t dst[16], uint16_t sport, uint16_t dport)
{
	/* Unused address bytes are zero on both sides, so 16 bytes order IPv4 addresses too. */
	int order = memcmp(src, dst, 16);

	if (order == 0)
		order = (int)sport - (int)dport;
	return order <= 0 ? SIDE_LOW : SIDE_HIGH;
}

enum side flowkey_make(
    const struct decoded *d, uint32_t linktype, enum vlan_key vlan_key, struct flowkey *ret_key)
{
	enum side sender = flowkey_sender(d->src, d->dst, d->sport, d->dport);

	memcpy(ret_key->addr[sender], d->src, sizeof(d->src));
	memcpy(ret_key->addr[!sender], d->dst, sizeof(d->dst));
	ret_key->port[sender] = d->sport;
	ret_key->port[!sender] = d->dport;
	ret_key->vlan[0] = vlan_key == VLAN_KEY_YES ? d->vlan[0] : 0;
	ret_key->vlan[1] = vlan_key == VLAN_KEY_YES ? d->vlan[1] : 0;
	ret_key->linktype = linktype;
	ret_key->family = d->family;
	ret_key->proto = d->proto;
	ret_key->zero[0] = ret_key->zero[1] = 0;
	return sender;
}

enum side flowkey_fragment_sender(const struct flowkey *k, const struct decoded *d)
{
	return memcmp(d->src, k->addr[SIDE_LOW], sizeof(d->src)) == 0 ? SIDE_LOW : SIDE_HIGH;
}

uint64_t flowkey_hash(const struct hash_key *seed, const struct flowkey *k)
{
	uint64_t words[sizeof(*k) / 8];

	memcpy(words, k, sizeof(words));
	return hash_words(seed, words, sizeof(words) / sizeof(words[0]));
}

void flowkey_addr_mapped(const struct flowkey *k, enum side side, uint8_t ret_addr[16])
{
	if (k->family == 4)
		ipaddr_map(k->addr[side], ret_addr);
	else
		memcpy(ret_addr, k->addr[side], 16);
}

char *flowkey_addr_text(const struct flowkey *k, enum side side, char *buf)
{
	/* Cannot fail: the family is one of the two and the buffer is INET6_ADDRSTRLEN long. */
	(void)inet_ntop(k->family == 4 ? AF_INET : AF_INET6, k->addr[side], buf, INET6_ADDRSTRLEN);
	return buf;
}

const char *flowkey_proto_name(uint8_t proto, char *buf)
{
	switch (proto) {
	case DECODE_TCP:
		return "tcp";
	case DECODE_UDP:
		return "udp";
	case DECODE_ICMP:
		return "icmp";
	case DECODE_ICMP6:
		return "icmp6";
	case DECODE_SCTP:
		return "sctp";
	}
	(void)snprintf(buf, 8, "%u", proto);
	return buf;
}
