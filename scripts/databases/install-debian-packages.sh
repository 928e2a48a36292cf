#!/bin/sh
# Installs Debian packages as root: no questions, and no Postgres running afterwards.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The tests start servers of their own; Debian's would take port 5432.
conf=/etc/postgresql-common/createcluster.d/tallybase.conf
mkdir -p "${conf%/*}"
trap 'rm -f "$conf"' EXIT
echo 'create_main_cluster = false' > "$conf"

wait='-o DPkg::Lock::Timeout=300'
# A mirror of no interest to us may be away: what matters is whether the packages can be had.
apt-get -qq $wait update || true
apt-get -qq $wait --yes --no-install-recommends install "$@" < /dev/null
