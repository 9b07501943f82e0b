/* SPDX-License-Identifier: BSD-2-Clause */
/* See options.h. A new option is a row of `defs` (and, where its kind is new, a setter). */
#include "cmd/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/slab.h"
#include "capture/netif.h"
#include "cmd/commands.h"
#include "packet/decode.h"
#include "packet/packet.h"
#include "packet/prefixset.h"
#include "save/saver.h"

/* Bits of commands, as main.c gives them. */
enum {
	SPLIT = COMMAND_SPLIT,
	FETCH = COMMAND_FETCH,
	FIND = COMMAND_FIND,
	VERIFY = COMMAND_VERIFY,
	REINDEX = COMMAND_REINDEX,
	CAPTURE = COMMAND_CAPTURE,
	EVENTS = COMMAND_EVENTS,
	PRUNE = COMMAND_PRUNE,
	PACK = COMMAND_PACK,
	PIN = COMMAND_PIN,
	DU = COMMAND_DU,
	INPUT = SPLIT | CAPTURE,
	DIR = INPUT | FETCH | FIND | VERIFY | REINDEX | PRUNE | PACK | PIN | DU,
	ALL = DIR | EVENTS
};

#define YEARS_10_NS (INT64_C(3650) * 86400 * 1000000000)

enum kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER, KIND_SIZE, KIND_DURATION, KIND_SPECIAL };

struct option_def {
	const char *name;
	char letter; /* 0: none */
	unsigned commands;
	enum kind kind;
	size_t offset;    /* of the field in struct options */
	int64_t min, max; /* legal values of numbers */
	/* KIND_SPECIAL: sets the field; 0, or a negative errno */
	int (*set)(struct options *o, const char *value);
	const char *legal; /* KIND_SPECIAL: what is legal, for complaint and help */
	const char *arg;   /* name of the value in the help; NULL: takes none */
	const char *help;
};

/* Finds value among words; -EINVAL. */
static int choose(const char *const *words, const char *value)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -EINVAL;
}

