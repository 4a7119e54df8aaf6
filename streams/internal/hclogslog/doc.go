// Package hclogslog lets hashicorp's libraries log through a *slog.Logger, and
// keeps them from saying the same thing about the same peer all the time.
//
// # Guarantees
//
// Levels keep their meaning (Trace is four below Debug), With and Named are kept
// as attributes and as the attribute "logger". Of equal warnings and errors about
// the same peer the first Config.Burst of an interval are logged; the first of the
// next interval says how many were left out. Other levels are never left out.
//
// # Concurrency
//
// Safe for concurrent use. It starts no goroutine.
//
// # Failure
//
// There is none to see: what the handler cannot write is lost, as with slog.
//
//	raftConfig.Logger = hclogslog.New(logger, hclogslog.Config{Name: "raft"})
package hclogslog
