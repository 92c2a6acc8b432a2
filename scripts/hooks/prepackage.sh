#!/bin/sh
# azd, before it packages: makes dist.zip, which azd uploads as it is.
#
#   RELAY_PACKAGE   path of a released zip to use instead of building one: azd env set RELAY_PACKAGE <path>
#                   <path>.sha256, from the same release, must lie beside it
set -eu

fail() {
    echo "prepackage: $*" >&2
    exit 1
}

released=${RELAY_PACKAGE:-}
[ -z "$released" ] || [ -f "$released" ] || fail "RELAY_PACKAGE names no file: $released"
case $released in '' | /*) ;; *) released=$PWD/$released ;; esac
cd "$(dirname "$0")/../.."

if [ -z "$released" ]; then
    command -v cargo >/dev/null ||
        fail "cargo is missing; install Rust (https://rustup.rs), or use a released zip: azd env set RELAY_PACKAGE <path>"
    exec scripts/package --zip
fi

[ -f "$released.sha256" ] || fail "$released.sha256 is missing: download it from the release too"
wanted=$(awk '{ print $1; exit }' "$released.sha256")
if command -v sha256sum >/dev/null; then
    found=$(sha256sum "$released")
else
    found=$(shasum -a 256 "$released")
fi
[ "${found%% *}" = "$wanted" ] || fail "$released is not what $released.sha256 says: download both again"
cp "$released" dist.zip
echo "packaged $released"
