/* SPDX-License-Identifier: ISC */
#include <rk/mountinfo.h>
#include <string.h>
#include <unistd.h>
#include <skalibs/allreadwrite.h>

int rk_mountinfo_next(struct rk_mountinfo *m)
{
  size_t n = 0;

  for (;;) {
    if (m->pos == m->len) {
      ssize_t r = fd_read(m->fd, m->buf, sizeof m->buf);
      if (r <= 0)
        return (int)r;
      m->len = (size_t)r;
      m->pos = 0;
    }
    if (m->buf[m->pos] == '\n') {
      m->pos++;
      m->line[n] = 0;
      return 1;
    }
    if (n < sizeof m->line - 1)
      m->line[n++] = m->buf[m->pos];
    m->pos++;
  }
}

static int octal(char const *s)
{
  return s[0] >= '0' && s[0] < '4' && s[1] >= '0' && s[1] < '8' && s[2] >= '0' && s[2] < '8';
}

void rk_mountinfo_unescape(char *s)
{
  char *to = s;

  while (*s && *s != ' ') {
    if (*s == '\\' && octal(s + 1)) {
      *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
      s += 4;
    } else
      *to++ = *s++;
  }
  *to = 0;
}

char *rk_mountinfo_field(char *s, unsigned int n)
{
  while (--n && s && (s = strchr(s, ' ')))
    s++;
  return s;
}
