package state

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// story is a partition to which the script says what is in its log.
//
//	at MS                 entries with this stamp, of one command each:
//	  declare|create|update NAME [retain=limits] [max_age=] [max_bytes=]
//	      [max_count=] [window=] [dedupe_max=] [groups=(a,b)] [pool=]
//	  publish NAME EVENT ... [producer=p number=1] [expect=MS-SEQ] [ids=(a,b)] [slots=(hex,hex)]
//	  delete NAME
//	  tick NAME ...
//	show NAME ...         what is counted
//	read NAME [from=] [most=]
//	find NAME MS-SEQ      the first event there or after it
//	list [ns=] [after=]
//	due MS                streams in which something is to go then
//	rows                  all rows, and the chain, as every version writes them
//
// A NAME is name or namespace/name, an EVENT one letter: all are of one size.
type story struct {
	*replica
}

// TestScripts plays the scenarios in testdata.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{inMemory(t)}
		s.bounds = bounds{producers: 3, chunks: 3, forget: 3, acked: 3, rows: 3, ahead: 3, bury: 3}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			if err := s.run(d, &b); err != nil {
				d.Fatalf(t, "%v", err)
			}
			if err := checkRows(s.store); err != nil {
				d.Fatalf(t, "%v", err)
			}
			return b.String()
		})
	})
}

func (s *story) run(d *datadriven.TestData, b *strings.Builder) error {
	words, set := split(d.CmdArgs)
	switch d.Cmd {
	case "at":
		return s.entries(words[0], strings.Split(strings.TrimSpace(d.Input), "\n"), b)
	case "show":
		for _, name := range words {
			if err := s.show(name, b); err != nil {
				return err
			}
		}
	case "read":
		return s.read(words[0], set, b)
	case "find":
		return s.find(words[0], words[1], b)
	case "list":
		return s.list(set, b)
	case "rows":
		return s.rows(b)
	case "due":
		stamp, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			return err
		}
		due, err := s.view().Due(stamp, 1000)
		fmt.Fprintln(b, due)
		return err
	default:
		return fmt.Errorf("what is %s?", d.Cmd)
	}
	return nil
}

// split takes words and settings apart.
func split(args []datadriven.CmdArg) (words []string, set map[string][]string) {
	set = map[string][]string{}
	for _, a := range args {
		if len(a.Vals) == 0 {
			words = append(words, a.Key)
		} else {
			set[a.Key] = a.Vals
		}
	}
	return words, set
}

func number(set map[string][]string, key string) uint64 {
	if len(set[key]) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(set[key][0], 10, 64) // a word shows as 0
	return n
}

func (s *story) entries(at string, lines []string, b *strings.Builder) error {
	stamp, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	for _, line := range lines {
		o, err := s.command(line)
		if err != nil {
			return err
		}
		fmt.Fprintln(b, told(line, s.play(entryOf(s, stamp, o))[0]))
	}
	return nil
}

// told is a result in words.
func told(line string, r Result) string {
	what, _, _ := strings.Cut(line, " ")
	p := r.Published
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%s: %s: %v", what, apierr.Reason(r.Err), r.Err)
	case r.Config != nil && r.Created:
		return "created: " + configText(r.Config)
	case r.Config != nil:
		return "is: " + configText(r.Config)
	case p.Appended > 0 && len(p.Known) > 0:
		return fmt.Sprintf("appended %d at %v, known %v", p.Appended, p.First, p.Known)
	case p.Appended > 0:
		return fmt.Sprintf("appended %d at %v", p.Appended, p.First)
	case len(p.Known) > 0:
		return fmt.Sprintf("appended none, known %v", p.Known)
	}
	return what + ": done"
}

func configText(c *storagev1.StreamConfig) string {
	t := []string{retainWord(c.GetRetain())}
	for _, f := range []struct {
		name string
		n    uint64
	}{{"max_age", c.GetMaxAgeMs()}, {"max_bytes", c.GetMaxBytes()}, {"max_count", c.GetMaxCount()}} {
		if f.n > 0 {
			t = append(t, fmt.Sprintf("%s=%d", f.name, f.n))
		}
	}
	return fmt.Sprintf("%s groups=%v", strings.Join(t, " "), c.GetGroups())
}

func (s *story) command(line string) (op, error) {
	cmd, args, err := datadriven.ParseLine(line)
	if err != nil {
		return op{}, err
	}
	words, set := split(args)
	switch cmd {
	case "declare", "create":
		return declareOp(scriptName(words[0]), configOf(set), cmd == "create"), nil
	case "update":
		return updateOp(scriptName(words[0]), configOf(set)), nil
	case "delete":
		return deleteOp(scriptName(words[0])), nil
	case "tick":
		var ids []uint64
		for _, w := range words {
			ids = append(ids, s.number(w))
		}
		return tickOp(ids...), nil
	case "publish":
		return s.publish(words, set)
	}
	return op{}, fmt.Errorf("what is %s?", cmd)
}

