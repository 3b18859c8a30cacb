/* SPDX-License-Identifier: ISC */
#include "rk/text.h"

#include <string.h>

static char const hex[] = "0123456789abcdef";

struct rk_text rk_text_in(char *buf, size_t size)
{
  buf[0] = 0;
  return (struct rk_text){buf, size, 0, 0};
}

void rk_text_mem(struct rk_text *t, char const *s, size_t len)
{
  size_t room = t->size - 1 - t->len;

  if (len > room) {
    len = room;
    t->cut = 1;
  }
  memcpy(t->s + t->len, s, len);
  t->len += len;
  t->s[t->len] = 0;
}

void rk_text_str(struct rk_text *t, char const *s)
{
  rk_text_mem(t, s, strlen(s));
}

void rk_text_all(struct rk_text *t, char const *const *texts)
{
  for (; *texts; texts++) rk_text_str(t, *texts);
}

void rk_text_num(struct rk_text *t, long long n)
{
  char digits[21];
  size_t at = sizeof digits;
  unsigned long long u = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;

  do digits[--at] = (char)('0' + u % 10);
  while (u /= 10);
  if (n < 0) digits[--at] = '-';
  rk_text_mem(t, digits + at, sizeof digits - at);
}

size_t rk_utf8(char const *s, size_t len)
{
  unsigned char const *u = (unsigned char const *)s;
  size_t n;
  unsigned long c;

  if (!len) return 0;
  if (u[0] < 0x80) return 1;
  if (u[0] >= 0xc2 && u[0] < 0xe0) n = 2, c = u[0] & 0x1fU;
  else if (u[0] >= 0xe0 && u[0] < 0xf0) n = 3, c = u[0] & 0x0fU;
  else if (u[0] >= 0xf0 && u[0] < 0xf5) n = 4, c = u[0] & 0x07U;
  else return 0;
  if (n > len) return 0;
  for (size_t i = 1; i < n; i++) {
    if ((u[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (u[i] & 0x3fU);
  }
  if (n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) return 0;
  if (n == 4 && (c < 0x10000 || c > 0x10ffff)) return 0;
  return n;
}

/* s in quotes: characters of from as a backslash and their letter of to; of n bytes (0: no UTF-8), beginning with c, odd() says
   whether it has written something else for them. */
static void quoted(struct rk_text *t, char const *s, size_t len, char const *from, char const *to,
                   int (*odd)(struct rk_text *t, unsigned char c, size_t n))
{
  rk_text_str(t, "\"");
  while (len) {
    size_t n = rk_utf8(s, len);
    char const *known = n == 1 && *s ? strchr(from, *s) : 0;
    if (known) rk_text_mem(t, (char const[]){'\\', to[known - from]}, 2);
    else if (!odd(t, (unsigned char)*s, n)) rk_text_mem(t, s, n);
    if (!n) n = 1;
    s += n;
    len -= n;
  }
  rk_text_str(t, "\"");
}

static int odd_go(struct rk_text *t, unsigned char c, size_t n)
{
  if (n && c >= 0x20 && c != 0x7f) return 0;
  rk_text_mem(t, (char const[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
  return 1;
}

void rk_text_quote(struct rk_text *t, char const *s, size_t len)
{
  quoted(t, s, len, "\a\b\f\n\r\t\v\"\\", "abfnrtv\"\\", odd_go);
}

static int odd_json(struct rk_text *t, unsigned char c, size_t n)
{
  if (!n) rk_text_str(t, "\\ufffd");
  else if (c < 0x20) {
    rk_text_str(t, "\\u00");
    rk_text_mem(t, (char const[]){hex[c >> 4], hex[c & 15]}, 2);
  } else return 0;
  return 1;
}

void rk_text_json(struct rk_text *t, char const *s, size_t len)
{
  quoted(t, s, len, "\b\f\n\r\t\"\\", "bfnrt\"\\", odd_json);
}
