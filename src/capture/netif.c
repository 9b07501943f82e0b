/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See netif.h. What libpcap 1.10 does when links change, found by experiment: a link that goes down
 * sets the socket's error to ENETDOWN, once, and libpcap takes the error and returns 0. An
 * interface that is removed does the same, and the socket is no longer bound to anything; if it was
 * down before, nothing is set. So both are looked for here, on the socket itself.
 */
#include "capture/netif.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/libpcap.h"

/* Packets given in one go: what a block of 256 KiB holds when they are of middling size. */
#define DISPATCH_MAX 1024

struct netif {
	const struct libpcap *lib;
	pcap_t *pcap;
	char *filter;
	uint32_t linktype;
	int index;
	bool pcap_saw_down; /* libpcap took an ENETDOWN before we did */

	uint64_t received, dropped;
	uint32_t last_recv, last_drop; /* libpcap's counters, when last asked */

	/* during a dispatch */
	netif_fn *fn;
	void *arg;
};

/*
 * Default filters: whatever the decoder may find IP in, and not the chatter of switches.
 *
 * The vlan, mpls and pppoes of pcap-filter(7) move the offsets of all that follows them, so that
 * "vlan or mpls" asks for MPLS within a VLAN; there is no order in which all three work, and
 * libpcap refuses most. EtherTypes move nothing. The vlan at the end is for tags that the network
 * card or the kernel took out of the frame, where the EtherType is no longer to be seen.
 *
 * Cooked frames have no vlan; there, the kernel's protocol field holds the EtherType after the
 * first tag.
 */
#define UNTAGGED                                                                     \
	"ip or ip6"                                                                  \
	" or ether proto 0x8847 or ether proto 0x8848" /* MPLS, RFC 5332 */          \
	" or ether proto 0x8864"                       /* PPPoE session, RFC 2516 */ \
	" or ether proto 0x9200"                       /* a VLAN tag, unknown to libpcap */

static const struct {
	int dlt;
	const char *text;
} default_filters[] = {
    {DLT_EN10MB, UNTAGGED " or vlan"},
    {DLT_LINUX_SLL2, UNTAGGED " or ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x9100"},
    {DLT_LINUX_SLL, UNTAGGED " or ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x9100"},
};

/* The few DLT_ values that files number otherwise. Source: pcap-common.c of libpcap. */
static uint32_t linktype_of(int dlt)
{
	static const struct {
		int dlt;
		uint32_t linktype;
	} differing[] = {{DLT_ATM_RFC1483, 100}, {DLT_RAW, 101}, {DLT_SLIP_BSDOS, 102},
	    {DLT_PPP_BSDOS, 103}, {DLT_ATM_CLIP, 106}};

	for (size_t i = 0; i < sizeof(differing) / sizeof(differing[0]); i++)
		if (differing[i].dlt == dlt)
			return differing[i].linktype;
	return (uint32_t)dlt;
}

static int fail(int error, const char *words, char *ret_error)
{
	(void)snprintf(ret_error, NETIF_ERROR_SIZE, "%s", words);
	return error;
}

static int activate(struct netif *n, const struct netif_config *c, char *ret_error)
{
	uint64_t ring = c->ring_bytes;
	int rv;

	ring = ring < NETIF_RING_MIN_BYTES ? NETIF_RING_MIN_BYTES : ring;
	ring = ring > NETIF_RING_MAX_BYTES ? NETIF_RING_MAX_BYTES : ring;
	/* These fail only on handles that are active already. */
	(void)n->lib->pcap_set_snaplen(n->pcap, (int)c->snaplen);
	(void)n->lib->pcap_set_buffer_size(n->pcap, (int)ring);
	(void)n->lib->pcap_set_promisc(n->pcap, c->promiscuous);
	(void)n->lib->pcap_set_timeout(n->pcap, NETIF_BLOCK_MS);
	/* Where it is refused, stamps are in microseconds: see give(). */
	(void)n->lib->pcap_set_tstamp_precision(n->pcap, PCAP_TSTAMP_PRECISION_NANO);

	rv = n->lib->pcap_activate(n->pcap);
	switch (rv) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return fail(-ENODEV, "no such interface", ret_error);
	case PCAP_ERROR_IFACE_NOT_UP:
		return fail(-ENETDOWN, "the interface is down", ret_error);
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return fail(-EPERM, "no permission to capture", ret_error);
	default: /* above 0 are warnings, of which none keeps packets from coming */
		return rv >= 0 ? 0 : fail(-EIO, n->lib->pcap_geterr(n->pcap), ret_error);
	}
}

