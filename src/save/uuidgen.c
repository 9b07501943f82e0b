/* SPDX-License-Identifier: BSD-2-Clause */
/* See uuidgen.h. */
#include "save/uuidgen.h"

#include <string.h>
#include <uuid/uuid.h>

struct name {
	uint8_t bytes[64];
	size_t len;
};

static void put_number(struct name *n, uint64_t v, size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		n->bytes[n->len++] = (uint8_t)(v >> (8 * i));
}

char *uuidgen_flow(const struct flowkey *k, int64_t first_ns, uint32_t first_seq, char *buf)
{
	size_t addr_bytes = flowkey_addr_bytes(k);
	struct name n = {.len = 0};
	uuid_t ns, id;

	put_number(&n, k->linktype, 4);
	put_number(&n, k->proto, 1);
	put_number(&n, k->family, 1);
	for (int side = SIDE_LOW; side <= SIDE_HIGH; side++) {
		memcpy(n.bytes + n.len, k->addr[side], addr_bytes);
		n.len += addr_bytes;
		put_number(&n, k->port[side], 2);
	}
	if (k->vlan[0] != 0 || k->vlan[1] != 0) {
		put_number(&n, k->vlan[0], 2);
		put_number(&n, k->vlan[1], 2);
	}
	put_number(&n, (uint64_t)first_ns, 8);
	put_number(&n, first_seq, 4);
	(void)uuid_parse(UUIDGEN_NAMESPACE, ns); /* a constant that parses */
	uuid_generate_sha1(id, ns, (const char *)n.bytes, n.len);
	uuid_unparse_lower(id, buf);
	return buf;
}
