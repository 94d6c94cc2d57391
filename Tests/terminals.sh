#!/usr/bin/env bash
# Drives the built program in tmux: 5 sizes times 4 kinds of terminal, random keys and resizes while it trains.
# Each must end with exit code 0 and leave the terminal as it was. Usage: Tests/terminals.sh [PROGRAM] [KEYS]
set -u
program=$(readlink -f "${1:-.build/release/frostline}")
count=${2:-80}
. "$(dirname "$0")/tmux.sh"
pictures 12 40 36

# Everything but what leaves or suspends; words as tmux names keys.
keys=(Up Down Left Right Home End PageUp PageDown Enter Escape Tab BSpace Space Space C-l C-r
    1 2 3 f u V a b / n N + - . v M H p p s k j h l g G m y x z Z '[' ']' 0 t L : '?' w e r '*' ä)
failures=0
tmux -L "$socket" -f /dev/null new-session -d -x 80 -y 24 -s keep 'sleep 100000'

drive() { # TERM WIDTH HEIGHT
    local run="$folder/$1-$2x$3" session="t$RANDOM$RANDOM" problem=
    mkdir "$run"
    cat >"$run/script" <<END
stty -a >before
TERM=$1 "$program" train ../data --from-scratch --image-size 32 --batch-size 4 --epochs 100000 --threads 1 --output run
echo \$? >code
stty -a >after
sleep 1000
END
    tmux -L "$socket" new-session -d -s "$session" -x "$2" -y "$3" -c "$run" "bash script"
    wait_for "$run/run/metrics.jsonl" 200
    for _ in $(seq "$count"); do
        if [ $((RANDOM % 10)) -eq 0 ]; then
            tmux -L "$socket" resize-window -t "$session" -x $((20 + RANDOM % 300)) -y $((5 + RANDOM % 100))
        else
            tmux -L "$socket" send-keys -t "$session" "${keys[RANDOM % ${#keys[@]}]}"
        fi
        sleep 0.03
    done
    tmux -L "$socket" resize-window -t "$session" -x "$2" -y "$3"
    # Out of whatever is being typed or asked, then quit.
    for key in Escape Escape Escape Escape q; do
        tmux -L "$socket" send-keys -t "$session" "$key"
        sleep 0.2
    done
    wait_for "$run/after" 200
    [ "$(cat "$run/code" 2>/dev/null)" = 0 ] || problem+=" exit code $(cat "$run/code" 2>/dev/null || echo none)"
    diff "$run/before" "$run/after" >/dev/null || problem+=" stty differs"
    local flags
    flags=$(tmux -L "$socket" display-message -p -t "$session" '#{alternate_on}#{mouse_any_flag}#{cursor_flag}')
    [ "$flags" = 001 ] || problem+=" alternate screen, mouse, cursor: $flags"
    echo "$1 $2x$3:${problem:- as it was, exit code 0, $(wc -l <"$run/run/metrics.jsonl") lines of metrics}"
    if [ -n "$problem" ]; then
        failures=$((failures + 1))
        tmux -L "$socket" capture-pane -p -t "$session" | tail -20
    fi
    tmux -L "$socket" kill-session -t "$session"
    rm -rf "$run"
}

for kind in xterm-256color tmux-256color vt100 linux; do
    for size in "60 15" "80 24" "120 40" "200 60" "400 120"; do drive "$kind" $size; done
done
[ "$failures" -eq 0 ] || echo "$failures failed"
exit "$((failures > 0))"
