/* SPDX-License-Identifier: BSD-2-Clause */
/* See ipaddr.h. */
#include "packet/ipaddr.h"

#include <arpa/inet.h>

uint8_t ipaddr_parse(const char *text, uint8_t ret_addr[16])
{
	memset(ret_addr, 0, 16);
	if (inet_pton(AF_INET, text, ret_addr) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ret_addr) == 1 ? 6 : 0;
}
