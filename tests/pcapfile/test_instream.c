/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the bytes below the capture formats: gzip in all its states, pipes that give little at a
 * time, and the window. gzread(3), which is not what instream uses, says what a gzip file holds.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* gettid */
#endif
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "captest.h"
#include "pcapfile/capreader.h"
#include "pcapfile/instream.h"

#define PACKETS	     6u
#define PACKET_BYTES 90u
#define RECORD_BYTES (16u + PACKET_BYTES)

/* A plain capture of PACKETS packets. */
static void put_capture(struct image *f)
{
	image_put_pcap_header(f, 0xa1b23c4d, 1);
	for (unsigned int n = 0; n < PACKETS; n++) {
		image_put_record(f, 1500000000, n, PACKET_BYTES, PACKET_BYTES);
		image_put_packet(f, n, PACKET_BYTES);
	}
}

/*
 * The same as flowkeep writes it: a member for the header, members of records, an empty member with
 * an extra field at the end. Some members hold half a packet, and one in the middle is empty.
 */
static void put_members(struct image *gz, int level)
{
	const size_t half = 24 + 2 * RECORD_BYTES + 50;
	struct image f = { 0 };

	put_capture(&f);
	image_put_gzip(gz, f.bytes, 24, level, false);
	image_put_gzip(gz, f.bytes + 24, half - 24, level, false);
	image_put_gzip(gz, NULL, 0, level, true);
	image_put_gzip(gz, f.bytes + half, f.length - half, level, false);
	image_put_gzip(gz, NULL, 0, level, true);
	image_free(&f);
}

static void check_all_packets(const struct reading *all)
{
	ck_assert_uint_eq(all->packets, PACKETS);
	for (unsigned int n = 0; n < PACKETS; n++) {
		ck_assert_uint_eq(all->packet[n].number, n);
		ck_assert_uint_eq(all->packet[n].caplen, PACKET_BYTES);
	}
}

static const int levels[] = { 0, 1, 9 };

START_TEST(members_are_read_as_one_stream_and_empty_ones_do_not_matter)
{
	struct image gz = { 0 };
	const struct reading *all;

	put_members(&gz, levels[_i]);
	all = read_image(&gz);
	ck_assert_int_eq(all->open_result, 0);
	ck_assert_int_eq(all->result, 0);
	check_all_packets(all);
	image_free(&gz);
}
END_TEST

START_TEST(pcapng_is_inflated_too)
{
	struct image f = { 0 };
	struct image gz = { 0 };

	image_put_section(&f);
	image_put_interface(&f, 1, 0, NULL, 0);
	image_put_enhanced(&f, 0, 1, 5, 61);
	image_put_gzip(&gz, f.bytes, f.length, 6, false);
	ck_assert_int_eq(read_image(&gz)->result, 0);
	ck_assert_uint_eq(read_image(&gz)->packet[0].number, 5);
	image_free(&f);
	image_free(&gz);
}
END_TEST

/* How many bytes gzread finds in the first `length` bytes of the image. */
static size_t inflated_length(const struct image *gz, size_t length)
{
	static uint8_t out[1 << 16];
	gzFile file = gzopen(image_path(gz, length), "rb");
	int n;

	ck_assert_ptr_nonnull(file);
	n = gzread(file, out, sizeof(out));
	(void)gzclose(file); /* tells about the tear once more */
	return n < 0 ? 0 : (size_t)n;
}

START_TEST(a_torn_gzip_stream_gives_every_packet_that_can_be_inflated)
{
	struct image gz = { 0 };
	size_t last = 0;

	put_members(&gz, levels[_i]);
	/* From 3 on: below, gzread takes the file for a plain one. */
	for (size_t cut = 3; cut < gz.length; cut++) {
		size_t length = inflated_length(&gz, cut);
		size_t whole = length < 24 ? 0 : (length - 24) / RECORD_BYTES;
		const struct reading *all = read_image_cut(&gz, cut);

		ck_assert_uint_eq(all->packets, whole);
		ck_assert_int_eq(all->open_result, length < 24 ? -ENODATA : 0);
		if (all->result == 0) /* between two members */
			ck_assert_uint_eq((length - 24) % RECORD_BYTES, 0);
		else
			ck_assert_int_eq(all->result, -ENODATA);
		if (all->result != 0 && length >= 24 && (length - 24) % RECORD_BYTES == 0)
			ck_assert_ptr_nonnull(strstr(all->error, "gzip stream cut at byte"));
		last = whole;
	}
	ck_assert_uint_eq(last, PACKETS);
	image_free(&gz);
}
END_TEST

