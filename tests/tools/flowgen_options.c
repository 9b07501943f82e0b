/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowgen's command line: one table says every option's name, place, kind and bounds, so that each
 * refusal can name the legal range.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowgen_options.h"
#include "flowgen_random.h"

#define KIB UINT64_C(1024)
#define SEC UINT64_C(1000000000)

#define BYTES_MAX (UINT64_C(1) << 44)

/* Captures of real traffic shrink to 55..62 % under gzip -1; with this share the mix does. */
#define REAL_TEXT_PPM 650000u

static const char help_text[] =
    "usage: flowgen [options] OUT|-\n"
    "\n"
    "Writes a capture of interleaved, realistic TCP and UDP flows (Ethernet, IPv4 and IPv6).\n"
    "Same options, same bytes, on every machine. All checksums are valid, and all addresses are "
    "of\n"
    "the ranges kept for documentation and tests (10.0.0.0/8 for clients where those run out).\n"
    "\n"
    "What is written:\n"
    "  --format pcap|nspcap|pcapng  file format (default pcap: microseconds; others: nanoseconds)\n"
    "  --headers                    cut frames to 96 bytes, the original length is kept\n"
    "  --snaplen BYTES              cut frames to this (64..262144, default 262144)\n"
    "  --list FILE                  also write the truth, a line per flow in the order in which\n"
    "                               they end, tab separated: proto client_ip client_port "
    "server_ip\n"
    "                               server_port packets captured_bytes original_bytes first_ns\n"
    "                               last_ns end (fin, rst, none). Fragments count as packets. On "
    "a\n"
    "                               reused tuple every connection has its own line.\n"
    "  --seed N                     another N, another capture (default 1)\n"
    "  --start SECONDS              time of the first packet since 1970 UTC\n"
    "                               (default 1767323045, 2026-01-02T03:04:05Z)\n"
    "\n"
    "How much:\n"
    "  --preset NAME                options for a purpose; options given beside it win\n"
    "      mix         --flows 75000 --bytes 1GiB --udp-fraction 0\n"
    "                  --syn-only-fraction 0.01 --syn-retransmit-fraction 0.002\n"
    "                  --reuse-fraction 0.01 --text-fraction 0.65\n"
    "                  --small-segment-fraction 0.2\n"
    "      short       --flows 1000000 --packets 1:10 --udp-fraction 0 --text-fraction 0.65\n"
    "      elephants   --flows 20 --bytes 1GiB --interleave 20 --udp-fraction 0\n"
    "                  --text-fraction 0.65\n"
    "      concurrent  --flows 200000 --packets 1:1 --udp-fraction 0, all flows open at once:\n"
    "                  --interleave as many as --flows; --packets 8:12 gives them a whole life\n"
    "  --flows N                    flows (1..100000000, default 1000)\n"
    "  --packets N|MIN:MAX          frames per flow, evenly drawn; default: the heavy-tailed law\n"
    "  --bytes SIZE                 size of the capture (uncut): the flow of rank r has a share\n"
    "                               in proportion to 1/r (Zipf); reached within a few per cent,\n"
    "                               but a flow has at least one packet\n"
    "  --mean-bytes SIZE            the same, per flow (default 16KiB)\n"
    "\n"
    "In time:\n"
    "  --duration TIME              aim for the whole (default 60s); busy flows may take longer\n"
    "  --interleave N               at least N flows are open at once in the middle of the\n"
    "                               capture; N = --flows: all at once. Default: natural lives,\n"
    "                               from milliseconds to half of --duration\n"
    "\n"
    "What kind (fractions: 0.05 or 5%):\n"
    "  --v6-fraction F              flows over IPv6 (default 0.2)\n"
    "  --udp-fraction F             flows over UDP: DNS when small, media when large (0.05)\n"
    "  --vlan-fraction F            flows in an 802.1Q VLAN (0)\n"
    "  --payload text|random|mix    text: HTTP with pages that compress like HTML; random: TLS\n"
    "                               records that do not compress; mix (default): both\n"
    "  --text-fraction F            share of text in mix, by flows (0.3)\n"
    "  --fragment-fraction F        flows whose datagrams above 1280 bytes are fragmented (0)\n"
    "  --reuse-fraction F           TCP flows that take the tuple of one that has ended, with a\n"
    "                               new ISN, as far as such are there (0)\n"
    "  --midstream-fraction F       TCP flows that began before the capture: no handshake (0)\n"
    "  --syn-only-fraction F        TCP flows that are SYNs (1 to 6) without any answer (0)\n"
    "  --syn-retransmit-fraction F  TCP flows whose first SYN is lost and sent again (0)\n"
    "  --out-of-order-fraction F    data segments that come after their successor (0)\n"
    "  --small-segment-fraction F   TCP flows that never fill a segment, as programs that write\n"
    "                               little at a time: 100 to 600 bytes (0); not where --packets\n"
    "                               is given\n"
    "  --ends FIN:RST:NONE          weights of how TCP flows end (default 85:10:5). Flows too\n"
    "                               short for a FIN exchange end otherwise; two packets and\n"
    "                               RST > 0 make a refused connection\n"
    "\n"
    "  -v, --verbose                say at the end what was written\n"
    "  -h, --help                   this text\n"
    "\n"
    "Sizes: bytes, or with k M G (decimal) or KiB MiB GiB. Times: seconds, or with ms s m h.\n"
    "Memory: about 180 bytes per open flow. Exit: 0 written; 1 cannot write; 2 bad options.\n";

