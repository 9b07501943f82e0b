/* SPDX-License-Identifier: BSD-2-Clause */
/* See live_rig.h. */
#include "live_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The daemon runs at least so often; where much time passes, this many runs will do. */
#define STEP_NS   MS(100)
#define MOST_RUNS 2000

const struct rig_config live_defaults = {
    .savers = 2,
    .idle_ns = SEC(30),
    .linger_ns = SEC(2),
    .max_memory_bytes = 64 << 20,
    .max_flows = 1000,
    .snaplen = PACKET_MAX_CAPLEN,
    .vlan_key = VLAN_KEY_NO,
    .mode = KEEPER_DROP,
    .at_finish = END_STOP,
    .clock = DEMUX_CLOCK_CALLER,
    .flush_ns = SEC(10),
    .events = true,
    .uuid_wait_ns = SEC(5),
    .uuid_missing = UUID_MISSING_GENERATE,
};

/* The demux is told a monotonic clock, which has nothing to do with the time of the packets. */
#define CLOCK_START_NS SEC(5000)

struct rig *live_new(const struct rig_config *config)
{
	struct rig *r = rig_new(config != NULL ? config : &live_defaults);

	live_run(r);
	demux_stream(r->demux, true);
	return r;
}

void live_run(struct rig *r)
{
	int runs = 0;

	while (demux_run(r->demux, CLOCK_START_NS + r->clock_ns))
		rig_must(++runs < 100000);
}

void live_at(struct rig *r, int64_t ns)
{
	int64_t step = STEP_NS;

	rig_must(ns >= r->clock_ns);
	if ((ns - r->clock_ns) / MOST_RUNS > step)
		step = (ns - r->clock_ns) / MOST_RUNS;
	while (r->clock_ns < ns) {
		r->clock_ns += ns - r->clock_ns > step ? step : ns - r->clock_ns;
		live_run(r);
	}
	rig_at(r, ns);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* RFC 3339, or a time that makes no sense: what servers write that know none. */
static void put_time(int64_t ts_ns, char *buf, size_t size)
{
	int64_t ns = RIG_START_NS + ts_ns + 1000; /* whole seconds would tell nothing */
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	if (ts_ns == NO_TIME) {
		(void)snprintf(buf, size, "0001-01-01T00:00:00Z");
		return;
	}
	rig_must(gmtime_r(&s, &tm) != NULL);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, size - n, ".%09dZ", (int)(ns % 1000000000));
}

static void put_address(const struct conn *c, enum end end, char *buf, size_t size)
{
	uint8_t a[16];
	char text[INET6_ADDRSTRLEN];

	frame_address(c, end, a);
	rig_must(inet_ntop(c->family == 6 ? AF_INET6 : AF_INET, a, text, sizeof(text)) != NULL);
	(void)snprintf(buf, size, "%s%s", c->family == 64 ? "::ffff:" : "", text);
}

static void give(struct rig *r, const char *line)
{
	struct event e;

	if (event_parse(line, strlen(line), &e) != EVENT_FINE)
		ck_abort_msg("not an event: %s", line);
	demux_event(r->demux, &e);
}

void live_open(struct rig *r, const struct conn *c, const char *uuid, int64_t ts_ns)
{
	char line[512], time[48], source[64], destination[64];

	put_time(ts_ns, time, sizeof(time));
	put_address(c, A, source, sizeof(source));
	put_address(c, B, destination, sizeof(destination));
	(void)snprintf(line, sizeof(line),
	    "{\"Event\":0,\"Timestamp\":\"%s\",\"UUID\":\"%s\",\"ID\":{\"SPort\":%u,\"DPort\":%u,"
	    "\"SrcIP\":\"%s\",\"DstIP\":\"%s\",\"Interface\":0,\"Cookie\":%" PRIu64 "}}",
	    time, uuid, c->port[A], c->port[B], source, destination, r->opens);
	r->opens++;
	give(r, line);
}

void live_close(struct rig *r, const char *uuid, int64_t ts_ns)
{
	char line[256], time[48];

	put_time(ts_ns, time, sizeof(time));
	(void)snprintf(line, sizeof(line),
	    "{\"Event\":1,\"Timestamp\":\"%s\",\"UUID\":\"%s\",\"ID\":null}", time, uuid);
	r->closes++;
	give(r, line);
}

