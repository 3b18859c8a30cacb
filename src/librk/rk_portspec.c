/* SPDX-License-Identifier: ISC */
#include <rk/portspec.h>

#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <rk/atoi.h>
#include <rk/text.h>

static char const *const words[] = {
  [0] = "",
  [RK_PROTO_TCP] = "tcp",
  [RK_PROTO_TCP4] = "tcp4",
  [RK_PROTO_TCP6] = "tcp6",
  [RK_PROTO_UDP] = "udp",
  [RK_PROTO_UDP4] = "udp4",
  [RK_PROTO_UDP6] = "udp6",
  [RK_PROTO_SCTP] = "sctp",
  [RK_PROTO_SCTP4] = "sctp4",
  [RK_PROTO_SCTP6] = "sctp6",
};
enum { NWORDS = sizeof words / sizeof words[0] };

/* A piece of the text, not terminated. */
struct piece {
  char const *s;
  size_t len;
};

char const *rk_proto_name(enum rk_proto proto)
{
  if ((unsigned int)proto >= NWORDS)
    return "";
  return words[proto];
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
    addr->s6_addr[10] = 0xff;
    addr->s6_addr[11] = 0xff;
    memcpy(addr->s6_addr + 12, &v4, sizeof v4);
    return AF_INET;
  }
  if (inet_pton(AF_INET6, text, addr) == 1)
    return AF_INET6;
  return 0;
}

/* A parse under way. */
struct parse {
  struct piece whole;
  int rk; /* rk's own grammar: ranges, and no colons before a lone parent port */
  struct rk_portspec *spec;
  char *err;
  size_t errsize;
};

static struct piece between(char const *s, char const *end)
{
  return (struct piece){.s = s, .len = (size_t)(end - s)};
}

/* Begin a message; the caller may add to it. */
static struct rk_text complain(struct parse const *in, char const *what)
{
  struct rk_text t = rk_text_in(in->err, in->errsize);

  rk_text_add(&t, what, " PortSpec string: ");
  rk_text_quote(&t, in->whole.s, in->whole.len);
  return t;
}

static int refuse_spec(struct parse const *in, char const *what)
{
  complain(in, what);
  return -1;
}

static int refuse_number(struct parse const *in, char const *what, struct piece p,
                         enum rk_atoi fault)
{
  struct rk_text t = complain(in, what);

  rk_text_str(&t, ": strconv.Atoi: parsing ");
  rk_text_quote(&t, p.s, p.len);
  if (fault == RK_ATOI_RANGE)
    rk_text_str(&t, ": value out of range");
  else
    rk_text_str(&t, ": invalid syntax");
  return -1;
}

/* RootlessKit's scanner skips blanks before a token. */
static struct piece unblank(struct piece p)
{
  while (p.len && strchr(" \t\n\r", *p.s) && *p.s) {
    p.s++;
    p.len--;
  }
  return p;
}

struct range {
  int64_t first;
  int64_t last;
};

/* A or, in rk's grammar, A-B. */
static int parse_range(struct parse const *in, struct piece p, char const *what, struct range *r)
{
  struct piece first = p;
  struct piece last = p;
  char const *dash = NULL;
  enum rk_atoi fault;

  if (in->rk && p.len > 1)
    dash = memchr(p.s + 1, '-', p.len - 1);
  if (dash) {
    first = between(p.s, dash);
    last = between(dash + 1, p.s + p.len);
  }
  fault = rk_atoi(first.s, first.len, &r->first);
  if (fault == RK_ATOI_GOOD)
    fault = rk_atoi(last.s, last.len, &r->last);
  if (fault != RK_ATOI_GOOD)
    return refuse_number(in, what, p, fault);
  return 0;
}

