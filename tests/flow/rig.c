/* SPDX-License-Identifier: BSD-2-Clause */
/* See rig.h: starting, sending, stopping, asking. */
#include "rig.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/runpolicy.h"

const struct rig_config rig_defaults = {
    .savers = 2,
    .idle_ns = SEC(30),
    .linger_ns = SEC(2),
    .max_memory_bytes = 64 << 20,
    .max_flows = 1000,
    .snaplen = PACKET_MAX_CAPLEN,
    .vlan_key = VLAN_KEY_NO,
    .mode = KEEPER_WAIT,
    .at_finish = END_EOF,
};

static void make_dir(struct rig *r)
{
	const char *base = getenv("TMPDIR");

	/* In memory if we can: nothing here is about disks, and they are slow to sync. */
	if (base == NULL || strlen(base) > 40)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(r->dir, sizeof(r->dir), "%s/flow-XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
}

static void start_savers(struct rig *r)
{
	struct savers_config c = {
	    .threads = r->config.savers,
	    .queue_batches = r->config.queue_batches,
	    .codec = codec_default(),
	    .sync = SYNC_NONE,
	    .archive = r->archive,
	    .catalog = r->catalog,
	    .slab = r->slab,
	    .ledger = &r->ledger,
	};

	ck_assert_int_eq(savers_start(&c, &r->savers), 0);
}

static void start_scrub(struct rig *r)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = "a key that is known to everybody";
	const struct rig_config *o = &r->config;
	struct anonymizer_config c = {.key = key, .exempt = o->exempt};
	struct record run = {.snaplen = o->snaplen};

	if (o->policy == NULL)
		return;
	c.policy = *o->policy;
	run.policy = *o->policy;
	ck_assert_int_eq(scrub_new(&c, &r->scrub), 0);
	ck_assert_int_eq(runpolicy_begin(r->archive, &run, &r->note), 0);
}

static void start_demux(struct rig *r)
{
	const struct rig_config *o = &r->config;
	struct demux_config c = {
	    .idle_timeout_ns = o->idle_ns,
	    .linger_ns = o->linger_ns,
	    .max_duration_ns = o->max_duration_ns,
	    .max_flow_bytes = o->max_flow_bytes,
	    .max_part_bytes = o->max_part_bytes,
	    .max_flows = o->max_flows,
	    .snaplen = o->snaplen,
	    .first_serial = archive_serial(r->archive),
	    .vlan_key = o->vlan_key,
	    .at_finish = o->at_finish,
	    .clock = o->clock,
	    .flush_interval_ns = o->flush_ns,
	    .events = o->events,
	    .uuid_wait_ns = o->uuid_wait_ns,
	    .uuid_missing = o->uuid_missing,
	    .keeper =
		{
		    .mode = o->mode,
		    .max_memory_bytes = o->max_memory_bytes,
		    .snaplen = o->snaplen,
		    .slab = r->slab,
		    .savers = r->savers,
		    .ledger = &r->ledger,
		    .scrub = r->scrub,
		},
	};

	memset(c.protocols, o->all_protocols, sizeof(c.protocols));
	c.protocols[DECODE_TCP] = true;
	ck_assert_int_eq(demux_new(&c, &r->demux), 0);
}

