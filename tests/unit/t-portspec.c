/* SPDX-License-Identifier: ISC
   t-portspec: the tables of port specs: what is read, and the words for what is not. */
#include <rk/portspec.h>

#include <arpa/inet.h>

#include "tap.h"

static char err[RK_PORTSPEC_ERRMAX];

/* What the text became: "parent|port|child|port|proto", with "xN" after it for a range; or the
   error. */
static char const *parsed(char const *text, unsigned int flags)
{
  static char out[2 * RK_PORTSPEC_ERRMAX];
  struct rk_portspec s;

  if (rk_portspec_parse(text, strlen(text), flags, &s, err, sizeof err) < 0)
    return err;
  snprintf(out, sizeof out, "%s|%lld|%s|%lld|%s", s.parentip, (long long)s.parentport, s.childip,
           (long long)s.childport, rk_proto_name(s.proto));
  if (s.parentpath[0])
    snprintf(out, sizeof out, "%s %o|%s|%lld|%s", s.parentpath, s.mode, s.childip,
             (long long)s.childport, rk_proto_name(s.proto));
  if (s.count != 1)
    snprintf(out + strlen(out), 16, "x%u", s.count);
  return out;
}

static char const *checked(char const *text)
{
  struct rk_portspec s;

  if (rk_portspec_parse(text, strlen(text), RK_PORTSPEC_RK, &s, err, sizeof err) < 0)
    return err;
  return rk_portspec_check(&s, err, sizeof err) < 0 ? err : "good";
}

static char const *where(struct sockaddr_storage const *sa)
{
  static char out[80];
  char ip[INET6_ADDRSTRLEN];
  struct sockaddr_in const *four = (struct sockaddr_in const *)sa;
  struct sockaddr_in6 const *six = (struct sockaddr_in6 const *)sa;

  if (sa->ss_family == AF_INET)
    inet_ntop(AF_INET, &four->sin_addr, ip, sizeof ip);
  else
    inet_ntop(AF_INET6, &six->sin6_addr, ip, sizeof ip);
  snprintf(out, sizeof out, "%s %u", ip,
           ntohs(sa->ss_family == AF_INET ? four->sin_port : six->sin6_port));
  return out;
}

static char const *listens(char const *text, int no6)
{
  static char out[RK_PORTSPEC_ERRMAX];
  struct rk_portspec s;
  struct sockaddr_storage sa;
  int v6only;

  if (rk_portspec_parse(text, strlen(text), 0, &s, err, sizeof err) < 0)
    return err;
  if (rk_portspec_listen(&s, no6, &sa, &v6only, err, sizeof err) < 0)
    return err;
  snprintf(out, sizeof out, "%s%s", where(&sa), v6only ? " v6only" : "");
  return out;
}

static char const *target(char const *text, char const *hostip)
{
  struct rk_portspec s;
  struct sockaddr_storage sa;

  if (rk_portspec_parse(text, strlen(text), 0, &s, err, sizeof err) < 0)
    return err;
  rk_portspec_target(&s, inet_addr(hostip), &sa);
  return where(&sa);
}

static char const *file(char const *text, size_t len)
{
  static char out[RK_PORTSPEC_ERRMAX];
  struct rk_portfile f;
  unsigned int line;

  if (rk_portfile_parse(text, len, &f, &line, err, sizeof err) < 0)
    snprintf(out, sizeof out, "%u: %.400s", line, err);
  else
    snprintf(out, sizeof out, "%s srcip %d idle %u refuse %d wait %d %u fd %s",
             rk_proto_name(f.spec.proto), f.srcip, f.idle, f.refuse_backend, (int)f.wait, f.wait_s,
             f.listenfd);
  return out;
}

