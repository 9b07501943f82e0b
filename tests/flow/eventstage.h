/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listener on the event socket and a server for it, which the test plays. Nothing here sleeps:
 * what was sent to a unix socket has arrived when send(2) returns, and the client's own descriptor
 * tells when it wants to try again.
 */
#ifndef TESTS_FLOW_EVENTSTAGE_H
#define TESTS_FLOW_EVENTSTAGE_H

#include <stdbool.h>
#include <sys/un.h>

#include "flow/eventclient.h"

#define CLOSE_A           "{\"Event\":1,\"UUID\":\"a\",\"ID\":null}\n"
#define STAGE_DEADLINE_MS 20000 /* nothing waits that long unless it is broken */

struct stage {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct eventclient *client;
	const struct eventclient_stats *stats;
	int listener, peer;          /* -1: none */
	uint64_t events;             /* that the client has given */
	char last[LAYOUT_UUID_SIZE]; /* UUID of the last of them */
	size_t answers;              /* times that the server writes CLOSE_A for an event given */
};

/*
 * stage_at - an empty stage; the socket will have that path. Warnings are not shown.
 * stage_begin - make the client.
 * stage_connected - a stage with a server, and the client connected to it.
 */
struct stage *stage_at(const char *path);
void stage_begin(struct stage *s);
struct stage *stage_connected(void);
void stage_free(struct stage *s);

/* The server: listen anew, accept one, end the connection, be gone without a trace. */
void stage_listen(struct stage *s, int backlog);
void stage_accept(struct stage *s);
void stage_hang_up(struct stage *s);
void stage_go(struct stage *s);

/* stage_send_bytes, stage_send - the server writes, in turn with the client where that is needed.
 */
void stage_send_bytes(struct stage *s, const char *bytes, size_t len);
void stage_send(struct stage *s, const char *text);

/* stage_readable - does the client want to run? stage_step - wait until it does, and run it. */
bool stage_readable(const struct stage *s, int timeout_ms);
void stage_step(struct stage *s);

/* stage_settle - let the client read all that has arrived. */
void stage_settle(struct stage *s);

/* stage_await - let the client run until it is connected, and accept it. */
void stage_await(struct stage *s);

/* stage_check_sum - do the statistics agree with each other, and with what was given? */
void stage_check_sum(const struct stage *s);

uint64_t stage_value(const _Atomic uint64_t *counter);
struct sockaddr_un stage_address(const char *path);

#endif
