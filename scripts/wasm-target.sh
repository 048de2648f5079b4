#!/bin/sh
# Makes `cargo build --target wasm32-wasip2` work for the `rustc` that is active in this folder.
#
# Three ways, the first that works: it is there already; rustup adds it; it is built from the sources
# Debian ships for exactly this version of rustc (some networks reach a Debian mirror and crates.io,
# and nothing else). What was built is kept in the user's cache, so a machine builds it once.
#
# Silent when there is nothing to do. Safe when two runs race: one lock, everything is built aside,
# tried out, and renamed into place.
#
#   THALI_DEBIAN_MIRROR  the Debian mirror (default http://deb.debian.org/debian)
set -eu

target=wasm32-wasip2
suite=trixie-backports
mirror=${THALI_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# rustup has no limit of its own on a network that swallows packets; 20 MB take a few seconds elsewhere.
rustup_seconds_max=180

# What rustup downloads is decided here, not by the first call of rustc.
export RUSTUP_AUTO_INSTALL=0

say() { printf 'wasm-target: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line; do printf '  %s\n' "$line" >&2; done; exit 1; }

sysroot=$(rustc --print sysroot)
version=$(rustc -vV)
release=$(printf '%s\n' "$version" | sed -n 's/^release: //p')
commit=$(printf '%s\n' "$version" | sed -n 's/^commit-hash: //p')
installed=$sysroot/lib/rustlib/$target
cache=${XDG_CACHE_HOME:-$HOME/.cache}/thali
built=$cache/$target-$release-$(printf '%.9s' "$commit")
work=

# True when rustc compiles for the target. A look at the folder is not enough: after `rustup update`
# the library of the version before may still lie there.
usable() {
    [ -n "$(find "$installed/lib" -maxdepth 1 -name 'libstd-*.rlib' 2>/dev/null)" ] || return 1
    # Into a folder of its own: rustc renames its output into place, so as root `-o /dev/null` replaces the device.
    probe=$(mktemp -d)
    result=0
    echo 'fn main() {}' | rustc --target "$target" --emit=metadata --out-dir "$probe" - 2>/dev/null || result=1
    rm -rf "$probe"
    return "$result"
}

lock() {
    mkdir -p "$cache"
    if command -v flock >/dev/null; then
        exec 9>"$cache/$target.lock"
        flock -n 9 || { say "another run is bringing $target, waiting for it"; flock 9; }
        rm -rf "$cache/$target".?????? # what a killed run left
    fi
}

cleanup() { [ -z "$work" ] || rm -rf "$work"; }

add_with_rustup() {
    command -v rustup >/dev/null || return 1
    case $sysroot in "$(rustup show home)"/toolchains/*) ;; *) return 1 ;; esac
    say "adding $target with rustup"
    log=$work/rustup.log
    # `timeout` is not everywhere (macOS).
    limit=; ! command -v timeout >/dev/null || limit="timeout $rustup_seconds_max"
    if $limit rustup target add "$target" >"$log" 2>&1 </dev/null && usable; then return 0; fi
    say "rustup could not: $(grep -m1 '^error' "$log" || echo "no answer in $rustup_seconds_max s")"
    return 1
}

# Downloads into $work/debs, with an apt state of its own: needs no root and leaves the system's sources alone.
download_from_debian() {
    for tool in apt-get apt-cache dpkg-deb; do
        command -v "$tool" >/dev/null || die "cannot bring the $target standard library: rustup did not, and '$tool' is not here to take it from Debian" \
            "install it yourself: rustup target add $target (rustup: https://rustup.rs)"
    done
    [ -r "$keyring" ] || die "cannot check Debian's signatures: $keyring is missing" "install it: apt-get install debian-archive-keyring"

    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/debs"
    : >"$work/apt/status"
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/apt/sources.list"
    set -- -q -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
        -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=- \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Update::Error-Mode=any -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false
    apt-get "$@" update >"$work/apt.log" 2>&1 || {
        cat "$work/apt.log" >&2
        die "cannot read Debian's $suite from $mirror" "set THALI_DEBIAN_MIRROR to a mirror this machine reaches"
    }
    offered=$(apt-cache "$@" madison rust-src | awk '{print $3}')
    source_version=$(printf '%s\n' "$offered" | grep -m1 "^$(printf '%s' "$release" | sed 's/\./\\./g')+" || true)
    [ -n "$source_version" ] || die "Debian's $suite has no rust-src $release, which is this rustc ($sysroot)" \
        "it has: $(echo "$offered" | tr '\n' ' ')" \
        "use a rustc of one of these versions, or: rustup target add $target"
    say "downloading rust-src $source_version and wasi-libc from $mirror ($suite)"
    (cd "$work/debs" && apt-get "$@" download "rust-src=$source_version" wasi-libc >"$work/apt.log" 2>&1) || {
        cat "$work/apt.log" >&2
        die "the download failed" "run it again, or set THALI_DEBIAN_MIRROR to another mirror"
    }
}

build_from_debian() {
    download_from_debian
    for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/debian"; done
    library=$work/debian/usr/src/rustc-$release/library
    libc=$work/debian/usr/lib/$target
    if [ ! -f "$library/Cargo.toml" ] || [ ! -f "$libc/libc.a" ]; then
        die "Debian's packages are laid out in another way than this script knows" "expected $library and $libc"
    fi

    say "building the standard library for $target (about a minute)"
    flags=$(printf '%s\037' -Cembed-bitcode=yes -Zforce-unstable-if-unmarked -L "native=$libc" \
        "--remap-path-prefix=$library=/rustc/$commit/library")
    cargo=cargo; [ ! -x "$sysroot/bin/cargo" ] || cargo=$sysroot/bin/cargo
    (
        cd "$library"
        unset RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER RUSTFLAGS
        RUSTC="$sysroot/bin/rustc" RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=stablestd \
            CARGO_ENCODED_RUSTFLAGS="${flags%?}" CARGO_PROFILE_RELEASE_PANIC=abort CARGO_TARGET_DIR="$work/target" \
            "$cargo" build --release --target "$target" -p sysroot >"$work/build.log" 2>&1 </dev/null
    ) || {
        tail -n 40 "$work/build.log" >&2
        die "the build of the standard library failed (above)" "it needs crates.io: check that cargo reaches it"
    }

    new=$work/sysroot/lib/rustlib/$target/lib
    mkdir -p "$new/self-contained"
    cp "$work/target/$target/release/deps/"*.rlib "$new/"
    cp "$libc/crt1-command.o" "$libc/crt1-reactor.o" "$libc/libc.a" "$new/self-contained/"
    echo "Built by Thali's scripts/wasm-target.sh from Debian's rust-src $source_version." >"${new%/lib}/BUILT-FROM-DEBIAN"

    # Nothing is kept that has not linked a program.
    echo 'fn main() { println!("{:?}", std::env::args().collect::<std::collections::HashSet<_>>()); }' |
        rustc --sysroot "$work/sysroot" --target "$target" -o "$work/hello.wasm" - 2>"$work/build.log" || {
        cat "$work/build.log" >&2
        die "the standard library was built, but a program does not link with it (above)"
    }
    mv -T "$work/sysroot/lib/rustlib/$target" "$built"
}

install_built() {
    if ! [ -w "$sysroot/lib/rustlib" ]; then
        die "the $target standard library is built, but $sysroot/lib/rustlib is not writable for $(id -un)" \
            "run: sudo cp -r '$built' '$installed'"
    fi
    say "installing it in $installed"
    aside=$sysroot/lib/rustlib/.$target.$$
    cp -r "$built" "$aside"
    # What is there is not usable (checked under the lock): left by another version, or by an interrupted rustup.
    rm -rf "$installed"
    # Another user of this sysroot, with a lock of their own, may have been faster.
    mv -T "$aside" "$installed" 2>/dev/null || rm -rf "$aside"
    if command -v rustup >/dev/null; then
        say "rustup does not know of it: outside ./justw, RUSTUP_AUTO_INSTALL=0 keeps it from downloading the target again"
    fi
}

! usable || exit 0
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
lock
! usable || exit 0
work=$(mktemp -d "$cache/$target.XXXXXX")
if [ ! -d "$built" ]; then
    ! add_with_rustup || exit 0
    build_from_debian
fi
install_built
usable || die "rustc still does not compile for $target after installing it in $installed" \
    "remove that folder and '$built', and run this again"
