/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of libmicrohttpd that we use, in a library that is loaded with the first call for
 * them (base/latelib.h).
 */
#ifndef CMD_LIBMICROHTTPD_H
#define CMD_LIBMICROHTTPD_H

#include <microhttpd.h>

#include "base/latelib.h"

#define LIBMICROHTTPD_FUNCTIONS(X)                                               \
	X(MHD_add_response_header)                                               \
	X(MHD_create_response_from_buffer)                                       \
	X(MHD_destroy_response) X(MHD_get_connection_info) X(MHD_queue_response) \
	    X(MHD_start_daemon) X(MHD_stop_daemon)

struct libmicrohttpd {
	LIBMICROHTTPD_FUNCTIONS(LATELIB_POINTER)
};

/*
 * libmicrohttpd_load - Returns: its functions; NULL: it cannot be loaded, and *ret_why says why, in
 * words that stay. Threads: any.
 */
const struct libmicrohttpd *libmicrohttpd_load(const char **ret_why);

#endif
