/* SPDX-License-Identifier: ISC
   fuzz: src/rk-api/json.c src/rk-api/http.c src/rk-api/conn.c
   fuzz: src/libcompat/go_quote.c src/libcompat/go_text.c
   fuzz-libs: microhttpd cjson
   Any bytes as the body of a POST and as the path of a request: a spec that is accepted goes
   through the answer's JSON and comes back the same; a cleaned path is clean. */
#include <stdlib.h>
#include <string.h>

#include "../../src/rk-api/http.h"
#include "../../src/rk-api/apid.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

static void body(char const *text, size_t size)
{
  struct rk_portspec spec, again;
  char err[RK_PORTSPEC_ERRMAX];
  cJSON *status, *part;
  char *json;

  if (apid_spec(text, size, &spec, err, sizeof err) < 0) {
    if (!memchr(err, 0, sizeof err))
      abort();
    json = apid_message(err);
    if (!json)
      abort();
    free(json);
    return;
  }
  status = apid_status(1, &spec, 0);
  part = cJSON_DetachItemFromObject(status, "spec");
  cJSON_Delete(status);
  json = apid_text(part, "\n");
  if (!json || apid_spec(json, strlen(json), &again, err, sizeof err) < 0 ||
      memcmp(&spec, &again, sizeof spec))
    abort();
  free(json);
}

static void path(uint8_t const *data, size_t size)
{
  char *text = malloc(size + 1), *out, *again;
  size_t len;

  if (!text)
    abort();
  memcpy(text, data, size);
  text[size] = 0;
  len = strlen(text);
  out = malloc(len < 1 ? 2 : len + 1);
  again = malloc(len < 1 ? 2 : len + 1);
  if (!out || !again)
    abort();
  if (*text == '/') {
    apid_clean(text, out);
    if (*out != '/' || strstr(out, "//") || strstr(out, "/../") || strstr(out, "/./"))
      abort();
    if (apid_clean(out, again))
      abort();
  }
  free(again);
  free(out);
  free(text);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  body((char const *)data, size);
  path(data, size);
  return 0;
}
