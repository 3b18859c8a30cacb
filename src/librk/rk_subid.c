/* SPDX-License-Identifier: ISC */
#include <rk/subid.h>

#include <string.h>

/* The first id that is none: (uid_t)-1 means "no id" to every system call, user_namespaces(7). */
#define NOID UINT32_MAX

static int blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void trim(char const **s, size_t *len)
{
  while (*len && blank(**s))
    ++*s, --*len;
  while (*len && blank((*s)[*len - 1]))
    --*len;
}

static void fault(struct rk_subids *s, enum rk_subid_wrong wrong, unsigned int line,
                  unsigned int other)
{
  if (s->wrong)
    return;
  s->wrong = wrong;
  s->line = line;
  s->other = other;
}

/* A whole field as strtoul(3) base 0 takes it, for that is how newuidmap reads the same file. Huge
   numbers stay huge: at most NOID + 1 is returned. 0 if it is no number. */
static int number(char const *s, size_t len, uint64_t *value)
{
  uint64_t base = 10, v = 0;

  if (len > 1 && s[0] == '0') {
    base = 8;
    s++, len--;
    if (len > 1 && (s[0] == 'x' || s[0] == 'X')) {
      base = 16;
      s++, len--;
    }
  }
  if (!len)
    return 0;
  for (size_t i = 0; i < len; i++) {
    unsigned int c = (unsigned char)s[i], d;
    if (c >= '0' && c <= '9')
      d = c - '0';
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      d = (c | 32) - 'a' + 10;
    else
      return 0;
    if (d >= base)
      return 0;
    if (v <= NOID)
      v = v * base + d;
  }
  *value = v > NOID ? (uint64_t)NOID + 1 : v;
  return 1;
}

static int owns(struct rk_subid_owner const *o, char const *s, size_t len)
{
  uint64_t id;

  if (o->name && strlen(o->name) == len && !memcmp(o->name, s, len))
    return 1;
  return len && s[0] >= '0' && s[0] <= '9' && number(s, len, &id) && id == o->id;
}

/* Cut the next field off the front: up to the first of sep (':', or ' ' for any blanks). 0 if there
   is none. */
static int field(char const **s, size_t *len, char sep, char const **f, size_t *flen)
{
  size_t i = 0;

  if (sep == ' ') {
    while (*len && blank(**s))
      ++*s, --*len;
    while (i < *len && !blank((*s)[i]))
      i++;
    if (!i)
      return 0;
  } else {
    while (i < *len && (*s)[i] != sep)
      i++;
    if (i == *len)
      return 0;
  }
  *f = *s;
  *flen = i;
  if (sep != ' ')
    i++;
  *s += i;
  *len -= i;
  trim(f, flen);
  return 1;
}

/* Well-formed lines of other people only tell which ids are taken. */
static void pass_by(struct rk_subids *s, char const *t, size_t len)
{
  char const *first;
  size_t flen;
  uint64_t start, count;

  if (!field(&t, &len, ':', &first, &flen) || !number(first, flen, &start))
    return;
  trim(&t, &len);
  if (number(t, len, &count) && start + count > s->beyond)
    s->beyond = start + count;
}

static void add(struct rk_subids *s, uint64_t start, uint64_t count)
{
  if (!count)
    return;
  if (start + count > NOID) {
    fault(s, RK_SUBID_HIGH, s->lines, 0);
    return;
  }
  for (unsigned int i = 0; i < s->n; i++)
    if (s->range[i].start == start && s->range[i].count == count)
      return;
  if (s->n == RK_SUBID_MAX) {
    fault(s, RK_SUBID_MANY, s->lines, 0);
    return;
  }
  s->range[s->n++] = (struct rk_subid_range){(uint32_t)start, (uint32_t)count, s->lines};
}

static void take(struct rk_subids *s)
{
  char const *t = s->text, *owner, *first, *second;
  size_t len = s->len, olen, flen, slen;
  int toolong = s->toolong;
  char sep = s->dynamic ? ' ' : ':';
  uint64_t start, count;

  s->len = 0;
  s->toolong = 0;
  s->lines++;
  trim(&t, &len);
  if (!len || *t == '#')
    return;
  if (s->dynamic) {
    if (!field(&t, &len, ':', &owner, &olen) || !number(owner, olen, &start) ||
        !field(&t, &len, ' ', &owner, &olen)) {
      fault(s, RK_SUBID_FORMAT, s->lines, 0);
      return;
    }
  } else if (!field(&t, &len, ':', &owner, &olen)) {
    if (owns(&s->owner, t, len))
      fault(s, RK_SUBID_FORMAT, s->lines, 0);
    return;
  } else {
    pass_by(s, t, len);
    if (!owns(&s->owner, owner, olen))
      return;
  }

  if (toolong || !field(&t, &len, sep, &first, &flen)) {
    fault(s, RK_SUBID_FORMAT, s->lines, 0);
    return;
  }
  second = t;
  slen = len;
  trim(&second, &slen);
  if (!flen || !slen || memchr(second, sep, slen))
    fault(s, RK_SUBID_FORMAT, s->lines, 0);
  else if (!number(first, flen, &start) || !number(second, slen, &count))
    fault(s, RK_SUBID_NUMBER, s->lines, 0);
  else
    add(s, start, count);
}

void rk_subid_begin(struct rk_subids *s, struct rk_subid_owner owner, int dynamic)
{
  s->n = s->lines = s->line = s->other = 0;
  s->beyond = 0;
  s->wrong = 0;
  s->owner = owner;
  s->dynamic = dynamic;
  s->toolong = 0;
  s->len = 0;
}

void rk_subid_feed(struct rk_subids *s, char const *text, size_t len)
{
  while (len) {
    char const *nl = memchr(text, '\n', len);
    size_t n = nl ? (size_t)(nl - text) : len, room = sizeof s->text - s->len;

    if (n > room)
      s->toolong = 1;
    memcpy(s->text + s->len, text, n < room ? n : room);
    s->len += n < room ? n : room;
    if (!nl)
      return;
    take(s);
    text += n + 1;
    len -= n + 1;
  }
}

void rk_subid_end(struct rk_subids *s)
{
  if (s->len)
    take(s);
  s->lines = 0;
}

int rk_subid_check(struct rk_subids *s, uint32_t own)
{
  uint64_t sum = 1;

  for (unsigned int i = 0; i < s->n; i++) {
    struct rk_subid_range const *a = &s->range[i];

    if (own >= a->start && own - a->start < a->count)
      fault(s, RK_SUBID_OWN, a->line, 0);
    for (unsigned int j = 0; j < i; j++) {
      struct rk_subid_range const *b = &s->range[j];
      if ((uint64_t)a->start + a->count > b->start && (uint64_t)b->start + b->count > a->start)
        fault(s, RK_SUBID_OVERLAP, b->line, a->line);
    }
    sum += a->count;
    if (sum > NOID)
      fault(s, RK_SUBID_HIGH, a->line, 0);
  }
  return s->wrong ? -1 : 0;
}

uint32_t rk_subid_map(struct rk_subids const *s, uint32_t own, struct rk_idrange map[RK_MAP_MAX],
                      uint32_t *ids)
{
  uint32_t next = 1;

  map[0] = (struct rk_idrange){0, own, 1};
  for (unsigned int i = 0; i < s->n; i++) {
    map[i + 1] = (struct rk_idrange){next, s->range[i].start, s->range[i].count};
    next += s->range[i].count;
  }
  *ids = next;
  return s->n + 1;
}
