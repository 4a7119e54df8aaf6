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

// Reader reads a file. It gathers one part at a time, checks its sum, and only then
// believes it.
type Reader struct {
	r    io.Reader
	info eventnode.BackupInfo
	sum  *xxhash.Digest
	at   uint64 // read and good
	buf  []byte
	out  []byte // checked, and not yet handed out
	err  error
}

// NewReader reads what the file says of itself.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{r: r, sum: xxhash.New(), buf: make([]byte, 0, lenSize+frameSize+sumSize)}
	return in, in.head()
}

// Info is what the file says of itself.
func (r *Reader) Info() eventnode.BackupInfo { return r.info }

// Size is how many bytes of the file were read and are good; behind io.EOF its size.
func (r *Reader) Size() uint64 { return r.at }

// Read is io.Reader's: the next bytes of the copy.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err == nil {
			r.out, r.err = r.frame()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

func (r *Reader) bad(format string, args ...any) error {
	return &DamagedError{Offset: r.at, Reason: fmt.Sprintf(format, args...)}
}

// gather reads n more bytes of the part.
func (r *Reader) gather(part []byte, n int) ([]byte, error) {
	have := len(part)
	if cap(part) < have+n {
		part = append(make([]byte, 0, have+n), part...)
	}
	part = part[:have+n]
	_, err := io.ReadFull(r.r, part[have:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = r.bad("it ends too early")
	}
	return part, err
}

// check compares the sum at the end of a part.
func (r *Reader) check(part []byte) ([]byte, error) {
	content := part[:len(part)-sumSize]
	_, _ = r.sum.Write(content) // never fails
	if r.sum.Sum64() != binary.BigEndian.Uint64(part[len(content):]) {
		return nil, r.bad("the checksum does not match")
	}
	r.at += uint64(len(part))
	return content, nil
}

func (r *Reader) head() error {
	part, err := r.gather(r.buf, headFixed)
	if err != nil {
		return err
	}
	if string(part[:len(headMagic)]) != headMagic {
		return r.bad("it is something else")
	}
	if v := binary.BigEndian.Uint32(part[8:]); v > version {
		return fmt.Errorf("%w: it has version %d, this program knows up to %d: use a newer one", ErrFormat, v, version)
	}
	n := binary.BigEndian.Uint32(part[12:])
	if n > maxInfo {
		return r.bad("its description has %d bytes", n)
	}
	if part, err = r.gather(part, int(n)+sumSize); err != nil {
		return err
	}
	content, err := r.check(part)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content[headFixed:], &r.info); err != nil {
		return r.bad("its description makes no sense: %v", err)
	}
	return nil
}

// frame is the next one's bytes, or io.EOF.
func (r *Reader) frame() ([]byte, error) {
	part, err := r.gather(r.buf, lenSize)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(part)
	switch {
	case n == 0:
		return nil, r.end(part)
	case n > frameSize:
		return nil, r.bad("a part has %d bytes", n)
	}
	if part, err = r.gather(part, int(n)+sumSize); err != nil {
		return nil, err
	}
	content, err := r.check(part)
	if err != nil {
		return nil, err
	}
	return content[lenSize:], nil
}

// end is io.EOF if the file ends as it should.
func (r *Reader) end(part []byte) error {
	part, err := r.gather(part, endSize-lenSize)
	if err != nil {
		return err
	}
	content, err := r.check(part)
	if err != nil {
		return err
	}
	if string(content[lenSize:lenSize+len(endMagic)]) != endMagic || binary.BigEndian.Uint64(content[lenSize+len(endMagic):]) != r.at {
		return r.bad("its end is not that of this file")
	}
	if n, err := io.ReadFull(r.r, part[:1]); n > 0 {
		return r.bad("there are bytes after the end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}
