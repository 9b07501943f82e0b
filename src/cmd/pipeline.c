/* SPDX-License-Identifier: BSD-2-Clause */
/* See pipeline.h. */
#include "cmd/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "archive/names.h"
#include "archive/runpolicy.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/thread.h"
#include "cmd/limits.h"
#include "cmd/recovery.h"

/*
 * Live, the savers' queues are what rides out a slow disk: they take a small part of the packets'
 * memory, so that it is full before they are, unless flows are as small as can be.
 */
#define LIVE_QUEUE_SHARE       32
#define LIVE_QUEUE_MIN_BATCHES 4096

/* Under a limit a segment takes this part of the room at most, but never less than that. */
#define SEGMENT_SHARE     32
#define SEGMENT_MIN_BYTES (UINT64_C(1) << 20)

static int note_policy(const struct options *o, struct pipeline *p)
{
	const struct record r = {.policy = o->policy,
	    .snaplen = (uint32_t)o->snaplen,
	    .uuid_source = o->events_path != NULL ? UUID_EVENT : UUID_GENERATED};

	return runpolicy_begin(p->archive, &r, &p->note);
}

/* Checked before anything is written; the archive may be over them, that is mended later. */
static int take_limits(const struct options *o, struct pipeline *p)
{
	int status = EXIT_OK;

	if (limits_given(o))
		status = limits_take("capture", o, p->archive, &p->limits);
	return status == EXIT_OK ? 0 : status == EXIT_USAGE ? -ERANGE : -EIO;
}

/* Mending writes: on a full disk what is oldest goes first. What fails here, retention tries again.
 */
static void make_room(struct pipeline *p)
{
	const struct prune_config c = {
	    .archive = p->archive, .limits = p->limits, .now_ns = clk_wall().ns};
	struct prune_totals t;

	if (prune_run(&c, &t) == 0 && t.parts > 0)
		log_info("archive",
		    "%" PRIu64 " parts removed to keep the archive within its limits", t.parts);
}

static int open_archive(const struct pipeline_config *config, struct pipeline *p)
{
	const struct options *o = config->options;
	int rv = archive_open(o->dir, ARCHIVE_WRITE, &p->archive);

	if (rv == -EAGAIN) {
		log_error("archive", "'%s' is being written by another flowkeep", o->dir);
		return rv;
	}
	if (rv != 0) {
		log_error("archive", "cannot open '%s' for writing: %s", o->dir, strerror(-rv));
		return rv;
	}
	rv = take_limits(o, p);
	if (rv != 0)
		return rv;
	if (limits_given(o))
		make_room(p);
	rv = recovery_mend(p->archive);
	/* What a killed split has left is archived whole when the same file is split again. */
	if (rv == 0 && config->mode == KEEPER_DROP)
		rv = recovery_adopt(p->archive, o);
	if (rv == 0)
		rv = note_policy(o, p);
	if (rv != 0)
		log_error("archive", "cannot mend '%s': %s", o->dir, strerror(-rv));
	return rv;
}

/* Live, the demux has a core of its own. */
static int saver_threads(const struct pipeline_config *config)
{
	int cores = thread_cores();

	if (config->options->savers != 0)
		return (int)config->options->savers;
	return config->mode == KEEPER_DROP && cores > 1 ? cores - 1 : cores;
}

/*
 * An archive is pruned by whole segments: where little room is, they must be small. Twice as many
 * as savers write may be open at midnight.
 */
static uint64_t segment_bytes(const struct options *o, const struct pipeline *p)
{
	uint64_t room = p->limits.max_disk_bytes, bytes = o->segment_bytes;
	struct statvfs v;

	if (bytes != 0 || !limits_given(o))
		return bytes;
	if (fstatvfs(archive_root(p->archive), &v) == 0) {
		uint64_t total = (uint64_t)v.f_blocks * v.f_frsize;
		uint64_t disk =
		    total > p->limits.min_free_bytes ? total - p->limits.min_free_bytes : 0;

		room = disk > 0 && (room == 0 || disk < room) ? disk : room;
	}
	bytes = room / SEGMENT_SHARE;
	return bytes < SEGMENT_MIN_BYTES     ? SEGMENT_MIN_BYTES
	       : bytes > STORE_SEGMENT_BYTES ? STORE_SEGMENT_BYTES
					     : bytes;
}

static int start_retention(const struct options *o, struct pipeline *p)
{
	return limits_given(o) ? retain_start(p->archive, p->catalog, &p->limits, &p->retain) : 0;
}

static size_t queue_batches(const struct pipeline_config *config)
{
	uint64_t bytes = config->options->max_memory_bytes / LIVE_QUEUE_SHARE;
	uint64_t n = bytes / sizeof(struct batch) / (unsigned)saver_threads(config);

	if (config->mode == KEEPER_WAIT)
		return 0;
	return n > LIVE_QUEUE_MIN_BATCHES ? n : LIVE_QUEUE_MIN_BATCHES;
}

