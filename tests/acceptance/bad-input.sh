#!/usr/bin/env bash
# Bad input: each case must get one clear sentence and the right exit code, and lose nothing.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# refused WHAT CODE PATTERN COMMAND..: the command ends with this code within a minute, and says something like this.
refused() {
    local what=$1 code=$2 pattern=$3 status=0 said
    shift 3
    said=$(timeout 60 "$@" 2>&1) || status=$?
    [ $status = "$code" ] || fail "$what: exit code $status instead of $code: $said"
    grep -qiE "$pattern" <<<"$said" || fail "$what: nothing like '$pattern' in: $said"
    say "ok: $what: $(grep -iE "$pattern" <<<"$said" | head -n 1 | cut -c1-160)"
}
tiny=(--config "$root/tests/acceptance/tiny.toml")

# A text.
: >"$scratch/empty.txt"
refused "an empty text" 3 "empty" "$move37" run --text "$scratch/empty.txt" --state "$scratch/a"
refused "a missing text" 3 "missing.txt" "$move37" run --text "$scratch/missing.txt" --state "$scratch/a"
refused "a campaign file with a typing error" 2 "line 1.*unknown field" \
    "$move37" run --config <(echo 'sed = 7') --state "$scratch/a"
refused "a data set that the hub does not give" 3 "fetch hf:nobody/nothing: the hub did not give it.*--text" \
    env HF_ENDPOINT=http://127.0.0.1:9 "$move37" run --text hf:nobody/nothing --state "$scratch/a"
refused "a name that is none of the hub" 3 "hf:OWNER/NAME" "$move37" run --text hf:nothing --state "$scratch/a"

# Devices.
refused "a GPU in a build without CUDA" 3 "this build has no CUDA: build it with" \
    "$move37" run "${tiny[@]}" --device cuda:0 --state "$scratch/a"
if command -v nvcc >/dev/null; then
    say "not tried: a build with CUDA without its toolkit, since the toolkit is here"
else
    refused "a build with CUDA without its toolkit" 3 "the CUDA toolkit is not here" \
        env CUDA_HOME="$scratch" CUDA_PATH= bash "$root/scripts/cuda.sh"
fi
refused "a device for a cluster" 2 "name devices in \[worker\]" \
    "$move37" run "${tiny[@]}" --device candle --kafka localhost:1
refused "a device that is none" 2 "there is no device .gpu." "$move37" run "${tiny[@]}" --device gpu --state "$scratch/a"

# Candidates.
mixer() { printf 'import torch\nimport torch.nn as nn\n%s\n\nclass Mixer(nn.Module):\n    def __init__(self, d_model):\n        super().__init__()\n        self.w = nn.Linear(d_model, d_model)\n\n    def forward(self, x):\n        %s\n' "$2" "$3" >"$scratch/$1.py"; }
echo 'SELECT * FROM layers;' >"$scratch/sql.py"
mixer os 'import os' 'return self.w(x) * len(os.listdir())'
mixer forever '' 'while True: x = x + 1'
mixer terabyte '' 'return self.w(x) + torch.zeros(1024, 1024, 1024, 1024).sum()'
mixer leak '' 'return self.w(x + x.flip(1))'
mixer fine '' 'return self.w(x)'
check() { refused "$1" 1 "$3" "$move37" check "$scratch/$2.py"; }
: >"$scratch/none.py"
refused "an empty program" 2 "empty" "$move37" check "$scratch/none.py"
refused "a missing program" 2 "missing.py" "$move37" check "$scratch/missing.py"
check "a program that is not Python" sql "syntax.*line 1|line 1.*syntax"
check "a program that imports os" os "import.*os"
check "a program that loops for ever" forever "limit"
check "a program with a terabyte of tensor" terabyte "limit|too large|budget"
check "a program that sees the future" leak "future"
have "a fair program is admitted" "$move37" check "$scratch/fine.py"
refused "a seed program that is refused" 2 "future" \
    "$move37" run "${tiny[@]}" --seed-program "$scratch/leak.py" --state "$scratch/a"

# A state directory. The first has a finished campaign.
state=$scratch/state
"$move37" run "${tiny[@]}" --experiments 1 --state "$state" >"$scratch/run.txt" 2>&1 || fail "$(tail -n 3 "$scratch/run.txt")"
before=$("$move37" replay --verify --json --state "$state")
damaged() {
    mkdir -p "$scratch/$1"
    cp "$state/log.db" "$scratch/$1/log.db"
    [ -e "$state/log.db-wal" ] && cp "$state/log.db-wal" "$scratch/$1/log.db-wal"
    return 0
}
"$move37" campaign list --state "$state" >/dev/null
damaged cut && size=$(stat -c %s "$scratch/cut/log.db") && truncate -s $((size / 2)) "$scratch/cut/log.db" && rm -f "$scratch/cut/log.db-wal"
refused "a truncated log" 3 "damaged" "$move37" replay --verify --state "$scratch/cut"
damaged torn && for at in 3 5 7 9; do
    dd if=/dev/urandom of="$scratch/torn/log.db" bs=4096 seek=$at count=1 conv=notrunc status=none
