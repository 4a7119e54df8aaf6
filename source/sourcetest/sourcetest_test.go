package sourcetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
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

// subject is a Memory as a subject, said to by whatever run makes of it.
func subject(m *sourcetest.Memory, s source.Source) sourcetest.Subject {
	return sourcetest.Subject{
		Source: s,
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
}

// The source in memory passes the tests that it is to be used in place of others for.
func TestMemory(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Subject {
		m := sourcetest.NewMemory("memory")
		return subject(m, m)
	})
}

// broken is a source that does something wrong.
type broken struct {
	*sourcetest.Memory
	wrong func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error
}

// Run implements source.Source.
func (b broken) Run(ctx context.Context, deliver source.Deliver) error {
	return b.wrong(ctx, b.Memory, deliver)
}

// with changes what is delivered.
func with(change func(deliver source.Deliver) source.Deliver) func(context.Context, *sourcetest.Memory, source.Deliver) error {
	return func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		return m.Run(ctx, change(deliver))
	}
}

// wrongs are what a source may do wrong, and the test that sees it.
var wrongs = map[string]struct {
	test string
	run  func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error
}{
	"takes in without bound": {"credit", func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		var mu sync.Mutex
		return m.Run(ctx, func(ctx context.Context, p source.Payload) error {
			go func() {
				mu.Lock()
				defer mu.Unlock()
				_ = deliver(ctx, p)
			}()
			return nil
		})
	}},
	"delivers several at once": {"credit", with(func(deliver source.Deliver) source.Deliver {
		return func(ctx context.Context, p source.Payload) error { go func() { _ = deliver(ctx, p) }(); return nil }
	})},
	"delivers twice": {"order", with(func(deliver source.Deliver) source.Deliver {
		return func(ctx context.Context, p source.Payload) error {
			return errors.Join(deliver(ctx, p), deliver(ctx, p))
		}
	})},
	"says that it is another one": {"order", with(func(deliver source.Deliver) source.Deliver {
		return func(ctx context.Context, p source.Payload) error { p.Origin.Source = "b"; return deliver(ctx, p) }
	})},
	"says what is no JSON": {"order", with(func(deliver source.Deliver) source.Deliver {
		return func(ctx context.Context, p source.Payload) error { p.Data = p.Data[1:]; return deliver(ctx, p) }
	})},
	"keeps why it ends to itself": {"failure", func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		_ = m.Run(ctx, deliver)
		return nil
	}},
	"fails when its context ends": {"stop_while_idle", func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		return errors.Join(m.Run(ctx, deliver), context.Cause(ctx))
	}},
	"leaves a goroutine": {"stop_while_idle", func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		go func() { select {} }()
		return m.Run(ctx, deliver)
	}},
	"ends before deliver has": {"stop_while_delivering", func(ctx context.Context, m *sourcetest.Memory, deliver source.Deliver) error {
		go func() { _ = m.Run(context.WithoutCancel(ctx), deliver) }()
		<-ctx.Done()
		return nil
	}},
}

// The tests see what is wrong with a source. Each runs in a process of its own, which is to
// fail.
func TestWhatIsWrongIsSeen(t *testing.T) {
	if name := os.Getenv("WRONG"); name != "" {
		sourcetest.Run(t, func(*testing.T) sourcetest.Subject {
			m := sourcetest.NewMemory("memory")
			return subject(m, broken{m, wrongs[name].run})
		})
		return
	}
	for name, wrong := range wrongs {
		t.Run(name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestWhatIsWrongIsSeen$/^"+wrong.test+"$")
			c.Env = append(os.Environ(), "WRONG="+name)
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestWhatIsWrongIsSeen/"+wrong.test) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
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
