/* SPDX-License-Identifier: ISC
   The requests of rk-apid's clients, from the first line to the answer. One that changes a port is
   suspended until rk-portd has done so. */
#ifndef APID_REQUEST_H
#define APID_REQUEST_H

#include <stdint.h>
#include <microhttpd.h>

#include "apid.h"
#include "conn.h"

struct request;

struct requests {
  struct apid *apid;
  struct apid_conns conns;
  struct request *waiting; /* those that are suspended */
};

/* MHD_AccessHandlerCallback and MHD_OPTION_NOTIFY_COMPLETED; cls: struct requests. */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *c, char const *url,
                               char const *method, char const *version, char const *data,
                               size_t *size, void **state);
void request_completed(void *cls, struct MHD_Connection *c, void **state,
                       enum MHD_RequestTerminationCode code);

/* Resume those whose answer is there or that have waited too long; cut off clients that take too
   long. Returns how many were resumed: these want another MHD_run. *next: milliseconds until the
   next of them will have waited too long, -1: there is none. */
int requests_settle(struct requests *all, int64_t *next);

#endif
