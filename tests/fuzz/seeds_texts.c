/* SPDX-License-Identifier: BSD-2-Clause */
/* See seeds.h: events, expressions, words, command lines, small files. */
#include <string.h>

#include "events/line.h"
#include "fuzz/seeds.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- event, eventstream ---- */

static const char *const lines[] = {
    "{\"Event\":0,\"Timestamp\":\"2026-01-02T03:04:05.123456789Z\",\"UUID\":\"host_1577836800_"
    "00000000000012AB\",\"ID\":{\"SPort\":443,\"DPort\":50000,\"SrcIP\":\"192.0.2.1\",\"DstIP\":"
    "\"198.51.100.7\",\"Interface\":0,\"Cookie\":4779}}",
    "{\"Event\":1,\"Timestamp\":\"2026-01-02T03:04:05Z\",\"UUID\":\"x\",\"ID\":null}",
    "{\"event\":0.0,\"uuid\":\"a.b-c\",\"id\":{\"srcip\":\"2001:db8::1\",\"dstip\":\"::1\"}}",
    "{\"Event\":0,\"UUID\":\"m\",\"ID\":{\"SrcIP\":\"::ffff:1.2.3.4\",\"DstIP\":\"5.6.7.8\"}}",
    "{\"Event\":0,\"UUID\":\"m\",\"ID\":{\"SrcIP\":\"1.2.3.4\",\"DstIP\":\"2001:db8::\"}}",
    "{\"Event\":7}",
    "{\"Event\":0,\"UUID\":\"../x\"}",
    "{\"UUID\":\"n\",\"Timestamp\":\"2026-01-02t03:04:05.5+01:30\"}",
    "{\"Event\":1e0,\"UUID\":\"\\u0061\",\"Timestamp\":\"9999-12-31T23:59:59-23:59\"}",
    "[]",
    " \t\r",
    "{\"Event\":0,\"UUID\":\"c\",\"Cookie\":18446744073709551615",
};

static void put_events(void)
{
	struct fuzz_bytes b = {0};

	for (size_t i = 0; i < COUNT(lines); i++)
		seeds_word("event", 0, lines[i]);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		seeds_u8(&b, 1);
		seeds_u8(&b, v6);
		seeds_u64(&b, UINT64_MAX - v6);
		seeds_u32(&b, 3);
		seeds_u16(&b, 443);
		seeds_u16(&b, 50000);
		seeds_u64(&b, UINT64_C(1767323045000000000) << 2);
		seeds_u64(&b, UINT64_C(0xc000020120010db8));
		seeds_u64(&b, 1);
		seeds_u64(&b, UINT64_C(0x20010db8c0000201));
		seeds_u64(&b, 2);
		fuzz_put(&b, "host_name.example", 17);
		seeds_write("event", "connection", &b);
	}
	for (unsigned piece = 0; piece < 3; piece++) {
		seeds_u16(&b, piece * 11);
		seeds_u16(&b, piece * 300);
		for (size_t i = 0; i < COUNT(lines); i++) {
			fuzz_put(&b, lines[i], strlen(lines[i]));
			fuzz_put(&b, "\n", 1);
		}
		seeds_u8(&b, 2 - piece); /* a line that is too long, or just not */
		fuzz_put(&b, lines[1], strlen(lines[1]) - 3 * (piece == 1));
		seeds_write("eventstream", "lines", &b);
	}
}

/* ---- expr ---- */

static void put_expressions(void)
{
	static const char *const texts[] = {
	    "",
	    "host 10.0.0.1 and port 443",
	    "src host 10.0.0.1 or dst net 10.0.0.0/8",
	    "not (client 192.0.2.7 or server 2001:db8::1)",
	    "net ::/0 and not ip6",
	    "net ::ffff:10.0.0.0/104",
	    "portrange 22-443 && !tcp",
	    "src port 80 || dst port 50000",
	    "after 2026-01-02T03:04:05Z and before 1h ago",
	    "after 2026-01-01 before 2026-01-02T03:04:05.123456789+01:00",
	    "uuid 3f2a or uuid host_",
	    "bytes > 1KiB and packets <= 10 and duration >= 5s",
	    "client_bytes != 0 and server_packets == 1",
	    "captured_bytes < 1000 truncated = 0 lost_packets > 9",
	    "parts = 1 and vlan = 7 and linktype != 1",
	    "proto udp or proto 132 or icmp",
	    "end_reason idle or end_reason != fin",
	    "uuid_source event and interface eth0",
	    "client_port 0 or server_port >= 1024",
	    "((((host 10.0.0.1 and port 22) or ip) and tcp) or not udp)",
	    "not not not host ::1",
	    "(tcp or (udp and (tcp or (udp and (tcp or (udp and (tcp or udp)))))))",
	    "host",
	    "port 70000",
	    "net 10.0.0.0/33",
	    "(",
	    "host 10.0.0.1 and",
	    "bytes >",
	    "host \x1b[31m",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct fuzz_bytes b = {0};

		fuzz_put(&b, texts[i], strlen(texts[i]));
		seeds_write("expr", "text", &b);
	}
}

