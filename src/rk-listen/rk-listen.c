/* SPDX-License-Identifier: ISC
   rk-listen: bind ports of the host, hand the sockets to prog.

   where    outside, or inside before rk-net: in the network namespace whose ports are meant
   changes  one more fd for each port, and the environment
   fds/env  3 and the next ones, or 0, are the sockets; writes LISTEN_FDS, LISTEN_FDNAMES,
            LISTEN_PID; NGINX; S6_FD#, S6_FD_0..., S6_FDID_0...; RK_LISTEN_FDS; without -u
            RK_LISTEN_OPEN
   forks    no
   exits    100 usage, 102 the port is for root only, 111 cannot bind, 126/127 prog
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/bind.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/listen.h>
#include <rk/options.h>
#include <rk/portspec.h>
#include <rk/proc.h>
#include <rk/text.h>

struct options {
  struct listen_forms forms;
  int unconfined;
  int keep;
};

static int take_form(void *into, char const *value)
{
  struct options *o = into;

  listen_form(&o->forms, value);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'e',
   .kind = RK_OPTION_CALL,
   .arg = "form",
   .text = "how prog is told of the sockets: listen (the default), nginx, s6, stdin",
   .many = 1,
   .take = take_form},
  {.letter = 'u',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, unconfined),
   .text = "allow UDP, and a program without rk-confine: it reaches the host's loopback"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-listen",
  .summary = "bind ports of the host and hand the sockets to a program",
  .operands = "spec... prog...",
  .options = OPTIONS,
};

enum { UNPRIVILEGED = 1024 };

static int is_spec(char const *arg)
{
  return (*arg >= '0' && *arg <= '9') || *arg == '[' || *arg == ':';
}

/* The setting that forbids the port to users, or UNPRIVILEGED, its default. */
static unsigned int first_for_users(void)
{
  char text[16];
  unsigned int first;

  if (rk_slurp("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof text) == -1)
    return UNPRIVILEGED;
  return uint0_scan(text, &first) ? first : UNPRIVILEGED;
}

static void __attribute__((noreturn)) die_bind(char const *arg, int64_t port)
{
  char number[UINT64_FMT];
  char fix[128];
  struct rk_text t = rk_text_in(fix, sizeof fix);
  int e = errno;

  number[uint64_fmt(number, (uint64_t)port)] = 0;
  if (e == EACCES && port < (int64_t)first_for_users()) {
    rk_text_add(&t, "sysctl -w net.ipv4.ip_unprivileged_port_start=", number,
                ", or choose a port above");
    rk_die_host("N11", fix, "unable to listen on port ", number, " of ", arg,
                ": only root may bind it");
  }
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "listen on port ", number, " of ", arg);
}

/* fd gets the number that prog expects it at, and is kept by exec. */
static void place(int fd, int number)
{
  if (fd != number) {
    if (dup2(fd, number) == -1)
      strerr_diefusys(RK_EXIT_SYS, "duplicate a socket");
    close(fd);
  }
  if (fcntl(number, F_SETFD, 0) == -1 || ndelay_off(number) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set flags of a socket");
}

static void refuse_taken(int fd)
{
  char number[INT_FMT];

  if (fcntl(fd, F_GETFD) == -1)
    return;
  number[int_fmt(number, fd)] = 0;
  strerr_dief(RK_EXIT_USAGE, "fd ", number,
              " is in use: the sockets are at 3 and the next ones, so close it, or move it "
              "above them");
}

/* One port: the first of spec. */
static void make_socket(struct sockets *s, char const *arg, struct rk_portspec const *spec)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct sockaddr_storage sa;
  struct socket *new = s->list + s->n;
  int tcp = rk_proto_is_tcp(spec->proto);
  int fd = -1;
  int v6only;

  if (s->n == s->max)
    strerr_dief(RK_EXIT_USAGE,
                s->max == 1 ? "-e stdin is for one port" : "too many ports: 1024 at most");
  new->fd = s->from + s->n;
  new->name = (uint16_t)spec->childport;
  if (s->from)
    refuse_taken(new->fd);
  for (int no6 = 0; fd == -1; no6++) {
    if (rk_portspec_listen(spec, no6, &sa, &v6only, err, sizeof err) == -1)
      strerr_dief(RK_EXIT_USAGE, err);
    fd = rk_bind(&sa, v6only, tcp);
    /* a kernel without IPv6: "any" then means IPv4 */
    if (fd == -1 && (no6 || errno != EAFNOSUPPORT || sa.ss_family != AF_INET6))
      die_bind(arg, spec->parentport);
  }
  place(fd, new->fd);
  s->n++;
}

/* What a port file may say, and a socket for the host alone cannot be. */
static void check_host(struct rk_portspec const *spec, char const *arg)
{
  if (spec->parentpath[0] || spec->childpath[0])
    strerr_dief(RK_EXIT_USAGE, arg, ": rk-listen makes no unix sockets");
  if (!spec->parentport)
    strerr_dief(RK_EXIT_USAGE, arg, ": no port of the host: [ADDRESS:]PORT:NUMBER[/tcp]");
}

static void check_spec(struct rk_portspec const *spec, char const *arg, int unconfined)
{
  if (spec->childip[0])
    strerr_dief(RK_EXIT_USAGE, arg, ": an address inside means nothing to rk-listen: leave it out");
  if (rk_proto_is_tcp(spec->proto))
    return;
  if (!rk_proto_is_udp(spec->proto))
    strerr_dief(RK_EXIT_USAGE, arg, ": not supported: ", rk_proto_name(spec->proto));
  if (!unconfined)
    strerr_dief(RK_EXIT_USAGE, arg,
                ": a UDP socket of the host can send to every address that the host can reach, its "
                "loopback too, and rk-confine cannot prevent that: publish the port by rk-portd, "
                "or give -u");
}

static void make_sockets(struct sockets *s, char const *arg, int unconfined)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct rk_portspec spec;

  if (rk_portspec_parse(arg, strlen(arg), RK_PORTSPEC_RK | RK_PORTSPEC_SHORT, &spec, err,
                        sizeof err) == -1)
    strerr_dief(RK_EXIT_USAGE, err,
                ": wanted: [ADDRESS:]PORT:NUMBER[/tcp] (-- before a program whose name looks so)");
  check_host(&spec, arg);
  if (rk_portspec_check(&spec, err, sizeof err) == -1)
    strerr_dief(RK_EXIT_USAGE, arg, ": ", err);
  check_spec(&spec, arg, unconfined);
  for (uint32_t left = spec.count; left; left--) {
    make_socket(s, arg, &spec);
    spec.parentport++;
    spec.childport++;
  }
}