enum kind { KIND_NUMBER, KIND_SIZE, KIND_TIME, KIND_FRACTION };

struct numeric_option {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct flowgen_options; fractions are uint32_t, the others uint64_t */
	uint64_t min, max;
	const char *range; /* for the complaint */
};

#define AT(field) offsetof(struct flowgen_options, field)
#define FRACTION(n, at)                                                      \
	{                                                                    \
		n, KIND_FRACTION, AT(at), 0, FLOWGEN_PPM, "0..1 or 0%..100%" \
	}

static const struct numeric_option numeric_options[] = {
    {"seed", KIND_NUMBER, AT(seed), 0, INT64_MAX, "0..9223372036854775807"},
    {"flows", KIND_NUMBER, AT(flows), 1, 100000000, "1..100000000"},
    {"interleave", KIND_NUMBER, AT(interleave), 1, 100000000, "1..100000000"},
    {"bytes", KIND_SIZE, AT(bytes), 1, BYTES_MAX, "1..16384GiB"},
    {"duration", KIND_TIME, AT(duration_ns), SEC / 1000, 864000 * SEC, "1ms..240h"},
    {"start", KIND_TIME, AT(start_ns), 0, 4000000000 * SEC, "0..4000000000 seconds"},
    FRACTION("v6-fraction", v6_ppm),
    FRACTION("udp-fraction", udp_ppm),
    FRACTION("vlan-fraction", vlan_ppm),
    FRACTION("text-fraction", text_ppm),
    FRACTION("fragment-fraction", fragment_ppm),
    FRACTION("reuse-fraction", reuse_ppm),
    FRACTION("midstream-fraction", midstream_ppm),
    FRACTION("syn-only-fraction", syn_only_ppm),
    FRACTION("syn-retransmit-fraction", syn_retransmit_ppm),
    FRACTION("out-of-order-fraction", out_of_order_ppm),
    FRACTION("small-segment-fraction", small_segment_ppm),
};

#define NUMERICS (sizeof(numeric_options) / sizeof(numeric_options[0]))

enum other { /* values of getopt_long for what the table does not hold */
	OTHER_PRESET = 1000,
	OTHER_FORMAT,
	OTHER_HEADERS,
	OTHER_SNAPLEN,
	OTHER_LIST,
	OTHER_PACKETS,
	OTHER_MEAN,
	OTHER_PAYLOAD,
	OTHER_ENDS,
};