/* The field that p begins with: up to a colon, or in brackets. Returns its end, NULL: malformed. */
static char const *parse_field(struct piece p, struct piece *field)
{
  char const *end;

  if (!p.len || *p.s != '[') {
    end = memchr(p.s, ':', p.len);
    if (!end)
      end = p.s + p.len;
    *field = between(p.s, end);
    return end;
  }
  end = memchr(p.s, ']', p.len);
  if (!end)
    return NULL;
  *field = unblank(between(p.s + 1, end));
  end++;
  if (end < p.s + p.len && *end != ':')
    return NULL;
  return end;
}

/* Cut the text before the child port into at most three fields at colons outside brackets. Number
   of fields, 4: too many, -1: malformed. */
static int parse_fields(struct piece p, struct piece *out)
{
  char const *all = p.s + p.len;

  for (int n = 0; n < 3; n++) {
    char const *end = parse_field(unblank(p), &out[n]);
    if (!end)
      return -1;
    if (end == all)
      return n + 1;
    p = between(end + 1, all);
  }
  return 4;
}

static int parse_proto(struct parse const *in, struct piece word)
{
  struct rk_text t;

  in->spec->proto = rk_proto_named(word.s, word.len);
  if (in->spec->proto)
    return 0;
  t = complain(in, "invalid");
  rk_text_str(&t, ": unknown proto: ");
  rk_text_quote(&t, word.s, word.len);
  return -1;
}

static int parse_ip(struct parse const *in, struct piece p, char const *what, char *ip)
{
  struct in6_addr addr;

  if (!p.len)
    return 0;
  if (!rk_ip_parse(p.s, p.len, &addr))
    return refuse_spec(in, what);
  memcpy(ip, p.s, p.len);
  return 0;
}

static int parse_ports(struct parse const *in, struct piece parentport, struct piece childport)
{
  struct rk_portspec *spec = in->spec;
  struct range parent;
  struct range child;
  uint64_t more;

  /* RootlessKit swaps the two words; its callers see them so. */
  char const *first = in->rk ? "unexpected ParentPort in" : "unexpected ChildPort in";
  char const *second = in->rk ? "unexpected ChildPort in" : "unexpected ParentPort in";

  if (parse_range(in, parentport, first, &parent) == -1)
    return -1;
  if (parse_range(in, childport, second, &child) == -1)
    return -1;
  if (parent.last < parent.first || child.last < child.first)
    return refuse_spec(in, "range ends before it begins in");
  /* Both ends as unsigned: the difference of two int64 may not fit one. */
  more = (uint64_t)parent.last - (uint64_t)parent.first;
  if (more != (uint64_t)child.last - (uint64_t)child.first)
    return refuse_spec(in, "ranges of different length in");
  if (more > 65535)
    return refuse_spec(in, "range too long in");
  spec->parentport = parent.first;
  spec->childport = child.first;
  spec->count = (uint32_t)more + 1;
  return 0;
}

/* The texts of a spec's parts. */
struct parts {
  struct piece parentip;
  struct piece parentport;
  struct piece childip;
  struct piece childport;
  int many; /* there are more: RootlessKit looks at the addresses first */
};

static struct piece word(char const *s)
{
  return (struct piece){.s = s, .len = strlen(s)};
}

static int is_word(struct piece p, char const *s)
{
  return p.len == strlen(s) && !memcmp(p.s, s, p.len);
}

/* text: without the protocol. brief: RK_PORTSPEC_SHORT. 0, or -1: malformed. */
static int cut(struct parse const *in, struct piece text, int brief, struct parts *parts)
{
  struct piece f[3] = {word(""), word(""), word("")};
  char const *colon = memrchr(text.s, ':', text.len);
  int bracket = text.len && *text.s == '[';
  int n = 0;

  parts->childport = text;
  if (!colon && !brief)
    return -1;
  if (colon) {
    parts->childport = between(colon + 1, text.s + text.len);
    n = parse_fields(between(text.s, colon), f);
  }
  if (n == -1 || (n > 3 && brief))
    return -1;
  parts->many = n > 3;
  if (n == 1 && in->rk && !bracket) {
    f[1] = f[0];
    f[0] = word("");
  }
  if (brief && !f[1].len && (n != 1 || !bracket))
    f[1] = word("0");
  if (brief && is_word(f[0], "localhost"))
    f[0] = word("127.0.0.1");
  parts->parentip = f[0];
  parts->parentport = f[1];
  parts->childip = f[2];
  return 0;
}

