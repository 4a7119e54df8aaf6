package watermill_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The suite restarts what it tests by a command. That command is this binary, which asks
// the process of the test, where the cluster is.
var restart = flag.String("restart", "", "ask at this URL for a restart, and run no test")

func TestMain(m *testing.M) {
	flag.Parse()
	if *restart != "" {
		os.Exit(askForRestart(*restart))
	}
	// The suite leaves some behind: one gathers what was published from a channel that nobody
	// closes, others hand messages on when nobody receives them any more.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/pubsub/tests.TestReconnect.func2"),
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"),
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func3"))
}

func askForRestart(url string) (status int) {
	resp, err := http.Post(url, "", nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s: %s\n", resp.Status, text)
	if resp.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
