package command

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
)

// roleVariable makes a process of the test binary another program: dev starts
// its own executable, which is this one.
const roleVariable = "EVENTNODE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "main":
		os.Exit(Main())
	case "stub": // a node that takes its ports and ends when asked to
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		fs.ParseErrorsAllowlist.UnknownFlags = true
		rpc, gossip := fs.String("rpc", "", ""), fs.String("gossip", "", "")
		_ = fs.Parse(os.Args[1:])
		fmt.Println(os.Args[1:])
		for _, address := range []string{*rpc, *gossip} {
			if _, err := net.Listen("tcp", address); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
	case "broken":
		fmt.Fprintln(os.Stderr, "starting\nno such luck")
		os.Exit(7)
	default:
		os.Exit(m.Run())
	}
}
