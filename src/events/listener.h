/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listening unix stream socket with a name in the file system, which must replace what a crash
 * has left behind, but never the socket of somebody who is alive.
 *
 * The name's directory is locked (flock(2)) from the look at what is there until we listen, so that
 * of two that start at the same time one sees the other.
 *
 * Threads:  one; sets the umask for a moment, so no other may make files meanwhile.
 * Source:   unix(7), flock(2).
 */
#ifndef EVENTS_LISTENER_H
#define EVENTS_LISTENER_H

#include <sys/stat.h>
#include <sys/un.h>

struct listener {
	int fd; /* non-blocking */
	struct sockaddr_un address;
	struct stat file; /* to know it again */
};

/*
 * listener_open - bind and listen; the file gets mode 0660.
 *
 * Returns:  0; -EADDRINUSE somebody listens there, or is about to; -ENOTSOCK something else is
 *           there; -ENAMETOOLONG; other -errno of open(2), socket(2), bind(2).
 */
int listener_open(const char *path, struct listener *ret_listener);

/* listener_close - and remove the file, unless it has become somebody else's. */
void listener_close(struct listener *l);

#endif