static int set_progress(struct options *o, const char *value)
{
	static const char *const words[] = {"auto", "always", "never", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->progress = (enum progress_mode)i;
	return i < 0 ? i : 0;
}

static int set_sync(struct options *o, const char *value)
{
	static const char *const words[] = {"none", "group", "each", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->sync = (enum sync_mode)i;
	return i < 0 ? i : 0;
}

static int set_format(struct options *o, const char *value)
{
	static const char *const words[] = {"table", "json", "csv", "uuid", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->format = (enum find_format)i;
	return i < 0 ? i : 0;
}

static int set_fetch_format(struct options *o, const char *value)
{
	static const char *const words[] = {"pcap", "pcapng", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->fetch_format = (enum fetch_format)i;
	return i < 0 ? i : 0;
}

static int set_du_format(struct options *o, const char *value)
{
	return strcmp(value, "uuid") != 0 ? set_format(o, value) : -EINVAL;
}

static int set_sort(struct options *o, const char *value)
{
	static const char *const words[] = {"start", "end", "duration", "packets", "bytes", NULL};
	bool descending = value[0] == '-';
	int i = choose(words, value + descending);

	if (i < 0)
		return i;
	o->order = (enum query_order)i;
	o->descending = descending;
	return 0;
}

static int set_store(struct options *o, const char *value)
{
	static const char *const words[] = {"files", "segments", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->store = (enum store_kind)i;
	return i < 0 ? i : 0;
}

/* "10GiB", or "5%". */
static int set_share(const char *value, int (*parse)(const char *, uint64_t *), struct share *share)
{
	size_t n = strspn(value, "0123456789.");
	char *end;

	if (n == 0 || strcmp(value + n, "%") != 0) {
		share->percent = 0;
		return parse(value, &share->amount);
	}
	share->amount = 0;
	share->percent = strtod(value, &end);
	return end == value + n && share->percent > 0 && share->percent < 100 ? 0 : -ERANGE;
}

static int parse_bytes(const char *value, uint64_t *ret_bytes)
{
	return parse_size(value, 1, INT64_MAX, ret_bytes);
}

static int parse_inodes(const char *value, uint64_t *ret_inodes)
{
	return parse_number(value, 1, INT64_MAX, ret_inodes);
}

static int set_min_free(struct options *o, const char *value)
{
	return set_share(value, parse_bytes, &o->min_free);
}

static int set_min_inodes(struct options *o, const char *value)
{
	return set_share(value, parse_inodes, &o->min_inodes);
}

static int set_compress(struct options *o, const char *value)
{
	return codec_parse(value, &o->codec);
}

/* One word of the list. */
static int add_protocol(struct options *o, const char *word, size_t len)
{
	static const struct {
		const char *name;
		uint8_t numbers[2];
	} known[] = {{"tcp", {DECODE_TCP, DECODE_TCP}}, {"udp", {DECODE_UDP, DECODE_UDP}},
	    {"icmp", {DECODE_ICMP, DECODE_ICMP6}}, {"sctp", {DECODE_SCTP, DECODE_SCTP}}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == len && memcmp(known[i].name, word, len) == 0) {
			o->protocols[known[i].numbers[0]] = o->protocols[known[i].numbers[1]] =
			    true;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_protocols(struct options *o, const char *value)
{
	bool all = strcmp(value, "all") == 0;

	memset(o->protocols, all, sizeof(o->protocols));
	while (!all) {
		size_t len = strcspn(value, ",");

		if (add_protocol(o, value, len) != 0)
			return -EINVAL;
		if (value[len] == '\0')
			break;
		value += len + 1;
	}
	return 0;
}

static int set_payload(struct options *o, const char *value)
{
	return policy_parse_payload(value, &o->policy);
}

static int set_anonymize(struct options *o, const char *value)
{
	return policy_parse_addresses(value, &o->policy);
}

static int set_exempt(struct options *o, const char *value)
{
	struct prefixset *set = NULL;
	int rv;

	if (strcmp(value, "local") == 0) {
		o->anonymize_exempt = "auto";
		return 0;
	}
	rv = prefixset_new(&set);
	if (rv == 0)
		rv = prefixset_add_list(set, value);
	prefixset_free(set);
	if (rv == 0)
		o->anonymize_exempt = value;
	return rv;
}

static int set_uuid_missing(struct options *o, const char *value)
{
	static const char *const words[] = {"generate", "drop", NULL};
	int i = choose(words, value);

	if (i >= 0)
		o->uuid_missing = (enum uuid_missing)i;
	return i < 0 ? i : 0;
}

static int add_interface(struct options *o, const char *name, size_t len)
{
	char *copy;

	if (len == 0 || len >= IF_NAMESIZE || o->interface_count == OPTIONS_INTERFACES_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < o->interface_count; i++)
		if (strlen(o->interfaces[i]) == len && memcmp(o->interfaces[i], name, len) == 0)
			return 0; /* twice would archive its packets twice */
	copy = o->interfaces[o->interface_count++];
	memcpy(copy, name, len);
	copy[len] = '\0';
	return 0;
}

static int add_interfaces(struct options *o, const char *value)
{
	int rv;

	if (o->interfaces_preset)
		o->interface_count = 0;
	o->interfaces_preset = false;
	for (;;) {
		size_t len = strcspn(value, ",");

		if ((rv = add_interface(o, value, len)) != 0 || value[len] == '\0')
			return rv;
		value += len + 1;
	}
}

#define FIELD(name) offsetof(struct options, name)

static const struct option_def defs[] = {
    {"dir", 'd', DIR, KIND_TEXT, FIELD(dir), 0, 0, NULL, NULL, "DIR", "the archive (needed)"},
    {"filter", 'f', INPUT, KIND_TEXT, FIELD(filter), 0, 0, NULL, NULL, "EXPR",
	"archive only packets that match, in tcpdump's language"},
    {"snaplen", 's', INPUT, KIND_NUMBER, FIELD(snaplen), 64, PACKET_MAX_CAPLEN, NULL, NULL, "BYTES",
	"keep at most this much of each packet (default 262144)"},
    {"protocols", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_protocols,
	"tcp, udp, icmp, sctp joined by commas, or all", "LIST",
	"protocols to archive: tcp,udp,icmp,sctp or all (default tcp)"},
    {"payload", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_payload,
	"full, headers, zero, or 0 to 262144 bytes", "WHAT",
	"transport payload that is kept: full, headers (none), zero (as zeros) or BYTES\n"
	"                             (default full)"},
    {"anonymize", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_anonymize,
	"none, cryptopan, netblock, or netblock:V4,V6 (0 to 32 and 0 to 128 bits that stay)", "HOW",
	"what becomes of addresses: none (they stay), netblock[:V4,V6] or cryptopan\n"
	"                             (default none; netblock is netblock:24,48)"},
    {"anonymize-exempt", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_exempt,
	"addresses and prefixes joined by commas, or local", "WHICH",
	"addresses that stay: CIDR,... or local (this host's)"},
    {"anonymize-key", 0, INPUT, KIND_TEXT, FIELD(anonymize_key), 0, 0, NULL, NULL, "FILE",
	"the secret of cryptopan and --anonymize-mac; made if it is missing"},
    {"anonymize-mac", 0, INPUT, KIND_FLAG, FIELD(policy.macs), 0, 0, NULL, NULL, NULL,
	"replace hardware addresses too"},
    {"idle-timeout", 0, INPUT, KIND_DURATION, FIELD(idle_timeout_ns), 1000000, YEARS_10_NS, NULL,
	NULL, "TIME", "one tick: a flow ends after two without a packet (default 30s)"},
    {"linger", 0, INPUT, KIND_DURATION, FIELD(linger_ns), 1000000, YEARS_10_NS, NULL, NULL, "TIME",
	"silence after which an ended flow is published (default 2s)"},
    {"max-duration", 0, INPUT, KIND_DURATION, FIELD(max_duration_ns), 1000000, YEARS_10_NS, NULL,
	NULL, "TIME", "skip packets later than this after a flow's first (default: none)"},
    {"max-bytes", 0, INPUT, KIND_SIZE, FIELD(max_bytes), 1, INT64_MAX, NULL, NULL, "SIZE",
	"skip packets beyond this many archived bytes of a flow (default: none)"},
    {"max-memory", 0, INPUT, KIND_SIZE, FIELD(max_memory_bytes), SLAB_MIN_BYTES, INT64_C(1) << 44,
	NULL, NULL, "SIZE", "packets held in memory, at most (default 1GiB)"},
    {"max-flows", 0, INPUT, KIND_NUMBER, FIELD(max_flows), 1, 1000000000, NULL, NULL, "N",
	"flows alive at once, at most (default 1000000)"},
    {"savers", 0, INPUT, KIND_NUMBER, FIELD(savers), 1, SAVER_MAX, NULL, NULL, "N",
	"threads that compress and write (default: one per core; capture: one less)"},
    {"compress", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_compress,
	"none, zlib:1 to zlib:9, and isal:0 to isal:3 where built in", "CODEC",
	"isal:0..3, zlib:1..9 or none (default isal:0 where built in, else zlib:1)"},
    {"sync", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_sync, "none, group or each", "MODE",
	"what is on disk before it is indexed: none, group or each (default group)"},
    {"store", 0, INPUT, KIND_SPECIAL, 0, 0, 0, set_store, "files or segments", "KIND",
	"a file per flow, or many in one: files or segments (default files)"},
    {"segment-size", 0, INPUT | PACK, KIND_SIZE, FIELD(segment_bytes), 65536, INT64_C(1) << 36,
	NULL, NULL, "SIZE", "segments are closed at this size (default 256MiB)"},
    {"segment-age", 0, INPUT, KIND_DURATION, FIELD(segment_age_ns), 1000000, YEARS_10_NS, NULL,
	NULL, "TIME", "segments are closed at this age (default 1h)"},
    {"max-disk", 0, CAPTURE | PRUNE, KIND_SIZE, FIELD(max_disk_bytes), 1, INT64_MAX, NULL, NULL,
	"SIZE", "remove what is oldest, so that the archive takes no more"},
    {"min-free", 0, CAPTURE | PRUNE, KIND_SPECIAL, 0, 0, 0, set_min_free,
	"a size, or a part of the file system from above 0% to below 100%", "SIZE|N%",
	"the same, so that the file system has so much left"},
    {"min-inodes", 0, CAPTURE | PRUNE, KIND_SPECIAL, 0, 0, 0, set_min_inodes,
	"a number, or a part of the file system's from above 0% to below 100%", "N|N%",
	"the same, so that so many inodes are left"},
    {"max-age", 0, CAPTURE | PRUNE, KIND_DURATION, FIELD(max_age_ns), 1000000, YEARS_10_NS, NULL,
	NULL, "TIME", "remove parts of flows whose last packet is older"},
    {"dry-run", 0, PRUNE, KIND_FLAG, FIELD(dry_run), 0, 0, NULL, NULL, NULL,
	"say what would go, and remove nothing"},
    {"older-than", 0, PACK, KIND_DURATION, FIELD(older_than_ns), 1000000, YEARS_10_NS, NULL, NULL,
	"TIME", "pack days that ended at least so long ago (default 1d)"},
    {"remove", 0, PIN, KIND_FLAG, FIELD(remove), 0, 0, NULL, NULL, NULL,
	"keep these flows no longer than others"},
    {"repair", 0, VERIFY, KIND_FLAG, FIELD(repair), 0, 0, NULL, NULL, NULL,
	"mend what can be mended, move the rest to damaged/"},
    {"vlan-key", 0, INPUT, KIND_FLAG, FIELD(vlan_key), 0, 0, NULL, NULL, NULL,
	"tell flows apart by their VLAN ids too"},
    {"json", 0, INPUT, KIND_FLAG, FIELD(json), 0, 0, NULL, NULL, NULL,
	"print the whole ledger as one JSON object at the end"},
    {"interface", 'i', CAPTURE, KIND_SPECIAL, 0, 0, 0, add_interfaces,
	"names of interfaces, at most 15 bytes each, joined by commas; at most 64", "IF",
	"capture there; may be repeated; any is all (default: all that are up, see the manual)"},
    {"events", 0, CAPTURE, KIND_TEXT, FIELD(events_path), 0, 0, NULL, NULL, "SOCKET",
	"learn UUIDs from the event server that listens there"},
    {"uuid-wait", 0, CAPTURE, KIND_DURATION, FIELD(uuid_wait_ns), 1000000, YEARS_10_NS, NULL, NULL,
	"TIME", "a flow without a name is not published before (default 5s)"},
    {"uuid-missing", 0, CAPTURE, KIND_SPECIAL, 0, 0, 0, set_uuid_missing, "generate or drop",
	"WHAT", "flows that no event named: generate a UUID, or drop them (default generate)"},
    {"ring-size", 0, CAPTURE, KIND_SIZE, FIELD(ring_bytes), NETIF_RING_MIN_BYTES,
	NETIF_RING_MAX_BYTES, NULL, NULL, "SIZE",
	"the kernel's buffer per interface (default 64MiB)"},
    {"flush-interval", 0, CAPTURE, KIND_DURATION, FIELD(flush_interval_ns), 10000000, YEARS_10_NS,
	NULL, NULL, "TIME", "packets are on their way to disk by then (default 10s)"},
    {"local", 0, CAPTURE, KIND_TEXT, FIELD(local), 0, 0, NULL, NULL, "WHICH",
	"keep packets of these addresses alone: auto (this host's), none (all pass), or\n"
	"                             CIDR,... (default none)"},
    {"metrics", 0, CAPTURE, KIND_TEXT, FIELD(metrics), 0, 0, NULL, NULL, "ADDR:PORT",
	"serve Prometheus metrics there"},
    {"user", 0, CAPTURE, KIND_TEXT, FIELD(user), 0, 0, NULL, NULL, "NAME",
	"become this user once the interfaces are open"},
    {"promiscuous", 0, CAPTURE, KIND_FLAG, FIELD(promiscuous), 0, 0, NULL, NULL, NULL,
	"capture also what is for other hosts"},
    {"no-reopen", 0, CAPTURE, KIND_FLAG, FIELD(no_reopen), 0, 0, NULL, NULL, NULL,
	"keep no privilege to open an interface again that was removed"},
    {"no-seccomp", 0, CAPTURE, KIND_FLAG, FIELD(no_seccomp), 0, 0, NULL, NULL, NULL,
	"do not limit the system calls that flowkeep may make"},
    {"check", 0, CAPTURE, KIND_FLAG, FIELD(check), 0, 0, NULL, NULL, NULL,
	"check that all of this would work, create nothing, and exit"},
    {"list-interfaces", 'D', CAPTURE, KIND_FLAG, FIELD(list_interfaces), 0, 0, NULL, NULL, NULL,
	"list the interfaces, and exit"},
    {"listen", 0, EVENTS, KIND_TEXT, FIELD(listen_path), 0, 0, NULL, NULL, "SOCKET",
	"serve the events there (needed)"},
    {"prefix-file", 0, EVENTS, KIND_TEXT, FIELD(prefix_file), 0, 0, NULL, NULL, "FILE",
	"what UUIDs begin with (default: see the manual)"},
    {"write", 'w', FETCH, KIND_TEXT, FIELD(write_path), 0, 0, NULL, NULL, "FILE",
	"write the pcap there instead of to the standard output"},
    {"expression", 'e', FETCH, KIND_TEXT, FIELD(expression), 0, 0, NULL, NULL, "EXPR",
	"fetch the flows that fulfil it, as find finds them"},
    {"format", 0, FETCH, KIND_SPECIAL, 0, 0, 0, set_fetch_format, "pcap or pcapng", "FORMAT",
	"pcap, or pcapng with UUIDs and records as comments (default pcap)"},
    {"gzip", 0, FETCH, KIND_FLAG, FIELD(gzip), 0, 0, NULL, NULL, NULL, "compress what is written"},
    {"raw", 0, FETCH, KIND_FLAG, FIELD(raw), 0, 0, NULL, NULL, NULL,
	"copy what is stored without inflating it, flow after flow"},
    {"format", 0, FIND, KIND_SPECIAL, 0, 0, 0, set_format, "table, json, csv or uuid", "FORMAT",
	"table, json, csv or uuid (default table)"},
    {"format", 0, DU, KIND_SPECIAL, 0, 0, 0, set_du_format, "table, json or csv", "FORMAT",
	"table, json or csv (default table)"},
    {"limit", 0, FIND | FETCH, KIND_NUMBER, FIELD(limit), 1, INT64_MAX, NULL, NULL, "N",
	"at most this many flows"},
    {"sort", 0, FIND, KIND_SPECIAL, 0, 0, 0, set_sort,
	"start, end, duration, packets or bytes, and a - in front for the largest first", "KEY",
	"start, end, duration, packets or bytes; -KEY: largest first (default start)"},
    {"count", 0, FIND, KIND_FLAG, FIELD(count), 0, 0, NULL, NULL, NULL,
	"print how many there are, and nothing else"},
    {"relative", 0, FIND, KIND_FLAG, FIELD(relative), 0, 0, NULL, NULL, NULL,
	"table: print how long ago a flow began"},
    {"progress", 0, INPUT | VERIFY, KIND_SPECIAL, 0, 0, 0, set_progress, "auto, always or never",
	"WHEN", "a progress line: auto, always or never (default auto)"},
    {"quiet", 'q', ALL, KIND_FLAG, FIELD(quiet), 0, 0, NULL, NULL, NULL,
	"say only what went wrong"},
    {"verbose", 'v', ALL, KIND_FLAG, FIELD(verbose), 0, 0, NULL, NULL, NULL, "say more"},
};

enum { DEFS = sizeof(defs) / sizeof(defs[0]) };

static void set_defaults(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->snaplen = PACKET_MAX_CAPLEN;
	o->protocols[DECODE_TCP] = true;
	o->idle_timeout_ns = INT64_C(30000000000);
	o->linger_ns = INT64_C(2000000000);
	o->max_memory_bytes = UINT64_C(1) << 30;
	o->max_flows = 1000000;
	o->codec = codec_default();
	o->sync = SYNC_GROUP;
	o->uuid_wait_ns = INT64_C(5000000000);
	o->ring_bytes = UINT64_C(64) << 20;
	o->flush_interval_ns = INT64_C(10000000000);
	o->local = "none";
	o->older_than_ns = INT64_C(86400) * 1000000000;
}

/* The legal values of an option, in words. */
static const char *legal_text(const struct option_def *d, char *buf, size_t size)
{
	char low[PARSE_TEXT_SIZE], high[PARSE_TEXT_SIZE];

	switch (d->kind) {
	case KIND_SPECIAL:
		return d->legal;
	case KIND_FLAG:
		return "yes or no";
	case KIND_NUMBER:
		(void)snprintf(buf, size, "%lld to %lld", (long long)d->min, (long long)d->max);
		break;
	case KIND_SIZE:
		(void)snprintf(buf, size, "%s to %s", parse_size_text((uint64_t)d->min, low),
		    d->max == INT64_MAX ? "8EiB" : parse_size_text((uint64_t)d->max, high));
		break;
	case KIND_DURATION:
		(void)snprintf(buf, size, "%s to %s", parse_duration_text(d->min, low),
		    parse_duration_text(d->max, high));
		break;
	case KIND_TEXT:
		return "any text but an empty one";
	}
	return buf;
}

static int set_flag(bool *field, const char *value)
{
	static const char *const yes[] = {"yes", "1", "true", "on", NULL};
	static const char *const no[] = {"no", "0", "false", "off", "", NULL};

	if (value != NULL && choose(yes, value) < 0 && choose(no, value) < 0)
		return -EINVAL;
	*field = value == NULL || choose(yes, value) >= 0;
	return 0;
}

/* Sets one option's field. value is NULL for a flag on the command line. */
static int set_value(const struct option_def *d, const char *value, struct options *o)
{
	void *field = (char *)o + d->offset;

	switch (d->kind) {
	case KIND_FLAG:
		return set_flag(field, value);
	case KIND_TEXT:
		if (value[0] == '\0')
			return -EINVAL;
		*(const char **)field = value;
		return 0;
	case KIND_NUMBER:
		return parse_number(value, (uint64_t)d->min, (uint64_t)d->max, field);
	case KIND_SIZE:
		return parse_size(value, (uint64_t)d->min, (uint64_t)d->max, field);
	case KIND_DURATION:
		return parse_duration(value, d->min, d->max, field);
	case KIND_SPECIAL:
		return d->set(o, value);
	}
	return -EINVAL;
}

static int complain(const struct option_def *d, const char *name, const char *value, int rv)
{
	char buf[96], printable[256];

	(void)log_printable(printable, sizeof(printable), value != NULL ? value : "");
	log_error("options", "%s: '%s' is %s; legal: %s", name, printable,
	    rv == -ERANGE    ? "out of range"
	    : rv == -ENOTSUP ? "not built into this flowkeep"
			     : "not a legal value",
	    legal_text(d, buf, sizeof(buf)));
	return -EINVAL;
}

/* "max-memory" to "FLOWKEEP_MAX_MEMORY". */
static void env_name(const char *name, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "FLOWKEEP_%s", name);

	assert(n < size);
	for (char *p = buf; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

static int take_environment(const struct command *c, struct options *o)
{
	char name[64];

	for (int i = 0; i < DEFS; i++) {
		const char *value;
		int rv;

		if (!(defs[i].commands & c->bit))
			continue;
		env_name(defs[i].name, name, sizeof(name));
		value = getenv(name);
		if (value == NULL)
			continue;
		rv = set_value(&defs[i], value, o);
		if (rv != 0)
			return complain(&defs[i], name, value, rv);
	}
	o->interfaces_preset = o->interface_count > 0;
	return 0;
}

/* What getopt_long(3) needs, for the options of one command. */
struct getopt_tables {
	struct option longs[DEFS + 2];
	char letters[2 * DEFS + 4];
};

enum { VAL_HELP = 1000, VAL_LONG };

static void make_tables(const struct command *c, struct getopt_tables *t)
{
	size_t n = 0, l = 0;

	memset(t, 0, sizeof(*t));
	t->letters[l++] = ':';
	for (int i = 0; i < DEFS; i++) {
		const struct option_def *d = &defs[i];

		if (!(d->commands & c->bit))
			continue;
		t->longs[n++] = (struct option){
		    d->name, d->arg != NULL ? required_argument : no_argument, NULL, VAL_LONG + i};
		if (d->letter != 0) {
			t->letters[l++] = d->letter;
			if (d->arg != NULL)
				t->letters[l++] = ':';
		}
	}
	t->letters[l++] = 'h';
	t->longs[n] = (struct option){"help", no_argument, NULL, VAL_HELP};
}

static const struct option_def *def_for(const struct command *c, int val)
{
	if (val >= VAL_LONG)
		return &defs[val - VAL_LONG];
	for (int i = 0; i < DEFS; i++)
		if ((defs[i].commands & c->bit) && defs[i].letter == val)
			return &defs[i];
	return NULL;
}

static int bad_option(const struct command *c, int val, char **argv)
{
	char word[128];

	if (optopt != 0 && optopt < VAL_HELP)
		(void)snprintf(word, sizeof(word), "-%c", optopt);
	else
		(void)log_printable(word, sizeof(word), argv[optind - 1]);
	if (val == ':')
		log_error("options", "%s needs a value; see 'flowkeep help %s'", word, c->name);
	else
		log_error("options", "%s is not an option of %s; see 'flowkeep help %s'", word,
		    c->name, c->name);
	return -EINVAL;
}

static int take_command_line(const struct command *c, int argc, char **argv, struct options *o)
{
	struct getopt_tables t;
	int val;

	make_tables(c, &t);
	opterr = 0;
	optind = 0; /* glibc: forget all of an earlier parse, getopt(3) */
	while ((val = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
		const struct option_def *d;
		char name[64];
		int rv;

		if (val == VAL_HELP || val == 'h') {
			options_help(c);
			return 1;
		}
		d = val == '?' || val == ':' ? NULL : def_for(c, val);
		if (d == NULL)
			return bad_option(c, val, argv);
		rv = set_value(d, optarg, o);
		if (rv != 0) {
			(void)snprintf(name, sizeof(name), "--%s", d->name);
			return complain(d, name, optarg, rv);
		}
	}
	o->args = argv + optind;
	o->arg_count = (unsigned)(argc - optind);
	return 0;
}

int options_parse(const struct command *c, int argc, char **argv, struct options *ret_options)
{
	int rv;

	set_defaults(ret_options);
	rv = take_environment(c, ret_options);
	if (rv == 0)
		rv = take_command_line(c, argc, argv, ret_options);
	if (rv == 0 && ret_options->dir == NULL && (c->bit & DIR) &&
	    !ret_options->list_interfaces) {
		log_error("options", "%s needs -d DIR, the archive", c->name);
		rv = -EINVAL;
	}
	return rv;
}

void options_help(const struct command *c)
{
	(void)printf("usage: flowkeep %s%s [options]%s%s\n\n%s.\n\noptions:\n", c->name,
	    c->bit & DIR ? " -d DIR" : " --listen SOCKET", c->args[0] ? " " : "", c->args,
	    c->summary);
	for (int i = 0; i < DEFS; i++) {
		const struct option_def *d = &defs[i];
		char left[64];

		if (!(d->commands & c->bit))
			continue;
		(void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s", d->letter ? '-' : ' ',
		    d->letter ? d->letter : ' ', d->letter ? ',' : ' ', d->name, d->arg ? " " : "",
		    d->arg ? d->arg : "");
		(void)printf("  %-26s %s\n", left, d->help);
	}
	(void)printf("  -h, --help                 print this\n\n"
		     "Every long option can be set in the environment: FLOWKEEP_MAX_MEMORY for "
		     "--max-memory.\n"
		     "The manual: man flowkeep-%s\n",
	    c->name);
}
