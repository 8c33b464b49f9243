#!/bin/sh
# Installs what the benchmark measures beside Python packages: Debian's packages if this is root on
# Debian, and Express. What cannot be installed is left out of the benchmark, which says so.
set -u
here=$(cd "$(dirname "$0")" && pwd)
place=$here/../.bench/node

missing=""
want() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
want wrk wrk
want webhook webhook
want nginx nginx
want redis-server redis-server
want node nodejs
want npm npm
[ -e /usr/lib/nginx/modules/ngx_http_js_module.so ] || missing="$missing libnginx-mod-http-js"

if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the benchmark:$missing"
    # Debian starts what it installs; here nothing may run, and no port be taken, by itself.
    policy=/usr/sbin/policy-rc.d
    ours=""
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt-get update -qq >/dev/null
    # One by one, because one that there is not shall not take the others with it.
    for package in $missing; do
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null 2>&1 ||
            echo "  $package: not to be had here" >&2
    done
    [ -z "$ours" ] || rm -f "$policy"
elif [ -n "$missing" ]; then
    echo "Not installed, and left out:$missing (on Debian: apt-get install$missing)" >&2
fi

if command -v npm >/dev/null 2>&1 && [ ! -d "$place/node_modules/express" ]; then
    mkdir -p "$place"
    cp "$here/servers/package.json" "$here/servers/package-lock.json" "$place/"
    npm ci --prefix "$place" --silent --no-audit --no-fund || echo "Express: not to be had here" >&2
fi
exit 0
