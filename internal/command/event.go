package command

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/event"
)

// defaultName names events that nobody named.
const defaultName = "event"

// eventFlags describe an event on the command line: shared by dispatch, groups
// broadcast, groups send, request and reply.
type eventFlags struct {
	name, data, key, dataType, source string
	meta                              []string
}

// eventFlagsHelp is a paragraph of the commands' help.
const eventFlagsHelp = `--data TEXT is the payload; --data @FILE reads it from a file, and --data @- from
stdin (also the way to send text that begins with @).`

func (f *eventFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", defaultName, "what happened, such as order_created")
	cmd.Flags().StringVar(&f.data, "data", "", "the payload: TEXT, @FILE, or @- for stdin")
	f.addHead(cmd)
}

// addHead adds the flags of an event whose name and data stand elsewhere.
func (f *eventFlags) addHead(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.dataType, "data-type", "", "media type of the payload, such as application/json")
	fs.StringVar(&f.key, "key", "", "ordering key: who handles events in parallel keeps the order of one key")
	fs.StringVar(&f.source, "source", "", "who says so, such as /shards/3")
	fs.StringArrayVar(&f.meta, "meta", nil, "a header, key=value; may be given several times")
}

// options returns what all events of the command line have in common.
func (f *eventFlags) options() ([]event.Option, error) {
	opts := []event.Option{event.WithKey(f.key), event.WithSource(f.source), event.WithDataType(f.dataType)}
	if len(f.meta) == 0 {
		return opts, nil
	}
	meta, err := parseMeta(f.meta)
	if err != nil {
		return nil, err
	}
	return append(opts, event.WithMeta(meta)), nil
}

// event makes the one event that the flags describe.
func (f *eventFlags) event(stdin io.Reader) (event.Event, error) {
	opts, err := f.options()
	if err != nil {
		return event.Event{}, err
	}
	data, err := f.payload(stdin)
	if err != nil {
		return event.Event{}, err
	}
	return event.New(f.name, data, opts...), nil
}

// payload reads what --data names.
func (f *eventFlags) payload(stdin io.Reader) ([]byte, error) {
	file, fromFile := strings.CutPrefix(f.data, "@")
	switch {
	case !fromFile:
		return []byte(f.data), nil
	case file == "-":
		return readBounded(stdin, "stdin")
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, usagef("--data: %v", err)
	}
	defer func() { _ = r.Close() }()
	return readBounded(r, file)
}

// maxPayload is how much the command reads for one event, in bytes. The node's
// own limit (1 MiB unless configured) is lower; it refuses with its value.
const maxPayload = 16 << 20

// readBounded reads all of r, which is at most maxPayload.
func readBounded(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPayload+1))
	if err == nil && len(data) > maxPayload {
		err = failf(exitError, "%s is larger than %d MiB: an event cannot be", name, maxPayload>>20)
	}
	return data, err
}

// parseMeta reads headers, key=value.
func parseMeta(pairs []string) (map[string]string, error) {
	meta := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return nil, usagef("--meta %q: write key=value", pair)
		}
		meta[k] = v
	}
	return meta, nil
}
