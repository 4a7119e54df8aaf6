package bot

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/discord"
)

// W7: what is not known is passed on, counted each time and logged once for each name, of so
// many names at most, whatever a gateway makes up.
func TestUnknownIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	n, err := newNormaliser(slog.New(slog.NewTextHandler(&log, nil)), reg)
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
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 2 {
		t.Fatal(families, err)
	}
	of := families[0].GetMetric() // by label: event, member
	if e, m := of[0].GetCounter().GetValue(), of[1].GetCounter().GetValue(); e != 4*discord.MaxStrangers || m != 2 {
		t.Errorf("%v events and %v members counted", e, m)
	}
}
