package labels

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

func TestCheck(t *testing.T) {
	set := map[string]string{"rack": "7", "disk": "ssd"}
	if err := Check(set); err != nil || !slices.Equal(Format(set), []string{"disk=ssd", "rack=7"}) {
		t.Errorf("%v, %v", Format(set), err)
	}
	for _, set := range []map[string]string{{"": "ssd"}, {"disk": ""}, {"a": "b=c"}, {"a": "b,c"}, {"a b": "c"}, {"a": "\xff"}, {"a": "\n"}} {
		if err := Check(set); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%q: %v", set, err)
		}
	}
}

func TestBounds(t *testing.T) {
	many := map[string]string{}
	for i := range Max {
		many[fmt.Sprint(i)] = "v"
	}
	if err := Check(many); err != nil {
		t.Error(err)
	}
	many["one"] = "more"
	for _, set := range []map[string]string{many, {"k": strings.Repeat("v", MaxBytes)}} {
		if err := Check(set); !errors.Is(err, eventnode.ErrLimit) {
			t.Errorf("%d labels: %v", len(set), err)
		}
	}
}

func TestFit(t *testing.T) {
	have := map[string]string{"disk": "ssd", "rack": "7"}
	for _, tt := range []struct {
		want map[string]string
		fits bool
	}{
		{nil, true},
		{map[string]string{"disk": "ssd"}, true},
		{map[string]string{"disk": "hdd"}, false},
		{map[string]string{"zone": "a"}, false},
		{have, true},
		{map[string]string{"rack": "7", "disk": "hdd"}, false},
	} {
		if Fit(have, tt.want) != tt.fits {
			t.Errorf("%v: %v", tt.want, !tt.fits)
		}
	}
}
