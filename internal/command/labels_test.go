package command

import (
	"maps"
	"strings"
	"testing"
)

func TestParseLabels(t *testing.T) {
	set, err := parseLabels([]string{"rack=7", "disk=ssd"})
	if err != nil || formatLabels(set) != "disk=ssd rack=7" {
		t.Errorf("%v, %v", set, err)
	}
	for _, words := range []string{"disk", "=ssd", "disk=", "a=1 a=2"} {
		if set, err := parseLabels(strings.Fields(words)); err == nil {
			t.Errorf("%s: %v", words, set)
		}
	}
}

// What was read can be written, and read again.
func FuzzParseLabels(f *testing.F) {
	f.Add("disk=ssd rack=7")
	f.Add("=")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parseLabels(strings.Split(text, " "))
		if err != nil {
			return
		}
		again, err := parseLabels(strings.Split(formatLabels(set), " "))
		if err != nil || !maps.Equal(again, set) {
			t.Fatalf("%v, %v: %v", set, again, err)
		}
	})
}
