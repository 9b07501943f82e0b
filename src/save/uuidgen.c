/* SPDX-License-Identifier: BSD-2-Clause */
/* See uuidgen.h. */
#include "save/uuidgen.h"

#include <string.h>
#include <uuid/uuid.h>

#include "archive/layout.h"

struct name {
	uint8_t bytes[64];
	size_t len;
};

/* 7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca */
static const uuid_t namespace_bytes = {
    0x7e, 0x3f, 0x0c, 0x52, 0x9d, 0x1b, 0x5c, 0x64, 0xa0, 0xf7, 0x3b, 0x8d, 0x2e, 0x61, 0x94, 0xca};

static void put_number(struct name *n, uint64_t v, size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		n->bytes[n->len++] = (uint8_t)(v >> (8 * i));
}

char *uuidgen_flow(const struct flowkey *k, int64_t first_ns, uint32_t first_seq, char *buf)
{
	size_t addr_bytes = flowkey_addr_bytes(k);
	struct name n = {.len = 0};
	uuid_t id;

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
	uuid_generate_sha1(id, namespace_bytes, (const char *)n.bytes, n.len);
	return layout_uuid_text(id, buf);
}
