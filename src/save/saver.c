/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See saver.h. A batch becomes bytes in `out`: the header member where the file begins, a member
 * per flush, the record member where the part ends; then one call to the store.
 */
#include "save/saver.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/rescan.h"
#include "archive/retain.h"
#include "archive/tarfmt.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/thread.h"
#include "pcapfile/pcapfmt.h"
#include "save/health.h"
#include "save/losses.h"
#include "save/uuidgen.h"

#define QUEUE_BATCHES 512 /* unless the configuration says otherwise */
#define TAKE          16

/* The most input that one batch holds: a member's worth, or one record of a super-packet. */
#define IN_BYTES CHUNK_MAX_DATA_BYTES

struct saver {
	/* set at start, then read-only */
	const struct savers_config *config;
	struct savers_stats *stats;
	struct queue *queue;
	pthread_t thread;

	/* owned by the saver thread until it is joined */
	struct gzmember *gz;
	struct store *store;
	uint8_t *in;  /* a batch's records in one piece */
	uint8_t *out; /* what goes to the file */
	size_t out_len;
	struct losses *losses;
	struct health health;
	/* records of what the store has gathered, in its order */
	struct record gathered[STORE_GATHER_PARTS];
	unsigned gathered_count;
	uint64_t gathered_bytes; /* at most, with their headers */
	int64_t gathered_ns;     /* when the first of them came */
	int64_t tick_ns;         /* when the store's clock is due */
	struct batch taken[TAKE];
};

/* What a packet takes beside its bytes, at most: a gzip member and a stored block of its own. */
#define PACKET_OVERHEAD 32

/* How often the store looks for segments and days that have been quiet. */
#define TICK_NS (5 * CLK_SECOND_NS)

/* How long a batch may wait for others, see queue_gather. */
#define GATHER_NS 200000

struct savers {
	struct savers_config config;
	struct savers_stats stats;
	size_t queue_batches;
	int threads; /* started */
	struct saver saver[];
};

static size_t out_bytes(void)
{
	return gzmember_bound(PCAPFMT_FILE_HEADER_BYTES) + gzmember_bound(IN_BYTES) +
	       RECORD_JSON_MAX + GZMEMBER_EXTRA_OVERHEAD;
}

/* Brings the chain's bytes into one piece: the chunk itself where there is only one. */
static const uint8_t *gather(struct saver *s, const struct chunk *c, size_t *ret_len)
{
	size_t len = 0;

	if (c->next == NULL) {
		*ret_len = c->used;
		return c->data;
	}
	for (; c != NULL; c = c->next) {
		assert(len + c->used <= IN_BYTES);
		memcpy(s->in + len, c->data, c->used);
		len += c->used;
	}
	*ret_len = len;
	return s->in;
}

/* How many records a chain holds. */
static uint64_t chain_pkts(const struct chunk *c)
{
	uint64_t pkts = 0;

	for (; c != NULL; c = c->next)
		pkts += c->records;
	return pkts;
}

static void put_file_header(struct saver *s, uint32_t linktype)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	pcapfmt_file_header(linktype, header);
	s->out_len += gzmember_write(s->gz, header, sizeof(header), s->out + s->out_len);
}

static void give_back(struct saver *s, struct batch *b)
{
	slab_put(s->config->slab, b->chunks);
	b->chunks = NULL;
	if (b->charge != NULL)
		atomic_fetch_sub_explicit(b->charge, b->charge_bytes, memory_order_relaxed);
	b->charge = NULL;
}

/* Compresses the batch's chunks and gives them back: their bytes are on their way. */
static void put_packets(struct saver *s, struct batch *b)
{
	const uint8_t *in;
	size_t len;

	if (b->chunks == NULL)
		return;
	in = gather(s, b->chunks, &len);
	s->out_len += gzmember_write(s->gz, in, len, s->out + s->out_len);
	give_back(s, b);
}

static void put_record(struct saver *s, const struct record *r)
{
	char json[RECORD_JSON_MAX];
	size_t len = record_format(r, json);

	s->out_len += gzmember_write_extra(RECORD_ID, json, len, s->out + s->out_len);
}

/* How long a write took, from `start` until now, and whether it succeeded. */
static void note_write(struct saver *s, mono_t start, int rv)
{
	int64_t took_ns = clk_mono().ns - start.ns;
	int bucket = 0;

	while (bucket < SAVERS_LATENCY_BOUNDS && took_ns > savers_latency_bound_ns(bucket))
		bucket++;
	ledger_add(&s->stats->writes[bucket], 1);
	ledger_add(&s->stats->write_ns, (uint64_t)took_ns);
	if (rv != 0)
		ledger_add(&s->stats->failed_writes, 1);
	else
		atomic_store_explicit(
		    &s->stats->last_write_ns, clk_wall().ns, memory_order_relaxed);
}

