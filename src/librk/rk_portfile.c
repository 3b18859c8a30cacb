/* SPDX-License-Identifier: ISC */
#include <rk/portspec.h>

#include <string.h>
#include <sys/socket.h>

#include <rk/text.h>

/* A piece of the file, not terminated. */
struct piece {
  char const *s;
  size_t len;
};

/* A parse under way. */
struct parse {
  struct rk_portfile *file;
  int spec;          /* the first line has been seen */
  unsigned int seen; /* bits 1 << place in keys: those given */
  char *err;
  size_t errsize;
};

static int refuse(struct parse const *in, char const *what)
{
  struct rk_text t = rk_text_in(in->err, in->errsize);

  rk_text_str(&t, what);
  return -1;
}

static int refuse_text(struct parse const *in, char const *what, struct piece p)
{
  struct rk_text t = rk_text_in(in->err, in->errsize);

  rk_text_str(&t, what);
  rk_text_quote(&t, p.s, p.len);
  return -1;
}

static int is_word(struct piece p, char const *word)
{
  return p.len == strlen(word) && !memcmp(word, p.s, p.len);
}

/* The value's place in a list of words, or -1. */
static int one_of(char const *const *choices, struct piece p)
{
  for (int i = 0; choices[i]; i++)
    if (is_word(p, choices[i]))
      return i;
  return -1;
}

static char const *const SRCIP[] = {"prefer", "require", "no", "plain", "loopback", NULL};
static char const *const REFUSE[] = {"client", "backend", NULL};

/* 0 to 86400, -1: not such a number. */
static int seconds(struct piece p, uint32_t *out)
{
  uint32_t n = 0;

  if (!p.len || p.len > 5)
    return -1;
  for (size_t i = 0; i < p.len; i++) {
    if (p.s[i] < '0' || p.s[i] > '9')
      return -1;
    n = n * 10 + (uint32_t)(p.s[i] - '0');
  }
  if (n > RK_PORTFILE_SECONDSMAX)
    return -1;
  *out = n;
  return 0;
}

static int set_srcip(struct parse const *in, struct piece v)
{
  int choice = one_of(SRCIP, v);

  if (choice == -1)
    return refuse_text(in, "srcip must be prefer, require, no, plain or loopback, not ", v);
  in->file->srcip = (enum rk_relay_srcip)choice;
  return 0;
}

static int set_idle(struct parse const *in, struct piece v)
{
  if (seconds(v, &in->file->idle) == -1 || !in->file->idle)
    return refuse_text(in, "idle must be 1 to 86400 seconds, not ", v);
  return 0;
}

static int set_refuse(struct parse const *in, struct piece v)
{
  int choice = one_of(REFUSE, v);

  if (choice == -1)
    return refuse_text(in, "refuse must be client or backend, not ", v);
  in->file->refuse_backend = choice;
  return 0;
}

static int set_wait(struct parse const *in, struct piece v)
{
  in->file->wait = RK_WAIT_EVER;
  if (is_word(v, "forever"))
    return 0;
  in->file->wait = RK_WAIT_FOR;
  if (seconds(v, &in->file->wait_s) == -1)
    return refuse_text(in, "wait must be 0 to 86400 seconds or forever, not ", v);
  return 0;
}

/* As dev_valid_name (net/core/dev.c). 0 or -1. */
static int interface(struct piece v, char *name)
{
  int good = v.len && v.len < IFNAMSIZ && !is_word(v, ".") && !is_word(v, "..");

  for (size_t i = 0; i < v.len; i++)
    good = good && v.s[i] > ' ' && v.s[i] != '/' && v.s[i] != ':' && v.s[i] != 127;
  if (!good)
    return -1;
  memcpy(name, v.s, v.len);
  return 0;
}

static int set_ifname(struct parse const *in, struct piece v)
{
  if (interface(v, in->file->ifname) == -1)
    return refuse_text(in, "ifname must be the name of an interface, not ", v);
  return 0;
}

static int is_multicast(int family, struct in6_addr const *addr)
{
  if (family == AF_INET)
    return (addr->s6_addr[12] & 0xf0) == 0xe0;
  return family == AF_INET6 && IN6_IS_ADDR_MULTICAST(addr);
}

