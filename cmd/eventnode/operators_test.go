package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
)

// storeAt runs one node with storage in a directory until stop, and returns its rpc
// address.
func storeAt(t *testing.T, dir string) (addr string, stop func()) {
	t.Helper()
	p := start(t, "", "serve", "--json", "--log-level", "warn", "--name", "n1", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--data", dir)
	ended := false
	stop = func() {
		if !ended {
			ended = true
			p.interrupt()
			p.end(t)
		}
	}
	t.Cleanup(stop)
	var at servingJSON
	poll(t, "n1 serves", func() error {
		if err := json.Unmarshal([]byte(p.stdout.String()), &at); err != nil {
			return fmt.Errorf("%w: %s", err, p.stderr)
		}
		return nil
	})
	return at.RPC, stop
}

// How copies are, whether they are sound, a backup of them and what becomes of it, as
// people and as scripts see it.
func TestOperators(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	addr, stop := storeAt(t, data)
	do := func(args ...string) result {
		t.Helper()
		return runReal(t, "", append(args, "--addr", addr)...)
	}
	says := func(r result, code int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if r.code != code || !strings.Contains(r.stdout+r.stderr, part) {
				t.Errorf("%d, %q, %q; want %d, %s", r.code, r.stdout, r.stderr, code, part)
			}
		}
	}
	says(do("bench", "publish", "load"), exitError, "declare it first, or say --create")
	says(do("bench", "publish", "load", "--create", "--count", "1050", "--batch", "100", "--publishers", "2", "--in-flight", "2"), exitOK, "published  1050 events", "errors     0 of 11 batches")
	var bench benchPublishReport
	if r := do("bench", "publish", "load", "--duration", "200ms", "--size", "1000", "--json"); json.Unmarshal([]byte(r.stdout), &bench) != nil || bench.Events < 100 || bench.LatencyP50 <= 0 || bench.LatencyP999 < bench.LatencyP99 || bench.Errors != 0 {
		t.Errorf("%+v", r)
	}
	events := 1050 + bench.Events

	says(do("raft", "status"), exitOK, "n1 leads", "NODE ", "voter")
	var status eventnode.StorageStatus
	if r := do("raft", "status", "--json"); json.Unmarshal([]byte(r.stdout), &status) != nil || !status.Healthy || status.Leader != "n1" || len(status.Replicas) != 1 || status.Replicas[0].Role != "voter" || status.Replicas[0].State != "running" {
		t.Errorf("%+v", r)
	}
	says(do("scrub", "--rate", "1000000000"), exitOK, "n1: sound: ", fmt.Sprintf("with %d events", events))
	says(do("scrub", "--node", "n9"), exitError, "these have: n1")

	file := filepath.Join(dir, "backup.evn")
	says(do("backup", file), exitOK, file+": ", "1 stream with "+fmt.Sprint(events)+" events", "the copy of n1")
	says(do("backup", file), exitUsage, "choose another name")
	var made backupJSON
	if r := do("backup", file, "--overwrite", "--json"); json.Unmarshal([]byte(r.stdout), &made) != nil || made.Of.Streams != 1 || made.Of.Events != uint64(events) || made.Size == 0 {
		t.Errorf("%+v", r)
	}
	if r := do("backup", "-"); r.code != exitOK || !strings.HasPrefix(r.stdout, "evn-back") || !strings.Contains(r.stderr, "1 stream with") {
		t.Errorf("%d, %d bytes, %q", r.code, len(r.stdout), r.stderr)
	}
	says(do("backup", filepath.Join(dir, "nowhere", "file")), exitError, "no such file or directory")
	if left, err := filepath.Glob(filepath.Join(dir, "*.part")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}

	says(runReal(t, "", "restore", "--check", file), exitOK, "whole and unchanged", "1 stream")
	says(runReal(t, "", "restore", file), exitUsage, "--data is missing")
	says(runReal(t, "", "restore", file, "--check", "--data", dir), exitUsage, "say one of them")
	says(runReal(t, "", "restore", file, "--data", data), exitError, "is not empty", "nothing is overwritten")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.evn")
	if err := os.WriteFile(cut, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh")
	says(runReal(t, "", "restore", "--check", cut), exitError, "it ends too early")
	says(runReal(t, "", "restore", cut, "--data", fresh), exitError, "it ends too early")
	says(runReal(t, "", "restore", file, "--data", fresh), exitOK, "1 stream with "+fmt.Sprint(events)+" events", "eventnode serve --data "+fresh)
	stop()
	addr, _ = storeAt(t, fresh)
	poll(t, "the restored node leads", func() error {
		if r := do("streams", "list"); r.code != exitOK {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	says(do("streams", "list"), exitOK, fmt.Sprintf("load    %d", events))
	says(do("scrub"), exitOK, "n1: sound")
}

// A copy that is damaged is said to be, with where, and the exit code says so too.
func TestScrubFindsDamage(t *testing.T) {
	data := t.TempDir()
	addr, _ := storeAt(t, data)
	if r := runReal(t, "", "bench", "publish", "load", "--create", "--count", "100", "--addr", addr); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	logs, err := filepath.Glob(filepath.Join(data, "streams", "partition-1", "log", "*.wal"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	f, err := os.OpenFile(logs[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damage"), 3000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := runReal(t, "", "scrub", "--rate", "1000000000", "--addr", addr)
	if r.code != exitError || !strings.Contains(r.stdout, "n1: DAMAGED log: ") || !strings.Contains(r.stdout, filepath.Base(logs[0])) || !strings.Contains(r.stderr, "1 copy is DAMAGED") {
		t.Errorf("%+v", r)
	}
	r = runReal(t, "", "scrub", "--json", "--rate", "1000000000", "--addr", addr)
	var p eventnode.ScrubProgress
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &p); err != nil || !p.Done || p.Damaged != 1 || r.code != exitError {
		t.Errorf("%+v: %v", r, err)
	}
}

func TestBenchPublishRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--publishers", "0"}, {"--in-flight", "0"}, {"--batch", "0"}, {"--batch", "8193"}, {"--size", "-1"},
		{"--count", "0"}, {"--duration", "-1s"}, {"--duration", "1s", "--count", "5"},
	} {
		if r := runReal(t, "", append([]string{"bench", "publish", "load"}, args...)...); r.code != exitUsage {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestSized(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1 << 60: "1024.0 PiB"} {
		if got := sized(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
