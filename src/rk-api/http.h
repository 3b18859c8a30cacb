/* SPDX-License-Identifier: ISC
   Answers in RootlessKit's form: each queues one and returns what the handler is to return. */
#ifndef APID_HTTP_H
#define APID_HTTP_H

#include <microhttpd.h>
#include <cjson/cJSON.h>

/* text is allocated and becomes the response's; 0: an empty body. type: Content-Type, or 0. */
enum MHD_Result apid_answer(struct MHD_Connection *c, int status, char *text, char const *type);
/* An error: {"message":...}. */
enum MHD_Result apid_refuse(struct MHD_Connection *c, int status, char const *message);
/* Success; takes the object. */
enum MHD_Result apid_json(struct MHD_Connection *c, int status, cJSON *object);
/* 405; allow: the methods that the path knows (RFC 9110, section 10.2.1). */
enum MHD_Result apid_not_allowed(struct MHD_Connection *c, char const *allow);
enum MHD_Result apid_not_found(struct MHD_Connection *c);
/* path: less than 4096 bytes, no control characters. */
enum MHD_Result apid_redirect(struct MHD_Connection *c, char const *path);

/* Path without empty and dot elements into out (at least as long as path, and 2). 1: it differs, 0:
   it was clean. */
int apid_clean(char const *path, char *out);

#endif
