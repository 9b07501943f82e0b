/* SPDX-License-Identifier: BSD-2-Clause */
/* See pipeline.h. */
#include "cmd/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/adopt.h"
#include "archive/rescan.h"
#include "archive/runpolicy.h"
#include "base/log.h"
#include "base/thread.h"
#include "save/uuidgen.h"

/* Live, the savers' queues are what rides out a slow disk: 256 MiB of full members each. */
#define LIVE_QUEUE_BATCHES 4096

static void bad_file(int32_t day, const char *name, const char *error, void *arg)
{
	char path[LAYOUT_DAY_SIZE];

	(void)arg;
	log_warning("archive", "'%s/%s' is damaged: %s; continuing without it",
	    layout_day_path(day, path), name, error);
}

/* Days that an earlier run was writing when it ended: their index is built anew from their files.
 */
static int mend_days(struct archive *a)
{
	int32_t *days;
	size_t n;
	int rv = archive_dirty_days(a, &days, &n);

	if (rv != 0)
		return rv;
	for (size_t i = 0; i < n && rv == 0; i++) {
		struct rescan_totals totals;
		char path[LAYOUT_DAY_SIZE];

		rv = rescan_reindex_day(a, days[i], bad_file, NULL, &totals);
		if (rv == -ENOENT) /* listed, but nothing was written */
			rv = 0;
		else if (rv == 0)
			log_info("archive",
			    "index of %s mended after an unclean end: %" PRIu64 " files",
			    layout_day_path(days[i], path), totals.files);
		if (rv == 0)
			rv = archive_strike_day(a, days[i]);
	}
	free(days);
	return rv;
}

static void tell_adopted(
    const char *name, enum adopt_result what, const struct record *r, const char *error, void *arg)
{
	char printable[256];

	(void)r;
	(void)arg;
	(void)log_printable(printable, sizeof(printable), name);
	if (what == ADOPT_DAMAGED || what == ADOPT_FAILED)
		log_warning("archive",
		    "unfinished file '.staging/%s' stays where it is: %s; continuing", printable,
		    error);
	else if (error[0] != '\0')
		log_debug("archive", "unfinished file '.staging/%s' of an earlier run: %s",
		    printable, error);
}

/* Flows that an earlier run was writing when it was killed. */
static int adopt(const struct options *o, struct archive *a)
{
	struct adopt_config c = {.sync = o->sync,
	    .vlan_key = o->vlan_key ? VLAN_KEY_YES : VLAN_KEY_NO,
	    .generate = uuidgen_flow,
	    .fn = tell_adopted};
	struct adopt_totals t = {0};
	int rv = adopt_staged(a, &c, &t);

	if (t.published + t.duplicate + t.empty > 0)
		log_info("archive",
		    "after an unclean end: %" PRIu64 " unfinished flows published with %" PRIu64
		    " packets, %" PRIu64 " without a packet removed",
		    t.published, t.packets, t.empty);
	return rv;
}

static int note_policy(const struct options *o, struct pipeline *p)
{
	const struct record r = {.policy = o->policy, .snaplen = (uint32_t)o->snaplen};

	return runpolicy_begin(p->archive, &r, &p->note);
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
	/* What a killed split has left is archived whole when the same file is split again. */
	if (config->mode == KEEPER_DROP)
		rv = adopt(o, p->archive);
	if (rv == 0)
		rv = mend_days(p->archive);
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

static int start_savers(const struct pipeline_config *config, struct pipeline *p)
{
	const struct options *o = config->options;
	struct savers_config c = {
	    .threads = saver_threads(config),
	    .queue_batches = config->mode == KEEPER_DROP ? LIVE_QUEUE_BATCHES : 0,
	    .codec = o->codec,
	    .sync = o->sync,
	    .archive = p->archive,
	    .catalog = p->catalog,
	    .slab = p->slab,
	    .ledger = &p->ledger,
	};

	if (c.threads > SAVER_MAX)
		c.threads = SAVER_MAX;
	return savers_start(&c, &p->savers);
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
	if (rv != 0) {
		pipeline_stop(p);
		return rv;
	}
	rv = slab_new(o->max_memory_bytes, &p->slab);
	if (rv == 0)
		rv = catalog_start(p->archive, o->sync, &p->catalog);
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
	catalog_stop(p->catalog, &p->indexed);
	slab_free(p->slab);
	if (p->note != 0)
		runpolicy_end(p->archive, p->note);
	p->note = 0;
	archive_close(p->archive);
	p->savers = NULL;
	p->catalog = NULL;
	p->slab = NULL;
	p->archive = NULL;
	if (p->indexed.first_error != 0)
		log_error("index",
		    "%" PRIu64 " rows could not be written: %s; run 'flowkeep reindex'",
		    p->indexed.failed, strerror(-p->indexed.first_error));
}

void pipeline_free(struct pipeline *p)
{
	demux_free(p->demux);
	scrub_free(p->scrub);
	p->demux = NULL;
	p->scrub = NULL;
}
