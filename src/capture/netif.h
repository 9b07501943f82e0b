/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface that packets are read from as they pass: one live libpcap handle with its
 * ring in the kernel, its filter, and its counts.
 *
 * The kernel fills blocks of the ring and hands each over when it is full, or 10 ms after its first
 * packet. So a packet may be that old when it is given, and a capture that wants the last ones
 * reads on for NETIF_BLOCK_MS after it was told to stop.
 *
 * An interface that is taken down keeps its handle, which revives when it comes up again. One that
 * is removed leaves a dead handle, also when another of the same name appears: close, open again.
 * The handle cannot tell by itself that an interface was removed while it was down: call
 * netif_dispatch once on all handles whenever links have changed (capture/netwatch.h).
 *
 * VLAN tags stand in the bytes, also those that the card or the kernel took out. "any" is weaker:
 * the headers of its packets have no place for a tag, so the outer one is lost, and arriving frames
 * with two tags cannot be read by anybody (Linux 6.10 and later names the protocol behind both, and
 * strips one). Packets above 262,010 bytes are cut there: they have to fit a block of the ring.
 *
 * Life-cycle:  open, dispatch whenever netif_fd is ready, close.
 * Threads:     one at a time.
 * Source:      pcap(3PCAP), packet(7), Documentation/networking/packet_mmap.rst of Linux.
 */
#ifndef CAPTURE_NETIF_H
#define CAPTURE_NETIF_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

#define NETIF_ERROR_SIZE 512
#define NETIF_BLOCK_MS   10

/* Bounds of ring_bytes. libpcap cuts the ring into blocks of 256 KiB, and takes an int. */
#define NETIF_RING_MIN_BYTES (UINT64_C(1) << 20)
#define NETIF_RING_MAX_BYTES (UINT64_C(1) << 30)

struct netif;

struct netif_config {
	const char *name;    /* or "any" */
	uint32_t snaplen;    /* bytes kept of a packet, 1..PACKET_MAX_CAPLEN */
	uint64_t ring_bytes; /* brought within the bounds above, and up to whole blocks */
	bool promiscuous;    /* also what is for other hosts; "any" cannot */
	const char *filter;  /* the user's BPF text; NULL for the default: whatever may hold IP */
};

/*
 * netif_open - begin to capture.
 *
 * Takes:    c, borrowed for the call; ret_error of NETIF_ERROR_SIZE bytes.
 * Returns:  0; else the reason is in ret_error, in words that want the name before them:
 *           -ENODEV no such interface; -ENETDOWN it is there but down; -EPERM; -EINVAL the filter
 *           is wrong, or does not go with this link type; -ELIBACC there is no libpcap; -ENOMEM;
 *           -EIO anything else.
 */
int netif_open(const struct netif_config *c, struct netif **ret_netif, char *ret_error);

/* netif_fd - to be polled for reading. */
int netif_fd(const struct netif *n);

/* netif_linktype - the LINKTYPE_ value of its packets, which is not always libpcap's DLT_. */
uint32_t netif_linktype(const struct netif *n);

/* netif_index - the interface's number while it was opened; 0 for "any". */
int netif_index(const struct netif *n);

/* netif_filter_text - the filter in the kernel; "" where everything passes. */
const char *netif_filter_text(const struct netif *n);

/* Gets one packet, whose bytes are borrowed until it returns; p->interface is 0. */
typedef void netif_fn(const struct packet *p, void *arg);

/*
 * netif_dispatch - give out packets that are there, without waiting.
 *
 * At most about a block of them, so that other handles get their turn: netif_fd stays ready while
 * there are more. Packets may have been given before a failure is returned.
 *
 * Returns:  how many were given; 0 there are none now;
 *           -ENETDOWN the link went down (said once each time, and it may be up again): go on;
 *           -ENODEV the interface is gone, all that it left was given: close. This may wait for
 *           three times NETIF_BLOCK_MS, once; -EIO anything else, see netif_error.
 */
int netif_dispatch(struct netif *n, netif_fn *fn, void *arg);

/* netif_error - libpcap's words for the last -EIO. */
const char *netif_error(struct netif *n);

/*
 * netif_counts - packets since netif_open that passed the filter, and those of them that were lost
 * because the ring was full. Received counts both those given and those lost.
 *
 * Call it now and then: libpcap counts in 32 bits, and the wrap is noticed once.
 * Returns:  0; -EIO.
 */
int netif_counts(struct netif *n, uint64_t *ret_received, uint64_t *ret_dropped);

/* netif_close - takes NULL. Packets in the ring that were not given are lost. */
void netif_close(struct netif *n);

#endif
