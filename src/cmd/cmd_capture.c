/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowkeep capture: network interfaces in, one gzip'd pcap per flow out, for as long as it runs.
 *
 * Start:    check the words; open the interfaces (the one thing that takes privileges); become
 *           --user; enter the sandbox; open the archive, mending what an earlier run left; start
 * the threads; say that we are ready. Threads:  this one waits for signals and tells the service
 * manager that the demux is alive; a thread of its own is the demux, and stops all others when the
 * capture ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/parse.h"
#include "base/thread.h"
#include "capture/filter.h"
#include "capture/netif.h"
#include "capture/netlist.h"
#include "capture/source_live.h"
#include "cmd/commands.h"
#include "cmd/limits.h"
#include "cmd/metrics.h"
#include "cmd/pipeline.h"
#include "cmd/privacy.h"
#include "cmd/privileges.h"
#include "cmd/progress.h"
#include "cmd/report.h"
#include "cmd/sandbox.h"

/* The exit status after a second signal: 128 + SIGINT, as shells count. */
#define EXIT_INTERRUPTED 130

/* All rings together: they are memory of the kernel's, beside --max-memory. */
#define RINGS_MAX_BYTES (UINT64_C(1) << 30)

#define STATUS_INTERVAL_NS (5 * CLK_SECOND_NS)

struct capture {
	/* set at start, then read-only */
	const struct options *options;
	const char *interfaces[OPTIONS_INTERFACES_MAX];
	unsigned interface_count;
	struct netlist *netlist; /* holds the default interfaces' names; NULL: not needed */
	char *filter;            /* NULL: none */
	struct privileges_user user;
	struct privacy privacy;
	bool given; /* --check: the archive would be made for the user */
	struct pipeline pipeline;
	struct source_live *source;
	struct metrics_source numbers;
	int done_fd; /* eventfd, written when all has been drained */
	int signal_fd;
	mono_t start;
	wall_t start_wall;

	/* owned by main */
	pthread_t thread;
	sem_t stopping;           /* posted once main will look at the threads' numbers no more */
	unsigned stops;           /* signals that asked for the end */
	uint64_t dropped_at_stop; /* what is more at the end, the drain has lost */
	int64_t status_ns;        /* when to tell the service manager next */
	int64_t watchdog_ns;      /* the same for its watchdog; 0: it has none */
	uint64_t looks, retention_failed; /* of retention, when it was asked last */
	bool over_limits;                 /* and that was said */

	/* owned by the demux thread until it is joined */
	struct metrics *metrics;
	enum source_live_end end;
};

/* ---- words ----------------------------------------------------------------------------------- */

/* "-f EXPR", or the words behind the options, as tcpdump takes them. */
static int join_filter(struct capture *c)
{
	const struct options *o = c->options;
	size_t len = 1;

	if (o->filter != NULL && o->arg_count > 0) {
		log_error(
		    "options", "a filter is given twice: by --filter, and behind the options");
		return -EINVAL;
	}
	if (o->filter != NULL)
		c->filter = strdup(o->filter);
	if (o->arg_count == 0)
		return o->filter == NULL || c->filter != NULL ? 0 : -ENOMEM;
	for (unsigned i = 0; i < o->arg_count; i++)
		len += strlen(o->args[i]) + 1;
	c->filter = calloc(1, len);
	for (unsigned i = 0; c->filter != NULL && i < o->arg_count; i++) {
		(void)strcat(c->filter, i > 0 ? " " : ""); /* len has room for all */
		(void)strcat(c->filter, o->args[i]);
	}
	return c->filter != NULL ? 0 : -ENOMEM;
}

static int check_filter(const struct capture *c)
{
	char error[FILTER_ERROR_SIZE];
	struct filter *f = NULL;
	int rv;

	if (c->filter == NULL)
		return 0;
	rv = filter_new(c->filter, &f, error);
	if (rv != 0)
		log_error("options", "filter '%s': %s", c->filter,
		    rv == -ENOMEM ? strerror(ENOMEM) : error);
	filter_free(f);
	return rv;
}

