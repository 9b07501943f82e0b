/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole machine from the demux to the index, on a directory of its own: a test sends packets,
 * stops it, and looks at what was published. Whatever the test is about, rig_stop asserts what must
 * always hold: every packet is counted once, every published packet is one that was sent, byte for
 * byte and in order, and every index row says what its file says. Under a policy bytes are another
 * test's matter, but no packet grows, and none is one that was not sent.
 */
#ifndef TESTS_FLOW_RIG_H
#define TESTS_FLOW_RIG_H

#include <check.h>

#include "archive/catalog.h"
#include "flow/demux.h"
#include "frame.h"

/* ck_assert writes to a file when it holds, too: not for what is asserted per packet. */
#define rig_must(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

/* The time that rig_at counts from: 2023-11-14 22:13:20 UTC */
#define RIG_START_NS (INT64_C(1700000000) * 1000000000)
#define MS(n)        ((int64_t)(n)*1000000)
#define SEC(n)       ((int64_t)(n)*1000000000)

struct rig_config {
	int savers;
	int64_t idle_ns, linger_ns, max_duration_ns;
	uint64_t max_flow_bytes, max_memory_bytes;
	uint64_t max_part_bytes; /* 0: no limit */
	uint32_t max_flows, snaplen;
	bool all_protocols; /* else TCP alone */
	enum vlan_key vlan_key;
	enum keeper_mode mode;
	enum end_reason at_finish;
	bool held_fragments; /* a fragment that came before its first may stand behind it */
	unsigned burst;      /* packets that the demux gets at a time; 0: one */
	bool some_all_cut;   /* a flow may have no packet that is kept, or a name twice */

	/* What packets go through; NULL: they stay as they are. */
	const struct policy *policy;
	anonymizer_exempt_fn *exempt; /* which addresses stay; NULL: none */

	/* live; see live_rig.h */
	enum demux_clock clock;
	int64_t flush_ns;
	bool events;
	int64_t uuid_wait_ns;
	enum uuid_missing uuid_missing;
	size_t queue_batches; /* 0: the default */
	bool shared_uuids;    /* a UUID may stand for several keys */
};

/* Two savers, ticks of 30 s, linger of 2 s, 64 MiB, 1000 flows, TCP alone, and no cap on a flow. */
extern const struct rig_config rig_defaults;

#define RIG_NO_FILE (-1)

/* A packet that was sent; its number is its index. */
struct rig_sent {
	int64_t ts_ns;
	uint32_t caplen, origlen, linktype;
	uint32_t
	    kept; /* of the snap length; under a policy: of what was published, after rig_stop */
	uint32_t crc; /* of the bytes up to the snap length */
	int32_t file; /* index of the file that it was read from */
};

/* A published file, as it was read again. */
struct rig_file {
	struct record record;
	char path[64]; /* within the archive */
	uint32_t *numbers;
	uint32_t count;
	uint32_t crc; /* of its bytes on disk */
};

struct rig {
	struct rig_config config;
	char dir[64];
	struct ledger ledger;
	struct demux_stats stats;
	struct archive *archive;
	struct slab *slab;
	struct catalog *catalog;
	struct savers *savers;
	struct scrub *scrub; /* NULL without a policy */
	uint64_t note;       /* in the staging area, of the policy */
	struct demux *demux;
	int64_t now_ns;   /* of the next packet */
	int64_t step_ns;  /* how much later each packet is than the one before, without rig_at */
	int64_t clock_ns; /* live: what the demux was told last, from 0 on */
	uint64_t opens, closes;             /* events that were sent */
	uint8_t *bytes;                     /* room for a frame */
	uint8_t *packet;                    /* the bytes of the present packet */
	struct packet waiting[DEMUX_BURST]; /* for the rest of their burst; their bytes are ours */
	unsigned waiting_count;

	struct rig_sent *sent;
	uint32_t sent_count, sent_room;

	/* After rig_stop: sorted by their first packets. */
	struct rig_file *files;
	uint32_t file_count;
	uint32_t flow_count; /* distinct UUIDs */
};

/* rig_new - everything started; ck_asserts that it does. rig_free also removes the directory. */
struct rig *rig_new(const struct rig_config *config);
void rig_free(struct rig *r);

/* rig_at - the time of the packets from now on, counted from RIG_START_NS. */
void rig_at(struct rig *r, int64_t ns);

/* rig_send - a frame, whole or cut to caplen bytes. Returns: its number. */
uint32_t rig_send(struct rig *r, const struct frame *f);
uint32_t rig_send_cut(struct rig *r, const struct frame *f, uint32_t caplen);

/*
 * rig_make - the same without sending it: for tests that are the demux themselves. The packet's
 * bytes live until the next one is made or sent.
 */
uint32_t rig_make(struct rig *r, const struct frame *f, uint32_t caplen, struct packet *ret_packet);

/* rig_tcp - a segment without payload. rig_data - an ACK with n bytes. Return: its number. */
uint32_t rig_tcp(struct rig *r, const struct conn *c, enum end from, uint8_t flags, uint32_t seq);
uint32_t rig_data(struct rig *r, const struct conn *c, enum end from, uint32_t n);

/* rig_stop - the input ends; drain, read everything back, and assert what must always hold. */
void rig_stop(struct rig *r);

/*
 * rig_kill - the process ends here: savers write what they were given, and no flow is closed. What
 * remains is the directory, and rig_free.
 */
void rig_kill(struct rig *r);

/* rig_file - the file that a packet is in; asserts that it is in one. */
const struct rig_file *rig_file(const struct rig *r, uint32_t number);

/* rig_published - is it in any? */
bool rig_published(const struct rig *r, uint32_t number);

/* rig_same - are two packets in one file? rig_same_flow - under one UUID? */
bool rig_same(const struct rig *r, uint32_t a, uint32_t b);
bool rig_same_flow(const struct rig *r, uint32_t a, uint32_t b);

/* rig_verify - asserts that `flowkeep verify` finds nothing in what was published. */
void rig_verify(const struct rig *r);

/* rig_client - which end of c the file says is the client. */
enum end rig_client(const struct rig_file *f, const struct conn *c);

/* rig_skipped, rig_dropped - the ledger's counter. */
uint64_t rig_skipped(const struct rig *r, enum ledger_skip reason);
uint64_t rig_dropped(const struct rig *r, enum ledger_drop reason);

/* rig_end - asserts which way the part ended that a packet is in. */
#define rig_end(r, number, reason) \
	ck_assert_str_eq(record_end_reason_name(rig_file(r, number)->record.end_reason), reason)

/*
 * rig_read - fills files from the archive, and asserts that rows, files and what was sent agree.
 * Part of rig_stop. In rig_read.c.
 */
void rig_read(struct rig *r);

/*
 * rig_text - what was published, as text: a line per file with all of its row and the CRC of its
 * bytes, sorted by UUID and part. The caller frees it.
 */
char *rig_text(const struct rig *r);

/* rig_random - the next of a sequence of pseudo-random numbers below n: xorshift64*. */
uint32_t rig_random(uint64_t *state, uint32_t n);

#endif