/* One message when the archive cannot be written, one when it can again: not one per flow. */
static void note_disk(struct saver *s, enum health_write what, int rv)
{
	bool changed = health_note(&s->health, what, rv, clk_mono());

	if (changed && rv != 0 && atomic_fetch_add(&s->stats->suspended, 1) == 0)
		log_error("store",
		    "cannot write to the archive: '%s': %s; packets are lost and counted",
		    archive_path(s->config->archive), strerror(-rv));
	if (changed && rv == 0 && atomic_fetch_sub(&s->stats->suspended, 1) == 1)
		log_warning("store", "the archive can be written again");
	if (rv == -ENOSPC || rv == -EDQUOT)
		retain_wake(s->config->retain);
}

static void name_flow(struct record *r, const struct batch *b)
{
	if (r->uuid[0] != '\0')
		return;
	if (b->unnamed || b->kind == BATCH_DISCARD)
		(void)snprintf(r->uuid, sizeof(r->uuid), "%s", STORE_UNNAMED);
	else
		(void)uuidgen_flow(&r->key, b->origin_ns, b->origin_seq, r->uuid);
}

static struct store_part part_of(const struct batch *b)
{
	return (struct store_part){.uuid = b->record.uuid,
	    .day = clk_day(b->record.tally.first_ns),
	    .mtime_ns = b->record.tally.last_ns,
	    .serial = b->serial,
	    .part = b->record.part};
}

/*
 * The flow has got its name since its file was staged. If the file cannot have it, it stays for the
 * next start to adopt, and what is in it counts as lost to the part.
 */
static void name_staged(struct saver *s, const struct batch *b)
{
	const struct tally *t = &b->record.tally;
	struct store_part part = part_of(b);
	struct loss *l;
	uint64_t staged_pkts;
	int rv;

	if (!b->staged_unnamed || b->unnamed)
		return;
	l = losses_find(s->losses, b->serial);
	if (l != NULL && l->no_file)
		return;
	rv = store_rename_staged(s->store, &part, STORE_UNNAMED);
	if (rv == 0)
		return;
	note_disk(s, HEALTH_NAME_STAGED, rv);
	staged_pkts = t->pkts[0] + t->pkts[1] - chain_pkts(b->chunks);
	staged_pkts -= l != NULL ? l->pkts : 0;
	ledger_add(&s->config->ledger->dropped[DROP_disk], staged_pkts);
	l = losses_note(s->losses, b->serial, staged_pkts);
	if (l != NULL)
		l->no_file = true;
}

/* ---- what a write takes on the disk at most: see retain.h -------------------------------------
 */

/* A member of a segment: its header in front, and zeros behind it. */
static uint64_t member_bytes(uint64_t len)
{
	return len + TARFMT_HEADER_MAX_BYTES + TARFMT_BLOCK_BYTES;
}

static struct wall_claim claim_stage(const struct saver *s, bool begin)
{
	uint64_t front = begin ? TARFMT_BLOCK_BYTES : 0;

	return (struct wall_claim){
	    .bytes = s->out_len + front, .files = begin, .where = WALL_STAGED};
}

static struct wall_claim claim_gathered(const struct saver *s)
{
	return (struct wall_claim){
	    .bytes = s->gathered_bytes, .files = 1, .parts = s->gathered_count};
}

/* A staged part is copied to its segment, unless it is so large that it becomes one. */
static uint64_t copied_bytes(const struct tally *t)
{
	uint64_t pkts = t->pkts[0] + t->pkts[1];
	uint64_t most = t->captured_bytes + pkts * (PCAPFMT_RECORD_HEADER_BYTES + PACKET_OVERHEAD);

	return member_bytes(most < STORE_OWN_SEGMENT_BYTES ? most : STORE_OWN_SEGMENT_BYTES);
}

static struct wall_claim claim_publish(const struct saver *s, const struct batch *b, bool staged)
{
	struct wall_claim c = {.bytes = s->out_len, .files = 1, .parts = 1};

	if (s->config->store == STORE_FILES) {
		c.files = !staged;
		return c;
	}
	/* What is gathered is not written yet. */
	if (!staged && member_bytes(s->out_len) <= STORE_GATHER_BYTES)
		return (struct wall_claim){0};
	c.bytes += staged ? copied_bytes(&b->record.tally) : member_bytes(0);
	return c;
}

