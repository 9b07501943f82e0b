/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is not to be had, at a moment that can be repeated: a library to be loaded before a
 * program (LD_PRELOAD), in which the N-th call of malloc, calloc, realloc, posix_memalign,
 * aligned_alloc or mmap fails with ENOMEM. The system calls below them would tell of few: most
 * memory comes of what the C library has in hand.
 *
 *     FAILMEM_AT     the N-th fails; not set: none does
 *     FAILMEM_ON     if it is set: and all after it
 *     FAILMEM_OUT    a file, to which goes how many there were
 *
 * Calls count from the time when the libraries are ready, in all threads.
 *
 * AddressSanitizer wants to come first: ASAN_OPTIONS=verify_asan_link_order=0 lets this come before
 * it. It takes the calls that go on.
 *
 * Source:  dlsym(3), ld.so(8),
 * https://www.gnu.org/software/libc/manual/html_node/Replacing-malloc.html
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What dlsym(3) itself asks for while the next function is looked up. It is never given back. */
static _Alignas(max_align_t) char early[16384];
static size_t early_used;

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	void (*free)(void *);
} next;

static bool looking; /* in the first thread, before there is another one */
static atomic_bool ready;
static atomic_ullong calls;
static unsigned long long at;
static bool on;
static const char *out_path;

/* ISO C knows no way from an object's pointer to a function's, POSIX does. */
#define LOOK(name)                                           \
	do {                                                 \
		void *found_ = dlsym(RTLD_NEXT, #name);      \
		memcpy(&next.name, &found_, sizeof(found_)); \
	} while (0)

static void look_up(void)
{
	if (looking || next.free != NULL)
		return;
	looking = true;
	LOOK(malloc);
	LOOK(calloc);
	LOOK(realloc);
	LOOK(posix_memalign);
	LOOK(aligned_alloc);
	LOOK(mmap);
	LOOK(free);
	looking = false;
}

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("FAILMEM_AT");

	look_up();
	at = number != NULL ? strtoull(number, NULL, 10) : 0;
	on = getenv("FAILMEM_ON") != NULL;
	out_path = getenv("FAILMEM_OUT");
	atomic_store(&ready, true);
}

__attribute__((destructor)) static void end(void)
{
	char text[32];
	int fd, n;

	if (!atomic_exchange(&ready, false) || out_path == NULL)
		return;
	n = snprintf(text, sizeof(text), "%llu\n", atomic_load(&calls));
	fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		(void)fprintf(stderr, "failmem: %s: %s\n", out_path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

static bool fails(void)
{
	unsigned long long number;

	if (!atomic_load_explicit(&ready, memory_order_relaxed))
		return false;
	number = atomic_fetch_add(&calls, 1) + 1;
	if (at == 0 || number < at || (number > at && !on))
		return false;
	errno = ENOMEM;
	return true;
}

static bool is_early(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)early && (uintptr_t)p < (uintptr_t)early + sizeof(early);
}

static void *take_early(size_t bytes)
{
	void *p = early + early_used;

	bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (bytes > sizeof(early) - early_used)
		return NULL;
	early_used += bytes;
	return p; /* as it is static, it is zero */
}

void *malloc(size_t bytes)
{
	look_up();
	if (next.malloc == NULL)
		return take_early(bytes);
	return fails() ? NULL : next.malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	look_up();
	if (next.calloc == NULL)
		return take_early(count * bytes);
	return fails() ? NULL : next.calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	void *p;

	look_up();
	if (next.realloc == NULL || is_early(old)) {
		size_t most = (size_t)(early + sizeof(early) - (char *)old);

		p = next.malloc == NULL ? take_early(bytes) : next.malloc(bytes);
		if (p != NULL && old != NULL)
			memcpy(p, old, bytes < most ? bytes : most);
		return p;
	}
	return fails() ? NULL : next.realloc(old, bytes);
}

int posix_memalign(void **ret_p, size_t alignment, size_t bytes)
{
	look_up();
	return fails() ? ENOMEM : next.posix_memalign(ret_p, alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	look_up();
	return fails() ? NULL : next.aligned_alloc(alignment, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	look_up();
	return fails() ? MAP_FAILED : next.mmap(address, bytes, protection, flags, fd, offset);
}

/* The same, for who is built with offsets of 64 bits. */
void *mmap64(void *, size_t, int, int, int, off64_t) __attribute__((alias("mmap")));

/* Of the same memory as the functions above, whoever's those are. */
void free(void *p)
{
	if (p == NULL || is_early(p))
		return;
	look_up();
	next.free(p);
}
