/* SPDX-License-Identifier: ISC */
#include <rk/portstatus.h>

#include <string.h>

#include <rk/fail.h>
#include <rk/state.h>

ssize_t rk_portstatus_read(int statusfd, char const *name, char *buf, size_t size)
{
  if (statusfd == -1)
    return rk_fail(ENOENT);
  return rk_fact_read(statusfd, name, buf, size);
}

ssize_t rk_portstatus_value(char const *text, char const *key, char *buf, size_t size)
{
  size_t klen = strlen(key);

  while (*text) {
    size_t len = strcspn(text, "\n");
    if (len > klen && !memcmp(text, key, klen) && text[klen] == '=') {
      len -= klen + 1;
      if (len >= size)
        len = size - 1;
      memcpy(buf, text + klen + 1, len);
      buf[len] = 0;
      return (ssize_t)len;
    }
    text += len;
    if (*text)
      text++;
  }
  return rk_fail(ENOENT);
}

enum rk_portstate rk_portstatus_state(char const *text)
{
  static char const *const words[] = {
    [RK_PORTSTATE_WAITING] = "waiting",
    [RK_PORTSTATE_LISTENING] = "listening",
    [RK_PORTSTATE_ERROR] = "error",
  };
  char state[16];

  if (rk_portstatus_value(text, "state", state, sizeof state) == -1)
    return RK_PORTSTATE_NONE;
  for (unsigned int i = RK_PORTSTATE_WAITING; i <= RK_PORTSTATE_ERROR; i++)
    if (!strcmp(state, words[i]))
      return (enum rk_portstate)i;
  return RK_PORTSTATE_NONE;
}
