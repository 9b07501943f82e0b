/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap, pcap of nanoseconds and pcapng, little-endian on every machine. Errors are kept until the
 * end: a generator that cannot write has nothing better to do than to stop and say so.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flowgen_output.h"

#define SECOND_NS    UINT64_C(1000000000)
#define ETHERNET     1u  /* LINKTYPE_ETHERNET */
#define BLOCK_HEAD   28u /* of an enhanced packet block, up to the data */
#define RECORD_BYTES 32u /* the most that a format writes around a frame, less padding */

static void put16(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)x;
	p[1] = (uint8_t)(x >> 8);
}

static void put32(uint8_t *p, uint32_t x)
{
	put16(p, x);
	put16(p + 2, x >> 16);
}

static void fail(struct flowgen_output *out, const char *path, int error)
{
	if (out->error != 0)
		return;
	out->error = error;
	out->failed = path;
}

static void flush(struct flowgen_output *out)
{
	size_t done = 0;
	ssize_t n;

	while (done < out->used && out->error == 0) {
		n = write(out->fd, out->buf + done, out->used - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			fail(out, out->options->path, errno);
	}
	out->used = 0;
}

/* Room for len bytes, to be filled at once. */
static uint8_t *reserve(struct flowgen_output *out, size_t len)
{
	uint8_t *p;

	if (out->used + len > sizeof(out->buf))
		flush(out);
	p = out->buf + out->used;
	out->used += len;
	out->bytes += len;
	return p;
}

/* The file header: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-03.html, section 4 */
static void begin_pcap(struct flowgen_output *out)
{
	uint8_t *p = reserve(out, 24);

	put32(p, out->options->format == FLOWGEN_PCAP ? 0xa1b2c3d4 : 0xa1b23c4d);
	put16(p + 4, 2);
	put16(p + 6, 4);
	put32(p + 8, 0);
	put32(p + 12, 0);
	put32(p + 16, out->options->snaplen);
	put32(p + 20, ETHERNET);
}

/* Section header and interface block: draft-ietf-opsawg-pcapng, 4.1 and 4.2 */
static void begin_pcapng(struct flowgen_output *out)
{
	uint8_t *p = reserve(out, 28 + 32);

	memset(p, 0, 28 + 32);
	put32(p, 0x0a0d0d0a);
	put32(p + 4, 28);
	put32(p + 8, 0x1a2b3c4d);
	put16(p + 12, 1);
	memset(p + 16, 0xff, 8); /* section length: not told */
	put32(p + 24, 28);
	p += 28;
	put32(p, 1);
	put32(p + 4, 32);
	put16(p + 8, ETHERNET);
	put32(p + 12, out->options->snaplen);
	put16(p + 16, 9); /* if_tsresol: 10^-9 s */
	put16(p + 18, 1);
	p[20] = 9;
	put32(p + 28, 32); /* after opt_endofopt, which is four zeros */
}

int flowgen_output_open(
    struct flowgen_output *out, const struct flowgen_options *o, const char **ret_path)
{
	memset(out, 0, sizeof(*out));
	out->options = o;
	out->fd = STDOUT_FILENO;
	if (strcmp(o->path, "-") != 0)
		out->fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out->fd < 0) {
		*ret_path = o->path;
		return -errno;
	}
	if (o->list_path != NULL) {
		out->list = fopen(o->list_path, "we");
		if (out->list == NULL) {
			*ret_path = o->list_path;
			return -errno;
		}
	}
	if (o->format == FLOWGEN_PCAPNG)
		begin_pcapng(out);
	else
		begin_pcap(out);
	return 0;
}

uint64_t flowgen_output_time(const struct flowgen_output *out, uint64_t ns)
{
	return out->options->format == FLOWGEN_PCAP ? ns - ns % 1000 : ns;
}

uint32_t flowgen_output_caplen(const struct flowgen_output *out, uint32_t len)
{
	return len < out->options->snaplen ? len : out->options->snaplen;
}

static void put_block(struct flowgen_output *out, uint64_t ns, const uint8_t *data, uint32_t len)
{
	uint32_t caplen = flowgen_output_caplen(out, len);
	uint32_t padding = (4 - caplen % 4) % 4;
	uint32_t total = RECORD_BYTES + caplen + padding;
	uint8_t *p = reserve(out, total);

	put32(p, 6);
	put32(p + 4, total);
	put32(p + 8, 0);
	put32(p + 12, (uint32_t)(ns >> 32));
	put32(p + 16, (uint32_t)ns);
	put32(p + 20, caplen);
	put32(p + 24, len);
	memcpy(p + BLOCK_HEAD, data, caplen);
	memset(p + BLOCK_HEAD + caplen, 0, padding);
	put32(p + total - 4, total);
}

void flowgen_output_packet(
    struct flowgen_output *out, uint64_t ns, const uint8_t *data, uint32_t len)
{
	uint32_t caplen = flowgen_output_caplen(out, len);
	uint32_t fraction = (uint32_t)(ns % SECOND_NS);
	uint8_t *p;

	out->packets++;
	out->last_ns = ns;
	if (out->options->format == FLOWGEN_PCAPNG) {
		put_block(out, ns, data, len);
		return;
	}
	p = reserve(out, 16 + caplen);
	put32(p, (uint32_t)(ns / SECOND_NS));
	put32(p + 4, out->options->format == FLOWGEN_PCAP ? fraction / 1000 : fraction);
	put32(p + 8, caplen);
	put32(p + 12, len);
	memcpy(p + 16, data, caplen);
}

void flowgen_output_flow(struct flowgen_output *out, const struct flowgen_flow *f)
{
	static const char *const ends[] = {"fin", "rst", "none"};
	char text[2][INET6_ADDRSTRLEN];
	struct flowgen_tuple t;
	unsigned side;

	out->flows++;
	if (out->list == NULL || out->error != 0)
		return;
	flowgen_flow_tuple(out->options, f, &t);
	for (side = 0; side < 2; side++) /* fails only for an unknown family */
		(void)inet_ntop(
		    t.v6 ? AF_INET6 : AF_INET, t.address[side], text[side], sizeof(text[side]));
	if (fprintf(out->list,
		"%s\t%s\t%u\t%s\t%u\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		"\t%s\n",
		t.udp ? "udp" : "tcp", text[FLOWGEN_CLIENT], (unsigned)t.port[FLOWGEN_CLIENT],
		text[FLOWGEN_SERVER], (unsigned)t.port[FLOWGEN_SERVER], f->packets,
		f->captured_bytes, f->original_bytes, f->first_ns, f->last_ns, ends[f->end]) < 0)
		fail(out, out->options->list_path, errno);
}

int flowgen_output_close(struct flowgen_output *out, const char **ret_path)
{
	flush(out);
	if (out->list != NULL && fclose(out->list) != 0)
		fail(out, out->options->list_path, errno);
	if (close(out->fd) != 0)
		fail(out, out->options->path, errno);
	if (out->error != 0)
		*ret_path = out->failed;
	return -out->error;
}
