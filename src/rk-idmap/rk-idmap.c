/* SPDX-License-Identifier: ISC
   rk-idmap: have the ids of this user namespace mapped, become 0:0 in it, then prog.

   where    inside, ids not mapped yet
   changes  uid_map, gid_map (and setgroups with a single id); all ids become 0; ambient and
            inheritable capabilities cleared
   fds/env  asks rk-outside through RK_OUTSIDE_FD; reads RK_UID, RK_GID, RK_OUTSIDE_CAPS,
            RK_OUTSIDE_ROOT, GETSUBIDS, RK_HELPER_TIMEOUT, PATH
   forks    getsubids, waited for, if that is the source, getent for a uid that /etc/passwd has not;
            newuidmap and newgidmap are rk-outside's children
   exits    100 usage, 102 no subordinate ids or a helper that cannot work, 111 a system call
            failed, 126/127 prog
 */
#include "idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <linux/capability.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/sys.h>
#include <rk/text.h>

/* In the order of -m's words. */
enum mode { AUTO, SUBIDS, SINGLE, DIRECT };

/* In the order of -g's words; UNSAID: as the host's root does it. */
enum groups { UNSAID = -1, KEEP, DROP };

struct options {
  int mode;
  int source; /* enum idmap_source */
  uint32_t min;
  int groups;
  int keep;
  struct idmap_layout layout;
};

static struct rk_usage const USAGE;

static void die_of(char const *option, char const *value, char const *wrong)
{
  rk_usage_die(&USAGE, option, " ", value, " ", wrong);
}

static int take_own(void *into, char const *value)
{
  struct options *o = into;
  char const *wrong = layout_own(&o->layout, value);

  if (wrong)
    die_of("-u", value, wrong);
  return 1;
}

static int take_line(void *into, char const *value)
{
  struct options *o = into;
  char const *wrong = layout_line(&o->layout, value);

  if (wrong)
    die_of("-M", value, wrong);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'm',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, mode),
   .arg = "auto|subids|single|direct",
   .text = "map the ids in this way or fail; auto: the first that works"},
  {.letter = 's',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, source),
   .arg = "auto|static|dynamic",
   .text = "find subordinate ids in files (static) or by getsubids (dynamic)"},
  {.letter = 'n',
   .kind = RK_OPTION_NUMBER,
   .at = offsetof(struct options, min),
   .arg = "min",
   .text = "fail unless at least min uids and as many gids are mapped",
   .min = 1},
  {.letter = 'g',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, groups),
   .arg = "keep|drop",
   .text = "keep or drop the supplementary groups"},
  {.letter = 'u',
   .kind = RK_OPTION_CALL,
   .arg = "uid[:gid]",
   .text = "the own ids have these numbers inside; subordinate ids are around them",
   .take = take_own},
  {.letter = 'M',
   .kind = RK_OPTION_CALL,
   .arg = "[u:|g:]inside:outside:count",
   .text = "map these ids of the user's, and no others",
   .many = 1,
   .take = take_line},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-idmap",
  .summary = "map the ids of a new user namespace, become its root, then execute a program",
  .operands = "prog...",
  .options = OPTIONS,
};

static uint32_t id_from_env(char const *name)
{
  char const *s = getenv(name);
  uint32_t v;

  if (!s)
    strerr_dief(RK_EXIT_USAGE, name, " is not set: rk-userns comes before rk-idmap");
  if (!uint320_scan(s, &v))
    strerr_dieinvalid(RK_EXIT_USAGE, name);
  return v;
}

/* Only in a namespace that is new may the ids be mapped, and only once. */
static void refuse_mapped(void)
{
  char text[64];
  ssize_t r = rk_slurp("/proc/self/uid_map", text, sizeof text);

  if (r == -1 && (errno == ENOENT || errno == ENOTDIR))
    rk_die_host("D9", "mount /proc", "unable to read /proc/self/uid_map: is /proc mounted?");
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/uid_map");
  if (r)
    strerr_dief(RK_EXIT_USAGE,
                "the ids here are mapped already: rk-idmap comes once, after rk-userns");
}

