/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells lines to any number of clients on a unix stream socket, and waits for none of them.
 *
 * Each client has a buffer of its own, SERVER_BUFFER_BYTES at most; who lets it run full is
 * dropped, and counted. What clients send is read and thrown away.
 *
 * A client that comes late is first told every connection that lives, a piece at a time while it
 * reads, in the order of their slots; `cursor` is the slot that comes next. Live events go to it at
 * once for slots before the cursor. An open for a slot that is still to come need not be told, it
 * will be when its turn comes; a close for one is told together with its open. So nothing is
 * missed, and no close comes before its open.
 *
 * Life-cycle:  open when the connections are known; tell and run; close, which removes the socket.
 * Threads:     one.
 * Source:      unix(7), epoll(7).
 */
#ifndef EVENTS_SERVER_H
#define EVENTS_SERVER_H

#include <stddef.h>
#include <stdint.h>

#define SERVER_CLIENTS_MAX  64
#define SERVER_BUFFER_BYTES (UINT32_C(4) << 20)

struct server;

struct server_source {
	/* How many slots there are. */
	uint32_t (*slots)(void *arg);
	/* The open event of what lives in a slot, in a buffer of LINE_SIZE; 0: nothing does. */
	size_t (*open_line)(void *arg, uint32_t slot, char *buf);
	void *arg;
};

struct server_counts {
	uint64_t clients;  /* now */
	uint64_t accepted; /* in all */
	uint64_t refused;  /* there were SERVER_CLIENTS_MAX already */
	uint64_t dropped;  /* did not read, and their buffer was full */
};

/*
 * server_open - listen.
 *
 * Takes:    path; source, asked for the connections that live by server_run, _tell_close, _flush.
 * Returns:  0; -errno of listener_open, epoll_create1(2).
 */
int server_open(const char *path, const struct server_source *source, struct server **ret_server);

/* server_fd - readable when server_run has work. */
int server_fd(const struct server *s);

/* server_run - accept, read, write what can be done without waiting; forget clients that left. */
void server_run(struct server *s);

/*
 * server_accept - take those in that have connected. To be called between hearing of a close and
 * telling it: then a client misses nothing that began after its connect(2).
 */
void server_accept(struct server *s);

/*
 * server_tell_open, server_tell_close - an event of a slot, for everybody. For a close, the source
 * must still give the open event of its slot.
 *
 * Takes:    line of len bytes. It is sent by the next server_flush, or earlier.
 */
void server_tell_open(struct server *s, uint32_t slot, const char *line, size_t len);
void server_tell_close(struct server *s, uint32_t slot, const char *line, size_t len);

/* server_flush - send what was told. Once per round of the caller's loop. */
void server_flush(struct server *s);

/*
 * server_resume - accept again, if that had to be suspended for want of descriptors or memory. To
 * be called now and then.
 */
void server_resume(struct server *s);

void server_counts(const struct server *s, struct server_counts *ret_counts);

/* server_close - takes NULL. Removes the socket file if it is still ours. */
void server_close(struct server *s);

#endif