/* Three or four octal digits: permission bits. 1 or 0. */
static int parse_mode(struct piece p, uint16_t *mode)
{
  unsigned int n = 0;

  if (p.len < 3 || p.len > 4)
    return 0;
  for (size_t i = 0; i < p.len; i++) {
    if (p.s[i] < '0' || p.s[i] > '7')
      return 0;
    n = n * 8 + (unsigned int)(p.s[i] - '0');
  }
  *mode = (uint16_t)n;
  return n <= 0777;
}

static int parse_path(struct parse const *in, struct piece p, char *path)
{
  if (p.len < 2 || p.s[p.len - 1] == '/' || memchr(p.s, 0, p.len) || memchr(p.s, ':', p.len))
    return refuse_spec(in, "not the absolute path of a file in");
  if (p.len >= RK_PORTSPEC_PATHMAX)
    return refuse_spec(in, "path longer than 511 bytes in");
  memcpy(path, p.s, p.len);
  return 0;
}

#define UNIX "unix:"
enum { UNIX_LEN = sizeof UNIX - 1, SOCKET_MODE = 0600 };

static int is_unix(struct piece p)
{
  return p.len > UNIX_LEN && !memcmp(p.s, UNIX "/", UNIX_LEN + 1);
}

/* [PARENTIP:][PARENTPORT]:unix:/PATH; inside: its last part. */
static int parse_to_unix(struct parse const *in, char const *inside)
{
  struct piece f[3] = {word(""), word(""), word("")};
  struct piece host = between(in->whole.s, inside);
  struct piece port;
  int n = parse_fields(host, f);

  in->spec->proto = RK_PROTO_TCP;
  if (n < 1 || n > 2 || is_unix(host))
    return refuse_spec(in, "unexpected");
  port = f[n - 1];
  if (n == 2 && is_word(f[0], "localhost"))
    f[0] = word("127.0.0.1");
  if (n == 2 && parse_ip(in, f[0], "unexpected ParentIP in", in->spec->parentip) == -1)
    return -1;
  if (parse_ports(in, port.len ? port : word("0"), word("0")) == -1)
    return -1;
  inside += 1 + UNIX_LEN;
  return parse_path(in, between(inside, in->whole.s + in->whole.len), in->spec->childpath);
}

/* unix:/PATH[:MODE]:[CHILDIP:]CHILDPORT[/PROTO] */
static int parse_unix(struct parse const *in)
{
  struct piece text = in->whole;
  char const *end = text.s + text.len;
  char const *colon = memrchr(text.s, ':', text.len);
  char const *slash = memchr(colon, '/', (size_t)(end - colon));
  struct piece f[3] = {word(""), word(""), word("")};
  struct piece childip = word("");
  int n;

  in->spec->proto = RK_PROTO_TCP;
  in->spec->mode = SOCKET_MODE;
  if (colon < text.s + UNIX_LEN)
    return refuse_spec(in, "no port inside in");
  if (slash && parse_proto(in, between(slash + 1, end)) == -1)
    return -1;
  n = parse_fields(between(text.s + UNIX_LEN, colon), f);
  if (n < 1 || n > 3)
    return refuse_spec(in, "unexpected");
  if (parse_path(in, f[0], in->spec->parentpath) == -1)
    return -1;
  if (n == 3 && !parse_mode(f[1], &in->spec->mode))
    return refuse_spec(in, "mode must be an octal number up to 0777 in");
  if (n > 1 && (n == 3 || !parse_mode(f[1], &in->spec->mode)))
    childip = f[n - 1];
  if (parse_ip(in, childip, "unexpected ChildIP in", in->spec->childip) == -1)
    return -1;
  return parse_ports(in, word("0"), between(colon + 1, slash ? slash : end));
}

