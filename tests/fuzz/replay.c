/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target without libFuzzer, with any compiler: all inputs of some directories, then
 * mutations of them, the same ones in every run. Linked with one target.
 *
 *     replay_TARGET [--mutations N] [--seed N] [--keep FILE] PATH...
 *
 * PATH is a file, or a directory whose files are inputs. A fault ends the process, as an assertion
 * or a sanitizer has it; with --keep, FILE then begins with 4 bytes that tell the length of the
 * input, little-endian, and the input follows. `replay_TARGET --extract FILE` writes that input
 * alone to the standard output.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/parse.h"
#include "fuzz/fuzz_support.h"
#include "support/random.h"

#define INPUT_MAX  (256u << 10)
#define KEEP_BYTES (4 + INPUT_MAX)

struct input {
	uint8_t *bytes;
	size_t len;
};

struct corpus {
	struct input *inputs;
	size_t count, room;
};

static struct corpus corpus;
static uint8_t *keep; /* NULL: not asked for */
static uint64_t executions;

static void die(const char *what, const char *path)
{
	(void)fprintf(stderr, "replay: %s: '%s': %s\n", what, path, strerror(errno));
	exit(2);
}

/* From memory of exactly its size, so that a sanitizer sees a single byte too many. */
static void run(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = fuzz_copy(bytes, len);

	if (keep != NULL) {
		uint8_t size[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), 0};

		memcpy(keep + 4, copy, len);
		memcpy(keep, size, 4);
	}
	(void)LLVMFuzzerTestOneInput(copy, len);
	executions++;
	free(copy);
}

/* ---- inputs ---- */

static void add_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct input *i;
	ssize_t n;

	if (fd < 0)
		die("cannot open", path);
	if (corpus.count == corpus.room) {
		corpus.room = corpus.room * 2 + 64;
		corpus.inputs = realloc(corpus.inputs, corpus.room * sizeof(*i));
		fuzz_check(corpus.inputs != NULL);
	}
	i = &corpus.inputs[corpus.count++];
	i->bytes = malloc(INPUT_MAX);
	fuzz_check(i->bytes != NULL);
	n = fileio_read(fd, i->bytes, INPUT_MAX); /* what is longer is cut */
	fileio_close(fd);
	if (n < 0)
		die("cannot read", path);
	i->len = (size_t)n;
	i->bytes = realloc(i->bytes, i->len + 1);
	fuzz_check(i->bytes != NULL);
}

