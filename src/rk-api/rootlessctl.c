/* SPDX-License-Identifier: ISC
   rootlessctl: RootlessKit's command for the API: list, add and remove ports, ask for information.

   where    outside, or inside the chain
   fds/env  reads ROOTLESSKIT_STATE_DIR
   forks    no
   exits    0; 1 with a line on stderr; 3 no such command
*/
#include <compat/go.h>
#include "client.h"
#include <compat/goflags.h>
#include <compat/version.h>
#include <rk/portspec.h>
#include <rk/put.h>
#include <rk/text.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <skalibs/strerr.h>

struct options {
  int debug, help, version, json;
  char const *socket;
};

#define AT(field) offsetof(struct options, field)

static struct goflag const GLOBAL[] = {
  {"debug", NULL, GOFLAG_BOOL, AT(debug), "Options", NULL, "accepted"},
  {"socket", NULL, GOFLAG_TEXT, AT(socket), NULL, "PATH",
   "the API's socket (default: $ROOTLESSKIT_STATE_DIR/api.sock)"},
  {"help", "h", GOFLAG_BOOL, AT(help), NULL, NULL, "print this text"},
  {"version", "v", GOFLAG_BOOL, AT(version), NULL, NULL, "print the version"},
  {0},
};
static struct goflag const WITH_JSON[] = {
  {"json", NULL, GOFLAG_BOOL, AT(json), "Options", NULL, "print JSON"},
  {"help", "h", GOFLAG_BOOL, AT(help), NULL, NULL, "print this text"},
  {0},
};
static struct goflag const BARE[] = {
  {"help", "h", GOFLAG_BOOL, AT(help), "Options", NULL, "print this text"},
  {0},
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(char const *format, ...)
{
  char line[70000] = "error: ";
  va_list ap;

  va_start(ap, format);
  vsnprintf(line + 7, sizeof line - 7, format, ap);
  va_end(ap);
  fflush(stdout);
  rk_put_line(2, line, strlen(line));
  _exit(1);
}

static char *call(struct options const *o, char const *method, char const *path, char const *body)
{
  static char err[70000];
  char *answer;

  if (api_call(o->socket, method, path, body, &answer, err, sizeof err) == -1)
    die("%s", err);
  return answer;
}

static cJSON *ask(struct options const *o, char const *method, char const *path, char const *body)
{
  char *text = call(o, method, path, body);
  cJSON *v = text ? cJSON_Parse(text) : NULL;

  if (!v)
    die("invalid JSON from the API: %s", text ? text : "");
  free(text);
  return v;
}

/* Text of the API's, for people. */
static void print_safe(char const *s)
{
  for (size_t i = 0, len = strlen(s); i < len;) {
    char one[RK_TEXT_STEP + 1];
    struct rk_text t = rk_text_in(one, sizeof one);
    i += rk_text_safe_one(&t, s + i, len - i);
    fputs(one, stdout);
  }
}

/* The value as JSON in one line that no terminal obeys, allocated; NULL: no memory. */
static char *json_text(cJSON const *v)
{
  char *s = cJSON_PrintUnformatted(v), *safe;
  size_t len = s ? strlen(s) : 0, room = 6 * len + 1;
  struct rk_text t;

  safe = s ? malloc(room) : NULL;
  if (safe) {
    t = rk_text_in(safe, room);
    rk_text_json_safe(&t, s, len);
  }
  cJSON_free(s);
  return safe;
}

/* RootlessKit's encoder escapes these three. */
static void print_compact(cJSON *v)
{
  char *s = json_text(v);

  for (char const *p = s; p && *p; p++)
    if (strchr("<>&", *p))
      printf("\\u%04x", (unsigned int)(unsigned char)*p);
    else
      putchar(*p);
  putchar('\n');
  free(s);
}

enum { COLUMNS = 6 };

static void cell(char *out, char const *s)
{
  struct rk_text t = rk_text_in(out, 64);

  rk_text_safe(&t, s, strlen(s));
}

static void cells(cJSON const *status, char out[COLUMNS][64])
{
  cJSON const *s = cJSON_GetObjectItem(status, "spec");

  snprintf(out[0], 64, "%ld", api_number(status, "id"));
  cell(out[1], api_text(s, "proto"));
  cell(out[2], api_text(s, "parentIP"));
  snprintf(out[3], 64, "%ld", api_number(s, "parentPort"));
  cell(out[4], api_text(s, "childIP"));
  snprintf(out[5], 64, "%ld", api_number(s, "childPort"));
}

static void print_table(cJSON const *list)
{
  static char const *const head[COLUMNS] = {"ID",         "PROTO",   "PARENTIP",
                                            "PARENTPORT", "CHILDIP", "CHILDPORT"};
  char row[COLUMNS][64];
  int width[COLUMNS];
  cJSON const *v;

  for (int i = 0; i < COLUMNS; i++)
    width[i] = (int)strlen(head[i]);
  cJSON_ArrayForEach(v, list)
  {
    cells(v, row);
    for (int i = 0; i < COLUMNS; i++)
      if ((int)strlen(row[i]) > width[i])
        width[i] = (int)strlen(row[i]);
  }
  for (int i = 0; i < COLUMNS; i++)
    printf("%-*s", width[i] + 4, head[i]);
  putchar('\n');
  cJSON_ArrayForEach(v, list)
  {
    cells(v, row);
    for (int i = 0; i < COLUMNS; i++)
      printf("%-*s", width[i] + 4, row[i]);
    putchar('\n');
  }
}

static void list_ports(struct options const *o, char const *const *args)
{
  cJSON *list = ask(o, "GET", "/v1/ports", NULL);
  cJSON *v;

  (void)args;
  if (!o->json)
    print_table(list);
  else
    cJSON_ArrayForEach(v, list) print_compact(v);
}

/* Whoever cannot be told the id of a port cannot remove it either. */
static void print_added(struct options const *o, cJSON *status)
{
  long id = api_number(status, "id");
  char path[64];

  if (o->json)
    print_compact(status);
  else
    printf("%ld\n", id);
  if (fflush(stdout) == 0)
    return;
  snprintf(path, sizeof path, "/v1/ports/%ld", id);
  free(call(o, "DELETE", path, NULL));
  die("unable to write to stdout: port %ld is removed", id);
}

/* All are parsed before the first is sent; the first that is refused ends it, those before stay. */
static void add_ports(struct options const *o, char const *const *args)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct rk_portspec spec;

