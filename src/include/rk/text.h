/* SPDX-License-Identifier: ISC
   Text built in a buffer of fixed size, without stdio. What does not fit is cut off; the text is
   always terminated. */
#ifndef RK_TEXT_H
#define RK_TEXT_H

#include <stddef.h>

struct rk_text {
  char *s;     /* the caller's buffer */
  size_t size; /* its size, at least 1 */
  size_t len;  /* bytes in it, without the terminator */
  int cut;     /* something did not fit */
};

/* Begin an empty text in buf. */
struct rk_text rk_text_in(char *buf, size_t size);

void rk_text_mem(struct rk_text *t, char const *s, size_t len);
void rk_text_str(struct rk_text *t, char const *s);

/* Append all texts of a list that ends with NULL; rk_text_add(&t, "a", b, "c") makes the list. */
void rk_text_all(struct rk_text *t, char const *const *texts);
#define rk_text_add(t, ...) rk_text_all((t), (char const *const[]){__VA_ARGS__, NULL})

void rk_text_num(struct rk_text *t, long long n);

/* Like Go's %q: in double quotes; quotes, bytes that are not UTF-8, and characters that have no
   look of their own (control characters, blanks other than ' ', ...) escaped. So a file's content
   can be part of a one-line message, and of what a terminal shows, whatever it holds. Go knows all
   of Unicode and escapes what is not assigned, too. */
void rk_text_quote(struct rk_text *t, char const *s, size_t len);

/* One word of a shell command: as it is if no shell gives its bytes a meaning, else in single
   quotes; control characters and bytes that are not ASCII by way of printf(1), so that the word is
   safe to print and to paste. (If the last byte is a newline as $'...', which POSIX has since 2024
   and dash has not.) */
void rk_text_shell(struct rk_text *t, char const *s);

/* The same without quotes, and quotes and backslashes stay: for text in which ours and others' are
   mixed. What is quoted already stays as it is. Bytes that are not ours reach a terminal, a log or
   a line of a status file by one of these functions only. */
void rk_text_safe(struct rk_text *t, char const *s, size_t len);

/* Its step: the first character of len > 0 bytes, as at most RK_TEXT_STEP ones. Returns how many
   bytes it took. */
enum { RK_TEXT_STEP = 10 };
size_t rk_text_safe_one(struct rk_text *t, char const *s, size_t len);

/* JSON string (RFC 8259), quotes included; a byte that is not UTF-8 becomes U+FFFD, and what
   rk_text_quote escapes is escaped, up to U+FFFF. */
void rk_text_json(struct rk_text *t, char const *s, size_t len);

/* JSON that another program has made, with the same characters escaped as in rk_text_json (cJSON
   leaves DEL, C1 and bytes that are not UTF-8 as they are; all of them occur in strings only).
   What is escaped already stays. */
void rk_text_json_safe(struct rk_text *t, char const *json, size_t len);

/* Length of the valid UTF-8 sequence (1 to 4 bytes) that s begins with, 0 if it begins with
   none. */
size_t rk_utf8(char const *s, size_t len);

#endif
