package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// outputBuffer is how much stdout gathers while more is to come, in bytes.
const outputBuffer = 64 << 10

// output writes to stdout: buffered, so that a flood is fast. Whoever prints a
// stream flushes when nothing more waits, so that a single event shows at once.
type output struct {
	*bufio.Writer
	enc *json.Encoder
}

// output returns a buffer before stdout. The caller flushes it.
func (a *app) output() *output {
	w := bufio.NewWriterSize(a.stdout, outputBuffer)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &output{Writer: w, enc: enc}
}

// object writes v as one line of JSON.
func (o *output) object(v any) error { return o.enc.Encode(v) }

// notice tells people something on stderr: text, or with --json the fields.
func (a *app) notice(fields map[string]any, format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.stderr, format+"\n", args...)
		return
	}
	enc := json.NewEncoder(a.stderr)
	enc.SetEscapeHTML(false)
	// What cannot be told on stderr cannot be told anywhere.
	_ = enc.Encode(fields)
}

// printObject prints one thing: as JSON, or as text prints it.
func (a *app) printObject(v any, text func(w io.Writer)) error {
	out := a.output()
	if a.json {
		if err := out.object(v); err != nil {
			return err
		}
	} else {
		text(out)
	}
	return out.Flush()
}

// printList prints a list: as JSON an object a line, else as a table under a
// head. Columns are separated by tabs.
func printList[T any](a *app, list []T, head string, row func(T) string) error {
	out := a.output()
	if a.json {
		for i := range list {
			if err := out.object(&list[i]); err != nil {
				return err
			}
		}
		return out.Flush()
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, head)
	for _, v := range list {
		fmt.Fprintln(table, row(v))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// plural writes a number with its noun: "1 node", "3 nodes".
func plural[N ~int | ~uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