/* What the later links must know: see rk/listen.h. */
static void tell_links(struct sockets const *s, int unconfined)
{
  static char list[SOCKETS_MAX * (INT_FMT + UINT64_FMT + 2)];
  struct rk_text t = rk_text_in(list, sizeof list);

  for (int i = 0; i < s->n; i++) {
    char cookie[UINT64_FMT];
    cookie[uint64_fmt(cookie, rk_socket_cookie(s->list[i].fd))] = 0;
    if (i)
      rk_text_str(&t, ",");
    rk_text_num(&t, s->list[i].fd);
    rk_text_add(&t, ":", cookie);
  }
  listen_setenv("RK_LISTEN_FDS", list);
  if (!unconfined)
    listen_setenv("RK_LISTEN_OPEN", "1");
}

int main(int argc, char const *const *argv)
{
  static struct sockets sockets = {.n = 0};
  struct options o = {.forms = {.chosen = 0}};

  PROG = "rk-listen";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (!is_spec(*argv))
    rk_usage_die(&USAGE, "no spec given: ", *argv, " begins with no digit, [ or :");
  if (getenv("RK_LISTEN_FDS"))
    strerr_dief(RK_EXIT_USAGE, "rk-listen stands twice in this chain: give one all specs");
  rk_ctl_fd(); /* close-on-exec for now: rk_link_exec decides */
  listen_forms_end(&o.forms, &sockets);
  for (; *argv && is_spec(*argv); argv++)
    make_sockets(&sockets, *argv, o.unconfined);
  if (*argv && !strcmp(*argv, "--"))
    argv++;
  if (!*argv)
    rk_usage_die(&USAGE, "no program given");
  listen_tell(&o.forms, &sockets);
  tell_links(&sockets, o.unconfined);
  /* Without a control socket the chain has not begun: prog is still where the sockets are, and has
     all that the user has. */
  if (rk_ctl_fd() == -1)
    xexec_a(argv[0], argv);
  rk_link_exec(argv, o.keep);
}
