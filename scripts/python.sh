#!/usr/bin/env bash
# The tests of the Python examples, on a real broker too: a venv under the target directory with pinned versions.
#   bash scripts/python.sh [--no-install] [--bridges]
# --bridges also runs the bridges to TensorBoard, MLflow and W&B, each in a venv of its own (some 300 MB).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
examples=$root/examples/python
may_install=1
bridges=0
for argument in "$@"; do
    case $argument in
    --no-install) may_install=0 ;;
    --bridges) bridges=1 ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
    esac
done
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

need_java
need_maven
need_python

# fetch FOLDER FILE: a venv with the requirements of FILE.
fetch() {
    "$python" -m venv "$1.part" && "$1.part/bin/pip" install --quiet --disable-pip-version-check -r "$examples/$2" &&
        mv "$1.part" "$1"
}

# venv NAME: sets `venv` to a folder that is whole or absent, and another one when the versions change. Its programs are
# run as `python -m`, since a venv that was moved knows them by their old path.
venv() {
    local file=requirements-$1.txt
    venv=$target/python-$1-$(cat "$examples/requirements.txt" "$examples/$file" | sha256sum | cut -c1-12)
    [ -d "$venv" ] && return
    rm -rf "$venv.part"
    install "the Python packages of examples/python/$file (into $venv)" fetch "$venv" "$file"
}

# Nothing but the tests' own settings reaches a broker.
for name in $(compgen -e MOVE37_KAFKA__ || true); do unset "$name"; done
# The broker's jars are looked for there.
export CARGO_TARGET_DIR=$target PYTHONPATH=$examples PYTHONDONTWRITEBYTECODE=1
cd "$examples/tests"
venv plot
"$venv/bin/python" -m unittest --buffer test_facts test_schemas test_stream test_observations test_broker
[ $bridges = 1 ] || exit 0
for bridge in tensorboard mlflow wandb; do
    venv $bridge
    "$venv/bin/python" -m unittest --buffer "test_$bridge"
done
