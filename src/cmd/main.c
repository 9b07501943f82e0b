/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep: archives network traffic one flow at a time. This file picks the sub-command. */
#include "config.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "capture/libpcap.h"
#include "cmd/commands.h"

static const struct command commands[] = {
    {"split", COMMAND_SPLIT, "FILE...", "Archive capture files: one gzip'd pcap per flow",
	cmd_split},
    {"capture", COMMAND_CAPTURE, "[BPF words]",
	"Archive what passes on network interfaces, flow by flow", cmd_capture},
    {"fetch", COMMAND_FETCH, "UUID... | -e EXPRESSION", "Give flows back as one capture",
	cmd_fetch},
    {"find", COMMAND_FIND, "[EXPRESSION]", "List the flows of an archive", cmd_find},
    {"verify", COMMAND_VERIFY, "",
	"Check every file and index row of an archive against each other", cmd_verify},
    {"reindex", COMMAND_REINDEX, "", "Build the index of an archive anew from its files",
	cmd_reindex},
    {"pin", COMMAND_PIN, "UUID...", "Keep flows for good, whatever is pruned", cmd_pin},
    {"prune", COMMAND_PRUNE, "", "Remove the oldest flows of an archive", cmd_prune},
    {"pack", COMMAND_PACK, "", "Move the flow files of days that are over into segments", cmd_pack},
    {"du", COMMAND_DU, "", "Show what the days of an archive hold and take", cmd_du},
    {"events", COMMAND_EVENTS, "", "Serve events of TCP connections from this host's kernel",
	cmd_events},
    {NULL, 0, NULL, NULL, NULL}};

static const struct command *find_command(const char *name)
{
	const struct command *c = commands;

	while (c->name != NULL && strcmp(c->name, name) != 0)
		c++;
	return c->name != NULL ? c : NULL;
}

static void print_usage(FILE *to)
{
	(void)fprintf(to, "usage: flowkeep COMMAND -d DIR [options] ...\n\n"
			  "Archives network traffic one flow at a time.\n\ncommands:\n");
	for (const struct command *c = commands; c->name != NULL; c++)
		(void)fprintf(to, "  %-10s %s\n", c->name, c->summary);
	(void)fprintf(
	    to, "  %-10s %s\n", "help", "Print how a command is used: flowkeep help COMMAND");
	(void)fprintf(to, "\n  --version  Print versions of flowkeep and of its libraries\n");
}

static void print_version(void)
{
	const char *why = "";
	const struct libpcap *pcap = libpcap_load(&why);
	struct codec c = codec_default();
	char codec[CODEC_TEXT_SIZE];

	(void)printf("flowkeep %s\n%s\nSQLite %s\nzlib %s\ndefault codec %s\n", PACKAGE_VERSION,
	    pcap != NULL ? pcap->pcap_lib_version() : why, sqlite3_libversion(), zlibVersion(),
	    codec_text(c, codec));
}

static int unknown_command(const char *name)
{
	char printable[128];

	log_error("options", "no command '%s'; see 'flowkeep help'",
	    log_printable(printable, sizeof(printable), name));
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_usage(stdout);
		return EXIT_OK;
	}
	c = find_command(argv[1]);
	if (c == NULL)
		return unknown_command(argv[1]);
	options_help(c);
	return EXIT_OK;
}

static int run(const struct command *c, int argc, char **argv)
{
	struct options o;
	int rv = options_parse(c, argc, argv, &o);

	if (rv != 0)
		return rv > 0 ? EXIT_OK : EXIT_USAGE;
	if (o.quiet)
		log_set_level(LOG_WARNING);
	else
		log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	return c->run(&o);
}

int main(int argc, char **argv)
{
	const struct command *c;

	(void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2), like any other */
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		print_version();
		return EXIT_OK;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)
		return help(argc - 1, argv + 1);
	c = find_command(argv[1]);
	return c != NULL ? run(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}
