package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// unpacker turns a stream into the files of a directory, which must be there and be
// empty. It gathers one part at a time (a head, a frame), checks its sum, and only
// then believes it.
type unpacker struct {
	fs    vfs.FS
	dir   string
	begin func(head) error // called with the head, once

	sum    *xxhash.Digest
	buf    []byte // the part, as far as it is there
	need   int    // how long it is, as far as that is known
	step   func(part []byte) error
	offset uint64 // of the part
	head   head
	files  uint32 // not yet begun
	last   string // name of the last file
	file   vfs.File
	left   uint64 // of the file
	done   bool
	err    error
}

func newUnpacker(fs vfs.FS, dir string, begin func(head) error) *unpacker {
	u := &unpacker{fs: fs, dir: dir, begin: begin, sum: xxhash.New()}
	u.expect(headSize, u.onHead)
	return u
}

func (u *unpacker) expect(n int, step func([]byte) error) { u.need, u.step = n, step }

// Write takes the next bytes of the stream, cut anyhow. An error stays.
func (u *unpacker) Write(p []byte) (written int, err error) {
	for u.err == nil && written < len(p) {
		n := min(len(p)-written, u.need-len(u.buf))
		if u.done || n == 0 {
			u.err = u.bad("there are bytes after the end")
			break
		}
		u.buf = append(u.buf, p[written:written+n]...)
		written += n
		if len(u.buf) == u.need {
			u.err = u.step(u.buf)
		}
	}
	return written, u.err
}

// Finish returns nil if the stream was whole. The files are durable then, their
// names are not.
func (u *unpacker) Finish() error {
	if u.err == nil && !u.done {
		u.err = u.bad("it ends too early")
	}
	return errors.Join(u.err, u.Close())
}

// Close lets the open file go.
func (u *unpacker) Close() error {
	if u.file == nil {
		return nil
	}
	f := u.file
	u.file = nil
	return f.Close()
}

func (u *unpacker) bad(format string, args ...any) error {
	return &StreamError{Offset: u.offset, Reason: fmt.Sprintf(format, args...)}
}

// take checks the sum at the end of the part, and goes on behind it.
func (u *unpacker) take(part []byte) (content []byte, err error) {
	at := len(part) - sumSize
	content = part[:at]
	_, _ = u.sum.Write(content) // never fails
	if u.sum.Sum64() != binary.BigEndian.Uint64(part[at:]) {
		return nil, u.bad("the checksum does not match")
	}
	u.offset += uint64(len(part))
	u.buf = u.buf[:0]
	return content, nil
}

func (u *unpacker) onHead(part []byte) error {
	if string(part[:len(streamMagic)]) != streamMagic {
		return u.bad("it is something else")
	}
	content, err := u.take(part)
	if err != nil {
		return err
	}
	if u.head, err = parseHead(content); errors.Is(err, ErrFormat) {
		return err
	} else if err != nil {
		return u.bad("%v", err)
	}
	u.files = u.head.files
	u.nextFile()
	return u.begin(u.head)
}

func (u *unpacker) nextFile() {
	if u.files == 0 {
		u.expect(endSize, u.onEnd)
		return
	}
	u.files--
	u.expect(fileFixed, u.onFileFixed)
}

// onFileFixed has the length of the name, unchecked, and so knows how much to
// gather before it can be checked.
func (u *unpacker) onFileFixed(part []byte) error {
	n := int(binary.BigEndian.Uint16(part))
	if n == 0 || n > maxName {
		return u.bad("a file name has %d bytes", n)
	}
	u.expect(fileFixed+n+sumSize, u.onFile)
	return nil
}

func (u *unpacker) onFile(part []byte) error {
	content, err := u.take(part)
	if err != nil {
		return err
	}
	name, size := string(content[fileFixed:]), binary.BigEndian.Uint64(content[2:])
	if err := checkName(name); err != nil {
		return u.bad("%v", err)
	}
	if name <= u.last {
		return u.bad("file %q comes after %q", name, u.last)
	}
	if u.offset > u.head.length || size > u.head.length-u.offset {
		return u.bad("a file of %d bytes in a stream of %d", size, u.head.length)
	}
	u.last, u.left = name, size
	if u.file, err = u.fs.Create(u.fs.PathJoin(u.dir, name), category); err != nil {
		u.file = nil
		return err
	}
	return u.nextFrame()
}

func (u *unpacker) nextFrame() error {
	if u.left > 0 {
		u.expect(int(min(u.left, frameSize))+sumSize, u.onFrame)
		return nil
	}
	if err := errors.Join(u.file.Sync(), u.Close()); err != nil {
		return err
	}
	u.nextFile()
	return nil
}

func (u *unpacker) onFrame(part []byte) error {
	content, err := u.take(part)
	if err != nil {
		return err
	}
	u.left -= uint64(len(content))
	if _, err := u.file.Write(content); err != nil {
		return err
	}
	return u.nextFrame()
}

func (u *unpacker) onEnd(part []byte) error {
	content, err := u.take(part)
	if err != nil {
		return err
	}
	if string(content) != endMagic || u.offset != u.head.length {
		return u.bad("it should have ended after %d bytes", u.head.length)
	}
	u.done = true
	return nil
}
