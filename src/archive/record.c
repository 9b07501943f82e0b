/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See record.h. Writing is ours, as it happens for every flow; reading is jansson's.
 */
#include "archive/record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const end_names[END_REASONS] = {
    "fin", "rst", "idle", "reused", "evicted", "eof", "stop", "crash", "continued"};
static const char *const source_names[] = {"generated", "event"};

static int word_index(const char *const *words, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], name) == 0)
			return i;
	return -EINVAL;
}

const char *record_end_reason_name(enum end_reason r)
{
	return end_names[r];
}

int record_end_reason(const char *name, enum end_reason *ret_reason)
{
	int i = word_index(end_names, END_REASONS, name);

	if (i < 0)
		return i;
	*ret_reason = (enum end_reason)i;
	return 0;
}

const char *record_uuid_source_name(enum uuid_source s)
{
	return source_names[s];
}

int record_uuid_source(const char *name, enum uuid_source *ret_source)
{
	int i = word_index(source_names, 2, name);

	if (i < 0)
		return i;
	*ret_source = (enum uuid_source)i;
	return 0;
}

/* What is written so far. Every flow is told like this: printf would take ten times as long. */
struct out {
	char *buf;
	size_t len;
};

static void put(struct out *o, const char *text)
{
	size_t n = strlen(text);

	assert(n < RECORD_JSON_MAX - o->len);
	memcpy(o->buf + o->len, text, n);
	o->len += n;
}

static void put_unsigned(struct out *o, uint64_t n)
{
	char digits[21], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put(o, at);
}

/* What stands before a value: ,"NAME": */
static void put_name(struct out *o, const char *name)
{
	put(o, ",\"");
	put(o, name);
	put(o, "\":");
}

static void put_number(struct out *o, const char *name, uint64_t n)
{
	put_name(o, name);
	put_unsigned(o, n);
}

static void put_count(struct out *o, const char *name, uint64_t n)
{
	if (n != 0)
		put_number(o, name, n);
}

static void put_time(struct out *o, const char *name, int64_t ns)
{
	put_name(o, name);
	if (ns < 0)
		put(o, "-");
	put_unsigned(o, ns < 0 ? -(uint64_t)ns : (uint64_t)ns);
}

/* A word of ours: nothing in it is to be escaped. */
static void put_word(struct out *o, const char *name, const char *word)
{
	put_name(o, name);
	put(o, "\"");
	put(o, word);
	put(o, "\"");
}

/* An interface name comes from the input: whatever is not plain ASCII is escaped. */
static void put_string(struct out *o, const char *name, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	if (text[0] == '\0')
		return;
	put_name(o, name);
	put(o, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], '\0'};
		const char plain[] = {*text, '\0'};

		put(o, c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? escaped : plain);
	}
	put(o, "\"");
}

static const char *const exempt_names[] = {"none", "low", "high", "both"};

static void put_policy(struct out *o, const struct record *r)
{
	char text[POLICY_TEXT_SIZE];

	if (r->snaplen != PACKET_MAX_CAPLEN)
		put_number(o, "snaplen", r->snaplen);
	if (r->policy.payload != PAYLOAD_FULL)
		put_word(o, "payload", policy_payload_text(&r->policy, text));
	if (r->policy.addresses != ADDRESSES_KEPT)
		put_word(o, "anonymize", policy_addresses_text(&r->policy, text));
	if (r->policy.macs) {
		put_name(o, "anonymize_mac");
		put(o, "true");
	}
	if (r->exempt != 0)
		put_word(o, "exempt", exempt_names[r->exempt & 3]);
}

/*
 * Can the packets of the file tell who the client is? Of a first part that is whole they can: it
 * begins as the flow began. A later part begins in the middle, and the packet that told may be one
 * that was cut or lost, or whose flags lie behind the snap length.
 */
static bool client_needed(const struct record *r)
{
	return r->part > 0 || r->lost_pkts > 0 || r->cut_duration_pkts > 0 ||
	       r->cut_bytes_pkts > 0 || r->snaplen < PACKET_MAX_CAPLEN;
}

static void put_version(struct out *o)
{
	put(o, "{\"v\":");
	put_unsigned(o, RECORD_VERSION);
}

static void put_source(struct out *o, const struct record *r)
{
	if (r->uuid_source != UUID_GENERATED)
		put_word(o, "uuid_source", source_names[r->uuid_source]);
}

static void put_vlan_key(struct out *o, const uint16_t vlan[2])
{
	if (vlan[0] == 0 && vlan[1] == 0) /* the outer id of a priority tag is 0 */
		return;
	put_name(o, "vlan_key");
	put(o, "[");
	put_unsigned(o, vlan[0]);
	put(o, ",");
	put_unsigned(o, vlan[1]);
	put(o, "]");
}

