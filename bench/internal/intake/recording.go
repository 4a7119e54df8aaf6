package intake

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"fmt"
	"os"

	"github.com/gobwas/ws"
)

// recording is a file with all that a gateway says to a session, as WebSocket messages: it
// can be sent as it is.
type recording struct {
	Path string `json:"path"`
	// Zlib has each payload behind HELLO compressed by itself.
	Zlib bool `json:"zlib"`
	// Hello is where HELLO ends, and End where all does.
	Hello int64 `json:"hello"`
	End   int64 `json:"end"`
	// Guilds is the number of the last GUILD_CREATE, and Last that of the last event. The
	// first is READY.
	Guilds uint64 `json:"guilds"`
	Last   uint64 `json:"last"`
	// Known is what must be known in the end.
	Known expected `json:"known"`
}

// gatewayURL is where whoever takes a recording in believes to be connected. A server says
// another one where it is.
const gatewayURL = "ws://recording.test"

// record writes a recording of so many guilds, and so many events in them. The same numbers
// give the same bytes.
func record(path string, compress bool, guilds, events int) (r recording, err error) {
	f, err := os.Create(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	w := recorder{recording: recording{Path: path, Zlib: compress}, to: bufio.NewWriterSize(f, 1<<20)}
	if compress {
		w.deflate = zlib.NewWriter(nil)
	}
	g := newGuilds(guilds)
	w.message(ws.OpText, []byte(helloForm))
	w.Hello = w.End
	w.event("READY", g.ready(gatewayURL))
	for i := range guilds {
		w.event("GUILD_CREATE", g.guild(i))
	}
	w.Guilds = w.Last
	var data []byte
	for range events {
		var name string
		name, data = g.next(data[:0])
		w.event(name, data)
	}
	w.Known = g.last
	if err := w.to.Flush(); err != nil {
		return r, fmt.Errorf("record %s: %w", path, err)
	}
	return w.recording, nil
}

// recorder writes a recording. The file's errors are those of the last flush.
type recorder struct {
	recording
	to      *bufio.Writer
	deflate *zlib.Writer // nil: nothing is compressed
	payload []byte
	small   bytes.Buffer
}

// event writes the next event.
func (w *recorder) event(name string, data []byte) {
	w.Last++
	w.payload = fmt.Appendf(w.payload[:0], payloadForm, name, w.Last, data)
	if w.deflate == nil {
		w.message(ws.OpText, w.payload)
		return
	}
	w.small.Reset()
	w.deflate.Reset(&w.small)
	_, _ = w.deflate.Write(w.payload) // into memory
	_ = w.deflate.Close()
	w.message(ws.OpBinary, w.small.Bytes())
}

// message writes a message.
func (w *recorder) message(op ws.OpCode, data []byte) {
	header := ws.Header{Fin: true, OpCode: op, Length: int64(len(data))}
	_ = ws.WriteHeader(w.to, header)
	_, _ = w.to.Write(data)
	w.End += int64(ws.HeaderSize(header) + len(data))
}
