/* SPDX-License-Identifier: ISC */
#include <rk/portspec.h>

#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <rk/atoi.h>
#include <rk/text.h>

static char const *const words[] = {"",     "tcp",  "tcp4", "tcp6",  "udp",
                                    "udp4", "udp6", "sctp", "sctp4", "sctp6"};
enum { NWORDS = sizeof words / sizeof words[0] };

/* A piece of the text, not terminated. */
struct piece {
  char const *s;
  size_t len;
};

char const *rk_proto_name(enum rk_proto proto)
{
  return words[(unsigned int)proto < NWORDS ? (unsigned int)proto : 0];
}

enum rk_proto rk_proto_named(char const *s, size_t len)
{
  for (unsigned int i = 1; i < NWORDS; i++)
    if (len == strlen(words[i]) && !memcmp(s, words[i], len))
      return (enum rk_proto)i;
  return 0;
}

int rk_proto_is_tcp(enum rk_proto proto)
{
  return proto >= RK_PROTO_TCP && proto <= RK_PROTO_TCP6;
}

int rk_proto_is_udp(enum rk_proto proto)
{
  return proto >= RK_PROTO_UDP && proto <= RK_PROTO_UDP6;
}

int rk_ip_parse(char const *s, size_t len, struct in6_addr *addr)
{
  char text[RK_PORTSPEC_IPMAX];
  struct in_addr v4;

  if (!len || len >= sizeof text || memchr(s, 0, len))
    return 0;
  memcpy(text, s, len);
  text[len] = 0;
  if (inet_pton(AF_INET, text, &v4) == 1) {
    memset(addr, 0, sizeof *addr);
    addr->s6_addr[10] = addr->s6_addr[11] = 0xff;
    memcpy(addr->s6_addr + 12, &v4, sizeof v4);
    return AF_INET;
  }
  return inet_pton(AF_INET6, text, addr) == 1 ? AF_INET6 : 0;
}

static int refuse(char *err, size_t size, char const *what, struct piece whole)
{
  struct rk_text t = rk_text_in(err, size);

  rk_text_str(&t, what);
  rk_text_str(&t, " PortSpec string: ");
  rk_text_quote(&t, whole.s, whole.len);
  return -1;
}

static int refuse_number(char *err, size_t size, char const *what, struct piece whole,
                         struct piece p, enum rk_atoi fault)
{
  struct rk_text t;

  refuse(err, size, what, whole);
  t = (struct rk_text){err, size, strlen(err), 0};
  rk_text_str(&t, ": strconv.Atoi: parsing ");
  rk_text_quote(&t, p.s, p.len);
  rk_text_str(&t, fault == RK_ATOI_RANGE ? ": value out of range" : ": invalid syntax");
  return -1;
}

/* RootlessKit's scanner skips blanks before a token. */
static struct piece unblank(struct piece p)
{
  while (p.len && (*p.s == ' ' || *p.s == '\t' || *p.s == '\n' || *p.s == '\r'))
    p.s++, p.len--;
  return p;
}

/* A or, with ranges, A-B. Returns as rk_atoi does. */
static enum rk_atoi range(struct piece p, int ranges, int64_t *first, int64_t *last)
{
  char const *dash = ranges && p.len > 1 ? memchr(p.s + 1, '-', p.len - 1) : 0;
  enum rk_atoi fault;

  if (!dash) {
    fault = rk_atoi(p.s, p.len, first);
    *last = *first;
    return fault;
  }
  fault = rk_atoi(p.s, (size_t)(dash - p.s), first);
  return fault ? fault : rk_atoi(dash + 1, p.len - (size_t)(dash + 1 - p.s), last);
}

/* Cut the text before the child port into at most three fields at colons outside brackets. Number
   of fields, 4: too many, -1: malformed. */
static int fields(struct piece p, struct piece *out)
{
  int n = 0;

  for (;;) {
    char const *end;
    p = unblank(p);
    if (n == 3)
      return 4;
    if (p.len && *p.s == '[') {
      end = memchr(p.s, ']', p.len);
      if (!end)
        return -1;
      out[n] = unblank((struct piece){p.s + 1, (size_t)(end - p.s - 1)});
      end++;
      if (end < p.s + p.len && *end != ':')
        return -1;
    } else {
      end = memchr(p.s, ':', p.len);
      if (!end)
        end = p.s + p.len;
      out[n] = (struct piece){p.s, (size_t)(end - p.s)};
    }
    n++;
    if (end == p.s + p.len)
      return n;
    p.len -= (size_t)(end + 1 - p.s);
    p.s = end + 1;
  }
}