size_t record_format(const struct record *r, char *buf)
{
	const struct tally *t = &r->tally;
	uint64_t bytes = t->bytes[0] + t->bytes[1];
	struct out o = {buf, 0};

	put_version(&o);
	put_word(&o, "uuid", r->uuid);
	put_source(&o, r);
	put_word(&o, "end_reason", end_names[r->end_reason]);
	put_number(&o, "packets", t->pkts[0] + t->pkts[1]);
	put_number(&o, "bytes", bytes);
	if (t->captured_bytes != bytes)
		put_number(&o, "captured_bytes", t->captured_bytes);
	put_time(&o, "first_ns", t->first_ns);
	put_time(&o, "last_ns", t->last_ns);
	if (client_needed(r))
		put_word(&o, "client", r->client == SIDE_LOW ? "low" : "high");
	put_vlan_key(&o, r->key.vlan);
	put_count(&o, "lost_packets", r->lost_pkts);
	put_count(&o, "cut_duration", r->cut_duration_pkts);
	put_count(&o, "cut_bytes", r->cut_bytes_pkts);
	put_policy(&o, r);
	put_string(&o, "interface", r->interface);
	put(&o, "}\n");
	return o.len;
}

size_t record_format_policy(const struct record *r, char *buf)
{
	struct out o = {buf, 0};

	put_version(&o);
	put_source(&o, r);
	put_policy(&o, r);
	put(&o, "}\n");
	return o.len;
}

char *record_policy_text(const struct record *r, char *buf)
{
	const struct policy *p = &r->policy;
	char text[POLICY_TEXT_SIZE];
	const char *blank = ""; /* in front of the next word */
	int n = 0;

	buf[0] = '\0';
	if (p->payload != PAYLOAD_FULL) {
		n += snprintf(buf + n, RECORD_POLICY_SIZE - (size_t)n, "payload=%s",
		    policy_payload_text(p, text));
		blank = " ";
	}
	if (p->addresses != ADDRESSES_KEPT) {
		n += snprintf(buf + n, RECORD_POLICY_SIZE - (size_t)n, "%sanonymize=%s", blank,
		    policy_addresses_text(p, text));
		blank = " ";
	}
	if (p->macs) {
		n += snprintf(buf + n, RECORD_POLICY_SIZE - (size_t)n, "%smac", blank);
		blank = " ";
	}
	if (r->exempt != 0)
		n += snprintf(buf + n, RECORD_POLICY_SIZE - (size_t)n, "%sexempt=%s", blank,
		    exempt_names[r->exempt & 3]);
	assert(n < RECORD_POLICY_SIZE);
	return buf;
}

/* What stands behind the mark, if the word begins with it; else NULL. */
static const char *behind(const char *word, const char *mark)
{
	size_t n = strlen(mark);

	return strncmp(word, mark, n) == 0 ? word + n : NULL;
}

static int parse_policy_word(const char *word, struct record *r)
{
	const char *value;
	int ends;

	if (strcmp(word, "mac") == 0) {
		r->policy.macs = true;
		return 0;
	}
	if ((value = behind(word, "payload=")) != NULL)
		return policy_parse_payload(value, &r->policy);
	if ((value = behind(word, "anonymize=")) != NULL)
		return policy_parse_addresses(value, &r->policy);
	if ((value = behind(word, "exempt=")) == NULL)
		return -EINVAL;
	ends = word_index(exempt_names, 4, value);
	r->exempt = (uint8_t)ends;
	return ends < 0 ? -EINVAL : 0;
}

int record_parse_policy_text(const char *text, struct record *r)
{
	char words[RECORD_POLICY_SIZE], *rest = words, *word;
	struct record found = *r;

	if (strlen(text) >= sizeof(words))
		return -EBADMSG;
	memcpy(words, text, strlen(text) + 1);
	found.policy = (struct policy){0};
	found.exempt = 0;
	while ((word = strsep(&rest, " ")) != NULL)
		if (text[0] != '\0' && parse_policy_word(word, &found) != 0)
			return -EBADMSG;
	/* Other orders, doubles and spellings are not ours. */
	if (strcmp(record_policy_text(&found, words), text) != 0)
		return -EBADMSG;
	r->policy = found.policy;
	r->exempt = found.exempt;
	return 0;
}

static int get_count(const json_t *obj, const char *name, uint64_t *ret_count)
{
	const json_t *v = json_object_get(obj, name);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -EBADMSG;
	*ret_count = (uint64_t)json_integer_value(v);
	return 0;
}

static int get_time(const json_t *obj, const char *name, int64_t *ret_ns)
{
	const json_t *v = json_object_get(obj, name);

	if (!json_is_integer(v))
		return -EBADMSG;
	*ret_ns = json_integer_value(v);
	return 0;
}

/*
 * The inverse of put_string: U+0080 to U+00FF, which are two bytes of UTF-8, stand for the bytes
 * that they number.
 */
static void get_string(const char *text, char *buf, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	for (; *p && n + 1 < size; p++) {
		bool two = (*p == 0xc2 || *p == 0xc3) && (p[1] & 0xc0) == 0x80;

		buf[n++] = (char)(two ? *p << 6 | (p[1] & 0x3f) : *p);
		p += two;
	}
	buf[n] = '\0';
}