int rk_portspec_parse(char const *text, size_t len, unsigned int flags, struct rk_portspec *spec,
                      char *err, size_t errsize)
{
  struct parse const in = {
    .whole = {.s = text, .len = len},
    .rk = (flags & RK_PORTSPEC_RK) != 0,
    .spec = spec,
    .err = err,
    .errsize = errsize,
  };
  int brief = (flags & RK_PORTSPEC_SHORT) != 0;
  char const *slash = memrchr(text, '/', len);
  char const *inside;
  struct parts parts;

  memset(spec, 0, sizeof *spec);
  spec->count = 1;
  inside = brief ? memmem(text, len, ":" UNIX "/", 2 + UNIX_LEN) : NULL;
  if (inside)
    return parse_to_unix(&in, inside);
  if (brief && is_unix(in.whole))
    return parse_unix(&in);
  if (!slash && !brief)
    return refuse_spec(&in, "missing proto in");
  if (!slash) {
    slash = text + len;
    spec->proto = RK_PROTO_TCP;
  } else if (parse_proto(&in, between(slash + 1, text + len)) == -1) {
    return -1;
  }
  if (cut(&in, between(text, slash), brief, &parts) == -1)
    return refuse_spec(&in, "unexpected");
  if (parse_ip(&in, parts.parentip, "unexpected ParentIP in", spec->parentip) == -1)
    return -1;
  if (parse_ip(&in, parts.childip, in.rk ? "unexpected ChildIP in" : "unexpected ParentIP in",
               spec->childip) == -1)
    return -1;
  if (parts.many)
    return refuse_spec(&in, "unexpected");
  return parse_ports(&in, parts.parentport, parts.childport);
}

static int invalid_ip(char *err, size_t size, char const *what, char const *ip)
{
  struct rk_text t;
  struct in6_addr addr;

  if (!*ip || rk_ip_parse(ip, strlen(ip), &addr))
    return 0;
  t = rk_text_in(err, size);
  rk_text_str(&t, what);
  rk_text_quote(&t, ip, strlen(ip));
  return 1;
}

static int invalid_port(char *err, size_t size, char const *what, int64_t port)
{
  struct rk_text t;

  if (port >= 1 && port <= 65535)
    return 0;
  t = rk_text_in(err, size);
  rk_text_str(&t, what);
  rk_text_num(&t, port);
  return 1;
}

int rk_portspec_check(struct rk_portspec const *spec, char *err, size_t errsize)
{
  int64_t more = (int64_t)spec->count - 1;

  if (!spec->proto || (unsigned int)spec->proto >= NWORDS) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, "unknown proto: \"\"");
    return -1;
  }
  if (invalid_ip(err, errsize, "invalid ParentIP: ", spec->parentip))
    return -1;
  if (invalid_ip(err, errsize, "invalid ChildIP: ", spec->childip))
    return -1;
  if (invalid_port(err, errsize, "invalid ParentPort: ", spec->parentport))
    return -1;
  if (invalid_port(err, errsize, "invalid ParentPort: ", spec->parentport + more))
    return -1;
  if (invalid_port(err, errsize, "invalid ChildPort: ", spec->childport))
    return -1;
  if (invalid_port(err, errsize, "invalid ChildPort: ", spec->childport + more))
    return -1;
  return 0;
}

int rk_portspec_conflict(struct rk_portspec const *a, struct rk_portspec const *b)
{
  /* 0: the kernel chooses, or the host's side is a unix socket */
  if (!a->parentport && !b->parentport)
    return a->parentpath[0] && !strcmp(a->parentpath, b->parentpath);
  if (!a->parentport || !b->parentport)
    return 0;
  return a->proto == b->proto && a->parentport < b->parentport + b->count &&
         b->parentport < a->parentport + a->count && !strcmp(a->parentip, b->parentip);
}

