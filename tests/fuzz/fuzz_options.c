/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command line and an environment.
 *
 * Input: command (8 bits), then words that end at NULs. Those that begin with FLOWKEEP_ and have a
 * `=` go to the environment, the others follow the command's name.
 *
 * Holds: what was accepted is within its bounds, what is left are words of the command line, and
 * parsing them again gives the same.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "fuzz/fuzz_support.h"

#define WORDS_MAX 64

static const struct command commands[] = {{"split", COMMAND_SPLIT, "FILE...", "", NULL},
    {"capture", COMMAND_CAPTURE, "", "", NULL}, {"fetch", COMMAND_FETCH, "UUID...", "", NULL},
    {"find", COMMAND_FIND, "", "", NULL}, {"verify", COMMAND_VERIFY, "", "", NULL},
    {"reindex", COMMAND_REINDEX, "", "", NULL}, {"pin", COMMAND_PIN, "UUID...", "", NULL},
    {"prune", COMMAND_PRUNE, "", "", NULL}, {"pack", COMMAND_PACK, "", "", NULL},
    {"du", COMMAND_DU, "", "", NULL}, {"events", COMMAND_EVENTS, "", "", NULL}};

struct words {
	char *argv[WORDS_MAX + 2];
	int argc;
	char *environment[WORDS_MAX]; /* names that were set */
	int set;
};

static void take_word(struct words *w, char *word)
{
	char *value = strchr(word, '=');

	if (strncmp(word, "FLOWKEEP_", 9) != 0 || value == NULL) {
		w->argv[w->argc++] = word;
		return;
	}
	*value = '\0';
	fuzz_check(setenv(word, value + 1, 1) == 0);
	w->environment[w->set++] = word;
}

/* Each on the heap, alone. */
static void take_words(struct fuzz_input *in, const char *command, struct words *w)
{
	w->argv[w->argc++] = strdup(command);
	fuzz_check(w->argv[0] != NULL);
	while (in->left > 0 && w->argc + w->set <= WORDS_MAX) {
		const uint8_t *end = memchr(in->at, '\0', in->left);
		size_t len = end != NULL ? (size_t)(end - in->at) : in->left, n;

		take_word(w, fuzz_text(in, len));
		if (end != NULL)
			(void)fuzz_take(in, 1, &n);
	}
}

static void forget(struct words *w)
{
	for (int i = 0; i < w->argc; i++)
		free(w->argv[i]);
	for (int i = 0; i < w->set; i++) {
		fuzz_check(unsetenv(w->environment[i]) == 0);
		free(w->environment[i]);
	}
}

static void check_share(const struct share *s)
{
	fuzz_check(s->percent >= 0 && s->percent <= 100);
	fuzz_check(s->amount == 0 || s->percent == 0);
}

/* Bounds that the code behind relies on; the manual tells all of them. */
static void check_bounds(const struct options *o)
{
	fuzz_check(o->snaplen >= 1 && o->snaplen <= PACKET_MAX_CAPLEN);
	fuzz_check(o->interface_count <= OPTIONS_INTERFACES_MAX);
	for (unsigned i = 0; i < o->interface_count; i++)
		fuzz_check(memchr(o->interfaces[i], '\0', IF_NAMESIZE) != NULL);
	fuzz_check(o->idle_timeout_ns > 0 && o->linger_ns >= 0 && o->uuid_wait_ns >= 0);
	fuzz_check(o->max_duration_ns >= 0 && o->flush_interval_ns > 0 && o->max_age_ns >= 0);
	fuzz_check(o->max_memory_bytes > 0 && o->max_flows > 0 && o->ring_bytes > 0);
	fuzz_check(o->policy.v4_bits <= 32 && o->policy.v6_bits <= 128);
	fuzz_check(o->codec.kind <= CODEC_ISAL && o->codec.level >= 0 && o->codec.level <= 9);
	check_share(&o->min_free);
	check_share(&o->min_inodes);
}

static void check_left(const struct words *w, const struct options *o)
{
	fuzz_check(o->arg_count < (unsigned)w->argc);
	for (unsigned i = 0; i < o->arg_count; i++) {
		bool found = false;

		for (int j = 1; j < w->argc; j++)
			found = found || w->argv[j] == o->args[i];
		fuzz_check(found);
	}
}

/*
 * A complaint leaves getopt_long(3) within a word like -xyz: what it remembers of that must go, as
 * a process parses one command line only. 0 makes it forget, see NOTES there.
 */
static int parse(const struct command *c, struct words *w, struct options *ret_options)
{
	static char name[] = "fuzz";
	char *const nothing[] = {name, NULL};

	optind = 0;
	(void)getopt_long(1, nothing, "", NULL, NULL);
	return options_parse(c, w->argc, w->argv, ret_options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	const struct command *c = &commands[fuzz_u8(&in) % (sizeof(commands) / sizeof(*commands))];
	struct options o, again;
	struct words w = {.argc = 0};
	int rv;

	take_words(&in, c->name, &w);
	fuzz_hush();
	rv = parse(c, &w, &o);
	fuzz_check(rv == 0 || rv == 1 || rv == -EINVAL);
	if (rv == 0) {
		check_bounds(&o);
		check_left(&w, &o);
		fuzz_check(parse(c, &w, &again) == 0);
		fuzz_check(again.arg_count == o.arg_count && again.snaplen == o.snaplen);
		fuzz_check(again.idle_timeout_ns == o.idle_timeout_ns && again.dir == o.dir);
	}
	fuzz_speak();
	forget(&w);
	return 0;
}