/* Where it is not told, it stays. */
static int get_source(const json_t *obj, struct record *r)
{
	const char *source = json_string_value(json_object_get(obj, "uuid_source"));

	return source != NULL ? record_uuid_source(source, &r->uuid_source) : 0;
}

/* Texts that we made ourselves, or a copy of the interface's name. */
static int get_words(const json_t *obj, struct record *r, int *ret_has_client)
{
	const char *uuid = json_string_value(json_object_get(obj, "uuid"));
	const char *end = json_string_value(json_object_get(obj, "end_reason"));
	const char *client = json_string_value(json_object_get(obj, "client"));
	const char *interface = json_string_value(json_object_get(obj, "interface"));

	if (uuid == NULL || !layout_uuid_valid(uuid) || end == NULL ||
	    record_end_reason(end, &r->end_reason) != 0 || get_source(obj, r) != 0 ||
	    (client != NULL && strcmp(client, "low") != 0 && strcmp(client, "high") != 0))
		return -EBADMSG;
	(void)snprintf(r->uuid, sizeof(r->uuid), "%s", uuid);
	get_string(interface != NULL ? interface : "", r->interface, sizeof(r->interface));
	r->client = client != NULL && strcmp(client, "high") == 0 ? SIDE_HIGH : SIDE_LOW;
	*ret_has_client = client != NULL;
	return 0;
}

static int get_vlan_key(const json_t *obj, struct record *r)
{
	const json_t *v = json_object_get(obj, "vlan_key");

	for (size_t i = 0; v != NULL && i < 2; i++) {
		json_int_t id = json_integer_value(json_array_get(v, i));

		if (id < 0 || id > 4095)
			return -EBADMSG;
		r->key.vlan[i] = (uint16_t)id;
	}
	return 0;
}

static int get_policy(const json_t *obj, struct record *r)
{
	const char *payload = json_string_value(json_object_get(obj, "payload"));
	const char *addresses = json_string_value(json_object_get(obj, "anonymize"));
	uint64_t snaplen = PACKET_MAX_CAPLEN;

	r->policy = (struct policy){.macs = json_is_true(json_object_get(obj, "anonymize_mac"))};
	if (get_count(obj, "snaplen", &snaplen) != 0 || snaplen > PACKET_MAX_CAPLEN ||
	    (payload != NULL && policy_parse_payload(payload, &r->policy) != 0) ||
	    (addresses != NULL && policy_parse_addresses(addresses, &r->policy) != 0))
		return -EBADMSG;
	r->snaplen = (uint32_t)snaplen;
	return 0;
}

static int get_exempt(const json_t *obj, struct record *r)
{
	const char *exempt = json_string_value(json_object_get(obj, "exempt"));
	int ends = exempt != NULL ? word_index(exempt_names, 4, exempt) : 0;

	r->exempt = (uint8_t)ends;
	return ends < 0 ? -EBADMSG : 0;
}

static int get_counts(const json_t *obj, struct record *r)
{
	struct tally *t = &r->tally;
	int rv = 0;

	rv |= get_count(obj, "packets", &t->pkts[SIDE_LOW]);
	rv |= get_count(obj, "bytes", &t->bytes[SIDE_LOW]);
	t->captured_bytes = t->bytes[SIDE_LOW];
	rv |= get_count(obj, "captured_bytes", &t->captured_bytes);
	rv |= get_time(obj, "first_ns", &t->first_ns);
	rv |= get_time(obj, "last_ns", &t->last_ns);
	rv |= get_count(obj, "lost_packets", &r->lost_pkts);
	rv |= get_count(obj, "cut_duration", &r->cut_duration_pkts);
	rv |= get_count(obj, "cut_bytes", &r->cut_bytes_pkts);
	rv |= get_vlan_key(obj, r);
	return rv != 0 ? -EBADMSG : 0;
}

/* Is this an object of a version that we know? Returns: 0; -EBADMSG; -ENOTSUP a later one. */
static int check_version(const json_t *obj)
{
	json_int_t version = json_integer_value(json_object_get(obj, "v"));

	if (!json_is_object(obj) || version < RECORD_VERSION)
		return -EBADMSG;
	return version > RECORD_VERSION ? -ENOTSUP : 0;
}

int record_parse_policy(const char *text, size_t len, struct record *r)
{
	json_t *obj = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct record found = *r;
	int rv = check_version(obj);

	found.uuid_source = UUID_GENERATED;
	if (rv == 0 && get_source(obj, &found) != 0)
		rv = -EBADMSG;
	if (rv == 0)
		rv = get_policy(obj, &found);
	json_decref(obj);
	if (rv == 0)
		*r = found;
	return rv;
}

int record_parse(const char *text, size_t len, struct record *ret_record, int *ret_has_client)
{
	json_t *obj = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct record r = {0};
	int rv = check_version(obj);

	if (rv == 0)
		rv = get_words(obj, &r, ret_has_client);
	if (rv == 0)
		rv = get_policy(obj, &r);
	if (rv == 0)
		rv = get_exempt(obj, &r);
	if (rv == 0)
		rv = get_counts(obj, &r);
	json_decref(obj);
	if (rv == 0)
		*ret_record = r;
	return rv;
}
