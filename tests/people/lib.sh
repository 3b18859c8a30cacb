# shellcheck shell=sh
# tests/people/lib.sh: mistakes that people make, from tables: what they typed, and the answer that tells them what to
# do instead
#
#   = CODE WORDS     the exit code, and an extended regular expression for a line of stderr; "= CODE -": no line
#   COMMAND...       lines of shell, run in a fresh directory $W, with D=$W/d, which is not there
#   = CODE/static .. only for the static build, which needs no files of its own
#   @ FILE TEXT      a mistake that the test FILE makes; TEXT is in it
#   # ...            a comment
#
# Whatever the answer, it is short: at most three lines of stderr, a "fatal:" from each program at most.

COMMANDS=$PWD/tests/people/commands.sh
export COMMANDS
mistake() { # CODE WORDS COMMAND
  case $1 in
    */static) [ "$RK_TEST_MODE" = static ] || return 0 ;;
  esac
  W=$T/$tap_n; export W
  mkdir "$W"
  D=$W/d; export D
  run timeout 60 sh -c ". \"\$COMMANDS\"; cd \"\$W\" || exit 99
$3"
  mistake_wrong=''
  # the sanitizers' own lines, where /proc is missing
  err=$(printf '%s\n' "$err" | grep -vE '^==[0-9]+==|^False positive|^For details')
  [ "$rc" = "${1%/*}" ] || mistake_wrong="exit code $rc; $mistake_wrong"
  if [ "$2" = - ]; then
    [ -z "$err" ] || mistake_wrong="something on stderr; $mistake_wrong"
  else
    printf '%s\n' "$err" | grep -Eq -e "$2" || mistake_wrong="other words; $mistake_wrong"
  fi
  [ "$(printf '%s\n' "$err" | wc -l)" -le 3 ] || mistake_wrong="too many lines; $mistake_wrong"
  [ -z "$(printf '%s\n' "$err" | sed -n 's/: fatal:.*//p' | uniq -d)" ] ||
    mistake_wrong="two fatal lines of a program; $mistake_wrong"
  mistake_name=$(printf '%s' "$3" | tr '\n' ';')
  if [ -z "$mistake_wrong" ]; then pass "$mistake_name"
  else fail "$mistake_name" "$mistake_wrong" "wanted: $1 $2" "got:" "$err"; fi
}
mistakes() { # TABLE
  mistake_code=''
  while IFS= read -r mistake_line <&3; do
    case $mistake_line in
      '#'* | '') continue ;;
      '= '* | '@ '*)
        [ -z "$mistake_code" ] || mistake "$mistake_code" "$mistake_words" "${mistake_command%?}"
        mistake_code='' mistake_command='' ;;
    esac
    case $mistake_line in
      '= '*)
        mistake_words=${mistake_line#= }
        mistake_code=${mistake_words%% *} mistake_words=${mistake_words#* } ;;
      '@ '*)
        mistake_words=${mistake_line#@ }
        ok "$mistake_words" grep -qF -e "${mistake_words#* }" "${mistake_words%% *}" ;;
      *) mistake_command="$mistake_command$mistake_line
" ;;
    esac
  done 3< "$1"
  [ -z "$mistake_code" ] || mistake "$mistake_code" "$mistake_words" "${mistake_command%?}"
}