static struct {
  char const *text, *want;
} const peer[] = {
  {"127.0.0.1:8080:80/tcp", "127.0.0.1|8080||80|tcp"},
  {":8080:80/tcp", "|8080||80|tcp"},
  {"[]:8080:80/tcp", "|8080||80|tcp"},
  {"127.0.0.1:8080:10.0.2.100:80/tcp", "127.0.0.1|8080|10.0.2.100|80|tcp"},
  {"[::1]:8080:[::2]:80/udp", "::1|8080|::2|80|udp"},
  {"[::]:8080:[127.0.0.1]:80/tcp6", "::|8080|127.0.0.1|80|tcp6"},
  {"[127.0.0.1]:8080:80/tcp", "127.0.0.1|8080||80|tcp"},
  {"127.0.0.1:8080::80/tcp", "127.0.0.1|8080||80|tcp"},
  {"127.0.0.1:8080:[]:80/tcp", "127.0.0.1|8080||80|tcp"},
  {"[::1]:8080:80/tcp4", "::1|8080||80|tcp4"},
  {"127.0.0.1:0:80/tcp", "127.0.0.1|0||80|tcp"},
  {"127.0.0.1:-1:80/tcp", "127.0.0.1|-1||80|tcp"},
  {"127.0.0.1:99999:80/tcp", "127.0.0.1|99999||80|tcp"},
  {"127.0.0.1:80:80/sctp", "127.0.0.1|80||80|sctp"},
  {"127.0.0.1:80:80/sctp6", "127.0.0.1|80||80|sctp6"},
  {"127.0.0.1: 8080:80/tcp", "127.0.0.1|8080||80|tcp"},
  {" 127.0.0.1:8080:80/tcp", "127.0.0.1|8080||80|tcp"},
  {"127.0.0.1:08080:080/tcp", "127.0.0.1|8080||80|tcp"},
  {"127.0.0.1:+8080:+80/tcp", "127.0.0.1|8080||80|tcp"},
  {"127.0.0.1:8080:80 /tcp", "unexpected ParentPort in PortSpec string: \"127.0.0.1:8080:80 "
                             "/tcp\": strconv.Atoi: parsing \"80 \": invalid syntax"},
  {"8080:80/tcp", "unexpected ParentIP in PortSpec string: \"8080:80/tcp\""},
  {"localhost:8080:80/tcp", "unexpected ParentIP in PortSpec string: \"localhost:8080:80/tcp\""},
  {"127.1:8080:80/tcp", "unexpected ParentIP in PortSpec string: \"127.1:8080:80/tcp\""},
  {"192.168.001.1:8080:80/tcp",
   "unexpected ParentIP in PortSpec string: \"192.168.001.1:8080:80/tcp\""},
  {"[fe80::1%eth0]:8080:80/tcp",
   "unexpected ParentIP in PortSpec string: \"[fe80::1%eth0]:8080:80/tcp\""},
  {"127.0.0.1:8080:localhost:80/tcp",
   "unexpected ParentIP in PortSpec string: \"127.0.0.1:8080:localhost:80/tcp\""},
  {"8080/tcp", "unexpected PortSpec string: \"8080/tcp\""},
  {"/tcp", "unexpected PortSpec string: \"/tcp\""},
  {"8080", "missing proto in PortSpec string: \"8080\""},
  {"", "missing proto in PortSpec string: \"\""},
  {"127.0.0.1:8080:80", "missing proto in PortSpec string: \"127.0.0.1:8080:80\""},
  {"127.0.0.1:8080:80/TCP",
   "invalid PortSpec string: \"127.0.0.1:8080:80/TCP\": unknown proto: \"TCP\""},
  {"127.0.0.1:8080:80/", "invalid PortSpec string: \"127.0.0.1:8080:80/\": unknown proto: \"\""},
  {"127.0.0.1:x:80/tcp", "unexpected ChildPort in PortSpec string: \"127.0.0.1:x:80/tcp\": "
                         "strconv.Atoi: parsing \"x\": invalid syntax"},
  {"127.0.0.1:80:x/tcp", "unexpected ParentPort in PortSpec string: \"127.0.0.1:80:x/tcp\": "
                         "strconv.Atoi: parsing \"x\": invalid syntax"},
  {"127.0.0.1:8080-8090:80/tcp",
   "unexpected ChildPort in PortSpec string: \"127.0.0.1:8080-8090:80/tcp\": strconv.Atoi: parsing "
   "\"8080-8090\": invalid syntax"},
  {"127.0.0.1:9223372036854775808:80/tcp",
   "unexpected ChildPort in PortSpec string: \"127.0.0.1:9223372036854775808:80/tcp\": "
   "strconv.Atoi: parsing \"9223372036854775808\": value out of range"},
  {"127.0.0.1:-9223372036854775808:80/tcp", "127.0.0.1|-9223372036854775808||80|tcp"},
  {"a\n\"\x01\xff:1:1/tcp",
   "unexpected ParentIP in PortSpec string: \"a\\n\\\"\\x01\\xff:1:1/tcp\""},
  /* RootlessKit glues the surplus field on (child port 9080): we refuse. */
  {"127.0.0.1:8080:10.0.2.100:80:90/tcp",
   "unexpected PortSpec string: \"127.0.0.1:8080:10.0.2.100:80:90/tcp\""},
  {"[::1:8080:80/tcp", "unexpected PortSpec string: \"[::1:8080:80/tcp\""},
};

