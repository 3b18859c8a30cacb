/* SPDX-License-Identifier: ISC
   The files of a state directory's ports/ and ports.status/, as rk-run and rk-apid write and read
   them (rk-state-directory(7)). */
#ifndef PORTS_DIR_H
#define PORTS_DIR_H

#include <stddef.h>
#include <rk/notify.h>
#include <rk/portspec.h>

enum ports_state { PORTS_PENDING, PORTS_LISTENING, PORTS_FAILED, PORTS_GONE };

/* Publish: write ports/NAME = spec and the option lines (terminated by 0). 0, or -1 with errno. */
int ports_write(int dirfd, char const *name, struct rk_portspec const *spec,
                char const *const *options);

/* Withdraw. 0, or -1 with errno (ENOENT: there is none). */
int ports_remove(int dirfd, char const *name);

/* What rk-portd made of NAME: its state; the reason of PORTS_FAILED in err. PORTS_GONE: there is no
   status. */
enum ports_state ports_status(int dirfd, char const *name, char *err, size_t errsize);

/* A number in the status of NAME: the value of key, or what is after its last colon (the port of
   listen=). 0: rk-portd has not said it. */
long ports_status_number(int dirfd, char const *name, char const *key);

/* Follow port files and statuses: notify->fd becomes readable when one changes. Both directories
   are made if they are not there. *ports and *status, if not null, become the watch descriptors;
   ports null: statuses only. 0, or -1 with errno. */
int ports_watch(int dirfd, struct rk_notify *notify, int *ports, int *status);

#endif
