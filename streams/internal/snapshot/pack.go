package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// packer reads a directory as a stream. It holds one file open and one frame in
// memory.
type packer struct {
	fs    vfs.FS
	dir   string
	files []packed
	head  head

	sum  *xxhash.Digest
	out  []byte // made, and not yet read
	buf  []byte // what out is part of
	next func() error
	file vfs.File
	left uint64 // of the file
}

type packed struct {
	name string
	size uint64
}

// newPacker looks at the directory, so that the length is known. Its files must
// not change any more.
func newPacker(fs vfs.FS, dir string, applied engine.Applied) (*packer, error) {
	p := &packer{fs: fs, dir: dir, sum: xxhash.New(), buf: make([]byte, 0, frameSize+sumSize)}
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	length := uint64(headSize + endSize)
	for _, name := range names {
		f, err := p.look(name)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
		length += fileSize(f.name, f.size)
	}
	if len(p.files) == 0 || len(p.files) > maxFiles {
		return nil, fmt.Errorf("snapshot: a checkpoint of %d files cannot be sent", len(p.files))
	}
	p.head = head{files: uint32(len(p.files)), length: length, applied: applied}
	p.next = p.packHead
	return p, nil
}

func (p *packer) look(name string) (packed, error) {
	if err := checkName(name); err != nil {
		return packed{}, fmt.Errorf("snapshot: checkpoint: %w", err)
	}
	info, err := p.fs.Stat(p.fs.PathJoin(p.dir, name))
	if err != nil {
		return packed{}, err
	}
	if !info.Mode().IsRegular() {
		return packed{}, fmt.Errorf("snapshot: checkpoint: %s is not a plain file", name)
	}
	return packed{name: name, size: uint64(info.Size())}, nil
}

// Read is io.Reader's. An error stays.
func (p *packer) Read(b []byte) (int, error) {
	for len(p.out) == 0 {
		if err := p.next(); err != nil {
			p.next = func() error { return err }
			return 0, err
		}
	}
	n := copy(b, p.out)
	p.out = p.out[n:]
	return n, nil
}

// Close lets the open file go.
func (p *packer) Close() error {
	p.out, p.next = nil, func() error { return ErrClosed }
	return p.closeFile()
}

func (p *packer) closeFile() error {
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	return f.Close()
}

// emit adds the sum to what is in b, and hands it out.
func (p *packer) emit(b []byte) {
	_, _ = p.sum.Write(b) // never fails
	p.out = binary.BigEndian.AppendUint64(b, p.sum.Sum64())
}

func (p *packer) packHead() error {
	p.emit(p.head.append(p.buf))
	p.next = p.packFile
	return nil
}

func (p *packer) packFile() (err error) {
	if err := p.closeFile(); err != nil {
		return err
	}
	if len(p.files) == 0 {
		p.emit(append(p.buf, endMagic...))
		p.next = func() error { return io.EOF }
		return nil
	}
	f := p.files[0]
	p.files = p.files[1:]
	if p.file, err = p.fs.Open(p.fs.PathJoin(p.dir, f.name)); err != nil {
		p.file = nil
		return err
	}
	p.left = f.size
	p.emit(appendFile(p.buf, f.name, f.size))
	p.next = p.packFrame
	return nil
}

func (p *packer) packFrame() error {
	n := min(p.left, frameSize)
	if n == 0 {
		return p.packFile()
	}
	frame := p.buf[:n]
	if _, err := io.ReadFull(p.file, frame); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errShort
		}
		return err
	}
	p.left -= n
	p.emit(frame)
	return nil
}
