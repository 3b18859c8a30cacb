/* SPDX-License-Identifier: ISC
   Answers in RootlessKit's form. */
#include "http.h"
#include "apid.h"
#include "conn.h"
#include <stdint.h>
#include <string.h>

static void header(struct MHD_Response *r, char const *name, char const *value)
{
  MHD_add_response_header(r, name, value);
}

/* text is allocated and becomes the response's; 0: an empty body. */
enum MHD_Result apid_answer(struct MHD_Connection *c, int status, char *text, char const *type)
{
  struct MHD_Response *r = text ? MHD_create_response_from_buffer(strlen(text), text,
                                                                  MHD_RESPMEM_MUST_FREE)
                                : MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
                                                                  MHD_RESPMEM_PERSISTENT);
  enum MHD_Result done;

  if (!r)
    return MHD_NO;
  if (text)
    apid_conn_hold(apid_conn_of(c), strlen(text));
  if (type)
    header(r, "Content-Type", type);
  if (status == 404)
    header(r, "X-Content-Type-Options", "nosniff");
  done = MHD_queue_response(c, (unsigned int)status, r);
  MHD_destroy_response(r);
  return done;
}

enum MHD_Result apid_not_allowed(struct MHD_Connection *c, char const *allow)
{
  static char const TEXT[] = "Method Not Allowed\n";
  struct MHD_Response *r = MHD_create_response_from_buffer(sizeof TEXT - 1, (void *)(uintptr_t)TEXT,
                                                           MHD_RESPMEM_PERSISTENT);
  enum MHD_Result done;

  if (!r)
    return MHD_NO;
  header(r, "Allow", allow);
  header(r, "Content-Type", "text/plain; charset=utf-8");
  header(r, "X-Content-Type-Options", "nosniff");
  done = MHD_queue_response(c, 405, r);
  MHD_destroy_response(r);
  return done;
}

/* RootlessKit sets the type of an error too late, so that Go guesses it: text/plain. Clients go by
   the body. */
enum MHD_Result apid_refuse(struct MHD_Connection *c, int status, char const *message)
{
  return apid_answer(c, status, apid_message(message), "text/plain; charset=utf-8");
}

enum MHD_Result apid_json(struct MHD_Connection *c, int status, cJSON *object)
{
  char *text = apid_text(object, "");

  return text ? apid_answer(c, status, text, "application/json")
              : apid_refuse(c, 500, "out of memory");
}

enum MHD_Result apid_not_found(struct MHD_Connection *c)
{
  return apid_answer(c, 404, strdup("404 page not found\n"), "text/plain; charset=utf-8");
}

/* Lexically clean path into out (as long as path at most); 1: it differs. RootlessKit redirects
   there. */
int apid_clean(char const *path, char *out)
{
  char *o = out;
  size_t n = strlen(path);

  for (char const *p = path; *p;) {
    size_t len;
    while (*p == '/')
      p++;
    len = strcspn(p, "/");
    if (len == 2 && p[0] == '.' && p[1] == '.')
      while (o > out && *--o != '/')
        ;
    else if (len && !(len == 1 && *p == '.')) {
      *o++ = '/';
      memcpy(o, p, len);
      o += len;
    }
    p += len;
  }
  if (o == out || (n > 1 && path[n - 1] == '/'))
    *o++ = '/';
  *o = 0;
  return strcmp(path, out) != 0;
}

/* What is not plain in a path (RFC 3986: unreserved and sub-delims, : @ and /) as %XX. out: three
   times as long as path, and 1. */
static void escape(char const *path, char *out)
{
  static char const plain[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/";
  static char const hex[] = "0123456789ABCDEF";

  for (; *path; path++) {
    unsigned char c = (unsigned char)*path;
    if (strchr(plain, c))
      *out++ = *path;
    else {
      *out++ = '%';
      *out++ = hex[c >> 4];
      *out++ = hex[c & 15];
    }
  }
  *out = 0;
}

enum MHD_Result apid_redirect(struct MHD_Connection *c, char const *path)
{
  char to[3 * 4096 + 1];
  struct MHD_Response *r = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
                                                           MHD_RESPMEM_PERSISTENT);
  enum MHD_Result done;

  if (!r)
    return MHD_NO;
  escape(path, to);
  header(r, "Location", to);
  done = MHD_queue_response(c, 301, r);
  MHD_destroy_response(r);
  return done;
}
