_rk_directories() { # several, with : between
  compset -P '*:'
  _directories
}
_rk_drivers() {
  local bin=${commands[rk-net]:-}
  compadd none ${bin:+${bin:h}/../libexec/rk/net/*(N:t)}
}
_rk_program() { # and its arguments
  if (( CURRENT == 1 )); then
    _command_names -e
  else
    _normal
  fi
}
