#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 170-sqlite - sqlite with a write-ahead log under concurrent writers: intact, nothing lost
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user
_need_cmd sqlite3

_init_store
_mount
db=$M/test.db
sqlite3 "$db" 'pragma journal_mode=wal; create table t(w int, n int, data blob, primary key(w, n));'
writer() {
	for n in $(seq 60); do
		echo "insert into t values($1, $n, randomblob(3000));"
	done | sqlite3 -cmd '.timeout 60000' "$db"
}
for w in 1 2 3 4; do
	writer "$w" &
done
for _ in 1 2 3 4 5; do
	sqlite3 -cmd '.timeout 60000' "$db" 'select count(*) from t' >/dev/null || echo "reader failed"
done
wait
sqlite3 "$db" 'pragma integrity_check; select count(*), count(distinct data) from t;'
sqlite3 "$db" 'pragma journal_mode=delete; delete from t where n % 2; vacuum; pragma integrity_check; select count(*) from t;'
_remount
sqlite3 "$db" 'pragma integrity_check; select count(*), sum(length(data)) from t;'
_done
