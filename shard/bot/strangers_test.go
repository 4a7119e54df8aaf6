package bot

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eventnode/eventnode/discord"
)

// W7: what is not known is passed on, counted each time and logged once for each name, of so
// many names at most, whatever a gateway makes up.
func TestUnknownIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	n, err := newNormaliser(slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 2 * discord.MaxStrangers {
			name := fmt.Sprint("NEW_", i)
			if got, err := n.normalise(name, []byte(`{"id":1}`)); err != nil || string(got) != `{"id":"1"}` {
				t.Fatalf("%s: %s, %v", name, got, err)
			}
		}
		if _, err := n.normalise("TYPING_START", []byte(`{"what":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != discord.MaxStrangers {
		t.Errorf("%d lines, want %d", lines, discord.MaxStrangers)
	}
	if got := strings.Count(log.String(), "event=NEW_7 "); got != 1 {
		t.Errorf("a name was logged %d times", got)
	}
	if e, m := testutil.ToFloat64(n.events), testutil.ToFloat64(n.members); e != 4*discord.MaxStrangers || m != 2 {
		t.Errorf("%v events and %v members counted", e, m)
	}
}
