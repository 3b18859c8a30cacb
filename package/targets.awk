# package/targets -> make rules
/^[ \t]*(#|$)/ { next }
{
  out = B "/" $2 "/" $1
  if (out in seen) { printf "$(error package/targets names %s twice)\n", $1; next } # a merge keeps both lines
  seen[out] = 1
  objs = ""; libs = ""; alias = ""; script = ""; inlibs = 0
  for (i = 3; i <= NF; i++) {
    if ($i == ":") { inlibs = 1; continue }
    if (inlibs) { libs = libs " -l" $i; continue }
    if ($i == "src/link/malloc.c" && B !~ /\/(static|pie)$/) continue # glibc and the sanitizers keep their own heap
    if ($i ~ /^=/) { alias = substr($i, 2); continue }
    if ($i ~ /\.c$/) { o = $i; sub(/\.c$/, ".o", o); objs = objs " " B "/obj/" o }
    else script = $i
  }
  if ($2 == "test") tests = tests " " out; else progs = progs " " out
  if (alias != "")
    printf "%s: %s/%s/%s\n\tln -sfn %s $@\n", out, B, $2, alias, alias
  else if (script != "")
    printf "%s: %s\n\t@mkdir -p $(@D)\n\tinstall -m 0755 $< $@\n", out, script
  else
    printf "%s:%s $(B)/librk.a $(COVSHIM)\n\t@mkdir -p $(@D)\n\t$(CLINK) $(LDFLAGS) -o $@%s $(COVSHIM) $(B)/librk.a%s\n", out, objs, objs, libs
}
END { printf "PROGRAMS :=%s\nTESTPROGRAMS :=%s\n", progs, tests }