START_TEST(a_tear_is_described_by_offset_lengths_and_place_in_the_file)
{
	struct image f = { 0 };
	struct image gz = { 0 };
	size_t cut;

	put_capture(&f);
	image_put_gzip(&gz, f.bytes, 24, 0, false);
	cut = gz.length + 10 + 5 + RECORD_BYTES + 16 + 7; /* 10: header of gzip, 5: of the block */
	image_put_gzip(&gz, f.bytes + 24, f.length - 24, 0, false);
	ck_assert_uint_eq(read_image_cut(&gz, cut)->packets, 1);
	ck_assert_str_eq(read_image_cut(&gz, cut)->error,
			 "offset 130: packet cut after 7 bytes: "
			 "gzip stream cut at byte 191 of the file");
	ck_assert_uint_eq(cut, 191);
	image_free(&f);
	image_free(&gz);
}
END_TEST

START_TEST(zero_padding_is_no_damage_even_before_another_member)
{
	struct image f = { 0 };
	struct image gz = { 0 };
	size_t half = 24 + 3 * RECORD_BYTES;

	put_capture(&f);
	image_put_gzip(&gz, f.bytes, half, 6, false);
	image_put_zeros(&gz, 1000);
	image_put_gzip(&gz, f.bytes + half, f.length - half, 6, false);
	image_put_zeros(&gz, (2u << 20) + 1);
	ck_assert_int_eq(read_image(&gz)->result, 0);
	check_all_packets(read_image(&gz));
	image_free(&f);
	image_free(&gz);
}
END_TEST

START_TEST(garbage_after_the_last_member_is_damage_after_all_packets)
{
	static const char *const garbage[] = { "x", "\x1fx", "garbage" };

	for (size_t i = 0; i < 3; i++) {
		for (size_t padding = 0; padding < 3; padding++) {
			struct image gz = { 0 };
			const struct reading *all;

			put_members(&gz, 6);
			image_put_zeros(&gz, padding);
			image_put(&gz, garbage[i], strlen(garbage[i]));
			all = read_image(&gz);
			ck_assert_int_eq(all->result, -EBADMSG);
			check_all_packets(all);
			ck_assert_ptr_nonnull(strstr(all->error, "of the file"));
			image_free(&gz);
		}
	}
}
END_TEST

START_TEST(a_wrong_checksum_or_length_is_damage_after_all_packets)
{
	struct image f = { 0 };

	put_capture(&f);
	for (size_t back = 1; back <= 8; back++) { /* CRC32 and ISIZE, RFC 1952 section 2.3.1 */
		struct image gz = { 0 };
		const struct reading *all;

		image_put_gzip(&gz, f.bytes, f.length, 6, false);
		gz.bytes[gz.length - back] ^= 0x10;
		all = read_image(&gz);
		ck_assert_int_eq(all->result, -EBADMSG);
		check_all_packets(all);
		ck_assert_ptr_nonnull(strstr(all->error, back > 4 ? "incorrect data check" :
								    "incorrect length check"));
		image_free(&gz);
	}
	image_free(&f);
}
END_TEST

START_TEST(a_capture_that_was_gzipped_twice_or_holds_nothing_is_refused)
{
	struct image gz = { 0 };
	struct image twice = { 0 };
	struct image empty = { 0 };

	put_members(&gz, 6);
	image_put_gzip(&twice, gz.bytes, gz.length, 6, false);
	ck_assert_int_eq(read_image(&twice)->open_result, -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(read_image(&twice)->error, "gzip'd twice"));
	image_put_gzip(&empty, NULL, 0, 6, false);
	ck_assert_int_eq(read_image(&empty)->open_result, -ENODATA);
	ck_assert_str_eq(read_image(&empty)->error, "empty");
	image_free(&gz);
	image_free(&twice);
	image_free(&empty);
}
END_TEST

START_TEST(random_bit_flips_in_gzip_never_crash_the_reader)
{
	struct image gz = { 0 };

	put_members(&gz, levels[_i]);
	read_with_random_flips(&gz, 1000, 0xbf58476d1ce4e5b9u + (uint64_t)_i);
	image_free(&gz);
}
END_TEST