static void put_ip(struct rk_text *t, char const *ip)
{
  if (strchr(ip, ':'))
    rk_text_add(t, "[", ip, "]:");
  else
    rk_text_add(t, ip, ":");
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

  if (spec->parentpath[0]) {
    char mode[] = {(char)('0' + (spec->mode >> 6 & 7)), (char)('0' + (spec->mode >> 3 & 7)),
                   (char)('0' + (spec->mode & 7)), 0};
    rk_text_add(&t, UNIX, spec->parentpath, ":0", mode);
  } else {
    put_ip(&t, spec->parentip);
    put_ports(&t, spec->parentport, spec->count);
  }
  rk_text_str(&t, ":");
  if (spec->childpath[0]) {
    rk_text_add(&t, UNIX, spec->childpath);
    return t.len;
  }
  if (spec->childip[0])
    put_ip(&t, spec->childip);
  put_ports(&t, spec->childport, spec->count);
  rk_text_add(&t, "/", rk_proto_name(spec->proto));
  return t.len;
}

static int only4(enum rk_proto p)
{
  switch (p) {
    case RK_PROTO_TCP4:
    case RK_PROTO_UDP4:
    case RK_PROTO_SCTP4: return 1;
    default: return 0;
  }
}

static int only6(enum rk_proto p)
{
  switch (p) {
    case RK_PROTO_TCP6:
    case RK_PROTO_UDP6:
    case RK_PROTO_SCTP6: return 1;
    default: return 0;
  }
}

/* AF_INET: the last four bytes are the address. */
static int is_any(int family, struct in6_addr const *addr)
{
  if (family == AF_INET)
    return !memcmp(addr->s6_addr + 12, "\0\0\0\0", 4);
  return IN6_IS_ADDR_UNSPECIFIED(addr);
}

/* The address of a spec, as rk_ip_parse; "::ffff:a.b.c.d" is an IPv4 address, however it is
   written. 0: none. */
static int address(char const *ip, struct in6_addr *addr)
{
  int family;

  *addr = (struct in6_addr){0};
  if (!*ip)
    return 0;
  family = rk_ip_parse(ip, strlen(ip), addr);
  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(addr))
    return AF_INET;
  return family;
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
  struct in6_addr addr;
  int family = address(spec->parentip, &addr);
  int four = only4(spec->proto);
  int six = only6(spec->proto);

  *v6only = 0;
  if ((four && family == AF_INET6) || (six && family == AF_INET)) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_add(&t, "listen ", rk_proto_name(spec->proto), ": address ", spec->parentip,
                ": no suitable address found");
    return -1;
  }
  if (family && !is_any(family, &addr)) {
    *v6only = family == AF_INET6;
    fill(sa, family, &addr, spec->parentport);
    return 0;
  }
  memset(&addr, 0, sizeof addr);
  *v6only = six;
  if (four || (no6 && !six))
    fill(sa, AF_INET, &addr, spec->parentport);
  else
    fill(sa, AF_INET6, &addr, spec->parentport);
  return 0;
}

void rk_portspec_target(struct rk_portspec const *spec, in_addr_t hostip,
                        struct sockaddr_storage *sa)
{
  struct in6_addr addr;
  char const *ip = spec->childip[0] ? spec->childip : spec->parentip;
  int family = address(ip, &addr);
  in_addr_t four;
  int here;

  memcpy(&four, addr.s6_addr + 12, sizeof four);
  /* To connect to "any" means this machine (Linux, tcp_v4_connect and tcp_v6_connect): say so
     plainly. */
  here = !family || is_any(family, &addr);
  if (family == AF_INET && !spec->childip[0] && four == hostip)
    here = 1;
  if (here && family == AF_INET6) {
    addr.s6_addr[15] = 1;
  } else if (here) {
    family = AF_INET;
    four = htonl(INADDR_LOOPBACK);
    memcpy(addr.s6_addr + 12, &four, sizeof four);
  }
  fill(sa, family, &addr, spec->childport);
}
