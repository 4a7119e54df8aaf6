package sourcetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// said is what a number looks like.
type said struct {
	N       int    `json:"n"`
	Padding string `json:"padding,omitempty"`
}

// The source in memory passes the tests that it is to be used in place of others for.
func TestMemory(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Subject {
		m := sourcetest.NewMemory("memory")
		return sourcetest.Subject{
			Source: m,
			Say: func(ctx context.Context, n, padding int) error {
				data, err := json.Marshal(said{n, strings.Repeat("x", padding)})
				return errors.Join(err, m.Say(ctx, source.Payload{Name: sourcetest.EventName, Data: data}))
			},
			Number: func(p source.Payload) (n int, err error) {
				var s said
				err = json.Unmarshal(p.Data, &s)
				return s.N, err
			},
			Fail:  func() { m.End(errors.New("no more")) },
			Close: func() {},
		}
	})
}

func ExampleMemory() {
	ctx, cancel := context.WithCancel(context.Background())
	s := sourcetest.NewMemory("bot")
	go func() {
		_ = s.Say(ctx, source.Payload{Name: "READY"})
		s.End(nil)
	}()
	err := s.Run(ctx, func(_ context.Context, p source.Payload) error {
		fmt.Println(p.Name, "of", p.Origin.Source)
		return nil
	})
	cancel()
	fmt.Println(err)
	// Output:
	// READY of bot
	// <nil>
}