static const struct option other_options[] = {
    {"preset", required_argument, NULL, OTHER_PRESET},
    {"format", required_argument, NULL, OTHER_FORMAT},
    {"headers", no_argument, NULL, OTHER_HEADERS},
    {"snaplen", required_argument, NULL, OTHER_SNAPLEN},
    {"list", required_argument, NULL, OTHER_LIST},
    {"packets", required_argument, NULL, OTHER_PACKETS},
    {"mean-bytes", required_argument, NULL, OTHER_MEAN},
    {"payload", required_argument, NULL, OTHER_PAYLOAD},
    {"ends", required_argument, NULL, OTHER_ENDS},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
};

#define OTHERS (sizeof(other_options) / sizeof(other_options[0]))

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {{"", 1}, {"B", 1}, {"k", 1000}, {"M", 1000000},
    {"G", 1000000000}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"KiB", KIB},
    {"MiB", KIB *KIB}, {"GiB", KIB *KIB *KIB}, {NULL, 0}};
static const struct unit time_units[] = {
    {"", SEC}, {"ms", SEC / 1000}, {"s", SEC}, {"m", 60 * SEC}, {"h", 3600 * SEC}, {NULL, 0}};
static const struct unit fraction_units[] = {
    {"", FLOWGEN_PPM}, {"%", FLOWGEN_PPM / 100}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool refuse(const char *option, const char *value, const char *range)
{
	fprintf(stderr, "flowgen: --%s '%s': want %s\n", option, value, range);
	return false;
}

/* A decimal number in units, up to six decimals where the unit allows them. No strtod: no locale.
 */
static bool parse_scaled(const char *text, const struct unit *units, uint64_t *ret_value)
{
	uint64_t whole = 0, part = 0, scale = 1;
	const char *p = text;

	if ((*p < '0' || *p > '9') && *p != '.')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (whole > (UINT64_MAX - 9) / 10)
			return false;
		whole = whole * 10 + (uint64_t)(*p - '0');
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9' && scale < FLOWGEN_PPM; p++, scale *= 10)
			part = part * 10 + (uint64_t)(*p - '0');
		if (scale == 1)
			return false;
	}
	while (units->name != NULL && strcmp(units->name, p) != 0)
		units++;
	if (units->name == NULL || whole > UINT64_MAX / 2 / units->factor ||
	    part > UINT64_MAX / 2 / units->factor || part * units->factor % scale != 0)
		return false;
	*ret_value = whole * units->factor + part * units->factor / scale;
	return true;
}

static bool set_numeric(
    struct flowgen_options *o, const struct numeric_option *option, const char *text)
{
	static const struct unit *const units[] = {
	    no_units, size_units, time_units, fraction_units};
	uint64_t value;

	if (!parse_scaled(text, units[option->kind], &value) || value < option->min ||
	    value > option->max)
		return refuse(option->name, text, option->range);
	if (option->kind == KIND_FRACTION)
		*(uint32_t *)((char *)o + option->offset) = (uint32_t)value;
	else
		*(uint64_t *)((char *)o + option->offset) = value;
	return true;
}

/* Numbers between colons: count of them, each within 0..max. */
static bool parse_colons(const char *text, unsigned count, uint64_t max, uint64_t *ret_values)
{
	char copy[96];
	char *word = copy, *rest;
	unsigned i;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	for (i = 0; i < count; i++, word = rest) {
		rest = strchr(word, ':');
		if ((rest == NULL) != (i == count - 1))
			return false;
		if (rest != NULL)
			*rest++ = '\0';
		if (!parse_scaled(word, no_units, &ret_values[i]) || ret_values[i] > max)
			return false;
	}
	return true;
}

static bool set_packets(struct flowgen_options *o, const char *text)
{
	uint64_t range[2];

	if (!parse_colons(text, 2, 1000000000, range)) {
		if (!parse_colons(text, 1, 1000000000, range))
			return refuse("packets", text, "N or MIN:MAX, each 1..1000000000");
		range[1] = range[0];
	}
	if (range[0] < 1 || range[0] > range[1])
		return refuse("packets", text, "N or MIN:MAX, each 1..1000000000");
	o->packets_min = range[0];
	o->packets_max = range[1];
	return true;
}

