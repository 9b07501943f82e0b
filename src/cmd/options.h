/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: one table of all options, from which parsing, the environment
 * (FLOWKEEP_<OPTION>), the help texts and the tests of the man pages are made.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/store.h"
#include "fetch/query.h"
#include "flow/demux.h"
#include "pcapfile/gzmember.h"

/* Exit statuses, the same for all commands; each man page says what they mean there. */
enum { EXIT_OK = 0, EXIT_PARTLY = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3 };

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };
enum { OPTIONS_INTERFACES_MAX = 64 };
enum find_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV, FORMAT_UUID };
enum fetch_format { FETCH_PCAP, FETCH_PCAPNG };

/* A limit in bytes (or inodes), or in per cent of what the file system has. */
struct share {
	uint64_t amount; /* 0 and percent 0: no limit */
	double percent;
};

struct options {
	/* all commands */
	const char *dir;
	bool quiet;
	bool verbose;
	enum progress_mode progress;

	/* split, capture */
	const char *filter; /* NULL: none */
	uint64_t snaplen;   /* 1..PACKET_MAX_CAPLEN */
	struct policy policy;
	const char *anonymize_exempt; /* as local_new takes it; NULL: no address is */
	const char *anonymize_key;    /* NULL: none */
	bool protocols[256];
	int64_t idle_timeout_ns;
	int64_t linger_ns;
	int64_t max_duration_ns; /* 0: no limit */
	uint64_t max_bytes;      /* 0: no limit */
	uint64_t max_memory_bytes;
	uint64_t max_flows;
	uint64_t savers; /* 0: as many as there are cores */
	struct codec codec;
	enum sync_mode sync;
	bool vlan_key;
	bool json;
	enum store_kind store;
	uint64_t segment_bytes;
	int64_t segment_age_ns;

	/* capture */
	char interfaces[OPTIONS_INTERFACES_MAX][IF_NAMESIZE];
	unsigned interface_count; /* 0: all that are up, see netlist_default */
	bool interfaces_preset; /* they came from the environment: the command line replaces them */
	const char *events_path; /* NULL: no events */
	int64_t uuid_wait_ns;
	enum uuid_missing uuid_missing;
	uint64_t ring_bytes;
	int64_t flush_interval_ns;
	const char *local;
	const char *metrics; /* NULL: none */
	const char *user;    /* NULL: stay who we are */
	bool no_reopen;
	bool no_seccomp;
	bool promiscuous;
	bool check;
	bool list_interfaces;

	/* events */
	const char *listen_path;
	const char *prefix_file; /* NULL: see flowkeep-events(1) */

	/* capture, prune: what the archive may take; see retain.h */
	uint64_t max_disk_bytes; /* 0: no limit */
	struct share min_free, min_inodes;
	int64_t max_age_ns; /* 0: no limit */

	/* fetch, find */
	const char *write_path; /* NULL: standard output */
	const char *expression; /* fetch; NULL: UUIDs are named */
	enum fetch_format fetch_format;
	bool gzip;
	bool raw;
	enum find_format format;
	enum query_order order;
	bool descending;
	bool count;
	bool relative;  /* times in the table as how long ago */
	uint64_t limit; /* 0: no limit */

	/* verify, prune, pack, pin */
	bool repair;
	bool dry_run;
	bool remove; /* pin: undo it */
	int64_t older_than_ns;

	/* what follows the options */
	char *const *args;
	unsigned arg_count;
};

/* Which commands take an option: bits of their numbers. */
enum {
	COMMAND_SPLIT = 1,
	COMMAND_FETCH = 2,
	COMMAND_FIND = 4,
	COMMAND_VERIFY = 8,
	COMMAND_REINDEX = 16,
	COMMAND_CAPTURE = 32,
	COMMAND_EVENTS = 64,
	COMMAND_PRUNE = 128,
	COMMAND_PACK = 256,
	COMMAND_PIN = 512,
	COMMAND_DU = 1024
};

struct command {
	const char *name;
	unsigned bit;     /* COMMAND_ */
	const char *args; /* for the synopsis: "FILE..." */
	const char *summary;
	int (*run)(const struct options *o); /* returns the exit status */
};

/*
 * options_parse - defaults, then the environment, then the command line of a command.
 *
 * Takes:    c; argc and argv from the command's name on.
 * Returns:  0; -EINVAL after saying what is wrong on the standard error; 1: --help was asked for,
 *           and printed.
 */
int options_parse(const struct command *c, int argc, char **argv, struct options *ret_options);

/* options_help - print how a command is used, on the standard output. */
void options_help(const struct command *c);

#endif