int rk_portspec_parse(char const *text, size_t len, unsigned int flags, struct rk_portspec *spec,
                      char *err, size_t errsize)
{
  struct piece whole = {text, len}, proto, childport, f[3] = {{"", 0}, {"", 0}, {"", 0}};
  struct in6_addr addr;
  char const *slash = 0, *colon = 0;
  int64_t parentlast, childlast;
  enum rk_atoi fault;
  int n;
  int rk = (flags & RK_PORTSPEC_RK) != 0;

  memset(spec, 0, sizeof *spec);
  spec->count = 1;
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '/')
      slash = text + i;
    if (text[i] == ':')
      colon = text + i;
  }
  if (!slash)
    return refuse(err, errsize, "missing proto in", whole);
  proto = (struct piece){slash + 1, len - (size_t)(slash + 1 - text)};
  spec->proto = rk_proto_named(proto.s, proto.len);
  if (!spec->proto) {
    struct rk_text t;
    refuse(err, errsize, "invalid", whole);
    t = (struct rk_text){err, errsize, strlen(err), 0};
    rk_text_str(&t, ": unknown proto: ");
    rk_text_quote(&t, proto.s, proto.len);
    return -1;
  }
  if (!colon)
    return refuse(err, errsize, "unexpected", whole);
  childport = (struct piece){colon + 1, (size_t)(slash - colon - 1)};

  n = fields((struct piece){text, (size_t)(colon - text)}, f);
  if (n < 0)
    return refuse(err, errsize, "unexpected", whole);
  if (n == 1 && rk && text[0] != '[') {
    f[1] = f[0];
    f[0] = (struct piece){"", 0};
  }
  if (f[0].len && !rk_ip_parse(f[0].s, f[0].len, &addr))
    return refuse(err, errsize, "unexpected ParentIP in", whole);
  if (f[2].len && !rk_ip_parse(f[2].s, f[2].len, &addr))
    return refuse(err, errsize, rk ? "unexpected ChildIP in" : "unexpected ParentIP in", whole);
  if (n > 3)
    return refuse(err, errsize, "unexpected", whole);
  memcpy(spec->parentip, f[0].s, f[0].len);
  memcpy(spec->childip, f[2].s, f[2].len);

  /* RootlessKit swaps the two words; its callers see them so. */
  fault = range(f[1], rk, &spec->parentport, &parentlast);
  if (fault)
    return refuse_number(err, errsize, rk ? "unexpected ParentPort in" : "unexpected ChildPort in",
                         whole, f[1], fault);
  fault = range(childport, rk, &spec->childport, &childlast);
  if (fault)
    return refuse_number(err, errsize, rk ? "unexpected ChildPort in" : "unexpected ParentPort in",
                         whole, childport, fault);
  if (parentlast != spec->parentport || childlast != spec->childport) {
    if (parentlast < spec->parentport || childlast < spec->childport)
      return refuse(err, errsize, "range ends before it begins in", whole);
    /* Both ends as unsigned: the difference of two int64 may not fit one. */
    if ((uint64_t)parentlast - (uint64_t)spec->parentport !=
        (uint64_t)childlast - (uint64_t)spec->childport)
      return refuse(err, errsize, "ranges of different length in", whole);
    if ((uint64_t)parentlast - (uint64_t)spec->parentport > 65535)
      return refuse(err, errsize, "range too long in", whole);
    spec->count = (uint32_t)(parentlast - spec->parentport) + 1;
  }
  return 0;
}

static int invalid(char *err, size_t size, char const *what, char const *text, int64_t n)
{
  struct rk_text t = rk_text_in(err, size);

  rk_text_str(&t, what);
  if (text)
    rk_text_quote(&t, text, strlen(text));
  else
    rk_text_num(&t, n);
  return -1;
}

int rk_portspec_check(struct rk_portspec const *spec, char *err, size_t errsize)
{
  struct in6_addr addr;
  int64_t more = (int64_t)spec->count - 1;

  if (!spec->proto || (unsigned int)spec->proto >= NWORDS)
    return invalid(err, errsize, "unknown proto: ", "", 0);
  if (spec->parentip[0] && !rk_ip_parse(spec->parentip, strlen(spec->parentip), &addr))
    return invalid(err, errsize, "invalid ParentIP: ", spec->parentip, 0);
  if (spec->childip[0] && !rk_ip_parse(spec->childip, strlen(spec->childip), &addr))
    return invalid(err, errsize, "invalid ChildIP: ", spec->childip, 0);
  if (spec->parentport < 1 || spec->parentport > 65535)
    return invalid(err, errsize, "invalid ParentPort: ", 0, spec->parentport);
  if (spec->parentport + more > 65535)
    return invalid(err, errsize, "invalid ParentPort: ", 0, spec->parentport + more);
  if (spec->childport < 1 || spec->childport > 65535)
    return invalid(err, errsize, "invalid ChildPort: ", 0, spec->childport);
  if (spec->childport + more > 65535)
    return invalid(err, errsize, "invalid ChildPort: ", 0, spec->childport + more);
  return 0;
}

