#!/usr/bin/env bash
# The same program as three processors: Nehalem (SSE4.2) and Haswell (AVX2) emulated by qemu-user, and this one. The losses of
# the first steps must agree within float rounding, and no function outside the loops of an instruction set may use it. Usage:
# Tests/processors.sh [PROGRAM]
set -u
program=$(readlink -f "${1:-.build/release/frostline}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset OPENBLAS_CORETYPE FROSTLINE_INSTRUCTIONS
for class in cats dogs; do
    mkdir -p "$folder/data/$class"
    for number in $(seq 10); do
        # The same pictures each time: bytes of a fixed sequence, other for each.
        { printf 'P6\n48 48\n255\n'; seq $((number * 1000)) $((number * 1000 + 3000)) | sha256sum | head -c 1; \
          seq "$number$number" 9000 | tr '\n' "$class" | head -c 6912; } >"$folder/data/$class/$number.ppm"
    done
done
losses() { # NAME, COMMAND…: the losses of a short run, one a line
    local name=$1
    shift
    "$@" train "$folder/data" --from-scratch --strategy full --image-size 64 --batch-size 8 --epochs 1 --seed 1 \
        --threads 2 --output "$folder/$name" --headless >"$folder/$name.txt" 2>&1 || { cat "$folder/$name.txt"; return 1; }
    sed -n 's/^{"kind":"step".*"loss":\([-0-9.e]*\).*/\1/p' "$folder/$name/metrics.jsonl" >"$folder/$name.losses"
    echo "$name: $(grep -o '"kernel": *"[^"]*"' "$folder/$name/run.json" | head -n 1) losses $(tr '\n' ' ' <"$folder/$name.losses")"
}
wrong=0
# Generic functions of the standard library are compiled in each module and merged by the linker.
stray=$(objdump -d --no-show-raw-insn "$program" | awk '
    /^[0-9a-f]+ </ { name = $2 }
    name !~ /LoopsAVX/ && $2 ~ /^(v[a-z]+|mulx|shlx|shrx|sarx|rorx|andn|bextr|blsr|blsi|blsmsk|pdep|pext|movbe)$/ { print name }
' | sort | uniq -c)
[ -z "$stray" ] || { echo "instructions of newer processors outside their loops: $stray"; wrong=1; }
losses native "$program" || wrong=1
for cpu in Nehalem Haswell; do losses $cpu qemu-x86_64 -cpu $cpu "$program" 2>/dev/null || wrong=1; done
for cpu in Nehalem Haswell; do
    paste "$folder/native.losses" "$folder/$cpu.losses" | awk -v cpu=$cpu '
        { difference = ($1 - $2) / $1; if (difference < 0) difference = -difference
          if (NF != 2) bad = 1; if (difference > worst) worst = difference }
        END { printf "%s: largest relative difference %.2g over %d steps\n", cpu, worst, NR
              exit bad || NR == 0 || worst > 1e-3 }
    ' || wrong=1
done
exit $wrong
