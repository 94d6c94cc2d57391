# Sourced by the checks that drive the program in tmux: a folder and a server of their own, gone at the end, and pictures.
folder=$(mktemp -d)
socket=frostline-$$
trap 'tmux -L "$socket" kill-server 2>/dev/null; rm -rf "$folder"' EXIT
RANDOM=${SEED:-1}

pictures() { # A CLASS, WIDTH, HEIGHT: noise for two classes, in $folder/data
    local class number
    for class in cats dogs; do
        mkdir -p "$folder/data/$class"
        for number in $(seq "$1"); do
            { printf 'P6\n%d %d\n255\n' "$2" "$3"; head -c $(($2 * $3 * 3)) /dev/urandom; } \
                >"$folder/data/$class/$number.ppm"
        done
    done
}

wait_for() { # FILE, TENTHS OF A SECOND: until it holds something
    for _ in $(seq "$2"); do
        [ -s "$1" ] && break
        sleep 0.1
    done
}
