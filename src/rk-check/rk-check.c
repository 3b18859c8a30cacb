/* SPDX-License-Identifier: ISC
   rk-check: would a chain work on this host, and how do the chains do that run?

   where    outside
   changes  nothing
   fds/env  reads XDG_RUNTIME_DIR, RK_STATE_DIR, PATH, container, KUBERNETES_SERVICE_HOST
   forks    a chain without a network driver, tried in a child; with -u this process becomes USER
   exits    100; 102 the host, or a named chain, lacks something that every chain needs; 111
 */
#include "check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include <rk/text.h>

struct options {
  int json;
  char const *user;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'j',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, json),
   .text = "JSON, one object on each line"},
  {.letter = 'u',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, user),
   .arg = "user",
   .text = "as that user (root only)"},
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-check",
  .summary = "tell whether chains work on this host",
  .operands = "[ dir... | explain id... ]",
  .options = OPTIONS,
};

/* A login session of that user would have this directory. */
static void set_runtime(uid_t uid)
{
  char dir[64];
  struct rk_text t = rk_text_in(dir, sizeof dir);

  rk_text_str(&t, "/run/user/");
  rk_text_num(&t, uid);
  if (access(dir, X_OK) == -1)
    unsetenv("XDG_RUNTIME_DIR");
  else if (setenv("XDG_RUNTIME_DIR", dir, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set XDG_RUNTIME_DIR");
}

static void become(char const *user)
{
  struct passwd const *pw = getpwnam(user);

  if (!pw)
    strerr_dief(RK_EXIT_USAGE, "no such user: ", user);
  if (pw->pw_uid == getuid())
    return;
  if (getuid())
    rk_usage_die(&USAGE, "option -u is for root: only root can try as another user");
  if (initgroups(user, pw->pw_gid) == -1 || setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become ", user);
  set_runtime(pw->pw_uid);
}

/* "explain ID..." */
static int explain_all(char const *const *ids, int json)
{
  if (!*ids)
    rk_usage_die(&USAGE, "explain needs an id of rk-host-settings(7), as in: rk-check explain U1");
  for (; *ids; ids++) {
    struct page const *p = page_of(*ids);
    if (!p || !**ids)
      strerr_dief(RK_EXIT_USAGE, "no such id in rk-host-settings(7): ", *ids);
    explain(p, json);
  }
  return 0;
}

int main(int argc, char const *const *argv)
{
  static struct report report;
  struct options o = {0};

  PROG = "rk-check";
  argv += rk_options(&USAGE, argc, argv, &o);
  report.json = o.json;
  if (*argv && !strcmp(*argv, "explain"))
    return explain_all(argv + 1, o.json);
  for (char const *const *dir = argv; *dir; dir++)
    if (!**dir)
      rk_usage_die(&USAGE, "the state directory must not be empty");
  if (o.user)
    become(o.user);
  check_place(&report);
  check_chain(&report);
  check_kernel(&report);
  check_devices(&report);
  check_session(&report);
  check_network(&report);
  report_rest(&report);
  for (; *argv; argv++)
    check_dir(&report, *argv);
  return report.lacking ? RK_EXIT_HOST : 0;
}
