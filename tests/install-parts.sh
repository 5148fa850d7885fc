#!/bin/sh
# Installs the real parts that the tests use and this machine lacks: on Debian, as root, starting no service.
# Elsewhere it says what is missing and ends well: those tests are skipped with the reason (with CI=true they fail).
# PARTS_ROOT is where the files are looked for, for the test of this script.
set -eu

root=${PARTS_ROOT-}
policy=$root/usr/sbin/policy-rc.d

# Files, not dpkg: asking costs nothing when nothing is missing.
missing=
[ -x "$root/usr/sbin/dovecot" ] && [ -x "$root/usr/lib/dovecot/imap" ] || missing="$missing dovecot-imapd"
set -- "$root"/usr/lib/postgresql/*/bin/initdb
[ -x "$1" ] || missing="$missing postgresql"
[ -x "$root/usr/bin/chromium" ] || missing="$missing chromium"
[ -e "$root/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" ] || missing="$missing fonts-dejavu-core"
[ -n "$missing" ] || exit 0

if ! { [ -e /etc/debian_version ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }; then
    printf '%s\n' "The tests of these parts are skipped, install them by hand to run them:$missing" >&2
    exit 0
fi

# A package may not start its service while this file says 101; one that is there already is somebody's decision.
if (set -C && printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$policy"
fi

get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2; }

printf '%s\n' "Installing what the tests use:$missing" >&2
get update || true
# shellcheck disable=SC2086 # a list of words
get install -y --no-install-recommends $missing || for part in $missing; do
    get install -y --no-install-recommends "$part" ||
        printf '%s\n' "$part cannot be installed; its tests are skipped." >&2
done
