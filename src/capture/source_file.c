/* SPDX-License-Identifier: BSD-2-Clause */
/* See source_file.h. */
#include "capture/source_file.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "pcapfile/capreader.h"

/* Interface numbers of a file that are looked up once; names behind them are not recorded. */
#define INTERFACES_MAX 1024

struct source_file {
	/* set at start, then read-only */
	char *const *paths;
	unsigned count;
	struct filter *filter;
	struct demux *demux;
	uint64_t total_bytes; /* 0: unknown */

	atomic_bool stop;

	/* guarded by lock */
	pthread_mutex_t lock;
	struct capreader *reader; /* the file being read, or NULL */
	uint64_t done_bytes;      /* of the files before it */

	/* owned by the demux thread */
	uint32_t
	    interfaces[INTERFACES_MAX]; /* number in the file to number in the demux, plus one */
};

/* The sum of all sizes, or 0 where one of them has none. */
static uint64_t sum_sizes(char *const *paths, unsigned count)
{
	uint64_t sum = 0;
	struct stat st;

	for (unsigned i = 0; i < count; i++) {
		int rv = strcmp(paths[i], "-") == 0 ? fstat(0, &st) : stat(paths[i], &st);

		if (rv != 0)
			continue; /* opening it will tell why */
		if (!S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

int source_file_new(char *const *paths, unsigned count, struct filter *filter, struct demux *demux,
    struct source_file **ret_source)
{
	struct source_file *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->paths = paths;
	s->count = count;
	s->filter = filter;
	s->demux = demux;
	s->total_bytes = sum_sizes(paths, count);
	(void)pthread_mutex_init(&s->lock, NULL); /* default attributes: cannot fail on Linux */
	*ret_source = s;
	return 0;
}

static uint32_t interface_number(struct source_file *s, const struct capreader *r, uint32_t n)
{
	if (n >= INTERFACES_MAX)
		return 0;
	if (s->interfaces[n] == 0) {
		const char *name = capreader_interface_name(r, n);

		s->interfaces[n] = 1 + (name != NULL ? demux_interface(s->demux, name) : 0);
	}
	return s->interfaces[n] - 1;
}

/* The reader that progress may look at: set when a file begins, taken away before it is closed. */
static void set_reader(struct source_file *s, struct capreader *r)
{
	uint64_t size;

	(void)pthread_mutex_lock(&s->lock);
	if (s->reader != NULL && r == NULL)
		s->done_bytes += capreader_progress(s->reader, &size);
	s->reader = r;
	(void)pthread_mutex_unlock(&s->lock);
}

/* Is it for the demux? Else it is counted. */
static bool passes(struct source_file *s, const struct capreader *r, struct packet *p)
{
	p->interface = interface_number(s, r, p->interface);
	if (s->filter == NULL || filter_match(s->filter, p))
		return true;
	demux_skip(s->demux, p, SKIP_filtered);
	return false;
}

/* Gives all packets of an open file to the demux. Returns what capreader_next ended with. */
static int read_packets(struct source_file *s, struct capreader *r)
{
	struct packet burst[DEMUX_BURST];
	int rv = 0;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed) &&
	       (rv = capreader_next(r, &burst[0])) == 1) {
		unsigned n = passes(s, r, &burst[0]);

		while (n < DEMUX_BURST && capreader_ready(r)) {
			(void)capreader_next(r, &burst[n]); /* it is ready */
			n += passes(s, r, &burst[n]);
		}
		demux_packets(s->demux, burst, n);
	}
	return rv == 1 ? 0 : rv;
}

static const char *words(const struct capreader *r, int rv)
{
	return r != NULL && capreader_error(r)[0] != '\0' ? capreader_error(r) : strerror(-rv);
}

static void read_file(struct source_file *s, const char *path, struct source_file_result *result)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	char printable[512];
	struct capreader *r = NULL;
	int rv = capreader_open(path, &r);

	(void)log_printable(printable, sizeof(printable), name);
	if (rv == -EINTR) {
		capreader_close(r);
		return; /* stopped while it waited */
	}
	if (rv != 0) {
		log_error("input", "cannot read '%s': %s", printable, words(r, rv));
		result->files_failed++;
		capreader_close(r);
		return;
	}
	result->files_opened++;
	memset(s->interfaces, 0, sizeof(s->interfaces));
	set_reader(s, r);
	rv = read_packets(s, r);
	set_reader(s, NULL);
	if (rv == -EINTR)
		rv = 0; /* stopped while it waited: the result tells */
	if (rv != 0)
		log_warning("input",
		    "'%s' ends early: %s; what came before is archived, continuing", printable,
		    words(r, rv));
	if (capreader_skipped(r) != 0)
		log_warning("input",
		    "'%s': %" PRIu64 " damaged blocks passed over, the first at %s; continuing",
		    printable, capreader_skipped(r), capreader_skipped_error(r));
	if (rv != 0 || capreader_skipped(r) != 0)
		result->files_damaged++;
	capreader_close(r);
}

void source_file_run(struct source_file *s, struct source_file_result *ret_result)
{
	struct source_file_result result = {0};

	for (unsigned i = 0; i < s->count && !atomic_load_explicit(&s->stop, memory_order_relaxed);
	     i++)
		read_file(s, s->paths[i], &result);
	result.stopped = atomic_load_explicit(&s->stop, memory_order_relaxed);
	*ret_result = result;
}

void source_file_stop(struct source_file *s)
{
	atomic_store_explicit(&s->stop, true, memory_order_relaxed);
	capreader_interrupt();
}

uint64_t source_file_progress(struct source_file *s, uint64_t *ret_total_bytes)
{
	uint64_t bytes, size;

	(void)pthread_mutex_lock(&s->lock);
	bytes = s->done_bytes + (s->reader != NULL ? capreader_progress(s->reader, &size) : 0);
	(void)pthread_mutex_unlock(&s->lock);
	*ret_total_bytes = s->total_bytes;
	return bytes;
}

void source_file_free(struct source_file *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