static int check_user(struct capture *c)
{
	const char *name = c->options->user;
	int rv;

	if (name == NULL)
		return 0;
	rv = privileges_find_user(name, &c->user);
	if (rv != 0)
		log_error("options", "--user: '%s': %s", name,
		    rv == -ENOENT ? "no such user" : strerror(-rv));
	return rv;
}

static int check_words(struct capture *c)
{
	const struct options *o = c->options;

	if (join_filter(c) != 0 || check_filter(c) != 0 || check_user(c) != 0)
		return -EINVAL;
	if (o->events_path != NULL && strlen(o->events_path) > EVENTCLIENT_MAX_PATH_BYTES) {
		log_error("options", "--events: the path is too long; legal: at most %u bytes",
		    EVENTCLIENT_MAX_PATH_BYTES);
		return -EINVAL;
	}
	if (o->metrics != NULL && metrics_check(o->metrics) != 0) {
		log_error("options",
		    "--metrics: '%s' is not a legal value; legal: ADDRESS:PORT, [ADDRESS]:PORT, "
		    ":PORT",
		    o->metrics);
		return -EINVAL;
	}
	return 0;
}

static int list_interfaces(void)
{
	struct netlist *l;
	int rv = netlist_read(&l);

	if (rv != 0) {
		log_error("capture", "cannot read the interfaces: %s", strerror(-rv));
		return EXIT_NOTHING;
	}
	netlist_print(l, stdout);
	netlist_free(l);
	return EXIT_OK;
}

