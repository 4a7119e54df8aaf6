// Command bench measures eventnode beside NATS, Redis, Erlang's pg and discordgo on one
// machine: the same work, the same counting, every run checked for loss, duplicates and
// order, in alternating rounds. What comes out is docs/benchmarks.md.
//
//	make bench                                  # everything, and the report
//	make bench ONLY='^fan-out' ROUNDS=3         # a part of it
//	bench run --only '^one-to-one/128$' --profile /tmp/p   # where the time goes
//
// It is a module of its own, so that the peers are nobody's dependencies.
//
//	internal/suite   the words: workload, system, sample
//	internal/live    live dispatch; internal/load its processes, internal/server
//	                 the clusters, internal/relay the wire's limit
//	internal/durable streams on disk; internal/stream its processes
//	internal/table   the group table, on embedded nodes
//	internal/edge    the gateway: its nodes, its clients and a plain loop beside it
//	internal/intake  a shard: a recorded gateway, its takers, discordgo beside them
//	internal/pg      Erlang's part of both
//	internal/report  the page and its plots
//	internal/proc    processes driven by lines
package main
