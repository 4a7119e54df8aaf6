package proc

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func sh(t *testing.T, ctx context.Context, log *bytes.Buffer, script string) *Process {
	t.Helper()
	p, err := Start(ctx, "child", exec.Command("/bin/sh", "-c", script), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func TestLinesThereAndBack(t *testing.T) {
	var log bytes.Buffer
	p := sh(t, t.Context(), &log, `echo one >&2; printf two >&2; while read line; do echo "{\"got\":$line}"; done`)
	for i := range 3 {
		var answer struct{ Got int }
		if err := p.Ask(t.Context(), i, &answer); err != nil || answer.Got != i {
			t.Fatalf("asked %d, got %d, %v", i, answer.Got, err)
		}
	}
	if cpu, err := p.CPU(); err != nil || cpu > time.Second {
		t.Errorf("cpu %v, %v", cpu, err)
	}
	if rss, err := p.RSS(); err != nil || rss < 1<<16 {
		t.Errorf("rss %d, %v", rss, err)
	}
	if written, err := p.Written(); err != nil || written < 0 {
		t.Errorf("written %d, %v", written, err)
	}
	p.Stop()
	if got := log.String(); got != "child: one\nchild: two\n" {
		t.Errorf("log %q", got)
	}
}

func TestAnswersBeforeTheEndAreReceived(t *testing.T) {
	p := sh(t, t.Context(), new(bytes.Buffer), `echo '{"a":1}'; printf '{"error":"cannot"}'; exit 3`)
	if err := p.Receive(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Receive(t.Context(), nil); err == nil || err.Error() != "child: cannot" {
		t.Errorf("error %v", err)
	}
	if err := p.Receive(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("end %v", err)
	}
}

func TestCancellationKills(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := sh(t, ctx, new(bytes.Buffer), `exec sleep 100`)
	cancel()
	if err := p.Receive(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("end %v", err)
	}
	if _, err := Start(ctx, "late", exec.Command("/bin/true"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("start after the end: %v", err)
	}
}

// Who is asked may still do something; who does not listen is killed.
func TestTerminate(t *testing.T) {
	var log bytes.Buffer
	p := sh(t, t.Context(), &log, `trap 'echo bye >&2; exit 0' TERM; echo {}; while :; do read line; done`)
	if err := p.Receive(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Terminate(t.Context()); err != nil || log.String() != "child: bye\n" {
		t.Errorf("%v, log %q", err, log.String())
	}
	deaf := sh(t, t.Context(), new(bytes.Buffer), `trap '' TERM; echo {}; while :; do sleep 1; done`)
	if err := deaf.Receive(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := deaf.Terminate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestStopWithAnswersThatNobodyWants(t *testing.T) {
	p := sh(t, t.Context(), new(bytes.Buffer), `yes '{}' | head -n 5000; read line`)
	if err := p.Receive(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	StopAll(p, nil)
	if took := time.Since(began); took > stopWait {
		t.Errorf("took %v", took)
	}
}

func TestParse(t *testing.T) {
	cpu, err := parseCPU("12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 1")
	if err != nil || cpu != 1750*time.Millisecond {
		t.Errorf("cpu %v, %v", cpu, err)
	}
	rss, err := parseRSS([]byte("Name:\tx\nVmRSS:\t    12 kB\n"))
	if err != nil || rss != 12<<10 {
		t.Errorf("rss %v, %v", rss, err)
	}
	written, err := number([]byte("wchar: 7\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n"), "write_bytes:")
	if err != nil || written != 8192 {
		t.Errorf("written %d, %v", written, err)
	}
	if _, err := parseCPU("12 (a"); err == nil {
		t.Error("malformed stat accepted")
	}
	if _, err := parseRSS(nil); err == nil {
		t.Error("malformed status accepted")
	}
}
