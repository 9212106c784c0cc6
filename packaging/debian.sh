#!/usr/bin/env bash
# Makes three Debian packages of what `make install` installs: the C library, what compilers need of it, the program.
#
#     packaging/debian.sh DIR        puts them into DIR
#
# Needs make, cargo, strip and dpkg-deb, and no root. Variables of the Makefile (CARGO) and of cargo hold here as well.
set -euo pipefail
if [ $# -ne 1 ]; then
    echo "usage: packaging/debian.sh DIR" >&2
    exit 2
fi
mkdir -p "$1"
into=$(realpath "$1")
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || cc -print-multiarch)
maintainer='The ServerLink SPOT maintainers <maintainers@serverlink.invalid>'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# stage PACKAGE GOAL: the tree of a package, by a goal of the Makefile.
stage() {
    make --no-print-directory "$2" PREFIX=/usr LIBDIR="/usr/lib/$triplet" DESTDIR="$work/$1"
    local doc=$work/$1/usr/share/doc/$1
    mkdir -p "$doc" "$work/$1/DEBIAN"
    cat LICENSE-MIT LICENSE-APACHE > "$doc/copyright"
    gzip -9n < CHANGELOG.md > "$doc/changelog.gz"
}

# control PACKAGE SECTION DEPENDS ABOUT: what it says of itself; the long description comes from standard input.
control() {
    local size_kib
    size_kib=$(du -k -s --exclude=DEBIAN "$work/$1" | cut -f 1)
    cat > "$work/$1/DEBIAN/control" <<END
Package: $1
Source: serverlink
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $size_kib
Depends: $3
Section: $2
Priority: optional
Multi-Arch: $([ "$1" = spot ] && echo foreign || echo same)
Description: $4
$(sed 's/^/ /')
END
    (cd "$work/$1" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
        > "$work/$1/DEBIAN/md5sums"
}

# libc_of FILE: the C library that a program or library was linked with, or a later one.
libc_of() {
    local newest
    newest=$(grep -ao 'GLIBC_2\.[0-9]*' "$1" | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
    echo "libc6 (>= $newest), libgcc-s1"
}

stage libserverlink0 install-library
strip --strip-unneeded "$work/libserverlink0/usr/lib/$triplet/libserverlink.so.$version"
control libserverlink0 libs "$(libc_of "$work/libserverlink0/usr/lib/$triplet/libserverlink.so.$version")" \
    'publish/subscribe without a broker: shared library' <<'END'
Programs that use ServerLink SPOT from C or C++ need this library to run.
END
echo "libserverlink 0 libserverlink0 (>= $version)" > "$work/libserverlink0/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' > "$work/libserverlink0/DEBIAN/triggers"

stage libserverlink-dev install-dev
strip --strip-debug "$work/libserverlink-dev/usr/lib/$triplet/libserverlink.a"
control libserverlink-dev libdevel "libserverlink0 (= $version)" \
    'publish/subscribe without a broker: header, static library' <<'END'
What is needed to compile programs with ServerLink SPOT: the header, the static
library, and files for pkg-config and CMake.
END

stage spot install-program
strip --strip-unneeded "$work/spot/usr/bin/spot"
gzip -9n "$work"/spot/usr/share/man/man1/*.1
# zsh of Debian looks here for what comes in packages.
mv "$work/spot/usr/share/zsh/site-functions" "$work/spot/usr/share/zsh/vendor-completions"
control spot net "$(libc_of "$work/spot/usr/bin/spot")" \
    'publish/subscribe without a broker: node and tools' <<'END'
The program of ServerLink SPOT: a node of a cluster as a service of systemd, and
tools to publish, to subscribe, and to look around.
.
The service is not started by the installation. Edit /etc/spot/spot.toml, then
"systemctl enable --now spot".
END
echo /etc/spot/spot.toml > "$work/spot/DEBIAN/conffiles"
install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$work/spot/DEBIAN/"

for package in libserverlink0 libserverlink-dev spot; do
    dpkg-deb --root-owner-group --build "$work/$package" "$into/${package}_${version}_${architecture}.deb"
done
