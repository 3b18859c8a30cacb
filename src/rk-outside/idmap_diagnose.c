/* SPDX-License-Identifier: ISC */
#include "idmap_diagnose.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <linux/capability.h>

#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/fail.h>
#include <rk/host.h>
#include <rk/proc.h>

int outside_mapline(char **s, uint32_t v[3])
{
  for (int k = 0; k < 3; k++) {
    size_t n;
    *s += strspn(*s, " \n");
    n = uint32_scan(*s, &v[k]);
    if (!n)
      return 0;
    *s += n;
  }
  return 1;
}

/* Every line of a map must lie within one line of the map above it, user_namespaces(7). */
static int fits(struct outside_map const *map)
{
  char own[OUTSIDE_MAP_TEXT];

  if (rk_slurp(map->ownfile, own, sizeof own) == -1)
    return 1;
  for (uint32_t i = 0; i < map->n; i++) {
    char *s = own;
    uint32_t v[3], first = map->range[i].outside;
    int in = 0;

    while (!in && outside_mapline(&s, v))
      in = first >= v[0] && first - v[0] < v[2] && v[2] - (first - v[0]) >= map->range[i].count;
    if (!in)
      return 0;
  }
  return 1;
}

/* The helper's own words, when nothing that we can see is wrong. */
static void quote_helper(struct rk_cause *why, struct outside_map const *map,
                         struct outside_helper const *h)
{
  char const *how = " failed: ";
  char const *name = map->helper;
  char const *what = h->text;
  char code[UINT_FMT];

  if (h->end == OUTSIDE_UNSTARTED && !strcmp(what, strerror(EMFILE)))
    return rk_cause_set(why, "N15", "% could not be started: %\nraise RLIMIT_NOFILE", name, what);
  if (h->end == OUTSIDE_UNSTARTED)
    return rk_cause_set(why, "I9",
                        "% could not be started: %\n"
                        "end processes of this user or let it have more (ulimit -u, systemd: "
                        "TasksMax=), or free memory",
                        name, what);
  if (!*what) {
    int number = WEXITSTATUS(h->status);

    how = " failed without a message, with exit status ";
    if (WIFSIGNALED(h->status)) {
      number = WTERMSIG(h->status);
      how = " was killed by signal ";
    }
    code[uint_fmt(code, (unsigned int)number)] = 0;
    what = code;
  }
  if (strstr(what, "owned by a different user")) {
    rk_cause_set(why, "I14",
                 "% refuses: the group of this process is not the login group of the user\n"
                 "start the chain with the login group (leave newgrp or sg), or set "
                 "GRANT_AUX_GROUP_SUBIDS yes in /etc/login.defs",
                 name);
  } else if (strstr(what, "not allowed")) {
    rk_cause_set(why, "I7",
                 "%%%\n"
                 "give the user these ids in % (or in the subid source of nsswitch.conf), in plain "
                 "lines NAME:FIRST:COUNT that % can read",
                 name, how, what, map->cap == CAP_SETUID ? "/etc/subuid" : "/etc/subgid", name);
  } else if (strstr(what, "Permission denied") || strstr(what, "proc directory")) {
    rk_cause_set(why, "I8",
                 "%%%\n"
                 "mount /proc writable and without hidepid, and make rk-idmap readable for its "
                 "user (chmod 0755)",
                 name, how, what);
  } else {
    rk_cause_set(why, "I4",
                 "%%%\n"
                 "reinstall the package uidmap (shadow-utils, shadow-subids), or look at %",
                 name, how, what, h->path);
  }
}

static char const *capability(struct outside_map const *map)
{
  return map->cap == CAP_SETUID ? "cap_setuid" : "cap_setgid";
}

int idmap_has_privilege(void const *data, char const *path)
{
  struct outside_map const *map = data;
  struct stat st;
  struct statvfs vfs;

  if (stat(path, &st) == -1 || statvfs(path, &vfs) == -1 || vfs.f_flag & ST_NOSUID)
    return 0;
  if (rk_caps_of_file(path, (int)map->cap) == 1)
    return 1;
  return st.st_mode & S_ISUID && !st.st_uid;
}

/* Only a file that the distribution has put there may be told to become setuid root: what another
   user, or anybody, has written would then run as root. */
static int is_of_distribution(char const *path)
{
  static char const *const dirs[] = {"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"};
  struct stat st;

  if (lstat(path, &st) == -1 || !S_ISREG(st.st_mode) || st.st_uid || st.st_mode & 022)
    return 0;
  for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
    if (!strncmp(path, dirs[i], strlen(dirs[i])) && !strchr(path + strlen(dirs[i]), '/'))
      return 1;
  return 0;
}

