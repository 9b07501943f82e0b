/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep events: tell which TCP connections of this host open and close, with their UUIDs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/commands.h"
#include "events/prefix.h"
#include "events/watch.h"

static int load_prefix(const char *file, struct prefix *ret_prefix)
{
	struct prefix_places places = prefix_places(file);
	int rv = prefix_load(&places, ret_prefix);
	char path[1024];

	log_printable(path, sizeof(path), ret_prefix->path);
	if (rv == -EBADMSG)
		log_error("events",
		    "no prefix for UUIDs: '%s': must be 1 to %d of A-Z a-z 0-9 . _ - and not begin "
		    "with a dot",
		    path, LINE_PREFIX_MAX);
	else if (rv != 0)
		log_error("events", "no prefix for UUIDs: '%s': %s", path, strerror(-rv));
	else if (ret_prefix->write_error != 0)
		log_warning("events", "cannot write '%s': %s; continuing with the prefix %s", path,
		    strerror(-ret_prefix->write_error), ret_prefix->text);
	else
		log_info("events", "prefix %s, as in '%s'", ret_prefix->text, path);
	return rv;
}

static void say_failure(const char *listen_path, int error, enum watch_failure failure)
{
	char path[1024];

	log_printable(path, sizeof(path), listen_path);
	if (failure == WATCH_NO_DUMP)
		log_error("events", "cannot ask the kernel for its connections: sock_diag: %s",
		    strerror(-error));
	else if (failure == WATCH_NO_LISTENER && error == -EADDRINUSE)
		log_error("events", "cannot listen: '%s': somebody else listens there", path);
	else if (failure == WATCH_NO_LISTENER && error == -ENOTSOCK)
		log_error("events", "cannot listen: '%s': is there and is no socket", path);
	else if (failure == WATCH_NO_LISTENER)
		log_error("events", "cannot listen: '%s': %s", path, strerror(-error));
	else
		log_error("events", "cannot go on: epoll: %s", strerror(-error));
}

static int serve(const struct options *o, const char *prefix)
{
	enum watch_failure failure;
	struct watch *w;
	int rv = watch_open(o->listen_path, prefix, &w);

	if (rv != 0) {
		log_error("events", "cannot ask the kernel for its connections: sock_diag: %s",
		    strerror(-rv));
		return EXIT_NOTHING;
	}
	if (watch_subscribe_error(w) != 0)
		log_warning("events",
		    "the kernel does not tell which sockets it destroys: %s; continuing with "
		    "polling alone, which misses connections of some milliseconds",
		    strerror(-watch_subscribe_error(w)));
	rv = watch_run(w, &failure);
	if (rv != 0)
		say_failure(o->listen_path, rv, failure);
	else if (!o->quiet)
		watch_print(w, stderr);
	watch_close(w);
	if (rv == 0)
		return EXIT_OK;
	return failure == WATCH_NO_FAILURE ? EXIT_PARTLY : EXIT_NOTHING;
}

int cmd_events(const struct options *o)
{
	struct prefix prefix;

	if (o->arg_count > 0) {
		log_error("options", "events takes no arguments");
		return EXIT_USAGE;
	}
	if (o->listen_path == NULL) {
		log_error("options", "events needs --listen SOCKET");
		return EXIT_USAGE;
	}
	if (load_prefix(o->prefix_file, &prefix) != 0)
		return EXIT_NOTHING;
	return serve(o, prefix.text);
}
