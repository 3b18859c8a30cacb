/* SPDX-License-Identifier: ISC
   What the files of rk-apid share. */
#ifndef APID_H
#define APID_H

#include <stddef.h>
#include <sys/types.h>
#include <cjson/cJSON.h>
#include <rk/portspec.h>
#include "owner.h"
#include "ports_dir.h"

enum apid_driver { APID_NONE, APID_BUILTIN, APID_SLIRP, APID_GVISOR, APID_PESTO };

struct apid_table;

struct apid {
  enum apid_driver driver;
  char const *dir; /* absolute path of the state directory */
  int dirfd;
  char const *option[8];    /* lines for every port file, terminated by NULL */
  struct apid_table *table; /* ports.c's; NULL: no ports are followed */
  struct apid_owners owners;
};

/* listen.c ---- */

/* Lock the state directory for this process's life: two on one directory would take each other's
   socket away. One that was killed has the lock until its last fd is closed: that is waited for. 0,
   or -1 with errno; EWOULDBLOCK: another has it. */
int apid_lock(int dirfd);

struct apid_socket {
  int fd;
  dev_t dev; /* the file that it is bound to */
  ino_t ino;
};

/* Listen at that name in the working directory, where the socket appears complete: with its mode,
   and listening. 0, or -1 with errno. */
int apid_listen(char const *name, struct apid_socket *own);

/* Remove the name, unless it is another's socket by now. */
void apid_unlisten(char const *name, struct apid_socket const *own);

/* option.c ---- */

/* Dies, with 100, if this is no option of a port: refused at the start, not with every port. */
void apid_option_check(char const *option);

/* json.c ---- */

/* Body of a POST into a checked spec. 0, or -1 with RootlessKit's words in err. */
int apid_spec(char const *body, size_t len, struct rk_portspec *spec, char *err, size_t errsize);

/* {"id":N,"spec":{...}}: the k-th port of the range (0 for a single port). Fresh object. */
cJSON *apid_status(long id, struct rk_portspec const *spec, unsigned int k);

/* {"apiVersion":...}: the answer to /v1/info. Fresh object. */
cJSON *apid_info(struct apid const *a);

/* Compact text with < > & escaped as Go does it, allocated; deletes the object. 0: out of memory.
   tail: "" or "\n". */
char *apid_text(cJSON *object, char const *tail);

/* {"message":"..."} and a newline, allocated. */
char *apid_message(char const *message);

/* ports.c: the files of ports/ and ports.status/ as a table in memory, which follows them by
   inotify. A file named by a decimal number has that id; any other the one that rk-portd gave it,
   which its status file tells. Ids are never used twice (rk/portid.h). ---- */

/* Make the table and read everything. Returns an fd that becomes readable when something
   has changed, or -1 with errno. Without it the other functions find no port. */
int apid_ports_open(struct apid *a);

/* Take in what has changed; before every look at the table. */
void apid_ports_refresh(struct apid const *a);

/* Is the state directory gone? 1 or 0. *ms: look again in so many milliseconds, -1: not before the
   inotify fd is readable. */
int apid_dir_gone(struct apid const *a, int *ms);

/* The list of listening ports, sorted by id, as JSON: an array, or null if there are none.
   Allocated; 0: out of memory. */
char *apid_list(struct apid const *a);

/* A fresh id, recorded as used. -1 with errno. */
long apid_new_id(struct apid const *a);
/* A request with this id has failed, and nothing of it is left: if no later id has been given, it
   is the next again. */
void apid_return_id(struct apid const *a, long id);

/* File name of an id, or 0: there is none. Valid until the next refresh. */
char const *apid_name(struct apid const *a, long id);

/* What rk-portd made of the file. */
enum ports_state apid_state(struct apid const *a, char const *name);

/* The id of a port that RootlessKit would call in conflict with spec, or 0. */
long apid_conflict(struct apid const *a, struct rk_portspec const *spec);

/* The port of this name is owner's from now on, NULL: nobody's. Takes the owner over. */
void apid_own(struct apid const *a, char const *name, struct apid_owner *owner);

/* Is the port of this id, which listens, the very one that spec asks for, and has its owner left
   it (owner.h)? 1 or 0. */
int apid_left(struct apid const *a, long id, struct rk_portspec const *spec);

#endif