/* ---- packets --------------------------------------------------------------------------------- */

uint32_t live_handshake(struct rig *r, const struct conn *c, uint32_t isn)
{
	uint32_t n = rig_tcp(r, c, A, SYN, isn);

	rig_tcp(r, c, B, SYN | ACK, isn + 5000);
	rig_tcp(r, c, A, ACK, isn + 1);
	return n;
}

uint32_t live_fins(struct rig *r, const struct conn *c)
{
	rig_tcp(r, c, A, FIN | ACK, 2);
	return rig_tcp(r, c, B, FIN | ACK, 2);
}

/* ---- asking ---------------------------------------------------------------------------------- */

uint64_t live_listed(const struct rig *r, enum flow_list list)
{
	return ledger_get(&demux_stats(r->demux)->flows_live[list]);
}

uint64_t live_events(const struct rig *r, enum demux_event e)
{
	return ledger_get(&r->stats.events[e]);
}

void live_check_opens(const struct rig *r, uint64_t named, uint64_t late, uint64_t unmatched)
{
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_named), named);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_late), late);
	ck_assert_uint_eq(live_events(r, DEMUX_EVENT_unmatched), unmatched);
}

void live_named(const struct rig *r, uint32_t number, const char *uuid, uint32_t part)
{
	const struct record *f = &rig_file(r, number)->record;

	if (strcmp(f->uuid, uuid) != 0 || f->part != part)
		ck_abort_msg(
		    "packet %u is in %s~%u, not in %s~%u", number, f->uuid, f->part, uuid, part);
	ck_assert_int_eq(f->uuid_source, UUID_EVENT);
}

void live_generated(const struct rig *r, uint32_t number)
{
	const struct record *f = &rig_file(r, number)->record;

	ck_assert_msg(f->uuid_source == UUID_GENERATED, "packet %u is in %s", number, f->uuid);
}

uint32_t live_staged(const struct rig *r, const char *suffix)
{
	char path[96];
	const struct dirent *e;
	uint32_t n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/.staging", r->dir);
	d = opendir(path);
	rig_must(d != NULL);
	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name), end = strlen(suffix);

		if (e->d_name[0] != '.' && len >= end && strcmp(e->d_name + len - end, suffix) == 0)
			n++;
	}
	(void)closedir(d); /* only read */
	return n;
}

/* ---- waiting for savers: they tell nobody when they are done, so we ask until they are ---------
 */

static void wait_a_little(int *left_ms)
{
	struct timespec one_ms = {0, 1000000};

	rig_must(--*left_ms > 0);
	(void)nanosleep(&one_ms, NULL); /* sooner is as good */
}

void live_await_staged(const struct rig *r, const char *suffix, uint32_t count)
{
	int left_ms = LIVE_DEADLINE_MS;

	while (live_staged(r, suffix) != count)
		wait_a_little(&left_ms);
}

void live_await(const _Atomic uint64_t *counter, uint64_t least)
{
	int left_ms = LIVE_DEADLINE_MS;

	while (ledger_get(counter) < least)
		wait_a_little(&left_ms);
}

/* ---- the gate: stands where a store makes a file -----------------------------------------------
 */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static bool gate_shut;
static int gate_waiting;

int openat(int fd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE)) {
		mode = va_arg(ap, mode_t);
		(void)pthread_mutex_lock(&gate_lock);
		gate_waiting++;
		(void)pthread_cond_broadcast(&gate_changed);
		while (gate_shut)
			(void)pthread_cond_wait(&gate_changed, &gate_lock);
		gate_waiting--;
		(void)pthread_mutex_unlock(&gate_lock);
	}
	va_end(ap);
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

void live_gate(bool shut)
{
	(void)pthread_mutex_lock(&gate_lock);
	gate_shut = shut;
	(void)pthread_cond_broadcast(&gate_changed);
	(void)pthread_mutex_unlock(&gate_lock);
}

void live_gate_await(int savers)
{
	struct timespec deadline;
	int rv = 0;

	(void)clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += LIVE_DEADLINE_MS / 1000;
	(void)pthread_mutex_lock(&gate_lock);
	while (gate_waiting < savers && rv == 0)
		rv = pthread_cond_timedwait(&gate_changed, &gate_lock, &deadline);
	(void)pthread_mutex_unlock(&gate_lock);
	rig_must(rv == 0);
}