func scriptName(s string) Name {
	if ns, name, found := strings.Cut(s, "/"); found {
		return Name{ns, name}
	}
	return Name{"", s}
}

// number is the stream's; 0, which none has, if it is not there.
func (s *story) number(name string) uint64 {
	st, err := s.view().Stream(scriptName(name))
	if err != nil {
		return 0
	}
	return st.Row.GetId()
}

func configOf(set map[string][]string) *storagev1.StreamConfig {
	c := &storagev1.StreamConfig{
		MaxAgeMs: number(set, "max_age"), MaxBytes: number(set, "max_bytes"), MaxCount: number(set, "max_count"),
		DedupeWindowMs: number(set, "window"), DedupeMax: number(set, "dedupe_max"), Groups: set["groups"],
	}
	if len(set["retain"]) > 0 && set["retain"][0] == "limits" {
		c.Retain = storagev1.Retain_RETAIN_LIMITS
	}
	if len(set["pool"]) > 0 {
		c.Pool = set["pool"][0]
	}
	return c
}

func (s *story) publish(words []string, set map[string][]string) (op, error) {
	var events []string
	for _, name := range words[1:] {
		events = append(events, anEvent(name, 0))
	}
	o := publishOp(s.number(words[0]), events...)
	p := o.GetPublish()
	if len(set["producer"]) > 0 {
		p.Producer = &storagev1.ProducerBatch{Producer: wordID(set["producer"][0]), Number: number(set, "number")}
	}
	for _, id := range set["ids"] {
		p.DedupeIds = append(p.DedupeIds, wordID(id)...)
	}
	for _, slot := range set["slots"] {
		b, err := hex.DecodeString(slot)
		if err != nil {
			return o, err
		}
		p.KeySlots = append(p.KeySlots, b...)
	}
	if len(set["expect"]) > 0 {
		at, err := eventnode.ParsePosition(set["expect"][0])
		p.ExpectLast = &storagev1.Position{Ms: at.MS, Seq: at.Seq}
		return o, err
	}
	return o, nil
}

func wordID(word string) []byte { return fmt.Appendf(nil, "%16s", word) }

func (s *story) show(name string, b *strings.Builder) error {
	st, err := s.view().Stream(scriptName(name))
	if err != nil {
		fmt.Fprintf(b, "%s: %v\n", name, err)
		return nil
	}
	h, size := st.State, uint64(len(anEvent("x", 0)))
	fmt.Fprintf(b, "%s: number %d, %d events from %d to %d, last position %v, the bytes of %d", name, st.Row.GetId(), st.Count(), h.GetFirst(), h.GetLast(), position(h.GetLastPosition()), h.GetBytes()/size)
	if n := h.GetKnownLast() + 1 - h.GetKnownFirst(); n > 0 {
		fmt.Fprintf(b, ", %d IDs", n)
	}
	if n := h.GetProducers(); n > 0 {
		fmt.Fprintf(b, ", %d producers", n)
	}
	fmt.Fprintf(b, "\n  %s\n", configText(st.Row.GetConfig()))
	return nil
}

func (s *story) read(name string, set map[string][]string, b *strings.Builder) error {
	most := number(set, "most")
	if most == 0 {
		most = NoLimit
	}
	for slice, err := range s.view().Read(s.number(name), number(set, "from"), most) {
		if err != nil {
			return err
		}
		rest := slice.Records
		for i := range slice.Count {
			rec, after, err := wire.NextRecord(rest)
			if err != nil {
				return err
			}
			ev, err := wire.DecodeEvent(rec.Event)
			if err != nil {
				return err
			}
			rest = after
			fmt.Fprintf(b, "%d  %v  %s\n", slice.Number+uint64(i), eventnode.Position{MS: slice.First.MS, Seq: slice.First.Seq + uint64(i)}, ev.Name)
		}
	}
	return nil
}

func (s *story) find(name, at string, b *strings.Builder) error {
	p, err := eventnode.ParsePosition(at)
	if err != nil {
		return err
	}
	st, err := s.view().Stream(scriptName(name))
	if err != nil {
		return err
	}
	n, err := s.view().Find(st, p)
	fmt.Fprintln(b, n)
	return err
}

func (s *story) list(set map[string][]string, b *strings.Builder) error {
	ns, all := "", true
	if len(set["ns"]) > 0 {
		ns, all = set["ns"][0], false
	}
	var after *Name
	if len(set["after"]) > 0 {
		n := scriptName(set["after"][0])
		after = &n
	}
	for st, err := range s.view().List(ns, all, after) {
		if err != nil {
			return err
		}
		fmt.Fprintln(b, st.Name())
	}
	return nil
}

func (s *story) rows(b *strings.Builder) error {
	for e, err := range s.store.Scan(nil, nil, engine.Ascending) {
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%x\n  %x\n", e.Key, e.Value)
	}
	fmt.Fprintf(b, "chain %v\n", s.chain())
	return nil
}
