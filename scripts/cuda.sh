#!/usr/bin/env bash
# Builds move37 and the trainer with the feature `cuda`; says in one sentence what is missing where it cannot be built.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
nvcc=$(command -v nvcc || ls "${CUDA_HOME:-${CUDA_PATH:-/usr/local/cuda}}/bin/nvcc" 2>/dev/null || true)
if [ -z "$nvcc" ]; then
    echo "error: the CUDA toolkit is not here (no nvcc on PATH, under CUDA_HOME or /usr/local/cuda): install it, or build without" \
        "CUDA by \`cargo build\`, which trains on the CPU" >&2
    exit 3
fi
echo "with $("$nvcc" --version | grep release)"
PATH=$(dirname "$nvcc"):$PATH exec cargo build --locked --manifest-path "$root/Cargo.toml" -p move37 -p move37-trainer \
    --features move37/cuda,move37-trainer/cuda "$@"
