/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP messages: each is kept as far as its form is known to hold no address but where it is
 * replaced here. An error quotes the packet that it is about: of that the headers stay, scrubbed
 * like those of any packet, and nothing behind them, for extensions of errors name interfaces by
 * their addresses.
 *
 * Source:      RFC 792, 950, 1256 (ICMP); RFC 4443, 2710, 4861 (ICMPv6); RFC 4884, 5837 (extensions
 * of errors).
 */
#include "packet/decode.h"
#include "packet/scrub_private.h"

enum { WHOLE = 0xff };

/* Messages of some types that follow each other: what is kept of them. */
struct form {
	uint8_t first, last;   /* types */
	uint8_t size;          /* bytes that stay, or WHOLE */
	uint8_t address_at[2]; /* where addresses stand; 0 for none */
	bool quotes;           /* behind those bytes stands a packet */
};

static const struct form forms4[] = {
    {.first = 0, .last = 0, .size = WHOLE},             /* echo reply */
    {.first = 3, .last = 4, .size = 8, .quotes = true}, /* unreachable, source quench */
    {.first = 5, .last = 5, .size = 8, .address_at = {4}, .quotes = true}, /* redirect: a router */
    {.first = 8, .last = 8, .size = WHOLE},                                /* echo */
    {.first = 9, .last = 10, .size = 8}, /* router advertisement (routers follow), solicitation */
    {.first = 11, .last = 12, .size = 8, .quotes = true}, /* time exceeded, parameter problem */
    {.first = 13, .last = 14, .size = WHOLE},             /* timestamps */
    {.first = 15, .last = 18, .size = 8}, /* information, address mask (which follows) */
};

static const struct form forms6[] = {
    {.first = 1, .last = 4, .size = 8, .quotes = true},         /* errors */
    {.first = 128, .last = 129, .size = WHOLE},                 /* echo */
    {.first = 130, .last = 132, .size = 24, .address_at = {8}}, /* MLD: a group */
    /* Neighbour discovery; options follow that hold hardware addresses and prefixes. */
    {.first = 133, .last = 133, .size = 8}, {.first = 134, .last = 134, .size = 16},
    {.first = 135, .last = 136, .size = 24, .address_at = {8}},     /* a neighbour */
    {.first = 137, .last = 137, .size = 40, .address_at = {8, 24}}, /* a router, a destination */
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct form *form_of(uint8_t proto, uint8_t type)
{
	static const struct form other = {.size = 4}; /* type, code, checksum */
	const struct form *forms = proto == DECODE_ICMP6 ? forms6 : forms4;
	size_t n = proto == DECODE_ICMP6 ? COUNT(forms6) : COUNT(forms4);

	for (size_t i = 0; i < n; i++)
		if (type >= forms[i].first && type <= forms[i].last)
			return &forms[i];
	return &other;
}

/* Replaces the address at off; one that is there in part cannot be, and is cut. */
static bool hide_address(struct scrubbing *x, uint8_t family, uint32_t off)
{
	if (off >= x->keep)
		return false;
	if (!scrub_has(x, off, family == 4 ? 4 : 16)) {
		scrub_cut(x, off);
		return true;
	}
	return scrub_address(x, family, off);
}

/* Where a quoted packet ends by its own length: not within the headers that scrub_ip has vouched
 * for, and beyond all that was captured if it has none. */
static uint32_t quoted_end(const struct scrubbing *x, const struct scrub_ip *h)
{
	uint32_t length = scrub_be16(x, h->net_off + (h->version == 4 ? 2 : 4));
	uint32_t end = h->net_off + length + (h->version == 4 ? 0 : 40);

	if (length == 0)
		return UINT32_MAX;
	return end < h->l4_off ? h->l4_off : end;
}

/* Returns: where the TCP header ends, as far as it makes sense. RFC 9293 section 3.1 */
static uint32_t hide_tcp(struct scrubbing *x, uint32_t off)
{
	enum { DATA_OFFSET = 12, CHECKSUM = 16, FIXED = 20 };
	uint32_t size = FIXED;

	scrub_blank(x, off + CHECKSUM, 2);
	if (scrub_has(x, off, FIXED) && x->bytes[off + DATA_OFFSET] >> 4 << 2 > FIXED)
		size = x->bytes[off + DATA_OFFSET] >> 4 << 2;
	(void)scrub_tcp_options(x, off + FIXED, off + size); /* the checksum is gone anyhow */
	return off + size;
}

/* Echo and timestamps, which errors may be about. Returns: where the header ends; off for messages
 * of other types. */
static uint32_t hide_query(struct scrubbing *x, uint8_t proto, uint32_t off)
{
	const struct form *form;

	if (!scrub_has(x, off, 1))
		return off;
	form = form_of(proto, x->bytes[off]);
	if (form->size != WHOLE)
		return off;
	scrub_blank(x, off + 2, 2);
	return off + 8;
}

/*
 * The transport header of a quoted packet. Its checksum is over the addresses that are gone and
 * over data that is not there: it is zeroed, right or not. Returns: where what may be kept ends.
 */
static uint32_t hide_transport(struct scrubbing *x, const struct scrub_ip *h)
{
	enum { UDP_CHECKSUM = 6, UDP_SIZE = 8 };

	if (h->fragment && h->frag_off > 0)
		return h->l4_off;
	switch (h->proto) {
	case DECODE_TCP:
		return hide_tcp(x, h->l4_off);
	case DECODE_UDP:
		scrub_blank(x, h->l4_off + UDP_CHECKSUM, 2);
		return h->l4_off + UDP_SIZE;
	case DECODE_ICMP:
	case DECODE_ICMP6:
		return hide_query(x, h->proto, h->l4_off);
	default:
		return h->l4_off;
	}
}

static bool hide_quote(struct scrubbing *x, uint32_t off)
{
	struct scrub_ip h = {.net_off = off, .quoted = true};

	if (off >= x->keep)
		return false;
	if (scrub_ip(x, &h) != 0)
		return true;
	scrub_cut(x, quoted_end(x, &h)); /* what lies behind is no header, whatever they say */
	scrub_cut(x, hide_transport(x, &h));
	return true;
}

bool scrub_icmp(struct scrubbing *x, uint8_t proto, uint32_t off)
{
	const uint32_t before = x->keep;
	const struct form *form;
	bool written = false;

	if (!scrub_has(x, off, 1))
		return false;
	form = form_of(proto, x->bytes[off]);
	for (size_t i = 0; i < COUNT(form->address_at); i++)
		if (form->address_at[i] != 0)
			written |= hide_address(
			    x, proto == DECODE_ICMP6 ? 6 : 4, off + form->address_at[i]);
	if (form->quotes)
		written |= hide_quote(x, off + form->size);
	else if (form->size != WHOLE)
		scrub_cut(x, off + form->size);
	return written || x->keep < before;
}