/* ---- batches ----------------------------------------------------------------------------------
 */

/* BATCH_FLUSH: to the staged file. A file whose beginning could not be written is begun again. */
static void flush(struct saver *s, struct batch *b)
{
	const struct loss *before = losses_find(s->losses, b->serial);
	bool begin = !b->staged || (before != NULL && before->no_file);
	uint64_t pkts = chain_pkts(b->chunks);
	struct store_part part = part_of(b);
	struct wall_claim claim;
	struct loss *l = NULL;
	mono_t start;
	int rv;

	if (b->chunks == NULL)
		return; /* it was about the name alone */
	s->out_len = 0;
	if (begin)
		put_file_header(s, b->record.key.linktype);
	put_packets(s, b);
	claim = claim_stage(s, begin);
	retain_begin(s->config->retain, &claim);
	start = clk_mono();
	rv = store_stage(
	    s->store, &part, begin ? STORE_STAGE_CREATE : STORE_STAGE_APPEND, s->out, s->out_len);
	retain_end(s->config->retain, &claim);
	note_write(s, start, rv);
	note_disk(s, HEALTH_STAGE, rv);
	if (rv != 0) {
		ledger_add(&s->config->ledger->dropped[DROP_disk], pkts);
		l = losses_note(s->losses, b->serial, pkts);
	} else if (begin && before != NULL) {
		l = losses_note(s->losses, b->serial, 0);
	}
	if (l != NULL)
		l->no_file = begin && rv != 0;
}

/* The part is in the archive, or was already, or is not: every packet of it is counted once. */
static void account(
    struct saver *s, const struct record *r, uint64_t pkts, int rv, enum store_result result)
{
	struct ledger *l = s->config->ledger;

	if (rv != 0) {
		ledger_add(&l->dropped[DROP_disk], pkts);
	} else if (result == STORE_DUPLICATE) {
		ledger_add(&l->skipped[SKIP_duplicate], pkts);
	} else {
		ledger_add(&l->packets_archived, pkts);
		ledger_add(&l->bytes_archived, r->tally.captured_bytes);
		ledger_add(&l->bytes_written, r->length);
		ledger_add(&l->files, 1);
		if (r->segment == 0)
			retain_wrote(s->config->retain, r->length);
	}
}

static uint64_t record_pkts(const struct record *r)
{
	return r->tally.pkts[0] + r->tally.pkts[1];
}

/* Publishes what the store has gathered, and tells the catalog. */
static void flush_store(struct saver *s)
{
	struct wall_claim claim;
	mono_t start;
	int rv;

	if (s->gathered_count == 0)
		return;
	claim = claim_gathered(s);
	retain_begin(s->config->retain, &claim);
	start = clk_mono();
	rv = store_flush(s->store);
	note_write(s, start, rv);
	note_disk(s, HEALTH_PUBLISH, rv);
	for (unsigned i = 0; i < s->gathered_count; i++) {
		const struct record *r = &s->gathered[i];

		account(s, r, record_pkts(r), rv, STORE_PUBLISHED);
		if (rv == 0)
			catalog_put(s->config->catalog, r);
	}
	retain_end(s->config->retain, &claim);
	s->gathered_count = 0;
	s->gathered_bytes = 0;
	store_told(s->store);
}

static void account_published(struct saver *s, struct batch *b, const struct store_part *part,
    int rv, enum store_result result)
{
	struct record *r = &b->record;

	if (rv != 0 || result != STORE_GATHERED) /* else it has not met the disk yet */
		note_disk(s, b->staged ? HEALTH_PUBLISH_STAGED : HEALTH_PUBLISH, rv);
	r->part = part->part;
	r->day = part->day;
	r->segment = part->segment;
	r->offset = part->offset;
	r->length = part->length;
	if (rv == 0 && result == STORE_GATHERED) {
		if (s->gathered_count == 0)
			s->gathered_ns = clk_mono().ns;
		s->gathered[s->gathered_count++] = *r;
		s->gathered_bytes += member_bytes(r->length);
		if (s->config->sync == SYNC_EACH || s->gathered_count == STORE_GATHER_PARTS)
			flush_store(s);
		return;
	}
	account(s, r, record_pkts(r), rv, result);
	if (rv == 0 && result == STORE_PUBLISHED)
		catalog_put(s->config->catalog, r);
	store_told(s->store);
}

