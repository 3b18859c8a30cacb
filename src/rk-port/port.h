/* SPDX-License-Identifier: ISC
   rk-port's own files share this: the two directories, and waiting for what rk-portd makes of
   them. */
#ifndef RK_PORT_H
#define RK_PORT_H

#include <stddef.h>
#include <stdint.h>

enum { PORT_NAME_MAX = 250, PORT_STATUS_MAX = 4096 };

struct port_dirs {
  char const *path;
  int dir;    /* the state directory */
  int ports;  /* -1: there is none yet */
  int status; /* the same */
};

/* Open them, made if make is set. If the state directory itself is missing, wait so many seconds
   for rk-portd or rk-state to make it: in a shell both may have been started a moment ago. Dies. */
void port_open(struct port_dirs *d, char const *path, int make, unsigned int seconds);

/* Does an rk-portd serve it? 1 or 0. */
int port_served(struct port_dirs const *d);

/* Have the counters brought up to date, if that can be in a second. */
void port_refresh(struct port_dirs const *d);

/* Dies (100) if no file of ports can have that name. */
void port_check_name(char const *name);

/* The status file of a port as text, terminated. Length, or -1 with errno; ENOENT: none. */
int port_status(struct port_dirs const *d, char const *name, char *buf, size_t size);

/* Why there is no status: is it missing, or does something else than a file have its name? Else it
   could not be read. 1 or 0. */
int port_status_missing(int error);

/* The value of a key in such a text, copied to buf; NULL: no such key. */
char const *port_value(char const *text, char const *key, char *buf, size_t size);

/* All ports by name, sorted, NULL at the end; the caller's, for life. Dies. */
char **port_names(struct port_dirs const *d);

/* The name of the port with this id, or NULL. Dies. */
char const *port_by_id(struct port_dirs const *d, char const *id);

/* Waiting for changes of ports.status. */
struct port_wait {
  int notify;
  int signals;
  int64_t deadline; /* rk_clock_ms */
};
enum port_woken {
  PORT_CHANGED,    /* something has changed: look again */
  PORT_TIME_OVER,  /* nothing has until the deadline */
  PORT_INTERRUPTED /* a signal to end */
};

/* From now on nothing that happens in ports.status is missed. Signals to end are blocked, and
   arrive at port_pause. Dies. */
void port_watch(struct port_wait *w, struct port_dirs const *d);

/* Wait so long from now on. */
void port_wait_for(struct port_wait *w, unsigned int seconds);

/* Sleep until something happens. An enum port_woken, or -1 with errno of poll(2). */
int port_pause(struct port_wait *w);

int verb_add(int argc, char const *const *argv);
int verb_rm(int argc, char const *const *argv);
int verb_ls(int argc, char const *const *argv);
int verb_wait(int argc, char const *const *argv);

#endif
