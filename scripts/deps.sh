#!/usr/bin/env bash
# Installs what is missing on Debian 12: what the build needs and, unless --build is given, what the tests need too.
# Prints nothing when all is there. Needs root or sudo only when something is missing.
set -eu

build=(g++ cmake ninja-build ccache pkg-config libpcap-dev libcli11-dev libfmt-dev nlohmann-json3-dev catch2 libssl-dev
  zlib1g-dev libzstd-dev liblzma-dev liblz4-dev libxxhash-dev libmaxminddb-dev libpq-dev libtomlplusplus-dev libgoogle-perftools-dev scdoc dpkg-dev file)
tests=(tshark tcpdump python3 python3-jsonschema python3-cryptography python3-junitparser python3-prometheus-client
  libxml2-utils zsh fish libsrtp2-1 libsrtp2-dev mandoc clang-14 libclang-rt-14-dev clang-format-14 git postgresql-15
  mmdebstrap xz-utils)

case "${1:-}" in
  "") wanted=("${build[@]}" "${tests[@]}") ;;
  --build) wanted=("${build[@]}") ;;
  *) echo "usage: scripts/deps.sh [--build]" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg -s "$package" 2>/dev/null | grep -q '^Status: .* ok installed$' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps: not root and no sudo; install these first: ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi

echo "deps: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 ||
    { cat "$log" >&2; echo "deps: apt-get $1 failed" >&2; exit 2; }
}
apt update
apt install --no-install-recommends "${missing[@]}"