static int set_group(struct parse const *in, struct piece v)
{
  struct in6_addr *group = &in->file->group;
  char const *percent = v.len ? memchr(v.s, '%', v.len) : NULL;
  struct piece name;
  size_t len;

  if (percent) {
    len = (size_t)(percent - v.s);
    name = (struct piece){.s = percent + 1, .len = v.len - len - 1};
    if (is_multicast(rk_ip_parse(v.s, len, group), group) &&
        interface(name, in->file->groupif) == 0)
      return 0;
  }
  return refuse_text(in, "group must be a multicast address, % and an interface, not ", v);
}

static int set_listenfd(struct parse const *in, struct piece v)
{
  char *name = in->file->listenfd;

  if (!v.len || v.len >= sizeof in->file->listenfd || memchr(v.s, 0, v.len))
    return refuse_text(in, "listen-fd must be a name of 1 to 63 bytes, not ", v);
  memcpy(name, v.s, v.len);
  name[v.len] = 0;
  return 0;
}

static struct key {
  char const *name;
  int (*set)(struct parse const *in, struct piece value);
} const keys[] = {
  {"srcip", set_srcip},        {"idle", set_idle},     {"refuse", set_refuse}, {"wait", set_wait},
  {"listen-fd", set_listenfd}, {"ifname", set_ifname}, {"group", set_group},
};
enum { NKEYS = sizeof keys / sizeof *keys };

static int refuse_key(struct parse const *in, struct piece name)
{
  struct rk_text t = rk_text_in(in->err, in->errsize);

  rk_text_str(&t, "unknown key ");
  rk_text_quote(&t, name.s, name.len);
  for (size_t i = 0; i < NKEYS; i++)
    rk_text_add(&t, i ? ", " : "; there are ", keys[i].name);
  return -1;
}

static int parse_option(struct parse *in, struct piece line)
{
  char const *eq = memchr(line.s, '=', line.len);
  struct piece name;
  struct piece value;
  unsigned int key = 0;

  if (!eq)
    return refuse_text(in, "not a key=value line: ", line);
  name = (struct piece){.s = line.s, .len = (size_t)(eq - line.s)};
  value = (struct piece){.s = eq + 1, .len = line.len - name.len - 1};
  while (key < NKEYS && !is_word(name, keys[key].name))
    key++;
  if (key == NKEYS)
    return refuse_key(in, name);
  if (in->seen & 1U << key)
    return refuse_text(in, "key given twice: ", name);
  in->seen |= 1U << key;
  return keys[key].set(in, value);
}

static int is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static struct piece trim(struct piece p)
{
  while (p.len && is_blank(*p.s)) {
    p.s++;
    p.len--;
  }
  while (p.len && (is_blank(p.s[p.len - 1]) || p.s[p.len - 1] == '\r'))
    p.len--;
  return p;
}

/* The spec, with a port that is free as the host's if it says 0. */
static int parse_spec(struct parse const *in, struct piece line)
{
  struct rk_portspec *spec = &in->file->spec;
  struct rk_portspec some;

  if (rk_portspec_parse(line.s, line.len, RK_PORTSPEC_RK | RK_PORTSPEC_SHORT, spec, in->err,
                        in->errsize) == -1)
    return -1;
  some = *spec;
  if (!spec->parentport && spec->count == 1)
    some.parentport = 1;
  if (spec->childpath[0])
    some.childport = 1;
  return rk_portspec_check(&some, in->err, in->errsize);
}

static int parse_line(struct parse *in, struct piece line)
{
  struct rk_text t;
  size_t len;

  line = trim(line);
  if (!line.len || *line.s == '#')
    return 0;
  if (in->spec)
    return parse_option(in, line);
  in->spec = 1;
  if (parse_spec(in, line) == 0)
    return 0;
  len = strlen(in->err);
  t = rk_text_in(in->err + len, in->errsize - len);
  rk_text_str(&t, "; wanted: " RK_PORTSPEC_FORM);
  return -1;
}

static int check_group(struct parse const *in)
{
  struct rk_portfile const *file = in->file;
  int four = IN6_IS_ADDR_V4MAPPED(&file->group);

  if (!file->groupif[0])
    return 0;
  if (!rk_proto_is_udp(file->spec.proto))
    return refuse(in, "group is for udp");
  if (file->spec.proto == (four ? RK_PROTO_UDP6 : RK_PROTO_UDP4))
    return refuse(in, "group and the protocol are of different families");
  if (file->spec.parentip[0] || file->listenfd[0])
    return refuse(in, "group= and a host address or listen-fd= exclude each other");
  if (file->ifname[0] && strcmp(file->ifname, file->groupif) != 0)
    return refuse(in, "group= and ifname= name different interfaces");
  return 0;
}

