/* SPDX-License-Identifier: ISC
   JSON as RootlessKit writes and reads it: key order, case-insensitive keys, Go's error texts. */
#include <compat/go.h>
#include "apid.h"
#include <compat/version.h>
#include <rk/chain.h>
#include <rk/state.h>
#include <rk/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ANSWER_MS = 2000 };

static char const *kind(cJSON const *v)
{
  if (cJSON_IsString(v))
    return "string";
  if (cJSON_IsNumber(v))
    return "number";
  if (cJSON_IsBool(v))
    return "bool";
  if (cJSON_IsArray(v))
    return "array";
  return "object";
}

static int wrong(char *err, size_t errsize, cJSON const *v, char const *field, char const *type)
{
  snprintf(err, errsize, "json: cannot unmarshal %s into Go struct field Spec.%s of type %s",
           kind(v), field, type);
  return -1;
}

static int blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Does the text end before its first value does? An open string, an open bracket, half a word. */
static int truncated(char const *s, char const *end)
{
  static char const *const words[] = {"true", "false", "null"};
  size_t len = (size_t)(end - s);
  int depth = 0, quoted = 0;

  for (size_t i = 0; i < 3; i++)
    if (len < strlen(words[i]) && !memcmp(s, words[i], len))
      return 1;
  for (; s < end; s++) {
    if (quoted && *s == '\\')
      s++;
    else if (*s == '"')
      quoted = !quoted;
    else if (!quoted && (*s == '{' || *s == '['))
      depth++;
    else if (!quoted && (*s == '}' || *s == ']'))
      depth--;
  }
  return quoted || depth > 0;
}

/* One JSON value from the start of the body; what follows it is ignored. */
static cJSON *parse(char const *body, size_t len, char *err, size_t errsize)
{
  char const *end = body + len, *at = 0;
  cJSON *v;

  while (body < end && blank(*body))
    body++;
  if (body == end) {
    snprintf(err, errsize, "EOF");
    return 0;
  }
  v = cJSON_ParseWithLengthOpts(body, (size_t)(end - body), &at, 0);
  if (v)
    return v;
  if (truncated(body, end))
    snprintf(err, errsize, "unexpected EOF");
  else
    snprintf(err, errsize, "invalid character '%c' looking for beginning of value",
             at && at < end ? *at : *body);
  return 0;
}

static int is_control(char const *s, char const *end)
{
  static char const hex[] = "0123456789abcdefABCDEF";

  if ((unsigned char)*s < 0x20 || *s == 0x7f)
    return 1;
  if (*s != '\\' || end - s < 2)
    return 0;
  if (strchr("bfnrt", s[1]))
    return s[1] != 0;
  if (s[1] != 'u' || end - s < 6 || s[2] != '0' || s[3] != '0' || !strchr(hex, s[5]))
    return 0;
  /* C0, DEL and C1 */
  return s[4] == '0' || s[4] == '1' || s[4] == '8' || s[4] == '9' ||
         (s[4] == '7' && (s[5] | 0x20) == 'f');
}

/* Does a string of the text have a control character, escaped or not? To cJSON \u0000 is the end of
   a string, and then what is checked is not what was sent. */
static int has_control(char const *s, char const *end)
{
  int quoted = 0;

  for (; s < end; s++) {
    if (quoted && is_control(s, end))
      return 1;
    if (quoted && *s == '\\')
      s++;
    else if (*s == '"')
      quoted = !quoted;
  }
  return 0;
}

struct raw {
  char const *proto, *parentip, *childip;
  double parentport, childport;
};

static int read_field(struct raw *raw, cJSON const *v, char *err, size_t errsize)
{
  static char const *const texts[] = {"proto", "parentIP", "childIP"};
  static char const *const numbers[] = {"parentPort", "childPort"};
  char const **text[] = {&raw->proto, &raw->parentip, &raw->childip};
  double *number[] = {&raw->parentport, &raw->childport};

  for (size_t i = 0; i < 3; i++)
    if (!strcasecmp(v->string, texts[i])) {
      if (cJSON_IsNull(v))
        return 0;
      if (!cJSON_IsString(v))
        return wrong(err, errsize, v, texts[i], "string");
      *text[i] = v->valuestring;
    }
  for (size_t i = 0; i < 2; i++)
    if (!strcasecmp(v->string, numbers[i])) {
      double n = v->valuedouble;
      if (cJSON_IsNull(v))
        return 0;
      if (!cJSON_IsNumber(v))
        return wrong(err, errsize, v, numbers[i], "int");
      if (n < -1e15 || n > 1e15 || (double)(long long)n != n) {
        snprintf(err, errsize,
                 "json: cannot unmarshal number %.17g into Go struct field Spec.%s of type int", n,
                 numbers[i]);
        return -1;
      }
      *number[i] = n;
    }
  return 0;
}

