/* SPDX-License-Identifier: ISC
   Runs a fuzz target without libFuzzer, so that every build and every mode does it with the other
   tests: each seed of tests/fuzz/seeds/NAME, then variations of the seeds from a fixed start, the
   same in every run. `make fuzz` goes further. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

enum { SEEDS_MAX = 64, SIZE_MAX_ = 8192, RUNS = 20000 };

static uint8_t *seed[SEEDS_MAX];
static size_t len[SEEDS_MAX];
static size_t seeds;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t dice(uint32_t sides)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 33) % sides;
}

/* An exact copy on the heap: the sanitizers see a read past its end. */
static void run(uint8_t const *data, size_t size)
{
  uint8_t *copy = malloc(size ? size : 1);

  if (!copy)
    exit(99);
  memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static size_t vary(uint8_t *data, size_t size)
{
  static char const *const words[] = {
    "..",    "/",  "\n",   " ",        "0", "4294967295", "18446744073709551616", "-1", ":", "%",
    "\\040", "\"", "\xff", "\xf0\x9f", "=", "::"};
  size_t from = dice((uint32_t)seeds), at, n;
  char const *word;

  switch (dice(6)) {
    case 0: /* flip a bit */
      if (size)
        data[dice((uint32_t)size)] ^= (uint8_t)(1 << dice(8));
      return size;
    case 1: /* cut */ return size ? dice((uint32_t)size) : 0;
    case 2: /* drop some */
      if (!size)
        return 0;
      at = dice((uint32_t)size);
      n = 1 + dice((uint32_t)(size - at));
      memmove(data + at, data + at + n, size - at - n);
      return size - n;
    case 3: /* put a word in */
      word = words[dice(sizeof words / sizeof *words)];
      n = strlen(word);
      at = dice((uint32_t)size + 1);
      if (size + n > SIZE_MAX_)
        return size;
      memmove(data + at + n, data + at, size - at);
      memcpy(data + at, word, n);
      return size + n;
    case 4: /* go on as another seed does */
      at = dice((uint32_t)len[from] + 1);
      n = len[from] - at;
      if (size + n > SIZE_MAX_)
        return size;
      memcpy(data + size, seed[from] + at, n);
      return size + n;
    default: /* a random byte */
      if (size)
        data[dice((uint32_t)size)] = (uint8_t)dice(256);
      return size;
  }
}

int main(int argc, char **argv)
{
  static uint8_t data[SIZE_MAX_];
  char path[512];
  char const *name = strstr(argv[argc - 1], "t-fuzz-");
  struct dirent *e;
  DIR *d;

  for (char const *next = name; next; next = strstr(next + 1, "t-fuzz-"))
    name = next;
  if (!name)
    return 100;
  snprintf(path, sizeof path, "tests/fuzz/seeds/%s", name + 7);
  d = opendir(path);
  while (d && seeds < SEEDS_MAX && (e = readdir(d))) {
    FILE *f;
    if (e->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "tests/fuzz/seeds/%s/%s", name + 7, e->d_name);
    f = fopen(path, "r");
    if (!f)
      return 111;
    len[seeds] = fread(data, 1, sizeof data, f);
    fclose(f);
    seed[seeds] = malloc(len[seeds] + 1);
    if (!seed[seeds])
      return 99;
    memcpy(seed[seeds], data, len[seeds]);
    seeds++;
  }
  if (!seeds) {
    printf("1..0 # SKIP no seeds in tests/fuzz/seeds/%s\n", name + 7);
    return 0;
  }
  closedir(d);
  run(data, 0);
  for (size_t i = 0; i < seeds; i++)
    run(seed[i], len[i]);
  printf("ok 1 - %s: %zu seeds\n", name + 7, seeds);
  fflush(stdout);
  for (int i = 0; i < RUNS; i++) {
    size_t from = dice((uint32_t)seeds), n = len[from];
    memcpy(data, seed[from], n);
    for (uint32_t k = 1 + dice(8); k; k--)
      n = vary(data, n);
    run(data, n);
  }
  printf("ok 2 - %s: %d variations\n1..2\n", name + 7, RUNS);
  return 0;
}
