/* SPDX-License-Identifier: ISC */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compat/go.h>
#include <rk/clock.h>

#include "http.h"
#include "ports_dir.h"

enum { BODY_MAX = 1 << 20, ANSWER_MS = 10000, STOP_MS = 5000 };

enum wait { WAIT_NONE, WAIT_ADD, WAIT_UNDO, WAIT_REMOVE };

struct request {
  struct requests *all;
  struct MHD_Connection *connection;
  char *body;
  size_t len, room;
  enum wait wait;   /* suspended until rk-portd has answered */
  int64_t deadline; /* rk_clock_ms() */
  long id;
  char name[256];
  struct rk_portspec spec;
  struct apid_owner *owner; /* who asks for the port, until that is noted there */
  int status;               /* of the answer that is ready, or 0 */
  char *text;               /* its body, allocated, or NULL */
  struct request *next;     /* of requests.waiting */
};

/* Let the request sleep until rk-portd has dealt with its file. */
static void suspend(struct request *q, enum wait wait, int ms)
{
  q->wait = wait;
  q->deadline = rk_clock_ms() + ms;
  q->next = q->all->waiting;
  q->all->waiting = q;
  apid_conn_of(q->connection)->busy = 1;
  MHD_suspend_connection(q->connection);
}

static enum MHD_Result add(struct request *q)
{
  struct apid *a = q->all->apid;
  char err[RK_PORTSPEC_ERRMAX];
  int r = apid_spec(q->body ? q->body : "", q->len, &q->spec, err, sizeof err);
  long id;

  free(q->body);
  q->body = NULL;
  apid_conn_hold(apid_conn_of(q->connection), 0);
  if (r == -1)
    return apid_refuse(q->connection, 400, err);
  q->owner = apid_owner_of(&a->owners, apid_conn_of(q->connection)->fd, rk_clock_ms());
  id = apid_conflict(a, &q->spec);
  if (id && q->owner && apid_left(a, id, &q->spec)) {
    apid_own(a, apid_name(a, id), q->owner);
    q->owner = NULL;
    return apid_json(q->connection, 201, apid_status(id, &q->spec, 0));
  }
  if (id) {
    snprintf(err, sizeof err, "conflict with ID %ld", id);
    return apid_refuse(q->connection, 400, err);
  }
  q->id = apid_new_id(a);
  if (q->id == -1) {
    snprintf(err, sizeof err, "unable to take a number from %s/.port-ids: %s", a->dir,
             strerror(errno));
    return apid_refuse(q->connection, 400, err);
  }
  snprintf(q->name, sizeof q->name, "%ld", q->id);
  if (ports_write(a->dirfd, q->name, &q->spec, a->option) == -1) {
    snprintf(err, sizeof err, "unable to write %s/ports/%s: %s", a->dir, q->name, strerror(errno));
    return apid_refuse(q->connection, 400, err);
  }
  suspend(q, WAIT_ADD, ANSWER_MS);
  return MHD_YES;
}

/* 0, or -1 with RootlessKit's words. */
static int read_id(char const *s, long *id, char *err, size_t errsize)
{
  char why[300];
  int64_t n;

  if (go_atoi(s, &n, why, sizeof why) == -1) {
    snprintf(err, errsize, "bad id %.100s: %s", s, why);
    return -1;
  }
  *id = (long)n;
  return 0;
}

static enum MHD_Result delete_port(struct request *q, char const *which)
{
  struct apid *a = q->all->apid;
  char const *name;
  char err[512];

