/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowkeep split: capture files in, one gzip'd pcap per flow out.
 *
 * Threads: this one waits for the end, for signals and for the time to draw the progress bar; a
 * thread of its own reads the files and is the demux.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/thread.h"
#include "capture/local.h"
#include "capture/source_file.h"
#include "cmd/commands.h"
#include "cmd/pipeline.h"
#include "cmd/privacy.h"
#include "cmd/progress.h"
#include "cmd/report.h"

/* The exit status after a second signal: 128 + SIGINT, as shells count. */
#define EXIT_INTERRUPTED 130

/* Sent to the demux thread to end its wait for an input; nobody else uses it. */
#define SIGNUDGE SIGRTMIN

/* How often it is sent: it may come just before the wait begins. */
#define NUDGE_MS 20

struct split {
	/* set at start, then read-only */
	const struct options *options;
	struct pipeline pipeline;
	struct filter *filter;
	struct privacy privacy;
	struct local *exempt; /* NULL: no address is */
	struct source_file *source;
	int done_fd; /* eventfd, written when the demux thread is through */
	int signal_fd;
	mono_t start;

	/* owned by main */
	pthread_t thread;
	unsigned stops; /* signals that asked for the end */

	/* owned by the demux thread until it is joined */
	struct source_file_result result;
};

static void nudge(int signal_number)
{
	(void)signal_number; /* its coming is all: it ends a wait for a pipe */
}

static void *demux_thread(void *arg)
{
	struct split *s = arg;
	const uint64_t one = 1;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGNUDGE);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* cannot fail with a known `how` */
	source_file_run(s->source, &s->result);
	demux_finish(s->pipeline.demux);
	(void)fileio_write(s->done_fd, &one, sizeof(one)); /* an eventfd takes the first 2^64 - 2 */
	return NULL;
}

static struct report report_of(const struct split *s)
{
	return (struct report){.ledger = &s->pipeline.ledger,
	    .stats = demux_stats(s->pipeline.demux),
	    .elapsed_ns = clk_mono().ns - s->start.ns};
}

/* SIGINT and SIGTERM end the input; what was read is archived. The second one ends us. */
static void take_signal(struct split *s)
{
	struct signalfd_siginfo info;
	struct report r;

	if (fileio_read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGINT:
	case SIGTERM:
		if (s->stops++ > 0)
			_exit(EXIT_INTERRUPTED);
		log_warning("split", "interrupted: finishing; once more quits now");
		source_file_stop(s->source);
		break;
	case SIGUSR1:
		r = report_of(s);
		report_text(&r);
		break;
	default: /* SIGHUP ends nothing */
		break;
	}
}

static void draw(struct split *s)
{
	uint64_t total, done = source_file_progress(s->source, &total);

	progress_show(done, total, ledger_get(&s->pipeline.ledger.flows), "flows",
	    clk_mono().ns - s->start.ns);
}

static void wait_for_end(struct split *s)
{
	struct pollfd fds[2] = {
	    {.fd = s->done_fd, .events = POLLIN}, {.fd = s->signal_fd, .events = POLLIN}};
	bool bar = progress_wanted(s->options);

	while (!(fds[0].revents & POLLIN)) {
		fds[0].revents = fds[1].revents = 0;
		if (poll(fds, 2, s->stops > 0 ? NUDGE_MS : bar ? PROGRESS_INTERVAL_MS : -1) < 0)
			continue; /* interrupted: nothing came */
		if (fds[1].revents & POLLIN)
			take_signal(s);
		if (s->stops > 0)
			(void)pthread_kill(s->thread, SIGNUDGE); /* it is not joined yet */
		if (bar)
			draw(s);
	}
	if (bar)
		progress_end();
}

/* Signals come through a descriptor; threads that start from now on never see one. */
static int open_descriptors(struct split *s)
{
	struct sigaction action = {.sa_handler = nudge};
	sigset_t set;

	(void)sigaction(SIGNUDGE, &action, NULL); /* cannot fail for a signal that there is */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* cannot fail with a known `how` */
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	s->done_fd = eventfd(0, EFD_CLOEXEC);
	return s->signal_fd >= 0 && s->done_fd >= 0 ? 0 : -errno;
}

/* Nothing is made where nothing can be read: an input that cannot even be opened is told at once.
 */