/* Who writes into a pipe, and how. */
struct pipe_writer {
	pthread_t thread;
	const struct image *f;
	size_t step;	/* bytes per write */
	int fd;
	pid_t reader;	/* not 0: send it a signal before each write, when it waits */
	pthread_t reader_thread;
};

/* Wait until a thread of this process sleeps: its state in proc(5). */
static void wait_asleep(pid_t tid)
{
	char path[64];
	char state = '?';

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	while (state != 'S') {
		FILE *stat = fopen(path, "r");

		ck_assert_ptr_nonnull(stat);
		ck_assert_int_eq(fscanf(stat, "%*d %*s %c", &state), 1);
		(void)fclose(stat);
		(void)sched_yield();
	}
}

static void *write_pipe(void *argument)
{
	struct pipe_writer *w = argument;

	for (size_t at = 0; at < w->f->length; at += w->step) {
		size_t n = w->f->length - at < w->step ? w->f->length - at : w->step;

		if (w->reader != 0) {
			wait_asleep(w->reader);
			ck_assert_int_eq(pthread_kill(w->reader_thread, SIGUSR1), 0);
			wait_asleep(w->reader);
		}
		ck_assert_int_eq(write(w->fd, w->f->bytes + at, n), (ssize_t)n);
	}
	(void)close(w->fd);
	return NULL;
}

/*
 * Read an image through a pipe, as the standard input, so that the flags are those of the very
 * descriptor that is read.
 */
static const struct reading *read_piped(struct pipe_writer *w, int flags)
{
	const struct reading *all;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, flags), 0);
	w->fd = ends[1];
	ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(ends[0]);
	ck_assert_int_eq(fcntl(w->fd, F_SETFL, 0), 0); /* the writer may always wait */
	ck_assert_int_eq(pthread_create(&w->thread, NULL, write_pipe, w), 0);
	all = read_path("-");
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	return all;
}

START_TEST(a_pipe_may_give_any_number_of_bytes_at_a_time)
{
	static const size_t steps[] = { 1, 2, 3, 7, 100, 4096 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (int zipped = 0; zipped < 2; zipped++) {
			struct image f = { 0 };
			struct pipe_writer w = { .f = &f, .step = steps[i] };
			const struct reading *all;

			if (zipped == 1)
				put_members(&f, 6);
			else
				put_capture(&f);
			all = read_piped(&w, 0);
			ck_assert_int_eq(all->result, 0);
			check_all_packets(all);
			image_free(&f);
		}
	}
}
END_TEST

START_TEST(a_non_blocking_pipe_is_waited_for)
{
	struct image f = { 0 };
	struct pipe_writer w = { .f = &f, .step = 10 };
	const struct reading *all;

	put_capture(&f);
	all = read_piped(&w, O_NONBLOCK);
	ck_assert_int_eq(all->result, 0);
	check_all_packets(all);
	image_free(&f);
}
END_TEST

static void on_signal(int number)
{
	(void)number;
}

START_TEST(a_signal_while_waiting_for_a_pipe_does_not_end_reading)
{
	struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART */
	struct image f = { 0 };
	struct pipe_writer w = { .f = &f, .step = 50, .reader = gettid(),
				 .reader_thread = pthread_self() };
	const struct reading *all;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	put_capture(&f);
	all = read_piped(&w, _i == 0 ? 0 : O_NONBLOCK);
	ck_assert_int_eq(all->result, 0);
	check_all_packets(all);
	image_free(&f);
}
END_TEST

/* A packet that has come whole is given, though the pipe stays open and silent. */
START_TEST(packets_of_a_pipe_are_given_as_soon_as_they_have_come)
{
	struct image f = { 0 };
	struct capreader *r;
	struct packet p;
	uint64_t size = 1;
	int ends[2];

	put_capture(&f);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	ck_assert_int_eq(write(ends[1], f.bytes, f.length), (ssize_t)f.length);
	ck_assert_int_eq(capreader_open("-", &r), 0);
	for (unsigned int n = 0; n < PACKETS; n++)
		ck_assert_int_eq(capreader_next(r, &p), 1);
	ck_assert_uint_eq(capreader_progress(r, &size), f.length);
	ck_assert_uint_eq(size, 0);
	capreader_close(r);
	image_free(&f);
}
END_TEST

