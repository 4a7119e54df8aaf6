package command

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// store runs one node with storage, and returns its rpc address once it takes
// streams.
func store(t *testing.T) string {
	t.Helper()
	p := start(t, "", "serve", "--json", "--log-level", "warn", "--name", "n1", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--data", t.TempDir())
	t.Cleanup(func() {
		p.interrupt()
		p.end(t)
	})
	var at servingJSON
	poll(t, "n1 serves", func() error {
		if err := json.Unmarshal([]byte(p.stdout.String()), &at); err != nil {
			return fmt.Errorf("%w: %s", err, p.stderr)
		}
		return nil
	})
	return at.RPC
}

// A stream from its making to its end, as people and as scripts see it.
func TestStreams(t *testing.T) {
	addr := store(t)
	do := func(stdin string, args ...string) result {
		t.Helper()
		return runReal(t, stdin, append(args, "--addr", addr)...)
	}
	want := func(r result, code int, stdout string) {
		t.Helper()
		stdout = "^" + strings.NewReplacer("POS", `\d{13}-\d+`, "(", `\(`, ")", `\)`).Replace(stdout) + "$"
		if r.code != code || !regexp.MustCompile(stdout).MatchString(r.stdout) {
			t.Errorf("%d, %q, %q; want %d, %s", r.code, r.stdout, r.stderr, code, stdout)
		}
	}
	want(do("", "streams", "list"), exitOK, "STREAM +EVENTS +BYTES +PUBLISHED +LAST +RETAIN +GROUPS\n")
	want(do("", "streams", "create", "orders", "--group", "b", "--group", "a"), exitOK, "stream orders created\n")
	want(do("", "streams", "create", "orders", "--group", "c"), exitOK, "stream orders is there\n")
	if r := do("", "streams", "create", "orders", "--fresh"); r.code == exitOK || !strings.Contains(r.stderr, "stream with name orders already exists") {
		t.Errorf("%+v", r)
	}
	if r := do("", "streams", "create", "orders", "--max-bytes", "100"); r.code == exitOK || !strings.Contains(r.stderr, "max_bytes") {
		t.Errorf("%+v", r)
	}
	want(do("", "publish", "orders", "--data", "one"), exitOK, "POS\n")
	want(do("two\nthree\n", "publish", "orders", "--stdin", "--name", "line"), exitOK, "published 2 events, the last at POS\n")
	want(do("", "streams", "read", "orders"), exitOK, "POS  event  one\nPOS  line  two\nPOS  line  three\n")
	want(do("", "streams", "read", "orders", "--last", "2", "--limit", "1"), exitOK, "POS  line  two\n")
	want(do("", "streams", "read", "orders", "--limit", "1", "--format", "cloudevents"), exitOK,
		`{"specversion":"1.0","id":"[0-9a-f-]{36}","source":"eventnode:none","type":"event","time":"[^"]*","data_base64":"b25l"}`+"\n")
	want(do("", "streams", "list"), exitOK, "STREAM.*\norders +3 +\\d+ +3 +POS +acked +a b c\n")
	want(do("", "streams", "update", "orders", "--retain", "limits", "--max-count", "1"), exitOK, "stream orders updated\n")
	var info streamJSON
	if r := do("", "streams", "info", "orders", "--json"); json.Unmarshal([]byte(r.stdout), &info) != nil || info.Count != 1 || info.Published != 3 || info.Leader != "n1" {
		t.Errorf("%+v", r)
	}
	if r := do("", "publish", "orders", "--expect-last", "0-0"); r.code == exitOK || !strings.Contains(r.stderr, "last position") {
		t.Errorf("%+v", r)
	}
	if r := do("", "publish", "nowhere"); r.code == exitOK || !strings.Contains(r.stderr, "nowhere") {
		t.Errorf("%+v", r)
	}
	if r := do("", "streams", "create", "far", "--pool", "second"); r.code == exitOK || !strings.Contains(r.stderr, "these are: default") {
		t.Errorf("%+v", r)
	}
	want(do("", "streams", "pools", "create", "second"), exitOK, "pool second created\n")
	want(do("", "streams", "pools", "create", "second"), exitOK, "pool second is there\n")
	want(do("", "streams", "create", "far", "--pool", "second"), exitOK, "stream far created\n")
	if r := do("", "streams", "pools", "create", "ssd", "--label", "disk=ssd"); r.code == exitOK || !strings.Contains(r.stderr, "all streams are in one partition") {
		t.Errorf("%+v", r)
	}
	want(do("", "streams", "pools", "create", "ssd", "--label", "disk"), exitUsage, "")
	want(do("", "streams", "pools", "update", "default", "--replicas", "1"), exitOK, "pool default updated\n")
	want(do("", "streams", "pools", "list"), exitOK, "POOL +REPLICAS +LABELS\ndefault +1 +-\nsecond +- +-\n")
	want(do("", "streams", "delete", "orders"), exitUsage, "")
	want(do("", "streams", "delete", "orders", "--yes"), exitOK, "stream orders deleted\n")
}

// What is published while it is followed shows at once, until ctrl-C.
func TestStreamsReadFollow(t *testing.T) {
	addr := store(t)
	if r := runReal(t, "", "streams", "create", "log", "--addr", addr); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	p := start(t, "", "streams", "read", "log", "--follow", "--json", "--addr", addr)
	for i := range 2 {
		if r := runReal(t, "", "publish", "log", "--data", fmt.Sprint(i), "--addr", addr); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
		poll(t, "it shows", func() error {
			if n := strings.Count(p.stdout.String(), "\n"); n != i+1 {
				return fmt.Errorf("%d lines: %s", n, p.stderr)
			}
			return nil
		})
	}
	p.interrupt()
	if r := p.end(t); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

func TestReadFlags(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for _, f := range []readFlags{{from: "x"}, {after: "1-"}, {since: "yesterday"}, {since: "-5m"}} {
		if _, err := f.options(now); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
	opts, err := (&readFlags{since: "15m", limit: 3, follow: true}).options(now)
	if o := eventnode.NewReadOptions(opts...); err != nil || !o.Since.Equal(now.Add(-15*time.Minute)) || o.Limit != 3 || !o.Follow {
		t.Errorf("%+v, %v", o, err)
	}
}
