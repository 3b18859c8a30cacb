/* SPDX-License-Identifier: ISC
   A client of the REST API: one request over a unix socket, one answer. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <stddef.h>
#include <cjson/cJSON.h>

/* Do METHOD on path ("/v1/ports") at socket. body: JSON text or 0. *answer becomes the answer's
   body, allocated and terminated. 0, or -1 with the reason in err: RootlessKit's words for a
   missing socket, or for an HTTP status that is no success (the "message" of the answer). */
int api_call(char const *socket, char const *method, char const *path, char const *body,
             char **answer, char *err, size_t errsize);

/* {"proto":...} for POST /v1/ports, allocated; empty addresses are left out. */
char *api_spec(char const *proto, char const *parentip, long long parentport, char const *childip,
               long long childport);

/* A member of an answer's object v (it may be null): a text, "" if it is missing or none; a number,
   0 likewise. v keeps the text. */
char const *api_text(cJSON const *v, char const *key);
long api_number(cJSON const *v, char const *key);

#endif
