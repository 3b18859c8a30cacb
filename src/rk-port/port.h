/* SPDX-License-Identifier: ISC
   rk-port's own files share this. */
#ifndef RK_PORT_H
#define RK_PORT_H

#include <stddef.h>
#include <stdint.h>

enum { PORT_NAME_MAX = 250, PORT_STATUS_MAX = 4096 };

struct port_dirs {
  char const *path;
  int ports, status; /* status is -1 if there is no ports.status yet */
};

/* wait.c */
/* make: ports and ports.status if missing; dies */
void port_open(struct port_dirs *d, char const *path, int make);
int port_served(struct port_dirs const *d); /* does an rk-portd follow it? */
/* have the counters brought up to date, if that can be in a second */
void port_refresh(struct port_dirs const *d);
/* from now on nothing that happens in ports.status is missed */
void port_watch(struct port_dirs *d, unsigned int seconds);
/* sleep until something happens: 1; 0: time is over; -1: a signal to end */
int port_pause(void);
/* dies (100) if no file of ports can have it */
void port_check_name(char const *name);

/* The status file of a port as text, terminated. Length, or -1 (errno ENOENT: none). */
int port_status(struct port_dirs const *d, char const *name, char *buf, size_t size);
/* The value of a key in such a text, terminated in place of its newline on first use; 0: no such
   key. */
char const *port_value(char const *text, char const *key, char *buf, size_t size);

/* All ports by name, sorted. Terminated by a null pointer; dies. */
char **port_names(struct port_dirs const *d);
/* The name of the port with this id, or null. The text lives until the next call. */
char const *port_by_id(struct port_dirs const *d, char const *id);

int verb_add(int argc, char const *const *argv);
int verb_rm(int argc, char const *const *argv);
int verb_ls(int argc, char const *const *argv);
int verb_wait(int argc, char const *const *argv);

#define PORT_USAGE_ADD "rk-port add [ -n name ] [ -o key=value ] [ -t seconds ] [ -N ] dir spec..."
#define PORT_USAGE_RM "rk-port rm [ -i ] [ -t seconds ] dir name..."
#define PORT_USAGE_LS "rk-port ls [ -j | -0 ] dir [ name... ]"
#define PORT_USAGE_WAIT "rk-port wait [ -c ] [ -t seconds ] dir [ name... ]"

#endif
