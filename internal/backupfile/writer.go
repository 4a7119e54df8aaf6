package backupfile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
)

// The file, as doc.go has it. Sizes are in bytes.
const (
	headMagic = "evn-back"
	endMagic  = "evn-bend"
	version   = 1

	headFixed = 8 + 4 + 4
	endSize   = 4 + 8 + 8 + sumSize
	sumSize   = 8
	lenSize   = 4
	frameSize = 256 << 10
	maxInfo   = 1 << 20
)

// Writer makes a file. Only Close makes it whole.
type Writer struct {
	w     io.Writer
	sum   *xxhash.Digest
	size  uint64 // written
	frame []byte // the next one: its length, then its bytes
	err   error
}

// NewWriter begins a file with what it says of itself.
func NewWriter(w io.Writer, info eventnode.BackupInfo) (*Writer, error) {
	text, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	if len(text) > maxInfo {
		return nil, fmt.Errorf("backup: its description has %d bytes", len(text))
	}
	out := &Writer{w: w, sum: xxhash.New(), frame: make([]byte, lenSize, lenSize+frameSize+sumSize)}
	head := binary.BigEndian.AppendUint32([]byte(headMagic), version)
	head = binary.BigEndian.AppendUint32(head, uint32(len(text)))
	return out, out.emit(append(head, text...))
}

// emit writes bytes and the sum behind them.
func (w *Writer) emit(b []byte) error {
	if w.err != nil {
		return w.err
	}
	_, _ = w.sum.Write(b) // never fails
	b = binary.BigEndian.AppendUint64(b, w.sum.Sum64())
	_, w.err = w.w.Write(b)
	w.size += uint64(len(b))
	return w.err
}

// Write takes the next bytes of the copy.
func (w *Writer) Write(p []byte) (written int, err error) {
	for written < len(p) {
		n := copy(w.frame[len(w.frame):lenSize+frameSize], p[written:])
		w.frame = w.frame[:len(w.frame)+n]
		written += n
		if len(w.frame) == lenSize+frameSize {
			if err := w.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, w.err
}

func (w *Writer) flush() error {
	n := len(w.frame) - lenSize
	if n == 0 {
		return w.err
	}
	binary.BigEndian.PutUint32(w.frame, uint32(n))
	err := w.emit(w.frame)
	w.frame = w.frame[:lenSize]
	return err
}

// Close ends the file. It does not close what it is written to.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	end := append(make([]byte, lenSize, endSize), endMagic...)
	if err := w.emit(binary.BigEndian.AppendUint64(end, w.size+endSize)); err != nil {
		return err
	}
	w.err = errClosed
	return nil
}

var errClosed = errors.New("backup: the file was ended")
