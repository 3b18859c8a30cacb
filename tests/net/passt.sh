# shellcheck shell=sh
# tests/net/passt.sh: sourced before `outer`: a pasta of 2026 or later, with pesto, is the first in PATH for everybody:
# the one that is there, or what package/engines has built. The file skips if there is none.
passt_cache=$HOME/.cache/rk-passt
if ! pasta --conf-path x --version > /dev/null 2>&1; then
  # package/check builds it in the background: give it the time that there is
  [ ! -e "$passt_cache/lock" ] || flock -w 100 "$passt_cache/lock" true || skip_all "pasta is still being built"
  if [ ! -e "$passt_cache/version" ] && [ -e "$passt_cache/log" ]; then
    skip_all "pasta could not be built: $(tail -n 1 "$passt_cache/log")"
  fi
  [ -e "$passt_cache/version" ] || skip_all "this pasta is too old, and no other was built (package/engines passt)"
  [ -e "$passt_cache/pesto" ] || skip_all "this pasta is too old, and a newer one could not be fetched"
  mkdir -p "$T/passt"; chmod 0755 "$T/passt"
  cp "$passt_cache/passt" "$passt_cache/pesto" "$T/passt/"; ln -s passt "$T/passt/pasta"
  PATH=$T/passt:$PATH
fi
