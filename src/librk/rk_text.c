/* SPDX-License-Identifier: ISC */
#include <rk/text.h>

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
  for (; *texts; texts++)
    rk_text_str(t, *texts);
}

void rk_text_num(struct rk_text *t, long long n)
{
  char digits[21];
  size_t at = sizeof digits;
  unsigned long long u = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;

  do
    digits[--at] = (char)('0' + u % 10);
  while (u /= 10);
  if (n < 0)
    digits[--at] = '-';
  rk_text_mem(t, digits + at, sizeof digits - at);
}

size_t rk_utf8(char const *s, size_t len)
{
  unsigned char const *u = (unsigned char const *)s;
  size_t n;
  unsigned long c;

  if (!len)
    return 0;
  if (u[0] < 0x80)
    return 1;
  if (u[0] >= 0xc2 && u[0] < 0xe0)
    n = 2, c = u[0] & 0x1fU;
  else if (u[0] >= 0xe0 && u[0] < 0xf0)
    n = 3, c = u[0] & 0x0fU;
  else if (u[0] >= 0xf0 && u[0] < 0xf5)
    n = 4, c = u[0] & 0x07U;
  else
    return 0;
  if (n > len)
    return 0;
  for (size_t i = 1; i < n; i++) {
    if ((u[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (u[i] & 0x3fU);
  }
  if (n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000)))
    return 0;
  if (n == 4 && (c < 0x10000 || c > 0x10ffff))
    return 0;
  return n;
}

enum { ESCAPE_MAX = RK_TEXT_STEP }; /* "\U0010ffff" */

static size_t escape(char *out, char letter, unsigned long value, int digits)
{
  out[0] = '\\';
  out[1] = letter;
  for (int i = digits; i; i--, value >>= 4)
    out[1 + i] = hex[value & 15];
  return 2 + (size_t)digits;
}

/* What stands for one character of s: one of from is a backslash and its letter of to; for the n
   bytes at s (0: one that is no UTF-8) odd() gives another text in out, or 0. */
struct piece {
  char other[ESCAPE_MAX];
  char const *text;
  size_t width, took;
};
struct escapes {
  char const *from, *to;
  size_t (*odd)(char out[ESCAPE_MAX], char const *s, size_t n);
};

static void piece_of(struct piece *p, char const *s, size_t len, struct escapes const *e)
{
  size_t n = rk_utf8(s, len);
  char const *known = n == 1 && *s ? strchr(e->from, *s) : NULL;

  p->took = n ? n : 1;
  p->width = known ? escape(p->other, e->to[known - e->from], 0, 0) : e->odd(p->other, s, n);
  p->text = p->width ? p->other : s;
  if (!p->width)
    p->width = n;
}

/* s without quotes; room is kept for spare bytes and the terminator. A text that is cut is cut
   between characters. */
static void escaped(struct rk_text *t, char const *s, size_t len, struct escapes const *e,
                    size_t spare)
{
  struct piece p;

  for (; len; s += p.took, len -= p.took) {
    piece_of(&p, s, len, e);
    if (t->len + p.width + spare + 1 > t->size) {
      t->cut = 1;
      break;
    }
    rk_text_mem(t, p.text, p.width);
  }
}

/* In quotes; a text that is cut has its second quote. */
static void quoted(struct rk_text *t, char const *s, size_t len, struct escapes const *e)
{
  rk_text_str(t, "\"");
  escaped(t, s, len, e, 1);
  rk_text_str(t, "\"");
}

/* Code point of the valid sequence of n bytes. */
static unsigned long decode(char const *s, size_t n)
{
  unsigned char const *u = (unsigned char const *)s;
  unsigned long c = n == 1 ? u[0] : u[0] & (0x7fUL >> n);

  for (size_t i = 1; i < n; i++)
    c = c << 6 | (u[i] & 0x3fU);
  return c;
}

/* Is it a character that has no look of its own: a control character (a terminal obeys those from
   0x80 to 0x9f, too), a blank other than ' ', one that sets the direction of others, one for
   private use? */
static int unseen(unsigned long c)
{
  static unsigned long const ranges[][2] = {
    {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x61c, 0x61c},     {0x1680, 0x1680},
    {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},   {0x3000, 0x3000},
    {0xe000, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
  };

  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
    if (c >= ranges[i][0] && c <= ranges[i][1])
      return 1;
  return 0;
}

static size_t odd_go(char out[ESCAPE_MAX], char const *s, size_t n)
{
  unsigned long c = n ? decode(s, n) : (unsigned char)*s;

  if (n && !unseen(c))
    return 0;
  if (n < 2)
    return escape(out, 'x', c, 2);
  return c < 0x10000 ? escape(out, 'u', c, 4) : escape(out, 'U', c, 8);
}

void rk_text_quote(struct rk_text *t, char const *s, size_t len)
{
  static struct escapes const go = {"\a\b\f\n\r\t\v\"\\", "abfnrtv\"\\", odd_go};

  quoted(t, s, len, &go);
}

static struct escapes const SAFE = {"\a\b\f\n\r\t\v", "abfnrtv", odd_go};

void rk_text_safe(struct rk_text *t, char const *s, size_t len)
{
  escaped(t, s, len, &SAFE, 0);
}

size_t rk_text_safe_one(struct rk_text *t, char const *s, size_t len)
{
  struct piece p;

  piece_of(&p, s, len, &SAFE);
  rk_text_mem(t, p.text, p.width);
  return p.took;
}

static size_t odd_json(char out[ESCAPE_MAX], char const *s, size_t n)
{
  unsigned long c = n ? decode(s, n) : 0xfffd;

  return !n || (unseen(c) && c < 0x10000) ? escape(out, 'u', c, 4) : 0;
}

void rk_text_json(struct rk_text *t, char const *s, size_t len)
{
  static struct escapes const json = {"\b\f\n\r\t\"\\", "bfnrt\"\\", odd_json};

  quoted(t, s, len, &json);
}

void rk_text_json_safe(struct rk_text *t, char const *json, size_t len)
{
  static struct escapes const none = {"", "", odd_json};

  escaped(t, json, len, &none, 0);
}

static int plain(unsigned char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c && strchr("/._-+:,@", c));
}

/* Bytes for a terminal to act upon, as printf(1) makes them. A command substitution loses a newline
   at the end. */
static void shell_odd(struct rk_text *t, char const *s)
{
  int ansi = s[strlen(s) - 1] == '\n';

  rk_text_str(t, ansi ? "$'" : "\"$(printf '");
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    char const octal[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
                           (char)('0' + (c & 7))};
    if (c < ' ' || c > '~' || c == '\'' || c == '\\' || c == '%' || c == '!')
      rk_text_mem(t, octal, 4);
    else
      rk_text_mem(t, s, 1);
  }
  rk_text_str(t, ansi ? "'" : "')\"");
}

void rk_text_shell(struct rk_text *t, char const *s)
{
  int bare = *s != 0, odd = 0;

  for (unsigned char const *u = (unsigned char const *)s; *u; u++) {
    if (!plain(*u))
      bare = 0;
    if (*u < ' ' || *u > '~')
      odd = 1;
  }
  if (bare) {
    rk_text_str(t, s);
  } else if (odd) {
    shell_odd(t, s);
  } else {
    rk_text_str(t, "'");
    for (; *s; s++) {
      if (*s == '\'')
        rk_text_str(t, "'\\''");
      else
        rk_text_mem(t, s, 1);
    }
    rk_text_str(t, "'");
  }
}