static int privileged_outside(void)
{
  char const *s = getenv("RK_OUTSIDE_CAPS");
  uint64_t const need = 1U << CAP_SETUID | 1U << CAP_SETGID;
  uint64_t caps;

  if (!s || !uint640_xscan(s, &caps))
    return 0;
  return (caps & need) == need;
}

static void die_cause(struct rk_cause const *why) __attribute__((noreturn));
static void die_cause(struct rk_cause const *why)
{
  rk_die_host(why->id, why->fix, "unable to map ids: ", why->text);
}

/* The lower rungs would make root inside the host's root: only who names one of them gets it. */
static void die_root(struct rk_cause *why) __attribute__((noreturn));
static void die_root(struct rk_cause *why)
{
  struct rk_text fix = {
    .s = why->fix,
    .size = sizeof why->fix,
    .len = strlen(why->fix),
  };

  rk_text_str(&fix, "; or use -m direct, with which root inside is the host's root");
  die_cause(why);
}

/* Ask for the rungs that may be tried; which one did it, or 0 and why. */
static uint32_t ask_outside(struct rk_req_idmap const *ask, uint32_t *ids, struct rk_cause *why)
{
  static struct rk_reply_idmap say;

  rk_ctl_call_or_die("map ids", ask, sizeof *ask, -1, &say, sizeof say);
  if (!why->id[0])
    *why = say.why;
  /* no reason: the chain's process was gone in between, says rk-outside */
  if (!say.rung && !why->id[0]) {
    errno = say.head.error;
    strerr_diefusys(RK_EXIT_SYS, "map ids");
  }
  /* What is half done cannot be undone, and no lower rung can go on from it. */
  if (say.half)
    die_cause(why);
  /* Nor is what has failed for a moment a reason to go down. */
  if (!say.rung && say.head.error == EAGAIN)
    die_cause(why);
  if (say.rung == RK_RUNG_DIRECT)
    *ids = say.ids;
  return say.rung;
}

static void drop_groups(void)
{
  if (rk_drop_groups() == 0)
    return;
  /* we have the capability: /proc/self/setgroups is "deny", by us or by a namespace outside of
     this one */
  if (errno == EPERM)
    rk_die_host(
      "I12", "use -g keep, or map subordinate ids in this and in every outer namespace",
      "unable to drop the groups: with a single id, here or outside, setgroups is denied");
  strerr_diefusys(RK_EXIT_SYS, "drop the groups");
}

static void become_root(void)
{
  if (rk_become_root() == -1)
    strerr_diefusys(RK_EXIT_SYS, "become 0:0");
  /* What rk-userns made ambient and inheritable would also reach the other users of this root. */
  if (rk_caps_settle() == -1)
    strerr_diefusys(RK_EXIT_SYS, "drop the ambient and inheritable capabilities");
}

/* Enough? Said before anything depends on it, instead of by a chown that fails an hour later. */
static int enough(uint32_t ids, uint32_t min, struct rk_cause *why)
{
  char have[UINT_FMT];
  char want[UINT_FMT];

  if (ids >= min)
    return 1;
  have[uint_fmt(have, ids)] = 0;
  want[uint_fmt(want, min)] = 0;
  rk_cause_set(why, "I10",
               "only % ids can be mapped, -n asks for %\n"
               "give the user a larger range in /etc/subuid and /etc/subgid (usermod "
               "--add-subuids, --add-subgids), or ask for fewer",
               have, want);
  return 0;
}

/* May newuidmap be asked? It would fail without a privilege to gain, or hang (openSUSE's
   newidmapd). */
static int find_ranges(struct idmap_who const *who, struct options const *o, int privileged,
                       struct rk_req_idmap *ask, struct rk_cause *why)
{
  uint32_t ids;

  if (!privileged && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    rk_cause_set(why, "I4", "no_new_privs is set, so newuidmap cannot gain its privilege\n%",
                 RK_FIX_NNP);
    return 0;
  }
  ids = idmap_subid(who, (enum idmap_source)o->source, &o->layout, ask, why);
  return ids && enough(ids, o->min, why);
}