int rk_portspec_conflict(struct rk_portspec const *a, struct rk_portspec const *b)
{
  return a->proto == b->proto && !strcmp(a->parentip, b->parentip) &&
         a->parentport < b->parentport + b->count && b->parentport < a->parentport + a->count;
}

static void put_ip(struct rk_text *t, char const *ip)
{
  int six = strchr(ip, ':') != 0;

  if (six)
    rk_text_str(t, "[");
  rk_text_str(t, ip);
  rk_text_str(t, six ? "]:" : ":");
}

static void put_ports(struct rk_text *t, int64_t first, uint32_t count)
{
  rk_text_num(t, first);
  if (count > 1) {
    rk_text_str(t, "-");
    rk_text_num(t, first + count - 1);
  }
}

size_t rk_portspec_format(struct rk_portspec const *spec, char *buf, size_t size)
{
  struct rk_text t = rk_text_in(buf, size);

  put_ip(&t, spec->parentip);
  put_ports(&t, spec->parentport, spec->count);
  rk_text_str(&t, ":");
  if (spec->childip[0])
    put_ip(&t, spec->childip);
  put_ports(&t, spec->childport, spec->count);
  rk_text_str(&t, "/");
  rk_text_str(&t, rk_proto_name(spec->proto));
  return t.len;
}

static int only4(enum rk_proto p)
{
  return p == RK_PROTO_TCP4 || p == RK_PROTO_UDP4 || p == RK_PROTO_SCTP4;
}

static int only6(enum rk_proto p)
{
  return p == RK_PROTO_TCP6 || p == RK_PROTO_UDP6 || p == RK_PROTO_SCTP6;
}

static void fill(struct sockaddr_storage *sa, int family, struct in6_addr const *addr, int64_t port)
{
  memset(sa, 0, sizeof *sa);
  if (family == AF_INET) {
    struct sockaddr_in *s = (struct sockaddr_in *)sa;
    s->sin_family = AF_INET;
    s->sin_port = htons((uint16_t)port);
    memcpy(&s->sin_addr, addr->s6_addr + 12, 4);
  } else {
    struct sockaddr_in6 *s = (struct sockaddr_in6 *)sa;
    s->sin6_family = AF_INET6;
    s->sin6_port = htons((uint16_t)port);
    s->sin6_addr = *addr;
  }
}

int rk_portspec_listen(struct rk_portspec const *spec, int no6, struct sockaddr_storage *sa,
                       int *v6only, char *err, size_t errsize)
{
  struct in6_addr addr = {0};
  int family = spec->parentip[0] ? rk_ip_parse(spec->parentip, strlen(spec->parentip), &addr) : 0;
  int any = !family || (family == AF_INET ? !memcmp(addr.s6_addr + 12, "\0\0\0\0", 4)
                                          : IN6_IS_ADDR_UNSPECIFIED(&addr));

  *v6only = 0;
  /* "::ffff:a.b.c.d" is an IPv4 address, however it is written. */
  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr)) {
    family = AF_INET;
    any = !memcmp(addr.s6_addr + 12, "\0\0\0\0", 4);
  }
  if ((only4(spec->proto) && family == AF_INET6) || (only6(spec->proto) && family == AF_INET)) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, "listen ");
    rk_text_str(&t, rk_proto_name(spec->proto));
    rk_text_str(&t, ": address ");
    rk_text_str(&t, spec->parentip);
    rk_text_str(&t, ": no suitable address found");
    return -1;
  }
  if (any) {
    int four = only4(spec->proto) || (no6 && !only6(spec->proto));
    memset(&addr, 0, sizeof addr);
    *v6only = only6(spec->proto);
    fill(sa, four ? AF_INET : AF_INET6, &addr, spec->parentport);
  } else {
    *v6only = family == AF_INET6;
    fill(sa, family, &addr, spec->parentport);
  }
  return 0;
}

void rk_portspec_target(struct rk_portspec const *spec, in_addr_t hostip,
                        struct sockaddr_storage *sa)
{
  struct in6_addr addr = {0};
  char const *ip = spec->childip[0] ? spec->childip : spec->parentip;
  int family = *ip ? rk_ip_parse(ip, strlen(ip), &addr) : 0;
  in_addr_t four = 0;

  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr))
    family = AF_INET;
  memcpy(&four, addr.s6_addr + 12, sizeof four);
  /* To connect to "any" means this machine (Linux, tcp_v4_connect and tcp_v6_connect): say so
     plainly. */
  if (!family || (family == AF_INET && (!four || (!spec->childip[0] && four == hostip)))) {
    family = AF_INET;
    four = htonl(INADDR_LOOPBACK);
    memcpy(addr.s6_addr + 12, &four, sizeof four);
  } else if (family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr)) {
    addr.s6_addr[15] = 1;
  }
  fill(sa, family, &addr, spec->childport);
}