/* Installs a filter; what is in the ring already is filtered by libpcap. */
static int set_filter(struct netif *n, const char *text, char *ret_error)
{
	struct bpf_program code;
	int rv = 0;

	if (n->lib->pcap_compile(n->pcap, &code, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return fail(-EINVAL, n->lib->pcap_geterr(n->pcap), ret_error);
	if (n->lib->pcap_setfilter(n->pcap, &code) != 0)
		rv = fail(-EIO, n->lib->pcap_geterr(n->pcap), ret_error);
	n->lib->pcap_freecode(&code);
	if (rv != 0)
		return rv;
	n->filter = strdup(text);
	return n->filter != NULL ? 0 : fail(-ENOMEM, strerror(ENOMEM), ret_error);
}

static int set_default_filter(struct netif *n, char *ret_error)
{
	for (size_t i = 0; i < sizeof(default_filters) / sizeof(default_filters[0]); i++) {
		int rv;

		if (default_filters[i].dlt != n->lib->pcap_datalink(n->pcap))
			continue;
		rv = set_filter(n, default_filters[i].text, ret_error);
		if (rv != -EINVAL)
			return rv;
	}
	/* Not none at all: it is a filter's value that cuts packets to the snap length. */
	return set_filter(n, "", ret_error);
}

static int prepare(struct netif *n, const struct netif_config *c, char *ret_error)
{
	char words[PCAP_ERRBUF_SIZE];
	struct sockaddr_ll addr;
	socklen_t len = sizeof(addr);
	int rv;

	rv = activate(n, c, ret_error);
	if (rv != 0)
		return rv;
	/* On "any": the header that also names the interface. Else the one that is there stays. */
	if (strcmp(c->name, "any") == 0)
		(void)n->lib->pcap_set_datalink(n->pcap, DLT_LINUX_SLL2);
	n->linktype = linktype_of(n->lib->pcap_datalink(n->pcap));
	rv = c->filter != NULL ? set_filter(n, c->filter, ret_error)
			       : set_default_filter(n, ret_error);
	if (rv != 0)
		return rv;
	if (n->lib->pcap_setnonblock(n->pcap, 1, words) != 0)
		return fail(-EIO, words, ret_error);
	/* libpcap's other sources (nflog, usbmon) have no number, and do not come and go. */
	if (getsockname(netif_fd(n), (struct sockaddr *)&addr, &len) == 0 &&
	    addr.sll_family == AF_PACKET)
		n->index = addr.sll_ifindex;
	return 0;
}

int netif_open(const struct netif_config *c, struct netif **ret_netif, char *ret_error)
{
	char words[PCAP_ERRBUF_SIZE];
	const char *why;
	struct netif *n;
	int rv;

	assert(c->snaplen >= 1 && c->snaplen <= PACKET_MAX_CAPLEN);
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return fail(-ENOMEM, strerror(ENOMEM), ret_error);
	n->lib = libpcap_load(&why);
	if (n->lib == NULL) {
		netif_close(n);
		return fail(-ELIBACC, why, ret_error);
	}
	n->pcap = n->lib->pcap_create(c->name, words);
	rv = n->pcap != NULL ? prepare(n, c, ret_error) : fail(-EIO, words, ret_error);
	if (rv != 0) {
		netif_close(n);
		return rv;
	}
	*ret_netif = n;
	return 0;
}

int netif_fd(const struct netif *n)
{
	return n->lib->pcap_get_selectable_fd(n->pcap);
}

uint32_t netif_linktype(const struct netif *n)
{
	return n->linktype;
}

int netif_index(const struct netif *n)
{
	return n->index;
}

const char *netif_filter_text(const struct netif *n)
{
	return n->filter;
}

const char *netif_error(struct netif *n)
{
	return n->lib->pcap_geterr(n->pcap);
}

static void give(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct netif *n = (struct netif *)arg;
	bool nano = n->lib->pcap_get_tstamp_precision(n->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	struct packet p = {
	    /* with this precision, tv_usec holds nanoseconds */
	    .ts_ns = (int64_t)h->ts.tv_sec * 1000000000 + h->ts.tv_usec * (nano ? 1 : 1000),
	    .caplen = h->caplen,
	    .origlen = h->len,
	    .linktype = n->linktype,
	    .data = bytes,
	};

	n->fn(&p, n->arg);
}

/* Did the link go down since last asked? Reading the error clears it, see socket(7). */
static bool went_down(const struct netif *n)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(netif_fd(n), SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	       error == ENETDOWN;
}

/* The same, where it happened between our question and libpcap's. */
static bool pcap_noticed_down(struct netif *n)
{
	bool before = n->pcap_saw_down;

	/* A timeout is asked for while libpcap waits for a link to come up. */
	n->pcap_saw_down = n->lib->pcap_get_required_select_timeout(n->pcap) != NULL;
	return n->pcap_saw_down && !before;
}

/* Has the kernel taken the socket off its interface, as it does when that is removed? */
static bool is_gone(const struct netif *n)
{
	struct sockaddr_ll addr;
	socklen_t len = sizeof(addr);

	if (n->index == 0)
		return false;
	return getsockname(netif_fd(n), (struct sockaddr *)&addr, &len) == 0 &&
	       addr.sll_ifindex != n->index;
}

static int dispatch(struct netif *n)
{
	return n->lib->pcap_dispatch(n->pcap, DISPATCH_MAX, give, (u_char *)n);
}

/* The ring outlives the interface, and its last block is yet to be handed over. */
static void drain(struct netif *n)
{
	struct pollfd pfd = {.fd = netif_fd(n), .events = POLLIN};

	(void)poll(&pfd, 1, 3 * NETIF_BLOCK_MS); /* interrupted: a shorter wait, at worst */
	while (dispatch(n) > 0)
		;
}

int netif_dispatch(struct netif *n, netif_fn *fn, void *arg)
{
	bool down = went_down(n);
	int given;

	n->fn = fn;
	n->arg = arg;
	given = dispatch(n);
	if (pcap_noticed_down(n))
		down = true;
	if (given <= 0 && is_gone(n)) {
		drain(n);
		return -ENODEV;
	}
	if (down)
		return -ENETDOWN;
	if (given >= 0)
		return given;
	/* While it waits for a link, libpcap fails only where it finds no interface of that name:
	 * it was given another one. */
	return n->pcap_saw_down ? -ENODEV : -EIO;
}

int netif_counts(struct netif *n, uint64_t *ret_received, uint64_t *ret_dropped)
{
	struct pcap_stat stat;

	if (n->lib->pcap_stats(n->pcap, &stat) != 0)
		return -EIO;
	n->received += (uint32_t)(stat.ps_recv - n->last_recv);
	n->dropped += (uint32_t)(stat.ps_drop - n->last_drop);
	n->last_recv = stat.ps_recv;
	n->last_drop = stat.ps_drop;
	*ret_received = n->received;
	*ret_dropped = n->dropped;
	return 0;
}

void netif_close(struct netif *n)
{
	if (n == NULL)
		return;
	if (n->pcap != NULL)
		n->lib->pcap_close(n->pcap);
	free(n->filter);
	free(n);
}