/* The rungs for which another process is needed. Returns which one did it, or 0 and why. */
static uint32_t map_outside(struct options const *o, struct idmap_who const *who,
                            struct rk_cause *why)
{
  static struct rk_req_idmap ask; /* of 8 KB, so not initialised: that would be in the file */
  static struct rk_cause few;
  int privileged = privileged_outside();
  int mode = o->mode;
  uint32_t rung;
  uint32_t ids = o->min;

  ask.head = (struct rk_req){.version = RK_OUTSIDE_VERSION, .op = RK_OP_IDMAP};
  if (mode == DIRECT && !privileged)
    rk_die_host("I4", "be root outside, or use -m subids",
                "unable to map ids directly: cap_setuid and cap_setgid are missing outside");
  if (mode == AUTO || mode == SUBIDS)
    if (find_ranges(who, o, privileged, &ask, why))
      ask.rungs |= RK_RUNG_SUBIDS;
  if (mode == DIRECT || (mode == AUTO && privileged && !who->host_root))
    ask.rungs |= RK_RUNG_DIRECT;
  if (!ask.rungs)
    return 0;
  rung = ask_outside(&ask, &ids, why);
  if (rung == RK_RUNG_DIRECT && !enough(ids, o->min, &few))
    die_cause(&few);
  return rung;
}

/* Down the ladder. */
static void map_ids(struct options const *o, struct idmap_who const *who)
{
  static struct rk_cause why;
  static struct rk_cause last;
  int mode = o->mode;
  uint32_t rung = map_outside(o, who, &why);

  if (rung == RK_RUNG_DIRECT && mode == AUTO)
    strerr_warni("all ids of the namespace outside are mapped one to one (", why.id, ": ", why.text,
                 ")");
  if (rung)
    return;

  if (mode == AUTO && who->host_root)
    die_root(&why);
  if (mode != SINGLE && (mode != AUTO || o->min > 1))
    die_cause(&why);
  if (idmap_single(who, &last) == -1)
    die_cause(why.id[0] ? &why : &last);
  if (mode == AUTO)
    strerr_warni("only the own id is mapped (", why.id, ": ", why.text, ")");
}

static void check_layout(struct options *o)
{
  char const *wrong = layout_check(&o->layout);

  if (wrong)
    rk_usage_die(&USAGE, wrong);
  if (!layout_given(&o->layout))
    return;
  /* a single id would not be root inside; the ids of a direct map have the numbers of outside */
  if (o->mode == SINGLE || o->mode == DIRECT)
    rk_usage_die(&USAGE, "-u and -M need -m subids");
  o->mode = SUBIDS;
}

int main(int argc, char const *const *argv)
{
  /* of 8 KB, so set here: an initialiser would be in the file */
  static struct options o;
  int drop;
  struct idmap_who who;

  PROG = "rk-idmap";
  o.min = 1;
  o.groups = UNSAID;
  argv += rk_options(&USAGE, argc, argv, &o);
  if (rk_spawn_time() == -1)
    strerr_dief(RK_EXIT_USAGE, "RK_HELPER_TIMEOUT is a number of seconds, 1 to 3600");
  check_layout(&o);
  if (o.mode == SINGLE && o.min > 1)
    rk_usage_die(&USAGE, "-m single maps one id, -n asks for more");
  who = (struct idmap_who){
    .uid = id_from_env("RK_UID"),
    .gid = id_from_env("RK_GID"),
    .host_root = getenv("RK_OUTSIDE_ROOT") != NULL,
  };
  if (who.host_root && o.layout.placed)
    strerr_dief(RK_EXIT_USAGE,
                "-u would give root inside the files of the host's root: use -M, or -m direct");
  drop = o.groups == DROP;
  /* else the host's group 0 would come along */
  if (o.groups == UNSAID)
    drop = who.host_root && (o.mode == AUTO || o.mode == SUBIDS);
  refuse_mapped();

  map_ids(&o, &who);
  if (drop)
    drop_groups();
  become_root();
  rk_link_exec(argv, o.keep);
}
