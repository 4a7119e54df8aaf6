// Package backoff says how long to wait before something that failed is tried
// again.
//
// # Guarantees
//
// The wait is never shorter than Min and never longer than Max. Between the
// two it is spread over the whole of a range whose upper bound grows by Factor
// with each failure ("full jitter"): many that failed at the same moment do not
// come back at the same moment.
//
// # Concurrency
//
// A Backoff is a value; it remembers nothing. The count of failures and the
// random number come from the caller, so tests choose them.
//
// # Failure
//
// Nothing here fails. Values that make no sense become the defaults.
//
// # Example
//
//	wait := backoff.Backoff{Max: 5 * time.Second}.Next(failures, rand.Float64())
package backoff
