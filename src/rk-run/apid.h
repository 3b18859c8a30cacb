/* SPDX-License-Identifier: ISC
   What the files of rk-apid share. */
#ifndef APID_H
#define APID_H

#include <stddef.h>
#include <cjson/cJSON.h>
#include <rk/portspec.h>

enum apid_driver { APID_NONE, APID_BUILTIN, APID_SLIRP };

struct apid {
  enum apid_driver driver;
  char const *dir;                 /* absolute path of the state directory */
  int dirfd;
  char const *option[8];           /* lines for every port file, terminated by 0 */
};

/* apid_json.c ---- */

/* Body of a POST into a checked spec. 0, or -1 with the peer's words in err. */
int apid_spec(char const *body, size_t len, struct rk_portspec *spec, char *err, size_t errsize);

/* {"id":N,"spec":{...}}: the k-th port of the range (0 for a single port). Fresh object. */
cJSON *apid_status(long id, struct rk_portspec const *spec, unsigned int k);

/* {"apiVersion":...}: the answer to /v1/info. Fresh object. */
cJSON *apid_info(struct apid const *a);

/* Compact text with < > & escaped as Go does it, allocated; deletes the object. 0: out of memory. tail: "" or "\n". */
char *apid_text(cJSON *object, char const *tail);

/* {"message":"..."} and a newline, allocated. */
char *apid_message(char const *message);

/* apid_ports.c: numbers for the files of ports/. A file named by a decimal number has that id; any other gets the next free number,
   remembered in .apid.ids, so that ids outlive this program. Ids are never used twice. ---- */

/* The list of listening ports, sorted by id. Fresh array, or null if there are none. */
cJSON *apid_list(struct apid const *a);

/* A fresh id, recorded as used. -1 with errno. */
long apid_new_id(struct apid const *a);

/* File name of an id into name; 0, or -1: there is none. */
int apid_name(struct apid const *a, long id, char *name, size_t size);

/* The id of a port that the peer would call in conflict with spec, or 0. */
long apid_conflict(struct apid const *a, struct rk_portspec const *spec);

#endif
