// Package reload keeps what files say, and reads them anew when they change: a
// certificate, tokens, keys, without a restart.
//
// # Guarantees
//
//   - Load is strict: what cannot be read is an error. Later a file that cannot be read,
//     or says what cannot be, changes nothing: what was read last holds, and one error
//     tells of it, once for each content.
//   - What is taken has stood for two looks: a file that is being written is not half read,
//     nor is a certificate taken before its key. Several files that belong together are
//     taken together.
//
// # Concurrency
//
// Now is safe for concurrent use, and quick. Load starts nothing; Run looks every so often
// until its context ends, and is the only one that looks.
//
// # Failure
//
// Errors name the files and never quote them.
//
// # Example
//
//	keys, err := reload.Load(parseKeys, "/etc/eventnode/gossip.key")
//	...
//	go reload.Run(ctx, 2*time.Second, logger, keys)
//	...
//	use(keys.Now())
package reload