static struct {
  char const *text, *want;
} const ours[] = {
  {"8000-8099:9000-9099/tcp", "|8000||9000|tcpx100"},
  {"127.0.0.1:8000-8099:10.0.2.100:8000-8099/udp", "127.0.0.1|8000|10.0.2.100|8000|udpx100"},
  {"[::]:1-65535:1-65535/tcp", "::|1||1|tcpx65535"},
  {"8080:80/tcp", "|8080||80|tcp"},
  {"80-80:81-81/tcp", "|80||81|tcp"},
  {"80-90:80/tcp", "ranges of different length in PortSpec string: \"80-90:80/tcp\""},
  {"80-90:80-91/tcp", "ranges of different length in PortSpec string: \"80-90:80-91/tcp\""},
  {"90-80:90-80/tcp", "range ends before it begins in PortSpec string: \"90-80:90-80/tcp\""},
  {"0-99999:0-99999/tcp", "range too long in PortSpec string: \"0-99999:0-99999/tcp\""},
  {"80-:80-/tcp", "unexpected ParentPort in PortSpec string: \"80-:80-/tcp\": strconv.Atoi: "
                  "parsing \"80-\": invalid syntax"},
  {"127.0.0.1:80:x/tcp", "unexpected ChildPort in PortSpec string: \"127.0.0.1:80:x/tcp\": "
                         "strconv.Atoi: parsing \"x\": invalid syntax"},
  {"127.0.0.1:80:x:80/tcp", "unexpected ChildIP in PortSpec string: \"127.0.0.1:80:x:80/tcp\""},
  {"[::]:80/tcp", "unexpected ParentPort in PortSpec string: \"[::]:80/tcp\": strconv.Atoi: "
                  "parsing \"\": invalid syntax"},
};

/* as a port file has it */
static struct {
  char const *text, *want;
} const brief[] = {
  {"8080:80", "|8080||80|tcp"},
  {":80", "|0||80|tcp"},
  {"80", "|0||80|tcp"},
  {"53/udp", "|0||53|udp"},
  {":8080:80", "|8080||80|tcp"},
  {"::80", "|0||80|tcp"},
  {"localhost:8080:80", "127.0.0.1|8080||80|tcp"},
  {"localhost::80/udp6", "127.0.0.1|0||80|udp6"},
  {"127.0.0.1::80", "127.0.0.1|0||80|tcp"},
  {"[::1]::80", "::1|0||80|tcp"},
  {"127.0.0.1:0:10.0.2.100:80", "127.0.0.1|0|10.0.2.100|80|tcp"},
  {"8000-8099:9000-9099", "|8000||9000|tcpx100"},
  {"8080:80/", "invalid PortSpec string: \"8080:80/\": unknown proto: \"\""},
  {"x", "unexpected ChildPort in PortSpec string: \"x\": strconv.Atoi: parsing \"x\": invalid "
        "syntax"},
  {"", "unexpected ChildPort in PortSpec string: \"\": strconv.Atoi: parsing \"\": invalid syntax"},
  {"[::]:80", "unexpected ParentPort in PortSpec string: \"[::]:80\": strconv.Atoi: parsing \"\": "
              "invalid syntax"},
  {"LOCALHOST:8080:80", "unexpected ParentIP in PortSpec string: \"LOCALHOST:8080:80\""},
  {"unix:/run/x.sock:80", "/run/x.sock 600||80|tcp"},
  {"unix:/run/x.sock:80/tcp", "/run/x.sock 600||80|tcp"},
  {"unix:/x:0660:80", "/x 660||80|tcp"},
  {"unix:/x:660:[::1]:80/tcp6", "/x 660|::1|80|tcp6"},
  {"unix:/x:10.0.2.100:80", "/x 600|10.0.2.100|80|tcp"},
  {"unix:/x", "no port inside in PortSpec string: \"unix:/x\""},
  {"unix:/x:888:80", "unexpected ChildIP in PortSpec string: \"unix:/x:888:80\""},
  {"unix:/x:888:1.1.1.1:80",
   "mode must be an octal number up to 0777 in PortSpec string: \"unix:/x:888:1.1.1.1:80\""},
  {"unix:/x:7777:1.1.1.1:80",
   "mode must be an octal number up to 0777 in PortSpec string: \"unix:/x:7777:1.1.1.1:80\""},
  {"unix:/:80", "not the absolute path of a file in PortSpec string: \"unix:/:80\""},
  {"unix:x:80", "unexpected ParentIP in PortSpec string: \"unix:x:80\""},
  {"unix:/x:80-81", "ranges of different length in PortSpec string: \"unix:/x:80-81\""},
  {"1:2:3:4:5", "unexpected PortSpec string: \"1:2:3:4:5\""},
};

