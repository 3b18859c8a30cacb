# what package/completions collects -> a completion script for shell, one of bash, zsh and fish
/^= / { # a command
  name = substr($0, 3)
  order[++commands] = name
  next
}
/^usage: / { operands[name] = operands_of(substr($0, 8 + length(name))); next }
/^  -[A-Za-z0-9]( |$)/ { # an option; its text follows two blanks, or on the next line
  letter = substr($0, 4, 1)
  count[name]++
  at = name SUBSEP count[name]
  letters[at] = letter
  rest = substr($0, 5)
  width = match(rest, /  +/)
  head = width ? substr(rest, 1, RSTART - 1) : rest
  arg[at] = substr(head, 2)
  text[at] = width ? substr(rest, RSTART + RLENGTH) : ""
  next
}
/^   / && count[name] && text[name SUBSEP count[name]] == "" {
  sub(/^ +/, "")
  text[name SUBSEP count[name]] = $0
}
# "[ -t ] [ -d fd ]... dir prog..." -> "dir prog"; an operand in brackets is "dir?"
function operands_of(line,   words, n, i, inside, out) {
  n = split(line, words, " ")
  for (i = 1; i <= n; i++) {
    if (words[i] == "[") {
      inside = words[i + 1] ~ /^-/ ? 2 : 1
    } else if (words[i] ~ /^\]/) {
      inside = 0
    } else if (inside != 2) {
      sub(/\.\.\.$/, "", words[i])
      out = out (out == "" ? "" : " ") words[i] (inside ? "?" : "")
    }
  }
  return out
}
# the words of a value such as auto|subids, without what stands for something else (fd,...)
function choices(value,   words, n, i, out) {
  if (value !~ /\|/ || value ~ /[\[:]/) return ""
  n = split(value, words, "|")
  for (i = 1; i <= n; i++)
    if (words[i] !~ /[,.]|^cidr$/) out = out (out == "" ? "" : " ") words[i]
  return out
}
# what a value or operand is: files, directories, network drivers, or nothing that could be guessed
function kind(word) {
  sub(/\?$/, "", word)
  if (word == "path") return "file"
  if (word == "dir" || word == "dirs" || word == "point") return "directory"
  if (word == "driver") return "driver"
  return ""
}
function quoted(s) { # for the single quotes of sh, zsh and fish
  gsub(/'/, shell == "fish" ? "\\'" : "'\\''", s)
  return s
}
function verbs(name,   i, out) {
  for (i = 1; i <= commands; i++)
    if (index(order[i], name " ") == 1) out = out (out == "" ? "" : " ") substr(order[i], length(name) + 2)
  return out
}
END {
  if (shell == "bash") bash()
  if (shell == "zsh") zsh()
  if (shell == "fish") fish()
}

function bash(   i, j, name, at, all, with) {
  print "# completion of rk's programs for bash, made by package/completions from their --help\n"
  print "# NAME: its options, those with a value, its operands"
  print "_rk_table() {\n  case $1 in"
  for (i = 1; i <= commands; i++) {
    name = order[i]
    all = with = ""
    for (j = 1; j <= count[name]; j++) {
      at = name SUBSEP j
      all = all "-" letters[at] " "
      if (arg[at] != "") with = with letters[at]
    }
    printf "    '%s') options='%s-h --help -V --version' with='%s' operands='%s' verbs='%s' ;;\n",
      name, all, with, operands[name], verbs(name)
  }
  print "    *) return 1 ;;\n  esac\n}\n"
  print "# NAME LETTER: words or kind of its value"
  print "_rk_value() {\n  case $1:$2 in"
  for (i = 1; i <= commands; i++)
    for (j = 1; j <= count[order[i]]; j++) {
      at = order[i] SUBSEP j
      if (choices(arg[at]) != "")
        printf "    '%s:%s') COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n", order[i], letters[at], choices(arg[at])
      else if (kind(arg[at]) != "")
        printf "    '%s:%s') _rk_kind %s ;;\n", order[i], letters[at], kind(arg[at])
    }
  print "  esac\n}\n"
  while ((getline line < (ENVIRON["RK_COMPLETIONS"] "/completions.bash")) > 0) print line
  printf "complete -F _rk"
  for (i = 1; i <= commands; i++) if (order[i] !~ / /) printf " %s", order[i]
  print ""
}

function zsh_text(s) {
  gsub(/\\/, "\\\\", s)
  gsub(/\[/, "\\[", s)
  gsub(/\]/, "\\]", s)
  gsub(/:/, "\\:", s)
  return quoted(s)
}
function zsh_action(word) {
  if (choices(word) != "") return "(" choices(word) ")"
  if (kind(word) == "file") return "_files"
  if (kind(word) == "directory") return word ~ /^dirs/ ? "_rk_directories" : "_directories"
  if (kind(word) == "driver") return "_rk_drivers"
  return ""
}
# the arguments of _arguments for a command
function zsh_arguments(name, indent,   j, at, n, words, many) {
  printf "%s_arguments -s -S -A '-*'", indent
  for (j = 1; j <= count[name]; j++) {
    at = name SUBSEP j
    printf " \\\n%s  '*-%s[%s]%s'", indent, letters[at], zsh_text(text[at]),
      arg[at] == "" ? "" : ":" zsh_text(arg[at]) ":" zsh_action(arg[at])
  }
  printf " \\\n%s  '(- *)'{-h,--help}'[print help and exit]' '(- *)'{-V,--version}'[print the version and exit]'", indent
  n = split(operands[name], words, " ")
  for (j = 1; j <= n; j++) {
    if (words[j] == "prog")
      printf " \\\n%s  '*:::program:_rk_program'", indent
    else if (j == n)
      printf " \\\n%s  '*:%s:%s'", indent, words[j], zsh_action(words[j])
    else
      printf " \\\n%s  '%s%s:%s'", indent, words[j] ~ /\?$/ ? "::" : ":", words[j], zsh_action(words[j])
  }
  print ""
}
function zsh(   i, name) {
  printf "#compdef"
  for (i = 1; i <= commands; i++) if (order[i] !~ / /) printf " %s", order[i]
  print "\n# completion of rk's programs for zsh, made by package/completions from their --help\n"
  while ((getline line < (ENVIRON["RK_COMPLETIONS"] "/completions.zsh")) > 0) print line
  print "local name=$service curcontext=$curcontext state line"
  print "typeset -A opt_args"
  print "if [[ $name = rk-port ]]; then"
  printf "  _arguments -C '(- *)'{-h,--help}'[print help and exit]' '(- *)'{-V,--version}'[print the version and exit]' \\\n"
  printf "    '1:verb:(%s)' '*::arguments:->verb' && return\n", verbs("rk-port")
  print "  [[ $state = verb ]] || return 1\n  name=\"rk-port $words[1]\"\nfi"
  print "case $name in"
  for (i = 1; i <= commands; i++) {
    name = order[i]
    if (verbs(name) != "") continue
    printf "  '%s')\n", name
    zsh_arguments(name, "    ")
    print "    ;;"
  }
  print "esac"
}

function fish_value(word) {
  if (choices(word) != "") return " -xa '" choices(word) "'"
  if (kind(word) == "file") return " -rF"
  if (kind(word) == "directory") return " -xa '(__fish_complete_directories (commandline -ct))'"
  if (kind(word) == "driver") return " -xa '(__rk_drivers)'"
  return " -x"
}
function fish(   i, j, name, at, command, when, first, n, words) {
  print "# completion of rk's programs for fish, made by package/completions from their --help\n"
  while ((getline line < (ENVIRON["RK_COMPLETIONS"] "/completions.fish")) > 0) print line
  for (i = 1; i <= commands; i++) {
    name = order[i]
    split(name, words, " ")
    command = words[1]
    when = words[2] == "" ? "" : " -n '__fish_seen_subcommand_from " words[2] "'"
    print ""
    if (words[2] == "") {
      printf "complete -c %s -f\n", command
      printf "complete -c %s -n '__fish_is_first_token' -s h -l help -d 'print help and exit'\n", command
      printf "complete -c %s -n '__fish_is_first_token' -s V -l version -d 'print the version and exit'\n", command
    }
    if (verbs(name) != "") {
      printf "complete -c %s -n 'not __fish_seen_subcommand_from %s' -a '%s'\n", command, verbs(name), verbs(name)
      continue
    }
    first = ""
    for (j = 1; j <= count[name]; j++)
      if (arg[name SUBSEP j] != "") first = first letters[name SUBSEP j]
    n = split(operands[name], words, " ")
    if (words[n] == "prog") when = " -n '__rk_before \"" first "\"'"
    for (j = 1; j <= count[name]; j++) {
      at = name SUBSEP j
      printf "complete -c %s%s -s %s%s -d '%s'\n", command, when, letters[at],
        arg[at] == "" ? "" : fish_value(arg[at]), quoted(text[at])
    }
    if (words[n] == "prog")
      printf "complete -c %s -a '(__rk_program \"%s\" %d)'\n", command, first, n - 1
    else if (kind(words[1]) == "directory")
      printf "complete -c %s%s -a '(__fish_complete_directories (commandline -ct))'\n", command, when
  }
}
