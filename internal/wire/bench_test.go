package wire

import (
	"testing"

	"github.com/eventnode/eventnode/event"
)

// benchEvent encodes to a record of 128 bytes.
func benchEvent() event.Event {
	e := event.Event{ID: fixedID, Name: "line", Time: event.TimeOf(fixedID)}
	e.Data = make([]byte, 128-len(AppendEnvelope(nil, []string{"topic:orders.eu"}, &e))-2)
	return e
}

func benchRecords(n int) []byte {
	e := benchEvent()
	var data []byte
	for range n {
		data = AppendEnvelope(data, []string{"topic:orders.eu"}, &e)
	}
	return data
}

// The hot path does not allocate.
func TestNoAllocations(t *testing.T) {
	e := benchEvent()
	e.Meta = map[string]string{"k": "v"}
	encoded := AppendEvent(nil, &e)
	records := benchRecords(100)
	msg := append([]byte{0x08, 7}, records...)
	buf := make([]byte, 0, 1000)
	topics := []string{"topic:orders.eu"}
	for name, f := range map[string]func(){
		"CheckEvent":     func() { _ = CheckEvent(encoded) },
		"AppendEvent":    func() { _ = AppendEvent(buf, &e) },
		"AppendEnvelope": func() { _ = AppendEnvelope(buf, topics, &e) },
		"AppendRecord":   func() { _ = AppendRecord(buf, topics, encoded) },
		"Split":          func() { _, _, _ = Split(msg) },
		"Scanner":        func() { scan(records, Checks{Events: true, MaxEventBytes: 1 << 20}) },
		"NextRecord":     func() { _, _, _ = NextRecord(records) },
		"Skip":           func() { Skip(records, 50) },
		"Cut":            func() { Cut(records, 1000) },
		"CountRecords":   func() { CountRecords(records) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// The name, the map and what is in it.
	if n := testing.AllocsPerRun(100, func() { _, _ = DecodeEvent(encoded) }); n > 5 {
		t.Errorf("DecodeEvent: %v allocations", n)
	}
}

// scan is the way a node goes over a frame.
func scan(records []byte, checks Checks) (events int) {
	s := NewScanner(records, checks)
	for {
		run, ok := s.Next()
		if !ok {
			return events
		}
		for range run.Topics.All() {
			events += run.Count
		}
	}
}

// BenchmarkScan goes over 1,000 records of 128 bytes.
func BenchmarkScan(b *testing.B) {
	records := benchRecords(1000)
	for name, checks := range map[string]Checks{"checked": {Events: true, MaxEventBytes: 1 << 20}, "trusted": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(records)))
			for b.Loop() {
				if n := scan(records, checks); n != 1000 {
					b.Fatal(n)
				}
			}
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	msg := append([]byte{0x08, 7}, benchRecords(1000)...)
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, _, err := Split(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckEvent(b *testing.B) {
	e := benchEvent()
	encoded := AppendEvent(nil, &e)
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckEvent(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEnvelope(b *testing.B) {
	e := benchEvent()
	buf := make([]byte, 0, 1000)
	topics := []string{"topic:orders.eu"}
	b.ReportAllocs()
	for b.Loop() {
		AppendEnvelope(buf, topics, &e)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	e := benchEvent()
	encoded := AppendEvent(nil, &e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEvent(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
