/* SPDX-License-Identifier: BSD-2-Clause */
/* See policy.h. */
#include "packet/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "packet/packet.h"

#define NETBLOCK    "netblock"
#define DEFAULT_V4  24
#define DEFAULT_V6  48
#define BITS_DIGITS 3 /* of 128 */

char *policy_payload_text(const struct policy *p, char *buf)
{
	if (p->payload == PAYLOAD_FULL)
		(void)snprintf(buf, POLICY_TEXT_SIZE, "full");
	else if (p->payload == PAYLOAD_ZERO)
		(void)snprintf(buf, POLICY_TEXT_SIZE, "zero");
	else if (p->payload_bytes == 0)
		(void)snprintf(buf, POLICY_TEXT_SIZE, "headers");
	else
		(void)snprintf(buf, POLICY_TEXT_SIZE, "%u", p->payload_bytes);
	return buf;
}

char *policy_addresses_text(const struct policy *p, char *buf)
{
	if (p->addresses == ADDRESSES_KEPT)
		(void)snprintf(buf, POLICY_TEXT_SIZE, "none");
	else if (p->addresses == ADDRESSES_CRYPTOPAN)
		(void)snprintf(buf, POLICY_TEXT_SIZE, "cryptopan");
	else
		(void)snprintf(buf, POLICY_TEXT_SIZE, NETBLOCK ":%u,%u", p->v4_bits, p->v6_bits);
	return buf;
}

int policy_parse_payload(const char *text, struct policy *p)
{
	enum policy_payload payload = PAYLOAD_BYTES;
	uint64_t bytes = 0;

	if (strcmp(text, "full") == 0)
		payload = PAYLOAD_FULL;
	else if (strcmp(text, "zero") == 0)
		payload = PAYLOAD_ZERO;
	else if (strcmp(text, "headers") != 0 &&
		 parse_size(text, 0, PACKET_MAX_CAPLEN, &bytes) != 0)
		return -EINVAL;
	p->payload = payload;
	p->payload_bytes = (uint32_t)bytes;
	return 0;
}

/* One length of text[0..len): digits, up to max. */
static int parse_bits(const char *text, size_t len, uint8_t max, uint8_t *ret_bits)
{
	char digits[BITS_DIGITS + 1] = "";
	uint64_t bits;

	if (len > BITS_DIGITS)
		return -EINVAL;
	memcpy(digits, text, len);
	if (parse_number(digits, 0, max, &bits) != 0)
		return -EINVAL;
	*ret_bits = (uint8_t)bits;
	return 0;
}

/* "V4,V6" */
static int parse_lengths(const char *text, uint8_t *ret_v4_bits, uint8_t *ret_v6_bits)
{
	const char *comma = strchr(text, ',');

	if (comma == NULL || parse_bits(text, (size_t)(comma - text), 32, ret_v4_bits) != 0)
		return -EINVAL;
	return parse_bits(comma + 1, strlen(comma + 1), 128, ret_v6_bits);
}

int policy_parse_addresses(const char *text, struct policy *p)
{
	enum policy_addresses addresses = ADDRESSES_NETBLOCK;
	const size_t word = strlen(NETBLOCK);
	uint8_t v4_bits = 0, v6_bits = 0;

	if (strcmp(text, "none") == 0) {
		addresses = ADDRESSES_KEPT;
	} else if (strcmp(text, "cryptopan") == 0) {
		addresses = ADDRESSES_CRYPTOPAN;
	} else if (strcmp(text, NETBLOCK) == 0) {
		v4_bits = DEFAULT_V4;
		v6_bits = DEFAULT_V6;
	} else if (strncmp(text, NETBLOCK ":", word + 1) != 0 ||
		   parse_lengths(text + word + 1, &v4_bits, &v6_bits) != 0) {
		return -EINVAL;
	}
	p->addresses = addresses;
	p->v4_bits = v4_bits;
	p->v6_bits = v6_bits;
	return 0;
}
