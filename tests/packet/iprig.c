/* SPDX-License-Identifier: BSD-2-Clause */
/* One IP header through packet/scrub_ip. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "iprig.h"

const struct policy iprig_netblock = {
    .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48};
const struct policy iprig_kept = {.payload = PAYLOAD_BYTES};
const struct policy iprig_macs = {.macs = true};

static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return addr[0] == (family == 4 ? 10 : 0xfd);
}

void iprig_open(struct iprig *r, const struct policy *policy)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = "a key that is known to everybody";
	struct anonymizer_config config = {.policy = *policy, .key = key, .exempt = is_exempt};

	memset(r, 0, sizeof(*r));
	r->policy = *policy;
	ck_assert_int_eq(anonymizer_new(&config, &r->anonymizer), 0);
}

static uint8_t *copy_of(const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, n);
	return copy;
}

static void let_go(struct iprig *r)
{
	free((void *)(uintptr_t)r->packet.data);
	free(r->x.bytes);
	r->packet.data = r->x.bytes = NULL;
}

static void run(struct iprig *r, const struct frame *f, uint32_t n, struct scrub_ip h)
{
	let_go(r);
	r->packet = (struct packet){.caplen = n, .origlen = f->size, .linktype = RAW};
	r->packet.data = copy_of(f->bytes, n);
	r->x = (struct scrubbing){.anonymizer = r->anonymizer,
	    .policy = &r->policy,
	    .packet = &r->packet,
	    .bytes = copy_of(f->bytes, n),
	    .keep = n,
	    .hides = r->policy.addresses != ADDRESSES_KEPT || r->policy.macs};
	r->h = h;
	r->rv = scrub_ip(&r->x, &r->h);
}

static bool is_exempt_at(const struct iprig *r, const struct frame *f, uint32_t at, bool v4)
{
	uint8_t addr[16] = {0};

	memcpy(addr, f->bytes + at, v4 ? 4 : 16);
	return anonymizer_is_exempt(r->anonymizer, v4 ? 4 : 6, addr);
}

void iprig_own(struct iprig *r, const struct frame *f, uint32_t net_off, uint32_t n)
{
	struct scrub_ip h = {.net_off = net_off};
	bool v4 = f->bytes[net_off] >> 4 == 4;

	if (is_exempt_at(r, f, net_off + (v4 ? 12 : 8), v4))
		h.exempt |= SCRUB_SRC_EXEMPT;
	if (is_exempt_at(r, f, net_off + (v4 ? 16 : 24), v4))
		h.exempt |= SCRUB_DST_EXEMPT;
	run(r, f, n, h);
}

void iprig_quoted(struct iprig *r, const struct frame *f, uint32_t net_off, uint32_t n)
{
	run(r, f, n, (struct scrub_ip){.net_off = net_off, .quoted = true});
}

void iprig_close(struct iprig *r)
{
	let_go(r);
	anonymizer_free(r->anonymizer);
}

uint16_t iprig_sum4(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < (ip[0] & 0xf) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void iprig_mend4(struct frame *f, uint32_t at)
{
	ipframe_set16(f, at + 10, 0);
	ipframe_set16(f, at + 10, (uint16_t)~iprig_sum4(f->bytes + at));
}
