/* SPDX-License-Identifier: ISC
   Sockets that rk-portd was started with, by name: LISTEN_FDS and LISTEN_FDNAMES as of
   sd_listen_fds(3), S6_FD# S6_FD_0 S6_FDID_0 as of s6-fdholder-getdump. */
#ifndef RK_PORTD_LISTENFDS_H
#define RK_PORTD_LISTENFDS_H

#include <rk/portspec.h>

struct listenfd {
  char name[RK_PORTFILE_NAMEMAX];
  int fd;
};
struct listenfds {
  struct listenfd *list; /* kept for life */
  unsigned int n;
};

/* From the environment; dies if that promises what is not there. */
void listenfds_init(struct listenfds *given);

/* The fd of that name, -1: there is none. */
int listenfds_find(struct listenfds const *given, char const *name);

#endif
