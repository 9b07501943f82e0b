/* SPDX-License-Identifier: BSD-2-Clause */
/* See line.h. */
#include "events/line.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"

char *line_uuid(char *buf, const char *prefix, uint64_t cookie)
{
	(void)snprintf(buf, LINE_UUID_SIZE, "%.*s_%016" PRIX64, LINE_PREFIX_MAX, prefix, cookie);
	return buf;
}

/* Go's RFC3339Nano, which the readers of these lines grew up with: no trailing zeros. */
static char *timestamp(char *buf, int64_t ns)
{
	char *end;

	clk_rfc3339(ns, buf);
	end = strchr(buf, 'Z');
	assert(end != NULL);
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	end[0] = 'Z';
	end[1] = '\0';
	return buf;
}

/* A mapped address is what an IPv6 socket calls an IPv4 peer (RFC 4291, 2.5.5.2). */
static char *address(char *buf, const uint8_t *bytes, bool ipv6)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int family = ipv6 ? AF_INET6 : AF_INET;

	if (ipv6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		family = AF_INET;
		bytes += sizeof(mapped);
	}
	if (inet_ntop(family, bytes, buf, INET6_ADDRSTRLEN) == NULL)
		buf[0] = '\0'; /* cannot happen: the buffer is long enough for both families */
	return buf;
}

size_t line_open(char *buf, const char *prefix, const struct connection *c, int64_t ns)
{
	char uuid[LINE_UUID_SIZE], when[CLK_RFC3339_SIZE];
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	int n = snprintf(buf, LINE_SIZE,
	    "{\"Event\":0,\"Timestamp\":\"%s\",\"UUID\":\"%s\",\"ID\":{\"SPort\":%u,\"DPort\":%u,"
	    "\"SrcIP\":\"%s\",\"DstIP\":\"%s\",\"Interface\":%" PRIu32 ",\"Cookie\":%" PRId64
	    "}}\n",
	    timestamp(when, ns), line_uuid(uuid, prefix, c->cookie), c->local_port, c->remote_port,
	    address(local, c->local, c->ipv6), address(remote, c->remote, c->ipv6), c->interface,
	    (int64_t)c->cookie); /* the producer's signed view of it */

	assert(n > 0 && n < LINE_SIZE);
	return (size_t)n;
}

size_t line_close(char *buf, const char *prefix, uint64_t cookie, int64_t ns)
{
	char uuid[LINE_UUID_SIZE], when[CLK_RFC3339_SIZE];
	int n = snprintf(buf, LINE_SIZE,
	    "{\"Event\":1,\"Timestamp\":\"%s\",\"UUID\":\"%s\",\"ID\":null}\n", timestamp(when, ns),
	    line_uuid(uuid, prefix, cookie));

	assert(n > 0 && n < LINE_SIZE);
	return (size_t)n;
}
