// Package enginetest is what every engine must pass: Run for the contract of
// package engine, and Recovered for what is left after a crash.
//
// # Guarantees
//
// All that is random comes from a seed, which is printed; what entry i writes
// depends on the seed and i alone, so what a store must hold at any Applied can
// be built from nothing but the two. The model is a plain map, and its chain a
// hash over bytes that were joined by hand.
//
// # Concurrency
//
// Run's tests start goroutines and wait for them.
//
// # Failure
//
// Failures are the test's.
//
//	enginetest.Run(t, func(t testing.TB, dir string) engine.Store {
//		store, err := mapdb.Open(dir)
//		...
//	})
package enginetest
