# Shared by start and test: packages, LibTorch, build. Every step looks first whether its work is done already,
# so a second run touches no network and a run that was cut goes on where it stopped.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build="$root/build"
cache=${DRILLROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/drillroom}

say() { printf '\033[1m==\033[0m %s\n' "$*" >&2; }
die() { printf '\nSet-up stopped: %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  What to do: %s\n' "$2" >&2; exit 1; }

missing_packages() { # SECTION...
  local wanted have
  wanted=$(for s in "$@"; do awk -v s="$s" '$1 == s {print $2}' "$root/installer/dependencies.txt"; done | sort -u)
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "installed" {print $2}' | sort -u)
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$have") | tr '\n' ' '
}

install_packages() { # SECTION...
  command -v dpkg-query >/dev/null || die "this is not a Debian system" \
    "install the packages named in installer/dependencies.txt by your own means, then build with CMake"
  local missing; missing=$(missing_packages "$@")
  [ -n "${missing// /}" ] || return 0
  local sudo=""
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo=sudo
    else die "some packages are missing and this user may not install them" \
      "run once as root:  apt-get update && apt-get install -y --no-install-recommends $missing"; fi
  fi
  say "Installing $(wc -w <<<"$missing") packages (once)"
  $sudo apt-get update -q >/dev/null || die "apt-get update failed" "check the network and /etc/apt/sources.list"
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >"$cache/apt.log" 2>&1 ||
    die "apt-get could not install: $missing (log: $cache/apt.log)" "see the last lines of that log; Debian 12 or later is needed"
}

fetch_libtorch() {
  local pins version dest stamp
  pins=$(grep -v '^#' "$root/installer/libtorch.txt")
  version=$(awk '$1 == "torch" {print $2}' <<<"$pins")
  dest="$cache/libtorch-$version"; stamp="$dest/.pins"
  [ -z "${DRILLROOM_LIBTORCH:-}" ] || return 0
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$pins" ]; then return 0; fi
  [ "$(uname -m)" = x86_64 ] || die "the pinned LibTorch is for x86-64" "give another one: DRILLROOM_LIBTORCH=DIR (the folder with include/ and lib/)"
  local free; free=$(df -Pk "$cache" | awk 'NR == 2 {print int($4 / 1024)}')
  [ "$free" -ge 2500 ] || die "LibTorch needs 2.5 GB under $cache; $free MB are free" "free some space, or set DRILLROOM_CACHE to another disk"
  say "Fetching LibTorch $version (555 MB, once)"
  local name number sum
  while read -r name number sum; do
    printf '%s==%s --hash=sha256:%s\n' "$name" "$number" "$sum" >"$cache/$name.txt"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
      --implementation cp --python-version 3.11 --abi cp311 --abi none \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
      -d "$cache/wheels" -r "$cache/$name.txt" ||
      die "$name $number could not be fetched or has another SHA-256 than the pinned one" "check the network, then run the same command again"
    rm -f "$cache/$name.txt"
  done <<<"$pins"
  say "Unpacking LibTorch"
  rm -rf "$dest.part" && mkdir -p "$dest.part"
  python3 - "$cache/wheels" "$dest.part" <<'PY' || die "LibTorch could not be unpacked" "free some space and run the same command again"
import glob, sys, zipfile
for wheel in sorted(glob.glob(sys.argv[1] + "/*.whl")):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            # Headers and libraries only: nothing of Python runs in Drillroom.
            if name.startswith(("torch/include/", "torch/lib/", "nvidia/")) and not name.endswith("/"):
                z.extract(name, sys.argv[2])
PY
  rm -rf "$dest" && mv "$dest.part" "$dest" && printf '%s' "$pins" >"$stamp"
  rm -rf "$cache/wheels"
}

configure_and_build() { # TARGET [CMake arguments]
  local target=$1; shift
  if [ ! -f "$build/build.ninja" ] || [ $# -gt 0 ]; then
    local type=(); [ -f "$build/CMakeCache.txt" ] || type=(-DCMAKE_BUILD_TYPE=Release)
    say "Configuring"
    cmake -S "$root" -B "$build" -G Ninja "${type[@]}" ${DRILLROOM_LIBTORCH:+-DDRILLROOM_LIBTORCH="$DRILLROOM_LIBTORCH"} "$@" >"$cache/configure.log" 2>&1 ||
      { tail -n 20 "$cache/configure.log" >&2; die "CMake could not configure (log: $cache/configure.log)" "the lines above name the first missing part"; }
  fi
  if ! ninja -C "$build" -n "$target" 2>/dev/null | grep -q 'no work to do'; then
    say "Building (on 2 cores the first time takes 15 to 30 minutes, with the tests up to twice that)"
    if [ -t 2 ]; then ninja -C "$build" "$target" >&2; else NINJA_STATUS='[%f/%t] ' ninja -C "$build" "$target" | awk 'NR % 25 == 1 || /FAILED|error|warning/ {print; fflush()}' >&2; fi ||
      die "the build failed" "the lines above name the file; run the same command again after mending it"
  fi
}

set_up() { # "SECTIONS" TARGET [CMake arguments]
  mkdir -p "$cache" || die "the folder $cache cannot be written" "set DRILLROOM_CACHE to a folder that can"
  install_packages $1; shift
  fetch_libtorch
  configure_and_build "$@"
}
