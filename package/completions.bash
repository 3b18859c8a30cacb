# KIND: complete cur as one
# shellcheck disable=SC2207 # words without blanks, or paths as bash itself completes them
_rk_kind() {
  case $1 in
    file) COMPREPLY=($(compgen -f -- "$cur")) ;;
    directory) COMPREPLY=($(compgen -d -- "$cur")) ;;
    driver)
      local bin
      bin=$(type -P rk-net) || return
      COMPREPLY=($(compgen -W "none $(cd "${bin%/*}/../libexec/rk/net" 2> /dev/null && echo *)" -- "$cur")) ;;
  esac
  compopt -o filenames 2> /dev/null
}

# Index of the word after the one at $1: readline splits at : and =, and what these join is one word here.
_rk_next() {
  local i=$(($1 + 1))
  while [[ $i -le $COMP_CWORD && ${COMP_WORDS[i]} == [:=]* ]]; do
    i=$((i + 1))
    [[ ${COMP_WORDS[i - 1]} == [:=] && $i -le $COMP_CWORD ]] && i=$((i + 1))
  done
  next=$i
}

_rk() {
  local cur=${COMP_WORDS[COMP_CWORD]} name=${COMP_WORDS[0]##*/} at=1 next pid=''
  local options with operands verbs word operand
  COMPREPLY=()
  [[ $cur == [:=] ]] && cur=''
  _rk_table "$name" || return
  if [[ $verbs && $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]]; then
    name="$name ${COMP_WORDS[1]}" at=2
    _rk_table "$name" || return
  fi
  # the options before the cursor
  while [[ $at -lt $COMP_CWORD && ${COMP_WORDS[at]} == -?* ]]; do
    word=${COMP_WORDS[at]}
    _rk_next "$at"
    at=$next
    [[ $word == -- ]] && break
    [[ $word == -*p* ]] && pid=1
    [[ $with && $word == -*([!$with])[$with] ]] || continue
    _rk_next "$at"
    if [[ $next -gt $COMP_CWORD ]]; then
      _rk_value "$name" "${word: -1}"
      return
    fi
    at=$next
  done
  if [[ $at -eq $COMP_CWORD && $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  if [[ $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
    return
  fi
  # the operands, up to the program: what follows is its own business
  for operand in $operands; do
    if [[ $operand == prog ]]; then
      if declare -F _command_offset > /dev/null; then
        _command_offset "$at"
      else
        COMPREPLY=($(compgen -c -- "$cur"))
      fi
      return
    fi
    [[ $operand == *\? && $pid && $name == rk-enter ]] && continue
    if [[ $operand == spec && $name == rk-listen ]]; then
      while [[ $at -lt $COMP_CWORD && ${COMP_WORDS[at]} == [0-9:[]* ]]; do
        _rk_next "$at"
        at=$next
      done
      continue
    fi
    _rk_next "$at"
    if [[ $next -gt $COMP_CWORD ]]; then
      case ${operand%\?} in dir | dirs) _rk_kind directory ;; esac
      return
    fi
    at=$next
  done
}