/* A descriptor that can be opened but not read: a process's memory at address 0, see proc(5). */
START_TEST(a_read_error_is_told_with_its_errno)
{
	const struct reading *all = read_path("/proc/self/mem");

	ck_assert_int_eq(all->open_result, -EIO);
	ck_assert_ptr_nonnull(strstr(all->error, strerror(EIO)));
}
END_TEST

/* Byte i of the stream that the window is moved over. */
static uint8_t stream_byte(uint64_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

START_TEST(the_window_shows_every_byte_however_it_is_moved)
{
	const size_t length = 40u << 20;
	struct image f = { 0 };
	struct fault fault = { "" };
	struct instream *in;
	const uint8_t *p;
	uint64_t seed = 0x94d049bb133111ebu;
	uint64_t at = 0;

	f.bytes = malloc(length);
	ck_assert_ptr_nonnull(f.bytes);
	f.length = f.room = length;
	for (size_t i = 0; i < length; i++)
		f.bytes[i] = stream_byte(i);
	ck_assert_int_eq(instream_open(image_path(&f, length), &fault, &in), 0);
	image_free(&f);
	while (at < length) {
		/* Mostly small steps, sometimes all that may be seen at once. */
		uint64_t dice = next_random(&seed);
		size_t want = dice % 64 == 0 ? INSTREAM_MAX_PEEK - dice % 1000 : dice % 300000;
		size_t have = instream_peek(in, want, &p);
		uint64_t step = next_random(&seed) % 300000;

		ck_assert_uint_eq(instream_offset(in), at);
		ck_assert_uint_ge(have, at + want <= length ? want : length - at);
		for (size_t i = 0; i < have && i < want; i += 61)
			ck_assert_uint_eq(p[i], stream_byte(at + i));
		if (dice % 3 == 0) {
			step *= 10;
			ck_assert_uint_eq(instream_skip(in, step),
					  at + step <= length ? step : length - at);
		} else {
			step = step < have ? step : have;
			instream_take(in, (size_t)step);
		}
		at = at + step <= length ? at + step : length;
	}
	ck_assert_uint_eq(instream_peek(in, 1, &p), 0);
	ck_assert_int_eq(instream_error(in), 0);
	ck_assert_uint_eq(instream_skip(in, 5), 0);
	ck_assert_uint_eq(instream_offset(in), length);
	instream_close(in);
	instream_close(NULL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("pcapfile/instream");
	TCase *gzip = tcase_create("gzip");
	TCase *plain = tcase_create("plain");
	SRunner *runner;
	int failed;

	tcase_set_timeout(gzip, 120);
	tcase_add_loop_test(gzip, members_are_read_as_one_stream_and_empty_ones_do_not_matter, 0,
			    COUNT(levels));
	tcase_add_test(gzip, pcapng_is_inflated_too);
	tcase_add_loop_test(gzip, a_torn_gzip_stream_gives_every_packet_that_can_be_inflated, 0,
			    COUNT(levels));
	tcase_add_test(gzip, a_tear_is_described_by_offset_lengths_and_place_in_the_file);
	tcase_add_test(gzip, zero_padding_is_no_damage_even_before_another_member);
	tcase_add_test(gzip, garbage_after_the_last_member_is_damage_after_all_packets);
	tcase_add_test(gzip, a_wrong_checksum_or_length_is_damage_after_all_packets);
	tcase_add_test(gzip, a_capture_that_was_gzipped_twice_or_holds_nothing_is_refused);
	tcase_add_loop_test(gzip, random_bit_flips_in_gzip_never_crash_the_reader, 0,
			    COUNT(levels));
	suite_add_tcase(suite, gzip);
	tcase_set_timeout(plain, 120);
	tcase_add_test(plain, a_pipe_may_give_any_number_of_bytes_at_a_time);
	tcase_add_test(plain, a_non_blocking_pipe_is_waited_for);
	tcase_add_loop_test(plain, a_signal_while_waiting_for_a_pipe_does_not_end_reading, 0, 2);
	tcase_add_test(plain, packets_of_a_pipe_are_given_as_soon_as_they_have_come);
	tcase_add_test(plain, a_read_error_is_told_with_its_errno);
	tcase_add_test(plain, the_window_shows_every_byte_however_it_is_moved);
	suite_add_tcase(suite, plain);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