/* Those that were named, or every one that is up, see netlist_default. */
static int choose_interfaces(struct capture *c)
{
	const struct options *o = c->options;
	int rv;

	c->interface_count = o->interface_count;
	for (unsigned i = 0; i < o->interface_count; i++)
		c->interfaces[i] = o->interfaces[i];
	if (c->interface_count > 0)
		return 0;
	rv = netlist_read(&c->netlist);
	if (rv != 0) {
		log_error("capture", "cannot read the interfaces: %s", strerror(-rv));
		return rv;
	}
	for (size_t i = 0; i < c->netlist->count; i++)
		if (netlist_default(&c->netlist->interfaces[i]) &&
		    c->interface_count < OPTIONS_INTERFACES_MAX)
			c->interfaces[c->interface_count++] = c->netlist->interfaces[i].name;
	if (c->interface_count == 0) {
		log_error("capture", "no interface is up; name one with -i");
		return -ENODEV;
	}
	return 0;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int open_source(struct capture *c)
{
	const struct options *o = c->options;
	struct source_live_config config = {.interfaces = c->interfaces,
	    .count = c->interface_count,
	    .snaplen = (uint32_t)o->snaplen,
	    .ring_bytes = o->ring_bytes,
	    .promiscuous = o->promiscuous,
	    .reopen = !o->no_reopen,
	    .filter = c->filter,
	    .local = o->local,
	    .exempt = o->anonymize_exempt};
	char text[PARSE_TEXT_SIZE];

	if (config.ring_bytes * config.count > RINGS_MAX_BYTES) {
		config.ring_bytes = RINGS_MAX_BYTES / config.count;
		log_info("capture", "%u rings: %s each, as all may have 1GiB", config.count,
		    parse_size_text(config.ring_bytes, text));
	}
	return source_live_open(&config, &c->source);
}

/*
 * The archive is to belong to the user who writes it: what only root may create is created now, or,
 * with --check, could be.
 */
static int give_archive(struct capture *c)
{
	const char *dir = c->options->dir;
	char path[PATH_MAX];

	if (c->options->user == NULL || access(dir, F_OK) == 0)
		return 0;
	if (c->options->check) {
		(void)snprintf(path, sizeof(path), "%s", dir);
		c->given = access(dirname(path), W_OK | X_OK) == 0;
		return 0;
	}
	if (mkdir(dir, ARCHIVE_DIR_MODE) != 0)
		return 0; /* its parents are not there, or closed to us: opening it will tell */
	if (chown(dir, c->user.uid, c->user.gid) != 0) {
		int rv = -errno;

		log_error("archive", "cannot give '%s' to '%s': %s", dir, c->options->user,
		    strerror(-rv));
		(void)rmdir(dir); /* else the next start finds one that it cannot write to */
		return rv;
	}
	return 0;
}

static int become(const struct capture *c)
{
	const struct options *o = c->options;
	int keep = o->no_reopen ? PRIVILEGES_KEEP_NOTHING : PRIVILEGES_KEEP_NET_RAW;
	int rv;

	/* Whose the event socket will be, when it comes back, cannot be known. */
	if (privileges_foreign(o->dir) || o->events_path != NULL)
		keep |= PRIVILEGES_KEEP_FILES;
	rv = privileges_drop(o->user != NULL ? &c->user : NULL, (enum privileges_keep)keep);
	if (rv != 0)
		log_error("start", "cannot give up privileges%s%s: %s",
		    o->user != NULL ? " to become " : "", o->user != NULL ? o->user : "",
		    strerror(-rv));
	return rv;
}

static int confine(const struct capture *c)
{
	int rv;

	if (c->options->no_seccomp)
		return 0;
	rv = sandbox_enter();
	if (rv != 0)
		log_error("start", "cannot limit system calls: %s; --no-seccomp goes without",
		    strerror(-rv));
	return rv;
}

static int start_pipeline(struct capture *c)
{
	struct pipeline_config config = {.options = c->options,
	    .mode = KEEPER_DROP,
	    .at_finish = END_STOP,
	    .wanted = source_live_filters(c->source) ? source_live_wanted : NULL,
	    .wanted_arg = c->source,
	    .key = c->privacy.key,
	    .exempt = c->options->anonymize_exempt != NULL ? source_live_exempt : NULL,
	    .exempt_arg = c->source};
	int rv = pipeline_start(&config, &c->pipeline);

	privacy_wipe(&c->privacy);

	if (rv != 0)
		return rv;
	rv = source_live_attach(c->source, c->pipeline.demux, c->options->events_path);
	if (rv != 0)
		log_error("events", "cannot use '%s': %s", c->options->events_path, strerror(-rv));
	return rv;
}

static int load_metrics(const struct capture *c)
{
	const char *address = c->options->metrics;
	char error[METRICS_ERROR_SIZE];
	int rv = address != NULL ? metrics_load(error) : 0;

	if (rv != 0)
		log_error("metrics", "cannot serve on '%s': %s", address, error);
	return rv;
}

static int start_metrics(struct capture *c)
{
	const struct options *o = c->options;
	char error[METRICS_ERROR_SIZE];
	int rv;

	c->numbers = (struct metrics_source){.ledger = &c->pipeline.ledger,
	    .demux = c->pipeline.demux,
	    .savers = c->pipeline.savers,
	    .slab = c->pipeline.slab,
	    .live = c->source,
	    .retain = c->pipeline.retain,
	    .dir = o->dir,
	    .max_memory_bytes = o->max_memory_bytes,
	    .max_flows = o->max_flows,
	    .start = c->start,
	    .start_wall = c->start_wall};
	if (o->metrics == NULL)
		return 0;
	rv = metrics_start(o->metrics, &c->numbers, &c->metrics, error);
	if (rv != 0)
		log_error("metrics", "cannot serve on '%s': %s", o->metrics, error);
	else
		log_info("metrics", "served on port %u", metrics_port(c->metrics));
	return rv;
}

/* Signals come through a descriptor; threads that start from now on never see one. */
static int open_descriptors(struct capture *c)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* cannot fail with a known `how` */
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	c->done_fd = eventfd(0, EFD_CLOEXEC);
	if (c->signal_fd >= 0 && c->done_fd >= 0)
		return 0;
	log_error("start", "cannot start: %s", strerror(errno));
	return -errno;
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void *demux_thread(void *arg)
{
	struct capture *c = arg;
	const uint64_t one = 1;

	c->end = source_live_run(c->source);
	if (c->end == SOURCE_LIVE_BARREN)
		(void)kill(getpid(), SIGTERM); /* main is told as if somebody had asked for it */
	demux_finish(c->pipeline.demux);
	while (sem_wait(&c->stopping) != 0)
		; /* interrupted: main has not noticed yet, and may be looking at what goes now */
	metrics_stop(c->metrics); /* it looks at what goes now */
	pipeline_stop(&c->pipeline);
	(void)fileio_write(c->done_fd, &one, sizeof(one)); /* an eventfd takes the first 2^64 - 2 */
	return NULL;
}

static void stop(struct capture *c)
{
	if (c->stops++ > 0)
		_exit(EXIT_INTERRUPTED);
	log_info("capture", "stopping: writing what is open; once more quits now");
	(void)notify_send("STOPPING=1"); /* the manager may be gone: nothing depends on it */
	c->dropped_at_stop = ledger_dropped(&c->pipeline.ledger);
	source_live_stop(c->source);
	(void)sem_post(&c->stopping); /* one of one: cannot overflow */
}

static void take_signal(struct capture *c)
{
	struct signalfd_siginfo info;

	if (fileio_read(c->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGINT:
	case SIGTERM:
		stop(c);
		break;
	case SIGUSR1:
		if (c->stops == 0) /* later, what there was to look at may be gone */
			(void)metrics_tell(&c->numbers); /* no memory: ask again */
		break;
	case SIGUSR2:
		source_live_flush(c->source);
		break;
	default: /* SIGHUP: the log is the standard error, there is nothing to open again */
		break;
	}
}

/* Is the demux coming round? If it hangs, the service manager must not be told that all is well. */
static void feed_watchdog(struct capture *c, int64_t now_ns)
{
	int64_t period_ns = notify_watchdog_ns();

	if (period_ns == 0 || now_ns < c->watchdog_ns)
		return;
	c->watchdog_ns = now_ns + period_ns;
	if (c->stops > 0 || now_ns - source_live_beat_ns(c->source) < 2 * period_ns)
		(void)notify_send("WATCHDOG=1"); /* the next one makes good for a lost one */
}

static void tell_status(struct capture *c, int64_t now_ns)
{
	const struct ledger *l = &c->pipeline.ledger;
	char text[256];

	if (now_ns < c->status_ns)
		return;
	c->status_ns = now_ns + STATUS_INTERVAL_NS;
	(void)snprintf(text, sizeof(text),
	    "STATUS=%s: %" PRIu64 " packets read, %" PRIu64 " archived, %" PRIu64
	    " dropped; %" PRIu64 " flows",
	    c->stops > 0 ? "stopping" : "capturing", ledger_get(&l->packets_read),
	    ledger_get(&l->packets_archived), ledger_dropped(l), ledger_get(&l->flows));
	(void)notify_send(text); /* as above */
}

/* One message when the archive cannot be kept within its limits, one when it can again. */
static void tell_retention(struct capture *c)
{
	const struct retain_stats *r;
	uint64_t failed;
	int error;

	if (c->stops > 0 || c->pipeline.retain == NULL) /* when it stops, nobody may look */
		return;
	r = retain_stats(c->pipeline.retain);
	failed = ledger_get(&r->failed);
	error = atomic_load_explicit(&r->last_error, memory_order_relaxed);
	if (ledger_get(&r->looks) == c->looks)
		return;
	c->looks = ledger_get(&r->looks);
	if (failed > c->retention_failed && !c->over_limits)
		log_warning("archive", "it cannot be brought within its limits: %s; continuing",
		    error != 0 ? strerror(-error) : "nothing is left that may be removed");
	else if (failed == c->retention_failed && c->over_limits)
		log_info("archive", "it is within its limits again");
	c->over_limits = failed > c->retention_failed;
	c->retention_failed = failed;
}

static int poll_timeout_ms(const struct capture *c)
{
	int64_t period_ns = notify_watchdog_ns();
	int64_t wait_ns = period_ns != 0 && period_ns < CLK_SECOND_NS ? period_ns : CLK_SECOND_NS;

	if (getenv("NOTIFY_SOCKET") == NULL && c->pipeline.retain == NULL)
		return -1;
	return (int)(wait_ns / 2000000);
}

static void wait_for_end(struct capture *c)
{
	struct pollfd fds[2] = {
	    {.fd = c->done_fd, .events = POLLIN}, {.fd = c->signal_fd, .events = POLLIN}};
	bool bar = progress_wanted(c->options);
	int timeout_ms = bar ? PROGRESS_INTERVAL_MS : poll_timeout_ms(c);

	while (!(fds[0].revents & POLLIN)) {
		int64_t now_ns = clk_mono().ns;

		feed_watchdog(c, now_ns);
		tell_status(c, now_ns);
		tell_retention(c);
		if (bar)
			progress_show(ledger_get(&c->pipeline.ledger.bytes_read), 0,
			    ledger_get(&c->pipeline.ledger.flows), "flows", now_ns - c->start.ns);
		fds[0].revents = fds[1].revents = 0;
		if (poll(fds, 2, timeout_ms) > 0 && (fds[1].revents & POLLIN))
			take_signal(c);
	}
	if (bar)
		progress_end();
}

/* ---- the end --------------------------------------------------------------------------------- */

static int status_of(const struct capture *c)
{
	const struct ledger *l = &c->pipeline.ledger;
	uint64_t lost = ledger_dropped(l) - c->dropped_at_stop;

	if (!report_balance(l))
		return EXIT_PARTLY;
	if (source_live_unread(c->source) > 0) {
		log_error("capture",
		    "%" PRIu64 " packets were left in the kernel's rings, as more "
		    "came than could be read",
		    source_live_unread(c->source));
		return EXIT_PARTLY;
	}
	if (c->end == SOURCE_LIVE_BARREN || c->pipeline.indexed.first_error != 0)
		return EXIT_PARTLY;
	if (lost > 0) {
		log_error("capture", "%" PRIu64 " packets were lost while stopping", lost);
		return EXIT_PARTLY;
	}
	return EXIT_OK;
}

static int report(struct capture *c)
{
	struct report r = {.ledger = &c->pipeline.ledger,
	    .stats = demux_stats(c->pipeline.demux),
	    .live = c->source,
	    .elapsed_ns = clk_mono().ns - c->start.ns};
	int status = status_of(c);

	if (sandbox_denied() > 0) {
		char name[64];

		log_warning("sandbox", "%" PRIu64 " system calls were refused, the first: %s",
		    sandbox_denied(),
		    sandbox_call_name(sandbox_first_denied(), name, sizeof(name)));
	}
	if (!c->options->quiet)
		report_text(&r);
	if (c->options->json && report_json(&r) != 0) {
		log_error("capture", "cannot write the ledger to the standard output");
		status = status == EXIT_OK ? EXIT_PARTLY : status;
	}
	return status;
}

static int run(struct capture *c)
{
	int rv = start_pipeline(c);

	if (rv != 0) {
		pipeline_stop(&c->pipeline);
		return rv == -ERANGE ? EXIT_USAGE : EXIT_NOTHING;
	}
	rv = start_metrics(c);
	if (rv == 0 && (rv = thread_start("fk-demux", demux_thread, c, &c->thread)) != 0)
		log_error("start", "cannot start: %s", strerror(-rv));
	if (rv != 0) {
		metrics_stop(c->metrics);
		pipeline_stop(&c->pipeline);
		return EXIT_NOTHING;
	}
	log_info("capture", "ready");
	(void)notify_send("READY=1"); /* nobody may be listening */
	wait_for_end(c);
	(void)pthread_join(c->thread, NULL); /* our own, joined once */
	return report(c);
}

static void go_up(char *path)
{
	const char *up = dirname(path); /* in path, or a constant */

	(void)memmove(path, up, strlen(up) + 1);
}

/* Can the limits be met, where the archive is, or would be? Returns the exit status. */
static int check_limits(const struct capture *c, const char *path)
{
	struct prune_limits limits;
	struct archive *a;
	int status, rv;

	if (!limits_given(c->options))
		return EXIT_OK;
	rv = archive_open(path, ARCHIVE_READ, &a);
	if (rv != 0) {
		log_error("archive", "cannot open '%s': %s", path, strerror(-rv));
		return EXIT_NOTHING;
	}
	status = limits_take("capture", c->options, a, &limits);
	archive_close(a);
	return status;
}

/* --check: may the archive be written, as far as can be told without writing? */
static int check_archive(const struct capture *c)
{
	char path[PATH_MAX];
	struct statvfs fs;
	struct archive *a;
	int rv;

	(void)snprintf(path, sizeof(path), "%s", c->options->dir);
	while (access(path, F_OK) != 0 && errno == ENOENT && strcmp(path, "/") != 0 &&
	       strcmp(path, ".") != 0)
		go_up(path);
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY)) {
		log_error("archive", "cannot write to '%s': %s", path, strerror(EROFS));
		return EXIT_NOTHING;
	}
	if (!c->given && access(path, R_OK | W_OK | X_OK) != 0) {
		log_error("archive", "cannot write to '%s': %s", path, strerror(errno));
		return EXIT_NOTHING;
	}
	if (archive_open(c->options->dir, ARCHIVE_READ, &a) == 0) {
		rv = archive_has_writer(a);
		archive_close(a);
		if (rv) {
			log_error("archive", "'%s' is being written by another flowkeep",
			    c->options->dir);
			return EXIT_NOTHING;
		}
	}
	rv = check_limits(c, path);
	if (rv != EXIT_OK)
		return rv;
	log_info("capture", "checked: all of this would work");
	return EXIT_OK;
}