static bool any_readable(const struct options *o)
{
	bool any = false;

	for (unsigned i = 0; i < o->arg_count; i++)
		any |= strcmp(o->args[i], "-") == 0 || access(o->args[i], R_OK) == 0;
	for (unsigned i = 0; !any && i < o->arg_count; i++) {
		char printable[512];

		log_error("input", "cannot read '%s': %s",
		    log_printable(printable, sizeof(printable), o->args[i]),
		    access(o->args[i], R_OK) == 0 ? "" : strerror(errno));
	}
	return any;
}

static int status_of(const struct split *s)
{
	const struct ledger *l = &s->pipeline.ledger;
	const struct source_file_result *r = &s->result;

	if (!report_balance(l))
		return EXIT_PARTLY;
	if (r->files_opened == 0 && !r->stopped)
		return EXIT_NOTHING;
	if (r->files_failed > 0 || r->files_damaged > 0 || r->stopped ||
	    s->pipeline.indexed.first_error != 0)
		return EXIT_PARTLY;
	return ledger_status(l) != 0 ? EXIT_PARTLY : EXIT_OK;
}

static int report(struct split *s)
{
	struct report r = report_of(s);
	int status = status_of(s);

	if (!s->options->quiet)
		report_text(&r);
	if (s->options->json && report_json(&r) != 0) {
		log_error("split", "cannot write the ledger to the standard output");
		status = status == EXIT_OK ? EXIT_PARTLY : status;
	}
	return status;
}

static int run(struct split *s)
{
	int rv = thread_start("fk-demux", demux_thread, s, &s->thread);

	if (rv != 0) {
		log_error("start", "cannot start: %s", strerror(-rv));
		pipeline_stop(&s->pipeline);
		return EXIT_NOTHING;
	}
	wait_for_end(s);
	(void)pthread_join(s->thread, NULL); /* our own, joined once */
	pipeline_stop(&s->pipeline);
	return report(s);
}

static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	return local_has(arg, family, addr);
}

/* What the policy needs. Returns: 0; -errno, after saying what failed. */
static int prepare_policy(struct split *s, struct pipeline_config *config)
{
	const char *exempt = s->options->anonymize_exempt;
	int rv = privacy_prepare(s->options, KEYFILE_MAKE, &s->privacy);

	if (rv != 0 || exempt == NULL)
		return rv;
	rv = local_new(exempt, &s->exempt);
	if (rv != 0)
		log_error("start", "cannot read the addresses of this host: %s", strerror(-rv));
	config->exempt = is_exempt;
	config->exempt_arg = s->exempt;
	return rv;
}

static int split(struct split *s)
{
	const struct options *o = s->options;
	struct pipeline_config config = {
	    .options = o, .mode = KEEPER_WAIT, .at_finish = END_EOF, .key = s->privacy.key};
	char error[FILTER_ERROR_SIZE];
	int status = EXIT_NOTHING, rv = 0;

	if (o->filter != NULL && (rv = filter_new(o->filter, &s->filter, error)) != 0) {
		log_error("options", "--filter: '%s': %s", o->filter,
		    rv == -ENOMEM ? strerror(ENOMEM) : error);
		return EXIT_USAGE;
	}
	if (!any_readable(o))
		return EXIT_NOTHING;
	rv = prepare_policy(s, &config);
	if (rv != 0)
		return rv == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
	rv = open_descriptors(s);
	if (rv != 0)
		log_error("start", "cannot start: %s", strerror(-rv));
	if (rv == 0)
		rv = pipeline_start(&config, &s->pipeline);
	privacy_wipe(&s->privacy);
	if (rv == 0) {
		rv = source_file_new(
		    o->args, o->arg_count, s->filter, s->pipeline.demux, &s->source);
		if (rv == 0)
			status = run(s);
		else
			pipeline_stop(&s->pipeline);
		source_file_free(s->source);
		pipeline_free(&s->pipeline);
	}
	fileio_close(s->signal_fd);
	fileio_close(s->done_fd);
	return status;
}

int cmd_split(const struct options *o)
{
	struct split s = {.options = o, .done_fd = -1, .signal_fd = -1, .start = clk_mono()};
	int status;

	if (o->arg_count == 0) {
		log_error("options", "split needs a capture file, or - for the standard input");
		return EXIT_USAGE;
	}
	status = split(&s);
	privacy_wipe(&s.privacy);
	local_free(s.exempt);
	filter_free(s.filter);
	return status;
}