struct rig *rig_new(const struct rig_config *config)
{
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->config = *config;
	r->bytes = malloc(FRAME_MAX_BYTES);
	ck_assert_ptr_nonnull(r->bytes);
	make_dir(r);
	ck_assert_int_eq(archive_open(r->dir, ARCHIVE_WRITE, &r->archive), 0);
	ck_assert_int_eq(slab_new(config->max_memory_bytes, &r->slab), 0);
	ck_assert_int_eq(
	    catalog_start(
		&(struct catalog_config){.archive = r->archive, .sync = SYNC_NONE}, &r->catalog),
	    0);
	start_savers(r);
	start_scrub(r);
	start_demux(r);
	rig_at(r, 0);
	return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void rig_free(struct rig *r)
{
	ck_assert_int_eq(nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	for (uint32_t i = 0; i < r->file_count; i++)
		free(r->files[i].numbers);
	free(r->files);
	free(r->sent);
	free(r->bytes);
	free(r->packet);
	free(r);
}

void rig_at(struct rig *r, int64_t ns)
{
	r->now_ns = RIG_START_NS + ns;
}

static uint32_t remember(struct rig *r, const struct packet *p)
{
	uint32_t kept = p->caplen < r->config.snaplen ? p->caplen : r->config.snaplen;

	if (r->sent_count == r->sent_room) {
		r->sent_room = r->sent_room ? r->sent_room * 2 : 256;
		r->sent = realloc(r->sent, r->sent_room * sizeof(*r->sent));
		rig_must(r->sent != NULL);
	}
	r->sent[r->sent_count] = (struct rig_sent){.ts_ns = p->ts_ns,
	    .caplen = p->caplen,
	    .origlen = p->origlen,
	    .kept = kept,
	    .linktype = p->linktype,
	    .crc = (uint32_t)crc32(0, p->data, kept),
	    .file = RIG_NO_FILE};
	return r->sent_count++;
}

uint32_t rig_make(struct rig *r, const struct frame *f, uint32_t caplen, struct packet *ret_packet)
{
	uint32_t length = frame_make(f, r->sent_count, r->bytes),
		 kept = caplen < length ? caplen : length;

	/* In a place of just its own size, so that a sanitizer sees every step beyond. */
	free(r->packet);
	r->packet = malloc(kept);
	rig_must(r->packet != NULL);
	memcpy(r->packet, r->bytes, kept);
	*ret_packet = (struct packet){.ts_ns = r->now_ns,
	    .caplen = kept,
	    .origlen = length,
	    .linktype = f->linktype != 0 ? f->linktype : FRAME_ETHERNET,
	    .data = r->packet};
	r->now_ns += r->step_ns;
	return remember(r, ret_packet);
}

static void send_waiting(struct rig *r)
{
	demux_packets(r->demux, r->waiting, r->waiting_count);
	for (unsigned i = 0; i < r->waiting_count; i++)
		free((void *)(uintptr_t)r->waiting[i].data);
	r->waiting_count = 0;
}

uint32_t rig_send_cut(struct rig *r, const struct frame *f, uint32_t caplen)
{
	struct packet p;
	uint32_t number = rig_make(r, f, caplen, &p);

	if (r->config.burst > 1) {
		r->packet = NULL;
		r->waiting[r->waiting_count++] = p;
		if (r->waiting_count == r->config.burst)
			send_waiting(r);
	} else {
		demux_packet(r->demux, &p);
	}
	rig_must(slab_taken_bytes(r->slab) <= r->config.max_memory_bytes);
	return number;
}

uint32_t rig_send(struct rig *r, const struct frame *f)
{
	return rig_send_cut(r, f, FRAME_MAX_BYTES);
}

uint32_t rig_tcp(struct rig *r, const struct conn *c, enum end from, uint8_t flags, uint32_t seq)
{
	return rig_send(
	    r, &(struct frame){.conn = c, .from = from, .tcp_flags = flags, .seq = seq});
}

uint32_t rig_data(struct rig *r, const struct conn *c, enum end from, uint32_t n)
{
	return rig_send(r,
	    &(struct frame){.conn = c, .from = from, .tcp_flags = ACK | PSH, .payload_bytes = n});
}

/* Every chunk that was given to a flow has come back. */
static void check_slab(struct rig *r)
{
	struct chunk *c;

	/* The savers are gone; one chunk put by us makes sure that there is something to take in.
	 */
	ck_assert_int_eq(slab_get(r->slab, 1, &c), 0);
	slab_put(r->slab, c);
	slab_wait(r->slab);
	ck_assert_uint_eq(slab_live_bytes(r->slab), 0);
}

static void check_ends(const struct rig *r)
{
	uint64_t flows = 0;

	for (int i = 0; i < END_REASONS; i++)
		flows += r->stats.end_reasons[i];
	ck_assert_uint_eq(flows, ledger_get(&r->ledger.flows));
}

/* Each event has ended in exactly one way. */
static void check_events(const struct rig *r)
{
	uint64_t n[DEMUX_EVENT_COUNT];

	for (int i = 0; i < DEMUX_EVENT_COUNT; i++)
		n[i] = r->stats.events[i];
	ck_assert_uint_eq(n[DEMUX_EVENT_named] + n[DEMUX_EVENT_late] + n[DEMUX_EVENT_unmatched] +
			      n[DEMUX_EVENT_evicted] + n[DEMUX_EVENT_repeated],
	    r->opens);
	ck_assert_uint_eq(n[DEMUX_EVENT_closed] + n[DEMUX_EVENT_unknown_close], r->closes);
	ck_assert_uint_eq(r->stats.events_pending, 0);
	ck_assert_uint_eq(r->stats.bindings, 0);
}

void rig_stop(struct rig *r)
{
	struct catalog_result indexed;

	send_waiting(r);
	demux_finish(r->demux);
	savers_stop(r->savers);
	catalog_stop(r->catalog, &indexed);
	ck_assert_int_eq(indexed.first_error, 0);
	check_slab(r);
	slab_free(r->slab);
	if (r->scrub != NULL)
		runpolicy_end(r->archive, r->note);
	archive_close(r->archive);
	r->stats = *demux_stats(r->demux);
	demux_free(r->demux);
	scrub_free(r->scrub);
	check_ends(r);
	check_events(r);
	rig_read(r);
}

void rig_kill(struct rig *r)
{
	struct catalog_result indexed;

	savers_stop(r->savers);
	catalog_stop(r->catalog, &indexed);
	demux_free(r->demux);
	scrub_free(r->scrub);
	slab_free(r->slab);
	archive_close(r->archive);
}

bool rig_published(const struct rig *r, uint32_t number)
{
	rig_must(number < r->sent_count);
	return r->sent[number].file != RIG_NO_FILE;
}

const struct rig_file *rig_file(const struct rig *r, uint32_t number)
{
	if (!rig_published(r, number))
		ck_abort_msg("packet %u is not published", number);
	return &r->files[r->sent[number].file];
}

bool rig_same(const struct rig *r, uint32_t a, uint32_t b)
{
	return rig_file(r, a) == rig_file(r, b);
}

bool rig_same_flow(const struct rig *r, uint32_t a, uint32_t b)
{
	return strcmp(rig_file(r, a)->record.uuid, rig_file(r, b)->record.uuid) == 0;
}

enum end rig_client(const struct rig_file *f, const struct conn *c)
{
	const struct record *rec = &f->record;
	uint8_t a[16];

	frame_address(c, A, a);
	return memcmp(rec->key.addr[rec->client], a, 16) == 0 &&
		       rec->key.port[rec->client] == c->port[A]
		   ? A
		   : B;
}

uint64_t rig_skipped(const struct rig *r, enum ledger_skip reason)
{
	return ledger_get(&r->ledger.skipped[reason]);
}

uint64_t rig_dropped(const struct rig *r, enum ledger_drop reason)
{
	return ledger_get(&r->ledger.dropped[reason]);
}

uint32_t rig_random(uint64_t *state, uint32_t n)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % n;
}
