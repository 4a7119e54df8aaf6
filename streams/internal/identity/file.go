package identity

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/atomicfile"
)

const (
	fileName = "identity"
	tempName = fileName + atomicfile.Suffix
	// maxFile bounds what is read of the file, in bytes; ours has about 100.
	maxFile = 4096
)

// content is what the file says. It is text, for an operator's eyes: a first line
// that stays the same for ever, the format, the UUID, lines that later formats may
// add, and the checksum of all before it.
type content struct {
	format uint32
	uuid   uuid.UUID
}

const layout = "eventnode replica\nformat %d\nuuid %s\n"

func (c content) encode() []byte {
	b := fmt.Appendf(nil, layout, c.format, c.uuid)
	return fmt.Appendf(b, "crc32c %08x\n", checksum(b))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// decode reads what encode wrote, and of later formats as much as this one knows.
func decode(b []byte) (content, error) {
	at := bytes.LastIndex(b, []byte("\ncrc32c ")) + 1
	var sum uint32
	if _, err := fmt.Sscanf(string(b[at:]), "crc32c %08x\n", &sum); err != nil || at == 0 {
		return content{}, fmt.Errorf("%w: no checksum", ErrDamaged)
	}
	if want := fmt.Sprintf("crc32c %08x\n", checksum(b[:at])); string(b[at:]) != want {
		return content{}, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	var c content
	var id string
	if _, err := fmt.Sscanf(string(b[:at]), layout, &c.format, &id); err != nil {
		return content{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	parsed, err := uuid.Parse(id)
	if err != nil || parsed == uuid.Nil || c.format == 0 {
		return content{}, fmt.Errorf("%w: format %d, UUID %.40q", ErrDamaged, c.format, id)
	}
	c.uuid = parsed
	return c, nil
}

// load reads the directory's file; found is false if there is none.
func load(path string) (c content, found bool, err error) {
	f, err := os.Open(filepath.Join(path, fileName))
	if errors.Is(err, os.ErrNotExist) {
		return content{}, false, nil
	}
	if err != nil {
		return content{}, false, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return content{}, false, err
	}
	if c, err = decode(b); err != nil {
		return content{}, false, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return c, true, nil
}

// store replaces the directory's file.
func store(path string, c content) error {
	return atomicfile.Write(filepath.Join(path, fileName), c.encode())
}
