package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// general is the ID of the notes about the whole page.
const general = "general"

const (
	notesPrefix = "<!-- notes: "
	notesSuffix = " -->"
	notesEnd    = "<!-- /notes -->"
)

// notes are the hand-written parts of a page by ID: the lines between the
// markers, the last newline included.
type notes map[string]string

// parseNotes reads them from a page. A marker is alone on its line. A marker
// that is not closed, or is there twice, is an error: text would be lost.
func parseNotes(page string) (notes, error) {
	found := make(notes)
	open, text := "", ""
	for i, line := range strings.SplitAfter(page, "\n") {
		id, opens := marker(line)
		closes := strings.TrimSpace(line) == notesEnd
		switch {
		case open != "" && opens:
			return nil, fmt.Errorf("line %d: notes %q open before notes %q are closed", i+1, id, open)
		case open == "" && closes:
			return nil, fmt.Errorf("line %d: notes closed that were not open", i+1)
		case opens:
			if _, twice := found[id]; twice {
				return nil, fmt.Errorf("line %d: notes %q are there twice", i+1, id)
			}
			open, text = id, ""
		case closes:
			found[open], open = text, ""
		case open != "":
			text += line
		}
	}
	if open != "" {
		return nil, fmt.Errorf("notes %q are not closed", open)
	}
	return found, nil
}

func marker(line string) (id string, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimSpace(line), notesPrefix)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(line, notesSuffix)
	id = strings.TrimSpace(id)
	return id, ok && id != ""
}

func (n notes) block(id string) string {
	return notesPrefix + id + notesSuffix + "\n" + n[id] + notesEnd + "\n"
}

// others are the IDs with text that are not among those on the page.
func (n notes) others(used map[string]bool) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(n)) {
		if !used[id] && strings.TrimSpace(n[id]) != "" {
			out = append(out, id)
		}
	}
	return out
}