static int capture(struct capture *c)
{
	const struct options *o = c->options;
	int rv;

	if (check_words(c) != 0)
		return EXIT_USAGE;
	rv = privacy_prepare(o, o->check ? KEYFILE_LEAVE : KEYFILE_MAKE, &c->privacy);
	if (rv != 0)
		return rv == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
	if (load_metrics(c) != 0 || choose_interfaces(c) != 0 || open_descriptors(c) != 0)
		return EXIT_NOTHING;
	rv = open_source(c);
	if (rv != 0)
		return rv == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
	if (give_archive(c) != 0)
		return EXIT_NOTHING;
	if (become(c) != 0)
		return EXIT_NOTHING;
	if (o->check)
		return check_archive(c);
	return confine(c) == 0 ? run(c) : EXIT_NOTHING;
}

int cmd_capture(const struct options *o)
{
	struct capture c = {.options = o,
	    .done_fd = -1,
	    .signal_fd = -1,
	    .start = clk_mono(),
	    .start_wall = clk_wall()};
	int status;

	if (o->list_interfaces)
		return list_interfaces();
	(void)sem_init(&c.stopping, 0, 0); /* cannot fail with these */
	status = capture(&c);
	privacy_wipe(&c.privacy);
	pipeline_free(&c.pipeline);
	source_live_free(c.source);
	netlist_free(c.netlist);
	fileio_close(c.signal_fd);
	fileio_close(c.done_fd);
	(void)sem_destroy(&c.stopping);
	free(c.filter);
	return status;
}