static char const REINSTALL[] = "install the package uidmap (Debian, Ubuntu), shadow-utils "
                                "(Fedora) or shadow-subids (Alpine), and let its directory come "
                                "first in PATH";

/* What keeps the helper's file from giving it its privilege; root needs none of this. Like those
   below it returns whether it has found the reason. */
static int without_privilege(struct rk_cause *why, struct outside_map const *map,
                             struct outside_helper const *h)
{
  struct stat st;
  struct statvfs vfs;

  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    rk_cause_set(why, "I4", "no_new_privs is set, so % cannot gain its privilege\n%", map->helper,
                 RK_FIX_NNP);
    return 1;
  }
  if (h->end == OUTSIDE_LATE) /* it got as far as waiting for something */
    return 0;
  if (stat(h->path, &st) == 0 && rk_caps_of_file(h->path, (int)map->cap) != 1) {
    if (!(st.st_mode & S_ISUID)) {
      if (is_of_distribution(h->path))
        rk_cause_set(why, "I4",
                     "% is neither setuid root nor has the file capability %\n"
                     "chmod u+s %",
                     h->path, capability(map), h->path);
      else
        rk_cause_set(why, "I4", "% is neither setuid root nor has the file capability %\n%",
                     h->path, capability(map), REINSTALL);
      return 1;
    }
    if (st.st_uid) {
      rk_cause_set(why, "I4",
                   "% is setuid, but does not belong to root here\n"
                   "%",
                   h->path, REINSTALL);
      return 1;
    }
  }
  if (statvfs(h->path, &vfs) == -1 || !(vfs.f_flag & ST_NOSUID))
    return 0;
  rk_cause_set(why, "I4",
               "% lies on a file system mounted nosuid\n"
               "remount that file system with suid, or put % elsewhere into PATH",
               h->path, map->helper);
  return 1;
}

static int is_bounded(struct outside_map const *map)
{
  char text[32];
  uint64_t bounding;

  if (rk_proc_status("CapBnd", text, sizeof text) == -1)
    return 0;
  if (!uint640_xscan(text, &bounding))
    return 0;
  return !(bounding & 1U << map->cap);
}

void idmap_diagnose(struct rk_cause *why, struct outside_map const *map,
                    struct outside_helper const *h)
{
  char const *name = map->helper;

  if (h->end == OUTSIDE_MISSING) {
    rk_cause_set(why, "I13",
                 "% is not in PATH\n"
                 "install the package uidmap (Debian, Ubuntu), shadow-utils (Fedora) or "
                 "shadow-subids (Alpine)",
                 name);
  } else if (h->end == OUTSIDE_NOEXEC) {
    rk_cause_set(why, "I13", "% is not executable\n%", h->path, REINSTALL);
  } else if (!fits(map)) {
    rk_cause_set(why, "I4",
                 "not all of the ids are mapped in the user namespace outside, see % there\n"
                 "let the container outside map more ids, or give the user a range within its own",
                 map->ownfile);
  } else if (geteuid() && without_privilege(why, map, h)) {
    return;
  } else if (h->end == OUTSIDE_LATE) {
    rk_cause_set(why, "I9",
                 "% did not end in time and was killed\n"
                 "find out what % waits for (a directory service?); "
                 "RK_HELPER_TIMEOUT=SECONDS gives it more time",
                 name, h->path);
  } else if (is_bounded(map)) {
    rk_cause_set(why, "I5",
                 "the capability bounding set lacks %, which % needs\n"
                 "let the service or container that runs this keep % (systemd: "
                 "CapabilityBoundingSet=, Docker: --cap-add)",
                 capability(map), name, capability(map));
  } else {
    quote_helper(why, map, h);
  }
}

int outside_root_ids(pid_t pid, uint32_t *uid, uint32_t *gid)
{
  static char const *const maps[] = {"uid_map", "gid_map"};
  uint32_t v[3], *const id[] = {uid, gid};
  char path[RK_PROCPATH_MAX], text[OUTSIDE_MAP_TEXT];

  for (int i = 0; i < 2; i++) {
    char *s = text;
    int found = 0;
    if (rk_slurp(rk_procpath(path, pid, maps[i]), text, sizeof text) == -1)
      return -1;
    while (!found && outside_mapline(&s, v))
      found = v[0] == 0;
    if (!found)
      return rk_fail(ESRCH);
    *id[i] = v[1];
  }
  return 0;
}
