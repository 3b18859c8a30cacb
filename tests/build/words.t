#!/bin/sh
# plain words: no nouns that only this project understands, no idioms that stop a reader whose first language is another
. "${RK_TEST_LIB:-tests/lib.sh}"
tab=$(printf '\t')
# An extended regular expression, a tab, what to write instead.
sed "s/ => /$tab/" > "$T/everywhere" <<'END'
\b[Dd]oors?\b => the control socket
\bwired\b => connected
\bnetup\b => the driver, the loopback test, ...
\b[Tt]he peer('s)?\b => RootlessKit, the client, the other end
\b[Ll]est\b => so that ... not
\b[Ww]hence\b => from which
\b[Ss]tands? in\b => is in, replaces
END
sed "s/ => /$tab/" > "$T/shown" <<'END'
\b[Bb]ehind\b => after
\bplumbing\b => which variables it is
\ball the same\b => nevertheless
\bfor good\b => permanently
\bsays so\b => prints a warning
\bfirst hand\b => directly
\bof one's own\b => your own
\bturn(ed|s)? round\b => what is done
(^|[.;:] )Whoever\b => the user who, a process that
END
grep -v '^#' tests/build/allowed-words | sed 's/ *# .*//; s|.*|s~&~~g|' > "$T/allowed.sed"

# The string literals of C files, one a line: FILE:NUMBER:TEXT
literals() {
  awk '
    FNR == 1 { comment = 0 }
    {
      line = $0; out = ""
      while (line != "") {
        if (comment) {
          at = index(line, "*/")
          if (!at) break
          comment = 0; line = substr(line, at + 2)
        } else if (match(line, /"([^"\\]|\\.)*"|\/\*/)) {
          piece = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
          if (piece == "/*") comment = 1; else out = out " " substr(piece, 2, length(piece) - 2)
        } else break
      }
      if (out != "") print FILENAME ":" FNR ":" out
    }' "$@"
}
judge() { # LIST: the lines of stdin that it meets, with what to write instead
  sed -E -f "$T/allowed.sed" > "$T/lines"
  while IFS=$tab read -r word instead; do
    sed 's/^[^:]*:[^:]*://' "$T/lines" | grep -nE -e "$word" | cut -d: -f1 | while read -r n; do
      echo "$(sed -n "${n}p" "$T/lines"): write: $instead"
    done
  done < "$1"
}
code() { find src tests/probe tests/unit -name '*.[ch]' | LC_ALL=C sort; }
texts() { ls doc/*.[1-9] README.md SECURITY.md ARCHITECTURE.md CONTRIBUTING.md examples/README.md; }
# shellcheck disable=SC2046 # our own file names
is "$(grep -nH '' $(code) $(texts) Makefile package/targets package/deps.list .ci/run | judge "$T/everywhere")" "" \
  "no private noun in code, comments, pages and texts"
# shellcheck disable=SC2046
is "$(literals $(find src -name '*.[ch]') | judge "$T/shown")" "" "messages speak plainly"
# shellcheck disable=SC2046
is "$(grep -nH '' $(texts) | judge "$T/shown")" "" "pages and texts speak plainly"

# The list is not asleep.
cat > "$T/x.c" <<'END'
/* behind the door */ char const *s = "put it behind"; /* "all the same */
  f("it \"says so\"", 'x'); /* lest
   whence "plumbing" */ g("left behind");
END
is "$(literals "$T/x.c" | judge "$T/shown" | wc -l)" 2 "only messages are judged as such, and an allowed phrase passes"
is "$(grep -nH '' "$T/x.c" | judge "$T/everywhere" | wc -l)" 3 "a comment is judged for private nouns"

# The map names what is there.
named() { # FILE: paths in backquotes; a file without a folder is in that of the path before it
  awk '/^    / { next } {
    n = split($0, part, "`")
    for (i = 2; i <= n; i += 2) {
      p = part[i]
      if (p ~ /^(src|tests|package|doc|examples|\.ci)\/[^ *=]*$/ && p !~ /[A-Z]\.|\/rk-x/) {
        print p; folder = p
        if (p ~ /\.[a-z]+$/) sub(/[^\/]*$/, "", folder); else folder = folder "/"
      } else if (p ~ /^[a-z][a-z0-9_-]*\.([ch]|txt)$/ && folder != "") print folder p
    } }' "$1" | LC_ALL=C sort -u
}
is "$(for f in ARCHITECTURE.md CONTRIBUTING.md SECURITY.md; do
  named "$f" | while read -r p; do [ -e "$p" ] || [ -e "tests/security/${p##*/}" ] || echo "$f: $p"; done
done)" "" "ARCHITECTURE.md, CONTRIBUTING.md and SECURITY.md name files that exist"
done_testing
