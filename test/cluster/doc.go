// Package cluster starts whole eventnode clusters for tests, this project's own
// and yours, and breaks them on request.
//
//	func TestOrders(t *testing.T) {
//		c := cluster.Start(t, cluster.Config{Nodes: 3})
//		sub, err := c.Node("n3").Live().Subscribe(t.Context(), []string{"topic:orders"})
//		...
//		c.Kill("n2")
//		c.Eventually(10*time.Second, func() error { ... })
//	}
//
// # Two kinds of cluster
//
// By default nodes run in this process, over a network in memory that can cut,
// delay and lose. Inside a testing/synctest bubble their time is virtual: a
// two-minute split takes milliseconds and the outcome does not depend on the
// machine.
//
// With Config.Processes each node is a process of the real binary on loopback:
// Kill is SIGKILL, Pause is SIGSTOP. Their network cannot be broken, unless each has
// a machine of its own: Config.Hosts. Else the methods that would do so fail the test.
// With Config.HTTP they take CloudEvents, with Config.GatewayTokens clients of the chat
// service, and with Config.ShardRun run shards of a bot.
//
// # The program for nodes
//
// A process runs the first of these that there is: Config.Binary; what the
// environment variable EVENTNODE_BINARY names; the test binary itself, if its
// TestMain is that of package clustermain; the command as `go build` makes it, once for
// each test binary, which works if the test's module lists what it needs. What is built
// is removed when the test binary has ended, also if it was killed.
//
// # Machines
//
// With Config.Hosts each process has a network namespace with an address of its own, on
// one switch (Linux, as root, with iproute2; NeedHosts skips the test elsewhere):
//
//	cluster.NeedLossyHosts(t)
//	c := cluster.Start(t, cluster.Config{Processes: true, Hosts: true})
//	c.Cut("n1", "n2")                                            // one way
//	c.Delay("n2", "n3", 50*time.Millisecond, 80*time.Millisecond) // one way
//	c.Loss(0.2)                                                  // everywhere
//	c.Heal()                                                     // the cut
//
// What is cut vanishes, and so does what is lost: nobody gets an error. What is
// delayed arrives no earlier than it is to; packets whose delays differ overtake each
// other. Which packets of a direction are lost, and how long each takes, follows from
// Config.Seed and their number. HostQueue packets at most are under way in a
// direction. The test's own clients are on the switch, and reach all machines.
//
// # Durable streams
//
// With Config.Storage the nodes keep streams together:
//
//	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
//	c.Declare("orders", eventnode.StreamConfig{})
//	leader := c.Leader("orders")
//	c.Kill(leader.Name())
//	at, err := c.Leader("orders").Streams().Publish(ctx, "orders", ev)
//	...
//	leader.Truncate("streams/partition-1/log/...", 4096) // a damaged disk
//	err = c.TryRestart(leader.Name())                    // it may refuse
//
// Data stays over restarts, and what is in the directory of a node that does not run
// may be saved, put back, wiped, cut and flipped: files.go has the list.
//
// # Stories
//
// Play runs a script of commands such as "partition n1,n2 n3" and "members n3
// group=workers", in virtual time, and compares what they print. The scripts in
// testdata are examples; scenario.go lists the commands.
//
// # Failure
//
// A node that ends by itself fails the test, with its error. When a test has
// failed, the end of each process's log is printed. Everything is stopped and
// removed when the test ends.
package cluster
