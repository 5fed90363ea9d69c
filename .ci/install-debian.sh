#!/bin/sh
# What Debian must give for every test to run: a browser with fonts, a current mosquitto, libgomp. Needs root.
set -eu
. /etc/os-release
export DEBIAN_FRONTEND=noninteractive
backports=/etc/apt/sources.list.d/joulecast-backports.sources
if [ "${VERSION_CODENAME:-}" = bookworm ] && [ ! -e "$backports" ]; then
  # Debian 12's own mosquitto 2.0.11 does not hold the in-flight window; backports has 2.0.21
  mirror=$(sed -n 's/^URIs:[[:space:]]*//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep debian | grep -v security | head -n 1)
  printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\nSigned-By: %s\n' \
    "$mirror" "$(ls /usr/share/keyrings/debian-archive-keyring.* | head -n 1)" >"$backports"
fi
apt-get -qq update
# the broker is started by the tests, not by the system
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT; }
apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core gcc libc6-dev libgomp1 make openssl python3-venv >/dev/null
[ "${VERSION_CODENAME:-}" != bookworm ] || release="-t bookworm-backports"
# node runs the one test of TimescaleDB's Community edition
command -v npm >/dev/null || apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
# shellcheck disable=SC2086  # two words
apt-get -qq install -y --no-install-recommends ${release:-} mosquitto >/dev/null
/usr/sbin/mosquitto -h | head -n 1 || true
