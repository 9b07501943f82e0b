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
#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/thread.h"
#include "pcapfile/pcapfmt.h"
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
	bool suspended; /* the last write failed */
	struct batch taken[TAKE];
};

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
		for (uint32_t at = 0; at < c->used; pkts++)
			at += PCAPFMT_RECORD_HEADER_BYTES + pcapfmt_get_le32(c->data + at + 8);
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
static void note_disk(struct saver *s, int rv)
{
	if (rv != 0 && !s->suspended)
		log_error("store",
		    "cannot write to the archive: '%s': %s; packets are lost and counted",
		    archive_path(s->config->archive), strerror(-rv));
	if (rv == 0 && s->suspended)
		log_warning("store", "the archive can be written again");
	s->suspended = rv != 0;
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
	note_disk(s, rv);
	staged_pkts = t->pkts[0] + t->pkts[1] - chain_pkts(b->chunks);
	staged_pkts -= l != NULL ? l->pkts : 0;
	ledger_add(&s->config->ledger->dropped[DROP_disk], staged_pkts);
	l = losses_note(s->losses, b->serial, staged_pkts);
	if (l != NULL)
		l->no_file = true;
}

/* BATCH_FLUSH: to the staged file. A file whose beginning could not be written is begun again. */
static void flush(struct saver *s, struct batch *b)
{
	const struct loss *before = losses_find(s->losses, b->serial);
	bool begin = !b->staged || (before != NULL && before->no_file);
	uint64_t pkts = chain_pkts(b->chunks);
	struct store_part part = part_of(b);
	struct loss *l = NULL;
	mono_t start;
	int rv;

	if (b->chunks == NULL)
		return; /* it was about the name alone */
	s->out_len = 0;
	if (begin)
		put_file_header(s, b->record.key.linktype);
	put_packets(s, b);
	start = clk_mono();
	rv = store_stage(
	    s->store, &part, begin ? STORE_STAGE_CREATE : STORE_STAGE_APPEND, s->out, s->out_len);
	note_write(s, start, rv);
	note_disk(s, rv);
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
	}
}

static void account_published(struct saver *s, struct batch *b, const struct store_part *part,
    int rv, enum store_result result)
{
	struct record *r = &b->record;

	note_disk(s, rv);
	r->part = part->part;
	r->day = part->day;
	r->length = part->length;
	account(s, r, r->tally.pkts[0] + r->tally.pkts[1], rv, result);
	if (rv == 0 && result == STORE_PUBLISHED)
		catalog_put(s->config->catalog, r);
}

/* What the staged file of a lossy part really holds: its record must tell that, and the loss. */
static int retally(struct saver *s, const struct store_part *part, struct record *r)
{
	char error[RESCAN_ERROR_SIZE];
	int fd = store_open_staged(s->store, part);
	int rv = fd;

	if (fd >= 0) {
		rv = rescan_packets(fd, &r->key, &r->tally, error);
		fileio_close(fd);
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
		note_disk(s, rv);
		ledger_add(&s->config->ledger->dropped[DROP_disk], pkts - loss.pkts);
		return;
	}
	part.day = clk_day(b->record.tally.first_ns);
	s->out_len = 0;
	put_record(s, &b->record);
	rv = store_publish_staged(s->store, &part, s->out, s->out_len, &result);
	account_published(s, b, &part, rv, result);
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
		note_disk(s, store_discard_staged(s->store, &part));
	ledger_add(&s->config->ledger->dropped[DROP_no_uuid], t->pkts[0] + t->pkts[1] - loss.pkts);
}

/* BATCH_CLOSE: the rest of the part and its record; then it is published and indexed. */
static void close_part(struct saver *s, struct batch *b)
{
	struct store_part part = part_of(b);
	enum store_result result = STORE_PUBLISHED;
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
	start = clk_mono();
	rv = b->staged ? store_publish_staged(s->store, &part, s->out, s->out_len, &result)
		       : store_publish(s->store, &part, s->out, s->out_len, &result);
	note_write(s, start, rv);
	account_published(s, b, &part, rv, result);
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

static void *saver_thread(void *arg)
{
	struct saver *s = arg;
	int n;

	while ((n = queue_get(s->queue, s->taken, TAKE, -1)) > 0)
		for (int i = 0; i < n; i++)
			take_batch(s, &s->taken[i]);
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
	char name[16];
	int rv;

	s->config = config;
	s->stats = &all->stats;
	s->in = malloc(IN_BYTES);
	s->out = malloc(out_bytes());
	if (s->in == NULL || s->out == NULL)
		return -ENOMEM;
	rv = losses_new(&s->losses);
	if (rv == 0)
		rv = queue_new(sizeof(struct batch), all->queue_batches, &s->queue);
	if (rv == 0)
		rv = gzmember_new(config->codec, &s->gz);
	if (rv == 0)
		rv = store_new(config->archive, config->sync, &s->store);
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
	for (int i = 0; i < s->threads; i++)
		queue_close(s->saver[i].queue);
	for (int i = 0; i < s->threads; i++) {
		(void)pthread_join(s->saver[i].thread, NULL); /* our own, joined once */
		saver_free(&s->saver[i]);
	}
	free(s);
}