  if (!*args)
    die("no port specified");
  for (char const *const *a = args; *a; a++)
    if (rk_portspec_parse(*a, strlen(*a), RK_PORTSPEC_ROOTLESSKIT, &spec, err, sizeof err) == -1)
      die("%s", err);
  for (; *args; args++) {
    char *body;
    cJSON *status;
    rk_portspec_parse(*args, strlen(*args), RK_PORTSPEC_ROOTLESSKIT, &spec, err, sizeof err);
    body = api_spec(rk_proto_name(spec.proto), spec.parentip, spec.parentport, spec.childip,
                    spec.childport);
    status = ask(o, "POST", "/v1/ports", body);
    print_added(o, status);
    cJSON_Delete(status);
    free(body);
  }
}

static int64_t to_id(char const *s)
{
  char err[600];
  int64_t id;

  if (go_atoi(s, &id, err, sizeof err) == -1)
    die("%s", err);
  return id;
}

static void remove_ports(struct options const *o, char const *const *args)
{
  if (!*args)
    die("no ID specified");
  for (char const *const *a = args; *a; a++)
    to_id(*a);
  for (; *args; args++) {
    char path[64];
    snprintf(path, sizeof path, "/v1/ports/%" PRId64, to_id(*args));
    free(call(o, "DELETE", path, NULL));
    printf("%ld\n", to_id(*args));
    fflush(stdout);
  }
}

static void print_list(char const *title, cJSON const *list)
{
  cJSON const *v;
  int n = 0;

  printf("%s[", title);
  cJSON_ArrayForEach(v, list)
  {
    if (n++)
      putchar(' ');
    if (cJSON_IsString(v))
      print_safe(v->valuestring);
  }
  printf("]\n");
}

static void print_key(char const *key)
{
  size_t len = strlen(key), room = 6 * len + 3;
  char *s = malloc(room);
  struct rk_text t;

  if (!s)
    die("out of memory");
  t = rk_text_in(s, room);
  rk_text_json(&t, key, len);
  printf("%s: ", s);
  free(s);
}

/* Go's MarshalIndent with four blanks. cJSON's own formatting uses tabs, and puts arrays on one
   line. */
static void print_indented(cJSON const *v, int depth)
{
  int n = 0;
  cJSON const *item;
  char *s;

  if (!cJSON_IsObject(v) && !cJSON_IsArray(v)) {
    s = json_text(v);
    printf("%s", s ? s : "");
    free(s);
    return;
  }
  putchar(cJSON_IsObject(v) ? '{' : '[');
  cJSON_ArrayForEach(item, v)
  {
    printf("%s\n%*s", n++ ? "," : "", 4 * (depth + 1), "");
    if (cJSON_IsObject(v))
      print_key(item->string);
    print_indented(item, depth + 1);
  }
  if (n)
    printf("\n%*s", 4 * depth, "");
  putchar(cJSON_IsObject(v) ? '}' : ']');
}

static void print_item(char const *title, char const *text)
{
  printf("%s", title);
  print_safe(text);
  putchar('\n');
}

