/* SPDX-License-Identifier: ISC
   rk-port's own files share this: the two directories, and waiting for what rk-portd makes of
   them. */
#ifndef RK_PORT_H
#define RK_PORT_H

#include <stddef.h>
#include <stdint.h>

#include <rk/notify.h>
#include <rk/portspec.h>
#include <rk/portstatus.h>

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
  struct rk_notify notify;
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

/* file.c. The lines of options -o. Dies if there are too many, or it is not one line. */
enum { PORT_LINES_MAX = 16 };
struct port_lines {
  char const *line[PORT_LINES_MAX];
  unsigned int n;
};
void port_take_line(struct port_lines *l, char const *value);

/* Parse what is to become a port file; dies (100) if rk-portd would refuse it. */
void port_parse(char const *text, size_t len, struct rk_portfile *file);

/* Write it into ports under a name that begins with a dot, which tmp (RK_TEMP_MAX) becomes. stamp
   (UINT64_FMT): its time of writing, by which rk-portd's answer is known to be about this file.
   Dies. */
void port_write(struct port_dirs const *d, char const *text, size_t len, char *tmp, char *stamp);

/* Until rk-portd has said what became of that file: LISTENING or ERROR, with the status in text;
   NONE: it has not, *woken is why (port_pause). */
enum rk_portstate port_await(struct port_dirs const *d, struct port_wait *w, char const *name,
                             char const *stamp, char *text, size_t size, int *woken);

/* The ends of both: die with rk-portd's reason, or because there is none. */
void port_refused(char const *spec, char const *status) __attribute__((noreturn));
void port_unanswered(struct port_dirs const *d, char const *spec, int woken)
  __attribute__((noreturn));

int verb_add(int argc, char const *const *argv);
int verb_set(int argc, char const *const *argv);
int verb_rm(int argc, char const *const *argv);
int verb_ls(int argc, char const *const *argv);
int verb_wait(int argc, char const *const *argv);

/* Rows of several verbs' tables: a uint32_t seconds, an int nowait. */
#define PORT_OPTION_SECONDS(type) \
  { \
    .letter = 't', .kind = RK_OPTION_NUMBER, .at = offsetof(type, seconds), .arg = "seconds", \
    .text = "wait so long at most; 10 by default" \
  }
#define PORT_OPTION_NOWAIT(type) \
  { \
    .letter = 'N', .kind = RK_OPTION_FLAG, .at = offsetof(type, nowait), \
    .text = "do not wait until the port listens" \
  }

#endif
