#!/bin/sh
# Make the project's own virtual environment: tools/setup.sh VENV EXTRAS
# As root on Debian missing system libraries are installed; otherwise the one command that does it is printed.
set -eu
venv=$1
extras=$2
python=${PYTHON:-python3}
packages="libegl1 libgl1 libgl1-mesa-dri libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"

# The tests of the review page drive a browser.
case ",$extras," in *,test,*) packages="$packages chromium" ;; esac

"$python" - <<'EOF' || { echo "setup: expected Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
EOF

"$python" -c "import ensurepip" 2>/dev/null || packages="$packages python3-venv"
if command -v dpkg-query >/dev/null 2>&1; then
    missing=""
    for package in $packages; do
        status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
        case "$status" in *"ok installed") ;; *) missing="$missing $package" ;; esac
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ]; then
            echo "setup: installing$missing"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
        else
            echo "setup: system libraries are missing; pictures and the tests of the review page need them. Run once:" >&2
            echo "    sudo apt-get install -y$missing" >&2
        fi
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setup: installing Python packages into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
touch "$venv/.ready-$(echo "$extras" | tr ',' '-')"
