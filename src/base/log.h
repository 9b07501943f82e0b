/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talk to the operator: one line per message on the standard error, `flowkeep: component: what`.
 * Levels: error = data lost or exiting; warning = degraded, says "continuing"; info = life-cycle;
 * debug. Nothing per packet or per flow at info: count it.
 *
 * Threads: any; a message is one write(2). log_set_level and log_set_status: main, before others.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* log_set_level - messages above this level are not written. Default LOG_WARNING. */
void log_set_level(enum log_level level);

/* log_write - use the macros below. */
__attribute__((format(printf, 3, 4))) void log_write(
    enum log_level level, const char *component, const char *fmt, ...);

#define log_error(component, ...)   log_write(LOG_ERROR, component, __VA_ARGS__)
#define log_warning(component, ...) log_write(LOG_WARNING, component, __VA_ARGS__)
#define log_info(component, ...)    log_write(LOG_INFO, component, __VA_ARGS__)
#define log_debug(component, ...)   log_write(LOG_DEBUG, component, __VA_ARGS__)

/* log_text - lines that are whole and may be printed as they are; no message comes between them. */
void log_text(const char *text, unsigned long len);

/*
 * log_status - show a line that stays at the bottom of a terminal, overwriting the one before.
 *
 * Takes:    text without line feed; "" takes the line away. Messages move it down.
 * Threads:  main only; messages of other threads may come at any time.
 */
void log_status(const char *text);

/*
 * log_printable - copy text for a message, with everything that could drive a terminal escaped.
 *
 * Takes:    buf of size bytes, text of any content.
 * Returns:  buf, always terminated; cut where it does not fit.
 */
char *log_printable(char *buf, unsigned long size, const char *text);

#endif
