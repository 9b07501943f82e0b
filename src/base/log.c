/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for the operator. Everything that is written here goes out in a single write(2), so
 * that lines of different threads do not mix.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static atomic_int log_level_now = LOG_WARNING;

/* guarded by status_lock */
static pthread_mutex_t status_lock = PTHREAD_MUTEX_INITIALIZER;
static char status_line[256];

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

/* Standard error may be a full pipe or closed: there is nobody left to tell, so the result goes. */
static void emit(const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf += n;
		len -= (size_t)n;
	}
}

/* How long the character is that text begins with, in UTF-8; 0: it is a control, or none. */
static size_t letter_bytes(const char *text, size_t len)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t n = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (c[0] < 0x80)
		return c[0] >= 0x20 && c[0] != 0x7f;
	if (c[0] < 0xc2 || c[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Controls of 0x80 to 0x9f; what has a shorter form. */
	if ((c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xe0 && c[1] < 0xa0) ||
	    (c[0] == 0xf0 && c[1] < 0x90))
		return 0;
	return n;
}

/*
 * Whatever would drive a terminal, in place: texts may hold names that strangers gave. Who cares
 * what they look like uses log_printable. A line feed is ours where blanks follow it.
 */
static void disarm(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		bool ours =
		    text[i] == '\n' && i + 2 < len && text[i + 1] == ' ' && text[i + 2] == ' ';
		size_t n = ours ? 1 : letter_bytes(text + i, len - i);

		if (n == 0)
			text[i] = '?';
		i += n > 0 ? n : 1;
	}
}

static const char *const level_words[] = {"error: ", "warning: ", "", "debug: "};

void log_write(enum log_level level, const char *component, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int len, n, begin;

	if ((int)level > atomic_load_explicit(&log_level_now, memory_order_relaxed))
		return;
	(void)pthread_mutex_lock(&status_lock); /* cannot fail: a static default mutex */
	len = snprintf(line, sizeof(line), "%sflowkeep: %s: %s", status_line[0] ? "\r\033[K" : "",
	    component, level_words[level]);
	if (len < 0)
		len = 0;
	begin = len;
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, ap);
	va_end(ap);
	if (n > 0)
		len += n;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	disarm(line + begin, (size_t)(len - begin));
	line[len++] = '\n';
	emit(line, (size_t)len);
	if (status_line[0])
		emit(status_line, strlen(status_line));
	(void)pthread_mutex_unlock(&status_lock);
}

void log_text(const char *text, unsigned long len)
{
	(void)pthread_mutex_lock(&status_lock); /* as above */
	if (status_line[0])
		emit("\r\033[K", 4);
	emit(text, len);
	if (status_line[0])
		emit(status_line, strlen(status_line));
	(void)pthread_mutex_unlock(&status_lock);
}

void log_status(const char *text)
{
	(void)pthread_mutex_lock(&status_lock);
	if (text[0] || status_line[0])
		emit("\r\033[K", 4);
	(void)snprintf(status_line, sizeof(status_line), "%s", text);
	emit(status_line, strlen(status_line));
	(void)pthread_mutex_unlock(&status_lock);
}

char *log_printable(char *buf, unsigned long size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	unsigned long o = 0;

	for (; *text && o + 5 <= size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f && c != '\\') {
			buf[o++] = (char)c;
			continue;
		}
		buf[o++] = '\\';
		buf[o++] = 'x';
		buf[o++] = hex[c >> 4];
		buf[o++] = hex[c & 15];
	}
	if (size > 0)
		buf[o] = '\0';
	return buf;
}