static void info(struct options const *o, char const *const *args)
{
  cJSON *v = ask(o, "GET", "/v1/info", NULL);
  cJSON const *net = cJSON_GetObjectItem(v, "networkDriver"),
              *ports = cJSON_GetObjectItem(v, "portDriver");

  (void)args;
  if (o->json) {
    print_indented(v, 0);
    putchar('\n');
    return;
  }
  print_item("- REST API version: ", api_text(v, "apiVersion"));
  print_item("- Implementation version: ", api_text(v, "version"));
  print_item("- State Directory: ", api_text(v, "stateDir"));
  printf("- Child PID: %ld\n", api_number(v, "childPID"));
  if (net) {
    print_item("- Network Driver: ", api_text(net, "driver"));
    print_list("  - DNS: ", cJSON_GetObjectItem(net, "dns"));
    if (*api_text(net, "childIP"))
      print_item("  - IP: ", api_text(net, "childIP"));
  }
  if (ports) {
    print_item("- Port Driver: ", api_text(ports, "driver"));
    print_list("  - Supported protocols: ", cJSON_GetObjectItem(ports, "protos"));
  }
}

static struct command {
  char const *name, *args, *help;
  struct goflag const *flags;
  void (*run)(struct options const *o, char const *const *args);
} const COMMANDS[] = {
  {"list-ports", "", "list the published ports", WITH_JSON, list_ports},
  {"add-ports", " SPEC...", "publish ports, e.g. 127.0.0.1:8080:80/tcp", WITH_JSON, add_ports},
  {"remove-ports", " ID...", "withdraw ports", BARE, remove_ports},
  {"info", "", "print what is running", WITH_JSON, info},
  {0},
};

static void print_help(struct command const *c)
{
  if (c) {
    dprintf(1,
            "NAME:\n   rootlessctl %s - %s\n\nUSAGE:\n   rootlessctl %s [options]%s\n\nOPTIONS:\n",
            c->name, c->help, c->name, c->args);
    goflags_help(1, c->flags);
  } else {
    dprintf(1, "NAME:\n   rootlessctl - RootlessKit API client\n\nUSAGE:\n   rootlessctl [options] "
               "command [options] [arguments]\n\n"
               "VERSION:\n   " COMPAT_VERSION " (rk " RK_VERSION ")\n\nCOMMANDS:\n");
    for (c = COMMANDS; c->name; c++)
      dprintf(1, "   %-14s %s\n", c->name, c->help);
    dprintf(1, "   help, h        print this text\n\nOPTIONS:\n");
    goflags_help(1, GLOBAL);
  }
}

static struct command const *find(char const *name)
{
  for (struct command const *c = COMMANDS; c->name; c++)
    if (!strcmp(c->name, name))
      return c;
  char text[256];
  snprintf(text, sizeof text, "No help topic for '%.200s'", name);
  rk_put_line(2, text, strlen(text));
  _exit(3);
}

static void usage_error(struct command const *c, char const *err)
{
  if (!goflags_two_forms(err)) {
    char text[1024];
    snprintf(text, sizeof text, "Incorrect Usage: %s", err);
    rk_put_line(1, text, strlen(text));
    dprintf(1, "\n");
    print_help(c);
  }
  die("%s", err);
}

/* What comes before the command; exits where nothing else is wanted. */
static struct command const *choose(struct options *o, char const *const **argv)
{
  char err[768];
  ptrdiff_t n = goflags_parse(GLOBAL, o, *argv, err, sizeof err);
  char const *word;

  if (n == -1)
    usage_error(NULL, err);
  *argv += n;
  word = **argv;
  if (o->version && !o->help) {
    dprintf(1, "rootlessctl version " COMPAT_VERSION "\n");
    _exit(0);
  }
  if (o->help || !word) {
    print_help(NULL);
    _exit(0);
  }
  ++*argv;
  if (!strcmp(word, "help") || !strcmp(word, "h")) {
    print_help(**argv ? find(**argv) : NULL);
    _exit(0);
  }
  return find(word);
}

static char const *default_socket(void)
{
  char const *dir = getenv("ROOTLESSKIT_STATE_DIR");
  char *path;

  if (!dir || !*dir)
    die("please specify --socket or set $ROOTLESSKIT_STATE_DIR");
  if (asprintf(&path, "%s/api.sock", dir) == -1)
    die("out of memory");
  return path;
}

int main(int argc, char const *const *argv)
{
  struct options o = {.socket = ""};
  struct command const *c;
  char err[768];
  ptrdiff_t n;

  PROG = "rootlessctl";
  if (argc)
    argv++;
  c = choose(&o, &argv);
  n = goflags_parse(c->flags, &o, argv, err, sizeof err);
  if (n == -1)
    usage_error(c, err);
  if (o.help) {
    print_help(c);
    return 0;
  }
  if (!*o.socket)
    o.socket = default_socket();
  c->run(&o, argv + n);
  if (fflush(stdout) || ferror(stdout))
    die("unable to write to stdout");
  return 0;
}
