/* SPDX-License-Identifier: BSD-2-Clause */
/* See pipeline.h. */
#include "cmd/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/rescan.h"
#include "base/log.h"
#include "base/thread.h"

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

static int open_archive(const struct options *o, struct pipeline *p)
{
	int rv = archive_open(o->dir, ARCHIVE_WRITE, &p->archive);

	if (rv == -EAGAIN) {
		log_error("archive", "'%s' is being written by another flowkeep", o->dir);
		return rv;
	}
	if (rv != 0) {
		log_error("archive", "cannot open '%s' for writing: %s", o->dir, strerror(-rv));
		return rv;
	}
	rv = mend_days(p->archive);
	if (rv != 0)
		log_error("archive", "cannot mend the index of '%s': %s", o->dir, strerror(-rv));
	return rv;
}

static int start_savers(const struct options *o, struct pipeline *p)
{
	struct savers_config c = {
	    .threads = o->savers != 0 ? (int)o->savers : thread_cores(),
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

static int make_demux(
    const struct options *o, enum keeper_mode mode, enum end_reason at_finish, struct pipeline *p)
{
	struct demux_config c = {
	    .idle_timeout_ns = o->idle_timeout_ns,
	    .linger_ns = o->linger_ns,
	    .max_duration_ns = o->max_duration_ns,
	    .max_flow_bytes = o->max_bytes,
	    .max_flows = (uint32_t)o->max_flows,
	    .snaplen = (uint32_t)o->snaplen,
	    .first_serial = archive_serial(p->archive),
	    .vlan_key = o->vlan_key ? VLAN_KEY_YES : VLAN_KEY_NO,
	    .at_finish = at_finish,
	    .keeper =
		{
		    .mode = mode,
		    .max_memory_bytes = o->max_memory_bytes,
		    .snaplen = (uint32_t)o->snaplen,
		    .slab = p->slab,
		    .savers = p->savers,
		    .ledger = &p->ledger,
		},
	};

	memcpy(c.protocols, o->protocols, sizeof(c.protocols));
	return demux_new(&c, &p->demux);
}

int pipeline_start(const struct options *o, enum keeper_mode mode, enum end_reason at_finish,
    struct pipeline *ret_pipeline)
{
	struct pipeline *p = ret_pipeline;
	int rv;

	memset(p, 0, sizeof(*p));
	rv = open_archive(o, p);
	if (rv != 0) {
		pipeline_stop(p);
		return rv;
	}
	rv = slab_new(o->max_memory_bytes, &p->slab);
	if (rv == 0)
		rv = catalog_start(p->archive, o->sync, &p->catalog);
	if (rv == 0)
		rv = start_savers(o, p);
	if (rv == 0)
		rv = make_demux(o, mode, at_finish, p);
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
	p->demux = NULL;
}