static bool set_ends(struct flowgen_options *o, const char *text)
{
	uint64_t weight[3];

	if (!parse_colons(text, 3, 1000000, weight) || weight[0] + weight[1] + weight[2] == 0)
		return refuse("ends", text, "FIN:RST:NONE, weights 0..1000000, not all 0");
	memcpy(o->end_weight, weight, sizeof(weight));
	return true;
}

static bool set_format(struct flowgen_options *o, const char *text)
{
	if (strcmp(text, "pcap") == 0)
		o->format = FLOWGEN_PCAP;
	else if (strcmp(text, "nspcap") == 0)
		o->format = FLOWGEN_NSPCAP;
	else if (strcmp(text, "pcapng") == 0)
		o->format = FLOWGEN_PCAPNG;
	else
		return refuse("format", text, "pcap, nspcap or pcapng");
	return true;
}

static bool set_preset(struct flowgen_options *o, const char *name)
{
	o->udp_ppm = 0;
	if (strcmp(name, "mix") == 0) {
		o->flows = 75000;
		o->bytes = KIB * KIB * KIB;
		o->syn_only_ppm = 10000;
		o->syn_retransmit_ppm = 2000;
		o->reuse_ppm = 10000;
		o->text_ppm = REAL_TEXT_PPM;
		o->small_segment_ppm = 200000;
	} else if (strcmp(name, "short") == 0) {
		o->flows = 1000000;
		o->packets_min = 1;
		o->packets_max = 10;
		o->text_ppm = REAL_TEXT_PPM;
	} else if (strcmp(name, "elephants") == 0) {
		o->flows = 20;
		o->bytes = KIB * KIB * KIB;
		o->interleave = 20;
		o->text_ppm = REAL_TEXT_PPM;
	} else if (strcmp(name, "concurrent") == 0) {
		o->flows = 200000;
		o->packets_min = 1;
		o->packets_max = 1;
		o->interleave = UINT64_MAX; /* becomes --flows below */
	} else {
		return refuse("preset", name, "mix, short, elephants or concurrent");
	}
	return true;
}

/* What --payload and --text-fraction, --bytes and --mean-bytes settle only together. */
struct undecided {
	const char *payload;
	uint64_t mean_bytes; /* 0: not given, as any value is at least 1 */
	bool bytes_given;
	bool packets_given;
};

static bool set_other(struct flowgen_options *o, struct undecided *u, int value, const char *text)
{
	uint64_t number;

	switch (value) {
	case OTHER_PRESET: /* was applied before all others */
		return true;
	case OTHER_FORMAT:
		return set_format(o, text);
	case OTHER_HEADERS:
		o->snaplen = 96;
		return true;
	case OTHER_SNAPLEN:
		if (!parse_scaled(text, size_units, &number) || number < 64 || number > 262144)
			return refuse("snaplen", text, "64..262144");
		o->snaplen = (uint32_t)number;
		return true;
	case OTHER_LIST:
		o->list_path = text;
		return true;
	case OTHER_PACKETS:
		u->packets_given = true;
		return set_packets(o, text);
	case OTHER_MEAN:
		if (!parse_scaled(text, size_units, &u->mean_bytes) || u->mean_bytes < 1 ||
		    u->mean_bytes > UINT64_C(1) << 40)
			return refuse("mean-bytes", text, "1..1024GiB");
		return true;
	case OTHER_PAYLOAD:
		u->payload = text;
		return true;
	case OTHER_ENDS:
		return set_ends(o, text);
	default:
		return false;
	}
}

