package eventnode

import (
	"errors"
	"testing"
)

func TestPosition(t *testing.T) {
	for s, want := range map[string]Position{
		"0-0": {}, "5": {MS: 5}, "1719500000000-12": {MS: 1719500000000, Seq: 12},
		"0-18446744073709551615": {Seq: 1<<64 - 1},
	} {
		p, err := ParsePosition(s)
		if err != nil || p != want {
			t.Errorf("ParsePosition(%q) = %v, %v", s, p, err)
		}
		if again, err := ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%v is read back as %v, %v", p, again, err)
		}
	}
	for _, s := range []string{"", "-", "1-", "-1", "-1-0", "x-1", "1-x", "1-2-3", "1 -2", "1-18446744073709551616"} {
		if p, err := ParsePosition(s); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("ParsePosition(%q) = %v, %v, want ErrInvalidArgument", s, p, err)
		}
	}
	order := []Position{{}, {Seq: 1}, {MS: 1}, {MS: 1, Seq: 1}, {MS: 2}}
	for i, p := range order {
		for k, q := range order {
			if got, want := p.Compare(q), min(max(i-k, -1), 1); got != want {
				t.Errorf("%v compared with %v is %d, want %d", p, q, got, want)
			}
		}
	}
}