/* ---- words ---- */

static void put_words(void)
{
	static const struct {
		unsigned kind; /* as in fuzz_words.c */
		const char *text;
	} words[] = {{0, "100"}, {0, "18446744073709551616"}, {1, "64MiB"}, {1, "1.5G"},
	    {1, "16EiB"}, {1, "0.0000001TB"}, {2, "1h30m"}, {2, "30"}, {2, "0.5ms"}, {2, "292y"},
	    {2, "106751d"}, {3, "zlib:9"}, {3, "isal:3"}, {3, "none"}, {4, "headers"},
	    {4, "netblock:24,48"}, {4, "cryptopan"}, {4, "1500"}, {5, "192.0.2.0/24,2001:db8::1"},
	    {5, "::ffff:10.0.0.0/104"}, {5, "0.0.0.0/0,::/0"}, {6, "abc~12.pcap.gz"},
	    {6, "flows-7.tar"}, {6, "flows-4294967295.tar"},
	    {6, "3f2a0000-0000-4000-8000-000000000001.pcap.gz"}, {7, "00000000000000ff.-"},
	    {7, "0000000000000001.abc~3"}, {7, "0000000000000001~policy"}, {8, "2026/01/02"},
	    {8, "2024/02/29"}, {8, "1969/12/31"}, {9, "3f2a0000-0000-4000-8000-000000000001"},
	    {9, "host_1577836800_00000000000012AB"}, {10, "plain \x1b[0m \xff\n\\"}};

	for (size_t i = 0; i < COUNT(words); i++)
		seeds_word("words", words[i].kind, words[i].text);
}

/* ---- options ---- */

/* Words with blanks between them, which become NULs. */
static void put_command(unsigned command, const char *text)
{
	struct fuzz_bytes b = {0};

	seeds_u8(&b, command);
	for (; *text != '\0'; text++)
		seeds_u8(&b, *text == ' ' ? 0 : (unsigned char)*text);
	seeds_write("options", "command", &b);
}

static void put_commands(void)
{
	static const char *const words[] = {
	    "-d a --payload headers --anonymize netblock:16,32 --protocols tcp,udp x.pcap",
	    "-d a -i eth0 -i lo,wlan0 --ring-size 64MiB --flush-interval 5s --min-free 5% tcp",
	    "-d a -w - -e bytes>1 --format pcapng --gzip uuid1 uuid2",
	    "-d a --format json --sort -bytes --limit 10 host 10.0.0.1",
	    "-d a --repair -qv",
	    "-d a",
	    "-d a --remove x y -- -z",
	    "-d a --max-disk 1TB --min-free 10GiB --max-age 30d --dry-run",
	    "-d a --older-than 2d --segment-size 1GiB",
	    "-d a --format csv",
	    "--listen /run/x --prefix-file p",
	};
	static const char *const any[] = {"--help", "-h", "--bad", "-", "--", "-d", "-dqv",
	    "--dir=a --snaplen=0", "FLOWKEEP_DIR=a FLOWKEEP_INTERFACE=eth0 FLOWKEEP_QUIET=1",
	    "FLOWKEEP_DIR=a --savers 999999 --compress zlib:1 --store segments --sync each",
	    "-d a --idle-timeout 1ms --linger 10y --max-duration 1h --max-bytes 1kB",
	    "-d a --max-memory 1 --max-flows 0 --codec x --progress sometimes",
	    "-d a --local auto --metrics [::1]:9100 --user nobody --events /run/s --uuid-wait 0"};

	for (unsigned c = 0; c < COUNT(words); c++)
		put_command(c, words[c]);
	for (unsigned i = 0; i < COUNT(any); i++)
		put_command(i, any[i]);
}

/* ---- textfile ---- */

static void put_text_files(void)
{
	static const struct {
		unsigned kind; /* as in fuzz_textfile.c */
		const char *text;
	} files[] = {{0, "2026/01/02\n2026/01/03 tool\n"}, {0, "2026/01/03\n2026/01/02\n"},
	    {0, "2026/01/02 tool\n2026/01/02\n"}, {0, "2026/02/30\n"}, {0, "2026/01/02"},
	    {1, "{\"v\":1,\"snaplen\":100,\"payload\":\"headers\"}\n"}, {1, "{}"},
	    {2, "host_1577836800\n"}, {2, ".x"}, {2, "a b"},
	    {3, "0c8b3a5e-6f0f-4c86-9d3b-1d0c8a4ef6aa\ncpu 1 2 3\nbtime 1577836800\nprocesses 1\n"},
	    {3, "boot\nbtime x\n"}, {3, "boot\nhost_1577836800"},
	    {4, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"},
	    {4, "a key of thirty-two bytes, as is"}, {4, "too short"}};

	for (size_t i = 0; i < COUNT(files); i++)
		seeds_word("textfile", files[i].kind, files[i].text);
}

void seeds_texts(void)
{
	put_events();
	put_expressions();
	put_words();
	put_commands();
	put_text_files();
}
