/* SPDX-License-Identifier: ISC */
#include <compat/go.h>
#include "client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

enum { ANSWER_MAX = 16 << 20, ERROR_MAX = 65536, PATIENCE_S = 60 };

static int open_socket(char const *path, char *err, size_t errsize)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = PATIENCE_S};
  struct stat st;
  int fd;

  if (stat(path, &st) < 0) {
    snprintf(err, errsize, "stat %s: %s", path, go_errno(errno));
    return -1;
  }
  if (strlen(path) >= sizeof sa.sun_path) {
    snprintf(err, errsize, "dial unix %s: invalid argument", path);
    return -1;
  }
  strcpy(sa.sun_path, path);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
    snprintf(err, errsize, "dial unix %s: connect: %s", path, go_errno(errno));
    if (fd >= 0)
      close(fd);
    return -1;
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

static int send_all(int fd, char const *s, size_t len)
{
  while (len) {
    ssize_t r = send(fd, s, len, MSG_NOSIGNAL);
    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0)
      return -1;
    s += r;
    len -= (size_t)r;
  }
  return 0;
}

/* To the end: the request says "Connection: close". Allocated, terminated. */
static char *receive(int fd, size_t *len)
{
  size_t room = 4096, n = 0;
  int patience = 3;
  char *buf = malloc(room + 1);

  while (buf) {
    ssize_t r = recv(fd, buf + n, room - n, 0);
    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0 && errno == ENOMEM && patience-- > 0)
      continue; /* what was asked for has been done */
    if (r < 0 && !(errno == ECONNRESET && n))
      break;
    if (r <= 0) {
      buf[n] = 0;
      *len = n;
      return buf;
    }
    n += (size_t)r;
    if (n == room) {
      char *more = room < ANSWER_MAX ? realloc(buf, (room *= 2) + 1) : 0;
      if (!more)
        break;
      buf = more;
    }
  }
  free(buf);
  return 0;
}

/* Value of a header, or 0; it ends at the line's end. */
static char const *field(char const *head, char const *body, char const *name)
{
  size_t n = strlen(name);

  for (char const *p = head; (p = memchr(p, '\n', (size_t)(body - p)));) {
    p++;
    if (!strncasecmp(p, name, n) && p[n] == ':')
      return p + n + 1 + strspn(p + n + 1, " \t");
  }
  return 0;
}

/* Undo chunked coding in place. */
static int unchunk(char *body, size_t *len)
{
  char *in = body, *out = body, *end = body + *len;

  for (;;) {
    char *nl = memchr(in, '\n', (size_t)(end - in));
    unsigned long n = nl ? strtoul(in, 0, 16) : 0;
    if (!nl || n > (size_t)(end - nl))
      return -1;
    if (!n)
      break;
    memmove(out, nl + 1, n);
    out += n;
    in = nl + 1 + n;
    if (in + 2 > end)
      return -1;
    in += 2;
  }
  *out = 0;
  *len = (size_t)(out - body);
  return 0;
}

static int bad_status(char const *head, char *body, char *err, size_t errsize)
{
  cJSON *v, *m;
  char *quoted;

  if (strlen(body) > ERROR_MAX)
    body[ERROR_MAX] = 0;
  v = cJSON_Parse(body);
  m = cJSON_GetObjectItem(v, "message");
  if (cJSON_IsString(m) && m->valuestring[0])
    snprintf(err, errsize, "%s", m->valuestring);
  else {
    quoted = malloc(6 * strlen(body) + 16);
    snprintf(err, errsize, "unexpected HTTP status %.*s, body=%s", (int)strcspn(head + 13, "\r\n"),
             head + 13, quoted ? go_quote(body, quoted, 6 * strlen(body) + 16) : "");
    free(quoted);
  }
  cJSON_Delete(v);
  return -1;
}

int api_call(char const *path, char const *method, char const *url, char const *body, char **answer,
             char *err, size_t errsize)
{
  char head[512], *text, *start;
  size_t len;
  int fd = open_socket(path, err, errsize), n, status;

  *answer = 0;
  if (fd < 0)
    return -1;
  n = snprintf(
    head, sizeof head,
    "%s %s HTTP/1.1\r\nHost: rootlesskit\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
    method, url, body ? strlen(body) : 0, body ? "Content-Type: application/json\r\n" : "");
  if (n < 0 || (size_t)n >= sizeof head || send_all(fd, head, (size_t)n) < 0 ||
      (body && send_all(fd, body, strlen(body)) < 0) || !(text = receive(fd, &len))) {
    char const *why = go_errno(errno);
    snprintf(err, errsize, "%s \"http://rootlesskit%s\": %s", method, url, why);
    close(fd);
    return -1;
  }
  close(fd);
  start = strstr(text, "\r\n\r\n");
  if (!start || strncmp(text, "HTTP/1.", 7) || len < 13) {
    snprintf(err, errsize, "malformed HTTP response");
    free(text);
    return -1;
  }
  start += 4;
  len -= (size_t)(start - text);
  {
    char const *te = field(text, start, "Transfer-Encoding");
    if (te && !strncasecmp(te, "chunked", 7) && unchunk(start, &len) < 0) {
      snprintf(err, errsize, "unexpected EOF");
      free(text);
      return -1;
    }
  }
  {
    /* An API that died in the middle of its answer has not said what it looks like it said. */
    char const *promised = field(text, start, "Content-Length");
    if (promised && !field(text, start, "Transfer-Encoding") && strtoull(promised, 0, 10) > len) {
      snprintf(err, errsize, "unexpected EOF");
      free(text);
      return -1;
    }
  }
  status = atoi(text + 9);
  if (status < 200 || status > 299)
    n = bad_status(text, start, err, errsize);
  else {
    *answer = strdup(start);
    n = 0;
  }
  free(text);
  return n;
}

char *api_spec(char const *proto, char const *parentip, long long parentport, char const *childip,
               long long childport)
{
  cJSON *s = cJSON_CreateObject();
  char *text;

  cJSON_AddStringToObject(s, "proto", proto);
  if (*parentip)
    cJSON_AddStringToObject(s, "parentIP", parentip);
  cJSON_AddNumberToObject(s, "parentPort", (double)parentport);
  cJSON_AddNumberToObject(s, "childPort", (double)childport);
  if (*childip)
    cJSON_AddStringToObject(s, "childIP", childip);
  text = cJSON_PrintUnformatted(s);
  cJSON_Delete(s);
  return text;
}

char const *api_text(cJSON const *v, char const *key)
{
  cJSON const *item = cJSON_GetObjectItem(v, key);

  return cJSON_IsString(item) ? item->valuestring : "";
}

long api_number(cJSON const *v, char const *key)
{
  cJSON const *item = cJSON_GetObjectItem(v, key);

  return cJSON_IsNumber(item) ? (long)item->valuedouble : 0;
}