static int copy_ip(char *to, char const *from, char const *name, char *err, size_t errsize)
{
  char quoted[256];

  if (strlen(from) < RK_PORTSPEC_IPMAX) {
    strcpy(to, from);
    return 0;
  }
  snprintf(err, errsize, "invalid %s: %s", name, go_quote(from, quoted, sizeof quoted));
  return -1;
}

static int fill(struct rk_portspec *spec, struct raw const *raw, char *err, size_t errsize)
{
  char quoted[256];

  memset(spec, 0, sizeof *spec);
  spec->proto = rk_proto_named(raw->proto, strlen(raw->proto));
  if (!spec->proto) {
    snprintf(err, errsize, "unknown proto: %s", go_quote(raw->proto, quoted, sizeof quoted));
    return -1;
  }
  if (copy_ip(spec->parentip, raw->parentip, "ParentIP", err, errsize) < 0)
    return -1;
  if (copy_ip(spec->childip, raw->childip, "ChildIP", err, errsize) < 0)
    return -1;
  spec->parentport = (int64_t)raw->parentport;
  spec->childport = (int64_t)raw->childport;
  spec->count = 1;
  return rk_portspec_check(spec, err, errsize);
}

int apid_spec(char const *body, size_t len, struct rk_portspec *spec, char *err, size_t errsize)
{
  struct raw raw = {.proto = "", .parentip = "", .childip = ""};
  cJSON *v;
  int r = 0;

  if (has_control(body, body + len)) {
    snprintf(err, errsize, "control character in a string");
    return -1;
  }
  v = parse(body, len, err, errsize);
  if (!v)
    return -1;
  if (!cJSON_IsObject(v) && !cJSON_IsNull(v)) {
    snprintf(err, errsize, "json: cannot unmarshal %s into Go value of type port.Spec", kind(v));
    r = -1;
  }
  for (cJSON *f = v->child; f && !r && cJSON_IsObject(v); f = f->next)
    r = read_field(&raw, f, err, errsize);
  if (!r)
    r = fill(spec, &raw, err, errsize);
  cJSON_Delete(v);
  return r;
}

cJSON *apid_status(long id, struct rk_portspec const *spec, unsigned int k)
{
  cJSON *status = cJSON_CreateObject(), *s = cJSON_CreateObject();

  cJSON_AddNumberToObject(status, "id", (double)id);
  cJSON_AddItemToObject(status, "spec", s);
  cJSON_AddStringToObject(s, "proto", rk_proto_name(spec->proto));
  if (spec->parentip[0])
    cJSON_AddStringToObject(s, "parentIP", spec->parentip);
  cJSON_AddNumberToObject(s, "parentPort", (double)(spec->parentport + k));
  cJSON_AddNumberToObject(s, "childPort", (double)(spec->childport + k));
  if (spec->childip[0])
    cJSON_AddStringToObject(s, "childIP", spec->childip);
  return status;
}

/* dns: the array so far, or NULL. Returns the array. text is cut up. */
static cJSON *add_servers(cJSON *net, cJSON *dns, char *text)
{
  char *save = NULL;

  if (!dns)
    dns = cJSON_AddArrayToObject(net, "dns");
  for (char *p = strtok_r(text, " \n", &save); p; p = strtok_r(NULL, " \n", &save))
    cJSON_AddItemToArray(dns, cJSON_CreateString(p));
  return dns;
}

static int has_ipv6(struct apid const *a)
{
  char text[INET6_ADDRSTRLEN];

  return rk_fact_read(a->dirfd, "net/ip6", text, sizeof text) > 0;
}

