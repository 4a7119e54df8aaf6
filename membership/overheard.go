package membership

import (
	"strconv"
	"strings"

	"github.com/eventnode/eventnode"
)

// memberlist tells what it refuses, and how its probes went, by its log only. Here its
// lines are read: their texts are those of the version in go.mod, and the tests of
// test/cluster see to it that they still are.

// overheard is what a line tells.
type overheard struct {
	caller Contact // Refusal is empty if nobody was refused
	name   string  // the node that was probed, or empty
	missed bool    // by UDP
}

// What memberlist calls keys that differ, in its log and in the errors of a join.
const (
	textKey      = "no installed keys could decrypt the message"
	textKeyHere  = "remote state is encrypted and encryption is not configured"
	textKeyThere = "encryption is configured but remote state is not encrypted"
)

// overhear reads a line without its level. It reports false for one that says nothing
// of this.
func overhear(line string) (overheard, bool) {
	if rest, ok := strings.CutPrefix(line, "failed to receive: "); ok {
		return refusedKey(rest)
	}
	if rest, ok := strings.CutPrefix(line, "discarding stream with unacceptable label "); ok {
		return refusedLabelled(rest)
	}
	if rest, ok := strings.CutPrefix(line, "Failed UDP ping: "); ok {
		name, _, _ := strings.Cut(rest, " ")
		return overheard{name: name, missed: true}, name != ""
	}
	if rest, ok := strings.CutPrefix(line, "Suspect "); ok { // nothing else reached it, either
		name, _, ok := strings.Cut(rest, " has failed")
		return overheard{name: name}, ok && name != ""
	}
	return overheard{}, false
}

// refusedKey reads "WHY from=ADDRESS".
func refusedKey(rest string) (overheard, bool) {
	why, from, ok := cutLast(rest, " from=")
	refusal := keyRefusal(why, RefusalKeyHere, RefusalKeyThere)
	return overheard{caller: Contact{Address: hostPart(from), Refusal: refusal}}, ok && refusal != ""
}

// refusedLabelled reads `"LABEL": from=ADDRESS`.
func refusedLabelled(rest string) (overheard, bool) {
	quoted, from, ok := cutLast(rest, ": from=")
	label, err := strconv.Unquote(quoted)
	return overheard{caller: Contact{Address: hostPart(from), Refusal: RefusalLabel, Detail: label}}, ok && err == nil
}

// cutLast is strings.Cut at the last separator: what is before may be forged.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// keyRefusal reads which side lacks a key; "" if the text is of something else.
func keyRefusal(text string, here, there Refusal) Refusal {
	switch {
	case strings.Contains(text, textKey):
		return RefusalKey
	case strings.Contains(text, textKeyHere):
		return here
	case strings.Contains(text, textKeyThere):
		return there
	}
	return ""
}

// refusalOf sorts the error of a join, of which memberlist keeps the text only. What the
// other side answers after "remote error" is as that side sees it.
func refusalOf(text string) Refusal {
	here, there := RefusalKeyHere, RefusalKeyThere
	if strings.Contains(text, "remote error: ") {
		here, there = there, here
	}
	if r := keyRefusal(text, here, there); r != "" {
		return r
	}
	for _, known := range []struct {
		part    string
		refusal Refusal
	}{
		{eventnode.ErrForeignCluster.Error(), RefusalForeign},
		{"connection refused", RefusalReset},
		{"timeout", RefusalSilent},
		{"deadline exceeded", RefusalSilent},
		{"no route to host", RefusalSilent},
		{"network is unreachable", RefusalSilent},
		{"connection reset by peer", RefusalClosed},
		{"EOF", RefusalClosed},
	} {
		if strings.Contains(text, known.part) {
			return known.refusal
		}
	}
	return RefusalOther
}
