package hclogslog

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// text returns a logger without times, and what it wrote.
func text(level slog.Level, cfg Config) (*Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return New(slog.New(handler(&b, level)), cfg), &b
}

func handler(b *bytes.Buffer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(b, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime})
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func ExampleNew() {
	to := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	l := New(to, Config{Name: "raft"})
	l.Info("entering follower state", "term", 7)
	l.Named("snapshot").With("partition", 1).Warn("slow", "size", hclog.Fmt("%d KiB", 64))
	// Output:
	// level=INFO msg="entering follower state" term=7 logger=raft
	// level=WARN msg=slow partition=1 size="64 KiB" logger=raft.snapshot
}

func TestLevelsAreKept(t *testing.T) {
	l, b := text(LevelTrace, Config{})
	for level, want := range map[hclog.Level]string{
		hclog.Trace: "DEBUG-4", hclog.Debug: "DEBUG", hclog.Info: "INFO",
		hclog.Warn: "WARN", hclog.Error: "ERROR", hclog.NoLevel: "INFO",
	} {
		b.Reset()
		l.Log(level, "x")
		if got := b.String(); got != "level="+want+" msg=x\n" {
			t.Errorf("%v: %q", level, got)
		}
	}
	b.Reset()
	l.Log(hclog.Off, "x")
	if b.Len() > 0 {
		t.Errorf("off: %q", b)
	}
	for level, want := range map[slog.Level]hclog.Level{
		LevelTrace: hclog.Trace, slog.LevelDebug: hclog.Debug, slog.LevelInfo: hclog.Info,
		slog.LevelWarn: hclog.Warn, slog.LevelError: hclog.Error, slog.LevelError + 1: hclog.Off,
	} {
		l, _ := text(level, Config{})
		is := []bool{l.IsTrace(), l.IsDebug(), l.IsInfo(), l.IsWarn(), l.IsError()}
		for i, on := range is {
			if on != (want <= hclog.Level(i+1)) {
				t.Errorf("handler at %v: %v", level, is)
			}
		}
		if got := l.GetLevel(); got != want {
			t.Errorf("handler at %v: level %v", level, got)
		}
	}
}

func TestNamesAndImpliedArgsAreKept(t *testing.T) {
	l, _ := text(slog.LevelInfo, Config{Name: "a"})
	d := l.With("k", 1).Named("b").With("m", 2)
	if d.Name() != "a.b" || fmt.Sprint(d.ImpliedArgs()) != "[k 1 m 2]" {
		t.Errorf("%s %v", d.Name(), d.ImpliedArgs())
	}
	if d.ResetNamed("c").Name() != "c" || l.Name() != "a" || len(l.ImpliedArgs()) != 0 {
		t.Error("the parent changed")
	}
}

func TestTheSameAboutOnePeerIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := text(slog.LevelInfo, Config{Interval: 10 * time.Second, Burst: 3})
		for range 100 { // ten seconds of a dead peer
			l.Error("failed to heartbeat to", "peer", "p1", "backoff time", time.Second)
			l.Info("as often as it likes")
			<-time.After(99 * time.Millisecond)
		}
		l.Error("failed to heartbeat to", "peer", "p2", "backoff time", time.Second)
		l.Error("something else", "peer", "p1")
		out := b.String()
		for what, want := range map[string]int{`peer=p1 "backoff`: 3, "as often": 100, "peer=p2": 1, "something else": 1} {
			if got := strings.Count(out, what); got != want {
				t.Errorf("%q %d times, want %d", what, got, want)
			}
		}
		<-time.After(10 * time.Second)
		b.Reset()
		l.With("x", 1).Error("failed to heartbeat to", "peer", "p1")
		if got := b.String(); !strings.Contains(got, "left_out=97") {
			t.Errorf("after the interval: %q", got)
		}
	})
}

func TestTheLimiterForgetsRatherThanGrows(t *testing.T) {
	l := newLimiter(time.Minute, 1)
	now := time.Now()
	for i := range 10 * maxKeys {
		l.allow(now, fmt.Sprint(i))
		if len(l.keys) > maxKeys {
			t.Fatalf("%d keys", len(l.keys))
		}
	}
}

func TestPackageLogComesHere(t *testing.T) {
	l, b := text(slog.LevelInfo, Config{})
	l.StandardLogger(nil).Println("one")
	l.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Error}).Println("two")
	if got := b.String(); got != "level=INFO msg=one\nlevel=ERROR msg=two\n" {
		t.Errorf("%q", got)
	}
}

func TestNothingIsLoggedWithoutALogger(t *testing.T) {
	l := New(nil, Config{})
	l.Error("x")
	if l.IsError() || l.GetLevel() != hclog.Off {
		t.Error("it writes somewhere")
	}
}

func BenchmarkDisabled(b *testing.B) {
	l, _ := text(slog.LevelInfo, Config{})
	b.ReportAllocs()
	for b.Loop() {
		l.Debug("x", "k", 1)
	}
}
