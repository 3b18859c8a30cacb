/* SPDX-License-Identifier: ISC
   rk-confine: take from prog the power to connect and bind TCP sockets, and to touch files outside
   of given paths.

   where    inside, or anywhere with CAP_SYS_ADMIN in its user namespace; last before prog
   changes  a Landlock domain and a seccomp filter, both for ever
   fds/env  reads RK_OUTSIDE_FD; writes RK_CONFINED; removes RK_LISTEN_OPEN
   forks    no
   exits    100, 102 the kernel's Landlock lacks what is needed, 111, 126, 127
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/ctl.h>
#include <rk/env.h>
#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/host.h>
#include <rk/landlock.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/text.h>

struct confine {
  int abi;        /* of the kernel's Landlock */
  int ruleset;    /* fd */
  uint64_t files; /* rights over files that are taken away, 0: none */
  int keep;
};

static void check_kernel(struct confine *c)
{
  static char const fix[] = "use Linux 6.7 or later with CONFIG_SECURITY_LANDLOCK=y, and landlock "
                            "among the names of lsm= if the boot line has it";

  c->abi = rk_landlock_abi();
  if (c->abi == -1 && errno != ENOSYS && errno != EOPNOTSUPP)
    strerr_diefusys(RK_EXIT_SYS, "ask for the Landlock ABI");
  if (c->abi == -1)
    rk_die_host(
      "L1", fix,
      "unable to confine the program: this kernel has no Landlock, or it is switched off");
  if (c->abi < RK_LANDLOCK_NET)
    rk_die_host("L2", fix,
                "unable to confine the program: this kernel's Landlock does not know sockets");
}

static void check_files(struct confine const *c)
{
  if (c->abi < RK_LANDLOCK_IOCTL)
    strerr_warnw("this kernel's Landlock does not control ioctl on devices (Linux 6.10 does): -r "
                 "and -w leave it open");
}

/* "80,443,8000-8010": allow each. */
static void allow_ports(struct confine const *c, uint64_t right, char const *list)
{
  char const *s = list;
  uint16_t first, last;
  size_t n;

  while ((n = uint16_scan(s, &first))) {
    s += n;
    last = first;
    if (*s == '-') {
      n = uint16_scan(s + 1, &last);
      if (!n || last < first)
        break;
      s += n + 1;
    }
    for (uint32_t port = first; port <= last; port++)
      if (rk_landlock_port(c->ruleset, right, (uint16_t)port) == -1)
        strerr_diefusys(RK_EXIT_SYS, "allow the ports ", list);
    if (!*s)
      return;
    if (*s != ',')
      break;
    s++;
  }
  strerr_dief(RK_EXIT_USAGE, "invalid ports: \"", list,
              "\": wanted: PORT or FIRST-LAST, separated by commas");
}

