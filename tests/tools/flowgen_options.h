/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user of flowgen asked for: the command line turned into numbers within bounds.
 */
#ifndef TOOLS_FLOWGEN_OPTIONS_H
#define TOOLS_FLOWGEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum flowgen_format { FLOWGEN_PCAP, FLOWGEN_NSPCAP, FLOWGEN_PCAPNG };
enum flowgen_end { FLOWGEN_END_FIN, FLOWGEN_END_RST, FLOWGEN_END_NONE };

struct flowgen_options {
	uint64_t seed;
	uint64_t flows;
	uint64_t packets_min; /* frames per flow; both 0: sizes by the Zipf-like law */
	uint64_t packets_max;
	uint64_t bytes;       /* of the whole capture, where sizes follow the law */
	uint64_t interleave;  /* flows open at once; 0: as their natural lives have it */
	uint64_t duration_ns; /* aim, not bound */
	uint64_t start_ns;    /* since 1970 UTC */
	uint32_t snaplen;     /* frames are cut to this */
	enum flowgen_format format;
	uint32_t v6_ppm; /* of flows, as the next ones */
	uint32_t udp_ppm;
	uint32_t vlan_ppm;
	uint32_t text_ppm;
	uint32_t fragment_ppm;
	uint32_t reuse_ppm;
	uint32_t midstream_ppm;
	uint32_t syn_only_ppm;
	uint32_t syn_retransmit_ppm;
	uint32_t out_of_order_ppm; /* of data segments */
	uint32_t small_segment_ppm;
	uint64_t end_weight[3]; /* indexed by enum flowgen_end */
	bool verbose;
	const char *list_path; /* NULL: no list */
	const char *path;      /* "-": standard output */
};

enum flowgen_verdict { FLOWGEN_RUN, FLOWGEN_HELPED, FLOWGEN_REFUSED };

/*
 * flowgen_options_parse - read the command line.
 *
 * Takes:    main's argc and argv; the paths in *ret_options point into argv.
 * Returns:  FLOWGEN_RUN; FLOWGEN_HELPED after printing the help; FLOWGEN_REFUSED after one line of
 *           complaint on the standard error.
 */
enum flowgen_verdict flowgen_options_parse(
    int argc, char **argv, struct flowgen_options *ret_options);

#endif
