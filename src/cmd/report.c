/* SPDX-License-Identifier: BSD-2-Clause */
/* See report.h. */
#include "cmd/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"

char *report_bytes(uint64_t bytes, char *buf)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	int i = 0;

	for (; v >= 999.95 && i < 6; i++)
		v /= 1000;
	(void)snprintf(buf, REPORT_BYTES_SIZE, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
	return buf;
}

bool report_balance(const struct ledger *l)
{
	if (ledger_balanced(l))
		return true;
	log_error("ledger",
	    "does not balance: %" PRIu64 " packets read, but %" PRIu64 " archived, %" PRIu64
	    " skipped and %" PRIu64 " dropped; this is a bug",
	    ledger_get(&l->packets_read), ledger_get(&l->packets_archived), ledger_skipped(l),
	    ledger_dropped(l));
	return false;
}

/* " (12 not_tcp, 3 not_ip)", or nothing. */
static void print_reasons(
    const struct ledger_reason *reasons, const _Atomic uint64_t *counts, int n)
{
	const char *before = " (";

	for (int i = 0; i < n; i++) {
		uint64_t count = ledger_get(&counts[i]);

		if (count == 0)
			continue;
		(void)fprintf(stderr, "%s%" PRIu64 " %s", before, count, reasons[i].name);
		before = ", ";
	}
	if (before[0] == ',')
		(void)fprintf(stderr, ")");
}

/* Whoever makes an interface names it, with escape sequences if need be. */
#define INTERFACE_SIZE 80

/* What only a live capture has: losses in the kernel, per interface. */
static void print_kernel(const struct source_live *live)
{
	const struct source_live_interface *i;
	char name[INTERFACE_SIZE];

	for (unsigned n = 0; (i = source_live_interface(live, n)) != NULL; n++)
		(void)fprintf(stderr,
		    "%s: %" PRIu64 " packets received by filter, %" PRIu64 " dropped by kernel\n",
		    log_printable(name, sizeof(name), i->name), ledger_get(&i->received),
		    ledger_get(&i->dropped));
}

void report_text(const struct report *r)
{
	const struct ledger *l = r->ledger;
	char read[REPORT_BYTES_SIZE], archived[REPORT_BYTES_SIZE], written[REPORT_BYTES_SIZE];

	(void)fprintf(stderr, "%" PRIu64 " packets read: %" PRIu64 " archived, %" PRIu64 " skipped",
	    ledger_get(&l->packets_read), ledger_get(&l->packets_archived), ledger_skipped(l));
	print_reasons(ledger_skip_reason(0), l->skipped, SKIPS);
	(void)fprintf(stderr, ", %" PRIu64 " dropped", ledger_dropped(l));
	print_reasons(ledger_drop_reason(0), l->dropped, DROPS);
	(void)fprintf(stderr,
	    "\n%" PRIu64 " flows, %" PRIu64
	    " new files: %s read, %s archived, %s written in %.1f s\n",
	    ledger_get(&l->flows), ledger_get(&l->files),
	    report_bytes(ledger_get(&l->bytes_read), read),
	    report_bytes(ledger_get(&l->bytes_archived), archived),
	    report_bytes(ledger_get(&l->bytes_written), written), (double)r->elapsed_ns / 1e9);
	if (r->live != NULL)
		print_kernel(r->live);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* Adds a member. Where there is no memory for it there is no object any more: none lacks one. */
static void put(json_t **o, const char *name, json_t *value)
{
	if (*o == NULL) {
		json_decref(value);
	} else if (json_object_set_new(*o, name, value) != 0) {
		json_decref(*o);
		*o = NULL;
	}
}

static json_t *reasons_object(
    const struct ledger_reason *reasons, const _Atomic uint64_t *counts, int n)
{
	json_t *o = json_object();

	for (int i = 0; i < n; i++)
		put(&o, reasons[i].name, number(ledger_get(&counts[i])));
	return o;
}

static json_t *end_reasons_object(const struct demux_stats *s)
{
	json_t *o = json_object();

	for (int i = 0; i < END_REASONS; i++)
		put(&o, record_end_reason_name((enum end_reason)i),
		    number(ledger_get(&s->end_reasons[i])));
	return o;
}

static json_t *kernel_drops_object(const struct source_live *live)
{
	const struct source_live_interface *i;
	json_t *o = json_object();
	char name[INTERFACE_SIZE]; /* JSON knows UTF-8 alone, the kernel any byte */

	for (unsigned n = 0; live != NULL && (i = source_live_interface(live, n)) != NULL; n++)
		put(&o, log_printable(name, sizeof(name), i->name),
		    number(ledger_get(&i->dropped)));
	return o;
}

/* Every line of the event stream is in one of these; lines is their sum. */
static json_t *events_object(const struct demux_stats *d, const struct eventclient_stats *s)
{
	json_t *o = json_object();
	const struct {
		const char *name;
		const _Atomic uint64_t *count;
	} faults[] = {{"malformed", &s->malformed}, {"blank", &s->blank},
	    {"too_long", &s->too_long}, {"unknown", &s->unknown}, {"bad_uuid", &s->bad_uuid},
	    {"no_tuple", &s->no_tuple}};

	put(&o, "lines", number(ledger_get(&s->lines)));
	for (int i = 0; i < DEMUX_EVENT_COUNT; i++)
		put(&o, demux_event_name((enum demux_event)i), number(ledger_get(&d->events[i])));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		put(&o, faults[i].name, number(ledger_get(faults[i].count)));
	return o;
}

static uint64_t peak_rss_bytes(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024 : 0;
}

int report_json(const struct report *r)
{
	const struct ledger *l = r->ledger;
	json_t *o = json_object();
	int rv;

	/* Running out of memory shows as a failing json_dumpf: there is no object then. */
	put(&o, "packets_read", number(ledger_get(&l->packets_read)));
	put(&o, "packets_archived", number(ledger_get(&l->packets_archived)));
	put(&o, "skipped", reasons_object(ledger_skip_reason(0), l->skipped, SKIPS));
	put(&o, "dropped", reasons_object(ledger_drop_reason(0), l->dropped, DROPS));
	put(&o, "flows", number(ledger_get(&l->flows)));
	put(&o, "files", number(ledger_get(&l->files)));
	put(&o, "bytes_read", number(ledger_get(&l->bytes_read)));
	put(&o, "bytes_archived", number(ledger_get(&l->bytes_archived)));
	put(&o, "bytes_written", number(ledger_get(&l->bytes_written)));
	put(&o, "seconds", json_real((double)r->elapsed_ns / 1e9));
	put(&o, "peak_rss_bytes", number(peak_rss_bytes()));
	put(&o, "kernel_drops", kernel_drops_object(r->live));
	put(&o, "end_reasons", end_reasons_object(r->stats));
	if (r->live != NULL && source_live_events(r->live) != NULL)
		put(&o, "events", events_object(r->stats, source_live_events(r->live)));
	rv = json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(o);
	if (rv != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
		return -EIO;
	return 0;
}
