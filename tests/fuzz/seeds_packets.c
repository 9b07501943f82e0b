/* SPDX-License-Identifier: BSD-2-Clause */
/* See seeds.h: frames, fragments, captures. */
#include <stdio.h>
#include <string.h>

#include "fuzz/seeds.h"
#include "packet/ipframe.h"
#include "packet/link_frames.h"
#include "packet/scrubrig.h"
#include "pcapfile/pcapfmt.h"
#include "pcapfile/pcapngfmt.h"
#include "support/frames.h"

/* ---- packet ---- */

static void put_packet(const char *name, uint32_t linktype, const uint8_t *bytes, size_t len)
{
	static unsigned policy;
	struct fuzz_bytes b = {0};

	seeds_u16(&b, linktype & 0xffff);
	seeds_u8(&b, policy);
	seeds_u8(&b, (policy & 3) | (linktype > 0xffff ? 0x80 : 0));
	seeds_u16(&b, 0);
	fuzz_put(&b, bytes, len);
	seeds_write("packet", name, &b);
	policy = (policy + 7) % 32; /* all of them come */
}

static void put_shapes(void)
{
	static const uint8_t protos[] = {DECODE_ICMP, DECODE_TCP, DECODE_UDP, DECODE_DCCP,
	    DECODE_ICMP6, DECODE_SCTP, DECODE_UDPLITE, 47};
	static const uint8_t headers[] = {8, 32, 8, 16, 8, 12, 8, 0};

	for (size_t i = 0; i < sizeof(protos); i++) {
		for (uint8_t version = 4; version <= 6; version += 2) {
			struct shape s = {.version = version,
			    .proto = protos[i],
			    .ip_bytes = 8,
			    .header = headers[i],
			    .payload = 40,
			    .padding = 6};
			struct shaped m;

			scrubrig_shape(&m, &s);
			scrubrig_sums(&m, s.proto);
			put_packet("shape", ETHERNET, m.f.bytes, m.f.size);
		}
	}
}

static void put_link_frames(void)
{
	for (size_t i = 0; i < link_frames_count; i++) {
		uint8_t buf[LINK_FRAMES_MAX];
		struct packet p;

		link_frames_make(&link_frames[i], buf, &p);
		put_packet("link", p.linktype, p.data, p.caplen);
	}
}

/* An error message that quotes a packet; a fragment with extension headers in front of it. */
static void put_headers(void)
{
	struct frame f = {.size = 0};
	uint32_t quoted;

	ipframe_put_ipv4(&f, DECODE_ICMP);
	PUT(&f, "\x03\x04\x00\x00\x00\x00\x05\xdc");
	quoted = f.size;
	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, quoted);
	ipframe_finish(&f, 0);
	put_packet("icmp-error", RAW, f.bytes, f.size);
	f.size = 0;
	ipframe_put_ipv6(&f, HOP_BY_HOP);
	ipframe_put_extension(&f, ROUTING);
	ipframe_put_extension(&f, FRAGMENT);
	ipframe_put_fragment(&f, AH, 1);
	ipframe_put_ah(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	put_packet("extensions", RAW, f.bytes, f.size);
	f.size = 0;
	ipframe_put_ipv6(&f, FRAGMENT);
	ipframe_put_fragment(&f, DECODE_UDP, 0x0101);
	PUT(&f, "rest of a datagram");
	ipframe_finish(&f, 0);
	put_packet("fragment", RAW, f.bytes, f.size);
}

/* ---- fragments ---- */

static void put_fragments(void)
{
	struct fuzz_bytes b = {0};

	for (unsigned n = 0; n < 32; n += 5) {
		seeds_u8(&b, 1u << 6 | n); /* held, then the first, then another, found, given */
		seeds_u16(&b, 1000);
		seeds_u8(&b, 0u << 6 | n);
		seeds_u16(&b, 500);
		seeds_u8(&b, 1u << 6 | n);
		seeds_u16(&b, 7);
		seeds_u8(&b, 2u << 6 | n);
		seeds_u8(&b, 3u << 6 | n);
	}
	seeds_u8(&b, 2u << 6 | 32 | 5); /* a minute later */
	seeds_u32(&b, 61000);
	seeds_write("fragments", "datagrams", &b);
	for (unsigned n = 0; n < 80; n++) { /* more than may be held */
		seeds_u8(&b, 1u << 6 | (n & 31));
		seeds_u16(&b, 65535);
	}
	seeds_write("fragments", "flood", &b);
}

