/* SPDX-License-Identifier: ISC */
#include <rk/text.h>

#include <string.h>

static char const hex[] = "0123456789abcdef";

struct rk_text rk_text_in(char *buf, size_t size)
{
  buf[0] = 0;
  return (struct rk_text){.s = buf, .size = size};
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

/* Code point of the valid sequence of n bytes. */
static unsigned long decode(char const *s, size_t n)
{
  unsigned char const *u = (unsigned char const *)s;
  unsigned long c = u[0];

  if (n > 1)
    c &= 0x7fUL >> n;
  for (size_t i = 1; i < n; i++) {
    c <<= 6;
    c |= u[i] & 0x3fU;
  }
  return c;
}

/* Of the sequence that begins with this byte, which is not ASCII; 0: none begins with it. */
static size_t utf8_length(unsigned char first)
{
  if (first < 0xc2)
    return 0;
  if (first < 0xe0)
    return 2;
  if (first < 0xf0)
    return 3;
  if (first < 0xf5)
    return 4;
  return 0;
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
  n = utf8_length(u[0]);
  if (!n || n > len)
    return 0;
  for (size_t i = 1; i < n; i++)
    if ((u[i] & 0xc0) != 0x80)
      return 0;
  c = decode(s, n);
  if (n == 3 && c < 0x800)
    return 0;
  if (c >= 0xd800 && c < 0xe000)
    return 0;
  if (n == 4 && c < 0x10000)
    return 0;
  if (c > 0x10ffff)
    return 0;
  return n;
}

enum { ESCAPE_MAX = RK_TEXT_STEP }; /* "\U0010ffff" */

static size_t escape(char *out, char letter, unsigned long value, int digits)
{
  out[0] = '\\';
  out[1] = letter;
  for (int i = digits; i; i--) {
    out[1 + i] = hex[value & 15];
    value >>= 4;
  }
  return 2 + (size_t)digits;
}

/* What stands for one character of s: one of from is a backslash and its letter of to; for the n
   bytes at s (0: one that is no UTF-8) odd() gives another text in out, or 0. */
struct piece {
  char other[ESCAPE_MAX];
  char const *text;
  size_t width;
  size_t took;
};

struct escapes {
  char const *from;
  char const *to;
  size_t (*odd)(char out[ESCAPE_MAX], char const *s, size_t n);
};

static void piece_of(struct piece *p, char const *s, size_t len, struct escapes const *e)
{
  size_t n = rk_utf8(s, len);
  char const *known = NULL;

  if (n == 1 && *s)
    known = strchr(e->from, *s);
  if (known)
    p->width = escape(p->other, e->to[known - e->from], 0, 0);
  else
    p->width = e->odd(p->other, s, n);
  p->text = p->other;
  if (!p->width) {
    p->text = s;
    p->width = n;
  }
  p->took = n ? n : 1;
}

/* s without quotes; room is kept for spare bytes and the terminator. A text that is cut is cut
   between characters. */
static void escaped(struct rk_text *t, char const *s, size_t len, struct escapes const *e,
                    size_t spare)
{
  while (len) {
    struct piece p;
    piece_of(&p, s, len, e);
    if (t->len + p.width + spare + 1 > t->size) {
      t->cut = 1;
      return;
    }
    rk_text_mem(t, p.text, p.width);
    s += p.took;
    len -= p.took;
  }
}

/* In quotes; a text that is cut has its second quote. */
static void quoted(struct rk_text *t, char const *s, size_t len, struct escapes const *e)
{
  rk_text_str(t, "\"");
  escaped(t, s, len, e, 1);
  rk_text_str(t, "\"");
}

/* Is it a character that has no look of its own: a control character (a terminal obeys those from
   0x80 to 0x9f, too), a blank other than ' ', one that sets the direction of others, one for
   private use? */
static int unseen(unsigned long c)
{
  static unsigned long const ranges[][2] = {
    /* in order */
    {0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x61c, 0x61c},     {0x1680, 0x1680},
    {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},   {0x3000, 0x3000},
    {0xe000, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
  };

  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
    if (c <= ranges[i][1])
      return c >= ranges[i][0];
  return 0;
}

static size_t odd_go(char out[ESCAPE_MAX], char const *s, size_t n)
{
  unsigned long c;

  if (!n)
    return escape(out, 'x', (unsigned char)*s, 2);
  c = decode(s, n);
  if (!unseen(c))
    return 0;
  if (n == 1)
    return escape(out, 'x', c, 2);
  if (c < 0x10000)
    return escape(out, 'u', c, 4);
  return escape(out, 'U', c, 8);
}

void rk_text_quote(struct rk_text *t, char const *s, size_t len)
{
  static struct escapes const go = {
    .from = "\a\b\f\n\r\t\v\"\\",
    .to = "abfnrtv\"\\",
    .odd = odd_go,
  };

  quoted(t, s, len, &go);
}

static struct escapes const SAFE = {
  .from = "\a\b\f\n\r\t\v",
  .to = "abfnrtv",
  .odd = odd_go,
};

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
  unsigned long c;

  if (!n)
    return escape(out, 'u', 0xfffd, 4);
  c = decode(s, n);
  if (!unseen(c) || c >= 0x10000)
    return 0;
  return escape(out, 'u', c, 4);
}

void rk_text_json(struct rk_text *t, char const *s, size_t len)
{
  static struct escapes const json = {
    .from = "\b\f\n\r\t\"\\",
    .to = "bfnrt\"\\",
    .odd = odd_json,
  };

  quoted(t, s, len, &json);
}

void rk_text_json_safe(struct rk_text *t, char const *json, size_t len)
{
  static struct escapes const none = {
    .from = "",
    .to = "",
    .odd = odd_json,
  };

  escaped(t, json, len, &none, 0);
}

static int plain(unsigned char c)
{
  if (c >= '0' && c <= '9')
    return 1;
  if (c >= 'a' && c <= 'z')
    return 1;
  if (c >= 'A' && c <= 'Z')
    return 1;
  return c && strchr("/._-+:,@", c);
}

static int printable(unsigned char c)
{
  return c >= ' ' && c <= '~';
}

static void shell_octal(struct rk_text *t, unsigned char c)
{
  char const octal[4] = {
    '\\',
    (char)('0' + (c >> 6)),
    (char)('0' + (c >> 3 & 7)),
    (char)('0' + (c & 7)),
  };

  rk_text_mem(t, octal, sizeof octal);
}

/* Bytes for a terminal to act upon, as printf(1) makes them. A command substitution loses a newline
   at the end. */
static void shell_odd(struct rk_text *t, char const *s)
{
  int ansi = s[strlen(s) - 1] == '\n';

  rk_text_str(t, ansi ? "$'" : "\"$(printf '");
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (!printable(c) || strchr("'\\%!", c))
      shell_octal(t, c);
    else
      rk_text_mem(t, s, 1);
  }
  rk_text_str(t, ansi ? "'" : "')\"");
}

static void shell_quoted(struct rk_text *t, char const *s)
{
  rk_text_str(t, "'");
  for (; *s; s++) {
    if (*s == '\'')
      rk_text_str(t, "'\\''");
    else
      rk_text_mem(t, s, 1);
  }
  rk_text_str(t, "'");
}

void rk_text_shell(struct rk_text *t, char const *s)
{
  int bare = *s != 0;
  int odd = 0;

  for (unsigned char const *u = (unsigned char const *)s; *u; u++) {
    if (!plain(*u))
      bare = 0;
    if (!printable(*u))
      odd = 1;
  }
  if (bare)
    rk_text_str(t, s);
  else if (odd)
    shell_odd(t, s);
  else
    shell_quoted(t, s);
}
