# shellcheck shell=bash
# What the scripts have in common: each `need_…` makes sure that a tool is there, or says how to get it.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE…: the lists may be missing or old, hence the second try.
apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@")
  as_root "${install[@]}" || { as_root apt-get update && as_root "${install[@]}"; }
}

# need_packages WHAT APT DNF BREW: installs WHAT with the machine's package manager, whose packages are listed in turn.
need_packages() {
  local what=$1 apt dnf brew
  read -ra apt <<<"$2"
  read -ra dnf <<<"$3"
  read -ra brew <<<"$4"
  if has apt-get; then
    say "$what is missing. Installing it: apt-get install ${apt[*]}"
    apt_install "${apt[@]}" >&2
  elif has dnf; then
    say "$what is missing. Installing it: dnf install ${dnf[*]}"
    as_root dnf install --assumeyes "${dnf[@]}" >&2
  elif has brew; then
    say "$what is missing. Installing it: brew install ${brew[*]}"
    brew install "${brew[@]}" >&2
  else
    fail "$what is missing, and there is none of apt-get, dnf and brew to install it with. Please install it."
  fi
}

# The Rust that Cargo.toml asks for.
need_rust() {
  local wanted found major minor
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  if ! has cargo || ! has rustc; then
    fail "Rust $wanted or newer is missing. Install it from https://rustup.rs, then open a new shell."
  fi
  found=$(rustc --version | cut -d ' ' -f 2)
  IFS=. read -r major minor _ <<<"$found"
  if ((major < ${wanted%%.*} || (major == ${wanted%%.*} && minor < ${wanted#*.}))); then
    fail "Rust $wanted or newer is needed; this is $found. Update it with: rustup update stable"
  fi
}

# Looks where locum itself looks: src/db/embedded/binaries.rs.
has_postgres() {
  local postgres major
  for postgres in "$(command -v postgres)" /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
    /usr/libexec/postgresql*/postgres /usr/local/pgsql*/bin/postgres /Library/PostgreSQL/*/bin/postgres \
    {/opt/homebrew,/usr/local,/home/linuxbrew/.linuxbrew}/opt/postgresql*/bin/postgres \
    /Applications/Postgres.app/Contents/Versions/*/bin/postgres; do
    [[ -x $postgres ]] || continue
    major=$("$postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*$/\1/')
    ((major >= 15)) && return
  done
  return 1
}

# locum starts a PostgreSQL of its own, from the machine's binaries.
need_postgres() {
  has_postgres && return
  need_packages "PostgreSQL 15 or newer" "postgresql" "postgresql-server postgresql-contrib" "postgresql@17"
  has_postgres || fail "Your system's PostgreSQL is older than 15. Please install a newer one:" \
    "https://www.postgresql.org/download/"
}

has_node() {
  has node && has npm && (($(node --version | sed -E 's/^v([0-9]+).*$/\1/') >= 18))
}

# Debian puts it where only root looks.
has_nats() {
  has nats-server || [[ -x /usr/sbin/nats-server ]]
}

# The stories about wake-ups start a NATS server of their own.
need_nats() {
  has_nats && return
  if ! has apt-get && ! has brew; then
    fail "nats-server is missing, and your package manager has none. Please put it on the PATH:" \
      "https://github.com/nats-io/nats-server/releases"
  fi
  need_packages "nats-server" "nats-server" "" "nats-server"
}

# The audits of the browser app run in Node.
need_node() {
  has_node && return
  need_packages "Node 18 or newer, with npm" "nodejs npm" "nodejs npm" "node"
  has_node || fail "Your system's Node is older than 18. Please install a newer one: https://nodejs.org"
}

has_python() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

# What receivers write in Python is tested too.
need_python() {
  has_python && return
  need_packages "Python 3 with venv" "python3 python3-venv" "python3" "python3"
  has_python || fail "Your system's Python 3 has no venv. Please install it: https://docs.python.org/3/library/venv.html"
}
