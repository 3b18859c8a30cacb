/* SPDX-License-Identifier: ISC */
#include "conn.h"

#include <stdlib.h>
#include <sys/socket.h>

static void unlink_(struct apid_conn *k)
{
  if (k->prev)
    k->prev->next = k->next;
  else
    k->all->first = k->next;
  if (k->next)
    k->next->prev = k->prev;
  else
    k->all->last = k->prev;
}

static void append(struct apid_conn *k)
{
  k->next = NULL;
  k->prev = k->all->last;
  if (k->prev)
    k->prev->next = k;
  else
    k->all->first = k;
  k->all->last = k;
}

/* libmicrohttpd reads the end, and closes. */
static void cut(struct apid_conn *k)
{
  shutdown(k->fd, SHUT_RDWR);
  k->gone = 1;
  apid_conn_hold(k, 0);
}

/* Cut off the first of those that holder (only those that hold something) asks for, but not k. 0:
   there is none. */
static int cut_first(struct apid_conns *all, struct apid_conn const *k, int holder)
{
  for (struct apid_conn *o = all->first; o; o = o->next) {
    if (o == k || o->busy || o->gone || (holder && !o->held))
      continue;
    cut(o);
    return 1;
  }
  return 0;
}

void apid_conn_notify(void *cls, struct MHD_Connection *c, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
  struct apid_conns *all = cls;
  struct apid_conn *k = *context;

  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (!k)
      return;
    apid_conn_hold(k, 0);
    unlink_(k);
    all->n--;
    all->closed++;
    free(k);
    *context = NULL;
    return;
  }
  k = calloc(1, sizeof *k);
  if (!k)
    return;
  k->all = all;
  k->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  append(k);
  all->n++;
  *context = k;
  if (all->n > APID_CONN_SERVED)
    cut_first(all, k, 0);
}

struct apid_conn *apid_conn_of(struct MHD_Connection *c)
{
  union MHD_ConnectionInfo const *info = MHD_get_connection_info(
    c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

  return info ? info->socket_context : NULL;
}

static int digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t apid_conn_unescape(void *cls, struct MHD_Connection *c, char *s)
{
  struct apid_conn *k = apid_conn_of(c);
  size_t len = 0;
  int odd = 0;

  (void)cls;
  for (; s[len]; len++) {
    int high = s[len] == '%' ? digit(s[len + 1]) : -1, low = high == -1 ? -1 : digit(s[len + 2]);
    int byte = low == -1 ? (unsigned char)s[len] : high << 4 | low;
    if (byte < 0x20 || byte == 0x7f)
      odd = 1;
  }
  if (!odd)
    return MHD_http_unescape(s);
  if (k)
    k->odd = 1;
  return len;
}

void apid_conn_begin(struct apid_conn *k, int64_t now)
{
  k->since = now;
  unlink_(k);
  append(k);
}

void apid_conn_complete(struct apid_conn *k)
{
  k->since = 0;
}

void apid_conn_over(struct apid_conn *k)
{
  k->since = 0;
  k->odd = 0;
  apid_conn_hold(k, 0);
}

void apid_conn_hold(struct apid_conn *k, size_t bytes)
{
  if (!k)
    return;
  k->all->held += bytes - k->held; /* modulo the size of size_t: right also when it shrinks */
  k->held = bytes;
  while (k->all->held > APID_HELD_MAX && bytes && cut_first(k->all, k, 1)) { /* one by one */
  }
}

int apid_conns_late(struct apid_conns *all, int64_t now)
{
  int64_t next = -1;

  for (struct apid_conn *k = all->first; k; k = k->next) {
    int64_t left = k->since + APID_BODY_MS - now;
    if (!k->since || k->gone)
      continue;
    if (left <= 0)
      cut(k);
    else if (next == -1 || left < next)
      next = left;
  }
  return (int)next;
}

int apid_conns_crowded(struct apid_conns const *all)
{
  if (all->n <= APID_CONN_SERVED)
    return 0;
  for (struct apid_conn const *k = all->first; k; k = k->next)
    if (!k->busy)
      return 0;
  return 1;
}