static cJSON *network(struct apid const *a)
{
  char driver[64], text[512];
  cJSON *net, *dns = NULL;

  if (rk_fact_read(a->dirfd, "net/driver", driver, sizeof driver) <= 0)
    return 0;
  net = cJSON_CreateObject();
  cJSON_AddStringToObject(net, "driver", driver);
  if (!strcmp(driver, "none"))
    return net;
  if (!strcmp(driver, "lxc-user-nic")) {
    cJSON_AddTrueToObject(net, "dynamicChildIP");
    return net;
  }
  if (rk_fact_read(a->dirfd, "net/dns", text, sizeof text) > 0)
    dns = add_servers(net, dns, text);
  if (rk_fact_read(a->dirfd, "net/dns6", text, sizeof text) > 0)
    add_servers(net, dns, text);
  if (rk_fact_read(a->dirfd, "net/ip", text, sizeof text) > 0)
    cJSON_AddStringToObject(net, "childIP", text);
  if (has_ipv6(a))
    cJSON_AddTrueToObject(net, "ipv6");
  return net;
}

/* Do services see the client's address? */
static int keeps_source(struct apid const *a)
{
  for (char const *const *o = a->option; *o; o++)
    if (!strcmp(*o, "srcip=plain") || !strcmp(*o, "srcip=no"))
      return 0;
  return 1;
}

static cJSON *ports(struct apid const *a)
{
  static char const *const builtin[] = {"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"};
  static char const *const four[] = {"tcp", "tcp4", "udp", "udp4", "tcp6", "udp6"};
  static char const *const names[] = {"none", "builtin", "slirp4netns", "gvisor-tap-vsock",
                                      "pesto"};
  cJSON *p = cJSON_CreateObject();

  int pesto6 = a->driver == APID_PESTO && has_ipv6(a);

  cJSON_AddStringToObject(p, "driver", names[a->driver]);
  if (a->driver != APID_BUILTIN) {
    cJSON_AddItemToObject(p, "protos", cJSON_CreateStringArray(four, pesto6 ? 6 : 4));
    cJSON_AddTrueToObject(p, "disallowLoopbackChildIP");
    return p;
  }
  cJSON_AddItemToObject(p, "protos", cJSON_CreateStringArray(builtin, 6));
  if (keeps_source(a)) {
    /* rk-relay's rules are those of nf_tables, by netlink; it knows no iptables */
    cJSON *extra = cJSON_AddObjectToObject(p, "extra");
    cJSON_AddStringToObject(extra, "sourceIPTransparentBackend", "nft");
  }
  return p;
}

/* Clients enter the process of this number, so it does not come from the file child_pid, which root
   inside can write. 0: there is none, or it cannot be proved. */
static int child_pid(struct apid const *a)
{
  char reason[200];
  struct rk_text why = rk_text_in(reason, sizeof reason);
  struct rk_chain chain;

  if (rk_chain_find(a->dirfd, ANSWER_MS, &chain, &why) == -1)
    return 0;
  close(chain.pidfd);
  close(chain.userns);
  return chain.pid;
}

cJSON *apid_info(struct apid const *a)
{
  cJSON *info = cJSON_CreateObject(), *net = network(a);

  cJSON_AddStringToObject(info, "apiVersion", COMPAT_API);
  cJSON_AddStringToObject(info, "version", COMPAT_VERSION);
  cJSON_AddStringToObject(info, "stateDir", a->dir);
  cJSON_AddNumberToObject(info, "childPID", child_pid(a));
  if (net)
    cJSON_AddItemToObject(info, "networkDriver", net);
  if (a->driver != APID_NONE)
    cJSON_AddItemToObject(info, "portDriver", ports(a));
  return info;
}

/* Go's encoder escapes the three characters that matter in HTML; in JSON they occur in strings
   only. */
char *apid_text(cJSON *object, char const *tail)
{
  char *plain = object ? cJSON_PrintUnformatted(object) : 0, *out = 0;
  size_t room;
  struct rk_text t;

  cJSON_Delete(object);
  if (!plain)
    return 0;
  room = 6 * strlen(plain) + strlen(tail) + 1;
  out = malloc(room);
  if (out) {
    t = rk_text_in(out, room);
    for (char const *p = plain; *p;) {
      size_t n = strcspn(p, "<>&");
      rk_text_json_safe(&t, p, n);
      p += n;
      if (*p)
        t.len += (size_t)sprintf(t.s + t.len, "\\u%04x", (unsigned int)(unsigned char)*p++);
    }
    rk_text_str(&t, tail);
  }
  cJSON_free(plain);
  return out;
}

char *apid_message(char const *message)
{
  cJSON *m = cJSON_CreateObject();

  cJSON_AddStringToObject(m, "message", message);
  return apid_text(m, "\n");
}
