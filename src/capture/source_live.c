/* SPDX-License-Identifier: BSD-2-Clause */
/* See source_live.h. One epoll; what each descriptor is stands in its event's number. */
#include "capture/source_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "capture/local.h"
#include "capture/netif.h"
#include "capture/netlist.h"
#include "capture/netwatch.h"
#include "packet/ledger.h"

/* Without packets the loop comes round this often: for the clock of the demux, and the watchdog. */
#define ROUND_MS 50

/* How often counts are taken, and interfaces that are missing are looked for. */
#define CHECK_NS CLK_SECOND_NS

/* Hosts of containers have links that come and go all the time: in a second they are not listed
 * more often than this. */
#define LISTS_PER_SECOND 20

/* After a stop: packets that came before it are in our hands by then, or in the ring. */
#define SETTLE_NS (3 * NETIF_BLOCK_MS * INT64_C(1000000))

/* A ring that is still not read after that belongs to a flood: what is left in it is given up. */
#define DRAIN_MAX_NS (5 * CLK_SECOND_NS)

#define EPOLL_EVENTS 64

/* Numbers of descriptors in the epoll; interfaces from FD_INTERFACE on. */
enum { FD_WAKE, FD_NETWATCH, FD_EVENTS, FD_INTERFACE };

/* An interface, whether it is there or not. */
struct port {
	struct netif *netif;                      /* NULL: not open */
	uint32_t number;                          /* of its name in the demux */
	uint64_t received_before, dropped_before; /* by handles that are closed */
	uint64_t given;                           /* packets of this handle that we had */
	bool dry;                                 /* stopping: all that came before was read */
	bool refused;                             /* it was said that it cannot be opened */
	struct source_live *source;
	struct source_live_interface *stats;
	char shown[4 * IFNAMSIZ]; /* its name, as it is printed */
};

struct source_live {
	/* set at start, then read-only */
	struct source_live_config config;
	int epoll_fd, wake_fd;
	struct demux *demux;

	/* owned by the demux thread while it runs */
	struct port *ports;
	struct local *local;
	struct local *exempt; /* NULL: none is */
	struct netwatch *netwatch;
	struct eventclient *events;
	int64_t check_ns;   /* when to check next */
	unsigned lists;     /* since the last check */
	bool links_changed; /* since they were listed last */
	bool stale;         /* addresses have changed, and could not be read */
	bool blind;         /* changes are not told any more: addresses are read all the time */
	uint64_t unread;
	int64_t stop_mono_ns; /* when the stop was noticed; 0: it was not */

	/* written by the demux thread, read by any */
	struct source_live_interface *stats;
	_Atomic int64_t beat_ns;

	/* written by any, read by the demux thread */
	_Atomic int64_t stop_wall_ns; /* 0: go on */
	_Atomic bool flush;
};

static void set_flag(_Atomic bool *flag, bool value)
{
	atomic_store_explicit(flag, value, memory_order_relaxed);
}