static bool settle(struct flowgen_options *o, const struct undecided *u)
{
	if ((u->mean_bytes != 0) + u->bytes_given + u->packets_given > 1) {
		fprintf(stderr, "flowgen: --packets, --bytes, --mean-bytes: want one of them\n");
		return false;
	}
	if (u->mean_bytes > BYTES_MAX / o->flows) {
		fprintf(stderr, "flowgen: --mean-bytes times --flows: want 1..16384GiB\n");
		return false;
	}
	if (u->mean_bytes != 0)
		o->bytes = u->mean_bytes * o->flows;
	else if (o->bytes == 0)
		o->bytes = 16 * KIB * o->flows;
	if (u->mean_bytes != 0 || u->bytes_given) {
		o->packets_min = 0;
		o->packets_max = 0;
	}
	if (o->interleave > o->flows)
		o->interleave = o->flows;
	if (strcmp(u->payload, "text") == 0)
		o->text_ppm = FLOWGEN_PPM;
	else if (strcmp(u->payload, "random") == 0)
		o->text_ppm = 0;
	else if (strcmp(u->payload, "mix") != 0)
		return refuse("payload", u->payload, "text, random or mix");
	return true;
}

static bool take_output(struct flowgen_options *o, int argc, char **argv, int first)
{
	if (argc - first != 1) {
		fprintf(stderr, "flowgen: want one output file or -, got %d (see --help)\n",
		    argc - first);
		return false;
	}
	o->path = argv[first];
	if (strcmp(o->path, "-") == 0 && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "flowgen: -: will not write a capture to a terminal\n");
		return false;
	}
	return true;
}

/* One round over the command line: the first applies the preset, the second everything else. */
static enum flowgen_verdict walk(int argc, char **argv, const struct option *table,
    struct flowgen_options *o, struct undecided *u)
{
	bool presets = u == NULL;
	int value;

	optind = 0; /* glibc: start anew, whatever was walked before */
	opterr = 0;
	while ((value = getopt_long(argc, argv, ":vh", table, NULL)) != -1) {
		if (presets) {
			if (value == OTHER_PRESET && !set_preset(o, optarg))
				return FLOWGEN_REFUSED;
		} else if (value == 'h') {
			(void)fputs(help_text, stdout); /* a failure shows when main closes */
			return FLOWGEN_HELPED;
		} else if (value == '?' || value == ':') {
			fprintf(stderr, "flowgen: %s: %s (see --help)\n", argv[optind - 1],
			    value == ':' ? "wants a value" : "unknown option or needless value");
			return FLOWGEN_REFUSED;
		} else if (value == 'v') {
			o->verbose = true;
		} else if (value < (int)NUMERICS) {
			u->bytes_given |= numeric_options[value].offset == AT(bytes);
			if (!set_numeric(o, &numeric_options[value], optarg))
				return FLOWGEN_REFUSED;
		} else if (!set_other(o, u, value, optarg)) {
			return FLOWGEN_REFUSED;
		}
	}
	if (presets)
		return FLOWGEN_RUN;
	if (!settle(o, u) || !take_output(o, argc, argv, optind))
		return FLOWGEN_REFUSED;
	return FLOWGEN_RUN;
}

enum flowgen_verdict flowgen_options_parse(
    int argc, char **argv, struct flowgen_options *ret_options)
{
	struct option table[NUMERICS + OTHERS + 1] = {{0}};
	struct undecided undecided = {.payload = "mix"};
	struct flowgen_options o = {
	    .seed = 1,
	    .flows = 1000,
	    .duration_ns = 60 * SEC,
	    .start_ns = 1767323045 * SEC,
	    .snaplen = 262144,
	    .v6_ppm = 200000,
	    .udp_ppm = 50000,
	    .text_ppm = 300000,
	    .end_weight = {85, 10, 5},
	};
	enum flowgen_verdict verdict;
	size_t i;

	for (i = 0; i < NUMERICS; i++) {
		table[i].name = numeric_options[i].name;
		table[i].has_arg = required_argument;
		table[i].val = (int)i;
	}
	memcpy(table + NUMERICS, other_options, sizeof(other_options));
	verdict = walk(argc, argv, table, &o, NULL);
	if (verdict == FLOWGEN_RUN)
		verdict = walk(argc, argv, table, &o, &undecided);
	if (verdict == FLOWGEN_RUN)
		*ret_options = o;
	return verdict;
}
