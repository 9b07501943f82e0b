/* SPDX-License-Identifier: BSD-2-Clause */
/* See listener.h. */
#include "events/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fileio.h"

#define BACKLOG 64

/* Locks the directory of the path. Returns: its descriptor; -errno. */
static int lock_directory(const char *path)
{
	char name[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL)
		(void)snprintf(name, sizeof(name), ".");
	else
		(void)snprintf(name, sizeof(name), "%.*s/", (int)(slash - path), path);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Not waited for: whoever holds it is starting up here too. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int error = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;

		fileio_close(fd);
		return error;
	}
	return fd;
}

/* Is anybody there? A full backlog (EAGAIN) is somebody too. */
static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool there;

	if (fd < 0)
		return true; /* we cannot know: leave it alone */
	there = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno != ECONNREFUSED;
	fileio_close(fd);
	return there;
}

/* Removes what a crash has left. */
static int make_way(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	if (somebody_listens(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int bind_and_listen(struct listener *l)
{
	mode_t mask;
	int rv;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	mask = umask(0117); /* bind(2) makes the file with 0777 less the umask */
	rv = bind(l->fd, (const struct sockaddr *)&l->address, sizeof(l->address));
	rv = rv != 0 ? -errno : 0;
	(void)umask(mask); /* always succeeds */
	if (rv == 0 && (lstat(l->address.sun_path, &l->file) != 0 || listen(l->fd, BACKLOG) != 0)) {
		rv = -errno;
		(void)unlink(l->address.sun_path); /* it was ours, and is of no use */
	}
	if (rv != 0)
		fileio_close(l->fd);
	return rv;
}

int listener_open(const char *path, struct listener *ret_listener)
{
	struct listener l = {.address = {.sun_family = AF_UNIX}};
	int lock, rv;

	if (strlen(path) >= sizeof(l.address.sun_path))
		return -ENAMETOOLONG;
	if (path[0] == '\0')
		return -ENOENT;
	(void)snprintf(l.address.sun_path, sizeof(l.address.sun_path), "%s", path);
	lock = lock_directory(path);
	if (lock < 0)
		return lock;
	rv = make_way(&l.address);
	if (rv == 0)
		rv = bind_and_listen(&l);
	fileio_close(lock);
	if (rv == 0)
		*ret_listener = l;
	return rv;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (lstat(l->address.sun_path, &st) == 0 && st.st_dev == l->file.st_dev &&
	    st.st_ino == l->file.st_ino)
		(void)unlink(l->address.sun_path); /* if it fails, the next start makes way */
	fileio_close(l->fd);
}