/* What no single line is to blame for. */
static int check_whole(struct parse const *in)
{
  struct rk_portfile const *file = in->file;

  if (!in->spec)
    return refuse(in, "no port spec in the file; wanted: " RK_PORTSPEC_FORM);
  if (file->spec.parentpath[0] && file->listenfd[0])
    return refuse(in, "listen-fd= and a unix socket exclude each other");
  if (file->spec.childpath[0] && file->refuse_backend)
    return refuse(in, "refuse=backend is not for a unix socket");
  if (file->spec.parentpath[0] && !rk_proto_is_tcp(file->spec.proto))
    return refuse(in, "a unix socket is for tcp");
  if (file->spec.parentpath[0] && file->refuse_backend)
    return refuse(in, "refuse=backend is not for a unix socket");
  if (check_group(in) == -1)
    return -1;
  if (file->ifname[0] && (file->spec.parentip[0] || file->spec.parentpath[0]))
    return refuse(in, "ifname= and a host address exclude each other");
  if (file->ifname[0] && file->listenfd[0])
    return refuse(in, "ifname= and listen-fd= exclude each other");
  if (file->listenfd[0] && file->spec.count > 1)
    return refuse(in, "listen-fd names one socket, not a range");
  if (file->idle && !rk_proto_is_udp(file->spec.proto))
    return refuse(in, "idle is for udp");
  if (file->refuse_backend && !rk_proto_is_tcp(file->spec.proto))
    return refuse(in, "refuse=backend is for tcp");
  if (file->refuse_backend && file->wait != RK_WAIT_START)
    return refuse(in, "refuse=backend and wait= exclude each other");
  return 0;
}

int rk_portfile_parse(char const *text, size_t len, struct rk_portfile *file, unsigned int *line,
                      char *err, size_t errsize)
{
  struct parse in = {.file = file, .err = err, .errsize = errsize};

  memset(file, 0, sizeof *file);
  *line = 0;
  if (len > RK_PORTFILE_MAX)
    return refuse(&in, "file longer than 4096 bytes");
  while (len) {
    char const *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) : len;
    ++*line;
    if (parse_line(&in, (struct piece){.s = text, .len = n}) == -1)
      return -1;
    if (end)
      n++;
    text += n;
    len -= n;
  }
  *line = 0;
  return check_whole(&in);
}

int rk_portfile_needs_relay(struct rk_portfile const *file)
{
  if (rk_portfile_link(file)[0] || file->spec.parentpath[0] || file->spec.childpath[0] ||
      file->refuse_backend || file->idle || file->wait != RK_WAIT_START)
    return 1;
  return file->srcip == RK_SRCIP_NO || file->srcip == RK_SRCIP_PLAIN;
}

void rk_portdefault_parse(char const *text, size_t len, struct rk_portdefault *usual)
{
  struct piece p = {.s = text, .len = len};
  struct in6_addr addr;

  *usual = (struct rk_portdefault){.bad = 0};
  while (p.len && p.s[p.len - 1] == '\n')
    p.len--;
  p = trim(p);
  if (is_word(p, "localhost"))
    p = (struct piece){.s = "127.0.0.1", .len = 9};
  usual->bad = !rk_ip_parse(p.s, p.len, &addr);
  if (!usual->bad)
    memcpy(usual->ip, p.s, p.len);
}

int rk_portdefault_apply(struct rk_portdefault const *usual, struct rk_portfile *file, char *err,
                         size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  struct rk_portspec *spec = &file->spec;

  if (spec->parentip[0] || spec->parentpath[0] || rk_portfile_link(file)[0] || file->listenfd[0])
    return 0;
  if (usual->bad) {
    rk_text_str(&t, "ports/.default is not an address: give the port one");
    return -1;
  }
  memcpy(spec->parentip, usual->ip, sizeof usual->ip);
  return 0;
}

char const *rk_portfile_link(struct rk_portfile const *file)
{
  return file->ifname[0] ? file->ifname : file->groupif;
}