static int shown(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* In the order of names, so that every run does the same. */
static void add_path(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		die("cannot find", path);
	if (!S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	n = scandir(path, &names, shown, alphasort);
	if (n < 0)
		die("cannot list", path);
	for (int i = 0; i < n; i++) {
		char *name;

		fuzz_check(asprintf(&name, "%s/%s", path, names[i]->d_name) >= 0);
		add_path(name);
		free(name);
		free(names[i]);
	}
	free(names);
}

/* ---- mutations ---- */

static const uint64_t interesting[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128,
    255, 256, 511, 512, 1000, 1023, 1024, 4095, 4096, 32767, 32768, 65535, 65536, 262144, 262145,
    INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};

static void flip_bits(struct random *r, struct input *i)
{
	uint64_t n = 1 + random_below(r, 8);

	while (n-- > 0)
		i->bytes[random_below(r, i->len)] ^= (uint8_t)(1u << random_below(r, 8));
}

/* 1, 2, 4 or 8 bytes, in either byte order. */
static void put_integer(struct random *r, struct input *i)
{
	size_t count = sizeof(interesting) / sizeof(interesting[0]);
	uint64_t v = interesting[random_below(r, count)];
	size_t width = (size_t)1 << random_below(r, 4), at;
	bool big = random_below(r, 2) == 1;

	if (width > i->len)
		width = 1;
	at = random_below(r, i->len - width + 1);
	for (size_t n = 0; n < width; n++)
		i->bytes[at + (big ? width - 1 - n : n)] = (uint8_t)(v >> (8 * n));
}

static void put_bytes(struct random *r, struct input *i)
{
	uint64_t n = 1 + random_below(r, 4);

	while (n-- > 0)
		i->bytes[random_below(r, i->len)] = (uint8_t)random_next(r);
}

static void cut_out(struct random *r, struct input *i)
{
	size_t at = random_below(r, i->len), n = 1 + random_below(r, i->len - at);

	memmove(i->bytes + at, i->bytes + at + n, i->len - at - n);
	i->len -= n;
}

/* Put n bytes in, from anywhere. */
static void insert(struct random *r, struct input *i, const uint8_t *from, size_t n)
{
	size_t at = random_below(r, i->len + 1);

	if (n > INPUT_MAX - i->len)
		return;
	memmove(i->bytes + at + n, i->bytes + at, i->len - at);
	memcpy(i->bytes + at, from, n);
	i->len += n;
}

static void insert_noise(struct random *r, struct input *i)
{
	uint8_t noise[32];

	random_fill(r, noise, sizeof(noise));
	if (random_below(r, 2) == 0)
		memset(noise, noise[0], sizeof(noise));
	insert(r, i, noise, 1 + random_below(r, sizeof(noise)));
}

static void repeat(struct random *r, struct input *i)
{
	size_t at = random_below(r, i->len), n = 1 + random_below(r, i->len - at);
	uint8_t *copy = fuzz_copy(i->bytes + at, n);

	insert(r, i, copy, n);
	free(copy);
}

/* A piece of another input, put in or put over. */
static void put_piece(struct random *r, struct input *i)
{
	const struct input *other = &corpus.inputs[random_below(r, corpus.count)];
	size_t from, n, at;

	if (other->len == 0)
		return;
	from = random_below(r, other->len);
	n = 1 + random_below(r, other->len - from);
	if (random_below(r, 2) == 0) {
		insert(r, i, other->bytes + from, n);
		return;
	}
	at = random_below(r, i->len);
	if (n > i->len - at)
		n = i->len - at;
	memcpy(i->bytes + at, other->bytes + from, n);
}

static void truncate_at(struct random *r, struct input *i)
{
	i->len = random_below(r, i->len);
}

static void mutate(struct random *r, struct input *i)
{
	static void (*const kinds[])(struct random *, struct input *) = {flip_bits, flip_bits,
	    put_integer, put_integer, put_bytes, put_bytes, cut_out, insert_noise, repeat,
	    put_piece, truncate_at};
	uint64_t n = 1 + random_below(r, 4);

	while (n-- > 0) {
		if (i->len == 0)
			insert_noise(r, i);
		else
			kinds[random_below(r, sizeof(kinds) / sizeof(kinds[0]))](r, i);
	}
}

static void run_mutations(uint64_t count, uint64_t seed)
{
	struct random r = {seed};
	struct input i = {malloc(INPUT_MAX), 0};

	fuzz_check(i.bytes != NULL);
	for (uint64_t n = 0; corpus.count > 0 && n < count; n++) {
		const struct input *from = &corpus.inputs[n % corpus.count];

		i.len = from->len;
		memcpy(i.bytes, from->bytes, from->len);
		mutate(&r, &i);
		run(i.bytes, i.len);
	}
	free(i.bytes);
}

/* ---- the input that was running ---- */

/* Shared pages outlive the process, and cost no call per input. */
static void open_keep(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd < 0 || ftruncate(fd, KEEP_BYTES) != 0)
		die("cannot make", path);
	keep = mmap(NULL, KEEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (keep == MAP_FAILED)
		die("cannot map", path);
	fileio_close(fd);
}

static int extract(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *all = malloc(KEEP_BYTES);
	size_t len;

	fuzz_check(all != NULL);
	if (fd < 0 || fileio_read(fd, all, KEEP_BYTES) != KEEP_BYTES)
		die("cannot read", path);
	len = (size_t)all[0] | (size_t)all[1] << 8 | (size_t)all[2] << 16;
	if (len > INPUT_MAX || fileio_write(STDOUT_FILENO, all + 4, len) != 0)
		die("cannot write what was in", path);
	fileio_close(fd);
	free(all);
	return 0;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: %s [--mutations N] [--seed N] [--keep FILE] PATH...\n",
	    program_invocation_short_name);
	return 2;
}

static const char *target_name(void)
{
	const char *name = program_invocation_short_name;

	return strncmp(name, "replay_", 7) == 0 ? name + 7 : name;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"mutations", required_argument, NULL, 'm'},
	    {"seed", required_argument, NULL, 's'}, {"keep", required_argument, NULL, 'k'},
	    {"extract", required_argument, NULL, 'x'}, {NULL, 0, NULL, 0}};
	uint64_t mutations = 0, seed = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm' && parse_number(optarg, 0, UINT64_MAX, &mutations) == 0)
			continue;
		if (c == 's' && parse_number(optarg, 1, UINT64_MAX, &seed) == 0)
			continue;
		if (c == 'x')
			return extract(optarg);
		if (c != 'k')
			return usage();
		open_keep(optarg);
	}
	if (optind == argc)
		return usage();
	for (; optind < argc; optind++)
		add_path(argv[optind]);
	for (size_t i = 0; i < corpus.count; i++)
		run(corpus.inputs[i].bytes, corpus.inputs[i].len);
	run_mutations(mutations, seed);
	(void)printf(
	    "%s: %zu inputs, %ju executions\n", target_name(), corpus.count, (uintmax_t)executions);
	for (size_t i = 0; i < corpus.count; i++)
		free(corpus.inputs[i].bytes);
	free(corpus.inputs);
	return 0;
}
