package command

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/loopback"
	"github.com/eventnode/eventnode/internal/pgserver/pgtest"
	"github.com/eventnode/eventnode/outbox"
)

// office is an outbox with its data source name in a file, and a node to publish to.
type office struct {
	*shop
	file string
	db   *sql.DB
}

func newOffice(t *testing.T, driver, dsn string) *office {
	t.Helper()
	o := &office{shop: &shop{t: t, addr: store(t)}, file: filepath.Join(t.TempDir(), "dsn")}
	if err := os.WriteFile(o.file, []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.outbox(exitError, "status", "outbox migrate")
	o.outbox(exitOK, "migrate", "the tables of eventnode_outbox are there")
	o.outbox(exitOK, "migrate")
	var err error
	if o.db, err = sql.Open(driver, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.db.Close() })
	o.says(exitOK, "streams create orders --dedupe-window 1h")
	return o
}

// outbox runs a command about the outbox that is to end with a code, and to say all of
// these, which are regular expressions.
func (o *office) outbox(code int, command string, parts ...string) result {
	o.t.Helper()
	r := runReal(o.t, "", append(strings.Fields("outbox "+command), "--dsn-file", o.file)...)
	if r.code != code {
		o.t.Errorf("outbox %s: %+v, want %d", command, r, code)
	}
	for _, part := range parts {
		if !regexp.MustCompile(part).MatchString(r.stdout + r.stderr) {
			o.t.Errorf("outbox %s: %q is not in %+v", command, part, r)
		}
	}
	return r
}