#define WANTED "; wanted: " RK_PORTSPEC_FORM

static struct {
  char const *text, *want;
} const checks[] = {
  {"127.0.0.1:8080:80/tcp", "good"},
  {"127.0.0.1:8080:80/sctp", "good"},
  {"127.0.0.1:0:80/tcp", "invalid ParentPort: 0"},
  {"127.0.0.1:-1:80/tcp", "invalid ParentPort: -1"},
  {"127.0.0.1:70000:80/tcp", "invalid ParentPort: 70000"},
  {"127.0.0.1:80:0/tcp", "invalid ChildPort: 0"},
  {"127.0.0.1:80:65536/tcp", "invalid ChildPort: 65536"},
  {"65000-65536:1-537/tcp", "invalid ParentPort: 65536"},
  {"1-537:65000-65536/tcp", "invalid ChildPort: 65536"},
};

static struct {
  char const *text, *want;
  int no6;
} const listen_[] = {
  {":80:80/tcp", ":: 80", 0},
  {":80:80/tcp", "0.0.0.0 80", 1},
  {"0.0.0.0:80:80/udp", ":: 80", 0},
  {"[::]:80:80/tcp", ":: 80", 0},
  {"0.0.0.0:80:80/tcp4", "0.0.0.0 80", 0},
  {":80:80/udp4", "0.0.0.0 80", 0},
  {":80:80/tcp6", ":: 80 v6only", 0},
  {"[::]:80:80/udp6", ":: 80 v6only", 1},
  {"127.0.0.1:80:80/tcp", "127.0.0.1 80", 0},
  {"[::1]:80:80/tcp", "::1 80 v6only", 0},
  {"[::ffff:127.0.0.1]:80:80/tcp", "127.0.0.1 80", 0},
  {"[::1]:80:80/tcp4", "listen tcp4: address ::1: no suitable address found", 0},
  {"127.0.0.1:80:80/tcp6", "listen tcp6: address 127.0.0.1: no suitable address found", 0},
};

static struct {
  char const *text, *want;
} const targets[] = {
  {":8080:80/tcp", "127.0.0.1 80"},
  {"0.0.0.0:8080:80/tcp", "127.0.0.1 80"},
  {"192.0.2.7:8080:80/tcp", "127.0.0.1 80"}, /* the host's first address */
  {"192.0.2.8:8080:80/tcp", "192.0.2.8 80"},
  {"127.0.0.2:8080:80/tcp", "127.0.0.2 80"},
  {"[::]:8080:80/tcp", "::1 80"},
  {"[::1]:8080:80/tcp", "::1 80"},
  {"127.0.0.2:8080:10.0.2.100:80/tcp", "10.0.2.100 80"},
  {"127.0.0.2:8080:192.0.2.7:80/tcp", "192.0.2.7 80"},
  {"[::]:8080:127.0.0.1:80/tcp", "127.0.0.1 80"},
  {"127.0.0.1:8080:[::1]:80/tcp", "::1 80"},
  {":8080:0.0.0.0:80/tcp", "127.0.0.1 80"},
};

