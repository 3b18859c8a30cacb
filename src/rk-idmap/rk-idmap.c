/* SPDX-License-Identifier: ISC
   rk-idmap: have the ids of this user namespace mapped, become 0:0 in it, then prog.

   where    inside, ids not mapped yet
   changes  uid_map, gid_map, all ids become 0; ambient and inheritable capabilities cleared
   fds/env  asks rk-outside through RK_OUTSIDE_FD; reads RK_UID, RK_GID
   forks    no
   exits    100 usage, 102 no subordinate ids or helper broken, 111, 126/127 prog
*/
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <grp.h>
#include <sys/capability.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/outside.h>
#include <rk/proc.h>

#define USAGE "rk-idmap [ -k ] prog..."

static uint32_t id(char const *name)
{
  char const *s = getenv(name);
  uint32_t v;
  if (!s) strerr_dienotset(RK_EXIT_USAGE, name);
  if (!uint320_scan(s, &v)) strerr_dieinvalid(RK_EXIT_USAGE, name);
  return v;
}

static uint32_t ranges(char const *file, char const *user, uint32_t own, struct rk_idrange *r)
{
  static char text[65536];
  uint32_t n = 1, next = 1;

  r[0] = (struct rk_idrange){0, own, 1};
  if (rk_slurp(file, text, sizeof text) < 0) strerr_diefusys(RK_EXIT_HOST, "read ", file);
  for (char *line = text; line; ) {
    char *end = strchr(line, '\n');
    char *c = strchr(line, ':');
    if (end) *end++ = 0;
    if (c) {
      *c++ = 0;
      if (!strcmp(line, user)) {
        uint32_t start, count;
        size_t k = uint32_scan(c, &start);
        if (k && c[k] == ':' && uint320_scan(c + k + 1, &count) && n < RK_MAP_MAX) {
          r[n++] = (struct rk_idrange){next, start, count};
          next += count;
        }
      }
    }
    line = end;
  }
  if (n == 1) rk_die_host("I1", "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER", "no subordinate ids for ", user, " in ", file);
  return n;
}

int main(int argc, char const *const *argv)
{
  static struct rk_ask_idmap ask = {.head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_IDMAP}, .rung = RK_RUNG_SUBIDS};
  static struct rk_say_idmap say;
  struct passwd *pw;
  cap_t caps;
  int keep = 0;

  PROG = "rk-idmap";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (int opt; (opt = subgetopt_r(argc, argv, "k", &l)) != -1;)
      switch (opt) {
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc) strerr_dieusage(RK_EXIT_USAGE, USAGE);
  pw = getpwuid(id("RK_UID"));
  if (!pw) strerr_dief(RK_EXIT_HOST, "no user with this uid in /etc/passwd");
  ask.nuid = ranges("/etc/subuid", pw->pw_name, id("RK_UID"), ask.uid);
  ask.ngid = ranges("/etc/subgid", pw->pw_name, id("RK_GID"), ask.gid);
  rk_ask_or_die("map ids", &ask, sizeof ask, -1, &say, sizeof say);
  if (say.head.error) strerr_dief(RK_EXIT_HOST, "unable to map ids: newuidmap or newgidmap failed");
  if (setgroups(0, 0) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) strerr_diefusys(RK_EXIT_SYS, "become 0:0");
  if (cap_reset_ambient() < 0) strerr_diefusys(RK_EXIT_SYS, "drop the ambient capabilities");
  caps = cap_get_proc();
  if (!caps || cap_clear_flag(caps, CAP_INHERITABLE) < 0 || cap_set_proc(caps) < 0) strerr_diefusys(RK_EXIT_SYS, "drop the inheritable capabilities");
  rk_link_exec(argv, keep);
}
