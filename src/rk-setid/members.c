/* SPDX-License-Identifier: ISC */
#include "members.h"

#include <string.h>

enum { GID = 2, MEMBERS = 3 };

void members_add(struct members *m, gid_t gid)
{
  for (size_t i = 0; i < m->n; i++)
    if (m->group[i] == gid)
      return;
  if (m->n == MEMBERS_MAX) {
    m->many = 1;
    return;
  }
  m->group[m->n] = gid;
  m->n++;
}

static void end_word(struct members *m)
{
  for (char const *const *name = m->names; *name; name++)
    if (strlen(*name) == m->len && !memcmp(*name, m->word, m->len))
      m->is_member = 1;
  m->len = 0;
}

static void end_line(struct members *m)
{
  if (m->field == MEMBERS)
    end_word(m);
  if (m->field == MEMBERS && m->is_member && m->has_gid == 1)
    members_add(m, (gid_t)m->gid);
  m->field = 0;
  m->is_member = 0;
  m->has_gid = 0;
  m->gid = 0;
  m->len = 0;
}

static void take_digit(struct members *m, char c)
{
  if (c < '0' || c > '9' || m->has_gid == -1) {
    m->has_gid = -1;
    return;
  }
  m->has_gid = 1;
  m->gid = m->gid * 10 + (uint64_t)(c - '0');
  if (m->gid >= UINT32_MAX) /* (gid_t)-1 is none */
    m->has_gid = -1;
}

static void take_member(struct members *m, char c)
{
  if (c == ',') {
    end_word(m);
  } else if (m->len < MEMBERS_NAME) {
    m->word[m->len] = c;
    m->len++;
  }
}

void members_feed(struct members *m, char const *text, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    char c = text[i];

    if (c == '\n')
      end_line(m);
    else if (m->field == MEMBERS)
      take_member(m, c);
    else if (c == ':')
      m->field++;
    else if (m->field == GID)
      take_digit(m, c);
  }
}

void members_end(struct members *m)
{
  end_line(m);
}
