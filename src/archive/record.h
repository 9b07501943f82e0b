/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that is known of one part of a flow: what its packets add up to, and what they cannot tell
 * (UUID, end reason, losses, policy, interface). The index holds it as a row; the last member of
 * the flow file holds what the packets cannot tell, and the sums that prove them whole, as JSON.
 */
#ifndef ARCHIVE_RECORD_H
#define ARCHIVE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "archive/layout.h"
#include "packet/flowkey.h"
#include "packet/packet.h"
#include "packet/policy.h"
#include "packet/tally.h"

#define RECORD_VERSION        1
#define RECORD_ID             "FK" /* the gzip subfield that holds a record */
#define RECORD_INTERFACE_SIZE 64
#define RECORD_JSON_MAX       1024 /* bytes that record_format may need */

enum end_reason {
	END_FIN,       /* FIN from both sides, then silence */
	END_RST,       /* RST, then silence */
	END_IDLE,      /* two ticks without a packet */
	END_REUSED,    /* a new connection took the tuple */
	END_EVICTED,   /* closed early to stay within --max-flows */
	END_EOF,       /* the input ended */
	END_STOP,      /* the capture was stopped */
	END_CRASH,     /* found unfinished after a kill */
	END_CONTINUED, /* the part was full: the flow goes on in its next one */
	END_REASONS
};

enum uuid_source { UUID_GENERATED, UUID_EVENT };

struct record {
	struct flowkey key;
	struct tally tally;
	enum side client;
	enum end_reason end_reason;
	enum uuid_source uuid_source;
	char uuid[LAYOUT_UUID_SIZE];
	char interface[RECORD_INTERFACE_SIZE]; /* of the flow's first packet; "" unknown */
	uint32_t part;
	struct policy policy;       /* what the packets went through */
	uint8_t exempt;             /* ends whose address stayed as it was: bit per side */
	uint32_t snaplen;           /* the limit that was applied; PACKET_MAX_CAPLEN: none */
	uint64_t lost_pkts;         /* packets of this part that we dropped */
	uint64_t cut_duration_pkts; /* packets skipped by --max-duration */
	uint64_t cut_bytes_pkts;    /* packets skipped by --max-bytes */
	int32_t day;                /* where it lies: UTC day of the first packet */
	uint32_t segment; /* the segment of that day that holds it; 0: a file of its own */
	uint64_t offset;  /* where the flow file begins in the segment */
	uint64_t length;  /* bytes of the flow file */
};

/* record_end_reason_name - "fin". record_end_reason - the inverse; -EINVAL. */
const char *record_end_reason_name(enum end_reason r);
int record_end_reason(const char *name, enum end_reason *ret_reason);

/* record_uuid_source_name - "generated", "event". record_uuid_source - the inverse; -EINVAL. */
const char *record_uuid_source_name(enum uuid_source s);
int record_uuid_source(const char *name, enum uuid_source *ret_source);

/*
 * record_format - the JSON line of a record, defaults left out.
 *
 * Takes:    r; buf of RECORD_JSON_MAX bytes.
 * Returns:  its length.
 */
size_t record_format(const struct record *r, char *buf);

/*
 * record_format_policy - the policy, the snap length and uuid_source of r alone, as an object of
 * its own.
 * record_parse_policy - the inverse: sets those fields of *r, and no other.
 *
 * Returns:  as record_format and record_parse.
 */
size_t record_format_policy(const struct record *r, char *buf);
int record_parse_policy(const char *text, size_t len, struct record *r);

#define RECORD_POLICY_SIZE 96

/*
 * record_policy_text - what is hidden in a part, as words that are joined by blanks, in this order:
 *
 *     payload=headers|zero|BYTES anonymize=netblock:V4,V6|cryptopan mac exempt=low|high|both
 *
 * Takes:    buf of RECORD_POLICY_SIZE bytes. Returns: buf; "" nothing is hidden.
 *
 * record_parse_policy_text - the inverse, in the one spelling that we write: sets policy and exempt
 * of *r. Returns: 0; -EBADMSG, *r is untouched.
 */
char *record_policy_text(const struct record *r, char *buf);
int record_parse_policy_text(const char *text, struct record *r);

/*
 * record_parse - read what record_format wrote.
 *
 * Takes:    text of len bytes, from a file that anybody may have written; unknown keys are passed
 *           over.
 * Returns:  0; -EBADMSG not a record; -ENOTSUP of a later version.
 *           Of ret_record, the fields that the JSON has are set; key, part, day, segment, offset
 *           and length, and of
 *           the tally all but the times and sums that are there, are zero. Sums over both sides
 *           stand under SIDE_LOW. *ret_has_client tells whether `client` was given.
 */
int record_parse(const char *text, size_t len, struct record *ret_record, int *ret_has_client);

#endif
