/* SPDX-License-Identifier: ISC
   rk-setid: become an ordinary user of this user namespace, without capabilities, then prog.

   where    inside, after rk-idmap; after the links that need capabilities
   changes  uid, gid, supplementary groups; permitted, effective, inheritable and ambient
            capabilities become empty; the parent death signal is cleared by the kernel
   fds/env  -
   forks    no
   exits    100 usage, not root inside, or an id that is not mapped here; 102 groups cannot be set;
            111, 126, 127
 */
#include "members.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
#include <linux/capability.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/names.h>
#include <rk/options.h>
#include <rk/order.h>
#include <rk/sys.h>

/* In the order of -g's words. */
enum groups { FROM_FILE, KEEP, DROP };

struct options {
  int groups;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'g',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, groups),
   .arg = "file|keep|drop",
   .text = "supplementary groups: those of /etc/group, those of now, or none"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-setid",
  .summary = "become a user of this user namespace without capabilities, then execute a program",
  .operands = "uid[:gid] prog...",
  .options = OPTIONS,
};

/* UID or UID:GID; without GID it is the number of UID. */
static void parse_ids(char const *s, uint32_t *uid, uint32_t *gid)
{
  size_t n = uint32_scan(s, uid);

  *gid = *uid;
  if (!n || (s[n] && s[n] != ':') || (s[n] && !uint320_scan(s + n + 1, gid)) ||
      *uid == UINT32_MAX || *gid == UINT32_MAX)
    rk_usage_die(&USAGE, s, " is not UID or UID:GID");
  if (!*uid)
    strerr_dief(RK_EXIT_USAGE,
                "uid 0 gains all capabilities again when it executes a program: name another");
}

/* Their own id, and the groups that have one of the uid's names as a member. */
static void read_groups(struct members *m, uint32_t uid, uint32_t gid)
{
  static struct rk_names names;
  char buf[8192];
  ssize_t r;
  int fd;

  rk_names_read(&names, "/etc/passwd", uid);
  m->names = names.list;
  members_add(m, gid);
  fd = open("/etc/group", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd == -1 && errno == ENOENT)
    return;
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /etc/group");
  while ((r = fd_read(fd, buf, sizeof buf)) > 0)
    members_feed(m, buf, (size_t)r);
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /etc/group");
  members_end(m);
  close(fd);
  if (m->many)
    strerr_dief(RK_EXIT_SYS, "unable to set the groups: the kernel takes 65536 of them");
}

static void set_groups(struct members const *m)
{
  if (rk_set_groups(m->n, m->group) == 0)
    return;
  if (errno == EINVAL)
    strerr_dief(RK_EXIT_USAGE, "unable to set the groups: GID, or one of /etc/group, is not mapped "
                               "here (rk-idmap -u, -M); compare -g");
  /* with CAP_SETGID only where /proc/self/setgroups says "deny", user_namespaces(7) */
  if (errno == EPERM)
    rk_die_host("I12", "map subordinate ids (newgidmap), or use -g keep",
                "unable to set the groups: setgroups is denied in this user namespace");
  strerr_diefusys(RK_EXIT_SYS, "set the groups");
}

static void need_root(void)
{
  static int const caps[] = {CAP_SETUID, CAP_SETGID};

  rk_order_need_ids();
  if (rk_caps_effective(caps, sizeof caps / sizeof *caps) != 1)
    strerr_dief(RK_EXIT_USAGE, "must be root inside: put rk-userns rk-idmap before rk-setid");
}

int main(int argc, char const *const *argv)
{
  static struct members members;
  struct options o = {.groups = FROM_FILE};
  uint32_t uid;
  uint32_t gid;

  PROG = "rk-setid";
  argv += rk_options(&USAGE, argc, argv, &o);
  parse_ids(argv[0], &uid, &gid);
  need_root();

  if (o.groups == FROM_FILE)
    read_groups(&members, uid, gid);
  if (o.groups != KEEP)
    set_groups(&members);
  if (rk_become(uid, gid) == -1) {
    if (errno == EINVAL)
      strerr_dief(RK_EXIT_USAGE, "unable to become ", argv[0],
                  ": this user namespace does not map it (rk-idmap -u, -M)");
    strerr_diefusys(RK_EXIT_SYS, "become ", argv[0]);
  }
  /* With a securebit of capabilities(7) they survive the change of ids. */
  if (rk_caps_keep(NULL, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "give up the capabilities");
  rk_link_exec(argv + 1, o.keep);
}