/* What is in s->out becomes the part, or its end. */
static int publish(struct saver *s, struct store_part *part, bool staged, enum store_result *result)
{
	int rv;

	if (staged) {
		flush_store(s);
		return store_publish_staged(s->store, part, s->out, s->out_len, result);
	}
	rv = store_publish(s->store, part, s->out, s->out_len, result);
	if (rv == -EAGAIN) {
		flush_store(s);
		rv = store_publish(s->store, part, s->out, s->out_len, result);
	}
	return rv;
}

/* What the staged file of a lossy part really holds: its record must tell that, and the loss. */
static int retally(struct saver *s, const struct store_part *part, struct record *r)
{
	char error[RESCAN_ERROR_SIZE];
	struct extent e;
	int rv = store_open_staged(s->store, part, &e);

	if (rv == 0) {
		rv = rescan_packets(&e, &r->key, &r->tally, error);
		fileio_close(e.fd);
	}
	return rv;
}

/*
 * A part that lost packets while it was staged: write what is left, then read the staged file to
 * learn what it came to.
 */
static void close_lossy(struct saver *s, struct batch *b)
{
	struct store_part part = part_of(b);
	enum store_result result = STORE_PUBLISHED;
	uint64_t pkts = b->record.tally.pkts[0] + b->record.tally.pkts[1];
	struct wall_claim claim;
	struct loss loss;
	int rv;

	if (b->chunks != NULL)
		flush(s, b);
	loss = losses_take(s->losses, b->serial);
	if (loss.no_file)
		return; /* nothing of it was ever written, and all of it is counted */
	b->record.lost_pkts += loss.pkts;
	rv = retally(s, &part, &b->record);
	if (rv != 0) {
		/* The staged file stays; what was lost of the part before is counted already. */
		note_disk(s, HEALTH_READ_STAGED, rv);
		ledger_add(&s->config->ledger->dropped[DROP_disk], pkts - loss.pkts);
		return;
	}
	part.day = clk_day(b->record.tally.first_ns);
	s->out_len = 0;
	put_record(s, &b->record);
	claim = claim_publish(s, b, true);
	retain_begin(s->config->retain, &claim);
	rv = publish(s, &part, true, &result);
	account_published(s, b, &part, rv, result);
	retain_end(s->config->retain, &claim);
}

/* BATCH_DISCARD: nothing of the part stays. */
static void discard(struct saver *s, struct batch *b)
{
	const struct tally *t = &b->record.tally;
	struct store_part part = part_of(b);
	struct loss loss = losses_take(s->losses, b->serial);

	if (b->chunks != NULL)
		give_back(s, b);
	if (b->staged && !loss.no_file)
		note_disk(s, HEALTH_DISCARD_STAGED, store_discard_staged(s->store, &part));
	ledger_add(&s->config->ledger->dropped[DROP_no_uuid], t->pkts[0] + t->pkts[1] - loss.pkts);
}

/* BATCH_CLOSE: the rest of the part and its record; then it is published and indexed. */
static void close_part(struct saver *s, struct batch *b)
{
	struct store_part part = part_of(b);
	enum store_result result = STORE_PUBLISHED;
	struct wall_claim claim;
	mono_t start;
	int rv;

	if (losses_find(s->losses, b->serial) != NULL) {
		close_lossy(s, b);
		return;
	}
	s->out_len = 0;
	if (!b->staged)
		put_file_header(s, b->record.key.linktype);
	put_packets(s, b);
	put_record(s, &b->record);
	claim = claim_publish(s, b, b->staged);
	retain_begin(s->config->retain, &claim);
	start = clk_mono();
	rv = publish(s, &part, b->staged, &result);
	if (result != STORE_GATHERED)
		note_write(s, start, rv);
	account_published(s, b, &part, rv, result);
	retain_end(s->config->retain, &claim);
}

static void take_batch(struct saver *s, struct batch *b)
{
	name_flow(&b->record, b);
	if (b->kind == BATCH_DISCARD) {
		discard(s, b);
		return;
	}
	name_staged(s, b);
	if (b->kind == BATCH_FLUSH)
		flush(s, b);
	else
		close_part(s, b);
}

static int64_t deadline_ns(const struct saver *s)
{
	int64_t flush_ns = s->gathered_ns + STORE_GATHER_NS;

	return s->gathered_count > 0 && flush_ns < s->tick_ns ? flush_ns : s->tick_ns;
}

/* What is due by the clock, or because this is the end. */
static void tick(struct saver *s, bool last)
{
	int64_t now_ns = clk_mono().ns;

	if (last || now_ns - s->gathered_ns >= STORE_GATHER_NS)
		flush_store(s);
	if (now_ns < s->tick_ns)
		return;
	flush_store(s);
	store_tick(s->store, now_ns);
	s->tick_ns = now_ns + TICK_NS;
}