  if (read_id(which, &q->id, err, sizeof err) == -1)
    return apid_refuse(q->connection, 400, err);
  name = apid_name(a, q->id);
  snprintf(q->name, sizeof q->name, "%s", name ? name : "");
  if (!name || ports_remove(a->dirfd, q->name) == -1) {
    if (a->driver == APID_SLIRP)
      snprintf(err, sizeof err,
               "reply.Error: map[desc:bad request: remove_hostfwd: bad arguments.id]");
    else if (a->driver == APID_GVISOR)
      snprintf(err, sizeof err, "unknown port id: %ld", q->id);
    else if (a->driver == APID_PESTO)
      snprintf(err, sizeof err, "invalid ID: %ld", q->id);
    else
      snprintf(err, sizeof err, "unknown id: %ld", q->id);
    return apid_refuse(q->connection, 400, err);
  }
  suspend(q, WAIT_REMOVE, STOP_MS);
  return MHD_YES;
}

/* HEAD is answered as GET; libmicrohttpd leaves out the body (RFC 9110, section 9.3.2). */
static int reads(char const *method)
{
  return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/* /v1/ports, or /v1/ports/WHICH. */
static enum MHD_Result route_ports(struct request *q, char const *which, char const *method)
{
  struct apid *a = q->all->apid;
  struct MHD_Connection *c = q->connection;
  int get = reads(method);

  if (which && strcmp(method, "DELETE"))
    return apid_not_allowed(c, "DELETE");
  if (!which && !get && strcmp(method, "POST"))
    return apid_not_allowed(c, "GET, HEAD, POST");
  if (a->driver == APID_NONE)
    return apid_refuse(c, 400, "no PortDriver is available");
  if (which)
    return delete_port(q, which);
  if (get)
    return apid_answer(c, 200, apid_list(a), "application/json");
  return add(q);
}

static enum MHD_Result route(struct request *q, char const *url, char const *method)
{
  static char const PORTS[] = "/v1/ports";
  struct apid *a = q->all->apid;
  struct MHD_Connection *c = q->connection;
  char const *which = url + sizeof PORTS; /* of PORTS and a slash */

  apid_ports_refresh(a);
  if (!strcmp(url, "/v1/info") && reads(method))
    return apid_json(c, 200, apid_info(a));
  if (!strcmp(url, "/v1/info"))
    return apid_not_allowed(c, "GET, HEAD");
  if (!strcmp(url, PORTS))
    return route_ports(q, NULL, method);
  if (!strncmp(url, "/v1/ports/", sizeof PORTS) && *which && !strchr(which, '/'))
    return route_ports(q, which, method);
  return apid_not_found(c);
}

static enum MHD_Result collect(struct request *q, char const *data, size_t *size)
{
  if (q->len + *size > BODY_MAX)
    return MHD_NO; /* closes the connection */
  if (q->len + *size > q->room) {
    size_t room = 2 * (q->len + *size) < BODY_MAX ? 2 * (q->len + *size) : BODY_MAX;
    char *more = realloc(q->body, room);
    if (!more)
      return MHD_NO;
    q->body = more;
    q->room = room;
    apid_conn_hold(apid_conn_of(q->connection), room);
  }
  memcpy(q->body + q->len, data, *size);
  q->len += *size;
  *size = 0;
  return MHD_YES;
}

/* The first call for a request, when its header is there. */
static enum MHD_Result begin(struct requests *all, struct MHD_Connection *c, void **state)
{
  struct apid_conn *conn = apid_conn_of(c);
  char const *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
  struct request *q = calloc(1, sizeof *q);

  *state = q;
  if (!q)
    return MHD_NO;
  q->all = all;
  q->connection = c;
  apid_conn_begin(conn, rk_clock_ms());
  if (conn->odd)
    return apid_refuse(c, 400, "control character in the path");
  if (length && (strlen(length) > 9 || atol(length) > BODY_MAX))
    return apid_refuse(c, 413, "http: request body too large");
  return MHD_YES;
}

/* Resumed: the answer that requests_settle has made. */
static enum MHD_Result answer(struct request *q)
{
  char const *type = q->text ? "application/json" : NULL;
  char *text = q->text;

  if (q->status == 400)
    type = "text/plain; charset=utf-8";
  q->text = NULL;
  return apid_answer(q->connection, q->status, text, type);
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *c, char const *url,
                               char const *method, char const *version, char const *data,
                               size_t *size, void **state)
{
  struct request *q = *state;
  struct apid_conn *conn = apid_conn_of(c);
  char path[4096];

  (void)version;
  if (!conn || conn->gone)
    return MHD_NO;
  if (!q)
    return begin(cls, c, state);
  if (*size)
    return collect(q, data, size);
  apid_conn_complete(conn);
  if (q->status)
    return answer(q);
  if (strlen(url) >= sizeof path - 2)
    return apid_not_found(c);
  if (apid_clean(url, path))
    return apid_redirect(c, path);
  return route(q, url, method);
}

void request_completed(void *cls, struct MHD_Connection *c, void **state,
                       enum MHD_RequestTerminationCode code)
{
  struct request *q = *state;

  (void)cls;
  (void)code;
  if (apid_conn_of(c))
    apid_conn_over(apid_conn_of(c));
  if (!q)
    return;
  apid_owner_drop(q->owner);
  free(q->body);
  free(q->text);
  free(q);
  *state = NULL;
}

/* rk-portd has refused the port. The answer waits until rk-portd has forgotten it: the next request
   may get the same id, and must not find this one's status. */
static void undo(struct request *q, int64_t now)
{
  struct apid *a = q->all->apid;
  char err[RK_PORTSPEC_ERRMAX];

  ports_status(a->dirfd, q->name, err, sizeof err); /* the reason */
  ports_remove(a->dirfd, q->name);
  q->status = 400;
  q->text = apid_message(err);
  q->wait = WAIT_UNDO;
  q->deadline = now + STOP_MS;
}

/* What has become of a suspended request? 1: the answer is ready. */
static int settle(struct request *q, int64_t now)
{
  struct apid *a = q->all->apid;
  enum ports_state state = apid_state(a, q->name);
  int late = now >= q->deadline;

  if (q->wait == WAIT_REMOVE) {
    if (state != PORTS_GONE && !late)
      return 0;
    q->status = state == PORTS_GONE ? 200 : 400;
    if (q->status == 400)
      q->text = apid_message("the port is still being closed");
    return 1;
  }
  if (q->wait == WAIT_UNDO) {
    if (state == PORTS_GONE)
      apid_return_id(a, q->id);
    return state == PORTS_GONE || late;
  }
  if (state == PORTS_LISTENING) {
    apid_own(a, q->name, q->owner);
    q->owner = NULL;
    q->status = 201;
    q->text = apid_text(apid_status(q->id, &q->spec, 0), "");
    return 1;
  }
  if (state == PORTS_FAILED) {
    undo(q, now);
    return 0;
  }
  if (!late)
    return 0;
  ports_remove(a->dirfd, q->name);
  q->status = 400;
  q->text = apid_message("rk-portd does not answer");
  return 1;
}

/* Where all connections wait for rk-portd, and there are too many, the first to wait gets no answer
   from it. */
static void make_room(struct requests *all, int64_t now)
{
  struct request *first = all->waiting;

  if (!first || !apid_conns_crowded(&all->conns))
    return;
  for (struct request *q = all->waiting; q; q = q->next)
    if (q->deadline < first->deadline)
      first = q;
  first->deadline = now;
}

int requests_settle(struct requests *all, int64_t *next)
{
  int64_t now = rk_clock_ms();
  int resumed = 0;

  *next = apid_conns_late(&all->conns, now);
  make_room(all, now);
  apid_owners_settle(&all->apid->owners, now);
  apid_ports_refresh(all->apid);
  for (struct request **p = &all->waiting; *p;) {
    struct request *q = *p;
    if (settle(q, now)) {
      *p = q->next;
      apid_conn_of(q->connection)->busy = 0;
      MHD_resume_connection(q->connection);
      resumed++;
      continue;
    }
    if (*next == -1 || q->deadline - now < *next)
      *next = q->deadline - now;
    p = &q->next;
  }
  return resumed;
}
