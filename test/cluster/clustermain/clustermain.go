// Package clustermain has a test binary be the program of its nodes, too: nothing is
// built, and nothing is to be installed.
//
//	func TestMain(m *testing.M) { clustermain.Run(m) }
//
//	func TestOrders(t *testing.T) {
//		c := cluster.Start(t, cluster.Config{Processes: true})
//		...
//	}
//
// Each node is a process of its own, which runs the test binary. It is the same program as
// the command eventnode: only its main function is another.
//
// # Guarantees
//
// Only a process that the harness started is a node (its environment has cluster.AsNode): a
// test may run its own binary for purposes of its own. A program that EVENTNODE_BINARY or
// cluster.Config.Binary names is run instead of the test binary.
//
// # Concurrency
//
// Run and Node are called first in TestMain, before there are other goroutines.
//
// # Failure
//
// The package's variables are initialised, and its init functions run, in each node too: what
// they print is in the node's log, and if they fail, so does the node.
package clustermain

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/internal/command"
	"github.com/eventnode/eventnode/test/cluster"
)

// Run is a whole TestMain. It does not return.
func Run(m *testing.M) {
	Node()
	os.Exit(m.Run())
}

// Node is for a TestMain that does more: in a process that is to be a node it is that, and
// does not return; in the others it says that the test binary is the program for nodes.
func Node() {
	name, value, _ := strings.Cut(cluster.AsNode, "=")
	if os.Getenv(name) == value {
		os.Exit(command.Main())
	}
	if os.Getenv(cluster.BinaryVariable) != "" {
		return
	}
	path, err := os.Executable()
	if err == nil {
		err = os.Setenv(cluster.BinaryVariable, path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the path of the test binary, which is to be the program for nodes:", err)
		os.Exit(1)
	}
}
