#!/bin/sh
# Fetches the vendored files again, at the versions named below. Needs npm and tar.
# To renew: change a version here, run this script, look at /docs and /redoc, update README.md.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor PACKAGE VERSION FILE...: unpacks these files of an npm package into a folder of its name.
vendor() {
    package=$1 version=$2
    shift 2
    npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null
    tar -xzf "$work/$package-$version.tgz" -C "$work"
    rm -rf "$package"
    mkdir "$package"
    for file; do
        cp "$work/package/$file" "$package/"
    done
    echo "$version" >"$package/VERSION"
    rm -rf "$work/package"
}

# edit FILE SED_SCRIPT: as `sed -i`, which is not the same on every system.
edit() {
    sed -E "$2" "$1" >"$work/edited"
    cp "$work/edited" "$1"
}

# strip_map FILE: drops the pointer to a source map, which is not vendored (a browser would ask for it in vain).
strip_map() {
    edit "$1" 's|^//# sourceMappingURL=[^ ]+\.map$||; s|/\*# sourceMappingURL=[^ ]+\.map\*/||'
}

vendor swagger-ui-dist 5.35.0 LICENSE NOTICE swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt
strip_map swagger-ui-dist/swagger-ui.css

vendor redoc 2.5.4 LICENSE bundles/redoc.standalone.js bundles/redoc.standalone.js.LICENSE.txt
strip_map redoc/redoc.standalone.js

# ReDoc shows its maker's logo from a CDN and has no option against it; without an address it hides the image.
logo='https://cdn.redoc.ly/redoc/logo-mini.svg'
grep -qF "$logo" redoc/redoc.standalone.js || { echo "redoc: the logo's address has changed, look for it" >&2; exit 1; }
edit redoc/redoc.standalone.js "s|$logo|data:,|"

vendor htmx.org 4.0.1 LICENSE dist/htmx.min.js dist/ext/hx-sse.min.js dist/ext/hx-csp.min.js

vendor mermaid 11.17.2 LICENSE dist/mermaid.min.js
