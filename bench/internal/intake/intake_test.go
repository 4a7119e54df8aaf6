package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// recorded is a short recording.
func recorded(t testing.TB, zlib bool) recording {
	t.Helper()
	r, err := record(filepath.Join(t.TempDir(), "recording"), zlib, 2, 2_000)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A recording is the same each time, byte for byte: so all systems get the same events, in
// all rounds.
func TestRecordingIsTheSame(t *testing.T) {
	var sums [2][sha256.Size]byte
	for i := range sums {
		b, err := os.ReadFile(recorded(t, false).Path)
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(b)
	}
	if sums[0] != sums[1] {
		t.Error("two recordings differ")
	}
}

// A recording is messages of JSON, numbered from 1 on, in the mixture that the page says.
func TestRecordingIsWellFormed(t *testing.T) {
	r := recorded(t, false)
	b, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	names, seq := map[string]int{}, uint64(0)
	for in := bytes.NewReader(b); in.Len() > 0; {
		payload := message(t, in)
		var p struct {
			T *string
			S *uint64
			D json.RawMessage
		}
		if err := json.Unmarshal(payload, &p); err != nil || bytes.Contains(payload, []byte("%!")) {
			t.Fatalf("%v: %s", err, payload)
		}
		if p.T == nil {
			continue
		}
		if seq++; *p.S != seq {
			t.Fatalf("event %d has number %d", seq, *p.S)
		}
		names[*p.T]++
	}
	if seq != r.Last || r.Last != r.Guilds+2_000 || names["READY"] != 1 || names["GUILD_CREATE"] != 2 {
		t.Errorf("%d events, %+v: %v", seq, r, names)
	}
	for _, m := range mixture {
		if n := names[m.name]; n < m.of*10 || n > m.of*40 {
			t.Errorf("%d of 2,000 are %s, want about %d", n, m.name, m.of*20)
		}
	}
}

// message is the next message of a recording.
func message(t *testing.T, in *bytes.Reader) []byte {
	t.Helper()
	h, err := ws.ReadHeader(in)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, min(h.Length, int64(in.Len())))
	if _, err := io.ReadFull(in, payload); err != nil {
		t.Fatal(err)
	}
	return payload
}

// Each system takes all of a recording in, over a socket and out of memory, compressed or
// not, and knows in the end what was said last.
func TestTakersTakeAllIn(t *testing.T) {
	for _, zlib := range []bool{false, true} {
		r := recorded(t, zlib)
		for name := range takers {
			t.Run(name, func(t *testing.T) {
				if zlib {
					values, err := takerConfig{Recording: r, Taker: name, URL: played(t, r)}.take(t.Context())
					checkValues(t, values, err)
					return
				}
				values, err := takerConfig{Recording: r, Taker: name}.take(t.Context())
				checkValues(t, values, err)
			})
		}
	}
}

func checkValues(t *testing.T, values map[string]float64, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Workloads()[0].Metrics {
		if values[m.Name] <= 0 {
			t.Errorf("%s is %v", m.Name, values[m.Name])
		}
	}
}

// played plays a recording, once, at the address that it is.
func played(t *testing.T, r recording) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			_ = r.play(conn)
		}
	}()
	return "ws://" + l.Addr().String()
}

// An event that is missing fails the run of each system, and so does one that is known
// otherwise in the end.
func TestTakersNotice(t *testing.T) {
	whole := recorded(t, false)
	holed, forgotten := whole, whole
	holed.Path = without(t, whole, 1_000)
	forgotten.Known.Nick = "somebody else"
	for name := range takers {
		for want, r := range map[string]recording{"came behind": holed, "were said last": forgotten} {
			if _, err := (takerConfig{Recording: r, Taker: name}).take(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want one with %q", name, err, want)
			}
		}
	}
}

// without is a copy of a recording that an event is left out of, filled up to its length.
func without(t *testing.T, r recording, seq int) (path string) {
	t.Helper()
	b, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, begin := bytes.NewReader(b), int64(0)
	for range 1 + seq { // HELLO, and those before it
		begin = in.Size() - int64(in.Len())
		message(t, in)
	}
	end := in.Size() - int64(in.Len())
	path = filepath.Join(t.TempDir(), "holed")
	hole := append(append(b[:begin:begin], b[end:]...), make([]byte, end-begin)...)
	if err := os.WriteFile(path, hole, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a connection in memory is given comes out at the other end as it is, however it is
// read, and closing either end wakes the other.
func TestInMemory(t *testing.T) {
	client, recorder := inMemory()
	go func() {
		for _, part := range []string{"one ", "", "two ", "three"} {
			if _, err := io.WriteString(recorder, part); err != nil {
				t.Error(err)
			}
		}
		recorder.Close()
	}()
	var got []byte
	for small := make([]byte, 3); ; {
		n, err := client.Read(small)
		if got = append(got, small[:n]...); err != nil {
			break
		}
	}
	if string(got) != "one two three" {
		t.Errorf("got %q", got)
	}
	if client.Close(); !closedFor(recorder) {
		t.Error("one can write to who has closed")
	}
}

func closedFor(c net.Conn) bool {
	_, err := c.Write([]byte("x"))
	return err != nil
}