/* A right that is for directories only is refused where the path is none. */
static void allow_path(struct confine const *c, uint64_t rights, char const *path)
{
  int fd = open(path, O_PATH | O_CLOEXEC);
  struct stat st;

  if (fd == -1 || fstat(fd, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  if (!S_ISDIR(st.st_mode))
    rights &= RK_LANDLOCK_ON_FILES;
  if (rk_landlock_path(c->ruleset, rights & c->files, fd) == -1)
    strerr_diefusys(RK_EXIT_SYS, "allow ", path);
  close(fd);
}

/* The options are read twice. Before there is a ruleset: note what it is to hold. Then: allow what
   they name. */
static int take_bind(void *into, char const *value)
{
  struct confine const *c = into;

  if (c->ruleset != -1)
    allow_ports(c, RK_LANDLOCK_BIND, value);
  return 1;
}

static int take_connect(void *into, char const *value)
{
  struct confine const *c = into;

  if (c->ruleset != -1)
    allow_ports(c, RK_LANDLOCK_CONNECT, value);
  return 1;
}

static int take_read(void *into, char const *value)
{
  struct confine *c = into;

  if (c->ruleset == -1)
    c->files = ~0ULL;
  else
    allow_path(c, RK_LANDLOCK_READ, value);
  return 1;
}

static int take_write(void *into, char const *value)
{
  struct confine *c = into;

  if (c->ruleset == -1)
    c->files = ~0ULL;
  else
    allow_path(c, c->files, value);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'b',
   .kind = RK_OPTION_CALL,
   .arg = "ports",
   .text = "prog may bind these TCP ports: 80,8000-8010; 0: one that the kernel chooses",
   .take = take_bind},
  {.letter = 'c',
   .kind = RK_OPTION_CALL,
   .arg = "ports",
   .text = "prog may connect to these TCP ports",
   .take = take_connect},
  {.letter = 'r',
   .kind = RK_OPTION_CALL,
   .arg = "path",
   .text = "prog may read and execute this file, or all in this directory; no others",
   .many = 1,
   .take = take_read},
  {.letter = 'w',
   .kind = RK_OPTION_CALL,
   .arg = "path",
   .text = "the same, for every access that its permissions allow",
   .many = 1,
   .take = take_write},
  RK_OPTION_KEEP(struct confine),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-confine",
  .summary = "take TCP connect and bind, and files, from a program, then execute it",
  .operands = "prog...",
  .options = OPTIONS,
};

struct others {
  uint64_t own; /* cookie of our network namespace */
  struct rk_text list;
};

static int note_other(int fd, void *data)
{
  struct others *o = data;
  int protocol = 0;
  socklen_t len = sizeof protocol;

  if (!rk_fd_leads(fd, RK_FDS_SOCKETS, o->own))
    return 0;
  if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 && protocol == IPPROTO_TCP)
    return 0;
  if (o->list.len)
    rk_text_str(&o->list, ",");
  rk_text_num(&o->list, fd);
  return 0;
}

/* Landlock looks at plain TCP only: not at UDP, nor at MPTCP (its hook_socket_connect asks
   sk_is_tcp). */
static void check_sockets(void)
{
  char text[256];
  struct others o = {.own = rk_netns_cookie(), .list = rk_text_in(text, sizeof text)};

  if (rk_fds_each(note_other, &o) == -1)
    strerr_diefusys(RK_EXIT_SYS, "list /proc/self/fd");
  if (o.list.len)
    strerr_warnw("inherited sockets of another network that are not of TCP are not confined: fd ",
                 text);
}

static void __attribute__((noreturn)) die_refused(char const *what)
{
  if (errno == EPERM)
    strerr_dief(RK_EXIT_USAGE, "not allowed to ", what,
                ": put rk-userns rk-idmap before rk-confine");
  strerr_diefusys(RK_EXIT_SYS, what);
}

/* rk-enter brings other programs into the chain: they are to be confined likewise. */
static void tell_outside(int ruleset)
{
  struct rk_req const ask = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_CONFINE};
  struct rk_reply say;

  if (rk_ctl_fd() == -1) {
    if (errno != ENOENT)
      rk_ctl_die("tell of the confinement", NULL);
    if (getenv("RK_STATE_DIR"))
      strerr_warnw("programs that rk-enter brings into this chain will not be confined: rk-outside "
                   "cannot be told (give -k to the link before the program that is no link)");
    return;
  }
  rk_ctl_call_or_die("tell of the confinement", &ask, sizeof ask, ruleset, &say, sizeof say);
  if (setenv("RK_CONFINED", "1", 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set RK_CONFINED");
}

int main(int argc, char const *const *argv)
{
  struct confine c = {.ruleset = -1};
  int used;

  PROG = "rk-confine";
  used = rk_options(&USAGE, argc, argv, &c);
  if (getenv("RK_CONFINED"))
    strerr_dief(RK_EXIT_USAGE, "rk-confine stands twice in this chain: give one all options");
  check_kernel(&c);
  c.files &= rk_landlock_files(c.abi);
  if (c.files)
    check_files(&c);
  c.ruleset = rk_landlock_ruleset(c.files, RK_LANDLOCK_BIND | RK_LANDLOCK_CONNECT);
  if (c.ruleset == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a Landlock ruleset");
  rk_options(&USAGE, argc, argv, &c);
  if (rk_landlock_enter(c.ruleset) == -1)
    die_refused("enter a Landlock domain");
  if (rk_confine_calls() == -1)
    die_refused("install a seccomp filter");
  tell_outside(c.ruleset);
  close(c.ruleset);
  check_sockets();
  rk_env_unset("RK_LISTEN_OPEN");
  rk_link_exec(argv + used, c.keep);
}