static int start_savers(const struct pipeline_config *config, struct pipeline *p)
{
	const struct options *o = config->options;
	struct savers_config c = {
	    .threads = saver_threads(config),
	    .queue_batches = queue_batches(config),
	    .codec = o->codec,
	    .sync = o->sync,
	    .store = o->store,
	    .segment_bytes = segment_bytes(o, p),
	    .segment_age_ns = o->segment_age_ns,
	    .names = p->names,
	    .retain = p->retain,
	    .archive = p->archive,
	    .catalog = p->catalog,
	    .slab = p->slab,
	    .ledger = &p->ledger,
	};

	if (c.threads > SAVER_MAX)
		c.threads = SAVER_MAX;
	return savers_start(&c, &p->savers);
}

/* Live, today is what is asked about most; offline, indexes are made fastest when all is there. */
static int start_catalog(const struct pipeline_config *config, struct pipeline *p)
{
	const struct catalog_config c = {.archive = p->archive,
	    .sync = config->options->sync,
	    .secondary = config->mode == KEEPER_DROP ? DAYINDEX_AT_ONCE : DAYINDEX_AT_CLOSE};

	return catalog_start(&c, &p->catalog);
}

static int make_scrub(const struct pipeline_config *config, struct pipeline *p)
{
	const struct anonymizer_config c = {.policy = config->options->policy,
	    .key = config->key,
	    .exempt = config->exempt,
	    .exempt_arg = config->exempt_arg};

	return policy_is_none(&c.policy) ? 0 : scrub_new(&c, &p->scrub);
}

static int make_demux(const struct pipeline_config *config, struct pipeline *p)
{
	const struct options *o = config->options;
	bool live = config->mode == KEEPER_DROP;
	struct demux_config c = {
	    .idle_timeout_ns = o->idle_timeout_ns,
	    .linger_ns = o->linger_ns,
	    .max_duration_ns = o->max_duration_ns,
	    .max_flow_bytes = o->max_bytes,
	    .max_part_bytes = o->store == STORE_SEGMENTS ? STORE_PART_BYTES : 0,
	    .max_flows = (uint32_t)o->max_flows,
	    .snaplen = (uint32_t)o->snaplen,
	    .first_serial = archive_serial(p->archive),
	    .vlan_key = o->vlan_key ? VLAN_KEY_YES : VLAN_KEY_NO,
	    .at_finish = config->at_finish,
	    .clock = live ? DEMUX_CLOCK_CALLER : DEMUX_CLOCK_PACKETS,
	    .flush_interval_ns = o->flush_interval_ns,
	    .events = live && o->events_path != NULL,
	    .uuid_wait_ns = o->uuid_wait_ns,
	    .uuid_missing = o->uuid_missing,
	    .wanted = config->wanted,
	    .wanted_arg = config->wanted_arg,
	    .keeper =
		{
		    .mode = config->mode,
		    .max_memory_bytes = o->max_memory_bytes,
		    .snaplen = (uint32_t)o->snaplen,
		    .slab = p->slab,
		    .savers = p->savers,
		    .ledger = &p->ledger,
		    .scrub = p->scrub,
		},
	};

	memcpy(c.protocols, o->protocols, sizeof(c.protocols));
	return demux_new(&c, &p->demux);
}

int pipeline_start(const struct pipeline_config *config, struct pipeline *ret_pipeline)
{
	const struct options *o = config->options;
	struct pipeline *p = ret_pipeline;
	int rv;

	memset(p, 0, sizeof(*p));
	rv = open_archive(config, p);
	if (rv == 0 && config->mode == KEEPER_WAIT)
		p->tidy = o;
	if (rv != 0) {
		pipeline_stop(p);
		return rv;
	}
	rv = slab_new(o->max_memory_bytes, &p->slab);
	if (rv == 0)
		rv = start_catalog(config, p);
	if (rv == 0)
		rv = names_new(p->archive, p->catalog, &p->names);
	if (rv == 0)
		rv = start_retention(o, p);
	if (rv == 0)
		rv = start_savers(config, p);
	if (rv == 0)
		rv = make_scrub(config, p);
	if (rv == 0)
		rv = make_demux(config, p);
	if (rv != 0) {
		log_error("start", "cannot start: %s", strerror(-rv));
		pipeline_stop(p);
		pipeline_free(p);
	}
	return rv;
}

void pipeline_stop(struct pipeline *p)
{
	savers_stop(p->savers);
	retain_stop(p->retain);
	names_free(p->names);
	catalog_stop(p->catalog, &p->indexed);
	slab_free(p->slab);
	if (p->note != 0)
		runpolicy_end(p->archive, p->note);
	p->note = 0;
	/* What a split had staged when it was killed is whole once the same input is split again.
	 */
	if (p->tidy != NULL && p->indexed.first_error == 0)
		recovery_tidy(p->archive, p->tidy);
	archive_close(p->archive);
	p->savers = NULL;
	p->retain = NULL;
	p->names = NULL;
	p->catalog = NULL;
	p->slab = NULL;
	p->archive = NULL;
	if (p->indexed.failed > 0)
		log_error("index",
		    "%" PRIu64 " rows could not be written: %s; run 'flowkeep reindex'",
		    p->indexed.failed, strerror(-p->indexed.first_error));
	else if (p->indexed.first_error != 0)
		log_error("index",
		    "not all of the archive is known to be on the disk: %s; the next start looks",
		    strerror(-p->indexed.first_error));
}

void pipeline_free(struct pipeline *p)
{
	demux_free(p->demux);
	scrub_free(p->scrub);
	p->demux = NULL;
	p->scrub = NULL;
}
