/* SPDX-License-Identifier: BSD-2-Clause */
/* See notify.h. */
#include "base/notify.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/parse.h"

/* The address of a path or of an abstract name, unix(7). */
static int make_address(const char *name, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	if (name[0] != '/' && name[0] != '@')
		return -EAFNOSUPPORT; /* "vsock:..." is for virtual machines */
	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0'; /* and the length ends the name, not a NUL */
	else
		len++;
	*ret_address = address;
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

int notify_send(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t len;
	int fd, rv;

	assert(state != NULL && state[0] != '\0');
	if (name == NULL || name[0] == '\0')
		return 0;
	rv = make_address(name, &address, &len);
	if (rv != 0)
		return rv;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&address, len) < 0)
		rv = -errno;
	fileio_close(fd);
	return rv;
}

int64_t notify_watchdog_ns(void)
{
	const char *usec_text = getenv("WATCHDOG_USEC");
	const char *pid_text = getenv("WATCHDOG_PID");
	uint64_t usec, pid;

	if (usec_text == NULL || parse_number(usec_text, 1, INT64_MAX / 1000, &usec) != 0)
		return 0;
	if (pid_text != NULL &&
	    (parse_number(pid_text, 1, INT32_MAX, &pid) != 0 || (pid_t)pid != getpid()))
		return 0;
	return (int64_t)usec * 1000 / 2;
}
