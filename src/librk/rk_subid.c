/* SPDX-License-Identifier: ISC */
#include <rk/subid.h>

#include <string.h>

/* The first id that is none: (uid_t)-1 means "no id" to every system call, user_namespaces(7). */
#define NOID UINT32_MAX

static int blank(char c)
{
  return c && strchr(" \t\r\v\f", c);
}

/* Cut n bytes off the front. */
static void skip(char const **s, size_t *len, size_t n)
{
  *s += n;
  *len -= n;
}

static void trim(char const **s, size_t *len)
{
  while (*len && blank(**s))
    skip(s, len, 1);
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

/* The value of a digit, of whatever base; 16: it is none. */
static unsigned int digit(unsigned char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32; /* lower case */
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return 16;
}

/* A whole field as strtoul(3) base 0 takes it, for that is how newuidmap reads the same file. Huge
   numbers stay huge: at most NOID + 1 is returned. 0 if it is no number. */
static int number(char const *s, size_t len, uint64_t *value)
{
  uint64_t const most = (uint64_t)NOID + 1;
  uint64_t base = 10;
  uint64_t v = 0;

  if (len > 1 && s[0] == '0') {
    base = 8;
    skip(&s, &len, 1);
    if (len > 1 && (s[0] == 'x' || s[0] == 'X')) {
      base = 16;
      skip(&s, &len, 1);
    }
  }
  if (!len)
    return 0;
  for (size_t i = 0; i < len; i++) {
    unsigned int d = digit((unsigned char)s[i]);
    if (d >= base)
      return 0;
    v = v * base + d;
    if (v > most)
      v = most;
  }
  *value = v;
  return 1;
}

static int owns(struct rk_subid_owner const *o, char const *s, size_t len)
{
  uint64_t id;

  for (char const *const *name = o->names; name && *name; name++)
    if (strlen(*name) == len && !memcmp(*name, s, len))
      return 1;
  if (!len || s[0] < '0' || s[0] > '9')
    return 0;
  return number(s, len, &id) && id == o->id;
}

/* Cut the next field off the front: up to the first of sep (':', or ' ' for any blanks). 0 if there
   is none. */
static int field(char const **s, size_t *len, char sep, char const **f, size_t *flen)
{
  size_t i = 0;

  if (sep == ' ') {
    while (*len && blank(**s))
      skip(s, len, 1);
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
  skip(s, len, i);
  trim(f, flen);
  return 1;
}

static void add_range(struct rk_subids *s, uint64_t start, uint64_t count)
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
  s->range[s->n++] = (struct rk_subid_range){
    .start = (uint32_t)start,
    .count = (uint32_t)count,
    .line = s->lines,
  };
}

/* The rest of a line, after its owner: START and COUNT. */
static void take_range(struct rk_subids *s, char const *t, size_t len, int toolong)
{
  char const *first;
  size_t flen;
  char sep = s->dynamic ? ' ' : ':';
  uint64_t start;
  uint64_t count;

  if (toolong || !field(&t, &len, sep, &first, &flen)) {
    fault(s, RK_SUBID_FORMAT, s->lines, 0);
    return;
  }
  trim(&t, &len);
  if (!flen || !len || memchr(t, sep, len))
    fault(s, RK_SUBID_FORMAT, s->lines, 0);
  else if (!number(first, flen, &start) || !number(t, len, &count))
    fault(s, RK_SUBID_NUMBER, s->lines, 0);
  else
    add_range(s, start, count);
}

/* "N: OWNER START COUNT" of getsubids(1): cut what stands before START off. 1 or 0. */
static int skip_listed(char const **t, size_t *len)
{
  char const *f;
  size_t flen;
  uint64_t n;

  if (!field(t, len, ':', &f, &flen) || !number(f, flen, &n))
    return 0;
  return field(t, len, ' ', &f, &flen);
}

/* The line that is whole now. */
static void take_line(struct rk_subids *s)
{
  char const *t = s->text;
  char const *owner;
  size_t len = s->len;
  size_t olen;
  int toolong = s->toolong;

  s->len = 0;
  s->toolong = 0;
  s->lines++;
  trim(&t, &len);
  if (!len || *t == '#')
    return;
  if (s->dynamic) {
    if (skip_listed(&t, &len))
      take_range(s, t, len, toolong);
    else
      fault(s, RK_SUBID_FORMAT, s->lines, 0);
    return;
  }
  if (!field(&t, &len, ':', &owner, &olen)) {
    if (owns(&s->owner, t, len))
      fault(s, RK_SUBID_FORMAT, s->lines, 0);
    return;
  }
  if (owns(&s->owner, owner, olen))
    take_range(s, t, len, toolong);
}

void rk_subid_begin(struct rk_subids *s, struct rk_subid_owner owner, int dynamic)
{
  s->n = 0;
  s->lines = 0;
  s->line = 0;
  s->other = 0;
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
    size_t n = nl ? (size_t)(nl - text) : len;
    size_t room = sizeof s->text - s->len;
    size_t kept = n;

    if (n > room) {
      s->toolong = 1;
      kept = room;
    }
    memcpy(s->text + s->len, text, kept);
    s->len += kept;
    if (!nl)
      return;
    take_line(s);
    skip(&text, &len, n + 1);
  }
}

void rk_subid_end(struct rk_subids *s)
{
  if (s->len)
    take_line(s);
  s->lines = 0;
}

static int overlap(struct rk_subid_range const *a, struct rk_subid_range const *b)
{
  uint64_t a_end = (uint64_t)a->start + a->count;
  uint64_t b_end = (uint64_t)b->start + b->count;

  return a_end > b->start && b_end > a->start;
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
      if (overlap(a, b))
        fault(s, RK_SUBID_OVERLAP, b->line, a->line);
    }
    sum += a->count;
    if (sum > NOID)
      fault(s, RK_SUBID_HIGH, a->line, 0);
  }
  return s->wrong ? -1 : 0;
}

uint32_t rk_subid_map(struct rk_subids const *s, struct rk_subid_own own,
                      struct rk_idrange map[RK_MAP_MAX], uint32_t *ids)
{
  uint32_t next = 0;
  uint32_t n = 1;

  map[0] = (struct rk_idrange){.inside = own.inside, .outside = own.outside, .count = 1};
  *ids = 1;
  for (unsigned int i = 0; i < s->n; i++) {
    struct rk_idrange rest = {.outside = s->range[i].start, .count = s->range[i].count};
    uint32_t before = own.inside - next; /* ids up to the own one, unless that was passed */

    *ids += rest.count;
    if (own.inside > next && before < rest.count) {
      if (n == RK_MAP_MAX)
        return 0;
      map[n] = (struct rk_idrange){.inside = next, .outside = rest.outside, .count = before};
      n++;
      rest.outside += before;
      rest.count -= before;
      next = own.inside;
    }
    if (next == own.inside)
      next++;
    if (n == RK_MAP_MAX)
      return 0;
    rest.inside = next;
    map[n] = rest;
    n++;
    next += rest.count;
  }
  return n;
}
