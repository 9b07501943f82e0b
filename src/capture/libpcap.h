/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of libpcap that we use, in a library that is loaded with the first call for them
 * (base/latelib.h).
 */
#ifndef CAPTURE_LIBPCAP_H
#define CAPTURE_LIBPCAP_H

#include <pcap/pcap.h>

#include "base/latelib.h"

#define LIBPCAP_FUNCTIONS(X)                                                                   \
	X(bpf_filter)                                                                          \
	X(pcap_activate) X(pcap_close) X(pcap_compile) X(pcap_create) X(pcap_datalink)         \
	    X(pcap_dispatch) X(pcap_freecode) X(pcap_get_required_select_timeout)              \
		X(pcap_get_selectable_fd) X(pcap_get_tstamp_precision) X(pcap_geterr)          \
		    X(pcap_lib_version) X(pcap_open_dead) X(pcap_set_buffer_size)              \
			X(pcap_set_datalink) X(pcap_set_promisc) X(pcap_set_snaplen)           \
			    X(pcap_set_timeout) X(pcap_set_tstamp_precision) X(pcap_setfilter) \
				X(pcap_setnonblock) X(pcap_stats)

struct libpcap {
	LIBPCAP_FUNCTIONS(LATELIB_POINTER)
};

/*
 * libpcap_load - Returns: its functions; NULL: it cannot be loaded, and *ret_why says why, in words
 * that stay. Threads: any.
 */
const struct libpcap *libpcap_load(const char **ret_why);

#endif
