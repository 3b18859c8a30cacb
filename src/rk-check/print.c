/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <string.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/put.h>
#include <rk/text.h>

enum { LINE = 4096 };

static char const *const WORDS[] = {
  [CHECK_OK] = "ok",
  [CHECK_NO] = "no",
  [CHECK_LACKS] = "lacks",
  [CHECK_UNKNOWN] = "--",
};

static char const *const JSON_WORDS[] = {
  [CHECK_OK] = "ok",
  [CHECK_NO] = "no",
  [CHECK_LACKS] = "lacks",
  [CHECK_UNKNOWN] = "unknown",
};

struct page const *page_of(char const *id)
{
  for (struct page const *p = PAGE; *p->id; p++)
    if (!strcmp(p->id, id))
      return p;
  return NULL;
}

static void print(struct rk_text const *t)
{
  if (allwrite(1, t->s, t->len) < t->len)
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
}

static void json_member(struct rk_text *t, char const *key, char const *value)
{
  rk_text_str(t, t->len > 1 ? "," : "");
  rk_text_json(t, key, strlen(key));
  rk_text_str(t, ":");
  rk_text_json(t, value, strlen(value));
}

static void print_json(char const *const *members)
{
  char buf[LINE];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_str(&t, "{");
  for (; *members; members += 2)
    if (members[1])
      json_member(&t, members[0], members[1]);
  rk_text_str(&t, "}\n");
  print(&t);
}

/* "WORD NAME TEXT: FIX", whatever bytes these hold. */
static void print_line(char const *word, char const *name, char const *text, char const *fix)
{
  char buf[LINE];
  char safe[LINE];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  struct rk_text line = rk_text_in(safe, sizeof safe);

  rk_text_add(&t, word, " ", name, " ", text);
  if (fix)
    rk_text_add(&t, ": ", fix);
  rk_text_safe(&line, t.s, t.len);
  rk_text_str(&line, "\n");
  print(&line);
}

void report_answer(struct report *r, struct answer const *a)
{
  size_t n = (size_t)(page_of(a->id) - PAGE);

  if (r->told[n])
    return;
  r->told[n] = 1;
  r->lacking |= a->verdict == CHECK_NO;
  if (r->json)
    print_json((char const *const[]){"id", a->id, "verdict", JSON_WORDS[a->verdict], "text",
                                     a->text, "fix", a->fix ? a->fix : "", NULL});
  else
    print_line(WORDS[a->verdict], a->id, a->text, a->fix);
}

void report_ok(struct report *r, char const *id, char const *text)
{
  report_answer(r, &(struct answer){.id = id, .verdict = CHECK_OK, .text = text});
}

void report_lacks(struct report *r, char const *id, char const *text, char const *fix)
{
  report_answer(r, &(struct answer){.id = id, .verdict = CHECK_LACKS, .text = text, .fix = fix});
}

void report_no(struct report *r, char const *id, char const *text, char const *fix)
{
  report_answer(r, &(struct answer){.id = id, .verdict = CHECK_NO, .text = text, .fix = fix});
}

void report_unknown(struct report *r, char const *id, char const *text)
{
  report_answer(r, &(struct answer){.id = id, .verdict = CHECK_UNKNOWN, .text = text});
}

void report_place(struct report const *r, char const *what, char const *evidence)
{
  if (r->json)
    print_json((char const *const[]){"place", what, "text", evidence, NULL});
  else
    print_line("at", what, evidence, NULL);
}

void report_state(struct report *r, char const *kind, char const *name, enum verdict verdict,
                  char const *text)
{
  char label[LINE];
  struct rk_text t = rk_text_in(label, sizeof label);

  r->lacking |= verdict == CHECK_NO;
  if (r->json) {
    print_json(
      (char const *const[]){kind, name, "verdict", JSON_WORDS[verdict], "text", text, NULL});
    return;
  }
  rk_text_add(&t, kind, " ", name);
  print_line(WORDS[verdict], label, text, NULL);
}

void report_rest(struct report *r)
{
  for (struct page const *p = PAGE; *p->id; p++)
    report_unknown(r, p->id, "only the program that meets it can tell");
}

void explain(struct page const *p, int json)
{
  char buf[LINE];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  if (json) {
    print_json((char const *const[]){"id", p->id, "section", p->section, "text", p->text, "fix",
                                     p->fix, NULL});
    return;
  }
  rk_text_add(&t, p->id, " (", p->section, "): ", p->text, "\nFix: ", p->fix, "\n");
  print(&t);
}
