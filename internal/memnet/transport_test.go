package memnet

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memberlist's own cluster runs over the transport, sees a death, and ends.
func TestMemberlist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Seed: 5})
		n.Delay(Any, Any, time.Millisecond, 5*time.Millisecond)
		n.Loss(Any, Any, 0.02)
		lists := make([]*memberlist.Memberlist, 3)
		for i, host := range []string{hostA, hostB, hostC} {
			tr, err := n.Host(host).Transport(7400)
			if err != nil {
				t.Fatal(err)
			}
			cfg := memberlist.DefaultLANConfig()
			cfg.Name, cfg.Transport, cfg.Logger = host, tr, slog.NewLogLogger(slog.DiscardHandler, 0)
			if lists[i], err = memberlist.Create(cfg); err != nil {
				t.Fatal(err)
			}
			if _, err := lists[i].Join([]string{hostA + ":7400"}); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, 5*time.Second, func() bool { return lists[1].NumMembers() == 3 && lists[2].NumMembers() == 3 })
		n.Crash(hostC)
		eventually(t, 15*time.Second, func() bool { return lists[0].NumMembers() == 2 && lists[1].NumMembers() == 2 })
		for _, l := range lists {
			if err := l.Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
		// memberlist does not wait for its probes; they end by themselves.
		time.Sleep(30 * time.Second)
	})
}

// eventually polls in virtual time.
func eventually(t *testing.T, within time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("does not hold after %v", within)
		}
	}
}

func TestTransportAddress(t *testing.T) {
	n := New(Config{})
	tr, err := n.Host("fd00::7").Transport(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Shutdown() }()
	ip, port, err := tr.FinalAdvertiseAddr("", 0)
	if err != nil || ip.String() != "fd00::7" || port == 0 {
		t.Fatal(ip, port, err)
	}
	if ip, port, err = tr.FinalAdvertiseAddr("192.0.2.1", 9); err != nil || ip.String() != "192.0.2.1" || port != 9 {
		t.Fatal(ip, port, err)
	}
	if _, _, err = tr.FinalAdvertiseAddr("nonsense", 9); err == nil {
		t.Fatal("nonsense was taken")
	}
}
