# package/targets -> make rules
function source(name) { # the path of a source: one without a folder lies in the folder of the one before
  if (name ~ /\// || name ~ /^=/) {
    folder = name
    sub(/\/[^\/]*$/, "", folder)
    return name
  }
  return folder "/" name
}
function sources(dir, program,   list, f, own, command) { # the .c files of a folder; see package/targets
  command = "LC_ALL=C ls " dir
  own = (getline f < (dir program ".c")) >= 0
  close(dir program ".c")
  list = own ? " " dir program ".c" : ""
  while ((command | getline f) > 0) {
    if (f !~ /\.c$/ || f == program ".c") continue
    if (!own || !((dir f) in named)) list = list " " dir f
  }
  close(command)
  return list
}
/^[ \t]*(#|$)/ { next }
{
  out = B "/" $2 "/" $1
  if (out in seen) { # a merge keeps both lines
    printf "$(error package/targets names %s twice)\n", $1
    next
  }
  seen[out] = 1
  line[++lines] = $0
  if ($2 == "test") next
  for (i = 3; i <= NF && $i != ":"; i++) named[source($i)] = 1
}
function rule(   i, out, link, objs, libs, alias, script, files, file, count) {
  out = B "/" $2 "/" $1
  files = ""
  for (i = 3; i <= NF && $i != ":"; i++)
    files = files " " ($i ~ /\/$/ ? sources($i, $1) : source($i))
  for (i++; i <= NF; i++)
    if ($i != "link") libs = libs " -l" $i # the word link: see Makefile, LINKS
  count = split(files, file, " ")
  for (i = 1; i <= count; i++) {
    if (file[i] == "src/link/malloc.c" && B !~ /\/(static|pie)$/) continue # glibc and the sanitizers keep their own heap
    if (file[i] ~ /^=/) alias = substr(file[i], 2)
    else if (file[i] !~ /\.c$/) script = file[i]
    else {
      sub(/\.c$/, ".o", file[i])
      objs = objs " " B "/obj/" file[i]
    }
  }
  if (alias ~ /^\//) { # it leads to nothing that make could look at
    link = out
    out = B "/obj/" $2 "/" $1 ".link"
  }
  if ($2 == "test") tests = tests " " out
  else progs = progs " " out
  if (alias ~ /^\//)
    printf "%s: package/targets\n\t@mkdir -p $(@D) %s/%s\n\tln -sfn %s %s\n\t@touch $@\n", out, B, $2, alias, link
  else if (alias != "")
    printf "%s: %s/%s/%s\n\tln -f $< $@\n", out, B, $2, alias
  else if (script != "")
    printf "%s: %s\n\t@mkdir -p $(@D)\n\tinstall -m 0755 $< $@\n", out, script
  else {
    printf "%s:%s $(B)/librk.a $(COVSHIM)\n\t@mkdir -p $(@D)\n", out, objs
    printf "\t$(CLINK) $(LDFLAGS) -o $@%s $(COVSHIM) $(B)/librk.a%s\n", objs, libs
  }
}
END {
  for (n = 1; n <= lines; n++) {
    $0 = line[n]
    rule()
  }
  printf "PROGRAMS :=%s\nTESTPROGRAMS :=%s\n", progs, tests
}
