package nodejs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
	"github.com/eventnode/eventnode/test/npm"
)

// line is an envelope as peer.js reads and prints it.
type line struct {
	Topics []string   `json:"topics"`
	Event  *jsonEvent `json:"event"`

	// Of what peer.js prints only.
	Nodes   int             `json:"nodes,omitempty"` // it subscribes now, and so many nodes know
	Gap     json.RawMessage `json:"gap,omitempty"`
	Refusal json.RawMessage `json:"refusal,omitempty"`
}

type jsonEvent struct {
	ID       []byte            `json:"id"`
	Name     string            `json:"name"`
	Key      string            `json:"key"`
	Time     string            `json:"time"` // nanoseconds since 1970
	Source   string            `json:"source"`
	Meta     map[string]string `json:"meta"`
	Data     []byte            `json:"data"`
	DataType string            `json:"data_type"`
}

func lineOf(topics []string, e event.Event) line {
	meta := maps.Clone(e.Meta)
	if meta == nil {
		meta = map[string]string{}
	}
	return line{Topics: topics, Event: &jsonEvent{
		ID: e.ID[:], Name: e.Name, Key: e.Key, Time: strconv.FormatInt(e.Time.UnixNano(), 10), Source: e.Source,
		Meta: meta, Data: append([]byte{}, e.Data...), DataType: e.DataType,
	}}
}

// events are such that a field that gets lost or bent on its way shows.
func events() []event.Event {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	long := strings.Repeat("ä", 127)
	all := []event.Event{
		event.New("plain", nil),
		event.New("full", every, event.WithKey("customer/7"), event.WithTime(time.Unix(1700000000, 123456789)), event.WithSource("/shards/3"),
			event.WithMeta(map[string]string{"trace": "00-ab", "empty": "", "Käse": "\U0001F600"}), event.WithDataType("application/octet-stream")),
		event.New("before 1970", []byte(`{"a":1}`), event.WithTime(time.Unix(-1, 1)), event.WithDataType("application/json")),
		event.New(long, make([]byte, 900<<10), event.WithKey(long), event.WithSource(strings.Repeat("s", 10_000))),
	}
	for i := range 200 {
		all = append(all, event.New("n"+strconv.Itoa(i), []byte(strconv.Itoa(i))))
	}
	return all
}

// converse has Go and Node.js tell each other events, at once, and compares
// what each of them got with what the other one said.
func converse(t *testing.T, ours, theirs *cluster.Node) {
	var telling sync.WaitGroup
	t.Cleanup(telling.Wait) // the end of the peer, which comes first, ends it
	stop, said, tell := startPeer(t, theirs)
	sdk := ours.Client()
	sub, err := sdk.Subscribe(t.Context(), []string{"topic:to-go"}, eventnode.WithPolicy(eventnode.PolicyBlock))
	if err != nil {
		t.Fatal(err)
	}
	if first := <-said; first.Nodes != 2 {
		t.Fatalf("the peer says %+v first", first)
	}
	out := []string{"topic:to-node", "topic:nobody"}
	back := []string{"topic:to-go", "topic:to-go.too"}
	want := events()
	telling.Go(func() {
		for _, e := range want {
			tell(lineOf(back, e))
		}
	})
	for _, e := range want {
		if _, err := sdk.DispatchMany(t.Context(), out, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := sdk.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		same(t, "from Go to Node.js", lineOf(out, e), <-said)
		same(t, "from Node.js to Go", eventnode.Delivery{Topics: back, Event: e}, receive(t, sub))
	}
	if err := stop(); err != nil {
		t.Errorf("the end of peer.js: %v", err)
	}
	for l := range said {
		t.Errorf("the peer goes on: %+v", l)
	}
}

// same ends the test if something arrived other than it was sent. It asks cmp
// only for the difference: cmp goes through a payload byte by byte.
func same(t *testing.T, way string, sent, received any) {
	t.Helper()
	if !reflect.DeepEqual(sent, received) {
		t.Fatalf("%s (-sent +received):\n%.2000s", way, cmp.Diff(sent, received))
	}
}

func receive(t *testing.T, sub eventnode.Subscription) eventnode.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	d, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// startPeer starts peer.js at a node. said has what it prints, and ends with
// it; tell writes to it; stop ends it and waits.
func startPeer(t *testing.T, n *cluster.Node) (stop func() error, said <-chan line, tell func(line)) {
	t.Helper()
	cmd := npm.Command(t, "peer.js", n.RPCAddress(), n.RPCAddress(), "topic:to-node")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan line, 1024)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		readLines(t, stdout, lines)
	}()
	in := json.NewEncoder(stdin)
	tell = func(l line) {
		if err := in.Encode(l); err != nil && t.Context().Err() == nil {
			t.Errorf("to peer.js: %v", err)
		}
	}
	stop = sync.OnceValue(func() error {
		_ = stdin.Close()
		<-read // Wait closes stdout
		return cmd.Wait()
	})
	t.Cleanup(func() { _ = stop() })
	return stop, lines, tell
}

func readLines(t *testing.T, r io.Reader, to chan<- line) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Errorf("from peer.js: %v: %.200s", err, in.Bytes())
			return
		}
		to <- l
	}
	if err := in.Err(); err != nil {
		t.Errorf("from peer.js: %v", err)
	}
}
