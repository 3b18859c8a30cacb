/* SPDX-License-Identifier: ISC
   What the files of rk-apid share. */
#ifndef APID_H
#define APID_H

#include <stddef.h>
#include <cjson/cJSON.h>
#include <rk/portspec.h>
#include "ports_dir.h"

enum apid_driver { APID_NONE, APID_BUILTIN, APID_SLIRP };

struct apid {
  enum apid_driver driver;
  char const *dir; /* absolute path of the state directory */
  int dirfd;
  char const *option[8]; /* lines for every port file, terminated by 0 */
};

/* listen.c ---- */

/* Listen at that name in the working directory, where the socket appears complete: with its mode,
   and listening. fd, or -1 with errno. */
int apid_listen(char const *name);

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
   inotify. A file named by a decimal number has that id; any other gets the next free number,
   remembered in .apid.ids, so that ids outlive this program. Ids are never used twice. ---- */

/* Read everything. Returns an inotify fd that becomes readable when something has changed, or -1
   with errno. */
int apid_ports_open(struct apid const *a);

/* Take in what has changed; before every look at the table. */
void apid_ports_refresh(struct apid const *a);

/* The list of listening ports, sorted by id, as JSON: an array, or null if there are none.
   Allocated; 0: out of memory. */
char *apid_list(void);

/* A fresh id, recorded as used. -1 with errno. */
long apid_new_id(struct apid const *a);

/* File name of an id, or 0: there is none. Valid until the next refresh. */
char const *apid_name(long id);

/* What rk-portd made of the file. */
enum ports_state apid_state(char const *name);

/* The id of a port that RootlessKit would call in conflict with spec, or 0. */
long apid_conflict(struct rk_portspec const *spec);

#endif
