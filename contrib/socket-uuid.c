/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print the UUID under which flowkeep archives a TCP connection, from inside the program that has
 * the connection. Connects to HOST PORT; or, where standard input is a TCP socket (inetd, systemd
 * with Accept=yes), takes that:
 *
 *     cc -o socket-uuid socket-uuid.c
 *     ./socket-uuid example.org 80
 *
 * socket_uuid is what a program of yours wants. It holds for the connections of the network
 * namespace in which `flowkeep events` runs, with the prefix file that it uses.
 */
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first of these that is there, as flowkeep-events(1) says; --prefix-file goes before both. */
static const char *const prefix_files[] = {"/var/local/uuid/prefix", "/run/flowkeep/prefix"};

/* Read it once, at the start: it does not change until the next boot. */
static int read_prefix(char *buf, size_t size)
{
	FILE *f = NULL;

	for (unsigned i = 0; i < 2 && f == NULL; i++)
		f = fopen(prefix_files[i], "r");
	if (f == NULL)
		return -1;
	if (fgets(buf, (int)size, f) == NULL)
		buf[0] = '\0';
	(void)fclose(f);
	buf[strcspn(buf, " \t\r\n")] = '\0';
	return buf[0] != '\0' ? 0 : -1;
}

/* PREFIX_COOKIE, the cookie as 16 upper-case hexadecimal digits. */
static int socket_uuid(int fd, const char *prefix, char *buf, size_t size)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0)
		return -1;
	return snprintf(buf, size, "%s_%016" PRIX64, prefix, cookie) < (int)size ? 0 : -1;
}

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all, *a;
	int rv = getaddrinfo(host, port, &hints, &all), fd = -1;

	if (rv != 0) {
		(void)fprintf(stderr, "socket-uuid: '%s': %s\n", host, gai_strerror(rv));
		return -1;
	}
	for (a = all; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	if (fd < 0)
		perror("socket-uuid: connect");
	return fd;
}

int main(int argc, char **argv)
{
	char prefix[112], uuid[129];
	int fd = argc == 3 ? connect_to(argv[1], argv[2]) : STDIN_FILENO;

	if (fd < 0)
		return 1;
	if (read_prefix(prefix, sizeof(prefix)) != 0) {
		(void)fprintf(stderr, "socket-uuid: no prefix file: does flowkeep events run?\n");
		return 1;
	}
	if (socket_uuid(fd, prefix, uuid, sizeof(uuid)) != 0) {
		perror("socket-uuid: usage: socket-uuid HOST PORT, or a socket as standard input");
		return 1;
	}
	(void)printf("%s\n", uuid);
	return 0;
}
