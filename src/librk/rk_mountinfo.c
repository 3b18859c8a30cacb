/* SPDX-License-Identifier: ISC */
#include <rk/mountinfo.h>

#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

int rk_mountinfo_next(struct rk_mountinfo *m)
{
  size_t n = 0;

  for (;;) {
    char c;
    if (m->pos == m->len) {
      ssize_t r = fd_read(m->fd, m->buf, sizeof m->buf);
      if (r <= 0)
        return (int)r;
      m->len = (size_t)r;
      m->pos = 0;
    }
    c = m->buf[m->pos++];
    if (c == '\n') {
      m->line[n] = 0;
      return 1;
    }
    if (n < sizeof m->line - 1)
      m->line[n++] = c;
  }
}

/* The byte of the three octal digits at s, -1: they are none. */
static int octal(char const *s)
{
  int value = 0;

  for (int i = 0; i < 3; i++) {
    if (s[i] < '0' || s[i] > '7')
      return -1;
    value = value * 8 + s[i] - '0';
  }
  return value < 256 ? value : -1;
}

void rk_mountinfo_unescape(char *s)
{
  char *to = s;

  while (*s && *s != ' ') {
    int byte = -1;
    if (*s == '\\')
      byte = octal(s + 1);
    if (byte == -1) {
      *to++ = *s++;
    } else {
      *to++ = (char)byte;
      s += 4;
    }
  }
  *to = 0;
}

char *rk_mountinfo_field(char *s, unsigned int n)
{
  for (; n > 1 && s; n--) {
    s = strchr(s, ' ');
    if (s)
      s++;
  }
  return s;
}