/* ---- capture ---- */

static void make_packets(struct fuzz_bytes *pcap, struct fuzz_bytes *pcapng)
{
	const struct frames_talk t = {.family = 4, .port = {443, 50000}};
	static const char *const comments[] = {"a comment"};
	uint8_t frame[FRAMES_MAX], block[PCAPNGFMT_SECTION_MAX + FRAMES_MAX];
	struct packet p;

	pcapfmt_file_header(FRAMES_LINKTYPE, block);
	fuzz_put(pcap, block, PCAPFMT_FILE_HEADER_BYTES);
	fuzz_put(pcapng, block, pcapngfmt_section("seeds", "a section", block));
	fuzz_put(pcapng, block, pcapngfmt_interface(FRAMES_LINKTYPE, "eth0", block));
	for (unsigned i = 0; i < 4; i++) {
		const struct frames_packet f = {.from = (int)(i & 1),
		    .flags = 16,
		    .seq = i,
		    .payload = (uint16_t)(i * 10),
		    .ts_ns = INT64_C(1767323045000000000) + i};

		frames_make(&t, &f, frame, &p);
		pcapfmt_record_header(&p, p.caplen, block);
		fuzz_put(pcap, block, PCAPFMT_RECORD_HEADER_BYTES);
		fuzz_put(pcap, p.data, p.caplen);
		p.interface = 0;
		fuzz_put(pcapng, block, pcapngfmt_packet(&p, comments, i & 1, block));
	}
}

static void put_capture(const char *name, unsigned flags, const struct fuzz_bytes *file)
{
	struct fuzz_bytes b = {0};

	seeds_u8(&b, flags);
	fuzz_put(&b, file->bytes, file->len);
	seeds_write("capture", name, &b);
}

/* Blocks that we do not write: simple and obsolete packets, statistics, options of a clock. */
static void put_other_blocks(void)
{
	static const uint32_t words[] = {
	    0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28, /* section */
	    1, 48, 101, 64, 0x00010009, 6, 0x0008000e, 5, 0, 0, 0, 48, /* interface */
	    3, 24, 8, 0x00000045, 0x12345678, 24,                      /* simple packet */
	    2, 40, 0x00010000, 0x00060000, 0x80000000, 8, 8, 1, 2, 40, /* obsolete packet */
	    5, 24, 0, 0, 0, 24,                                        /* statistics */
	};
	struct fuzz_bytes f = {0};

	fuzz_put(&f, words, sizeof(words));
	put_capture("blocks", 4, &f);
	fuzz_free(&f);
}

static void put_captures(void)
{
	static const uint8_t magics[][4] = {{0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4},
	    {0xa1, 0xb2, 0x3c, 0x4d}, {0x34, 0xcd, 0xb2, 0xa1}};
	struct fuzz_bytes pcap = {0}, pcapng = {0};

	make_packets(&pcap, &pcapng);
	for (unsigned flags = 0; flags < 8; flags++) {
		put_capture("pcap", flags, &pcap);
		put_capture("pcapng", flags, &pcapng);
	}
	for (unsigned i = 0; i < 4; i++) { /* the others give damaged captures: those too */
		memcpy(pcap.bytes, magics[i], 4);
		put_capture("magic", 4, &pcap);
	}
	fuzz_put(&pcapng, pcapng.bytes, pcapng.len / 2);
	put_capture("sections", 4, &pcapng);
	fuzz_free(&pcap);
	fuzz_free(&pcapng);
	put_other_blocks();
}

void seeds_packets(void)
{
	put_shapes();
	put_link_frames();
	put_headers();
	put_fragments();
	put_captures();
}
