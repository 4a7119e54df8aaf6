package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// The stream, as doc.go has it. Sizes are in bytes.
const (
	streamMagic   = "evn-snap"
	streamVersion = 1
	endMagic      = "evn-end."

	sumSize   = 8
	headSize  = 8 + 4 + 4 + 8 + 8 + 8 + sumSize
	fileFixed = 2 + 8
	endSize   = 8 + sumSize
	frameSize = 256 << 10
	maxName   = 255
	maxFiles  = 1 << 20
)

// head is what a stream begins with.
type head struct {
	files   uint32
	length  uint64
	applied engine.Applied
}

func (h head) append(b []byte) []byte {
	b = append(b, streamMagic...)
	b = binary.BigEndian.AppendUint32(b, streamVersion)
	b = binary.BigEndian.AppendUint32(b, h.files)
	b = binary.BigEndian.AppendUint64(b, h.length)
	b = binary.BigEndian.AppendUint64(b, h.applied.Index)
	return binary.BigEndian.AppendUint64(b, h.applied.Term)
}

// parseHead reads what append wrote: headSize bytes, whose sum was checked.
func parseHead(b []byte) (head, error) {
	if v := binary.BigEndian.Uint32(b[8:]); v != streamVersion {
		return head{}, fmt.Errorf("%w: the stream has version %d, this program knows %d", ErrFormat, v, streamVersion)
	}
	h := head{files: binary.BigEndian.Uint32(b[12:]), length: binary.BigEndian.Uint64(b[16:])}
	h.applied = engine.Applied{Index: binary.BigEndian.Uint64(b[24:]), Term: binary.BigEndian.Uint64(b[32:])}
	if h.files == 0 || h.files > maxFiles {
		return head{}, fmt.Errorf("%d files", h.files)
	}
	return h, nil
}

// fileSize is what a file takes in a stream.
func fileSize(name string, size uint64) uint64 {
	frames := (size + frameSize - 1) / frameSize
	return fileFixed + uint64(len(name)) + sumSize + size + frames*sumSize
}

func appendFile(b []byte, name string, size uint64) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = binary.BigEndian.AppendUint64(b, size)
	return append(b, name...)
}

// checkName refuses what could be anything but a plain file in its directory.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a file name has %d bytes", len(name))
	}
	for i := range len(name) {
		if !plain(name[i], i == 0) {
			return fmt.Errorf("the file name %.60q is not plain", name)
		}
	}
	return nil
}

func plain(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return !first && (c == '.' || c == '-' || c == '_')
	}
}

var errShort = errors.New("a file of the checkpoint is shorter than it was")
