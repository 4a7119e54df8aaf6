// Package settings gives a command's flags their values from other places: a flag that
// was not given takes the environment variable of its name, else the key of its name in
// a YAML file, else its default.
//
//	--gossip-key-file   EVENTNODE_GOSSIP_KEY_FILE   gossip-key-file: /etc/eventnode/key
//
// The names are made of the flag's, so that the three cannot differ, and values are read
// by the flag itself.
//
// # Guarantees
//
//   - A key that no flag has is an error with its file and line and the nearest key that
//     there is; so is a variable with the prefix. A key that stands twice, has no value,
//     or one that the flag does not take, is an error with its line, too.
//   - What an earlier place has set is checked in a later one all the same, so that it
//     does not come as a surprise on the day when it counts.
//
// # Concurrency
//
// Nothing here is safe for concurrent use, and nothing needs to be: flags are set before
// anything starts. No goroutine is started, and only ReadFile reads a file.
//
// # Failure
//
// All errors are the operator's to mend, and name the place.
//
// # Example
//
//	entries, err := settings.ReadFile("node.yaml")
//	...
//	origins, err := settings.Layers{Entries: entries, Environ: os.Environ()}.Apply(flags)
//	...
//	origins["replicas"].String() // "node.yaml:3"
package settings
