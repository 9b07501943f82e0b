/* SPDX-License-Identifier: BSD-2-Clause */
/* See libpcap.h. */
#include "config.h"

#include "capture/libpcap.h"

static struct libpcap functions;

#define SYMBOL(name) LATELIB_SYMBOL(libpcap, name)
static const struct latelib_symbol symbols[] = {LIBPCAP_FUNCTIONS(SYMBOL)};
static struct latelib library = LATELIB_INIT(LIBPCAP_SONAME, symbols, &functions);

const struct libpcap *libpcap_load(const char **ret_why)
{
	return latelib_load(&library, ret_why);
}
