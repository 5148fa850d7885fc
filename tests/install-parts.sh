#!/bin/sh
# Installs the real parts that the tests (or, asked for "bench", the benchmarks) use and this machine lacks: on Debian,
# as root, starting no service and removing nothing. Elsewhere it says what is missing and ends well: those tests are
# skipped with the reason (with CI=true they fail), those rows of the benchmark left out.
# PARTS_ROOT is where the files are looked for, for the test of this script.
set -eu

root=${PARTS_ROOT-}
policy=$root/usr/sbin/policy-rc.d

# Files, not dpkg: asking costs nothing when nothing is missing.
missing= user=${1:-test}
if [ "$user" = bench ]; then
    [ -x "$root/usr/sbin/smtp-source" ] || missing="$missing postfix"
    [ -x "$root/usr/bin/npm" ] || missing="$missing npm"
else
    [ -x "$root/usr/bin/chromium" ] || missing="$missing chromium"
    [ -e "$root/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" ] || missing="$missing fonts-dejavu-core"
fi
# The tests read its mailboxes, and so does ./pli bench read.
[ -x "$root/usr/sbin/dovecot" ] && [ -x "$root/usr/lib/dovecot/imap" ] || missing="$missing dovecot-imapd"
[ -x "$root/usr/bin/gcc" ] && [ -e "$root/usr/include/stdio.h" ] || missing="$missing gcc libc6-dev"
set -- "$root"/usr/lib/postgresql/*/bin/initdb
[ -x "$1" ] || missing="$missing postgresql"
if [ "$user" != bench ]; then
    # What WeasyPrint prints proofs with, and what the tests read a PDF with.
    set -- "$root"/usr/lib/*/libpangoft2-1.0.so.0
    [ -e "$1" ] || missing="$missing libpangoft2-1.0-0"
    set -- "$root"/usr/lib/*/libharfbuzz-subset.so.0
    [ -e "$1" ] || missing="$missing libharfbuzz-subset0"
    [ -x "$root/usr/bin/pdftotext" ] || missing="$missing poppler-utils"
fi
[ -n "$missing" ] || exit 0

if ! { [ -e /etc/debian_version ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }; then
    printf '%s\n' "What needs these parts is left out ($user); install them by hand:$missing" >&2
    exit 0
fi

# A package may not start its service while this file says 101; one that is there already is somebody's decision.
if (set -C && printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$policy"
fi

get() { DEBIAN_FRONTEND=noninteractive apt-get -qq --no-remove -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2; }

printf '%s\n' "Installing for ./pli $user:$missing" >&2
get update || true
# Only its smtp-source is wanted: no configuration of a mail server.
case $missing in *postfix*) echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections || true ;; esac
# shellcheck disable=SC2086 # a list of words
get install -y --no-install-recommends $missing || for part in $missing; do
    get install -y --no-install-recommends "$part" ||
        printf '%s\n' "$part cannot be installed; what needs it is left out." >&2
done