static struct {
  char const *text, *want;
} const files[] = {
  {"127.0.0.1:8080:80/tcp\n", "tcp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {"127.0.0.1:8080:80/tcp", "tcp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {"# web\n\n  127.0.0.1:8080:80/tcp \r\nsrcip=require\nrefuse=backend\nlisten-fd=http\n",
   "tcp srcip 1 idle 0 refuse 1 wait 0 0 fd http"},
  {":1:1/tcp\nsrcip=loopback", "tcp srcip 4 idle 0 refuse 0 wait 0 0 fd "},
  {":1:1/tcp\nwait=0", "tcp srcip 0 idle 0 refuse 0 wait 1 0 fd "},
  {":1:1/tcp\nwait=86400", "tcp srcip 0 idle 0 refuse 0 wait 1 86400 fd "},
  {":1:1/udp\nwait=forever", "udp srcip 0 idle 0 refuse 0 wait 2 0 fd "},
  {":1:1/tcp\nwait=86401", "2: wait must be 0 to 86400 seconds or forever, not \"86401\""},
  {":1:1/tcp\nwait=", "2: wait must be 0 to 86400 seconds or forever, not \"\""},
  {":1:1/tcp\nwait=-1", "2: wait must be 0 to 86400 seconds or forever, not \"-1\""},
  {":1:1/tcp\nwait=1\nwait=2", "3: key given twice: \"wait\""},
  {":1:1/tcp\nwait=1\nrefuse=backend", "0: refuse=backend and wait= exclude each other"},
  {":1:1/tcp\nsrcip=plain", "tcp srcip 3 idle 0 refuse 0 wait 0 0 fd "},
  {":53:53/udp\nsrcip=no\nidle=30\n", "udp srcip 2 idle 30 refuse 0 wait 0 0 fd "},
  {"", "0: no port spec in the file" WANTED},
  {"# nothing\n\n", "0: no port spec in the file" WANTED},
  {"x/tcp\n", "1: unexpected ChildPort in PortSpec string: \"x/tcp\": strconv.Atoi: parsing \"x\": "
              "invalid syntax" WANTED},
  {"80\n", "tcp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {":0:1/tcp\n", "tcp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {"0-1:1-2/tcp\n", "1: invalid ParentPort: 0" WANTED},
  {":70000:1/tcp\n", "1: invalid ParentPort: 70000" WANTED},
  {":1:1/tcp\nifname=wg0", "tcp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {":1:1/tcp\nifname=a/b", "2: ifname must be the name of an interface, not \"a/b\""},
  {"1.1.1.1:1:1/tcp\nifname=a", "0: ifname= and a host address exclude each other"},
  {":1:1/udp\ngroup=239.1.2.3%eth0", "udp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {":1:1/udp\ngroup=ff02::1:3%eth0\nifname=eth0", "udp srcip 0 idle 0 refuse 0 wait 0 0 fd "},
  {":1:1/udp\ngroup=239.1.2.3", "2: group must be a multicast address, % and an interface, not "
                                "\"239.1.2.3\""},
  {":1:1/udp\ngroup=192.0.2.1%eth0",
   "2: group must be a multicast address, % and an interface, not "
   "\"192.0.2.1%eth0\""},
  {":1:1/udp\ngroup=239.1.2.3%", "2: group must be a multicast address, % and an interface, not "
                                 "\"239.1.2.3%\""},
  {":1:1/tcp\ngroup=239.1.2.3%a", "0: group is for udp"},
  {":1:1/udp6\ngroup=239.1.2.3%a", "0: group and the protocol are of different families"},
  {"1.1.1.1:1:1/udp\ngroup=239.1.2.3%a",
   "0: group= and a host address or listen-fd= exclude each other"},
  {":1:1/udp\ngroup=239.1.2.3%a\nifname=b", "0: group= and ifname= name different interfaces"},
  {":1:1/tcp\nfoo=bar\n",
   "2: unknown key \"foo\"; there are srcip, idle, refuse, wait, listen-fd, ifname, group"},
  {":1:1/tcp\n\nfoo\n", "3: not a key=value line: \"foo\""},
  {":1:1/tcp\n:2:2/tcp\n", "2: not a key=value line: \":2:2/tcp\""},
  {":1:1/tcp\nsrcip=no\nsrcip=no\n", "3: key given twice: \"srcip\""},
  {":1:1/tcp\nsrcip=maybe\n",
   "2: srcip must be prefer, require, no, plain or loopback, not \"maybe\""},
  {":1:1/udp\nidle=0\n", "2: idle must be 1 to 86400 seconds, not \"0\""},
  {":1:1/udp\nidle=86401\n", "2: idle must be 1 to 86400 seconds, not \"86401\""},
  {":1:1/udp\nidle=\n", "2: idle must be 1 to 86400 seconds, not \"\""},
  {":1:1/tcp\nlisten-fd=\n", "2: listen-fd must be a name of 1 to 63 bytes, not \"\""},
  {":1:1/tcp\nidle=5\n", "0: idle is for udp"},
  {":1:1/udp\nrefuse=backend\n", "0: refuse=backend is for tcp"},
  {"1-2:1-2/tcp\nlisten-fd=a\n", "0: listen-fd names one socket, not a range"},
};

static void conflicts(void)
{
  static struct {
    char const *a, *b;
    int want;
  } const t[] = {
    {":80:80/tcp", ":80:81/tcp", 1},        {":80:80/tcp", ":80:80/tcp4", 0},
    {":80:80/tcp", "0.0.0.0:80:80/tcp", 0}, {"80-89:80-89/tcp", "89:1/tcp", 1},
    {"80-89:80-89/tcp", "90:1/tcp", 0},     {"90:1/tcp", "80-89:80-89/tcp", 0},
    {":0:80/tcp", ":0:80/tcp", 0},
  };
  struct rk_portspec a, b;

  for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
    rk_portspec_parse(t[i].a, strlen(t[i].a), RK_PORTSPEC_RK, &a, err, sizeof err);
    rk_portspec_parse(t[i].b, strlen(t[i].b), RK_PORTSPEC_RK, &b, err, sizeof err);
    is_num(rk_portspec_conflict(&a, &b), t[i].want, t[i].b);
  }
}

#define EACH(table, got) \
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) \
  is_str(got, table[i].want, #table)

int main(void)
{
  static char big[RK_PORTFILE_MAX + 1];
  struct rk_portspec s;
  char text[200];

  EACH(peer, parsed(peer[i].text, RK_PORTSPEC_ROOTLESSKIT));
  EACH(ours, parsed(ours[i].text, RK_PORTSPEC_RK));
  EACH(brief, parsed(brief[i].text, RK_PORTSPEC_RK | RK_PORTSPEC_SHORT));
  EACH(checks, checked(checks[i].text));
  EACH(listen_, listens(listen_[i].text, listen_[i].no6));
  EACH(targets, target(targets[i].text, "192.0.2.7"));
  EACH(files, file(files[i].text, strlen(files[i].text)));
  conflicts();
  is_str(file(":1:1/tcp\0\n", 10),
         "1: invalid PortSpec string: \":1:1/tcp\\x00\": unknown proto: \"tcp\\x00\"" WANTED,
         "a zero byte");
  memset(big, '\n', sizeof big);
  is_str(file(big, sizeof big), "0: file longer than 4096 bytes", "too long");
  rk_portspec_parse("[::1]:5-9:[::2]:6-10/udp", 24, RK_PORTSPEC_RK, &s, err, sizeof err);
  rk_portspec_format(&s, text, sizeof text);
  is_str(text, "[::1]:5-9:[::2]:6-10/udp", "format");
  rk_portspec_parse(":5:6/tcp4", 9, 0, &s, err, sizeof err);
  rk_portspec_format(&s, text, sizeof text);
  is_str(text, ":5:6/tcp4", "format without addresses");
  /* A message never runs over its buffer. */
  rk_portspec_parse("xxxxxxxxxxxxxxxxxxxxxxxxxxxx", 28, 0, &s, err, 8);
  is_str(err, "missing", "a short buffer");
  return tap_done();
}
