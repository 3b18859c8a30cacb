/* SPDX-License-Identifier: ISC
   Ids of published ports: one allocator for a state directory, DIR/.port-ids, shared by rk-portd,
   rk-port and rk-apid. It holds a file last-N, N being the last id that was given; the next one is
   taken by renaming it to last-N+1, which only one of several programs can do. So there is no lock
   to wait for or to be left behind, and an id is never given twice while the directory lives.
   Beside it, names/NAME is a symbolic link whose text is the id of the port of that name: rk-portd
   keeps it there, so that the next rk-portd gives the same. Root inside can write here as well: it
   can spoil the ids of its own ports, and nothing else. */
#ifndef RK_PORTID_H
#define RK_PORTID_H

#include <stdint.h>

enum { RK_PORTID_MAX = 0x7fffffff };

/* The id that the name of a port file is, 0 if it is none: a decimal number without leading zeros,
   at most RK_PORTID_MAX. */
uint32_t rk_portid_number(char const *name);

/* dirfd is the state directory everywhere. The next id. 0, or -1 with errno (EOVERFLOW: all have
   been given). */
int rk_portid_next(int dirfd, uint32_t *id);

/* A port file has this number as its name, whoever made it: later ids are larger. 0, or -1. */
int rk_portid_raise(int dirfd, uint32_t id);

/* Nothing was ever published under this id: if it is still the last one, it is given again. */
void rk_portid_undo(int dirfd, uint32_t id);

/* The id of a port whose name is no number: the one it has had, or the next. 0, or -1 with
   errno. */
int rk_portid_named(int dirfd, char const *name, uint32_t *id);

/* The port of this name was withdrawn: one of the same name is another port. */
void rk_portid_forget(int dirfd, char const *name);

/* Open names/; the fd is the caller's. -1 with errno, ENOENT: there is none yet. */
int rk_portid_names(int dirfd);

#endif
