#!/usr/bin/env bash
# The acceptance run: three processes of the real binary, a real text of more
# than 100,000 lines, a kill -9 in the middle of it.
#
#   1. The text goes through "dispatch --stdin" on n1. A subscriber on n2 and one
#      on n3 print it: both outputs equal the input, line for line.
#   2. The text goes through again, and n2 is killed with -9 while it does. The
#      output on n3 is complete and in order, and no gap is told. A monitor on n1
#      sees the members of n2 leave, once, within three seconds.
#   3. n2 comes back. The subscriber that had lost it subscribes again by itself,
#      says that there may be a gap, and receives.
#
# Everything happens on loopback and in a temporary directory.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
pids=()
cleanup() {
  status=$?
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ "$status" -ne 0 ]; then
    echo "acceptance: FAILED, the ends of the logs:" >&2
    tail -n 15 "$dir"/*.log "$dir"/*.err >&2 || true
  fi
  rm -rf "$dir"
}
trap cleanup EXIT

say() { printf 'acceptance: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

# until_true SECONDS WHAT COMMAND...: polls until the command succeeds.
until_true() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "not within the time: $what"
    read -rt 0.05 <> <(:) || true
  done
}

port=$((20000 + RANDOM % 10000))
gossip() { echo "127.0.0.1:$((port + $1))"; }
rpc() { echo "127.0.0.1:$((port + 100 + $1))"; }

go build -o "$dir/eventnode" ./cmd/eventnode
en="$dir/eventnode"

# serve N: starts node N; its pid goes to $node.
serve() {
  "$en" serve --name "n$1" --gossip "$(gossip "$1")" --rpc "$(rpc "$1")" \
    --join "$(gossip 1)" --join "$(gossip 2)" --join "$(gossip 3)" \
    --data "$dir/n$1" >>"$dir/n$1.log" 2>&1 &
  node=$!
  pids+=("$node")
}

# members N: how many nodes node N has links to, itself among them.
members() { "$en" members --addr "$(rpc "$1")" --json | grep -c '"state":"alive".*"link":"\(up\|self\)"'; }
three_up() { [ "$(members 1)" -eq 3 ] && [ "$(members 2)" -eq 3 ] && [ "$(members 3)" -eq 3 ]; }

text="$dir/text"
go list -deps -json cmd >"$text"
lines=$(wc -l <"$text")
[ "$lines" -ge 100000 ] || fail "the text has only $lines lines"

serve 1; serve 2; n2=$node; serve 3
until_true 15 "three nodes with links" three_up
say "three nodes are up; the text has $lines lines"

# subscribe NAME ADDR ARGS...: starts a subscriber and waits until it stands.
subscribe() {
  local name=$1 addr=$2
  shift 2
  "$en" subscribe --addr "$addr" --policy block "$@" topic:text >"$dir/$name.out" 2>"$dir/$name.err" &
  subscriber=$!
  pids+=("$subscriber")
  until_true 10 "$name subscribes" grep -q 'subscribed on' "$dir/$name.err"
}

# 1
subscribe first3 "$(rpc 3)" --count "$lines" --timeout 60s; s3=$subscriber
subscribe first2 "$(rpc 2)" --count "$lines" --timeout 60s; s2=$subscriber
grep -q 'subscribed on 3 nodes' "$dir/first3.err" || fail "not subscribed on 3 nodes: $(cat "$dir/first3.err")"
begin=$(date +%s%N)
"$en" dispatch --addr "$(rpc 1)" topic:text --stdin <"$text"
wait "$s3" || fail "the subscriber on n3 ended with $?"
wait "$s2" || fail "the subscriber on n2 ended with $?"
took=$((($(date +%s%N) - begin) / 1000000))
cmp "$text" "$dir/first3.out"
cmp "$text" "$dir/first2.out"
say "1: both outputs equal the input ($lines lines, twice, in $took ms)"

# 2
"$en" groups join --addr "$(rpc 2)" workers --times 2 >"$dir/join.out" 2>"$dir/join.err" &
pids+=($!)
two_workers() { [ "$("$en" groups members --addr "$(rpc 1)" workers --json | wc -l)" -eq 2 ]; }
until_true 10 "the members of n2 are seen on n1" two_workers
"$en" groups monitor --addr "$(rpc 1)" workers --json >"$dir/monitor.out" 2>"$dir/monitor.err" &
pids+=($!)
until_true 10 "the monitor stands" test -s "$dir/monitor.out"
subscribe second3 "$(rpc 3)" --count "$lines" --timeout 60s; s3=$subscriber
subscribe back2 "$(rpc 2)"; back=$subscriber

# The second half of the text is given only after the kill, so that the kill
# falls into the middle whatever the machine's speed.
half=$((lines / 2))
mkfifo "$dir/pipe"
"$en" dispatch --addr "$(rpc 1)" topic:text --stdin <"$dir/pipe" &
dispatcher=$!
pids+=("$dispatcher")
exec 9>"$dir/pipe"
head -n "$half" "$text" >&9
kill -9 "$n2"
disown "$n2" # the shell need not report it
killed=$(date +%s%N)
tail -n +"$((half + 1))" "$text" >&9
exec 9>&-
left() { grep -q '"left"' "$dir/monitor.out"; }
until_true 3 "the members of n2 leave within 3 s of the kill" left
purged=$((($(date +%s%N) - killed) / 1000000))
wait "$dispatcher" || fail "the dispatcher ended with $?"
wait "$s3" || fail "the subscriber on n3 ended with $?"
cmp "$text" "$dir/second3.out"
! grep -qi 'gap' "$dir/second3.err" || fail "a gap was told on n3: $(cat "$dir/second3.err")"
say "2: n2 killed in the middle; the output on n3 is complete; its members left after $purged ms"

# 3
serve 2
until_true 20 "n2 is back" three_up
resubscribed() { grep -qi 'gap' "$dir/back2.err"; }
until_true 20 "the subscriber of n2 subscribes again" resubscribed
had=$(wc -l <"$dir/back2.out")
"$en" dispatch --addr "$(rpc 1)" topic:text --data "after the return" --receipt
after() { tail -n 1 "$dir/back2.out" | grep -qx 'after the return'; }
until_true 10 "the subscriber of n2 receives again" after
[ "$(grep -c '"left"' "$dir/monitor.out")" -eq 1 ] || fail "the members of n2 left more than once: $(cat "$dir/monitor.out")"
kill -INT "$back"
wait "$back" && fail "a subscriber with a gap ended with 0" || [ $? -eq 3 ] || fail "it did not end with 3"
say "3: n2 is back; its subscriber, which had $had lines, received again"
say "passed"