static void *saver_thread(void *arg)
{
	struct saver *s = arg;
	int n;

	do {
		n = queue_get(s->queue, s->taken, TAKE, deadline_ns(s));
		for (int i = 0; i < n; i++)
			take_batch(s, &s->taken[i]);
		tick(s, n == -EPIPE);
	} while (n != -EPIPE);
	return NULL;
}

static void saver_free(struct saver *s)
{
	queue_free(s->queue);
	gzmember_free(s->gz);
	store_free(s->store);
	free(s->in);
	free(s->out);
	losses_free(s->losses);
}

static int saver_start(struct saver *s, struct savers *all, int number)
{
	const struct savers_config *config = &all->config;
	const struct store_config store = {.archive = config->archive,
	    .kind = config->store,
	    .sync = config->sync,
	    .segment_bytes = config->segment_bytes,
	    .segment_age_ns = config->segment_age_ns,
	    .names = config->names,
	    .catalog = config->catalog,
	    .number = (unsigned)number};
	char name[16];
	int rv;

	s->config = config;
	s->stats = &all->stats;
	s->in = malloc(IN_BYTES);
	s->out = malloc(out_bytes());
	if (s->in == NULL || s->out == NULL)
		return -ENOMEM;
	s->health.dirfd = archive_root(config->archive);
	rv = losses_new(&s->losses);
	if (rv == 0)
		rv = queue_new(sizeof(struct batch), all->queue_batches, &s->queue);
	if (rv == 0)
		queue_gather(
		    s->queue, all->queue_batches < TAKE ? all->queue_batches : TAKE, GATHER_NS);
	if (rv == 0)
		rv = gzmember_new(config->codec, &s->gz);
	if (rv == 0)
		rv = store_new(&store, &s->store);
	if (rv == 0) {
		(void)snprintf(name, sizeof(name), "fk-saver-%d", number % 1000);
		rv = thread_start(name, saver_thread, s, &s->thread);
	}
	return rv;
}

int savers_start(const struct savers_config *config, struct savers **ret_savers)
{
	struct savers *p;

	assert(config->threads >= 1 && config->threads <= SAVER_MAX);
	p = calloc(1, sizeof(*p) + (size_t)config->threads * sizeof(p->saver[0]));
	if (p == NULL)
		return -ENOMEM;
	p->config = *config;
	p->queue_batches = config->queue_batches != 0 ? config->queue_batches : QUEUE_BATCHES;
	for (; p->threads < config->threads; p->threads++) {
		int rv = saver_start(&p->saver[p->threads], p, p->threads);

		if (rv != 0) {
			saver_free(&p->saver[p->threads]);
			savers_stop(p);
			return rv;
		}
	}
	*ret_savers = p;
	return 0;
}

int savers_put(struct savers *s, struct batch *b, enum savers_wait wait)
{
	struct queue *q = s->saver[b->route % (uint32_t)s->threads].queue;
	int rv;

	if (wait == SAVERS_TRY_HALF && queue_depth(q) >= s->queue_batches / 2)
		return -EAGAIN;
	rv = wait == SAVERS_WAIT ? queue_put(q, b) : queue_try_put(q, b);
	if (rv == 0)
		b->chunks = NULL;
	return rv;
}

size_t savers_depth(const struct savers *s)
{
	size_t depth = 0;

	for (int i = 0; i < s->threads; i++)
		depth += queue_depth(s->saver[i].queue);
	return depth;
}

size_t savers_room(const struct savers *s)
{
	return s->queue_batches * (size_t)s->threads;
}

const struct savers_stats *savers_stats(const struct savers *s)
{
	return &s->stats;
}

int64_t savers_latency_bound_ns(int bucket)
{
	static const int64_t bounds_us[SAVERS_LATENCY_BOUNDS] = {
	    50, 100, 250, 500, 1000, 2500, 5000, 10000, 50000, 100000, 1000000, 10000000};

	return bounds_us[bucket] * 1000;
}

void savers_stop(struct savers *s)
{
	if (s == NULL)
		return;
	retain_release(s->config.retain); /* what is left is written at once */
	for (int i = 0; i < s->threads; i++)
		queue_close(s->saver[i].queue);
	for (int i = 0; i < s->threads; i++) {
		(void)pthread_join(s->saver[i].thread, NULL); /* our own, joined once */
		saver_free(&s->saver[i]);
	}
	free(s);
}
