/* SPDX-License-Identifier: ISC */
#include "outside_why.h"

#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <linux/capability.h>

#include <skalibs/types.h>

#include <rk/host.h>
#include <rk/proc.h>

#define TEXT(...) ((char const *const[]){__VA_ARGS__, 0})

int outside_mapline(char **s, uint32_t v[3])
{
  for (int k = 0; k < 3; k++) {
    size_t n;
    *s += strspn(*s, " \n");
    n = uint32_scan(*s, &v[k]);
    if (!n) return 0;
    *s += n;
  }
  return 1;
}

/* Every line of a map must lie within one line of the map above it, user_namespaces(7). */
static int fits(struct outside_map const *map)
{
  static char own[OUTSIDE_MAP_TEXT];

  if (rk_slurp(map->ownfile, own, sizeof own) == -1) return 1;
  for (uint32_t i = 0; i < map->n; i++) {
    char *s = own;
    uint32_t v[3], first = map->range[i].outside;
    int in = 0;

    while (!in && outside_mapline(&s, v))
      in = first >= v[0] && first - v[0] < v[2] && v[2] - (first - v[0]) >= map->range[i].count;
    if (!in) return 0;
  }
  return 1;
}

/* Has the file this capability permitted and effective? struct vfs_cap_data, capabilities(7). */
static int filecap(char const *file, unsigned int cap)
{
  struct vfs_ns_cap_data x;
  ssize_t r = getxattr(file, "security.capability", &x, sizeof x);

  return r >= (ssize_t)XATTR_CAPS_SZ_2 && (x.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) && (x.data[0].permitted & 1U << cap);
}

void outside_spell(char *to, size_t size, char const *const *pieces)
{
  char *end = to + size - 1;

  for (; *pieces; pieces++)
    for (char const *s = *pieces; *s && to < end; s++) *to++ = *s;
  *to = 0;
}

static void because(struct rk_say_idmap *say, char const *id, char const *const *text, char const *const *fix)
{
  outside_spell(say->id, sizeof say->id, TEXT(id));
  outside_spell(say->text, sizeof say->text, text);
  outside_spell(say->fix, sizeof say->fix, fix);
}

/* The helper's own words, when nothing that we can see is wrong. */
static void words(struct rk_say_idmap *say, struct outside_map const *map, struct outside_helper const *h)
{
  char const *how = " failed: ", *name = map->helper;
  char const *what = h->text;
  char code[UINT_FMT];

  if (h->end == OUTSIDE_UNSTARTED) how = " could not be started: ";
  else if (!*what) {
    int signaled = WIFSIGNALED(h->status);
    code[uint_fmt(code, (unsigned int)(signaled ? WTERMSIG(h->status) : WEXITSTATUS(h->status)))] = 0;
    how = signaled ? " was killed by signal " : " failed without a word, with exit status ";
    what = code;
  }
  if (strstr(what, "owned by a different user"))
    because(say, "I14", TEXT(name, " refuses: the group of this process is not the login group of the user"),
            TEXT("start the chain with the login group (leave newgrp or sg), or set GRANT_AUX_GROUP_SUBIDS yes in /etc/login.defs"));
  else if (strstr(what, "not allowed"))
    because(say, "I7", TEXT(name, how, what),
            TEXT("let ", map->cap == CAP_SETUID ? "/etc/subuid" : "/etc/subgid", " (or the subid source of nsswitch.conf), as ", name,
                 " reads it, hold these ids for the user: plain NAME:FIRST:COUNT lines"));
  else if (strstr(what, "Permission denied") || strstr(what, "proc directory"))
    because(say, "I8", TEXT(name, how, what),
            TEXT("mount /proc writable and without hidepid, and let rk-idmap be readable for its user (chmod 0755)"));
  else
    because(say, "I4", TEXT(name, how, what), TEXT("reinstall the package uidmap (shadow-utils, shadow-subids), or look at ", h->path));
}

void outside_why(struct rk_say_idmap *say, struct outside_map const *map, struct outside_helper const *h)
{
  char const *const cap = map->cap == CAP_SETUID ? "cap_setuid" : "cap_setgid", *name = map->helper;
  struct stat st;
  struct statvfs vfs;
  char text[32];
  uint64_t bounding;

  if (h->end == OUTSIDE_MISSING)
    return because(say, "I13", TEXT(name, " is not in PATH"),
                   TEXT("install the package uidmap (Debian, Ubuntu), shadow-utils (Fedora) or shadow-subids (Alpine)"));
  if (h->end == OUTSIDE_NOEXEC) return because(say, "I13", TEXT(h->path, " is not executable"), TEXT("chmod 4755 ", h->path));
  if (geteuid()) { /* root needs none of this */
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
      return because(say, "I4", TEXT("no_new_privs is set, so ", name, " cannot gain its privilege"), TEXT(RK_FIX_NNP));
    if (h->end != OUTSIDE_LATE && stat(h->path, &st) == 0 && !filecap(h->path, map->cap)) {
      if (!(st.st_mode & S_ISUID))
        return because(say, "I4", TEXT(h->path, " is neither setuid root nor has the file capability ", cap),
                       TEXT("chmod u+s ", h->path, ", or setcap ", cap, "+ep ", h->path));
      if (st.st_uid)
        return because(say, "I4", TEXT(h->path, " is setuid, but does not belong to root here"), TEXT("chown root ", h->path, " && chmod u+s ", h->path));
    }
    if (h->end != OUTSIDE_LATE && statvfs(h->path, &vfs) == 0 && (vfs.f_flag & ST_NOSUID))
      return because(say, "I4", TEXT(h->path, " lies on a file system mounted nosuid"),
                     TEXT("remount that file system with suid, or put ", name, " elsewhere into PATH"));
  }
  if (h->end == OUTSIDE_LATE)
    return because(say, "I9", TEXT(name, " did not end in time and was killed"),
                   TEXT("find out what ", h->path, " waits for (a directory service?); RK_HELPER_TIMEOUT=SECONDS gives it more time"));
  if (rk_proc_status("CapBnd", text, sizeof text) != -1 && uint640_xscan(text, &bounding) && !(bounding & 1U << map->cap))
    return because(say, "I5", TEXT("the capability bounding set lacks ", cap, ", which ", name, " needs"),
                   TEXT("let the service or container that runs this keep ", cap, " (systemd: CapabilityBoundingSet=, Docker: --cap-add)"));
  if (!fits(map))
    return because(say, "I4", TEXT("not all of the ids are mapped in the user namespace outside, see ", map->ownfile, " there"),
                   TEXT("let the container outside map more ids, or give the user a range within its own"));
  words(say, map, h);
}
