/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What went wrong with an input: keeps the words of the first fault.
 */
#include "pcapfile/fault.h"

#include <stdio.h>
#include <string.h>

int fault_setv(struct fault *f, int error, const char *format, va_list ap)
{
	/* A text that does not fit is cut: it is for people, and the offset comes first. */
	if (f->text[0] == '\0')
		(void)vsnprintf(f->text, sizeof(f->text), format, ap);
	return error;
}

int fault_set(struct fault *f, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)fault_setv(f, error, format, ap); /* it returns our own error */
	va_end(ap);
	return error;
}

void fault_appendv(struct fault *f, const char *format, va_list ap)
{
	size_t length = strlen(f->text);

	(void)vsnprintf(f->text + length, sizeof(f->text) - length, format, ap);
}

void fault_append(struct fault *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fault_appendv(f, format, ap);
	va_end(ap);
}
