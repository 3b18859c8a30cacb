/* SPDX-License-Identifier: ISC
   The text of ports.status/NAME, word for word (ports(5)). */
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <arpa/inet.h>

#include "../../src/rk-portd/status.h"

static struct published *port(char const *file)
{
  struct published *p = calloc(1, sizeof *p + 5);
  unsigned int line;
  char err[RK_PORTSPEC_ERRMAX];

  if (!p)
    abort();
  memcpy(p->name, "name", 5);
  p->namelen = 4;
  p->id = 7;
  p->mtime = (struct timespec){.tv_sec = 12, .tv_nsec = 34};
  if (file && rk_portfile_parse(file, strlen(file), &p->file, &line, err, sizeof err) == -1)
    printf("# %s\n", err);
  return p;
}

static struct sockaddr_storage address(char const *ip, uint16_t number)
{
  struct sockaddr_storage sa = {0};
  struct sockaddr_in *four = (void *)&sa;
  struct sockaddr_in6 *six = (void *)&sa;

  if (strchr(ip, ':')) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(number);
    inet_pton(AF_INET6, ip, &six->sin6_addr);
  } else {
    four->sin_family = AF_INET;
    four->sin_port = htons(number);
    inet_pton(AF_INET, ip, &four->sin_addr);
  }
  return sa;
}

static void check(struct published *p, struct status_view const *view, char const *want,
                  char const *name)
{
  char buf[3072];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  status_text(p, view, &t);
  is_str(buf, want, name);
}

#define HEAD(state) "state=" state "\nid=7\nmtime=12000000034\n"
#define NONE "connections=0\ntotal=0\nin=0\nout=0\nrefused=0\nkept=0\ndropped=0\n"

static struct status_view relay_view(void)
{
  struct status_view v = {.driver = "relay", .trouble = "", .ours = 1};

  v.listen = address("127.0.0.1", 8080);
  v.target = address("127.0.0.1", 80);
  return v;
}

static void errors(void)
{
  struct status_view v = relay_view();
  struct published *p = port(NULL);
  char text[] = "line 1: \033[1mno\nport";

  p->state = PORT_BAD;
  p->error = text;
  check(p, &v, HEAD("error") "error=line 1: \\x1b[1mno\\nport\n", "a bad file: quoted, one line");
  free(p);
  p = port("127.0.0.1:8080:80/tcp\n");
  p->state = PORT_REFUSED;
  p->error = text;
  check(p, &v, HEAD("error") "error=line 1: \\x1b[1mno\\nport\nspec=127.0.0.1:8080:80/tcp\n",
        "refused: nothing about the chain");
  free(p);
}

static void relay(void)
{
  struct status_view v = relay_view();
  struct published *p = port("127.0.0.1:8080-8081:80-81/tcp\n");
  struct rk_relay_stat was = {.total = 1, .in = 2, .out = 3, .refused = 4, .kept = 5, .dropped = 6};

#define ADDRS \
  "spec=127.0.0.1:8080-8081:80-81/tcp\nlisten=127.0.0.1:8080-8081\ntarget=127.0.0.1:80-81\n" \
  "driver=relay\n"
  p->nfds = 2;
  p->state = PORT_LISTENING;
  check(p, &v, HEAD("listening") ADDRS "chain=waiting\n" NONE, "no chain");
  v.trouble = "it is the host's own";
  check(p, &v, HEAD("listening") ADDRS "chain=failed\nreason=it is the host's own\n" NONE,
        "a chain that cannot be served");
  p->state = PORT_SERVED;
  check(p, &v, HEAD("listening") ADDRS "chain=attached\nsrcip=kept\n" NONE, "served all the same");
  p->sum = was;
  p->stat = was;
  p->stat.now = 9;
  p->stat.state = RK_RELAY_PAUSED | RK_RELAY_REFUSING;
  check(p, &v,
        HEAD("listening") ADDRS "chain=attached\nsrcip=kept\nconnections=9\ntotal=2\nin=4\nout=6\n"
                                "refused=8\nkept=10\ndropped=12\npaused=yes\nrefusing=yes\n",
        "counters of this relay and of those before it");
#undef ADDRS
  free(p);
}

static void addresses(void)
{
  struct status_view v = relay_view();
  struct published *p = port("[::1]:53:53/udp\n");

  v.listen = address("::1", 53);
  v.target = address("fd00::1", 53);
  p->nfds = 1;
  p->state = PORT_LISTENING;
  check(p, &v,
        HEAD("listening") "spec=[::1]:53:53/udp\nlisten=[::1]:53\ntarget=[fd00::1]:53\n"
                          "driver=relay\nchain=waiting\n" NONE,
        "IPv6");
  v.listen.ss_family = AF_UNSPEC;
  check(p, &v,
        HEAD("listening") "spec=[::1]:53:53/udp\ntarget=[fd00::1]:53\n"
                          "driver=relay\nchain=waiting\n" NONE,
        "a socket that does not tell its address");
  free(p);
}

/* The lines between the chain and the counters. */
static void srcip(char const *option, int srcip4, int srcip6, enum port_state state,
                  char const *want)
{
  struct status_view v = relay_view();
  char file[80], text[3072], name[120];
  struct rk_text t = rk_text_in(text, sizeof text);
  struct published *p;
  char *from, *to;

  snprintf(file, sizeof file, "127.0.0.1:8080:80/tcp\nsrcip=%s\n", option);
  p = port(file);
  p->nfds = 1;
  p->state = state;
  v.srcip4 = srcip4;
  v.srcip6 = srcip6;
  status_text(p, &v, &t);
  from = strstr(text, "chain=");
  from = from ? strchr(from, '\n') + 1 : text;
  to = strstr(from, "connections=");
  if (to)
    *to = 0;
  snprintf(name, sizeof name, "srcip=%s, IPv4: %d, IPv6: %d, %sattached", option, srcip4, srcip6,
           state == PORT_SERVED ? "" : "not ");
  is_str(from, want, name);
  free(p);
}

static void drivers(void)
{
  struct status_view v = {.driver = "implicit", .waiting = "not yet", .trouble = ""};
  struct published *p = port(NULL);

  p->state = PORT_WAITING;
  check(p, &v, HEAD("waiting") "driver=implicit\nchain=waiting\n", "implicit, no chain");
  v.chain = 1;
  check(p, &v, HEAD("waiting") "driver=implicit\nchain=waiting\nreason=not yet\n",
        "implicit, and nothing listens inside");
  p->state = PORT_LENT;
  check(p, &v, HEAD("listening") "driver=implicit\nchain=attached\nsrcip=kept\n",
        "implicit, and something does");
  free(p);
}

int main(void)
{
  errors();
  relay();
  addresses();
  srcip("no", 0, 0, PORT_LISTENING, "srcip=gateway\n");
  srcip("plain", EPERM, EPERM, PORT_SERVED, "srcip=plain\n");
  srcip("prefer", EPERM, EPERM, PORT_LISTENING, "");
  srcip("prefer", 0, 0, PORT_SERVED, "srcip=kept\n");
  srcip("prefer", EPERM, EINVAL, PORT_SERVED,
        "srcip=gateway\nsrcip-reason=operation not permitted\n");
  srcip("require", EPERM, 0, PORT_SERVED,
        "srcip=refused for IPv4\nsrcip-reason=operation not permitted\n");
  srcip("loopback", 0, EPERM, PORT_SERVED,
        "srcip=gateway for IPv6\nsrcip-reason=operation not permitted\n");
  drivers();
  return tap_done();
}
