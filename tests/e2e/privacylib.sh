# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# What the scenarios about policies share, sourced behind lib.sh: frames from privacy.py, questions
# to privacy_check.py, and the real captures.
need tshark python3
export FLOWKEEP PYTHONDONTWRITEBYTECODE=1

# generate ARGUMENT...: as privacy.py tells
generate() { python3 "$here/privacy.py" "$@" || fail "privacy.py $*"; }

# ask WORDS ARGUMENT...: a question of privacy_check.py, whose answer has to be yes; it is left in told
ask() {
	local words=$1
	shift
	if python3 "$here/privacy_check.py" "$@" >told 2>&1; then
		passed=$((passed + $(sed -n 's/^\([0-9]*\) checks$/\1/p' told)))
	else
		fail "$words"
		head -30 told
	fi
}

# ask_no WORDS ARGUMENT...: one whose answer has to be no, so that yes means something
ask_no() {
	local words=$1
	shift
	python3 "$here/privacy_check.py" "$@" >told 2>&1
	same "$words: the answer" 1 $?
	check "$words: there is a reason" grep -q '^WRONG: ' told
}

# archive DIR STATUS ARGUMENT...: the ledger is left in out
archive() {
	local dir=$1 status=$2
	shift 2
	run "$status" "$FLOWKEEP" split -q --json --sync none --protocols all -d "$dir" "$@"
	check "$dir: the ledger balances" balanced
}

# real_captures: sets captures to their paths (all, or one in so many), and list has them, one a line
real_captures() {
	captures=()
	: >list
	if [ ! -d "${FLOWKEEP_CAPTURES-}" ]; then
		echo "real captures are not there: FLOWKEEP_CAPTURES names none"
		skipped=$((skipped + 1))
		return 1
	fi
	find "$FLOWKEEP_CAPTURES" \( -name expected -o -name oracle \) -prune -o -type f ! -name 'MANIFEST*' ! -name 'README*' -print |
		sort | awk -v every="$(size 1 16 8)" 'NR % every == 3 % every' >list # some of them damaged
	mapfile -t captures <list
}
