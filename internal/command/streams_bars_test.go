package command

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		stored, pending, lag uint64
		want                 string
	}{
		{0, 0, 0, "          "},
		{0, 3, 5, "          "},
		{100, 0, 0, "##########"},
		{100, 0, 100, ".........."},
		{100, 100, 0, "=========="},
		{100, 20, 30, "#####==..."},
		{1_000_000, 1, 1, "########=."},
		{1_000_000, 0, 999_999, "#........."},
		{3, 1, 1, "####===..."},
		{10, 10, 5, "=====....."}, // more pending than is stored: some of it is gone
	} {
		if got := bar(tt.stored, tt.pending, tt.lag, 10); got != tt.want {
			t.Errorf("%d, %d, %d: %s, want %s", tt.stored, tt.pending, tt.lag, got, tt.want)
		}
	}
}

// Whatever the numbers are, a bar has its width, and shows each part that there is.
func TestBarRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		stored := r.Uint64N(uint64(1)<<r.IntN(40) + 1)
		lag := r.Uint64N(stored + 1)
		pending := r.Uint64N(stored - lag + 1)
		width := leastBar + r.IntN(mostBar-leastBar)
		got := bar(stored, pending, lag, width)
		if stored == 0 {
			continue
		}
		if len(got) != width || strings.Contains(got, "#") != (lag+pending < stored) || strings.Contains(got, "=") != (pending > 0) || strings.Contains(got, ".") != (lag > 0) {
			t.Fatalf("seed %d: %d, %d, %d in %d: %q", seed, stored, pending, lag, width, got)
		}
	}
}

// A person sees which group is behind; a script has the numbers.
func TestStreamsInfoBars(t *testing.T) {
	r := runFake(t, someGroups(), "", "streams", "info", "orders")
	_, bars, _ := strings.Cut(r.stdout, "\n\n")
	want := "" +
		"  consumer groups: # acked, = pending, . lag, of 100 events\n" +
		"    audit   [" + strings.Repeat("#", 37) + "] 0 pending, lag 0\n" +
		"    billing [" + strings.Repeat("#", 19) + strings.Repeat("=", 7) + strings.Repeat(".", 11) + "] 20 pending, lag 30\n" +
		"    mails   [" + strings.Repeat(".", 37) + "] 0 pending, lag 100, LAGGING: never delivered any\n"
	if r.code != exitOK || bars != want {
		t.Errorf("%+v\n%s\nwant\n%s", r, bars, want)
	}
	var j streamInfoJSON
	r = runFake(t, someGroups(), "", "streams", "info", "orders", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &j); err != nil || j.Count != 100 || len(j.ConsumerGroups) != 3 || j.ConsumerGroups[1].Pending != 20 || !j.ConsumerGroups[2].Lagging {
		t.Errorf("%+v: %v", r, err)
	}
	if r := runFake(t, someGroups(), "", "streams", "info", "empty"); r.code != exitOK || strings.Contains(r.stdout, "consumer groups") {
		t.Errorf("%+v", r)
	}
}

// Lines fit where they can, and bars are never too narrow to show anything.
func TestBarsFit(t *testing.T) {
	groups := []consumerGroupJSON{{Group: "g", Lag: 5}, {Group: strings.Repeat("n", 30), Pending: 1}}
	for width, want := range map[int]int{20: leastBar, 80: 80 - 30 - len("0 pending, lag 5") - len("    []  "), 1000: mostBar} {
		var b strings.Builder
		writeBars(&b, 10, groups, width)
		lines := strings.Split(b.String(), "\n")
		if got := strings.IndexByte(lines[2], ']') - strings.IndexByte(lines[2], '[') - 1; got != want {
			t.Errorf("%d: %d, want %d:\n%s", width, got, want, b.String())
		}
	}
}
