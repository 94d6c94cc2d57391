#!/usr/bin/env bash
# A long run in tmux with random toggles, saves, views and resizes. It must end with exit code 0, every step must stand in
# metrics.jsonl once, and its memory must stay flat: a head step needs half of what a full one does, so the highest
# value of the second half is held against the highest of the first. Usage: Tests/soak.sh [PROGRAM] [MINUTES]
set -u
program=$(readlink -f "${1:-.build/release/frostline}")
minutes=${2:-20}
. "$(dirname "$0")/tmux.sh"
pictures 24 72 64
cat >"$folder/script" <<END
"$program" train data --from-scratch --image-size 64 --batch-size 8 --epochs 1000000 --threads 1 --output run &
echo \$! >pid
fg >/dev/null
echo \$? >code
sleep 1000
END
tmux -L "$socket" -f /dev/null new-session -d -s soak -x 120 -y 40 -c "$folder" "set -m; . ./script"
wait_for "$folder/run/metrics.jsonl" 300
pid=$(cat "$folder/pid")
# The dashboard trains in a process of its own, which the lock names.
engine=$(cat "$folder/run/lock")
keys=(Up Down Space Space Space 1 2 3 u C-r a b V Escape + - . p p v s M H m y x z 0 t L Enter l h g G Tab)
start=$SECONDS
next=0
# What every kind of step needs has been taken once after three minutes.
settled=180
middle=$(((settled + minutes * 60) / 2))
early=0
late=0
while [ $((SECONDS - start)) -lt $((minutes * 60)) ] && kill -0 "$pid" 2>/dev/null; do
    if [ $((RANDOM % 12)) -eq 0 ]; then
        tmux -L "$socket" resize-window -t soak -x $((40 + RANDOM % 200)) -y $((12 + RANDOM % 60))
    else
        tmux -L "$socket" send-keys -t soak "${keys[RANDOM % ${#keys[@]}]}"
    fi
    resident=$(awk '/VmRSS/ {sum += $2} END {print int(sum / 1024)}' "/proc/$pid/status" "/proc/$engine/status" 2>/dev/null)
    now=$((SECONDS - start))
    if [ "$now" -ge "$middle" ]; then
        [ "${resident:-0}" -gt "$late" ] && late=$resident
    elif [ "$now" -ge "$settled" ]; then
        [ "${resident:-0}" -gt "$early" ] && early=$resident
    fi
    if [ "$now" -ge "$next" ]; then
        files=$(ls "/proc/$pid/fd" "/proc/$engine/fd" 2>/dev/null | grep -c '^[0-9]')
        echo "minute $((next / 60)): $resident MiB, $files open files, $(tail -n 1 "$folder/run/metrics.jsonl" | grep -o '"step":[0-9]*')"
        next=$((next + 60))
    fi
    sleep 0.2
done
tmux -L "$socket" resize-window -t soak -x 120 -y 40
for key in Escape Escape Escape q; do
    tmux -L "$socket" send-keys -t soak "$key"
    sleep 0.3
done
wait_for "$folder/code" 300
code=$(cat "$folder/code" 2>/dev/null || echo none)
steps=$(sed -n 's/^{"kind":"step","step":\([0-9]*\),.*/\1/p' "$folder/run/metrics.jsonl")
gaps=$(echo "$steps" | awk '$1 != NR {count++} END {print count + 0}')
echo "exit code $code, $(echo "$steps" | wc -l) steps, $gaps out of order, $(grep -c '"kind":"freeze"' "$folder/run/metrics.jsonl") changes of the mask"
echo "most memory in the first half $early MiB, in the second $late MiB"
[ "$code" = 0 ] && [ "$gaps" -eq 0 ] && [ "$early" -gt 0 ] && [ "$late" -le $((early * 115 / 100)) ]