static bool get_flag(const _Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

static int watch(struct source_live *s, int fd, uint32_t number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = number};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static void take_counts(struct port *p)
{
	uint64_t received, dropped;

	if (p->netif == NULL || netif_counts(p->netif, &received, &dropped) != 0)
		return;
	ledger_set(&p->stats->received, p->received_before + received);
	ledger_set(&p->stats->dropped, p->dropped_before + dropped);
}

/* The run could not wait until the ring was empty: what is left there is lost, and counted. */
static void count_unread(struct source_live *s, struct port *p)
{
	uint64_t received, dropped, unread;

	if (p->netif == NULL || p->dry || netif_counts(p->netif, &received, &dropped) != 0)
		return;
	unread = received - dropped > p->given ? received - dropped - p->given : 0;
	p->dropped_before += unread;
	s->unread += unread;
}

static void close_port(struct port *p)
{
	if (p->netif == NULL)
		return;
	take_counts(p);
	p->received_before = ledger_get(&p->stats->received);
	p->dropped_before = ledger_get(&p->stats->dropped);
	netif_close(p->netif); /* its descriptor leaves the epoll with it */
	p->netif = NULL;
	p->given = 0;
	set_flag(&p->stats->open, false);
	set_flag(&p->stats->up, false);
}

static int open_port(struct source_live *s, struct port *p, char *error)
{
	struct netif_config c = {.name = p->stats->name,
	    .snaplen = s->config.snaplen,
	    .ring_bytes = s->config.ring_bytes,
	    .promiscuous = s->config.promiscuous,
	    .filter = s->config.filter};
	int rv = netif_open(&c, &p->netif, error);

	if (rv != 0)
		return rv;
	rv = watch(s, netif_fd(p->netif), FD_INTERFACE + (uint32_t)(p - s->ports));
	if (rv != 0) {
		(void)strcpy(error, "no memory to wait for it");
		netif_close(p->netif);
		p->netif = NULL;
		return rv;
	}
	set_flag(&p->stats->open, true);
	set_flag(&p->stats->up, true);
	p->refused = false;
	return 0;
}

static void lose_port(struct port *p)
{
	log_warning("capture", "interface '%s' is gone; continuing%s", p->shown,
	    p->source->config.reopen ? ", it is opened again when it is back" : " without it");
	ledger_add(&p->stats->removed, 1);
	close_port(p);
}

/* The link of an interface as it is now; said when it changes. */
static void see_link(struct port *p, bool up)
{
	if (get_flag(&p->stats->up) == up)
		return;
	set_flag(&p->stats->up, up);
	if (up) {
		log_info("capture", "interface '%s': link is up again", p->shown);
	} else {
		ledger_add(&p->stats->link_downs, 1);
		log_warning("capture", "interface '%s': link is down; continuing", p->shown);
	}
}

static void give(const struct packet *p, void *arg)
{
	struct port *port = arg;
	struct packet numbered = *p;
	int64_t stop_ns = atomic_load_explicit(&port->source->stop_wall_ns, memory_order_relaxed);

	numbered.interface = port->number;
	port->given++;
	if (stop_ns != 0 && p->ts_ns > stop_ns)
		port->dry = true;
	demux_packet(port->source->demux, &numbered);
}

/* Returns whether the interface gave packets. */
static bool read_port(struct source_live *s, struct port *p)
{
	int rv;

	if (p->netif == NULL)
		return false;
	rv = netif_dispatch(p->netif, give, p);
	if (rv == -ENODEV) {
		lose_port(p);
	} else if (rv == -ENETDOWN) {
		see_link(p, false);
		s->check_ns = 0; /* it may be up again */
	} else if (rv < 0) {
		log_error("capture", "cannot read interface '%s': %s; continuing", p->shown,
		    netif_error(p->netif));
		lose_port(p);
	}
	return rv > 0;
}

static void try_reopen(struct source_live *s, struct port *p)
{
	char error[NETIF_ERROR_SIZE];
	int rv;

	if (!s->config.reopen || atomic_load_explicit(&s->stop_wall_ns, memory_order_relaxed) != 0)
		return;
	rv = open_port(s, p, error);
	if (rv == 0) {
		log_info("capture", "interface '%s' is back; capturing again", p->shown);
	} else if (!p->refused && rv != -ENODEV && rv != -ENETDOWN) {
		p->refused = true;
		log_error("capture", "interface '%s' is back: %s; continuing without it", p->shown,
		    error);
	}
}

static void check_port(struct source_live *s, struct port *p, const struct netlist *l)
{
	const struct netlist_interface *i = netlist_find(l, p->stats->name);
	int index;

	if (p->netif != NULL && (index = netif_index(p->netif)) != 0) {
		(void)read_port(s, p); /* a handle does not tell by itself that it is dead */
		if (p->netif != NULL && (i == NULL || i->index != index))
			lose_port(p);
		else if (p->netif != NULL)
			see_link(p, i->up && i->running);
	}
	if (p->netif == NULL && ((i != NULL && i->up) || strcmp(p->stats->name, "any") == 0))
		try_reopen(s, p);
}

static void check_ports(struct source_live *s)
{
	struct netlist *l;

	if (netlist_read(&l) != 0)
		return; /* the next round tries again */
	for (unsigned i = 0; i < s->config.count; i++)
		check_port(s, &s->ports[i], l);
	netlist_free(l);
}

/*
 * Both sets, though one fails, and again until both succeed: an address that was ours may be a
 * client's by now, and must not stay exempt.
 */
static void refresh_addresses(struct source_live *s)
{
	bool failed = local_refresh(s->local) != 0;

	if (s->exempt != NULL && local_refresh(s->exempt) != 0)
		failed = true;
	if (failed && !s->stale)
		log_warning("capture", "cannot read this host's addresses; continuing with those "
				       "known before");
	s->stale = failed;
}

/* Once a second: counts, and what may have been missed. */
static void check(struct source_live *s, int64_t now_ns)
{
	bool missing = s->check_ns == 0 || (s->links_changed && s->lists < LISTS_PER_SECOND);

	if (now_ns >= s->check_ns) {
		s->check_ns = now_ns + CHECK_NS;
		missing |= s->links_changed;
		s->lists = 0;
		if (s->stale || s->blind)
			refresh_addresses(s);
		for (unsigned i = 0; i < s->config.count; i++) {
			take_counts(&s->ports[i]);
			missing |= s->ports[i].netif == NULL;
		}
	}
	if (!missing)
		return;
	s->lists++;
	s->links_changed = false;
	check_ports(s);
}

static void take_changes(struct source_live *s)
{
	int changes = netwatch_run(s->netwatch);

	if (changes < 0) {
		log_error("capture", "cannot follow links and addresses: %s; continuing",
		    strerror(-changes));
		(void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, netwatch_fd(s->netwatch), NULL);
		s->blind = true;
		return;
	}
	s->links_changed |= (changes & NETWATCH_LINKS) != 0;
	if (changes & NETWATCH_ADDRESSES)
		refresh_addresses(s);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_all(struct source_live *s)
{
	char error[NETIF_ERROR_SIZE];

	for (unsigned i = 0; i < s->config.count; i++) {
		struct port *p = &s->ports[i];
		int rv;

		p->source = s;
		p->stats = &s->stats[i];
		(void)strncpy(p->stats->name, s->config.interfaces[i], IFNAMSIZ - 1);
		(void)log_printable(p->shown, sizeof(p->shown), p->stats->name);
		rv = open_port(s, p, error);
		if (rv == -ENETDOWN && s->config.reopen) {
			log_warning("capture",
			    "interface '%s': %s; continuing, it is opened when it "
			    "comes up",
			    p->shown, error);
		} else if (rv != 0) {
			log_error("capture", "interface '%s': %s", p->shown, error);
			return rv;
		}
	}
	return 0;
}

static int open_local(struct source_live *s)
{
	int rv = local_new(s->config.local, &s->local);

	if (rv == 0 && s->config.exempt != NULL)
		rv = local_new(
		    s->config.exempt, &s->exempt); /* legal: the options have seen to it */
	if (rv == -EINVAL)
		log_error("options",
		    "--local: '%s' is not a legal value; legal: auto, none, or "
		    "addresses and prefixes joined by commas",
		    s->config.local);
	else if (rv != 0)
		log_error("capture", "cannot read this host's addresses: %s", strerror(-rv));
	return rv;
}

static int open_descriptors(struct source_live *s)
{
	int rv;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->wake_fd < 0)
		return -errno;
	rv = netwatch_new(&s->netwatch); /* before any list is read: nothing is missed between */
	if (rv == 0)
		rv = watch(s, s->wake_fd, FD_WAKE);
	if (rv == 0)
		rv = watch(s, netwatch_fd(s->netwatch), FD_NETWATCH);
	return rv;
}

int source_live_open(const struct source_live_config *config, struct source_live **ret_source)
{
	struct source_live *s = calloc(1, sizeof(*s));
	int rv;

	if (s == NULL) {
		log_error("start", "cannot start: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	s->config = *config;
	s->epoll_fd = s->wake_fd = -1;
	s->ports = calloc(config->count, sizeof(*s->ports));
	s->stats = calloc(config->count, sizeof(*s->stats));
	rv = s->ports != NULL && s->stats != NULL ? open_descriptors(s) : -ENOMEM;
	if (rv != 0)
		log_error("start", "cannot start: %s", strerror(-rv));
	if (rv == 0)
		rv = open_local(s);
	if (rv == 0)
		rv = open_all(s);
	if (rv != 0) {
		source_live_free(s);
		return rv;
	}
	*ret_source = s;
	return 0;
}

bool source_live_wanted(const struct decoded *d, void *arg)
{
	const struct source_live *s = arg;

	return local_has(s->local, d->family, d->dst) || local_has(s->local, d->family, d->src);
}

bool source_live_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	const struct source_live *s = arg;

	return local_has(s->exempt, family, addr);
}

bool source_live_filters(const struct source_live *s)
{
	return !local_any(s->local);
}

static void take_event(const struct event *e, void *arg)
{
	struct source_live *s = arg;

	demux_event(s->demux, e);
}

int source_live_attach(struct source_live *s, struct demux *demux, const char *events_path)
{
	int rv;

	s->demux = demux;
	for (unsigned i = 0; i < s->config.count; i++) {
		struct port *p = &s->ports[i];

		p->number = demux_interface(demux, p->stats->name);
		if (p->netif != NULL)
			log_info("capture", "interface '%s': capturing, filter: %s", p->shown,
			    netif_filter_text(p->netif));
	}
	if (events_path == NULL)
		return 0;
	rv = eventclient_new(events_path, take_event, s, &s->events);
	if (rv == 0)
		rv = watch(s, eventclient_fd(s->events), FD_EVENTS);
	return rv;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void take_events(struct source_live *s)
{
	eventclient_run(s->events);
	demux_stream(s->demux, eventclient_connected(s->events));
}

static void take_wake(struct source_live *s)
{
	uint64_t times;

	(void)read(s->wake_fd, &times, sizeof(times)); /* what woke us stands in the flags */
	if (atomic_exchange_explicit(&s->flush, false, memory_order_relaxed))
		demux_flush(s->demux);
}

static void take_ready(struct source_live *s, uint32_t number)
{
	switch (number) {
	case FD_WAKE:
		take_wake(s);
		break;
	case FD_NETWATCH:
		take_changes(s);
		break;
	case FD_EVENTS:
		take_events(s);
		break;
	default:
		(void)read_port(s, &s->ports[number - FD_INTERFACE]);
		break;
	}
}

/* A stop was asked for: has all been read that had come before? */
static bool is_drained(struct source_live *s, int64_t now_ns)
{
	bool settled, dry = true;

	if (s->stop_mono_ns == 0)
		s->stop_mono_ns = now_ns;
	settled = now_ns - s->stop_mono_ns >= SETTLE_NS;
	for (unsigned i = 0; i < s->config.count; i++) {
		struct port *p = &s->ports[i];

		if (!read_port(s, p) && settled)
			p->dry = true;
		dry &= p->dry;
	}
	return (settled && dry) || now_ns - s->stop_mono_ns >= DRAIN_MAX_NS;
}

static bool is_barren(const struct source_live *s)
{
	if (s->config.reopen)
		return false;
	for (unsigned i = 0; i < s->config.count; i++)
		if (s->ports[i].netif != NULL)
			return false;
	return true;
}

static void wait_ready(struct source_live *s, int timeout_ms)
{
	struct epoll_event ready[EPOLL_EVENTS];
	int n = epoll_wait(s->epoll_fd, ready, EPOLL_EVENTS, timeout_ms);

	demux_time(s->demux, clk_mono().ns);
	for (int i = 0; i < n; i++)
		take_ready(s, ready[i].data.u32);
}

static void finish(struct source_live *s)
{
	if (s->events != NULL)
		eventclient_drain(s->events);
	for (unsigned i = 0; i < s->config.count; i++) {
		count_unread(s, &s->ports[i]);
		close_port(&s->ports[i]);
	}
}

enum source_live_end source_live_run(struct source_live *s)
{
	bool stopped = false, more = false;
	int64_t now_ns;

	while (!is_barren(s)) {
		wait_ready(s, more ? 0 : stopped ? NETIF_BLOCK_MS : ROUND_MS);
		now_ns = clk_mono().ns;
		check(s, now_ns);
		more = demux_run(s->demux, now_ns);
		atomic_store_explicit(&s->beat_ns, now_ns, memory_order_relaxed);
		stopped = atomic_load_explicit(&s->stop_wall_ns, memory_order_relaxed) != 0;
		if (stopped && is_drained(s, now_ns)) {
			finish(s);
			return SOURCE_LIVE_STOPPED;
		}
	}
	log_error("capture", "no interface is left, and --no-reopen was given");
	finish(s);
	return SOURCE_LIVE_BARREN;
}

/* ---- other threads --------------------------------------------------------------------------- */

static void wake(struct source_live *s)
{
	const uint64_t one = 1;

	(void)fileio_write(s->wake_fd, &one, sizeof(one)); /* full: it is awake already */
}

void source_live_stop(struct source_live *s)
{
	atomic_store_explicit(&s->stop_wall_ns, clk_wall().ns, memory_order_relaxed);
	wake(s);
}

uint64_t source_live_unread(const struct source_live *s)
{
	return s->unread;
}

void source_live_flush(struct source_live *s)
{
	atomic_store_explicit(&s->flush, true, memory_order_relaxed);
	wake(s);
}

int64_t source_live_beat_ns(const struct source_live *s)
{
	return atomic_load_explicit(&s->beat_ns, memory_order_relaxed);
}

const struct source_live_interface *source_live_interface(
    const struct source_live *s, unsigned number)
{
	return number < s->config.count ? &s->stats[number] : NULL;
}

const struct eventclient_stats *source_live_events(const struct source_live *s)
{
	return s->events != NULL ? eventclient_stats(s->events) : NULL;
}

void source_live_free(struct source_live *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; s->ports != NULL && i < s->config.count; i++)
		netif_close(s->ports[i].netif);
	eventclient_free(s->events);
	netwatch_free(s->netwatch);
	local_free(s->local);
	local_free(s->exempt);
	fileio_close(s->epoll_fd);
	fileio_close(s->wake_fd);
	free(s->ports);
	free(s->stats);
	free(s);
}
