/* SPDX-License-Identifier: BSD-2-Clause */
/* See libmicrohttpd.h. */
#include "config.h"

#include "cmd/libmicrohttpd.h"

static struct libmicrohttpd functions;

#define SYMBOL(name) LATELIB_SYMBOL(libmicrohttpd, name)
static const struct latelib_symbol symbols[] = {LIBMICROHTTPD_FUNCTIONS(SYMBOL)};
static struct latelib library = LATELIB_INIT(LIBMICROHTTPD_SONAME, symbols, &functions);

const struct libmicrohttpd *libmicrohttpd_load(const char **ret_why)
{
	return latelib_load(&library, ret_why);
}