done
refused "a corrupt log" 3 "damaged" "$move37" replay --verify --state "$scratch/torn"
mkdir -p "$scratch/other" && echo "not a log" >"$scratch/other/log.db"
refused "another file in the log's place" 3 "not a Move37 log|damaged" "$move37" run --state "$scratch/other"
refused "no log at all" 3 "no log at" "$move37" replay --state "$scratch/nothing"

# An operator's commands that make no sense.
refused "pausing a finished campaign" 3 "over already.*nothing to pause" "$move37" campaign pause campaign-1 --state "$state"
refused "resuming a finished campaign" 3 "over already.*nothing to resume" "$move37" campaign resume campaign-1 --state "$state"
refused "stopping a campaign that is not there" 3 "no campaign nobody here: it has campaign-1" \
    "$move37" campaign stop nobody --state "$state"

# A cluster. Nobody listens at port 1.
nobody=127.0.0.1:1
refused "a cluster that does not answer" 3 "$nobody cannot be reached.*correct its address" "$move37" run "${tiny[@]}" --kafka $nobody
refused "a replay of it" 3 "$nobody cannot be reached" "$move37" replay --kafka $nobody
refused "a doctor's look at it" 1 "fail.*cluster.*cannot be reached" "$move37" doctor --kafka $nobody
refused "an empty address" 2 "bootstrap is empty" "$move37" campaign list --kafka ""
refused "two places at once" 2 "cannot be used with" "$move37" tail --kafka $nobody --kafka-config "$scratch/kafka.toml"
refused "a missing configuration of Kafka" 2 "missing.toml cannot be read" "$move37" replay --kafka-config "$scratch/missing.toml"
printf '[http]\nlisten = "0.0.0.0:8080"\n' >"$scratch/kafka.toml"
refused "a configuration without Kafka" 2 "no table \[kafka\]" "$move37" tail --kafka-config "$scratch/kafka.toml"
printf '[kafka]\nbootstrap = "%s"\n[kafka.security]\nusername = "me"\npasword = "hunter2"\n' $nobody >"$scratch/kafka.toml"
refused "a typing error in it" 2 "unknown field .*pasword" "$move37" campaign list --kafka-config "$scratch/kafka.toml"
grep -q hunter2 <<<"$("$move37" campaign list --kafka-config "$scratch/kafka.toml" 2>&1)" && fail "a refusal shows the password"
printf '[kafka]\nbootstrap = "%s"\n[kafka.security]\nusername = "me"\npassword = "hunter2"\nmechanism = "PLAIN"\n' $nobody >"$scratch/kafka.toml"
refused "a password in clear" 2 "in clear" "$move37" campaign list --kafka-config "$scratch/kafka.toml"

# A second process on a state directory.
"$move37" run "${tiny[@]}" --experiments 50 --state "$scratch/busy" >"$scratch/busy.txt" 2>&1 &
busy=$!
for ((wait = 0; wait < 100; wait++)); do [ -e "$scratch/busy/log.db" ] && break || sleep 0.1; done
refused "a second process on the state directory" 3 "in use by process $busy" "$move37" run --state "$scratch/busy"
"$move37" campaign stop campaign-1 --state "$scratch/busy" >/dev/null
wait $busy || [ $? = 1 ] || fail "the first process suffered: $(tail -n 3 "$scratch/busy.txt")"
say "ok: stopping from another process ended the first: $(grep -o 'campaign-1: stopped.*' "$scratch/busy.txt" | head -n 1)"

# A full disk: a file system of 2 MiB, where mounting is allowed.
mkdir -p "$scratch/small"
if mount -t tmpfs -o size=2m none "$scratch/small" 2>/dev/null; then
    trap 'umount "$scratch/small"; rm -rf "$scratch"' EXIT
    refused "a full disk" 3 "disk.*full" "$move37" run "${tiny[@]}" --experiments 400 --state "$scratch/small/state"
    have "what was acknowledged is there" "$move37" replay --verify --state "$scratch/small/state"
else
    say "skipped: a full disk (this user may not mount a small file system)"
fi

have "the finished campaign is as it was" test "$before" = "$("$move37" replay --verify --json --state "$state")"
say "bad input: all as it should be"