// add adds events in a transaction.
func (o *office) add(names ...string) {
	o.t.Helper()
	tx, err := o.db.BeginTx(o.t.Context(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, name := range names {
		if err := outbox.Add(o.t.Context(), tx, event.New(name, []byte(name), event.WithKey("k"))); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
}

// published waits until these, and no others, are in the stream, and until the outbox is
// empty, which is a moment later.
func (o *office) published(names ...string) {
	o.t.Helper()
	poll(o.t, fmt.Sprintf("%q are published", names), func() error {
		r := o.do("", "streams read orders --json")
		var got []string
		for line := range strings.Lines(r.stdout) {
			var j struct{ Event struct{ Name string } }
			if err := json.Unmarshal([]byte(line), &j); err != nil {
				return err
			}
			got = append(got, j.Event.Name)
		}
		if fmt.Sprint(got) != fmt.Sprint(names) {
			return fmt.Errorf("%q", got)
		}
		var left int
		if err := o.db.QueryRowContext(o.t.Context(), "SELECT count(*) FROM eventnode_outbox").Scan(&left); err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("%d are in the outbox", left)
		}
		return nil
	})
}

// run starts a relay.
func (o *office) run(more ...string) *program {
	o.t.Helper()
	args := append([]string{"outbox", "relay", "--dsn-file", o.file, "--stream", "orders", "--addr", o.addr}, more...)
	return start(o.t, "", args...)
}

func testOutbox(t *testing.T, driver, dsn string) {
	o := newOffice(t, driver, dsn)
	o.add("a", "b")
	o.outbox(exitOK, "status", "no relay leads", "2 events not published yet, the oldest added .* ago", "0 dead letters")

	metrics, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	relay := o.run("--http", metrics, "--poll", "50ms")
	relay.says(t, "leads: publishing from eventnode_outbox to stream orders\n")
	o.published("a", "b")
	o.outbox(exitOK, "status", "relay .* leads", "0 events not published yet\n")
	if resp, err := http.Get("http://" + metrics + "/metrics"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	second := o.run("--poll", "50ms", "--json", "--lease", "1s")
	o.add("c")
	o.published("a", "b", "c")
	relay.interrupt()
	relay.end(t).want(t, exitOK, "published 3 events from eventnode_outbox to orders\n",
		"leads: publishing from eventnode_outbox to stream orders\nleads no more: from eventnode_outbox to stream orders\n")
	second.says(t, `"leading":true`)
	o.add("d")
	o.published("a", "b", "c", "d")
	second.interrupt()
	if r := second.end(t); r.code != exitOK || r.stdout != `{"table":"eventnode_outbox","stream":"orders","sent":1,"known":0,"failed_tries":0,"dead":0}`+"\n" {
		t.Errorf("%+v", r)
	}

	o.add("e", strings.Repeat("x", 100), "f")
	if _, err := o.db.ExecContext(t.Context(), "INSERT INTO eventnode_outbox (event) VALUES ('no event'), ('{}')"); err != nil {
		t.Fatal(err)
	}
	if r := o.run("--drain", "--log-level", "error").end(t); r.code != exitOK || !strings.Contains(r.stdout, "published 3 events from eventnode_outbox to orders; 2 dead letters: see") {
		t.Errorf("%+v", r)
	}
	list := o.outbox(exitOK, "dead list", `NUMBER +DIED +ATTEMPTS +NAME +KEY +REASON\n\d+ +\S+ +0 +- +- +not tried: event JSON: at byte 2.*\n.*id is missing\n`)
	number := strings.Fields(strings.Split(list.stdout, "\n")[1])[0]
	o.outbox(exitOK, "dead list --json --limit 1", `^{"number":`+number+`,.*"text":"no event"}\n`, `"more":true`)
	o.outbox(exitUsage, "dead drop", "by their numbers")
	o.outbox(exitUsage, "dead drop --all", "--yes")
	o.outbox(exitOK, "dead drop "+number, "dropped 1 dead letter\n")
	o.outbox(exitOK, "dead replay --all --json", `^{"replayed":1}\n$`)
	o.outbox(exitOK, "status --json", `"waiting":1,.*"dead":0}`)
	o.outbox(exitOK, "dead list", `REASON\n$`)
	if r := runReal(t, "", "outbox", "relay", "--dsn-file", o.file, "--stream", "nowhere", "--addr", o.addr); r.code != exitError || !strings.Contains(r.stderr, "declare it first") {
		t.Errorf("%+v", r)
	}
}

// An outbox from its making to its dead letters, as people see it.
func TestOutboxSQLite(t *testing.T) {
	testOutbox(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
}

func TestOutboxPostgreSQL(t *testing.T) {
	testOutbox(t, "pgx", pgtest.Own(t).DSN("postgres"))
}

// A relay that is asked to end while it begins has ended well, at whatever moment.
func TestOutboxRelayEndsAtOnce(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "app.db")
	t.Setenv(dsnVariable, dsn)
	if r := runReal(t, "", "outbox", "migrate"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	f := &fake{durable: fakeDurable{asked: make(chan struct{})}}
	p := startFake(t, f, strings.NewReader(""), "outbox", "relay", "--driver", "sqlite", "--dsn-file", write(t, dsn), "--stream", "users")
	select {
	case <-f.durable.asked:
	case <-time.After(30 * time.Second):
		t.Fatal("the stream is not asked for")
	}
	p.interrupt()
	if r := p.end(t); r.code != exitOK || !strings.Contains(r.stdout, "published 0 events") {
		t.Errorf("%+v", r)
	}
}

// write makes a file with this text.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The data source name comes from a file or the environment, and no error shows it.
func TestOutboxDSN(t *testing.T) {
	dir := t.TempDir()
	files := 0
	file := func(text string) string {
		files++
		name := filepath.Join(dir, fmt.Sprint("dsn", files))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"outbox", "status"}, dsnVariable},
		{[]string{"outbox", "status", "--dsn-file", dir + "/none"}, "no such file"},
		{[]string{"outbox", "status", "--dsn-file", file("")}, "one line"},
		{[]string{"outbox", "status", "--dsn-file", file("mysql://root:hidden@db")}, "--driver"},
		{[]string{"outbox", "status", "--dsn-file", file("postgres://root:hidden@db:port/x"), "--driver", "oracle"}, "use postgres or sqlite"},
		{[]string{"outbox", "status", "--dsn-file", file("postgres://root:hidden@db:port/x")}, "data source name"},
		{[]string{"outbox", "status", "--dsn-file", file("file:x.db"), "--table", "a b"}, "letters a to z"},
		{[]string{"outbox", "relay", "--dsn-file", file("file:x.db")}, "--stream"},
		{[]string{"outbox", "migrate", "--print"}, "--driver"},
	} {
		r := runReal(t, "", tt.args...)
		if r.code != exitUsage || !strings.Contains(r.stderr, tt.want) || strings.Contains(r.stderr, "hidden") {
			t.Errorf("%v: %+v", tt.args, r)
		}
	}
	t.Setenv(dsnVariable, filepath.Join(dir, "app.db"))
	if r := runReal(t, "", "outbox", "status"); r.code != exitError || !strings.Contains(r.stderr, "no such file") {
		t.Errorf("%+v", r)
	}
	if r := runReal(t, "", "outbox", "migrate"); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if r := runReal(t, "", "outbox", "status"); r.code != exitOK || !strings.Contains(r.stdout, "0 events not published yet") {
		t.Errorf("%+v", r)
	}
	if r := runReal(t, "", "outbox", "migrate", "--print", "--driver", "postgres", "--table", "shop.outbox"); r.code != exitOK ||
		!strings.Contains(r.stdout, `CREATE TABLE IF NOT EXISTS "shop"."outbox" (`) || !strings.HasSuffix(r.stdout, ";\n\n") {
		t.Errorf("%+v", r)
	}
}
