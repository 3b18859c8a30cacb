/* SPDX-License-Identifier: ISC */
#include "rk/portspec.h"

#include <string.h>

#include "rk/text.h"

static int refuse(char *err, size_t size, char const *what, char const *s, size_t len)
{
  struct rk_text t = rk_text_in(err, size);

  rk_text_str(&t, what);
  if (s)
    rk_text_quote(&t, s, len);
  return -1;
}

static int is(char const *word, char const *s, size_t len)
{
  return len == strlen(word) && !memcmp(word, s, len);
}

/* The value's place in a list of words, or -1. */
static int one_of(char const *const *choices, char const *s, size_t len)
{
  for (int i = 0; choices[i]; i++)
    if (is(choices[i], s, len))
      return i;
  return -1;
}

enum { KEY_SRCIP, KEY_IDLE, KEY_REFUSE, KEY_LISTENFD };
static char const *const keys[] = {"srcip", "idle", "refuse", "listen-fd", 0};

static int seconds(char const *s, size_t len, uint32_t *out)
{
  uint32_t n = 0;

  if (!len || len > 5)
    return -1;
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9')
      return -1;
    n = n * 10 + (uint32_t)(s[i] - '0');
  }
  if (!n || n > RK_PORTFILE_IDLEMAX)
    return -1;
  *out = n;
  return 0;
}

static int option(char const *s, size_t len, struct rk_portfile *file, unsigned int *seen,
                  char *err, size_t errsize)
{
  char const *eq = memchr(s, '=', len);
  char const *v = eq ? eq + 1 : 0;
  size_t vlen = eq ? len - (size_t)(v - s) : 0;
  int key, choice;

  if (!eq)
    return refuse(err, errsize, "not a key=value line: ", s, len);
  key = one_of(keys, s, (size_t)(eq - s));
  if (key < 0)
    return refuse(err, errsize, "unknown key ", s, (size_t)(eq - s));
  if (*seen & 1U << key)
    return refuse(err, errsize, "key given twice: ", s, (size_t)(eq - s));
  *seen |= 1U << key;
  switch (key) {
    case KEY_SRCIP:
      choice = one_of((char const *const[]){"prefer", "require", "no", "plain", "loopback", 0}, v,
                      vlen);
      if (choice < 0)
        return refuse(err, errsize, "srcip must be prefer, require, no, plain or loopback, not ", v,
                      vlen);
      file->srcip = (enum rk_relay_srcip)choice;
      break;
    case KEY_IDLE:
      if (seconds(v, vlen, &file->idle) < 0)
        return refuse(err, errsize, "idle must be 1 to 86400 seconds, not ", v, vlen);
      break;
    case KEY_REFUSE:
      choice = one_of((char const *const[]){"client", "backend", 0}, v, vlen);
      if (choice < 0)
        return refuse(err, errsize, "refuse must be client or backend, not ", v, vlen);
      file->refuse_backend = choice;
      break;
    default:
      if (!vlen || vlen >= sizeof file->listenfd || memchr(v, 0, vlen))
        return refuse(err, errsize, "listen-fd must be a name of 1 to 63 bytes, not ", v, vlen);
      memcpy(file->listenfd, v, vlen);
      file->listenfd[vlen] = 0;
  }
  return 0;
}

int rk_portfile_parse(char const *text, size_t len, struct rk_portfile *file, unsigned int *line,
                      char *err, size_t errsize)
{
  unsigned int seen = 0;
  int spec = 0;

  memset(file, 0, sizeof *file);
  *line = 0;
  if (len > RK_PORTFILE_MAX)
    return refuse(err, errsize, "file longer than 4096 bytes", 0, 0);
  while (len) {
    char const *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) : len;
    char const *s = text;
    size_t slen = n;
    text += n + (end != 0);
    len -= n + (end != 0);
    ++*line;
    while (slen && (*s == ' ' || *s == '\t'))
      s++, slen--;
    while (slen && (s[slen - 1] == ' ' || s[slen - 1] == '\t' || s[slen - 1] == '\r'))
      slen--;
    if (!slen || *s == '#')
      continue;
    if (!spec) {
      spec = 1;
      if (rk_portspec_parse(s, slen, RK_PORTSPEC_RK, &file->spec, err, errsize) < 0)
        return -1;
      if (rk_portspec_check(&file->spec, err, errsize) < 0)
        return -1;
    } else if (option(s, slen, file, &seen, err, errsize) < 0) {
      return -1;
    }
  }
  *line = 0;
  if (!spec)
    return refuse(err, errsize, "no port spec in the file", 0, 0);
  if (file->listenfd[0] && file->spec.count > 1)
    return refuse(err, errsize, "listen-fd names one socket, not a range", 0, 0);
  if (file->idle && !rk_proto_is_udp(file->spec.proto))
    return refuse(err, errsize, "idle is for udp", 0, 0);
  if (file->refuse_backend && !rk_proto_is_tcp(file->spec.proto))
    return refuse(err, errsize, "refuse=backend is for tcp", 0, 0);
  return 0;
}
