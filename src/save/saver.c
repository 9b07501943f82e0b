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
#include "save/uuidgen.h"

#define QUEUE_BATCHES 512
#define TAKE          16

/* The most input that one batch holds: a member's worth, or one record of a super-packet. */
#define IN_BYTES CHUNK_MAX_DATA_BYTES

/* Packets of a live part that did not reach its staged file, until the part's record is written. */
struct loss {
	uint64_t serial;
	uint64_t pkts;
	bool no_file; /* not even the staged file's beginning was written */
};

struct saver {
	/* set at start, then read-only */
	const struct savers_config *config;
	struct queue *queue;
	pthread_t thread;

	/* owned by the saver thread until it is joined */
	struct gzmember *gz;
	struct store *store;
	uint8_t *in;  /* a batch's records in one piece */
	uint8_t *out; /* what goes to the file */
	size_t out_len;
	struct loss *losses; /* few: only while the disk fails */
	size_t loss_count, loss_room;
	bool suspended; /* the last write failed */
	struct batch taken[TAKE];
};

struct savers {
	struct savers_config config;
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

/* Compresses the batch's chunks and gives them back: their bytes are on their way. */
static void put_packets(struct saver *s, struct batch *b)
{
	const uint8_t *in;
	size_t len;

	if (b->chunks == NULL)
		return;
	in = gather(s, b->chunks, &len);
	s->out_len += gzmember_write(s->gz, in, len, s->out + s->out_len);
	slab_put(s->config->slab, b->chunks);
	b->chunks = NULL;
}

static void put_record(struct saver *s, const struct record *r)
{
	char json[RECORD_JSON_MAX];
	size_t len = record_format(r, json);

	s->out_len += gzmember_write_extra(RECORD_ID, json, len, s->out + s->out_len);
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

static struct loss *find_loss(struct saver *s, uint64_t serial)
{
	for (size_t i = 0; i < s->loss_count; i++)
		if (s->losses[i].serial == serial)
			return &s->losses[i];
	return NULL;
}

/*
 * Remember that a live part lost packets. If there is no memory even for that, the ledger still
 * has them; only the part's record will not.
 */
static struct loss *note_loss(struct saver *s, uint64_t serial, uint64_t pkts)
{
	struct loss *l = find_loss(s, serial);

	if (l == NULL) {
		if (s->loss_count == s->loss_room) {
			size_t room = s->loss_room ? s->loss_room * 2 : 16;
			struct loss *p = realloc(s->losses, room * sizeof(*p));

			if (p == NULL)
				return NULL;
			s->losses = p;
			s->loss_room = room;
		}
		l = &s->losses[s->loss_count++];
		*l = (struct loss){.serial = serial};
	}
	l->pkts += pkts;
	return l;
}

static struct loss take_loss(struct saver *s, uint64_t serial)
{
	struct loss *l = find_loss(s, serial), found = {0};

	if (l != NULL) {
		found = *l;
		*l = s->losses[--s->loss_count];
	}
	return found;
}

static void name_flow(struct record *r, const struct batch *b)
{
	if (r->uuid[0] == '\0')
		(void)uuidgen_flow(&r->key, b->origin_ns, b->origin_seq, r->uuid);
}

static struct store_part part_of(const struct batch *b)
{
	return (struct store_part){.uuid = b->record.uuid,
	    .day = clk_day(b->record.tally.first_ns),
	    .serial = b->serial,
	    .part = b->record.part};
}

/* BATCH_FLUSH: to the staged file. A file whose beginning could not be written is begun again. */
static void flush(struct saver *s, struct batch *b)
{
	const struct loss *before = find_loss(s, b->serial);
	bool begin = !b->staged || (before != NULL && before->no_file);
	uint64_t pkts = chain_pkts(b->chunks);
	struct store_part part = part_of(b);
	struct loss *l = NULL;
	int rv;

	s->out_len = 0;
	if (begin)
		put_file_header(s, b->record.key.linktype);
	put_packets(s, b);
	rv = store_stage(
	    s->store, &part, begin ? STORE_STAGE_CREATE : STORE_STAGE_APPEND, s->out, s->out_len);
	note_disk(s, rv);
	if (rv != 0) {
		ledger_add(&s->config->ledger->dropped[DROP_disk], pkts);
		l = note_loss(s, b->serial, pkts);
	} else if (begin && before != NULL) {
		l = note_loss(s, b->serial, 0);
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
	loss = take_loss(s, b->serial);
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

/* BATCH_CLOSE: the rest of the part and its record; then it is published and indexed. */
static void close_part(struct saver *s, struct batch *b)
{
	struct store_part part = part_of(b);
	enum store_result result = STORE_PUBLISHED;
	int rv;

	if (s->loss_count > 0 && find_loss(s, b->serial) != NULL) {
		close_lossy(s, b);
		return;
	}
	s->out_len = 0;
	if (!b->staged)
		put_file_header(s, b->record.key.linktype);
	put_packets(s, b);
	put_record(s, &b->record);
	rv = b->staged ? store_publish_staged(s->store, &part, s->out, s->out_len, &result)
		       : store_publish(s->store, &part, s->out, s->out_len, &result);
	account_published(s, b, &part, rv, result);
}

static void *saver_thread(void *arg)
{
	struct saver *s = arg;
	int n;

	while ((n = queue_get(s->queue, s->taken, TAKE, -1)) > 0) {
		for (int i = 0; i < n; i++) {
			struct batch *b = &s->taken[i];

			name_flow(&b->record, b);
			if (b->kind == BATCH_FLUSH)
				flush(s, b);
			else
				close_part(s, b);
		}
	}
	return NULL;
}

static void saver_free(struct saver *s)
{
	queue_free(s->queue);
	gzmember_free(s->gz);
	store_free(s->store);
	free(s->in);
	free(s->out);
	free(s->losses);
}

static int saver_start(struct saver *s, const struct savers_config *config, int number)
{
	char name[16];
	int rv;

	s->config = config;
	s->in = malloc(IN_BYTES);
	s->out = malloc(out_bytes());
	if (s->in == NULL || s->out == NULL)
		return -ENOMEM;
	rv = queue_new(sizeof(struct batch), QUEUE_BATCHES, &s->queue);
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
	for (; p->threads < config->threads; p->threads++) {
		int rv = saver_start(&p->saver[p->threads], &p->config, p->threads);

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
	int rv = wait == SAVERS_WAIT ? queue_put(q, b) : queue_try_put(q, b);

	if (rv == 0)
		b->chunks = NULL;
	return rv;
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
