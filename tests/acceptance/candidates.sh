#!/usr/bin/env bash
# Candidates: the gate on planted faults and on clean programs, costs by line, the numbers of PyTorch, weights that travel.
#   candidates.sh [--torch PYTHON]    with PyTorch, einops and safetensors also the two worlds side by side
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
python=
[ "${1:-}" = --torch ] && python=${2:?name a Python with PyTorch}
sets=$root/shared/candidate

# reports FILE..: a line of JSON for each file; a file that says so may be quadratic.
reports() {
    local plain=() quadratic=()
    for file in "$@"; do
        if grep -q '^# max_complexity: n^2$' "$file"; then quadratic+=("$file"); else plain+=("$file"); fi
    done
    [ ${#plain[@]} = 0 ] || "$move37" check --json --length 128 "${plain[@]}" || [ $? = 1 ]
    [ ${#quadratic[@]} = 0 ] || "$move37" check --json --length 128 --max-complexity n^2 "${quadratic[@]}" || [ $? = 1 ]
}

# Planted faults: each refused, with a finding of an expected kind at its line.
if [ -d "$sets/tests/faults" ]; then
    reports "$sets"/tests/faults/*.py >"$scratch/faults.jsonl"
    caught=0
    printf '%-28s %5s  %-30s %s\n' "planted fault" line expected found
    for file in "$sets"/tests/faults/*.py; do
        name=$(basename "$file" .py)
        marker=$(grep -n '# fault: ' "$file") || fail "$name has no marker"
        line=${marker%%:*} kinds=$(sed 's/.*# fault: //; s/ //g' <<<"$marker")
        report=$(grep "\"file\":\"$file\"" "$scratch/faults.jsonl") || fail "$name was not checked"
        found=$(grep -oE "\"kind\":\"($kinds)\",\"line\":$line," <<<"$report" | head -n 1 | cut -d'"' -f4) || true
        if [ -n "$found" ] && grep -q '"admitted":false' <<<"$report"; then
            caught=$((caught + 1))
            printf '%-28s %5d  %-30s %s\n' "$name" "$line" "$kinds" "$found"
        else
            printf '%-28s %5d  %-30s %s\n' "$name" "$line" "$kinds" "MISSED"
            fail "$name: $(grep -o '"prompt":.*' <<<"$report")"
        fi
    done
    say "$caught of $caught caught at their line"
    have "at least 60 planted faults are caught" test $caught -ge 60
fi

# Clean programs: all admitted, at least 95 % proved causal. Steep ones serve as baselines.
clean=("$sets"/seeds/*.py "$sets"/tests/candidate/programs/*.py)
[ -d "$sets/tests/clean" ] && clean+=("$sets"/tests/clean/*.py)
"$move37" check --table --length 64 --max-complexity any "${clean[@]}" >"$scratch/clean.txt" || {
    cat "$scratch/clean.txt"
    fail "a clean program is refused"
}
cat "$scratch/clean.txt"
proved=$(awk '$3 == "proved" && $4 == "proved"' "$scratch/clean.txt" | wc -l)
have "$proved of ${#clean[@]} clean programs are proved causal" test $((100 * proved)) -ge $((95 * ${#clean[@]}))

# Costs by line, and the page for prompts.
"$move37" check --explain "$sets/seeds/gated_delta_net.py" | tee "$scratch/explain.txt"
have "the costs name functions" grep -qE '[0-9]+ %.*Mixer\.forward|GatedDeltaNet.*forward|\.forward$' "$scratch/explain.txt"
have "no line is wider than 100 columns" test -z "$(LC_ALL=C.UTF-8 grep -E '^.{101}' "$scratch/explain.txt")"
"$move37" language >"$scratch/language.md"
have "the language is the page in docs" cmp -s "$scratch/language.md" "$root/docs/language.md"
have "the page has at most 150 lines" test "$(wc -l <"$scratch/language.md")" -le 150

# The numbers of PyTorch, which were made from the same texts; by the tests as they were built, unless something changed.
newest=$(find "$sets" "$root/shared/tensor" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
graphs=$(find "$target/debug/deps" -name 'graphs-*' -type f -perm -u+x -newer "$newest" -printf '%T@ %p\n' 2>/dev/null |
    sort -n | tail -n 1 | cut -d' ' -f2-)
if [ -n "$graphs" ]; then
    (cd "$root/shared/tensor" && "$graphs" --nocapture layers_have) | tee "$scratch/numbers.txt"
else
    cargo test --locked --quiet --manifest-path "$root/Cargo.toml" -p move37-tensor --test graphs -- --nocapture layers_have |
        tee "$scratch/numbers.txt"
fi
compared=$(grep -cE '[0-9]x[0-9]+x[0-9]+ +[0-9.]+e' "$scratch/numbers.txt" || true)
have "$((compared / 2)) programs have the numbers of PyTorch at two sizes" test "$compared" -ge 80

# Weights travel: what a layer draws is saved, and gives the same output when it is given back.
# input FILE B T D: a safetensors file of `input` and `cotangent`, a pattern of 1, -0.5 and 0.25.
input() {
    local n=$(($2 * $3 * $4)) header pattern
    header="{\"cotangent\":{\"dtype\":\"F32\",\"shape\":[$2,$3,$4],\"data_offsets\":[0,$((4 * n))]}"
    header+=",\"input\":{\"dtype\":\"F32\",\"shape\":[$2,$3,$4],\"data_offsets\":[$((4 * n)),$((8 * n))]}}"
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x\\x%02x' $((${#header} % 256)) $((${#header} / 256)))\\0\\0\\0\\0\\0\\0" >"$1"
    printf '%s' "$header" >>"$1"
    pattern='\x00\x00\x80\x3f\x00\x00\x00\xbf\x00\x00\x80\x3e'
    # shellcheck disable=SC2059
    for ((i = 0; i < 2 * n; i += 3)); do printf "$pattern"; done | head -c $((8 * n)) >>"$1"
}
seed=$sets/seeds/gated_delta_net.py
input "$scratch/x.safetensors" 2 37 32
forward() { "$move37" forward "$@" --input "$scratch/x.safetensors" --grad; }
forward "$seed" --seed 5 --save-weights "$scratch/w.safetensors" --out "$scratch/y1.safetensors"
forward "$seed" --weights "$scratch/w.safetensors" --out "$scratch/y2.safetensors"
have "weights that were saved give the same output and gradients" cmp -s "$scratch/y1.safetensors" "$scratch/y2.safetensors"
forward "$seed" --seed 6 --out "$scratch/y3.safetensors" >/dev/null
cmp -s "$scratch/y1.safetensors" "$scratch/y3.safetensors" && fail "other weights give the same output"

# A discovered layer leaves its campaign.
"$move37" run --config "$root/tests/acceptance/tiny.toml" --experiments 1 --seed 7 --state "$scratch/state" >"$scratch/run.txt" 2>&1 ||
    fail "$(tail -n 3 "$scratch/run.txt")"
layer=$scratch/layer
exported=$("$move37" candidate export best --state "$scratch/state" --out "$layer" --json) || fail "$exported"
say "export: $exported"
have "the run's result came out the same again" grep -q '"reproduced":true' <<<"$exported"
for part in layer.py model.safetensors config.json README.md load.py; do have "there is a $part" test -s "$layer/$part"; done
for part in Hypothesis Results Lineage "causality: proved" "95 % interval" "seed" "Apache-2.0"; do
    grep -q "$part" "$layer/README.md" || fail "the model card has no $part"
done
width=$(field d_model <"$layer/config.json" | tr -d ' ')
heads=$(sed -n 's/.*"heads": \([0-9]*\).*/\1/p' "$layer/config.json" | head -n 1)
input "$scratch/x.safetensors" 1 16 "$width"
forward "$layer/layer.py" --weights "$layer/model.safetensors" --prefix layers.0.mixer. --heads "$heads" --out "$scratch/y.safetensors"

# With PyTorch: both worlds from one text and one file of weights.
if [ -n "$python" ]; then
    "$python" "$root/tests/pytorch/compare.py" "$move37"
    "$python" "$layer/load.py"
fi
say "candidates: all as it should be"
